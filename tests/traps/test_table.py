"""The list of traps: each can be put back, and names tests that are there. That they fail then, `make traps` shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from traps.page import TITLES
from traps.put_back import ROOT, Edit, PutBack, copied, outcome, put, reason
from traps.table import TRAPS


def test_each_is_put_back_once_and_in_one_place() -> None:
    """Its text stands exactly once in its file, and what is put in its place is another."""
    for one in TRAPS:
        for edit in one.edits:
            text = (ROOT / edit.file).read_text(encoding="utf-8")
            assert text.count(edit.old) == 1, (one.what, edit.old)
            assert edit.new != edit.old
        assert one.edits
    assert len({(one.edits, one.tests) for one in TRAPS}) == len(TRAPS)


def test_each_names_tests_that_are_there() -> None:
    """A test that was renamed would look like one that failed."""
    for one in TRAPS:
        assert one.tests, one.what
        for name in one.tests:
            file, *inside = name.partition("[")[0].split("::")
            text = (ROOT / file).read_text(encoding="utf-8")
            assert all(f"class {part}" in text or f"def {part}(" in text for part in inside), name


def test_every_trap_has_a_title() -> None:
    """And all that belong to one trap stand together, as the page needs them."""
    order = list(dict.fromkeys(one.trap for one in TRAPS))
    assert order == list(TITLES)
    assert [one.trap for one in TRAPS] == [trap for trap in order for one in TRAPS if one.trap == trap]


def test_a_copy_has_the_trap_and_the_original_has_not(tmp_path: Path) -> None:
    """Files that are shared with the original are not written to."""
    file, old = "filmforge/video_models/flow.py", "return noise - latents"
    copied(tmp_path, put("5", "x", (file, old, "return latents"), "y").edits)
    assert old not in (tmp_path / file).read_text()
    assert old in (ROOT / file).read_text()
    assert (tmp_path / "tests" / "conftest.py").is_file()


def test_a_text_that_is_not_there_is_told(tmp_path: Path) -> None:
    """Else nothing would be put back, and the tests would rightly pass."""
    edit = Edit("filmforge/video_models/flow.py", "no such text", "")
    with pytest.raises(ValueError, match="not once in it, but 0 times"):
        copied(tmp_path, PutBack("5", "x", (edit,), ()).edits)


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.parametrize(
    ("body", "name", "result"),
    [
        ("assert True", "test_x", "passed"),
        ("assert False", "test_x", "failed"),
        ("no_such_name", "test_x", "not run"),
        ("assert False", "test_y", "not run"),
    ],
)
def test_only_a_test_that_ran_and_failed_notices(body: str, name: str, result: str, tmp_path: Path) -> None:
    """A copy that is broken otherwise, or a test that is not there, proves nothing."""
    (tmp_path / "test_x.py").write_text(f"def test_x():\n    {body}\n")
    (tmp_path / "pyproject.toml").write_text("[tool.pytest.ini_options]\n")
    found, said = outcome(tmp_path, [f"test_x.py::{name}"])
    assert found == result
    assert (reason(said) == "assert False") is (result == "failed")
