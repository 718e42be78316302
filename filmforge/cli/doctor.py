"""`filmforge doctor`: what this machine can run."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import click

from filmforge.cli.options import json_option, print_json


@click.command()
@json_option
def doctor(as_json: bool) -> None:
    """Look at this machine: device, memory, disk, FFmpeg, libraries; and say which families fit."""
    facts = _machine()
    rows = _fits(facts["memory_gb"], facts["device"])
    if as_json:
        print_json({"machine": facts, "families": rows})
        return
    for key, value in facts.items():
        click.echo(f"{key.replace('_', ' ')}: {value}")
    click.echo()
    from filmforge.cli.screen import table

    table(("family", "needs", "here"), [(r["family"], r["needs"], r["verdict"]) for r in rows])


def _machine() -> dict[str, Any]:
    import platform
    from importlib.metadata import PackageNotFoundError, version

    import psutil

    facts: dict[str, Any] = {
        "system": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "cores": os.cpu_count(),
        "device": "cpu",
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "free_disk_gb": round(shutil.disk_usage(Path.cwd()).free / 1e9, 1),
    }
    for package in ("torch", "diffusers", "transformers", "peft", "av", "imageio-ffmpeg"):
        try:
            facts[package] = version(package)
        except PackageNotFoundError:
            facts[package] = "missing"
    try:
        import imageio_ffmpeg

        facts["ffmpeg"] = imageio_ffmpeg.get_ffmpeg_exe()
    except (ImportError, RuntimeError) as error:
        facts["ffmpeg"] = f"missing ({error})"
    try:
        import torch
    except ImportError:
        return facts
    if torch.cuda.is_available():
        properties = torch.cuda.get_device_properties(0)
        facts["device"] = properties.name
        facts["memory_gb"] = round(properties.total_memory / 1e9, 1)
    elif torch.backends.mps.is_available():
        facts["device"] = "mps"
    return facts


def _fits(memory: float, device: str) -> list[dict[str, Any]]:
    from filmforge.video_models.facts import FAMILIES

    rows = []
    for facts in FAMILIES.values():
        needs = ", ".join(f"{gb:g} GB {precision}" for precision, gb in facts.memory.items())
        least = min(facts.memory.values(), default=0.0)
        if not facts.renders:
            verdict = "cannot be rendered yet"
        elif least > memory:
            verdict = f"does not fit in {memory:g} GB"
        elif device == "cpu" and least > 4:
            verdict = "fits in memory, but a processor takes hours a clip"
        else:
            verdict = "runs"
        rows.append({"family": facts.id, "needs": needs or "nothing", "verdict": verdict})
    return rows
