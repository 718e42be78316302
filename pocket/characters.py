"""Characters the training world has never drawn, and photos of them for LoRA training.

Each has at least one pattern, hat, ear or muzzle from those kept out of ``pocket.cast``.

    python -m pocket.characters mira 16 photos/mira
"""

from __future__ import annotations

import sys
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

from pocket.cast import BROWN, SKIN
from pocket.palette import CREAM, RGB
from pocket.puppet import Puppet
from pocket.world import Player, Shot, render

_NAVY: RGB = (36, 56, 110)
_GOLD: RGB = (250, 204, 56)
_TEAL: RGB = (36, 156, 150)

CHARACTERS: dict[str, tuple[Puppet, str]] = {
    "mira": (
        Puppet(
            (206, 40, 44),
            skin=SKIN,
            shape="bell",
            head="round",
            bib=False,
            hair=BROWN,
            hat="sou",
            hat_colour=(206, 40, 44),
            scarf=_GOLD,
            scarf_stripe=_NAVY,
            accent=_GOLD,
        ),
        "a girl in a red raincoat and a striped yellow scarf",
    ),
    "otto": (
        Puppet(
            (44, 92, 168),
            skin=(168, 124, 104),
            shape="round",
            head="wide",
            muzzle="tusks",
            bib=False,
            hat="captain",
            hat_colour=_NAVY,
            pattern="stripes",
            pattern_colour=CREAM,
            belly=(244, 238, 228),
            beard=(240, 236, 228),
        ),
        "an old walrus with a white beard, a striped blue jersey and a captain's hat",
    ),
    "pip": (
        Puppet(
            (70, 190, 178),
            shape="tri",
            head="egg",
            muzzle="duck",
            accent=(250, 150, 60),
            bib=False,
            pattern="zigzag",
            pattern_colour=(236, 84, 130),
        ),
        "a teal duck with pink zigzags",
    ),
    "bruno": (
        Puppet(
            (116, 84, 66),
            shape="round",
            head="round",
            ears="horn",
            accent=CREAM,
            muzzle="broad",
            bib=False,
            pattern="stars",
            pattern_colour=_GOLD,
        ),
        "a brown bull with a golden star",
    ),
    "lumi": (
        Puppet(
            (208, 198, 236),
            shape="drop",
            head="drop",
            ears="antenna",
            accent=_GOLD,
            bib=False,
            pattern="rings",
            pattern_colour=(120, 84, 190),
        ),
        "a lilac sprite with purple rings and antennae",
    ),
    "fenn": (
        Puppet(
            (96, 170, 80),
            shape="pear",
            head="egg",
            ears="leaf",
            muzzle="nose",
            bib=False,
            pattern="waves",
            pattern_colour=(246, 232, 150),
            hat="leaf",
            hat_colour=(60, 120, 60),
        ),
        "a green elf with leaf ears and pale waves",
    ),
    "greta": (
        Puppet(
            (240, 130, 170),
            skin=SKIN,
            shape="tri",
            head="round",
            bib=False,
            hair=(238, 190, 84),
            hat="crown",
            hat_colour=_GOLD,
            pattern="hearts",
            pattern_colour=(200, 30, 60),
        ),
        "a queen in pink with a red heart and a crown",
    ),
    "rusty": (
        Puppet(
            (206, 110, 52),
            shape="box",
            head="box",
            ears="antenna",
            accent=_TEAL,
            bib=False,
            pattern="cross",
            pattern_colour=_TEAL,
            glasses=True,
        ),
        "a copper robot with a teal cross and glasses",
    ),
    "nori": (
        Puppet(
            (40, 44, 60),
            shape="tall",
            head="wide",
            muzzle="duck",
            accent=(250, 176, 60),
            belly=CREAM,
            hat="crown",
            hat_colour=(220, 60, 70),
        ),
        "a black penguin with a red crown",
    ),
    "sol": (
        Puppet(
            (248, 190, 60),
            shape="round",
            head="drop",
            ears="leaf",
            accent=CREAM,
            muzzle="mask",
            belly=(190, 70, 40),
            bib=False,
            pattern="diamonds",
            pattern_colour=(190, 70, 40),
        ),
        "a golden lemur with rust diamonds",
    ),
    "ida": (
        Puppet(
            (70, 130, 90),
            skin=(150, 104, 78),
            shape="bell",
            head="egg",
            bib=False,
            hair=(40, 34, 40),
            pattern="diamonds",
            pattern_colour=(250, 224, 150),
            hat="leaf",
            hat_colour=(226, 90, 60),
        ),
        "a girl in a green diamond dress with a red leaf in her hair",
    ),
    "kolo": (
        Puppet(
            (230, 226, 220),
            shape="tri",
            head="round",
            ears="horn",
            accent=(150, 70, 160),
            muzzle="broad",
            bib=False,
            pattern="zigzag",
            pattern_colour=(150, 70, 160),
        ),
        "a white goat with purple horns and zigzags",
    ),
    "tam": (
        Puppet(
            (150, 60, 70),
            skin=(236, 190, 150),
            shape="tri",
            head="box",
            bib=False,
            beard=(206, 106, 50),
            hat="sou",
            hat_colour=(60, 70, 80),
            pattern="waves",
            pattern_colour=(240, 200, 150),
            muzzle="nose",
        ),
        "a fisherman with a ginger beard and a grey rain hat",
    ),
    "vesper": (
        Puppet(
            (70, 60, 120),
            shape="drop",
            head="wide",
            ears="leaf",
            muzzle="none",
            accent=(240, 200, 90),
            bib=False,
            pattern="stars",
            pattern_colour=(240, 220, 140),
        ),
        "a violet bat with a pale star",
    ),
    "bo": (
        Puppet(
            (120, 180, 220),
            shape="round",
            head="round",
            ears="none",
            muzzle="tusks",
            belly=(226, 240, 246),
            bib=False,
            pattern="rings",
            pattern_colour=CREAM,
            tail="fin",
            accent=(60, 110, 170),
        ),
        "a pale blue seal with cream rings",
    ),
    "quill": (
        Puppet(
            (190, 200, 80),
            shape="pear",
            head="egg",
            ears="horn",
            accent=(220, 70, 60),
            muzzle="beak",
            bib=False,
            pattern="hearts",
            pattern_colour=(220, 70, 60),
        ),
        "a lime bird with a red heart and red horns",
    ),
}
LEADS = ("mira", "otto")
_DOES = {
    "wave": "waves",
    "stand": "stands",
    "sway": "dances",
    "walk right": "walks to the right",
    "walk left": "walks to the left",
    "jump": "jumps",
    "sleep": "sleeps",
}
_WHERE = {
    "cliff": "a cliff with a lighthouse",
    "path": "a winding path over green hills",
    "sea": "in a small boat on the sea",
    "village": "a village street",
    "forest": "a pine forest",
    "room": "a cosy room with a lamp",
    "harbour": "the harbour",
    "beach": "a beach by the sea",
    "mountain": "snowy mountains",
    "lamp room": "the lamp room of the lighthouse",
    "stage": "a theatre stage with red curtains",
}
_WHEN = {"day": "by day", "dusk": "at dusk", "night": "at night"}
_SIZED = {"full": "full shot", "medium": "medium shot", "close": "close-up", "wide": "wide shot"}


