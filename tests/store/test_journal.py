"""The journal: quick, shared, and never believed wrongly."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from filmforge.store.files import Files
from filmforge.store.journal import Journal


def key(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal"


@pytest.fixture
def journal(path: Path) -> Journal:
    return Journal(path, Files())


def test_remembers_the_last_line_of_a_key(path: Path, journal: Journal) -> None:
    """A later line replaces an earlier one, here and for who reads the file afresh."""
    journal.put(key(1), b"old")
    journal.put(key(1), b"new \t\x00\xff line")
    assert journal.get(key(1)) == Journal(path, Files()).get(key(1)) == b"new \t\x00\xff line"
    assert journal.get(key(2)) is None


def test_sees_what_other_processes_add(path: Path, journal: Journal) -> None:
    """Two who have the file open see each other's lines."""
    other = Journal(path, Files())
    journal.put(key(1), b"one")
    assert other.get(key(1)) == b"one"
    other.put(key(2), b"two")
    assert journal.get(key(2)) == b"two"


def test_cut_off_at_any_byte_gives_right_lines_or_none(path: Path, journal: Journal) -> None:
    """Every prefix of the file is a journal of whole, right lines; adding to it works as ever."""
    journal.put_many((key(n), b"rest %d" % n) for n in range(4))
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        cut = Journal(path, Files())
        assert all(cut.get(key(n)) in (None, b"rest %d" % n) for n in range(4))
        cut.put(key(9), b"after")
        assert Journal(path, Files()).get(key(9)) == b"after"


def test_with_any_byte_changed_gives_right_lines_or_none(path: Path, journal: Journal) -> None:
    """A flipped bit makes its own line unbelievable, and no other."""
    journal.put_many((key(n), b"rest %d" % n) for n in range(3))
    whole = path.read_bytes()
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1 :])
        changed = Journal(path, Files())
        found = [changed.get(key(n)) for n in range(3)]
        assert all(line in (None, b"rest %d" % n) for n, line in enumerate(found))
        assert found.count(None) <= 2  # the newline between two lines may take both with it


@pytest.mark.parametrize("content", [b"\0" * 5000, b"\n" * 100, b"\xff" * 300 + b"\n", b"deadbeef \n"])
def test_of_nonsense_is_empty(path: Path, content: bytes) -> None:
    """Zeros, as a power loss leaves them, and other rubbish are no lines."""
    path.write_bytes(content)
    journal = Journal(path, Files())
    assert journal.get(key(1)) is None
    journal.put(key(1), b"one")
    assert Journal(path, Files()).get(key(1)) == b"one"


def test_keeps_what_cannot_be_written_until_it_can(tmp_path: Path) -> None:
    """Lines for a folder that does not exist yet are written with the first line after it does."""
    path = tmp_path / "later" / "journal"
    journal = Journal(path, Files())
    journal.put(key(1), b"one")
    assert journal.get(key(1)) == b"one"
    path.parent.mkdir()
    journal.put(key(2), b"two")
    assert Journal(path, Files()).get(key(1)) == b"one"


def test_rewritten_holds_only_what_is_kept(tmp_path: Path, path: Path, journal: Journal) -> None:
    """After a collection the file has one line a key that is left; others who had it open read on."""
    for n in range(20):
        journal.put(key(n % 5), b"%d" % n)
    other = Journal(path, Files())
    assert other.get(key(4)) == b"19"
    before = path.stat().st_size
    journal.rewrite([key(1), key(4)], tmp_path / "temporary")
    assert path.stat().st_size < before / 5
    assert (journal.get(key(1)), journal.get(key(2)), journal.get(key(4))) == (b"16", None, b"19")
    journal.put(key(7), b"new")
    assert other.get(key(7)) == b"new"


def test_read_only_writes_nothing(path: Path) -> None:
    """A journal opened for reading remembers in memory alone."""
    journal = Journal(path, Files(), readonly=True)
    journal.put(key(1), b"one")
    assert journal.get(key(1)) == b"one"
    assert not path.exists()
