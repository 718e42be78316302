"""The judges see what is there: where a stage moves, where a figure stands and goes; and are taught the same every time."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip(
    "skia", exc_type=ImportError, reason="drawing the world needs skia-python: pip install skia-python"
)

from pocket import eye, glass, judge_camera, teaching
from pocket.judge import walk
from pocket.judge_camera import LINES, misfits
from pocket.judge_material import exam, labels, sample
from pocket.world import Shot


def _paper() -> torch.Tensor:
    """A large sheet of blots (3, 288, 480) in 0..1."""
    blots = torch.rand(1, 3, 48, 80, generator=torch.Generator().manual_seed(3))
    return torch.nn.functional.interpolate(blots, (288, 480), mode="bicubic").clamp(0, 1)[0]


def _slid(across: int, along: int) -> torch.Tensor:
    """Five drawings, each ``across`` and ``along`` pixels further than the one before."""
    sheet = _paper()
    corners = [(96 - along * k, 160 - across * k) for k in range(5)]
    return torch.stack([sheet[:, y : y + 96, x : x + 160] for y, x in corners])


def _grown(by: float) -> torch.Tensor:
    """Five drawings, each ``by`` times the size of the one before, round the middle."""
    maps = torch.tensor([[[1 / (3 * by**k), 0, 0], [0, 1 / (3 * by**k), 0]] for k in range(5)])
    grid = torch.nn.functional.affine_grid(maps, [5, 3, 96, 160], align_corners=False)
    return torch.nn.functional.grid_sample(_paper().expand(5, -1, -1, -1), grid, align_corners=False)


@pytest.mark.parametrize(
    ("five", "line"),
    [
        (_slid(0, 0), "stay"),
        (_slid(6, 0), "right"),
        (_slid(-6, 0), "left"),
        (_slid(0, 6), "down"),
        (_slid(0, -6), "up"),
        (_grown(1.1), "grow"),
        (_grown(1 / 1.1), "shrink"),
    ],
)
def test_a_sheet_of_paper_fits_best_along_the_line_on_which_it_moved(five: torch.Tensor, line: str) -> None:
    found = misfits(five).mean((0, 2, 3))
    own, others = found[LINES.index(line)], found[[n for n, name in enumerate(LINES) if name != line]]
    assert 2 * own < others.min()


def test_a_mirrored_clip_has_mirrored_misfits() -> None:
    five = _slid(6, 2)
    expected = misfits(five)[:, judge_camera._MIRRORED].flip(-1)
    torch.testing.assert_close(misfits(five.flip(-1)), expected, atol=1e-5, rtol=1e-4)


@pytest.mark.slow
def test_the_camera_s_judge_names_moves_of_clips_it_was_not_fitted_on(tmp_path: Path) -> None:
    judge = judge_camera.taught(192, tmp_path / "judge.pt")  # 32 clips of each move
    kept = [pair for pair in exam(192, every=3) if pair[1]["size"] != "close"]
    told = [judge.verdict(frames) for frames, _ in kept]
    right = [name == note["camera"] for name, (_, note) in zip(told, kept, strict=True)]
    assert np.mean(right) > 0.9
    again = judge_camera.taught(192, tmp_path / "judge.pt")
    assert torch.equal(again.weights, judge.weights)


def _map(column: float) -> torch.Tensor:
    """A figure three cells wide, standing at ``column`` of 20."""
    columns = torch.arange(20.0)
    return ((columns - column).abs() < 1.5).float().expand(12, 20) * (torch.arange(12) > 6)[:, None]


def test_who_walks_is_further_on_at_the_end_and_who_sways_is_not() -> None:
    frames = range(9)
    assert walk(torch.stack([_map(6 + n) for n in frames])) == "walk right"
    assert walk(torch.stack([_map(14 - n) for n in frames])) == "walk left"
    assert walk(torch.stack([_map(10 + 0.5 * (-1) ** n) for n in frames])) == "stays"
    assert walk(torch.zeros(9, 12, 20)) == "stays"


def test_a_figure_that_is_lost_for_some_frames_still_walks() -> None:
    maps = torch.stack([_map(6 + n) for n in range(9)])
    maps[3:5] = 0.0
    assert walk(maps) == "walk right"


def test_marks_move_with_the_figures_they_mark() -> None:
    frames, marks = torch.full((16, 3, 96, 160), -1.0), torch.zeros(16, 12, 20, dtype=torch.bool)
    frames[:, :, 24:64, 24:56], marks[:, 3:8, 3:7] = 1.0, True
    frames, where = eye.as_painted(frames, marks, torch.Generator().manual_seed(0))
    cells = torch.nn.functional.avg_pool2d(frames.mean(1), 8)
    assert where.sum((1, 2)).min() > 6
    for picture, there in zip(cells, where, strict=True):
        assert picture[there > 0.9].min() > 0.3
        assert picture[there < 0.1].max() < 0.5


def test_a_figure_is_cut_out_at_one_size_wherever_it_stands() -> None:
    frames, marks = torch.full((2, 3, 96, 160), -1.0), torch.zeros(2, 12, 20)
    frames[0, :, 24:64, 24:48], marks[0, 3:8, 3:6] = 1.0, 1.0
    frames[1, :, 8:88, 80:128], marks[1, 1:11, 10:16] = 1.0, 1.0
    small, large = glass.cut_out(frames, glass.windows(marks)).mean(1) > 0
    assert small[32, 32]
    assert not small[0].any()
    assert (small == large).float().mean() > 0.95


def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    notes = [labels(sample(np.random.default_rng([1, n]), n, 0.2)) for n in range(12)]
    drawn = rng.integers(0, 255, (12, 96, 160, 3), np.uint8), rng.random((12, 12, 20)) < 0.2, notes
    monkeypatch.setattr(eye, "stills", lambda: drawn)
    monkeypatch.setattr(eye, "BATCH", 3)
    monkeypatch.setattr(teaching, "SAVE_EVERY", 2)


def test_teaching_goes_on_where_it_was_stopped_and_ends_the_same(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _few(monkeypatch)
    at_once = eye.taught(4, tmp_path / "at once.pt").state_dict()
    calls = []

    def stopping(*given: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return as_painted(*given)  # type: ignore[arg-type]

    as_painted = eye.as_painted
    monkeypatch.setattr(eye, "as_painted", stopping)
    with pytest.raises(KeyboardInterrupt):
        eye.taught(4, tmp_path / "twice.pt")
    in_two_goes = eye.taught(4, tmp_path / "twice.pt").state_dict()
    assert len(calls) == 6
    assert all(torch.equal(at_once[name], in_two_goes[name]) for name in at_once)


def test_sizes_kinds_and_moves_come_equally_often_and_are_what_the_shot_is() -> None:
    shots: list[Shot] = [sample(np.random.default_rng([21, n]), n, 0.0) for n in range(192)]
    notes = [labels(shot) for shot in shots]
    assert set(Counter(n["size"] for n in notes).values()) == {48}
    assert set(Counter(n["kind"] for n in notes).values()) == {24}
    assert set(Counter(n["camera"] for n in notes).values()) == {32}
    assert len(Counter((n["size"], n["kind"], n["camera"]) for n in notes)) == 192
    for shot, note in zip(shots, notes, strict=True):
        assert (note["size"], note["camera"]) == (shot.size, shot.camera)
        assert (note["kind"], note["action"]) == (shot.players[0].kind, shot.players[0].action)
