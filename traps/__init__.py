"""Known mistakes, each put back into a copy of filmforge on demand, to see that a test notices it."""
