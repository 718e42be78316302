"""The puppets of the training world: eight kinds in any colour, and one-off strangers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pocket.palette import COLOURS, CREAM, INK, RGB, any_colour, vary
from pocket.pattern import TRAINING_PATTERNS
from pocket.puppet import Puppet

SKIN: RGB = (244, 200, 164)
BROWN: RGB = (120, 74, 46)

KINDS = ("fox", "owl", "bear", "rabbit", "cat", "frog", "girl", "sailor")
ANIMALS = KINDS[:6]


def kind_puppet(kind: str, colour: RGB) -> Puppet:
    """A kind of the vocabulary in ``colour`` (the fur of an animal, the coat of a person)."""
    gold = (244, 180, 50)
    table = {
        "fox": Puppet(
            colour, shape="pear", head="drop", ears="point", muzzle="snout", tail="brush", accent=(60, 40, 44)
        ),
        "owl": Puppet(colour, shape="round", head="wide", ears="tuft", muzzle="beak", accent=gold),
        "bear": Puppet(colour, shape="box", head="round", ears="round", muzzle="broad"),
        "rabbit": Puppet(
            colour, shape="pear", head="egg", ears="long", muzzle="nose", tail="puff", accent=(250, 190, 190)
        ),
        "cat": Puppet(
            colour,
            shape="tall",
            head="wide",
            ears="point",
            muzzle="nose",
            tail="thin",
            accent=(250, 180, 180),
        ),
        "frog": Puppet(colour, shape="round", head="wide", ears="eyeballs", muzzle="none"),
        "girl": Puppet(
            colour,
            skin=SKIN,
            shape="bell",
            head="round",
            muzzle="none",
            bib=False,
            hair=BROWN,
            hat="bow",
            hat_colour=colour,
            accent=CREAM,
        ),
        "sailor": Puppet(
            colour,
            skin=SKIN,
            shape="box",
            head="round",
            muzzle="nose",
            bib=False,
            hat="captain",
            hat_colour=(40, 52, 92),
            beard=(236, 232, 224),
        ),
    }
    return table[kind]


def _pick(rng: np.random.Generator, *values: str) -> str:
    return str(values[int(rng.integers(len(values)))])


def stranger(rng: np.random.Generator) -> Puppet:
    """A one-off: parts, colours and pattern at random, so that a LoRA has neighbours to reach.

    Shapes and patterns kept for the unseen characters (``UNSEEN_PATTERNS`` and some hats, ears
    and muzzles) never occur here.
    """

    def colour() -> RGB:
        if rng.random() < 0.4:
            return vary(rng, list(COLOURS.values())[int(rng.integers(len(COLOURS)))], 16)
        return any_colour(rng)

    body = colour()
    person = rng.random() < 0.3
    p = Puppet(
        body,
        belly=CREAM if rng.random() < 0.5 else colour(),
        accent=colour(),
        skin=(SKIN if rng.random() < 0.6 else colour()) if person or rng.random() < 0.2 else None,
        shape=_pick(rng, "pear", "box", "round", "bell", "tall", "drop"),
        head=_pick(rng, "round", "wide", "egg", "drop", "box"),
        ears="none" if person else _pick(rng, "point", "round", "long", "tuft", "eyeballs", "floppy", "none"),
        muzzle=_pick(rng, "none", "nose")
        if person
        else _pick(rng, "snout", "beak", "broad", "nose", "mask", "none"),
        tail="none" if person else _pick(rng, "none", "brush", "thin", "puff"),
        hat=_pick(rng, "none", "none", "cap", "cone", "beanie", "top", "hood", "captain", "bow"),
        hat_colour=colour(),
        hair=colour() if person and rng.random() < 0.6 else None,
        beard=(CREAM if rng.random() < 0.5 else colour()) if rng.random() < 0.12 else None,
        scarf=colour() if rng.random() < 0.35 else None,
        scarf_stripe=colour() if rng.random() < 0.5 else None,
        pattern="plain" if rng.random() < 0.3 else _pick(rng, *TRAINING_PATTERNS),
        pattern_colour=colour(),
        head_pattern=_pick(rng, "plain", "plain", "plain", "patches", "halves", "stripes", "spots"),
        glasses=rng.random() < 0.12,
        bib=rng.random() < 0.5,
    )
    return p if p.hat != "hood" else replace(p, ears="none")


def sleeping_ink() -> RGB:
    """The ink of closed eyes; kept here so that judges can look for it."""
    return INK