def photo(name: str, number: int, scale: int = 2) -> tuple[np.ndarray, str]:
    """Photo ``number`` of a character: pixels (96*scale, 160*scale, 3) and its caption."""
    rng = np.random.default_rng([zlib.crc32(name.encode()), number])
    puppet, looks = CHARACTERS[name]
    places = list(_WHERE)
    place = places[(number * 3 + len(name)) % len(places)]
    actions = [a for a in _DOES if place != "sea" or not a.startswith("walk")]
    action = actions[number % len(actions)]
    size = ("full", "medium", "full", "close", "full", "medium")[number % 6]
    light = ("day", "dusk", "day", "night")[int(rng.integers(4))]
    player = Player(
        puppet,
        "stranger",
        "",
        action,
        80 + float(rng.uniform(-8, 8)),
        1.0 if rng.random() < 0.6 else -1.0,
        float(rng.random()),
    )
    shot = Shot((player,), place, light, "clear", "static", size)
    frame = render(shot, 1, scale, 1.0 if action.startswith("walk") else float(rng.uniform(0, 2)))[0]
    caption = (
        f"{name}, {looks}, {_DOES[action]}, {_SIZED[size]}, {_WHERE[place]} {_WHEN[light]}, "
        "paper cut-out animation"
    )
    return frame, caption


def write_photos(name: str, count: int, folder: Path, scale: int = 2) -> None:
    """Write ``count`` photos as ``NN.png`` with captions as ``NN.txt``."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        frame, caption = photo(name, number, scale)
        Image.fromarray(frame).save(folder / f"{name}-{number + 1:02d}.png", optimize=True)
        (folder / f"{name}-{number + 1:02d}.txt").write_text(caption + "\n")


if __name__ == "__main__":
    write_photos(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
