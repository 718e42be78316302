"""The judges of a clip: independent of every painter, and as good as ``own_accuracy`` says they are.

What a frame shows (colour, place, light), and where its figure stands, is named by the eye, a small network; what kind
of figure it is, by the magnifying glass, another. Both have only ever seen drawings, and nine frames of a clip vote.
Where the figure goes is read off the eye's figure maps. What the camera does is a rule on pixels. A judge below 97 % on
a question, on drawn clips kept from it, is not much of a judge of it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch

from pocket import eye as eyes
from pocket import glass as glasses
from pocket import judge_camera
from pocket.camera import MOVES
from pocket.judge_camera import CameraJudge
from pocket.judge_material import EVERY_OTHER

QUESTIONS: dict[str, tuple[str, ...]] = {
    "kind": glasses.NAMES,
    **eyes.ANSWERS,
    "walk": ("walk left", "walk right", "stays"),
    "camera": MOVES,
}
LEAST_WALK = (
    0.06  # of the picture's width, between the first and the last third of a clip; who sways does less
)
LEAST_FIGURE = 1.0  # cell of 8x8 pixels: less of a figure than that stands nowhere


@dataclass(frozen=True)
class Judge:
    """The three that were taught."""

    eye: eyes.Eye
    glass: glasses.Glass
    camera: CameraJudge

    def verdict(self, frames: np.ndarray) -> dict[str, str]:
        """What is seen in one clip, uint8 (17, 96, 160, 3), by question."""
        return self.shown(frames[::EVERY_OTHER]) | {"camera": self.camera.verdict(frames)}

    def shown(self, drawings: np.ndarray) -> dict[str, str]:
        """The same without the camera, of every other drawing: uint8 (9, 96, 160, 3)."""
        scores, figure = eyes.seen(self.eye, drawings)
        scores |= {"kind": glasses.kinds(self.glass, drawings, figure)}
        told = {q: QUESTIONS[q][int(s.mean(0).argmax())] for q, s in scores.items()}
        return told | {"walk": walk(figure)}


def walk(figure: torch.Tensor) -> str:
    """Where a figure goes under a static camera, by its maps in time (T, 12, 20) in 0..1."""
    columns = torch.linspace(0, 1, figure.shape[2])
    size = figure.sum((1, 2))
    where = (figure.sum(1) * columns).sum(1) / size.clamp_min(1e-6)
    there = where[size >= LEAST_FIGURE]
    third = max(1, len(there) // 3)
    if len(there) < 2:
        return "stays"
    way = float(there[-third:].mean() - there[:third].mean())
    return "stays" if abs(way) < LEAST_WALK else "walk right" if way > 0 else "walk left"


def taught() -> Judge:
    """The judges, taught now where they were not yet."""
    return Judge(eyes.taught(), glasses.taught(), judge_camera.taught())


class Marks:
    """Counts of right and asked, by question and by part of the world."""

    def __init__(self) -> None:
        self.right: dict[str, list[bool]] = defaultdict(list)

    def note(self, question: str, right: bool) -> None:
        self.right[question].append(right)

    def shares(self) -> dict[str, tuple[float, int]]:
        """Share right and number asked."""
        return {q: (round(float(np.mean(r)), 4), len(r)) for q, r in self.right.items()}


def own_accuracy(
    judge: Judge, exam: Iterable[tuple[np.ndarray, dict[str, str]]]
) -> dict[str, tuple[float, int]]:
    """Share right and number asked on drawn clips kept from the judges, by question; kind and camera by size too."""
    marks = Marks()
    for frames, note in exam:
        told = judge.verdict(frames)
        for question in ("kind", *eyes.ANSWERS, "camera"):
            marks.note(question, told[question] == note[question])
        for question in ("kind", "camera"):
            marks.note(f"{question}, {note['size']}", told[question] == note[question])
    return marks.shares()


def walking_accuracy(judge: Judge, walkers: Iterable[tuple[np.ndarray, dict[str, str]]]) -> tuple[float, int]:
    """The same for the direction of walking, on every other drawing of clips with a static camera."""
    marks = Marks()
    for drawings, note in walkers:
        truth = note["action"] if note["action"].startswith("walk") else "stays"
        marks.note("walk", judge.shown(drawings)["walk"] == truth)
    return marks.shares()["walk"]
