"""What the length of footage forbids in the cut is refused where it is written, before anything is made."""

from __future__ import annotations

from pathlib import Path

import pytest

import filmforge
from filmforge.errors import FilmError
from tests.conftest import WriteFilm
from tests.media import write_clip

HELD = 120
SHOTS = """
    fps: 24
    size: 64x36
    scenes:
      - id: a
        shots:
"""


@pytest.fixture
def refused(write_film: WriteFilm, tmp_path: Path):  # type: ignore[no-untyped-def]
    """The problems that `plan` finds in a film of the shots given, in which `g.mp4` holds 120 frames."""
    write_clip(tmp_path / "g.mp4", HELD, 24)

    def plan(*shots: str) -> list[str]:
        film = write_film(SHOTS + "\n".join(f"          - {{{shot}}}" for shot in shots))
        try:
            filmforge.plan(filmforge.load(film))
        except FilmError as error:
            return [str(problem) for problem in error.problems]
        return []

    return plan


@pytest.mark.parametrize(
    ("shots", "where", "said"),
    [
        (
            ["id: x, clip: g.mp4", "id: y, title: y, lasts: 20s, join: {dissolve: 12s}"],
            "scenes[0].shots[1].join.dissolve",
            "longer than the shot before it, which has 5s",
        ),
        (
            [
                "id: x, title: x, lasts: 20s",
                "id: y, clip: g.mp4, join: {dissolve: 4s}",
                "id: z, title: z, lasts: 20s, join: {dissolve: 4s}",
            ],
            "scenes[0].shots[1].join",
            "take 8s together",
        ),
        (
            ["id: x, clip: g.mp4, trim: {from: 4s}", "id: y, title: y, lasts: 9s, join: {wipe: 2s}"],
            "scenes[0].shots[1].join.wipe",
            "which has 1s in the cut",
        ),
        (
            ["id: x, clip: g.mp4, says: {narrator: {text: hi, at: 7s}}"],
            "scenes[0].shots[0].says.narrator.at",
            "it lasts 5s in the cut",
        ),
        (
            [
                "id: x, clip: g.mp4",
                "id: y, prompt: a fox, lasts: 1s, model: pocket, start: {from: x, at: 200f}",
            ],
            "scenes[0].shots[1].start.at",
            "the last is 119f",
        ),
    ],
)
def test_what_footage_is_too_short_for_is_refused(refused, shots: list[str], where: str, said: str) -> None:  # type: ignore[no-untyped-def]
    """Joins, lines and frames that only the file's length can forbid, in one message with its place."""
    (problem,) = refused(*shots)
    assert where in problem and said in problem


def test_what_fits_is_planned(refused) -> None:  # type: ignore[no-untyped-def]
    """The same, just long enough."""
    assert not refused(
        "id: x, title: x, lasts: 20s",
        "id: y, clip: g.mp4, join: {dissolve: 2s}, says: {narrator: {text: hi, at: 119f}}",
        "id: z, title: z, lasts: 20s, join: {dissolve: 3s}",
    )


def test_too_long_a_trim_is_told_once(refused) -> None:  # type: ignore[no-untyped-def]
    """A shot that asks for more than its file holds is refused for that alone."""
    (problem,) = refused(
        "id: x, clip: g.mp4, trim: {from: 6s}", "id: y, title: y, lasts: 9s, join: {wipe: 2s}"
    )
    assert "g.mp4 holds 120 frames" in problem
