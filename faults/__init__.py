"""What can go wrong, done on purpose and counted: `python -m faults`, or `make faults`. Not part of the package."""
