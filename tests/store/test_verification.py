"""Verification: every byte is read, what is wrong is forgotten, and the steps are named."""

from __future__ import annotations

import pytest

from filmforge.store import Store
from filmforge.store.files import signature
from tests.store.conftest import DAMAGES, damage, made


def test_finds_a_sound_store_sound(store: Store) -> None:
    """All blobs and records are counted, their sizes reported as they are read."""
    sizes: list[int] = []
    for name in ("a", "bc"):
        made(store, name)
    report = store.verify(sizes.append)
    assert report.sound
    assert (report.blobs, report.bytes, report.records) == (2, 3, 2)
    assert sorted(sizes) == [1, 2]


@pytest.mark.parametrize("how", DAMAGES)
def test_forgets_records_of_damaged_blobs(store: Store, how: str) -> None:
    """The damaged one goes, with its record, and is named by its step; the sound one stays."""
    hurt, sound = made(store, "hurt"), made(store, "sound")
    damage(store.blobs.path(hurt.outputs["clip"].digest), how)
    report = store.verify()
    assert report.steps == ("test/hurt",)
    assert report.damaged == (() if how == "deleted" else (hurt.outputs["clip"].digest,))
    assert Store(store.root).records.get(hurt.key) is None
    assert Store(store.root).records.find(sound.key) == sound
    assert store.verify().sound


@pytest.mark.parametrize("how", [how for how in DAMAGES if how != "deleted"])
def test_reports_records_that_cannot_be_read(store: Store, how: str) -> None:
    """Which step it was nobody knows any more; its key is told."""
    record = made(store, "wide")
    damage(store.records.path(record.key), how)
    assert store.verify().unreadable == (record.key,)
    assert store.verify().sound


def test_finds_rot_that_changed_no_time(store: Store) -> None:
    """A disk that rots under the file system shows in no signature: reading every byte finds it."""
    digest = made(store, "wide").outputs["clip"].digest
    path = store.blobs.path(digest)
    path.chmod(0o600)
    path.write_bytes(b"wild")
    store.blobs._verified.put(digest, signature(path.stat()))  # as if the times had not changed
    opened = Store(store.root)
    assert opened.blobs.has(digest)
    assert opened.verify().damaged == (digest,)
    assert not opened.blobs.has(digest)
