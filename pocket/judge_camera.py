"""A rule on pixels that names the camera's move, after the way a stage moves past a lens.

From one drawing to another all sheets slide, rise, grow or shrink, the far ones less than the near ones. So each square
of the earlier drawing is looked for in the later one: where it was, across, up and down, and by growing and shrinking
round the middle. How badly it fits at best along each of these lines is that square's testimony. Whoever walks, and
snow that falls, fits otherwise than the stage does, but only in the squares it covers.

How much the testimony of all squares, of the border and of every row counts is fitted on drawn clips: a multinomial
regression, some seconds. The move is a question to the whole clip; nothing in it names a puppet or a place.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from pocket.camera import MOVES
from pocket.judge_material import MOMENTS, moments
from pocket.softness import softened
from pocket.workplace import WORK, load, save

EVERY = 4  # of 17 drawings, these: 0, 4, 8, 12, 16
PAIRS = ((0, 2), (1, 3), (2, 4))  # of those
SQUARE, ROWS, COLUMNS = 8, 6, 10  # on 48x80 pixels, half of the frame
REACH = 12  # pixels of those 80 columns: what a pan does in eight drawings, and some more
GROWTHS = (0.73, 0.77, 0.81, 0.85, 0.89, 0.93, 1.08, 1.12, 1.17, 1.22, 1.28, 1.35)
WORST = 0.25  # a pixel that is this far off (of 1) fits no worse when it is further off
LINES = ("stay", "left", "right", "up", "down", "grow", "shrink")
_MIRRORED = [LINES.index({"left": "right", "right": "left"}.get(name, name)) for name in LINES]


_SLIDES = [(0, 0)] + [step for n in range(1, REACH + 1) for step in ((n, 0), (-n, 0), (0, n), (0, -n))]
_LINE = torch.tensor([0] + [2, 1, 4, 3] * REACH + [5 if growth > 1 else 6 for growth in GROWTHS])
_MAPS = torch.tensor([[[growth, 0, 0], [0, growth, 0]] for growth in GROWTHS])
_GRID = functional.affine_grid(_MAPS, [len(GROWTHS), 1, 48, 80], align_corners=False)


def _moved(x: torch.Tensor) -> torch.Tensor:
    """One picture (3, 48, 80) as it would have been before each of the motions: (motions, 3, 48, 80)."""
    wide = functional.pad(x[None], (REACH,) * 4, "replicate")[0]
    slid = [wide[:, REACH + y : REACH + y + 48, REACH + x : REACH + x + 80] for x, y in _SLIDES]
    grown = functional.grid_sample(
        x[None].expand(len(GROWTHS), -1, -1, -1), _GRID, padding_mode="border", align_corners=False
    )
    return torch.cat([torch.stack(slid), grown])


def _inside() -> torch.Tensor:
    """Which pixels stay within the later picture, by motion: (motions, 1, 48, 80), 1 or 0."""
    y, x = torch.meshgrid(torch.arange(48), torch.arange(80), indexing="ij")
    slid = [(x + a >= 0) & (x + a < 80) & (y + b >= 0) & (y + b < 48) for a, b in _SLIDES]
    return torch.cat([torch.stack(slid), (_GRID.abs() <= 1).all(-1)])[:, None].float()


_INSIDE = _inside()
_SHARE = functional.avg_pool2d(_INSIDE, SQUARE)


def misfits(five: torch.Tensor) -> torch.Tensor:
    """How badly each square fits at best along each line: (pairs, lines, 6, 10) in 0..WORST.

    ``five`` are the drawings 0, 4, 8, 12 and 16, (5, 3, 96, 160) in 0..1. A square that would leave the picture along
    a line fits there as where it was.
    """
    x = functional.avg_pool2d(five, 2)
    out = []
    for early, late in PAIRS:
        off = (_moved(x[late]) - x[early]).abs().mean(1, keepdim=True).clamp_max(WORST)
        worst = (functional.avg_pool2d(off * _INSIDE, SQUARE) / _SHARE.clamp_min(0.1))[:, 0]
        worst = torch.where(_SHARE[:, 0] > 0.4, worst, torch.inf)
        best = torch.stack([worst[line == _LINE].min(0).values for line in range(len(LINES))])
        out.append(torch.where(best.isinf(), best[:1], best))
    return torch.stack(out)


def testimony(found: torch.Tensor) -> torch.Tensor:
    """Misfits of clips (N, pairs, lines, 6, 10) as the figures that are weighed, (N, 68)."""
    total = (found.mean((3, 4)) + 0.003).log()
    total = (total - total.mean(2, keepdim=True)).mean(1)
    moving = ((found + 0.01) / (found[:, :, :1] + 0.01)).log().clamp(-2, 2)[:, :, 1:]
    border = torch.ones(ROWS, COLUMNS, dtype=torch.bool)
    border[1:-1, 3:-3] = False  # where figures seldom stand
    wins = torch.exp((found.amin(2, keepdim=True) - found) / 0.02).mean((1, 3, 4))
    against = ((found + 0.01) / (found.mean(2, keepdim=True) + 0.01)).log().clamp(-2, 2)
    rows = against.mean((1, 4)).flatten(1)
    return torch.cat([total, moving.mean((1, 3, 4)), moving[..., border].mean((1, 3)), wins, rows], 1)


@dataclass(frozen=True)
class CameraJudge:
    """The weights of the testimony, (68 + 1, moves), of figures standardised by ``mean`` and ``spread``."""

    weights: torch.Tensor
    mean: torch.Tensor
    spread: torch.Tensor

    def scores(self, found: torch.Tensor) -> torch.Tensor:
        """Log-odds (N, moves) of misfits (N, pairs, lines, 6, 10)."""
        x = (testimony(found) - self.mean) / self.spread
        return x @ self.weights[:-1] + self.weights[-1]

    def verdict(self, frames: np.ndarray) -> str:
        """The move in one clip, uint8 (17, 96, 160, 3)."""
        return MOVES[int(self.scores(misfits(_five(frames))[None])[0].argmax())]


def _five(frames: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.array(frames[::EVERY])).permute(0, 3, 1, 2).float() / 255


def _fitted(found: torch.Tensor, truth: torch.Tensor, calm: float = 1e-3) -> CameraJudge:
    figures = testimony(found)
    mean, spread = figures.mean(0), figures.std(0)
    x = (figures - mean) / spread
    weights = torch.zeros(x.shape[1] + 1, len(MOVES), requires_grad=True)
    optimiser = torch.optim.LBFGS([weights], max_iter=300, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimiser.zero_grad()
        off = functional.cross_entropy(x @ weights[:-1] + weights[-1], truth)
        total = off + calm * (weights[:-1] ** 2).sum()
        total.backward()
        return total

    optimiser.step(loss)
    return CameraJudge(weights.detach(), mean, spread)


def taught(count: int = MOMENTS, path: Path = WORK / "judge-camera.pt") -> CameraJudge:
    """The rule, fitted now where it was not yet: each clip as drawn and softened, and both mirrored."""
    state = load(path)
    if state:
        return CameraJudge(**state)
    found, truth, dice = [], [], torch.Generator().manual_seed(0)
    mirrored = {MOVES.index("pan left"): MOVES.index("pan right")}
    mirrored |= {b: a for a, b in mirrored.items()}
    for drawings, note in moments(EVERY, count):
        five, move = _five(np.repeat(drawings, EVERY, 0)), MOVES.index(note["camera"])
        for x in (five, softened(five * 2 - 1, dice).clamp(-1, 1) / 2 + 0.5):
            one = misfits(x)
            found += [one, one[:, _MIRRORED].flip(-1)]
            truth += [move, mirrored.get(move, move)]
    judge = _fitted(torch.stack(found), torch.tensor(truth))
    save(vars(judge).copy(), path)
    return judge
