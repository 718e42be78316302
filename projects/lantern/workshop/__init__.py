"""What the film's stills are made of: sheets of paper, and a hand to write with."""
