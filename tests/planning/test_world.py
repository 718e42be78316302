"""What a plan learns of the machine: weights that a film names and that are not there."""

from __future__ import annotations

from pathlib import Path

import pytest

import filmforge
from filmforge.errors import FilmError

FILM = """\
filmforge: 1
models:
  hero: {use: wan2.2-ti2v-5b, weights: ./nowhere}
model: hero
scenes: [{id: a, shots: [{id: b, prompt: a fox, lasts: 1s}]}]
"""


class TestWeights:
    def test_a_folder_that_is_not_there(self, tmp_path: Path) -> None:
        """The mistake stands in the film: it is named with its line and column, and what to write instead."""
        path = tmp_path / "film.yaml"
        path.write_text(FILM, encoding="utf-8")
        with pytest.raises(FilmError) as caught:
            filmforge.plan(filmforge.load(path))
        (problem,) = caught.value.problems
        assert (problem.line, problem.column) == (3, 31)
        assert "does not exist" in problem.message and "name a folder" in problem.message
