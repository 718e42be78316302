"""Likeness with nothing stood in for: a tiny model trains, renders, is measured and tried again by the real workers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from filmforge.language.seeds import further
from tests.video_models.tiny import save_pocket_like

pytestmark = pytest.mark.slow

FILM = """\
filmforge: 1
size: 64x32
fps: 8
models:
  tiny: {use: pocket, weights: ./model, size: 64x32, steps: 2}
model: tiny
characters:
  mira: {looks: a girl, photos: photos, lora: {rank: 4, steps: 8, learning_rate: 0.02}, likeness: 1, retry: 1}
scenes:
  - id: a
    shots:
      - {id: one, prompt: "{mira} walks", lasts: 5f, seed: 7}
"""


def run(*arguments: object) -> list[Any]:
    """The JSON objects that a command printed."""
    done = subprocess.run(
        [sys.executable, "-m", "filmforge", *map(str, arguments), "--json"],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        timeout=590,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    if arguments[0] == "build":
        return [json.loads(line) for line in done.stdout.splitlines()]
    return [json.loads(done.stdout)]


def test_a_film_that_asks_for_likeness(tmp_path: Path) -> None:
    """Every take is held against the photos, the likest is in the cut, and a second build has nothing to do."""
    save_pocket_like(tmp_path / "model")
    (tmp_path / "photos").mkdir()
    for number in range(3):
        blocks = np.random.default_rng(number).integers(0, 255, (4, 7, 3), dtype=np.uint8)
        image = Image.fromarray(blocks).resize((112, 64), Image.Resampling.NEAREST)
        image.save(tmp_path / f"photos/{number}.png")
    film = tmp_path / "film.yaml"
    film.write_text(FILM, encoding="utf-8")
    events = run("build", film)
    assert events[-1]["ran"] == {
        "lora": 1, "render": 2, "base": 2, "likeness": 2, "pick": 1, "segment": 1, "cut": 1
    }  # fmt: skip
    assert any("mira's likeness is" in e.get("message", "") for e in events if e["event"] == "note")
    (status,) = run("status", film)
    found = status["shots"][0]["likeness"]
    assert set(found["takes"]) == {"7", str(further(7, 1))}
    values = {int(seed): take["mira"] for seed, take in found["takes"].items()}
    assert values[found["take"]] == max(values.values())
    (shown,) = run("show", film, "likeness/a/one@7")
    told = shown["steps"][0]["likeness"]["mira"]
    assert told["likeness"] == found["takes"]["7"]["mira"]
    assert -1 <= told["base"] <= 1 and told["base"] != told["nearness"]
    again = run("build", film)
    assert again[-1]["ran"] == {}
