"""`python -m filmforge` is `filmforge`."""

from filmforge.cli.main import main

main()
