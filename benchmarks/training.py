"""A LoRA of 250 steps on `pocket`, by filmforge and by the shortest loop over peft and diffusers.

Both are whole processes that end with the LoRA on the disk: Python's start, imports, loading the model, training. The
loop prepares nothing: as such loops do, it reads, encodes and embeds the photos of each batch when it needs them. Model,
photos, captions, rank, modules, batch, size, objective, optimizer, rates and number of steps are the same; but filmforge
holds one of the sixteen photos out, measures on it, and may keep an earlier step. The losses of the two on all photos are
told, so that both are known to have learned.

First both train on the photos alone. Then a build, with all that it adds, is held against the loop with the same share of
prior clips, which it makes beforehand and encodes when it needs them, as DreamBooth's scripts do.
"""

from __future__ import annotations

import json
import resource
import shutil
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.measuring import ROOT, Row, environment, run, say, scratch, seconds

TIMES = 2
GOAL = 0.7
STEPS = 250
_WHO = "mira"
_PHOTOS = ROOT / "projects" / "lantern" / "characters" / _WHO

_LOOP = """\
import json
import sys

import numpy as np
import torch
from diffusers import WanPipeline
from peft import LoraConfig
from peft.utils import get_peft_model_state_dict
from PIL import Image

said = json.loads(sys.argv[1])
pipeline = WanPipeline.from_pretrained(said["weights"], torch_dtype=torch.float32)
transformer, vae = pipeline.transformer, pipeline.vae
for part in (transformer, vae, pipeline.text_encoder):
    part.requires_grad_(False).eval()
mean, std = (torch.tensor(v).view(1, -1, 1, 1, 1) for v in (vae.config.latents_mean, vae.config.latents_std))
torch.manual_seed(said["seed"])
modules = "|".join(f"({target})" for target in said["targets"])
transformer.add_adapter(LoraConfig(r=said["rank"], lora_alpha=said["rank"], target_modules=modules))
parameters = [p for p in transformer.parameters() if p.requires_grad]
optimizer = torch.optim.AdamW(parameters, lr=said["rates"][0], weight_decay=0.0, betas=(0.9, 0.99))
width, height = said["size"]
priors = [
    np.uint8(pipeline(words, "", height, width, said["frames"], 8, said["guidance"], max_sequence_length=said["text"])
             .frames[0] * 255)
    for words in said["prior"]
]
for rate in said["rates"]:
    optimizer.param_groups[0]["lr"] = rate
    chosen = torch.randperm(len(said["photos"]))[: said["batch"] - bool(priors)].tolist()
    clips = np.stack([Image.open(said["photos"][n]).convert("RGB").resize(said["size"]) for n in chosen])[:, None]
    words = ["" if torch.rand(()) < said["dropout"] else said["captions"][n] for n in chosen]
    groups = [(clips, words)]
    if priors:
        at = int(torch.randint(len(priors), ()))
        groups.append((priors[at][None], [said["prior"][at]]))
    for clips, words in groups:
        pixels = torch.from_numpy(clips).permute(0, 4, 1, 2, 3) / 127.5 - 1
        with torch.no_grad():
            latents = (vae.encode(pixels).latent_dist.mode() - mean) / std
            text = pipeline.encode_prompt(
                words, do_classifier_free_guidance=False, max_sequence_length=said["text"]
            )[0]
        sigma = torch.randn(len(words)).sigmoid()
        sigma = said["shift"] * sigma / (1 + (said["shift"] - 1) * sigma)
        noise = torch.randn_like(latents)
        at = sigma.view(-1, 1, 1, 1, 1)
        predicted = transformer((1 - at) * latents + at * noise, sigma * 1000, text, return_dict=False)[0]
        loss = (predicted - (noise - latents)).square().mean() * len(words) / said["batch"]
        loss.backward()
    torch.nn.utils.clip_grad_norm_(parameters, 1.0)
    optimizer.step()
    optimizer.zero_grad()
WanPipeline.save_lora_weights(said["out"], get_peft_model_state_dict(transformer))
"""

_ALONE = """\
import json
import sys
from dataclasses import replace
from pathlib import Path

from filmforge.lora.dataset import Example, prepare
from filmforge.lora.train import settings_for, train
from filmforge.video_models import load_family
from filmforge.video_models.facts import facts_of
from filmforge.video_models.weights import find

said = json.loads(sys.argv[1])
facts = facts_of("pocket")
facts = replace(facts, lora=replace(facts.lora, prior=0.0))
model = load_family(facts, find(facts, None, None, Path.cwd()))
place = Path(said["out"])
place.mkdir(exist_ok=True)
examples = [Example(Path(photo), words) for photo, words in zip(said["photos"], said["captions"])]
prepare(model, examples, place / "dataset", trigger=said["who"])
settings = settings_for(facts, rank=said["rank"], steps=said["steps"], learning_rate=said["rate"])
train(model, place / "dataset", settings, trigger=said["who"], scratch=place,
      out=place / "pytorch_lora_weights.safetensors")
"""

_BUILD = """\
import sys
import filmforge

assert filmforge.build(filmforge.load(sys.argv[1]), kinds=["lora"]).ok
"""


