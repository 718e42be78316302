"""Snapshots: many records at one look at each folder, and never a record that is not what its file says."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from filmforge.store import Record, Store, digest_of
from filmforge.store.files import Files
from filmforge.store.journal import Journal
from tests.store.conftest import DAMAGES, damage, made

NAMES = [f"shot {n}" for n in range(40)]
KEYS = [digest_of("test", name) for name in NAMES]


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Folders count as left alone after some hundredths of a second, so that nobody waits for seconds."""
    monkeypatch.setattr("filmforge.store.snapshot.GRAIN", 20_000_000)


@pytest.fixture
def marked(store: Store) -> Store:
    """A store of forty records whose folders another process has marked."""
    for name in NAMES:
        made(store, name)
    time.sleep(0.05)
    assert len(look(store.root)) == len(NAMES)
    return store


def look(root: Path, find: bool = True) -> dict[str, Record]:
    """What a process that has just begun sees in a snapshot, by key."""
    with Store(root, warn=lambda _: None).records.snapshot() as records:
        each = {key: records.find(key) if find else records.get(key) for key in KEYS}
    return {key: record for key, record in each.items() if record is not None}


def marks(root: Path) -> int:
    journal = Journal(root / "index" / "records", Files(), readonly=True)
    journal.catch_up()
    return len(journal.covered()[0]) // 66


def overwrite(path: Path) -> None:
    """Other bytes in the same file, which leaves its folder as it was."""
    time.sleep(0.01)
    path.chmod(0o644)
    path.write_bytes(b"x" * path.stat().st_size)


class TestSnapshot:
    def test_gives_what_single_looks_give(self, marked: Store) -> None:
        """With marks and without them: whole records, the same as one by one, and none for what is not there."""
        one_by_one = {key: Store(marked.root).records.find(key) for key in KEYS}
        assert marks(marked.root) == len({key[:2] for key in KEYS})
        assert look(marked.root) == look(marked.root, find=False) == one_by_one
        (marked.root / "index" / "records").unlink()
        assert look(marked.root) == one_by_one
        with Store(marked.root).records.snapshot() as records:
            assert records.get("0" * 64) is records.find("0" * 64) is None
            found = records.find(KEYS[0])
            assert found is not None
            assert (found.environment, found.signer, found.params["name"]) == ("env", "", NAMES[0])

    def test_of_no_store_makes_none(self, tmp_path: Path) -> None:
        """Looking where nothing is leaves nothing behind."""
        with Store(tmp_path / "none").records.snapshot() as records:
            assert records.get(KEYS[0]) is None
        assert not (tmp_path / "none").exists()

    def test_believes_marked_folders_without_a_look_at_each_file(self, marked: Store) -> None:
        """A record overwritten in place is given as it was; who asks for it alone finds the damage, then all do."""
        before = look(marked.root)
        overwrite(marked.records.path(KEYS[3]))
        assert look(marked.root) == before
        warned: list[str] = []
        assert Store(marked.root, warn=warned.append).records.find(KEYS[3]) is None
        assert len(warned) == 1
        assert look(marked.root) == {key: record for key, record in before.items() if key != KEYS[3]}

    def test_is_mended_by_verify(self, marked: Store) -> None:
        """Reading every byte finds what a snapshot does not look at."""
        overwrite(marked.records.path(KEYS[3]))
        assert not Store(marked.root, warn=lambda _: None).verify().sound
        assert KEYS[3] not in look(marked.root)

    @pytest.mark.parametrize("how", DAMAGES)
    def test_misses_a_record_whose_blob_is_harmed(self, marked: Store, how: str) -> None:
        """Each result still gets a look of its own."""
        before = look(marked.root)
        damage(marked.blobs.path(before[KEYS[5]].outputs["clip"].digest), how)
        assert look(marked.root) == {key: record for key, record in before.items() if key != KEYS[5]}
        assert look(marked.root, find=False) == before

    def test_sees_what_was_replaced_removed_or_added_since(self, marked: Store) -> None:
        """Marks do not outlive a change of their folder, whoever makes it."""
        again = made(marked, NAMES[7], b"made again")
        assert look(marked.root)[KEYS[7]] == again
        marked.records.path(KEYS[8]).unlink()
        assert KEYS[8] not in look(marked.root)
        marked.gc(set(KEYS[10:]))
        time.sleep(0.05)
        for _ in range(2):
            assert set(look(marked.root)) == set(KEYS[10:])

    def test_does_not_trust_whom_the_film_does_not(self, marked: Store) -> None:
        """A signer who is not trusted here is none in a snapshot either."""
        record = marked.records.find(KEYS[0])
        assert record is not None
        signed = Record(**{**{f: getattr(record, f) for f in record.__dataclass_fields__}, "signer": "anna"})
        marked.records.put(signed)
        time.sleep(0.05)
        for _ in range(2):
            assert KEYS[0] not in look(marked.root)
        with Store(marked.root, trusted={"anna"}).records.snapshot() as records:
            assert records.find(KEYS[0]) == signed


