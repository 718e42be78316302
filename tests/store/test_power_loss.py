"""Power loss: what was not brought to the disk is dropped, and nothing empty or half is ever believed.

The layer below records what has been synced. At the crash a new tree is made in which each file and each name
is as it was when last synced, or as it became since, by the throw of a die: disks write back what they like,
in any order. To make the test harder than life, signatures are cut down to the size, so that only the order
of writing protects the caches from believing a torn file.
"""

from __future__ import annotations

import contextlib
import os
import random
import stat
from collections.abc import Iterable
from pathlib import Path

import pytest

from filmforge.store import Record, Store
from filmforge.store.files import Files
from tests.store.conftest import QuickFiles, made


class PowerLoss(BaseException):
    """The power is gone."""


class LossyFiles(Files):
    """A disk that loses its power before act number `last`, and knows what it had synced by then."""

    def __init__(self, last: float) -> None:
        self.left = last
        self.content: dict[int, bytes] = {}  # inode -> bytes when last synced
        self.names: dict[Path, dict[str, int]] = {}  # folder -> its names when last synced

    def _act(self) -> None:
        if self.left <= 0:
            raise PowerLoss
        self.left -= 1

    def write_new(self, path: Path, data: bytes | Iterable[bytes]) -> None:
        self._act()
        super().write_new(path, data)
        self.content.pop(path.stat().st_ino, None)  # an inode used again

    def append(self, path: Path, data: bytes) -> None:
        self._act()
        super().append(path, data)

    def sync_file(self, path: Path) -> None:
        self._act()
        self.content[path.stat().st_ino] = path.read_bytes()

    def sync_dir(self, path: Path) -> None:
        self._act()
        self.names[path] = inodes(path)

    def rename(self, source: Path, target: Path) -> None:
        self._act()
        super().rename(source, target)

    def link(self, source: Path, target: Path) -> None:
        self._act()
        super().link(source, target)

    def remove(self, path: Path) -> None:
        self._act()
        super().remove(path)

    def make_dir(self, path: Path) -> None:
        self._act()
        super().make_dir(path)

    def after_restart(self, root: Path, target: Path, die: random.Random) -> None:
        """Make at `target` what the disk holds of `root` when the power is back."""
        now = {path.stat().st_ino: path for path in root.rglob("*")}
        self._restore(root, target, now, die)

    def _restore(self, folder: Path, target: Path, now: dict[int, Path], die: random.Random) -> None:
        target.mkdir()
        synced, current = self.names.get(folder, {}), inodes(folder)
        for name in sorted(synced.keys() | current.keys()):
            inode = die.choice([synced.get(name), current.get(name)])
            if inode is None:
                continue
            path = now.get(inode)
            if path is not None and stat.S_ISDIR(path.stat().st_mode):
                self._restore(path, target / name, now, die)
            elif inode in self.content:
                (target / name).write_bytes(self.content[inode])
            elif path is not None:
                data = path.read_bytes()
                torn = [b"", data[: len(data) // 2], bytes(len(data)), data]
                (target / name).write_bytes(die.choice(torn))


def inodes(folder: Path) -> dict[str, int]:
    with os.scandir(folder) as entries:
        return {entry.name: entry.inode() for entry in entries}


@pytest.fixture(autouse=True)
def only_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    def size(status: os.stat_result) -> bytes:
        return b"%x" % status.st_size

    monkeypatch.setattr("filmforge.store.blobs.signature", size)
    monkeypatch.setattr("filmforge.store.records.signature", size)


def build(store: Store, finished: list[Record]) -> None:
    """Three steps, the last of which makes the second anew, with a memo after each."""
    for name, data in (("a", b"one"), ("b", b"two"), ("b", b"2nd")):
        with store.lock("ab" * 32):
            record = made(store, name, data * 50)
            finished[:] = [other for other in finished if other.key != record.key] + [record]
        store.memo.put("film", {"made": [record.key for record in finished]})


def acts(tmp_path: Path) -> int:
    disk = LossyFiles(10**6)
    (tmp_path / "whole").mkdir()
    build(Store(tmp_path / "whole" / "store", files=disk), [])
    return 10**6 - int(disk.left)


def test_at_every_moment_loses_no_finished_step_and_believes_no_torn_file(tmp_path: Path) -> None:
    """Cut the power before every act of a build; start again: what was finished is there, and right."""
    die = random.Random(7)
    total = acts(tmp_path)
    assert total > 60
    for last in range(total + 1):
        before = tmp_path / f"before{last}"
        before.mkdir()
        disk = LossyFiles(last)
        finished: list[Record] = []
        with contextlib.suppress(PowerLoss):
            build(Store(before / "store", files=disk), finished)
        for turn in range(2):
            after = tmp_path / f"after{last}.{turn}"
            disk.after_restart(before, after, die)
            store = Store(after / "store", files=QuickFiles(), warn=lambda _: None)
            for record in finished:
                found = store.records.find(record.key)
                # The step that was being made anew may be there in its later form, as right as the earlier.
                assert found is not None, (last, turn, record.step)
                assert found == record or record.step == "test/b"
            check(store)
            memo = store.memo.get("film")
            assert memo is None or all(len(key) == 64 for key in memo["made"])
            again: list[Record] = []
            build(store, again)
            assert [store.records.find(record.key) for record in again] == again
            assert store.verify().sound or store.verify().sound  # at most a torn file that nobody asked for


def check(store: Store) -> None:
    """Everything that is found is what it says it is."""
    for key in store.records.keys():  # noqa: SIM118
        found = store.records.find(key)
        if found is not None:
            data = store.blobs.path(found.outputs["clip"].digest).read_bytes()
            assert data in {b"one" * 50, b"two" * 50, b"2nd" * 50}
