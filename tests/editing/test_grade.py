"""Colour tables: whole ones are taken, others named with the line that is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from filmforge.editing.grade import NAME, install_grade
from filmforge.errors import MediaError

ROWS = "\n".join(f"{r} {g} {b}" for b in (0, 1) for g in (0, 1) for r in (0, 1))


class TestInstallGrade:
    def test_takes_a_table(self, tmp_path: Path) -> None:
        """Comments, titles and domains are understood; what FFmpeg gets is plain."""
        cube = tmp_path / "look.cube"
        cube.write_text(
            f'# made by hand\nTITLE "a look"\nDOMAIN_MIN 0 0 0\nDOMAIN_MAX 1 1 1\nLUT_3D_SIZE 2\n\n{ROWS}\n'
        )
        assert install_grade(cube, tmp_path) == "3d"
        lines = (tmp_path / NAME).read_text().splitlines()
        assert lines[0] == "LUT_3D_SIZE 2"
        assert len(lines) == 11

    def test_takes_one_dimension(self, tmp_path: Path) -> None:
        """A curve is a table too."""
        (tmp_path / "a.cube").write_text("LUT_1D_SIZE 2\n0 0 0\n1 1 1")
        assert install_grade(tmp_path / "a.cube", tmp_path) == "1d"

    @pytest.mark.parametrize(
        ("text", "what"),
        [
            ("", "no LUT_3D_SIZE"),
            ("LUT_3D_SIZE 2\n0 0 0", "holds 1 colours, not 8"),
            ("LUT_3D_SIZE 5000\n", r"look\.cube:1"),
            ("LUT_3D_SIZE 2\n0 0 zero", r"look\.cube:2"),
            ("LUT_3D_SIZE 2\n0 0 nan", r"look\.cube:2"),
            ("LUT_3D_SIZE 2\n0 0", r"look\.cube:2"),
        ],
    )
    def test_names_the_line(self, tmp_path: Path, text: str, what: str) -> None:
        """A damaged table is an error that says where."""
        (tmp_path / "look.cube").write_text(text)
        with pytest.raises(MediaError, match=what):
            install_grade(tmp_path / "look.cube", tmp_path)
