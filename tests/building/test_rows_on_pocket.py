"""The rows of `test_what_runs_again.py` with nothing replaced: pocket renders, peft trains, FFmpeg cuts.

One film is built once. Each row edits it, builds, and counts the steps that ran; then it is put back as it was, and
nothing may run. Worker processes stay between builds, so that a row takes seconds. `make test` takes some of the rows,
one for each way that an edit can go; `make rows` takes all.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

import filmforge
from tests.building.studio import FILM, write_cube, write_project
from tests.building.test_what_runs_again import ROWS
from tests.crew import Crew
from tests.media import write_clip, write_photo, write_sound

Ran = dict[str, int]

SOME = (
    "comments, order of keys, style",
    "join grows",
    "says text",
    "lasts beyond it",
    "pick",
    "prompt of a shot that another starts from",
    "film size",
    "a style's grade",
)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """All rows where they are asked for, else some."""
    if "row" in metafunc.fixturenames:
        metafunc.parametrize("row", list(ROWS) if metafunc.config.getoption("--all-rows") else SOME)


class Set:
    """The film, as often edited and built as one likes."""

    def __init__(self, folder: Path) -> None:
        write_project(folder, brief(FILM))
        self.folder, self.film = folder, folder / "film.yaml"
        self.crew = Crew(folder / ".filmforge")

    def build(self, text: str | None = None, *, profile: str | None = None) -> Ran:
        """Build the film, of this text if one is given: how many steps of each kind ran."""
        if text is not None:
            self.film.write_text(brief(text), encoding="utf-8")
        self.crew.started.clear()
        result = filmforge.build(filmforge.load(self.film, profile=profile), executor=self.crew)
        assert result.ok, result.done
        ran = dict(result.done.ran)
        started = Counter(
            kind for kind in self.crew.started if kind != "cut"
        )  # a file put back counts as a cut
        assert {kind: count for kind, count in ran.items() if kind != "cut"} == started
        return ran


def brief(text: str) -> str:
    """The film with two sampling steps and three of training, where it does not say how many.

    Twelve in bf16: what three have changed is lost in its rounding, and the proof says so.
    """
    steps = 12 if "bf16" in text else 3
    text = re.sub(r"hero: \{use: pocket(?!, steps)", "hero: {use: pocket, steps: 2", text)
    text = re.sub(r"(photos: photos/\w+)(?!/|, lora|\w)", rf"\1, lora: {{steps: {steps}}}", text)
    return text.replace("lora: {weight", f"lora: {{steps: {steps}, weight")


@pytest.fixture(scope="module")
def built_set(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Set]:
    """The film built once."""
    place = Set(tmp_path_factory.mktemp("pocket"))
    try:
        assert place.build() == {
            "lora": 2,
            "render": 6,
            "frame": 1,
            "plate": 3,
            "segment": 9,
            "mix": 1,
            "cut": 1,
        }
        yield place
    finally:
        place.crew.dismiss()


@pytest.fixture
def on_set(built_set: Set) -> Iterator[Set]:
    """The film, as it was written; put back afterwards, so that a row that fails is one failure."""
    yield built_set
    built_set.film.write_text(brief(FILM), encoding="utf-8")


@pytest.mark.slow
class TestRows:
    def test_row(self, on_set: Set, row: str) -> None:
        """After the edit exactly the steps of the row run; once more, or back as it was, none does."""
        edit, expected = ROWS[row]
        assert on_set.build(edit(FILM)) == expected
        assert on_set.build() == {}
        assert on_set.build(FILM) == {}

    def test_profile_and_back(self, on_set: Set) -> None:
        """A profile is made once; the film after it, and the profile again, run nothing."""
        assert on_set.build(profile="draft")["render"] == 6
        assert on_set.build() == {}
        assert on_set.build(profile="draft") == {}


@pytest.mark.slow
class TestFiles:
    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("stills/letter.png", {"plate": 1, "segment": 1, "cut": 1}),
            ("photos/mira/0.png", {"lora": 1, "render": 2, "frame": 1, "segment": 2, "cut": 1}),
            ("footage/gull.mp4", {"plate": 1, "segment": 1, "mix": 1, "cut": 1}),
            ("looks/storm.cube", {"segment": 4, "cut": 1}),
            ("audio/line.wav", {"mix": 1, "cut": 1}),
        ],
    )
    def test_other_bytes(self, on_set: Set, name: str, expected: Ran) -> None:
        """Other bytes in a file make anew what is made from it; the old ones back, nothing."""
        path = on_set.folder / name
        before = path.read_bytes()
        write_others(path)
        assert on_set.build() == expected
        path.write_bytes(before)
        assert on_set.build() == {}

    def test_touched(self, on_set: Set) -> None:
        """The same bytes with other times are the same files."""
        for name in ("photos/mira/0.png", "footage/gull.mp4", "audio/theme.wav", "looks/storm.cube"):
            os.utime(on_set.folder / name, (1, 1))
        assert on_set.build() == {}


@pytest.mark.slow
class TestDamage:
    def test_every_kind_of_result(self, on_set: Set) -> None:
        """A result that was lost is made again by its own step, byte-equal, and what rests on it is not."""
        planned = filmforge.plan(filmforge.load(on_set.film))
        one_of_each = {p.step.kind: p for p in planned.steps.values() if p.step.kind != "cut"}
        for kind, lost in one_of_each.items():
            assert lost.record is not None
            digest = lost.record.outputs["main"].digest
            blob = on_set.folder / ".filmforge/blobs" / digest[:2] / digest
            blob.unlink()
            assert on_set.build() == {kind: 1}
            assert blob.exists()

    def test_damaged_output(self, on_set: Set) -> None:
        """A delivered file that was damaged is delivered again as it was: `cut` only."""
        path = on_set.folder / "out" / f"{on_set.folder.name}.mp4"
        content = path.read_bytes()
        path.write_bytes(content[: len(content) // 2])
        assert on_set.build() == {"cut": 1}
        assert path.read_bytes() == content


def write_others(path: Path) -> None:
    """Put other bytes of the same sort in the place of a file."""
    match path.suffix:
        case ".png":
            write_photo(path, (1, 2, 3))
        case ".mp4":
            write_clip(path, frames=40, fps=12, sound=True)  # another moment at every frame
        case ".cube":
            write_cube(path, 0.5)
        case _:
            write_sound(path, 0.5, hertz=500.0)
