"""The film's sound, from nothing but arithmetic: instruments, a tune, weather, and two voices."""
