"""How long steps take, learned from those that ran: seconds for a unit of work, by kind and model."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from filmforge.planning.step import Step

WEIGHT = 0.3
"""How much the latest step counts against those before it."""


def work_in(step: Step) -> float:
    """How much work a step is, in its kind's own unit: frames times sampling steps, training steps, or frames."""
    params = step.params
    match step.kind:
        case "render" | "base":
            return float(params["frames"] * max(1, params.get("steps", 1)))
        case "lora":
            return float(params["steps"])
        case "segment" | "plate":
            return float(params.get("count", 1))
        case "mix":
            return float(params["samples"]) / 48_000
        case "cut":
            return float(params["frames"])
    return 1.0


def sort_of(step: Step) -> str:
    """Steps of one sort take alike for a unit of work."""
    model = step.params.get("model") or {}
    return f"{step.kind} {model.get('family', '')} {step.params.get('size', '')}".strip()


@dataclass(slots=True)
class Estimates:
    """Seconds for a unit of work by sort of step. `known` is plain data, kept between builds."""

    known: dict[str, Any] = field(default_factory=dict)

    def learn(self, step: Step, seconds: float) -> None:
        rate, sort = seconds / max(work_in(step), 1e-9), sort_of(step)
        before = self.known.get(sort)
        self.known[sort] = rate if before is None else (1 - WEIGHT) * float(before) + WEIGHT * rate

    def seconds(self, step: Step) -> float | None:
        """The seconds that `step` will take, or None where none of its sort ran yet."""
        rate = self.known.get(sort_of(step))
        return None if rate is None else float(rate) * work_in(step)

    def total(self, steps: Iterable[Step]) -> float | None:
        """The seconds of all steps one after another; None if one of them is unknown."""
        total = 0.0
        for step in steps:
            seconds = self.seconds(step)
            if seconds is None:
                return None
            total += seconds
        return total
