"""Blobs: named by their bytes, found out when they are not what their name says."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

import pytest

from filmforge.errors import StoreError
from filmforge.store import Blob, Store
from tests.store.conftest import DAMAGES, damage


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class TestPut:
    @pytest.mark.parametrize("data", [b"", b"film", bytes(3 << 20)], ids=["empty", "small", "large"])
    def test_moves_a_file_in_under_its_digest(self, store: Store, data: bytes) -> None:
        """The file is gone from where it was, and is here, read-only, under the SHA-256 of its bytes."""
        path = store.new_file(".mp4")
        path.write_bytes(data)
        assert store.blobs.put(path) == Blob(sha(data), len(data))
        assert not path.exists()
        kept = store.blobs.path(sha(data))
        assert kept.read_bytes() == data
        assert kept.stat().st_mode & 0o777 == 0o444
        assert store.blobs.has(sha(data))
        assert list((store.root / "tmp").iterdir()) == []

    def test_of_equal_bytes_keeps_one(self, store: Store) -> None:
        """The same bytes twice are one blob, which is whole at every moment."""
        assert store.blobs.put_bytes(b"film") == store.blobs.put_bytes(b"film")
        assert list(store.blobs) == [sha(b"film")]

    def test_replaces_a_damaged_blob(self, store: Store) -> None:
        """Making a result again mends it, whether or not anyone had noticed the damage."""
        blob = store.blobs.put_bytes(b"film")
        damage(store.blobs.path(blob.digest), "flipped")
        store.blobs.put_bytes(b"film")
        assert store.blobs.has(blob.digest)
        assert store.blobs.path(blob.digest).read_bytes() == b"film"

    def test_copies_a_file_that_has_another_name(self, store: Store, tmp_path: Path) -> None:
        """A hard link elsewhere must not be a way to write into the store."""
        outside, path = tmp_path / "outside", store.new_file()
        outside.write_bytes(b"film")
        path.hardlink_to(outside)
        blob = store.blobs.put(path)
        outside.write_bytes(b"edit")
        assert store.blobs.path(blob.digest).read_bytes() == b"film"
        assert not path.exists()

    def test_refuses_what_is_no_file(self, store: Store, tmp_path: Path) -> None:
        """A folder, or a link, is no result."""
        link = tmp_path / "link"
        link.symlink_to(tmp_path / "target")
        for path in (tmp_path, link):
            with pytest.raises(StoreError, match="not a regular file"):
                store.blobs.put(path)

    def test_of_a_missing_file_says_so(self, store: Store) -> None:
        """A step that promised a file and did not write it fails with that file's name."""
        with pytest.raises(StoreError, match=r"\.wav"):
            store.blobs.put(store.new_file(".wav"))


class TestHas:
    @pytest.mark.parametrize("how", DAMAGES)
    @pytest.mark.parametrize("reopened", [False, True])
    def test_finds_damage_before_use(
        self, store: Store, warnings: list[str], how: str, reopened: bool
    ) -> None:
        """A blob harmed in any way is missing, with one warning, and can be made again."""
        blob = store.blobs.put_bytes(b"a film of some length")
        damage(store.blobs.path(blob.digest), how)
        opened = Store(store.root, warn=warnings.append) if reopened else store
        assert not opened.blobs.has(blob.digest)
        assert not opened.blobs.has(blob.digest)
        assert len(warnings) == (0 if how == "deleted" else 1)
        opened.blobs.put_bytes(b"a film of some length")
        assert opened.blobs.has(blob.digest)

    def test_believes_a_file_that_was_only_touched(self, store: Store, warnings: list[str]) -> None:
        """New times or another mode, the same bytes: still here, and remembered anew."""
        blob = store.blobs.put_bytes(b"film")
        os.utime(store.blobs.path(blob.digest), (0, 0))
        store.blobs.path(blob.digest).chmod(0o600)
        assert store.blobs.has(blob.digest)
        assert Store(store.root, readonly=True).blobs.has(blob.digest)
        assert warnings == []

    def test_reads_no_byte_of_an_unchanged_blob(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        """What was verified once, by any process, costs a look at the file's times."""
        blob = store.blobs.put_bytes(b"film")

        def never(*_: object) -> str:
            raise AssertionError("read")

        monkeypatch.setattr("filmforge.store.blobs.digest_file", never)
        assert store.blobs.has(blob.digest)
        assert Store(store.root).blobs.has(blob.digest)

    def test_of_a_copied_store_reads_it_once(self, store: Store, tmp_path: Path) -> None:
        """A store moved to another disk has other inodes: every blob is read again, and then remembered."""
        blob = store.blobs.put_bytes(b"film")
        copy = tmp_path / "copy"
        os.system(f"cp -r '{store.root}' '{copy}'")
        assert Store(copy).blobs.has(blob.digest)
        assert Store(copy, readonly=True).blobs.has(blob.digest)

    def test_cannot_be_fooled_by_times_set_back(self, store: Store, warnings: list[str]) -> None:
        """The same length and the same time of writing, other bytes: found."""
        blob = store.blobs.put_bytes(b"film")
        path = store.blobs.path(blob.digest)
        before = path.stat()
        time.sleep(0.01)
        path.chmod(0o600)
        path.write_bytes(b"fake")
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        assert not store.blobs.has(blob.digest)
        assert len(warnings) == 1


class TestCopyTo:
    def test_gives_a_file_of_its_own(self, store: Store, tmp_path: Path) -> None:
        """The copy can be edited without harm to the store; folders are made, an older file is replaced."""
        blob = store.blobs.put_bytes(b"film")
        target = tmp_path / "out" / "film.mp4"
        store.blobs.copy_to(blob.digest, target)
        target.write_bytes(b"edited")
        assert store.blobs.path(blob.digest).read_bytes() == b"film"
        store.blobs.copy_to(blob.digest, target)
        assert target.read_bytes() == b"film"
        assert [path.name for path in target.parent.iterdir()] == ["film.mp4"]

    @pytest.mark.parametrize("how", DAMAGES)
    def test_never_delivers_damage(self, store: Store, tmp_path: Path, warnings: list[str], how: str) -> None:
        """A damaged blob leaves what was there before, says so, and counts as missing from then on."""
        blob = store.blobs.put_bytes(b"a film of some length")
        target = tmp_path / "film.mp4"
        target.write_bytes(b"yesterday's")
        damage(store.blobs.path(blob.digest), how)
        with pytest.raises(StoreError, match="Build again"):
            store.blobs.copy_to(blob.digest, target)
        assert target.read_bytes() == b"yesterday's"
        assert {path.name for path in tmp_path.iterdir()} == {"film.mp4", "store"}
        assert not store.blobs.has(blob.digest)

    def test_clears_what_a_killed_copy_left(self, store: Store, tmp_path: Path) -> None:
        """A half copy of a process that is gone does not stay beside the film; one of a live process does."""
        blob = store.blobs.put_bytes(b"film")
        mine = store.new_file().name
        machine, _, _ = mine.partition(".")
        (tmp_path / f".part.{machine}.999999999.1.0").write_bytes(b"half")
        (tmp_path / f".part.{mine}").write_bytes(b"half")
        store.blobs.copy_to(blob.digest, tmp_path / "film.mp4")
        assert sorted(path.name for path in tmp_path.iterdir()) == [f".part.{mine}", "film.mp4", "store"]
