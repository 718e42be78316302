"""Writes a contact sheet of a delivered film: one frame from the middle of each shot.

python scripts/contact_sheet.py projects/lantern/film.yaml docs/images/lantern.jpg --shots 12
"""

from __future__ import annotations

import argparse
from pathlib import Path

import av
from PIL import Image

import filmforge

WIDTH, GAP, COLUMNS = 426, 4, 3


def frames_at(film: Path, wanted: set[int]) -> dict[int, Image.Image]:
    """The frames of the delivered file with these numbers."""
    found = {}
    with av.open(str(film)) as container:
        for number, frame in enumerate(container.decode(video=0)):
            if number in wanted:
                found[number] = frame.to_image()
            if len(found) == len(wanted):
                break
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("film", type=Path)
    parser.add_argument("sheet", type=Path)
    parser.add_argument("--shots", type=int, default=12, help="at most so many, the first ones of the film")
    given = parser.parse_args()
    planned = filmforge.plan(filmforge.load(given.film))
    delivered = next(iter(planned.outline.deliveries.values())).file
    middles = [placed.at + placed.count // 2 for placed in planned.outline.timeline.shots][: given.shots]
    frames = frames_at(given.film.parent / delivered, set(middles))
    tiles = [frames[n].resize((WIDTH, WIDTH * frames[n].height // frames[n].width)) for n in middles]
    height, rows = tiles[0].height, -(-len(tiles) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * (WIDTH + GAP) - GAP, rows * (height + GAP) - GAP), (24, 24, 28))
    for place, tile in enumerate(tiles):
        sheet.paste(tile, (place % COLUMNS * (WIDTH + GAP), place // COLUMNS * (height + GAP)))
    sheet.save(given.sheet, quality=88)


if __name__ == "__main__":
    main()
