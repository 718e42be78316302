"""Source digests: read once, never believed too long."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

import pytest

from filmforge.errors import StoreError
from filmforge.store.files import Files
from filmforge.store.journal import Journal
from filmforge.store.sources import SourceIndex


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class Reader:
    """Counts the files that are read."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from filmforge.store import sources

        self.read = 0
        real = sources.digest_file

        def counted(path: Path) -> str:
            self.read += 1
            return real(path)

        monkeypatch.setattr(sources, "digest_file", counted)


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> Reader:
    return Reader(monkeypatch)


def opened(tmp_path: Path, ahead: float = 10.0) -> SourceIndex:
    """An index as of `ahead` seconds from now: what was just written is settled then."""
    return SourceIndex(Journal(tmp_path / "sources", Files()), clock=lambda: time.time() + ahead)


def test_reads_a_settled_file_once(tmp_path: Path, reader: Reader) -> None:
    """Over any number of questions and processes; another text, and it is read again."""
    path = tmp_path / "ada.png"
    path.write_bytes(b"photo")
    index = opened(tmp_path)
    assert index.digest(path) == index.digest(str(path)) == opened(tmp_path).digest(path) == sha(b"photo")
    assert reader.read == 1
    path.write_bytes(b"other")
    assert opened(tmp_path).digest(path) == sha(b"other")


def test_reads_a_fresh_file_every_time(tmp_path: Path, reader: Reader) -> None:
    """A file changed within the grain of its times could change again unseen: it is not remembered."""
    path = tmp_path / "ada.png"
    path.write_bytes(b"photo")
    index = opened(tmp_path, ahead=0)
    assert index.digest(path) == index.digest(path) == sha(b"photo")
    assert reader.read == 2


def test_remembers_files_of_the_future(tmp_path: Path, reader: Reader) -> None:
    """With the clock set back a year all files are of the future, and still read once."""
    path = tmp_path / "ada.png"
    path.write_bytes(b"photo")
    index = opened(tmp_path, ahead=-3e7)
    assert index.digest(path) == index.digest(path)
    assert reader.read == 1


def test_finds_an_edit_that_hides(tmp_path: Path) -> None:
    """The same length, the time of writing set back, or another file in its place: found."""
    path = tmp_path / "ada.png"
    path.write_bytes(b"photo")
    index = opened(tmp_path)
    assert index.digest(path) == sha(b"photo")
    before = path.stat()
    time.sleep(0.01)
    path.write_bytes(b"other")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert index.digest(path) == sha(b"other")
    (tmp_path / "new").write_bytes(b"third")
    os.utime(tmp_path / "new", ns=(before.st_atime_ns, before.st_mtime_ns))
    (tmp_path / "new").replace(path)
    assert index.digest(path) == sha(b"third")


def test_gives_the_same_digest_for_a_touched_or_moved_file(tmp_path: Path) -> None:
    """Times and places are no content."""
    path = tmp_path / "ada.png"
    path.write_bytes(b"photo")
    index = opened(tmp_path)
    index.digest(path)
    path.touch()
    assert index.digest(path) == sha(b"photo")
    moved = path.rename(tmp_path / "bob.png")
    assert index.digest(moved) == sha(b"photo")


def test_says_whether_a_file_is_unchanged(tmp_path: Path) -> None:
    """For the check after a step has read it: edited or gone is changed, touched is not."""
    path = tmp_path / "ada.png"
    path.write_bytes(b"photo")
    index = opened(tmp_path, ahead=0)
    digest = index.digest(path)
    assert index.unchanged(path, digest)
    path.touch()
    assert index.unchanged(path, digest)
    path.write_bytes(b"edit!")
    assert not index.unchanged(path, digest)
    path.unlink()
    assert not index.unchanged(path, digest)


def test_refuses_a_file_that_is_being_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A digest of half a file is never given."""
    path = tmp_path / "render.mp4"
    path.write_bytes(b"0")

    def growing(read: Path) -> str:
        with read.open("ab") as file:
            file.write(b"0")
        return "wrong"

    monkeypatch.setattr("filmforge.store.sources.digest_file", growing)
    with pytest.raises(StoreError, match=r"render\.mp4 is being written"):
        opened(tmp_path).digest(path)


def test_names_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    """A missing file, or a folder, is an error with its name."""
    for path in (tmp_path / "missing.png", tmp_path):
        with pytest.raises(StoreError, match=path.name):
            opened(tmp_path).digest(path)


def test_survives_its_own_damage(tmp_path: Path) -> None:
    """The index cut off at every byte gives right digests."""
    paths = [tmp_path / name for name in ("a", "b")]
    for path in paths:
        path.write_bytes(path.name.encode())
        opened(tmp_path).digest(path)
    whole = (tmp_path / "sources").read_bytes()
    for length in range(len(whole)):
        (tmp_path / "sources").write_bytes(whole[:length])
        assert [opened(tmp_path).digest(path) for path in paths] == [sha(b"a"), sha(b"b")]
