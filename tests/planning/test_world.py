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


class TestGrades:
    """A colour table is read before anything is made with it."""

    FILM = """\
filmforge: 1
styles:
  storm: {lut: storm.cube}
style: storm
scenes: [{id: a, shots: [{id: b, prompt: a fox, lasts: 1s}, {id: c, prompt: an owl, lasts: 1s}]}]
model: animatic
"""

    @pytest.mark.parametrize(
        ("table", "wrong"),
        [
            ("LUT_3D_SIZE 2\n", "storm.cube: holds 0 colours, not 8"),
            ("LUT_1D_SIZE 2\n0 0 0\n1 1 one\n", "storm.cube:3: '1 1 one' is not three numbers"),
        ],
    )
    def test_a_table_that_is_not_whole(self, tmp_path: Path, table: str, wrong: str) -> None:
        """It is said once, where the film names it; a whole one is taken."""
        path, cube = tmp_path / "film.yaml", tmp_path / "storm.cube"
        path.write_text(self.FILM, encoding="utf-8")
        cube.write_text(table, encoding="utf-8")
        with pytest.raises(FilmError) as caught:
            filmforge.plan(filmforge.load(path))
        (problem,) = caught.value.problems
        assert problem.line == 3
        assert problem.message.startswith(wrong)
        cube.write_text("LUT_1D_SIZE 2\n0 0 0\n1 1 1\n", encoding="utf-8")
        assert filmforge.plan(filmforge.load(path)).steps
