"""The store as a whole: made when needed, shared by all, clear about what it cannot do."""

from __future__ import annotations

import errno
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest

import filmforge.store
from filmforge.errors import StoreError
from filmforge.store import Store
from filmforge.store import store as store_module
from filmforge.store.encoding import seal
from filmforge.store.files import Files
from tests.store.conftest import made

KEY = "ab" * 32


class TestMaking:
    def test_happens_with_the_first_thing_kept(self, store: Store) -> None:
        """Opening and reading make nothing; keeping something makes the whole folder, and twice is once."""
        assert store.records.find(KEY) is None
        assert not store.blobs.has(KEY)
        assert store.memo.get("film") is None
        assert not store.root.exists()
        blob = store.blobs.put_bytes(b"film")
        assert (store.root / "store.json").exists()
        assert Store(store.root).blobs.put_bytes(b"film") == blob

    def test_by_many_at_once_makes_one(self, tmp_path: Path) -> None:
        """Ten builds that start together share the store."""
        root = tmp_path / "deep" / "store"
        problems: list[BaseException] = []

        def work(number: int) -> None:
            try:
                made(Store(root), str(number))
            except BaseException as problem:
                problems.append(problem)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert problems == []
        assert len(list(Store(root).records)) == 10
        assert Store(root).verify().sound

    @pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES, errno.ENOSPC])
    def test_in_a_place_that_refuses_says_so(self, tmp_path: Path, number: int) -> None:
        """A read-only, forbidden or full place is named, with what to do."""

        class Refusing(Files):
            def make_dir(self, path: Path) -> None:
                raise OSError(number, "no", str(path))

        words = {errno.EROFS: "read-only", errno.EACCES: "no permission", errno.ENOSPC: "disk is full"}
        with pytest.raises(StoreError, match=f"{tmp_path}.*{words[number]}"):
            Store(tmp_path / "store", files=Refusing()).work_dir(KEY)

    def test_where_a_file_is_says_so(self, tmp_path: Path) -> None:
        """A file in the place of the folder is no store."""
        (tmp_path / "store").write_text("hello")
        with pytest.raises(StoreError, match="Is it a folder"):
            Store(tmp_path / "store")


class TestVersion:
    def test_of_a_later_filmforge_is_refused(self, store: Store) -> None:
        """An older program must not write into a layout it does not know."""
        store.root.mkdir()
        (store.root / "store.json").write_bytes(seal("filmforge.store/1", {"version": 99}))
        with pytest.raises(StoreError, match="Upgrade filmforge"):
            Store(store.root)

    def test_damaged_is_written_again(self, store: Store) -> None:
        """What is stored does not depend on this one file."""
        record = made(store, "wide")
        (store.root / "store.json").write_bytes(b"")
        again = Store(store.root)
        assert again.records.find(record.key) == record
        again.blobs.put_bytes(b"more")
        assert again._version() == store_module.VERSION

    def test_of_an_earlier_filmforge_is_upgraded_once(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The first to write brings the layout up step by step, under a lock; the rest find it done."""
        record = made(store, "wide")
        done: list[int] = []
        steps: Mapping[int, object] = {1: lambda root: done.append(1), 2: lambda root: done.append(2)}
        monkeypatch.setattr(store_module, "UPGRADES", steps)
        monkeypatch.setattr(store_module, "VERSION", 3)
        for _ in range(2):
            again = Store(store.root)
            again.blobs.put_bytes(b"more")
            assert again.records.find(record.key) == record
        assert done == [1, 2]


class TestReadOnly:
    def test_reads_and_never_writes(self, store: Store) -> None:
        """`plan` on somebody else's store: everything found, not a byte changed."""
        record = made(store, "wide")
        (store.root / "index" / "records").unlink()
        before = sorted((path, path.stat().st_mtime_ns) for path in store.root.rglob("*"))
        opened = Store(store.root, readonly=True)
        assert opened.records.find(record.key) == record
        assert opened.memo.get("film") is None
        assert sorted((path, path.stat().st_mtime_ns) for path in store.root.rglob("*")) == before
        for write in (
            lambda: opened.blobs.put_bytes(b""),
            lambda: opened.records.put(record),
            lambda: opened.records.forget(record.key),
            lambda: opened.memo.put("film", {}),
            lambda: opened.work_dir(KEY),
        ):
            with pytest.raises(StoreError, match="for reading only"):
                write()

    def test_place_is_read_all_the_same(self, store: Store) -> None:
        """A store on a disk that refuses writing can be planned against, though opened as ever."""
        record = made(store, "wide")
        (store.root / "index" / "records").unlink()

        class Refusing(Files):
            def append(self, path: Path, data: bytes) -> None:
                raise OSError(errno.EROFS, "read-only", str(path))

            def write_new(self, path: Path, data: object) -> None:
                raise OSError(errno.EROFS, "read-only", str(path))

        opened = Store(store.root, files=Refusing())
        assert opened.records.find(record.key) == record
        with pytest.raises(StoreError, match="read-only"):
            opened.blobs.put_bytes(b"more")


class TestWorkDir:
    def test_survives_until_it_is_dropped(self, store: Store) -> None:
        """A killed step finds its checkpoint again."""
        (store.work_dir(KEY) / "checkpoint").write_text("step 7")
        assert (Store(store.root).work_dir(KEY) / "checkpoint").read_text() == "step 7"
        store.drop_work_dir(KEY)
        assert list(store.work_dir(KEY).iterdir()) == []


def test_public_face() -> None:
    """What other rooms may import; an addition is a decision."""
    assert filmforge.store.__all__ == [
        "Blob",
        "GcReport",
        "Holder",
        "Lease",
        "Lock",
        "LockBusy",
        "Record",
        "SourceIndex",
        "Store",
        "VerifyReport",
        "canonical",
        "digest_of",
    ]


def test_import_is_light() -> None:
    """A no-op build feels instant: nothing heavy comes along."""
    heavy = ("psutil", "pydantic", "numpy", "torch", "subprocess", "networkx")
    code = f"import sys, filmforge.store; print([name for name in {heavy} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"
