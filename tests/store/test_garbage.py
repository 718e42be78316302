"""Garbage collection: everything needed stays, also what a build beside it is making."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from filmforge.store import Holder, Store
from filmforge.store.encoding import unseal
from tests.store.conftest import damage, made


def age(path: Path, seconds: float) -> None:
    os.utime(path, (time.time() - seconds, time.time() - seconds))


class TestKeep:
    def test_is_all_that_stays(self, store: Store) -> None:
        """Without limits, what is not kept goes, records and bytes; the report says how much."""
        kept, gone = made(store, "kept"), made(store, "gone")
        report = store.gc({kept.key})
        assert report.records == ((gone.key, "test/gone"),)
        assert (report.blobs, report.freed, report.kept) == (1, 4, 4)
        again = Store(store.root)
        assert again.records.find(kept.key) == kept
        assert again.records.get(gone.key) is None
        assert list(again.blobs) == [kept.outputs["clip"].digest]

    def test_saves_a_blob_that_two_records_share(self, store: Store) -> None:
        """Equal results of two steps are one blob: it stays while either is kept."""
        kept, _ = made(store, "one", b"same"), made(store, "other", b"same")
        assert store.gc({kept.key}).blobs == 0
        assert store.records.find(kept.key) == kept

    def test_dry_run_changes_nothing(self, store: Store) -> None:
        """It reports what would go, byte for byte, and leaves it."""
        gone = made(store, "gone")
        (store.root / "tmp" / "left").write_bytes(b"12345")
        age(store.root / "tmp" / "left", 1e6)
        dry = store.gc(set(), dry_run=True)
        assert store.records.find(gone.key) == gone
        wet = store.gc(set())
        assert (dry.records, dry.blobs, dry.scratch, dry.freed, dry.kept) == (
            wet.records,
            wet.blobs,
            wet.scratch,
            wet.freed,
            wet.kept,
        )
        assert wet.freed == 9


class TestLimits:
    def test_of_age_drops_what_is_older(self, store: Store) -> None:
        """Age counts from when the record was made."""
        old, new = made(store, "old"), made(store, "new")
        age(store.records.path(old.key), 5000)
        assert [step for _, step in store.gc(set(), max_age=4000).records] == ["test/old"]
        assert store.records.find(new.key) == new

    def test_of_size_drops_the_oldest_until_the_rest_fits(self, store: Store) -> None:
        """Kept ones do not go, even if they alone are too much."""
        records = [made(store, str(n), b"%d" % n * 100) for n in range(5)]
        for n, record in enumerate(records):
            age(store.records.path(record.key), 5000 - n)
        assert store.gc(set(), max_bytes=500).records == ()
        report = store.gc({records[0].key}, max_bytes=300)
        assert [step for _, step in report.records] == ["test/1", "test/2"]
        assert store.gc({record.key for record in records}, max_bytes=0).records == ()


class TestRunningBuild:
    def test_keeps_what_it_claims(self, store: Store) -> None:
        """While it runs, and not a moment longer."""
        needed = made(store, "needed")
        with store.keep() as lease:
            lease.add([needed.key])
            assert store.gc(set()).records == ()
        assert len(store.gc(set()).records) == 1

    def test_keeps_what_it_makes(self, store: Store) -> None:
        """Results that came in since the build began stay, claimed or not, named by a record or not yet."""
        with store.keep():
            made(store, "fresh")
            loose = store.blobs.put_bytes(b"its record comes later")
            assert store.gc(set()).blobs == 0
            assert store.blobs.has(loose.digest)

    def test_that_is_dead_claims_nothing(self, store: Store) -> None:
        """A claim goes with its process; a damaged claim is none."""
        gone = made(store, "gone")
        with store.keep([gone.key]):
            (claim,) = (store.root / "builds").iterdir()
            content = claim.read_bytes()
            value = unseal("filmforge.build/1", content)
            assert value["keys"] == [gone.key]
        claim.write_bytes(content[:-9])
        assert len(store.gc(set()).records) == 1
        assert not claim.exists()

    def test_waits_for_a_collection_before_it_looks_anything_up(self, store: Store) -> None:
        """Claimed during a collection: the claim holds from when that is over, and the wait has a name."""
        made(store, "any")
        waited: list[Holder] = []
        inside = threading.Event()

        def collect() -> None:
            with store.lock("housekeeping"):
                inside.set()
                time.sleep(0.1)

        thread = threading.Thread(target=collect)
        thread.start()
        inside.wait()
        with store.keep(on_wait=waited.append):
            assert store.locks.holder("housekeeping") is None
        thread.join()
        assert len(waited) == 1

    def test_keeps_the_step_that_is_locked(self, store: Store) -> None:
        """A record whose step is being made anew is left alone, and so is its scratch folder."""
        record = made(store, "wide")
        age(store.work_dir(record.key), 1e6)
        with store.lock(record.key):
            report = store.gc(set())
        assert (report.records, report.scratch) == ((), 0)


class TestScratch:
    def test_of_dead_processes_goes(self, store: Store) -> None:
        """Half-written files of a killed build go at once; those of live ones and of others after a day."""
        mine = store.new_file(".mp4")
        mine.write_bytes(b"being written")
        machine = mine.name.partition(".")[0]
        dead = mine.with_name(f"{machine}.999999999.1.0.mp4")
        dead.write_bytes(b"dead")
        others = mine.with_name("01234567.4.5.0")
        others.mkdir()
        assert store.gc(set()).freed == 4
        assert sorted(path.name for path in mine.parent.iterdir()) == sorted([mine.name, others.name])
        age(others, 1e6)
        assert store.gc(set()).scratch == 1

    def test_of_unfinished_steps_stays_for_a_day(self, store: Store) -> None:
        """A checkpoint of a stopped training is worth keeping; that of one that is needed always."""
        one, two = store.work_dir("1" * 64), store.work_dir("2" * 64)
        (one / "checkpoint").write_bytes(b"123")
        assert store.gc(set()).scratch == 0
        for path in (one / "checkpoint", one, two):
            age(path, 1e6)
        report = store.gc({two.name})
        assert (report.scratch, report.freed) == (1, 3)
        assert two.exists() and not one.exists()

    def test_of_blobs_nobody_names_stays_for_an_hour(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Between a blob and its record lies a moment in which nobody names it."""
        blob = store.blobs.put_bytes(b"film")
        assert store.gc(set()).blobs == 0
        monkeypatch.setattr("filmforge.store.garbage._YOUNG", -1.0)
        assert store.gc(set()).blobs == 1
        assert not store.blobs.has(blob.digest)

    def test_empties_the_quarantine(self, store: Store) -> None:
        """Damaged files stay to be looked at until the next collection."""
        blob = made(store, "wide").outputs["clip"]
        damage(store.blobs.path(blob.digest), "flipped")
        assert not store.blobs.has(blob.digest)
        assert len(list((store.root / "quarantine").iterdir())) == 1
        store.gc(set())
        assert list((store.root / "quarantine").iterdir()) == []
