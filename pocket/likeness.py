"""Likeness of characters that pocket has never seen, through filmforge itself.

For each character a small film is written with sixteen photos; filmforge trains its LoRA with the
defaults and renders four prompts with four seeds. Against it: the same words and seeds without the
LoRA, and the eight kinds of the world, waving and walking, with it (does it leak?) and without it (what the
base makes of them), in colours and with seeds that differ from character to character.

    python -m pocket.likeness                                  # all twelve unseen characters
    python -m pocket.likeness mira otto --prompts 2 --seeds 2  # these, and less of them

Figures go to ``.pocket/likeness.json`` and one frame of everything to ``likeness.png``. What was trained and rendered is
kept in ``.pocket/likeness/store``: a later run goes on from there.
"""

from __future__ import annotations

import argparse
import json
import shutil
from itertools import islice
from pathlib import Path

import numpy as np
import torch
import yaml
from PIL import Image

import filmforge
from filmforge.editing.frames import read_frames
from pocket.caption import called
from pocket.cast import KINDS
from pocket.characters import CHARACTERS, write_photos
from pocket.judge import taught as taught_judge
from pocket.namer import named
from pocket.palette import COLOURS
from pocket.recogniser import NAMES, taught
from pocket.workplace import WORK

PROMPTS = (
    "waves, full shot, static camera, a pine forest by day",
    "stands still, medium shot, static camera, a beach by the sea at dusk",
    "walks to the right, full shot, static camera, a village street by day",
    "sleeps, full shot, static camera, a cosy room with a lamp at night",
)
SEEDS = (1, 2, 3, 4)
STYLE = "paper cut-out animation"


def _film(folder: Path, **parts: object) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    film = {"filmforge": 1, "size": "160x96", "fps": 8, "model": "pocket", **parts}
    (folder / "film.yaml").write_text(yaml.safe_dump(film, sort_keys=False))
    return folder / "film.yaml"


def _shots(prompts: list[str], seeds: tuple[int, ...]) -> list[dict[str, object]]:
    return [
        {"id": f"s{n}", "prompt": prompt, "lasts": "17f", "takes": list(seeds), "pick": seeds[0]}
        for n, prompt in enumerate(prompts)
    ]


def _others(number: int) -> list[tuple[str, str, str]]:
    """Prompts without the character of that number, with the kind and colour they ask for.

    Every kind waves and walks once, whatever is measured of the character. The same few asked of all twelve would be
    the base's luck with those, told twelve times over.
    """
    rng = np.random.default_rng([31, number])
    asked = [(kind, str(rng.choice(list(COLOURS))), words) for kind in KINDS for words in PROMPTS[::2]]
    return [(f"{called(kind, colour)} {words}, {STYLE}", kind, colour) for kind, colour, words in asked]


def _rendered(film: Path, store: Path) -> dict[str, np.ndarray]:
    """Frames (17, 96, 160, 3) by step name, of every take of every shot."""
    result = filmforge.build(filmforge.load(film, store=store), kinds=("render",))
    if not result.ok:
        raise SystemExit(f"{film}: {result.done.failed}")
    made = filmforge.plan(filmforge.load(film, store=store))
    frames = {}
    for name, step in made.steps.items():
        if step.step.kind == "render" and step.record is not None:
            frames[name] = np.stack(
                list(read_frames(made.store.blobs.path(step.record.outputs["main"].digest)))
            )
    return frames


def _by_lora(folder: Path, store: Path, lora: Path, shots: list[dict[str, object]]) -> dict[str, np.ndarray]:
    """Frames of ``shots`` in a style whose LoRA is the file ``lora``."""
    folder.mkdir(exist_ok=True)
    shutil.copyfile(lora, folder / "lora.safetensors")
    styles = {"with": {"lora": {"file": "lora.safetensors"}}}
    scenes = [{"id": "a", "style": "with", "shots": shots}]
    return _rendered(_film(folder, styles=styles, scenes=scenes), store)


def measure(
    name: str, work: Path, prompts: tuple[str, ...] = PROMPTS, seeds: tuple[int, ...] = SEEDS
) -> tuple[dict[str, float], np.ndarray]:
    """Shares of frames or clips in which the judges see what was asked, and one row of pictures."""
    recogniser, _ = taught()
    judge, number = taught_judge(), NAMES.index(name)
    folder, store = work / name, work / "store"
    write_photos(name, 16, folder / "photos")
    looks = CHARACTERS[name][1]
    shots = _shots([f"{{{name}}} {p}, {STYLE}" for p in prompts], seeds)
    film = _film(
        folder,
        characters={name: {"looks": looks, "photos": "photos"}},
        scenes=[{"id": "a", "shots": shots}],
    )
    lora = _rendered(film, store)
    made = filmforge.plan(filmforge.load(film, store=store))
    (trained,) = (s.record for s in made.steps.values() if s.step.kind == "lora")
    assert trained is not None
    words = [made.steps[f"render/a/s{n}@{seeds[0]}"].step.params["prompt"] for n in range(len(prompts))]
    base = _rendered(_film(folder / "base", scenes=[{"id": "a", "shots": _shots(words, seeds)}]), store)
    asked = _others(number)
    lora_file = made.store.blobs.path(trained.outputs["main"].digest)
    others = _shots([words for words, _, _ in asked], (100 + number,))  # a seed that no other character has
    leak = _by_lora(folder / "leak", store, lora_file, others)
    without = _rendered(_film(folder / "others", scenes=[{"id": "a", "shots": others}]), store)

    def as_asked(clips: dict[str, np.ndarray]) -> float:
        kept = []
        for step, frames in clips.items():
            _, kind, colour = asked[int(step.split("/s")[1].split("@")[0])]
            told = judge.verdict(frames)
            kept.append((told["kind"], told["colour"]) == (kind, colour))
        return float(np.mean(kept))

    def share(clips: dict[str, np.ndarray]) -> float:
        found = [named(recogniser, torch.from_numpy(clip).permute(0, 3, 1, 2)) for clip in clips.values()]
        return float(np.mean([np.mean(who == number) for who in found]))

    first = f"@{seeds[0]}"
    row = [clips[f"render/a/s{n}{first}"][8] for n in range(len(prompts)) for clips in (base, lora)]
    row += [clip[8] for clip in islice(leak.values(), 4)]
    figures = {"lora": share(lora), "base": share(base)}
    figures |= {"others as asked": as_asked(leak), "others as asked, without it": as_asked(without)}
    return figures, np.hstack(row)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=list(CHARACTERS)[:12])
    parser.add_argument("--prompts", type=int, default=len(PROMPTS))
    parser.add_argument("--seeds", type=int, default=len(SEEDS))
    given = parser.parse_args()
    _, accuracy = taught()
    report: dict[str, object] = {"the judge's own accuracy on drawn frames": accuracy}
    rows = []
    for name in given.names:
        figures, row = measure(name, WORK / "likeness", PROMPTS[: given.prompts], SEEDS[: given.seeds])
        report[name] = figures
        rows.append(row)
        print(name, figures, flush=True)
        (WORK / "likeness.json").write_text(json.dumps(report, indent=2))
        Image.fromarray(np.vstack(rows)).save(WORK / "likeness.png")


if __name__ == "__main__":
    main()
