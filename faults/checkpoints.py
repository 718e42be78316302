"""`kill -9` at every checkpoint of a training."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

from faults.found import Found

SHORT, LONG = 2, 30

# A process of its own: trains with a checkpoint after each step, and kills itself as soon as the first is there.
_PROGRAM = """
import json, os, signal, sys
from pathlib import Path
from filmforge.lora.train import TrainSettings, train
from tests.lora.conftest import small
from tests.video_models.conftest import load
from dataclasses import replace

weights, dataset, where, settings, dies = json.loads(sys.argv[1])
settings = TrainSettings(**settings | {"size": tuple(settings["size"])} if "size" in settings else settings)
model = load("pocket", Path(weights))
model.facts = replace(model.facts, lora=small(model.facts.lora))

def on_step(step, total, loss):
    if dies and step < total:
        os.kill(os.getpid(), signal.SIGKILL)

train(model, Path(dataset), settings, trigger="mira", scratch=Path(where) / "scratch",
      out=Path(where) / "lora.safetensors", on_step=on_step, checkpoint_seconds=0.0)
"""


def run(count: int, seed: int, folder: Path) -> Found:
    """Train a LoRA of `count` + 1 steps, killed after each checkpoint in turn but the last."""
    from filmforge.lora.dataset import Example, prepare
    from filmforge.lora.train import settings_for
    from filmforge.video_models.facts import facts_of
    from tests.lora.conftest import small
    from tests.media import write_photo
    from tests.video_models.conftest import load
    from tests.video_models.tiny import save_pocket_like

    found = Found("`kill -9` at every checkpoint of a training", "the LoRA's bytes equal", "kills")
    weights, dataset = save_pocket_like(folder / "weights"), folder / "dataset.safetensors"
    model = load("pocket", weights)
    assert model.facts.lora
    model.facts = replace(model.facts, lora=small(model.facts.lora))
    photos = [folder / f"{index}.png" for index in range(3)]
    for index, photo in enumerate(photos):
        write_photo(photo, (200, 40 * index, 30))
    prepare(model, [Example(path, "mira, a fox") for path in photos], dataset, trigger="mira")
    settings = settings_for(facts_of("pocket"), rank=2, steps=count + 1, learning_rate=1e-2, seed=seed)
    asked = [str(weights), str(dataset), asdict(replace(settings, batch=2))]

    def training(where: str, dies: bool) -> int:
        given = json.dumps([*asked[:2], str(folder / where), asked[2], dies])
        return subprocess.run([sys.executable, "-c", _PROGRAM, given], timeout=1200).returncode

    found.check(training("whole", False) == 0, "the undisturbed training failed")
    for _ in range(count):
        found.check(training("killed", True) == -signal.SIGKILL, "it was not killed where it should be")
        found.done += 1
    found.check(training("killed", False) == 0, "the last training failed")
    if not found.failures:
        equal = [(folder / where / "lora.safetensors").read_bytes() for where in ("whole", "killed")]
        found.check(equal[0] == equal[1], "the LoRA has other bytes")
    return found
