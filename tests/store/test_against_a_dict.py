"""The whole store against a plain dict, over random acts: no wrong answer, whatever is done to its files."""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from filmforge.store import Store, digest_of
from tests.store.conftest import DAMAGES, QuickFiles, damage, made

NAMES = st.sampled_from("abcd")
DATA = st.sampled_from([b"one", b"two", b"", b"three" * 1000])
ALL = [digest_of("test", name) for name in "abcd"]


class StoreAgainstDict(RuleBasedStateMachine):
    """`there`: what must be found; `lost`: what must not, until it is made again. Two stores share it."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.stores = [self._opened(), self._opened()]
        self.there: dict[str, tuple[str, bytes]] = {}  # key -> name, data
        self.overwritten: set[str] = set()  # keys whose record's file was harmed in place just now

    def _opened(self) -> Store:
        return Store(self.folder / "store", files=QuickFiles(), warn=lambda _: None)

    def teardown(self) -> None:
        shutil.rmtree(self.folder)

    @rule(name=NAMES, data=DATA, which=st.integers(0, 1))
    def put(self, name: str, data: bytes, which: int) -> None:
        """A step is made, or made anew."""
        key = made(self.stores[which], name, data).key
        self.there[key] = (name, data)
        # Whatever rested on a blob of these bytes is whole again.
        for other, again in list(self.lost.items()):
            if again[1] == data and other not in self.there and self.stores[which].records.get(other):
                self.there[other] = again
        self.lost.pop(key, None)

    @property
    def lost(self) -> dict[str, tuple[str, bytes]]:
        return self.__dict__.setdefault("_lost", {})

    @rule(name=NAMES, how=st.sampled_from(DAMAGES), which=st.integers(0, 1))
    def damage_blob(self, name: str, how: str, which: int) -> None:
        """A stored file is harmed: all steps with these bytes count as not made."""
        found = self.there.get(digest_of("test", name))
        if found is None or (found[1] == b"" and how != "deleted"):
            return
        blob = self.stores[which].blobs.put_bytes(found[1])
        damage(self.stores[which].blobs.path(blob.digest), how)
        for key, other in list(self.there.items()):
            if other[1] == found[1]:
                self.lost[key] = self.there.pop(key)

    @rule(name=NAMES, how=st.sampled_from(DAMAGES))
    def damage_record(self, name: str, how: str) -> None:
        """A record is harmed: its step counts as not made."""
        key = digest_of("test", name)
        if key in self.there:
            damage(self.stores[0].records.path(key), how)
            del self.there[key]
            if how not in ("deleted", "swapped"):
                self.overwritten.add(key)

    @rule(which=st.sampled_from(["blobs", "records"]), keep=st.floats(0, 1))
    def damage_index(self, which: str, keep: float) -> None:
        """A cache is cut off: nothing changes."""
        path = self.folder / "store" / "index" / which
        if path.exists():
            data = path.read_bytes()
            path.write_bytes(data[: int(len(data) * keep)])

    @rule(keep=st.sets(NAMES), which=st.integers(0, 1))
    def collect(self, keep: set[str], which: int) -> None:
        """Only what is kept stays."""
        keys = {digest_of("test", name) for name in keep}
        self.stores[which].gc(keys)
        self.there = {key: value for key, value in self.there.items() if key in keys}

    @rule(which=st.integers(0, 1))
    def verify(self, which: int) -> None:
        """Reading every byte changes nothing about what is found."""
        self.stores[which].verify()

    @rule()
    def wait(self) -> None:
        """Nobody writes for a while: folders are marked."""
        time.sleep(0.03)
        for _ in range(2):
            with self._opened().records.snapshot() as records:
                for key in ALL:
                    records.find(key)

    @rule(which=st.integers(0, 1))
    def reopen(self, which: int) -> None:
        """Another process comes."""
        self.stores[which] = self._opened()

    @invariant()
    def finds_what_is_there_and_nothing_else(self) -> None:
        for store in [*self.stores, self._opened()]:
            with store.records.snapshot() as records:
                at_once = {key: record for key in ALL if (record := records.find(key)) is not None}
            found = {key: record for key in ALL if (record := store.records.find(key)) is not None}
            for key in self.overwritten - set(found):  # a snapshot may have the copy of what was overwritten
                at_once.pop(key, None)
            assert at_once == found
            self.overwritten.clear()
            data = {
                key: store.blobs.path(record.outputs["clip"].digest).read_bytes()
                for key, record in found.items()
            }
            assert data == {key: value[1] for key, value in self.there.items()}


class TestStoreAgainstDict(StoreAgainstDict.TestCase):  # type: ignore[misc,name-defined]
    """With folders that count as left alone after some hundredths of a second."""

    @pytest.fixture(autouse=True)
    def soon(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("filmforge.store.snapshot.GRAIN", 20_000_000)


TestStoreAgainstDict.settings = settings(
    max_examples=25, stateful_step_count=15, deadline=None, suppress_health_check=list(HealthCheck)
)
