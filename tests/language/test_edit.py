"""Small edits of a film's text."""

from __future__ import annotations

from pathlib import Path

import pytest

from filmforge.errors import FilmforgeError, UsageError
from filmforge.language.edit import add_take, set_pick
from filmforge.language.seeds import drawn

from .conftest import EXAMPLE, film_with


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """The example film, without its files."""
    path = tmp_path / "film.yaml"
    path.write_text(EXAMPLE)
    return path


def changed(path: Path, before: str = EXAMPLE) -> list[tuple[str, str]]:
    """The lines of the film that differ from `before`, as were and are."""
    was, now = before.splitlines(), path.read_text().splitlines()
    return [(w, n) for w, n in zip(was, now, strict=True) if w != n]


class TestPick:
    """The take in the cut."""

    def test_it_is_replaced(self, film: Path) -> None:
        """Nothing else changes, not even the comment behind it."""
        set_pick(film, "arrival/close", 13)
        assert changed(film) == [
            (
                "        pick: 12                         # the one in the cut",
                "        pick: 13                         # the one in the cut",
            )
        ]

    def test_it_is_added(self, film: Path) -> None:
        """On a line of its own, below the takes."""
        text = EXAMPLE.replace("        pick: 12                         # the one in the cut\n", "")
        film.write_text(text)
        set_pick(film, "arrival/close", 12)
        line = "        takes: [11, 12, 13]              # seeds; every take is rendered\n"
        assert film.read_text() == text.replace(line, line + "        pick: 12\n")

    def test_it_is_added_within_braces(self, film: Path) -> None:
        """A shot written on one line stays on one line."""
        film.write_text(film_with(shots="      - {id: a, takes: [1, 2], prompt: x, lasts: 1s}  # here\n"))
        set_pick(film, "sea/a", 2)
        assert "- {id: a, takes: [1, 2], pick: 2, prompt: x, lasts: 1s}  # here\n" in film.read_text()

    def test_it_has_to_be_a_take(self, film: Path) -> None:
        """The takes there are, are named."""
        with pytest.raises(UsageError, match="no take 99; it has 11, 12, 13"):
            set_pick(film, "arrival/close", 99)

    @pytest.mark.parametrize(
        ("name", "said"),
        [("arrival/clos", "did you mean 'arrival/close'"), ("arrival/gull", "not a generated")],
    )
    def test_the_shot_has_to_be_there(self, film: Path, name: str, said: str) -> None:
        """And to be one with takes."""
        with pytest.raises(UsageError, match=said):
            set_pick(film, name, 1)


class TestTake:
    """A further take."""

    def test_it_is_added_to_a_list_in_brackets(self, film: Path) -> None:
        """Behind the last."""
        add_take(film, "arrival/close", 14)
        ((_, now),) = changed(film)
        assert now == "        takes: [11, 12, 13, 14]              # seeds; every take is rendered"

    def test_it_is_added_to_a_list_of_lines(self, film: Path) -> None:
        """On a line of its own, in the same column."""
        film.write_text(
            film_with(
                shots="      - id: a\n        takes:\n          - 1\n          - 2 # two\n"
                "        prompt: x\n        lasts: 1s\n"
            )
        )
        add_take(film, "sea/a", 3)
        assert "          - 2 # two\n          - 3\n        prompt" in film.read_text()

    def test_the_seed_it_had_becomes_a_take_too(self, film: Path) -> None:
        """So that the cut stays as it is."""
        add_take(film, "arrival/wide", 8)
        assert "        seed: 7\n        takes: [7, 8]\n" in film.read_text()

    def test_a_drawn_seed_becomes_a_take_too(self, film: Path) -> None:
        """It is written out, and stays the one in the cut."""
        film.write_text(
            film_with(shots="      - id: a\r\n        prompt: |\r\n          x\r\n        lasts: 1s\r\n")
        )
        add_take(film, "sea/a", 8)
        assert f"      - id: a\n        takes: [{drawn(0, 'sea/a')}, 8]\n" in film.read_text()

    def test_a_take_that_is_there(self, film: Path) -> None:
        """Twice the same would be rendered once."""
        with pytest.raises(UsageError, match="has a take 12 already"):
            add_take(film, "arrival/close", 12)


class TestSafety:
    """A film is never left worse than it was."""

    @pytest.mark.parametrize(
        "text",
        [
            film_with(
                shots="      - &s {id: a, takes: &t [1, 2], prompt: x, lasts: 1s}\n"
                "      - {id: b, takes: *t, prompt: x, lasts: 1s}\n"
            ),
            "filmforge: 1\nscenes:\n  - &s {id: sea, shots: [{id: b, takes: [1], prompt: x, lasts: 1s}]}\n"
            "profiles: {p: {scenes: [*s]}}\n",
        ],
    )
    def test_an_alias_is_left_alone(self, film: Path, text: str) -> None:
        """An edit that would change something else is refused, and nothing is written."""
        film.write_text(text)
        with pytest.raises(FilmforgeError, match="by hand"):
            add_take(film, "sea/b", 7)
        assert film.read_text() == text

    def test_a_link_stays_a_link(self, film: Path, tmp_path: Path) -> None:
        """What it leads to is edited; nothing is left beside it."""
        real = tmp_path / "real"
        real.mkdir()
        film.rename(real / "film.yaml")
        film.symlink_to(real / "film.yaml")
        (real / "film.yaml").chmod(0o640)
        set_pick(film, "arrival/close", 11)
        assert film.is_symlink()
        assert "pick: 11" in (real / "film.yaml").read_text()
        assert (real / "film.yaml").stat().st_mode & 0o777 == 0o640
        assert [one.name for one in real.iterdir()] == ["film.yaml"]

    def test_a_byte_order_mark_stays(self, film: Path) -> None:
        """The file's first bytes are its own."""
        film.write_bytes(b"\xef\xbb\xbf" + EXAMPLE.encode())
        set_pick(film, "arrival/close", 11)
        assert film.read_bytes().startswith(b"\xef\xbb\xbf# yaml")