def measure() -> list[Row]:
    """Two rows against the loop: the training on photos alone, and all that a build does for a character."""
    from filmforge.lora.dataset import caption_for, training_facts
    from filmforge.lora.train import rate_at, settings_for
    from filmforge.video_models.facts import facts_of
    from filmforge.video_models.weights import find

    with scratch() as folder:
        facts = facts_of("pocket")
        training = training_facts(facts)
        photos = sorted(_PHOTOS.glob("*.png"))
        said: dict[str, Any] = {
            "weights": str(find(facts, None, None, folder).required()),
            "photos": [str(photo) for photo in photos],
            "captions": [caption_for(photo, _WHO, "") for photo in photos],
            "who": _WHO,
            "rank": training.rank,
            "targets": training.targets,
            "rate": training.learning_rate,
            "batch": training.batch,
            "size": training.size,
            "dropout": training.caption_dropout,
            "text": facts.text_length,
            "shift": facts.shift,
            "steps": STEPS,
            "rates": [rate_at(step, settings_for(facts, steps=STEPS)) for step in range(STEPS)],
            "seed": 0,
            "prior": [],
            "frames": training.prior_frames,
            "guidance": facts.guidance,
        }
        env = environment(folder, HF_HUB_OFFLINE="1")
        film = _film(folder)
        for name, text in (("loop", _LOOP), ("alone", _ALONE), ("build", _BUILD)):
            (folder / f"{name}.py").write_text(text, encoding="utf-8")

        def script(name: str, **other: Any) -> Callable[[], float]:
            told = said | {"out": str(folder / name)} | other

            def from_nothing() -> float:
                shutil.rmtree(told["out"], ignore_errors=True)  # a training would go on from its checkpoints
                return run([sys.executable, f"{name}.py", json.dumps(told)], folder=folder, env=env)

            return from_nothing

        def build() -> float:
            shutil.rmtree(folder / ".filmforge", ignore_errors=True)
            return run([sys.executable, "build.py", str(film)], folder=folder, env=env)

        say(f"training: {STEPS} steps, {TIMES} rounds")
        prior = script("loop", prior=training.prior_captions, out=str(folder / "loop with prior"))
        wall, processor = _in_turn(
            {"loop": script("loop"), "alone": script("alone"), "loop with prior": prior, "build": build}
        )
        note = _compared(folder, photos)
    return [
        Row(
            f"a LoRA of {STEPS} steps on pocket, {what}",
            seconds(wall[ours]),
            f"a loop over peft and diffusers {seconds(wall[loop])}",
            wall[ours] / wall[loop],
            goal,
            f"processor time {processor[ours] / processor[loop]:.2f}; {more}",
        )
        for what, ours, loop, goal, more in (
            ("on the photos alone", "alone", "loop", GOAL, note),
            (
                "with prior clips",
                "build",
                "loop with prior",
                None,
                "a whole build: with held-out loss, likeness, previews, page and proof",
            ),
        )
    ]


def _in_turn(measured: Mapping[str, Callable[[], float]]) -> tuple[dict[str, float], dict[str, float]]:
    """The median seconds of each, by the clock and of processors; each second round backwards.

    The first round counts: what is cached then, on disks and as bytecode, is nothing beside minutes of training.
    """
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in measured}
    for turn in range(TIMES):
        for name in list(measured)[:: -1 if turn % 2 else 1]:
            before = _processor_seconds()
            wall = measured[name]()
            taken[name].append((wall, _processor_seconds() - before))
            say(f"{name}: {wall:.1f} s, of processors {taken[name][-1][1]:.1f} s")
    return (
        {name: statistics.median(wall for wall, _ in values) for name, values in taken.items()},
        {name: statistics.median(spent for _, spent in values) for name, values in taken.items()},
    )


def _processor_seconds() -> float:
    """Of all processes that this one started and that have ended, and those that they started."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _film(folder: Path) -> Path:
    shutil.copytree(_PHOTOS, folder / "photos")
    path = folder / "film.yaml"
    path.write_text(
        f"""\
filmforge: 1
title: A LoRA
model: pocket
characters: {{{_WHO}: {{photos: photos, lora: {{steps: {STEPS}}}}}}}
scenes:
  - id: a
    shots:
      - {{id: b, prompt: "{{{_WHO}}} waves", lasts: 9f}}
""",
        encoding="utf-8",
    )
    return path


def _compared(folder: Path, photos: Sequence[Path]) -> str:
    """What the two LoRAs and the model without them make of the photos at the same noise, in words."""
    from filmforge.lora.dataset import read
    from filmforge.lora.held_out import measure as measured
    from filmforge.lora.losses import Run
    from filmforge.lora.train import settings_for
    from filmforge.video_models import load_family
    from filmforge.video_models.facts import facts_of
    from filmforge.video_models.lora_file import LoraUse
    from filmforge.video_models.weights import find

    facts = facts_of("pocket")
    model = load_family(facts, find(facts, None, None, folder))
    data = read(folder / "alone" / "dataset")
    run = Run(model, model.objective, "transformer", (0.0, 1.0), data, data.items, settings_for(facts), "")
    losses = []
    for name in (None, "loop", "alone"):
        file = folder / (name or "") / "pytorch_lora_weights.safetensors"
        model.set_loras([LoraUse(file)] if name else [])
        losses.append(measured(run, model.transformer, 0).mean)
    before, loop, ours = losses
    return f"loss on the {len(photos)} photos {ours:.3f}, the loop's {loop:.3f}, before {before:.3f}"
