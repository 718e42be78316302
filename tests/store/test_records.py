"""Records: the file is the truth, the journal only quick."""

from __future__ import annotations

import dataclasses
import json
import pickle
from pathlib import Path

import pytest

from filmforge.store import Record, Store, digest_of
from tests.store.conftest import DAMAGES, damage, made


def reopened(store: Store, warnings: list[str]) -> Store:
    return Store(store.root, warn=warnings.append)


class TestGet:
    def test_gives_back_what_was_put(self, store: Store) -> None:
        """Every field, from this process's memory, from the journal, and from the file alone."""
        record = made(store, "wide")
        again = Store(store.root)
        found = again.records.get(record.key)
        assert found == store.records.get(record.key) == record
        assert found is again.records.get(record.key)
        (store.root / "index" / "records").unlink()
        assert Store(store.root).records.get(record.key) == record

    def test_of_a_journal_copy_is_a_whole_record(self, store: Store) -> None:
        """What is taken apart late behaves as what is not: fields, replace, asdict, pickle, errors."""
        key = made(store, "wide").key
        for act in (
            lambda record: record.params["strength"],
            lambda record: dataclasses.replace(record, seconds=1.0).provenance,
            lambda record: dataclasses.asdict(record)["inputs"],
            lambda record: pickle.loads(pickle.dumps(record)).made_at,
            repr,
        ):
            found = Store(store.root).records.get(key)
            assert act(found) == act(store.records.get(key))
        found = Store(store.root).records.get(key)
        assert not hasattr(found, "nonsense")
        assert found is not None and found.step == "test/wide"

    def test_of_an_unknown_key_is_none(self, store: Store) -> None:
        """No record, no folder: nothing is found, and nothing made."""
        assert store.records.get("0" * 64) is None
        assert list(store.records) == []
        assert not store.root.exists()

    @pytest.mark.parametrize("how", DAMAGES)
    @pytest.mark.parametrize("journal", [True, False])
    def test_of_a_damaged_record_is_none(
        self, store: Store, warnings: list[str], how: str, journal: bool
    ) -> None:
        """A harmed record file is a miss with one warning, whatever the journal has; it can be refiled."""
        record = made(store, "wide")
        damage(store.records.path(record.key), how)
        if not journal:
            (store.root / "index" / "records").unlink()
        for opened in (store, reopened(store, warnings)):
            assert opened.records.get(record.key) is None
            assert opened.records.find(record.key) is None
        assert len(warnings) == (0 if how == "deleted" else 1)
        store.records.put(record)
        assert reopened(store, warnings).records.find(record.key) == record

    def test_cut_off_at_any_byte_is_none(self, store: Store) -> None:
        """Every prefix of a record file is a miss, and never a wrong record."""
        record = made(store, "wide")
        path = store.records.path(record.key)
        whole = path.read_bytes()
        quiet = Store(store.root, readonly=True, warn=lambda _: None)
        for length in range(len(whole)):
            path.unlink()
            path.write_bytes(whole[:length])
            assert quiet.records.get(record.key) is None
        path.unlink()
        path.write_bytes(whole)
        assert quiet.records.get(record.key) == record

    def test_of_a_record_under_another_key_is_none(self, store: Store, warnings: list[str]) -> None:
        """Two record files that changed places are two misses."""
        one, other = made(store, "one"), made(store, "other")
        first, second = store.records.path(one.key), store.records.path(other.key)
        kept = first.read_bytes()
        second.replace(first)
        second.write_bytes(kept)
        opened = reopened(store, warnings)
        assert opened.records.get(one.key) is opened.records.get(other.key) is None
        assert len(warnings) == 2

    def test_is_never_wrong_with_a_journal_cut_off_anywhere(self, store: Store) -> None:
        """The record index truncated at every byte: the record is still found, as it is."""
        record = made(store, "a")
        journal = store.root / "index" / "records"
        whole = journal.read_bytes()
        for length in range(len(whole)):
            journal.write_bytes(whole[:length])
            assert Store(store.root).records.find(record.key) == record


class TestPut:
    def test_replaces_an_older_record(self, store: Store) -> None:
        """A refreshed step's record is what everyone finds, also who had read the older one."""
        other = Store(store.root)
        record = made(store, "wide", b"first")
        assert other.records.find(record.key) == record
        again = made(store, "wide", b"second")
        assert other.records.find(record.key) == again != record
        assert Store(store.root).records.find(record.key) == again

    def test_writes_json_that_says_its_schema(self, store: Store) -> None:
        """A record can be read with any JSON reader, in ten years."""
        document = json.loads(store.records.path(made(store, "wide").key).read_text())
        assert document["schema"] == "filmforge.record/1"
        assert document["body"]["step"] == "test/wide"

    def test_refuses_a_key_that_is_none(self, store: Store) -> None:
        """A key is 64 hex digits: nothing else can become a file name."""
        record = made(store, "wide")
        for key in ("", "../" * 21 + "x", "A" * 64, "0" * 63):
            with pytest.raises(ValueError, match="64 hex digits"):
                store.records.put(dataclasses.replace(record, key=key))

    def test_refuses_data_that_is_not_plain(self, store: Store) -> None:
        """A tuple in the provenance is refused rather than read back as a list."""
        with pytest.raises(TypeError, match="tuple"):
            store.records.put(dataclasses.replace(made(store, "wide"), provenance={"size": (1, 2)}))

    def test_holds_texts_of_all_kinds(self, store: Store) -> None:
        """Tabs, newlines, NUL, right-to-left marks and lone surrogates come back as they were."""
        nasty = "a\tb\nc\0d\u202e\ud800'\"\\ %{x}|" + "é" * 4000
        record = dataclasses.replace(
            made(store, "wide"), step=nasty, environment=nasty, params={nasty: nasty}, outputs={}
        )
        store.records.put(record)
        assert Store(store.root).records.find(record.key) == record


class TestFind:
    @pytest.mark.parametrize("how", DAMAGES)
    def test_misses_a_record_whose_blob_is_harmed(self, store: Store, warnings: list[str], how: str) -> None:
        """The record is still there for `why` to read, but the step counts as not made."""
        record = made(store, "wide")
        damage(store.blobs.path(record.outputs["clip"].digest), how)
        opened = reopened(store, warnings)
        assert opened.records.find(record.key) is None
        assert opened.records.get(record.key) == record


class TestForget:
    def test_makes_a_step_run_again(self, store: Store) -> None:
        """A forgotten record is gone for all, also for who had read it."""
        other = Store(store.root)
        record = made(store, "wide")
        assert other.records.get(record.key) is not None
        store.records.forget(record.key)
        assert store.records.get(record.key) is other.records.get(record.key) is None
        store.records.forget(record.key)


def test_iterates_over_all_records(store: Store) -> None:
    """Strange files among the records are passed over."""
    records = {made(store, name).key for name in "abcdef"}
    (store.root / "records" / "ab").mkdir(exist_ok=True)
    (store.root / "records" / "ab" / "notes.json").write_text("{}")
    assert {record.key for record in store.records} == set(store.records.keys()) == records


def test_defaults_leave_the_environment_unnamed() -> None:
    """A step that says nothing of its environment has an empty one."""
    key = digest_of("t", 1)
    assert Record(key, "t", "t", {}, {}, {}, {}, 0.0, "").environment == ""
    assert Path(key).name == key
