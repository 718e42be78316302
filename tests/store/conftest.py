"""What the tests of the store share: a store in a fresh folder, and how to make and damage results."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from filmforge.store import Record, Store, digest_of
from filmforge.store.files import Files


@pytest.fixture
def warnings() -> list[str]:
    """What the store of this test has warned of."""
    return []


@pytest.fixture
def store(tmp_path: Path, warnings: list[str]) -> Store:
    return Store(tmp_path / "store", warn=warnings.append)


class QuickFiles(Files):
    """The disk without its waits, for tests that write thousands of times."""

    def sync_file(self, path: Path) -> None:
        """Leave it to the system."""

    def sync_dir(self, path: Path) -> None:
        """Leave it to the system."""


def made(store: Store, name: str, data: bytes | None = None) -> Record:
    """Store a result and its record, as a build does."""
    blob = store.blobs.put_bytes(name.encode() if data is None else data)
    record = Record(
        key=digest_of("test", name),
        kind="test",
        step=f"test/{name}",
        params={"name": name, "strength": 0.5},
        inputs={"base": digest_of("input", name)},
        outputs={"clip": blob},
        provenance={"device": "cpu"},
        seconds=0.25,
        made_at="2026-01-01T00:00:00+00:00",
        environment="env",
    )
    store.records.put(record)
    return record


def damage(path: Path, how: str) -> None:
    """Harm a stored file the way disks and people do; waits out the grain of file times first."""
    time.sleep(0.01)
    if how == "deleted":
        path.unlink()
        return
    path.chmod(0o644)
    data = path.read_bytes()
    if how == "emptied":
        path.write_bytes(b"")
    elif how == "truncated":
        path.write_bytes(data[: len(data) // 2])
    elif how == "flipped":
        path.write_bytes(bytes([data[0] ^ 1]) + data[1:])
    elif how == "swapped":
        other = path.with_name("other")
        other.write_bytes(bytes(len(data)))
        other.replace(path)
    else:
        raise ValueError(how)


DAMAGES = ("deleted", "emptied", "truncated", "flipped", "swapped")
