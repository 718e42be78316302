"""A full disk, at any moment: a clear message, nothing half left behind, nothing finished lost."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from filmforge.errors import StoreError
from filmforge.store import Record, Store
from filmforge.store.files import Files
from tests.store.conftest import made


class FullFiles(Files):
    """A disk with room for `left` acts that need room; writing stops half-way, as it does."""

    def __init__(self, left: float) -> None:
        self.left = left

    def _room(self) -> bool:
        self.left -= 1
        return self.left >= 0

    def _need(self, path: Path) -> None:
        if not self._room():
            raise OSError(errno.ENOSPC, "No space left on device", str(path))

    def _write_all(self, descriptor: int, data: bytes) -> None:
        if not self._room():
            super()._write_all(descriptor, data[: len(data) // 2])
            raise OSError(errno.ENOSPC, "No space left on device")
        super()._write_all(descriptor, data)

    def append(self, path: Path, data: bytes) -> None:
        if not self._room():
            super().append(path, data[: len(data) // 2])
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        super().append(path, data)

    def sync_file(self, path: Path) -> None:
        self._need(path)  # where delayed allocation finds out

    def sync_dir(self, path: Path) -> None:
        self._need(path)

    def rename(self, source: Path, target: Path) -> None:
        self._need(target)
        super().rename(source, target)

    def link(self, source: Path, target: Path) -> None:
        self._need(target)
        super().link(source, target)

    def make_dir(self, path: Path) -> None:
        self._need(path)
        super().make_dir(path)


def build(store: Store, target: Path) -> list[Record]:
    """Make what is not there yet, and deliver it; a list of what is finished grows as it goes."""
    records = []
    for name in ("a", "b"):
        with store.keep(), store.lock("ab" * 32):
            records.append(made(store, name, name.encode() * 100))
    store.memo.put("film", {"made": [record.key for record in records]})
    store.blobs.copy_to(records[0].outputs["clip"].digest, target)
    return records


def test_at_every_moment_is_told_and_costs_nothing_finished(tmp_path: Path) -> None:
    """Fill the disk before each act in turn, then make room: the next build goes on from what is there."""
    disk = FullFiles(10**6)
    expected = build(Store(tmp_path / "whole", files=disk), tmp_path / "whole.mp4")
    total = 10**6 - int(disk.left)
    failed = 0
    for left in range(total):
        root, target = tmp_path / f"store{left}", tmp_path / f"film{left}.mp4"
        target.write_bytes(b"yesterday's")
        disk = FullFiles(left)
        store = Store(root, files=disk, warn=lambda _: None)
        try:
            build(store, target)
        except StoreError as problem:
            failed += 1
            assert "disk is full" in str(problem)
            assert target.read_bytes() in (b"yesterday's", b"a" * 100)
        disk.left = 10**6
        if root.exists():
            assert [path.name for path in root.glob("tmp/*")] == []
            assert [path.name for path in root.glob("locks/[!.]*")] == []
        finished = list(Store(root, readonly=True).records)
        assert [Store(root).records.find(record.key) for record in finished] == finished
        assert build(store, target) == expected
        assert target.read_bytes() == b"a" * 100
        assert Store(root).verify().sound
        assert [path.name for path in tmp_path.glob(".part.*")] == []
    assert failed > total / 2  # the rest are caches, whose loss is no failure


def test_while_a_large_result_is_copied_in_leaves_nothing(store: Store, tmp_path: Path) -> None:
    """A result from another disk that does not fit is an error, and no half file stays."""

    class Small(Files):
        def _write_all(self, descriptor: int, data: bytes) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        store.work_dir("ab" * 32)

    opened = Store(store.root, files=Small())
    path = tmp_path / "clip"
    path.write_bytes(b"film")
    path.with_name("second name").hardlink_to(path)
    with pytest.raises(StoreError, match="disk is full"):
        opened.blobs.put(path)
    assert path.exists()
    assert list((store.root / "tmp").iterdir()) == []
