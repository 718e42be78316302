"""The paper theatre that pocket learns from, and the recipe that teaches it.

Nothing here is imported by the installed package; it draws the training world, trains the
weights that ship in ``filmforge/weights/pocket`` and measures what they reach.
"""