class TestMarks:
    def test_are_not_made_of_what_changed_a_moment_ago(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Within the grain of file times, a second change could not be told from the first."""
        monkeypatch.setattr("filmforge.store.snapshot.GRAIN", 10**12)
        for name in NAMES:
            made(store, name)
        look(store.root)
        assert marks(store.root) == 0

    def test_are_not_made_by_who_may_only_read(self, store: Store) -> None:
        """A store opened for reading stays as it is, to the byte."""
        for name in NAMES:
            made(store, name)
        time.sleep(0.05)
        index = store.root / "index" / "records"
        before = index.read_bytes(), index.stat().st_mtime_ns
        with Store(store.root, readonly=True).records.snapshot() as records:
            assert all(records.find(key) for key in KEYS)
        assert (index.read_bytes(), index.stat().st_mtime_ns) == before

    def test_are_not_made_by_who_wrote_the_records(self, store: Store) -> None:
        """Its own lines may have been lost on their way to the file, and it would not know."""
        for name in NAMES:
            made(store, name)
        time.sleep(0.05)
        with store.records.snapshot() as records:
            assert all(records.find(key) for key in KEYS)
        assert marks(store.root) == 0

    def test_do_not_speak_of_lines_that_came_later(self, marked: Store) -> None:
        """A process that was asleep adds an outdated line: the record's own file decides."""
        index = Journal(marked.root / "index" / "records", Files())
        outdated = index.get(KEYS[2])
        assert outdated is not None
        again = made(marked, NAMES[2], b"made again")
        time.sleep(0.05)
        look(marked.root)
        assert marks(marked.root) > 0
        index.put(KEYS[2], outdated)
        assert look(marked.root)[KEYS[2]] == again
        assert look(marked.root)[KEYS[2]] == again

    def test_are_made_only_where_all_lines_of_a_folder_are_right(self, marked: Store) -> None:
        """Also those of records that nobody asked for: one whose new line was lost keeps its folder from a mark."""
        shards: dict[str, list[str]] = {}
        for name, key in zip(NAMES, KEYS, strict=True):
            shards.setdefault(key[:2], []).append(name)
        asked, other = next(names for names in shards.values() if len(names) == 2)
        index = marked.root / "index" / "records"
        before = index.read_bytes()
        again = made(marked, other, b"made again")
        index.write_bytes(before)
        time.sleep(0.05)
        with Store(marked.root).records.snapshot() as records:
            assert records.find(digest_of("test", asked)) is not None
        assert look(marked.root)[again.key] == again

    @pytest.mark.parametrize("at", [0.1, 0.5, 0.9])
    def test_speak_only_of_the_bytes_that_were_compared(self, marked: Store, at: float) -> None:
        """Where a line before them was overwritten with an outdated one, marks are not believed."""
        before = look(marked.root)
        index = marked.root / "index" / "records"
        lines = index.read_bytes().split(b"\n")
        which = int(len(lines) * at)
        text = bytearray(b"\n".join(lines))
        text[len(b"\n".join(lines[:which])) + 20] ^= 1
        index.write_bytes(bytes(text))
        journal = Journal(index, Files(), readonly=True)
        journal.catch_up()
        assert journal.covered()[0] == b"" or which * 66 > len(text)
        assert look(marked.root) == before

    def test_are_lost_with_the_index_at_no_loss(self, marked: Store) -> None:
        """Cut off anywhere, the index gives the same records."""
        before = look(marked.root)
        index = marked.root / "index" / "records"
        whole = index.read_bytes()
        for length in range(0, len(whole), 997):
            index.write_bytes(whole[:length])
            assert look(marked.root) == before
