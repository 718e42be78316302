"""`python -m benchmarks.gpu [FAMILY ...]`: each family at its real size, with random weights made from the official
configurations: nothing is downloaded, and pictures are noise.

For each budget of memory: whether a clip of the family's default size and length is sampled and decoded within it, the
peak against what was planned, seconds a step, and seconds to decode. The budget is enforced on the device. Text is
random embeddings of the real shape: the encoders' share is not measured. On a machine without a GPU, `--layers 1 --size
64x64 --frames 9` tries the script itself.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.measuring import say, scratch
from filmforge.video_models.facts import FAMILIES
from filmforge.video_models.family import Facts
from filmforge.video_models.memory import BUDGETS, MemoryPlan, plan_for
from filmforge.video_models.published import Published, releases


def main() -> None:
    """Print a Markdown table: a line for each family and budget."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    parser.add_argument(
        "families", nargs="*", metavar="FAMILY", help="`mochi-1` or `ltx-video:0.9.7-dev`; all when absent"
    )
    parser.add_argument("--budgets", default=",".join(map(str, BUDGETS)), help="GB, separated by commas")
    parser.add_argument("--steps", type=int, default=3, help="sampling steps to measure")
    parser.add_argument("--size", help="WIDTHxHEIGHT instead of the family's")
    parser.add_argument("--frames", type=int, help="instead of the family's")
    parser.add_argument("--layers", type=int, help="instead of the family's, to try the script")
    asked = parser.parse_args()
    from filmforge.video_models import runtime

    device = runtime.best_device()
    total = runtime.device_memory(device)
    if total is None and asked.layers is None:
        sys.exit(
            "there is no GPU here; to try the script on a processor, add: --layers 1 --size 64x64 --frames 9"
        )
    print(
        f"{time.strftime('%Y-%m-%d')}: {_card(device)}; command: python -m benchmarks.gpu {' '.join(sys.argv[1:])}\n"
    )
    print(
        "| family | budget | plan | planned peak | peak | s a step | s to decode | frames a minute, whole clip |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for name, facts, release in _wanted(asked.families):
        for budget in map(float, asked.budgets.split(",")):
            if total is None or budget <= total:
                print(_line(name, facts, release, budget, asked), flush=True)


def _wanted(names: list[str]) -> list[tuple[str, Facts, Published]]:
    found = {
        facts.id if version is None else f"{facts.id}:{version}": (facts.of_version(version), release)
        for facts in FAMILIES.values()
        for version, release in releases(facts).items()
    }
    if unknown := [name for name in names if name not in found]:
        sys.exit(f"there is no '{unknown[0]}'; there are {', '.join(found)}")
    return [(name, *found[name]) for name in names or found]


def _card(device: Any) -> str:
    import torch

    return torch.cuda.get_device_name(device) if device.type == "cuda" else "a processor"


def _line(name: str, facts: Facts, release: Published, budget: float, asked: argparse.Namespace) -> str:
    import torch

    width, height = map(int, asked.size.split("x")) if asked.size else facts.size
    frames = asked.frames or facts.frames
    what: dict[str, Any] = {"precision": facts.precision, "size": (width, height), "frames": frames}
    plan = plan_for(facts, release, **what, budget=budget)
    if plan is None:
        return f"| {name} | {budget:g} GB | does not fit | | | | | |"
    say(f"{name} in {budget:g} GB: {plan.words}")
    gpu = torch.cuda.is_available()
    if gpu:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        whole = torch.cuda.get_device_properties(0).total_memory
        torch.cuda.set_per_process_memory_fraction(min(1.0, budget * 1e9 / whole))
    row = f"| {name} | {budget:g} GB | {plan.words.split(';')[0]} | {plan.peak:.1f} GB |"
    try:
        with scratch() as folder:
            step, decoding = _measured(facts, release, plan, folder, (width, height), frames, asked)
    except torch.OutOfMemoryError:
        return f"{row} out of memory | | | |"
    peak = torch.cuda.max_memory_allocated() / 1e9 if gpu else float("nan")
    rate = 60 * frames / (step * facts.steps + decoding)
    return f"{row} {peak:.1f} GB | {step:.2f} | {decoding:.1f} | {rate:.1f} |"


def _measured(
    facts: Facts,
    release: Published,
    plan: MemoryPlan,
    folder: Path,
    size: tuple[int, int],
    frames: int,
    asked: argparse.Namespace,
) -> tuple[float, float]:
    """Seconds a sampling step, after one that does not count, and seconds to decode."""
    import numpy as np

    from filmforge.video_models import load_family
    from filmforge.video_models.weights import Weights

    _write(release, folder, asked.layers)
    model = load_family(facts, Weights(facts.id, folder), memory=plan)
    model.read = lambda part, **how: _random(release, part, asked.layers, model, how)  # type: ignore[method-assign]
    text = _text(model, release)
    start = None if facts.text_to_video else np.zeros((size[1], size[0], 3), np.uint8)
    marks: list[float] = []
    latents = model.sample(
        positive=text,
        negative=text if model.uses_negative(facts.guidance) else None,
        frames=frames,
        size=size,
        # Distilled weights have their own number.
        steps=facts.steps if "timesteps" in facts.settings else asked.steps,
        guidance=facts.guidance,
        shift=facts.shift,
        seed=0,
        start=start,
        on_step=lambda done, of: marks.append(time.perf_counter()),
    )
    began = time.perf_counter()
    assert len(model.decode(latents)) == frames
    return (marks[-1] - marks[0]) / (len(marks) - 1), time.perf_counter() - began


def _config(release: Published, part: str, layers: int | None) -> dict[str, Any]:
    config = dict(release.parts[part].config)
    if layers is not None and part.startswith("transformer"):
        config |= {key: layers for key in ("num_layers", "num_single_layers") if key in config}
        if part.startswith("transformer") and "num_layers" not in config:
            config["num_layers"] = layers  # of Mochi all is the default
    return config


def _write(release: Published, folder: Path, layers: int | None) -> None:
    """The configurations as a folder in diffusers' layout, without weights."""
    index: dict[str, Any] = {"scheduler": release.scheduler.kind.split("."), **release.index}
    for name, part in release.parts.items():
        index[name] = part.kind.split(".")
        (folder / name).mkdir()
        (folder / name / "config.json").write_text(json.dumps(_full(release, name, layers)), encoding="utf-8")
    (folder / "scheduler").mkdir()
    (folder / "scheduler" / "scheduler_config.json").write_text(
        json.dumps(dict(release.scheduler.config)), encoding="utf-8"
    )
    (folder / "model_index.json").write_text(json.dumps(index), encoding="utf-8")


def _full(release: Published, part: str, layers: int | None) -> dict[str, Any]:
    """A configuration with its class's defaults, as a saved one has."""
    import inspect

    import diffusers

    library, name = release.parts[part].kind.split(".")
    config = _config(release, part, layers)
    if library != "diffusers":
        return config
    known = inspect.signature(getattr(diffusers, name).__init__).parameters
    defaults = {k: p.default for k, p in known.items() if p.default is not inspect.Parameter.empty}
    return defaults | config


def _random(release: Published, part: str, layers: int | None, model: Any, how: dict[str, Any]) -> Any:
    """A part of the real size with random weights, made where it is to be."""
    import diffusers
    import torch

    streamed = (
        model.memory is not None and model.memory.stream_transformers and part.startswith("transformer")
    )
    place = torch.device("cpu") if streamed else model.device
    kind: Any = getattr(diffusers, release.parts[part].kind.split(".")[1])
    with torch.device("meta"):
        made = kind.from_config(_config(release, part, layers))
    # What a class keeps in fp32 when it is read stays so here.
    kept = kind._keep_in_fp32_modules or []
    made = made.to_empty(device=place)
    with torch.no_grad():
        for name, parameter in made.named_parameters():
            wide = any(word in name.split(".") for word in kept)
            parameter.data = parameter.data.to(torch.float32 if wide else how["torch_dtype"]).normal_(0, 0.02)
        for name, buffer in made.named_buffers():
            # Non-persistent buffers (rotary tables) are computed when a part is made, and are empty after `to_empty`.
            buffer.fill_(1.0) if "std" in name else buffer.zero_()
    return made


def _text(model: Any, release: Published) -> dict[str, Any]:
    """A random embedding, of the shape that the family's `embed` gives."""
    import torch

    length, noise = model.facts.text_length, torch.Generator().manual_seed(0)
    found = {"embeds": torch.randn(length, 4096, generator=noise, dtype=torch.float32).to(model.dtype)}
    if not model.facts.id.startswith("wan"):
        found["mask"] = torch.ones(length, dtype=torch.bool)
    if "text_encoder_2" in release.parts:
        found["pooled"] = torch.randn(768, generator=noise).to(model.dtype)
    return found


if __name__ == "__main__":
    main()
