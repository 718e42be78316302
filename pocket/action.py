"""What puppets do: poses over time, at eight drawings a second."""

from __future__ import annotations

import math
from dataclasses import dataclass

from pocket.puppet import Pose

FPS = 8
ACTIONS = ("walk left", "walk right", "jump", "wave", "spin", "sway", "lantern", "sleep", "stand")
WALK_SPEED = 19.0  # stage units a second


@dataclass(frozen=True)
class Stance:
    """Pose and where the puppet is, relative to its mark, in stage units."""

    pose: Pose
    dx: float = 0.0


def stance(action: str, seconds: float, phase: float, facing: float, reach: float = 1.0) -> Stance:
    """The drawing of ``action`` at ``seconds``.

    ``phase`` (0..1) starts cyclic movements elsewhere in their cycle; ``facing`` is 1 or -1 for
    actions that have no direction of their own. ``reach`` (0..1) makes gestures smaller: near the
    camera a puppet acts with less.
    """
    turn = 2 * math.pi
    breath = 1.0 + 0.015 * math.sin(turn * (seconds / 1.6 + phase))
    blink = "closed" if (seconds + phase * 2.1) % 2.1 < 0.2 else "open"
    if action in ("walk left", "walk right"):
        way = 1.0 if action == "walk right" else -1.0
        cycle = reach * math.sin(turn * (seconds / 1.0 + phase))
        pose = Pose(
            lift=1.4 * abs(cycle),
            tilt=1.5 * cycle,
            legs=(29 * cycle, -29 * cycle),
            arms=(18 + 22 * cycle, 8 + 22 * cycle),
            face=way,
            eyes="open",
        )
        return Stance(pose, way * reach * WALK_SPEED * (seconds - 1.0))
    if action == "jump":
        part = (seconds / 1.5 + phase) % 1.0
        if part < 0.25:
            crouch = reach * math.sin(math.pi * part / 0.25)
            return Stance(Pose(squash=1 - 0.1 * crouch, arms=(20, 20), face=facing))
        up = reach * math.sin(math.pi * (part - 0.25) / 0.75)
        return Stance(
            Pose(
                lift=9 * up,
                squash=1 + 0.03 * up,
                arms=(20 + 60 * up, 20 + 60 * up),
                legs=(-10 * up, 10 * up),
                face=facing,
            )
        )
    if action == "wave":
        swing = reach * math.sin(turn * (seconds / 1.0 + phase))
        return Stance(Pose(arms=(18, 112 + 25 * swing), head_tilt=4 * swing, face=facing, eyes=blink))
    if action == "spin":
        angle = turn * (seconds / 2.25 + phase)
        return Stance(Pose(face=math.cos(angle), arms=(48, 48), lift=1.2 * abs(math.sin(angle))))
    if action == "sway":
        swing = reach * math.sin(turn * (seconds / 1.8 + phase))
        return Stance(
            Pose(tilt=12 * swing, head_tilt=6 * swing, arms=(52 + 18 * swing, 52 - 18 * swing), face=facing),
            3.5 * swing,
        )
    if action == "lantern":
        k = min(1.0, max(0.0, seconds / 1.2))
        k = k * k * (3 - 2 * k)
        return Stance(
            Pose(arms=(18, 22 + 84 * k), glow=0.35 + 0.65 * k, squash=breath, head_tilt=-4 * k, face=facing)
        )
    if action == "sleep":
        slow = math.sin(turn * (seconds / 2.0 + phase))
        return Stance(
            Pose(
                sit=1.0,
                eyes="closed",
                head_tilt=9 + 3 * slow,
                squash=1 + 0.025 * slow,
                arms=(14, 14),
                face=facing,
            )
        )
    nod = math.sin(turn * (seconds / 2.0 + phase))
    return Stance(Pose(squash=breath, head_tilt=4 * nod, face=facing, eyes=blink))
