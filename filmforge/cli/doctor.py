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
    click.echo()
    table(("family", "card", "at its default size and length (estimated)"), _cards(rows))
    click.echo("FILMFORGE_MEMORY=12 has a build use at most 12 GB of the device")


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
    """A row for each release: what it needs whole, what it does on this machine, and on cards of usual sizes."""
    from filmforge.video_models.facts import families
    from filmforge.video_models.memory import BUDGETS, advice, plan_for, plans
    from filmforge.video_models.published import releases

    rows: list[dict[str, Any]] = []
    for facts in families().values():
        found = releases(facts)
        if not found:
            needs = ", ".join(f"{gb:g} GB {precision}" for precision, gb in facts.memory.items())
            verdict = "runs" if facts.renders else "cannot be rendered yet"
            rows.append({"family": facts.id, "needs": needs or "nothing", "verdict": verdict, "budgets": {}})
        for version, release in found.items():
            here = facts.of_version(version)
            asked: dict[str, Any] = {"precision": here.precision, "size": here.size, "frames": here.frames}
            budgets = {}
            for budget in (*BUDGETS, memory):
                plan = plan_for(here, release, **asked, budget=budget)
                verdict = "does not fit" if plan is None else "fits slowly" if plan.slow else "fits"
                declare = "" if verdict == "fits" else advice(here, release, budget)
                budgets[budget] = {"verdict": verdict, "declare": declare}
            mine = budgets[memory] if memory in BUDGETS else budgets.pop(memory)
            said = "a processor takes hours a clip" if device == "cpu" else _said(mine)
            rows.append(
                {
                    "family": here.id if version is None else f"{here.id} {version}",
                    "needs": f"{plans(here, release, **asked)[0].peak:.0f} GB {here.precision}",
                    "verdict": said,
                    "budgets": {str(budget): row for budget, row in budgets.items()},
                }
            )
    return rows


def _said(row: dict[str, str]) -> str:
    return f"{row['verdict']}; declare {row['declare']}" if row["declare"] else row["verdict"]


def _cards(rows: list[dict[str, Any]]) -> list[tuple[str, ...]]:
    """A line for each release and size of card."""
    return [
        (row["family"], f"{budget} GB", _said(verdict))
        for row in rows
        for budget, verdict in row["budgets"].items()
    ]
