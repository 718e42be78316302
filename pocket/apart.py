"""Two characters in one shot, kept apart and added up, through filmforge itself.

A film of the two leads is written: shots that name both, at the same seeds once as they are and once with `apart: none`,
and each lead alone in the same words as the most that their LoRAs can give. `pocket.halves` says in each frame who
stands left and who right.

    python -m pocket.apart                # trains both LoRAs first: some minutes on two cores
    python -m pocket.apart LORAS          # with LORAS/mira.safetensors and LORAS/otto.safetensors
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from shutil import copyfile

import numpy as np
import yaml
from PIL import Image

import filmforge
from filmforge.editing.frames import read_frames
from pocket.characters import CHARACTERS, LEADS, write_photos
from pocket.halves import standing, taught
from pocket.namer import Namer
from pocket.workplace import WORK
from pocket.world import WIDTH

SHOTS = (
    ("wave", ("waves", "waves"), "full shot, static camera, the harbour by day"),
    ("sleep", ("waves", "sleeps"), "medium shot, static camera, a pine forest by day"),
)
SEEDS = tuple(range(1, 9))
STYLE = "paper cut-out animation"
SUM, APART = "added up", "kept apart"


def _film(folder: Path, loras: Path | None) -> Path:
    characters: dict[str, dict[str, object]] = {}
    for name in LEADS:
        characters[name] = {"looks": CHARACTERS[name][1]}
        if loras is None:
            write_photos(name, 16, folder / name)
            characters[name]["photos"] = name
        else:
            copyfile(loras / f"{name}.safetensors", folder / f"{name}.safetensors")
            characters[name]["lora"] = f"{name}.safetensors"
    together, alone = [], []
    for word, does, where in SHOTS:
        told = {name: f"{{{name}}} {doing}" for name, doing in zip(LEADS, does, strict=True)}
        both = " and ".join(told.values())
        together += [
            _shot(f"{word}-apart", both, where, SEEDS),
            {**_shot(f"{word}-sum", both, where, SEEDS), "apart": "none"},
        ]
        alone += [_shot(f"{word}-{name}", said, where, SEEDS[:4]) for name, said in told.items()]
    film = {"filmforge": 1, "size": "160x96", "fps": 8, "model": "pocket", "characters": characters}
    film["scenes"] = [{"id": "a", "shots": together + alone}]
    (folder / "film.yaml").write_text(yaml.safe_dump(film, sort_keys=False))
    return folder / "film.yaml"


def _shot(name: str, told: str, where: str, seeds: tuple[int, ...]) -> dict[str, object]:
    return {"id": name, "prompt": f"{told}, {where}, {STYLE}", "lasts": "5f", "takes": [*seeds]}


def _clips(film: Path, store: Path) -> dict[tuple[str, str, int], np.ndarray]:
    """Frames (5, 96, 160, 3) by shot, by how it was made, and by seed."""
    result = filmforge.build(filmforge.load(film, store=store), kinds=("render",))
    if not result.ok:
        raise SystemExit(f"{film}: {result.done.failed}")
    made = filmforge.plan(filmforge.load(film, store=store))
    clips = {}
    for step in made.steps.values():
        if step.step.kind == "render" and step.record is not None:
            word, _, how = step.step.subject.removeprefix("a/").partition("-")
            frames = read_frames(made.store.blobs.path(step.record.outputs["main"].digest))
            clips[word, how, step.step.params["seed"]] = np.stack(list(frames))
    return clips


def _alone(clip: np.ndarray) -> np.ndarray:
    """The middle of a clip in the place of both halves: one character stands there."""
    middle = clip[:, :, WIDTH // 4 : WIDTH - WIDTH // 4]
    return np.concatenate([middle, middle], axis=2)


def figures(judge: Namer, clips: dict[tuple[str, str, int], np.ndarray]) -> dict[str, dict[str, float]]:
    """Shares of frames in which the judge finds each lead, and both, by how the clips were made."""
    found: dict[str, dict[str, float]] = {}
    for how, said in (("sum", SUM), ("apart", APART)):
        who = np.concatenate([standing(judge, clip) for (_, way, _), clip in clips.items() if way == how])
        seen = {name: (who == number).any(1) for number, name in enumerate(LEADS)}
        found[said] = {name: float(frames.mean()) for name, frames in seen.items()}
        found[said]["both"] = float(np.logical_and(*seen.values()).mean())
    alone = {
        name: np.concatenate(
            [standing(judge, _alone(clip))[:, 0] == i for (_, way, _), clip in clips.items() if way == name]
        )
        for i, name in enumerate(LEADS)
    }
    found["each alone"] = {name: float(frames.mean()) for name, frames in alone.items()}
    return found


def main() -> None:
    loras = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    folder = WORK / "apart"
    folder.mkdir(parents=True, exist_ok=True)
    judge, accuracy = taught()
    clips = _clips(_film(folder, loras), folder / "store")
    report = {"the judge's own accuracy on drawn halves": accuracy, **figures(judge, clips)}
    print(json.dumps(report, indent=2))
    (WORK / "apart.json").write_text(json.dumps(report, indent=2))
    rows = [
        np.hstack([clips[word, how, seed][-1] for seed in SEEDS])
        for word, _, _ in SHOTS
        for how in ("sum", "apart")
    ]
    Image.fromarray(np.vstack(rows)).save(WORK / "apart.png")


if __name__ == "__main__":
    main()
