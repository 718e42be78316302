"""Shot sizes and camera moves of the little stage."""

from __future__ import annotations

from dataclasses import dataclass

SIZES = ("wide", "full", "medium", "close")
MOVES = ("static", "pan left", "pan right", "push in", "pull out", "crane up")

# zoom, and the stage height the lens looks at
_FRAMING = {"wide": (0.64, 42.0), "full": (1.0, 48.0), "medium": (1.6, 46.0), "close": (2.3, 40.5)}
SPAN = 2.0  # seconds over which a move runs its course; 17 drawings


@dataclass(frozen=True)
class View:
    """Where the lens looks, in stage units, and how near."""

    x: float
    y: float
    zoom: float

    def at_depth(self, depth: float) -> tuple[float, float, float]:
        """Offset and zoom for a layer: what hangs far back moves and grows less."""
        zoom = 1.0 + (self.zoom - 1.0) * (0.3 + 0.7 * depth)
        follow = 0.15 + 0.85 * depth
        return (self.x - 80.0) * follow, (self.y - 48.0) * follow, zoom


def view(size: str, move: str, seconds: float, aim: float) -> View:
    """The camera at ``seconds``; ``aim`` is the stage x it points at."""
    zoom, y = _FRAMING[size]
    k = seconds / SPAN - 0.5  # -0.5 .. 0.5 within a clip of 17 drawings
    reach = 1.0 / max(zoom, 0.8)
    if move == "pan left":
        return View(aim - 40 * k * reach, y, zoom)
    if move == "pan right":
        return View(aim + 40 * k * reach, y, zoom)
    if move == "push in":
        return View(aim, y, zoom * (1.0 + 0.44 * k))
    if move == "pull out":
        return View(aim, y, zoom * (1.0 - 0.44 * k))
    if move == "crane up":
        return View(aim, y - 28 * k * reach, zoom)
    return View(aim, y, zoom)
