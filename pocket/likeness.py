"""Likeness of characters that pocket has never seen, through filmforge itself.

For each character a small film is written with sixteen photos; filmforge trains its LoRA with the
defaults and renders four prompts with four seeds. Against it: the same words and seeds without the
LoRA, and other subjects with it (does it leak?).

    python -m pocket.likeness                # all twelve unseen characters: most of an hour on two cores
    python -m pocket.likeness mira otto      # these; figures in .pocket/likeness.json, frames in likeness.png
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import yaml
from PIL import Image

import filmforge
from filmforge.editing.frames import read_frames
from pocket.characters import CHARACTERS, write_photos
from pocket.judge import taught as taught_judge
from pocket.recogniser import NAMES, named, taught
from pocket.workplace import WORK

PROMPTS = (
    "waves, full shot, static camera, a pine forest by day",
    "stands still, medium shot, static camera, a beach by the sea at dusk",
    "walks to the right, full shot, static camera, a village street by day",
    "sleeps, full shot, static camera, a cosy room with a lamp at night",
)
SEEDS = (1, 2, 3, 4)
OTHERS = (("a blue owl", "owl", "blue"), ("an orange fox", "fox", "orange"))
STYLE = "paper cut-out animation"


def _film(folder: Path, **parts: object) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    film = {"filmforge": 1, "size": "160x96", "fps": 8, "model": "pocket", **parts}
    (folder / "film.yaml").write_text(yaml.safe_dump(film, sort_keys=False))
    return folder / "film.yaml"


def _shots(prompts: list[str]) -> list[dict[str, object]]:
    return [
        {"id": f"s{n}", "prompt": prompt, "lasts": "17f", "takes": list(SEEDS), "pick": SEEDS[0]}
        for n, prompt in enumerate(prompts)
    ]


def _rendered(film: Path, store: Path) -> tuple[dict[str, np.ndarray], filmforge.BuildResult]:
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
    return frames, result


def measure(name: str, work: Path) -> tuple[dict[str, float], np.ndarray]:
    """Shares of frames or clips in which the judges see what was asked, and one row of pictures."""
    judge, _ = taught()
    number = NAMES.index(name)
    folder, store = work / name, work / "store"
    write_photos(name, 16, folder / "photos")
    scenes = [{"id": "a", "shots": _shots([f"{{{name}}} {p}, {STYLE}" for p in PROMPTS])}]
    looks = CHARACTERS[name][1]
    film = _film(folder, characters={name: {"looks": looks, "photos": "photos"}}, scenes=scenes)
    lora, _ = _rendered(film, store)
    made = filmforge.plan(filmforge.load(film, store=store))
    words = [made.steps[f"render/a/s{n}@{SEEDS[0]}"].step.params["prompt"] for n in range(len(PROMPTS))]
    base, _ = _rendered(_film(folder / "base", scenes=[{"id": "a", "shots": _shots(words)}]), store)
    trained = next(s for s in made.steps.values() if s.step.kind == "lora")
    assert trained.record is not None
    leak_folder = folder / "leak"
    leak_folder.mkdir(exist_ok=True)
    shutil.copyfile(
        made.store.blobs.path(trained.record.outputs["main"].digest), leak_folder / "lora.safetensors"
    )
    asked = [f"{who} {PROMPTS[n]}, {STYLE}" for who, _, _ in OTHERS for n in (0, 2)]
    leak_film = _film(
        leak_folder,
        styles={"with": {"lora": {"file": "lora.safetensors"}}},
        scenes=[{"id": "a", "style": "with", "shots": _shots(asked)}],
    )
    leak, _ = _rendered(leak_film, store)
    kept = []
    classifier = taught_judge()
    for step, frames in leak.items():
        _, kind, colour = OTHERS[int(step.split("/s")[1].split("@")[0]) // 2]
        seen = classifier.verdict(frames)
        kept.append(seen["kind"] == kind and seen["colour"] == colour)

    def share(clips: dict[str, np.ndarray]) -> float:
        return float(np.mean([np.mean(named(judge, clip) == number) for clip in clips.values()]))

    row = [clips[f"render/a/s{n}@{SEEDS[0]}"][8] for n in range(len(PROMPTS)) for clips in (base, lora)]
    row += [leak[f"render/a/s{n}@{SEEDS[0]}"][8] for n in (0, 2)]
    figures = {"lora": share(lora), "base": share(base), "others as asked": float(np.mean(kept))}
    return figures, np.hstack(row)


def main() -> None:
    names = sys.argv[1:] or list(CHARACTERS)[:12]
    _, accuracy = taught()
    report: dict[str, object] = {"the judge's own accuracy on drawn frames": accuracy}
    rows = []
    for name in names:
        figures, row = measure(name, WORK / "likeness")
        report[name] = figures
        rows.append(row)
        print(name, figures, flush=True)
        (WORK / "likeness.json").write_text(json.dumps(report, indent=2))
        Image.fromarray(np.vstack(rows)).save(WORK / "likeness.png")


if __name__ == "__main__":
    main()
