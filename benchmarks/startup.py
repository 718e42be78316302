"""How long a command takes to say anything: `filmforge --help`, and `check` of a film of 100 shots."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from benchmarks.measuring import Row, environment, in_turn, say, scratch, seconds, timed
from benchmarks.trivial import write_film

TIMES = 15
SHOTS = 100
GOAL = 0.2
"""Seconds for each. Python's own start, and an import of pydantic, stand beside them for scale."""
SLOWEST = 8


def measure() -> list[Row]:
    """One row a command, and one with the imports of `check` that take longest."""
    with scratch() as folder:
        film = str(write_film(folder, SHOTS))
        env = environment(folder)
        filmforge = [sys.executable, "-m", "filmforge"]
        commands = {
            "python": [sys.executable, "-c", "pass"],
            "pydantic": [sys.executable, "-c", "from pydantic import BaseModel"],
            "help": [*filmforge, "--help"],
            "check": [*filmforge, "check", film],
        }
        say(f"start-up: {TIMES} rounds")
        took = in_turn(
            TIMES,
            {name: timed(command, folder, env) for name, command in commands.items()},
        )
        beside = f"python alone {seconds(took['python'])}, with pydantic {seconds(took['pydantic'])}"
        rows = [
            Row(what, seconds(took[name]), f"{seconds(GOAL)} ({beside})", took[name] / GOAL, 1.0)
            for name, what in (("help", "filmforge --help"), ("check", f"filmforge check, {SHOTS} shots"))
        ]
        slowest = ", ".join(
            f"{name} {cost:.0f} ms" for name, cost in _imports(commands["check"], folder, env)
        )
        return [*rows, Row("slowest imports of check (each without those it imports)", slowest)]


def _imports(command: list[str], folder: Path, env: dict[str, str]) -> list[tuple[str, float]]:
    """The modules that took longest to import, in milliseconds of their own: the least of several runs."""
    least: dict[str, float] = {}
    timed = [command[0], "-X", "importtime", *command[1:]]
    for _ in range(5):
        ended = subprocess.run(timed, cwd=folder, env=env, capture_output=True, text=True, check=True)
        for line in ended.stderr.splitlines():
            own, _, name = (
                line.removeprefix("import time:").split("|") if line.count("|") == 2 else ("", "", "")
            )
            if own.strip().isdigit():
                took = int(own) / 1000
                least[name.strip()] = min(took, least.get(name.strip(), took))
    return sorted(least.items(), key=lambda item: -item[1])[:SLOWEST]
