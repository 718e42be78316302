"""The store as a whole: one folder that any number of builds share, made when something is first kept in it.

store.json     schema and version
blobs/ab/…     results by the digest of their bytes        records/ab/…  what each step made, by its key
films/         what a film remembers between builds        index/        caches, safe to delete
locks/         one file a step that is being made          builds/       what running builds need
work/<key>/    scratch that survives a kill                tmp/          files being written
quarantine/    damaged files, until the next `gc`          previews/     pictures of what is being made, until then
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from pathlib import Path

from filmforge.errors import StoreError
from filmforge.store.blobs import Blobs
from filmforge.store.encoding import seal, unseal
from filmforge.store.files import Files, on_disk
from filmforge.store.garbage import GcReport, collect
from filmforge.store.holder import Holder, tag
from filmforge.store.journal import Journal
from filmforge.store.leases import Lease, Leases
from filmforge.store.locks import Heartbeat, Lock, Locks
from filmforge.store.memo import Memo
from filmforge.store.quarantine import Quarantine
from filmforge.store.records import Records
from filmforge.store.sources import SourceIndex
from filmforge.store.verification import VerifyReport, verify

VERSION = 1
_SCHEMA = "filmforge.store/1"  # of store.json itself; `version` in it is that of the layout
_FOLDERS = ("blobs", "records", "films", "index", "locks", "builds", "work", "tmp")
_HOUSEKEEPING = "housekeeping"
_numbers = itertools.count()  # of temporary files, over all stores of this process

#: How to bring a store of version n to n + 1, by n. Each is done under a lock, and may be done twice.
UPGRADES: Mapping[int, Callable[[Path], None]] = {}


class Store:
    """One store folder. Making this object touches nothing; reading where no folder is finds nothing.

    `readonly`: never write, not even a cache; damaged files are reported and stay where they are. A store in
    a place that cannot be written to can also be read without it. `warn` is told of each damaged file, once.
    `trusted`: ids of keys; what came from a mirror counts only if one of them signed it.
    Raises StoreError when the folder is no store, or one of a later version.
    """

    def __init__(
        self,
        root: Path,
        *,
        readonly: bool = False,
        files: Files | None = None,
        warn: Callable[[str], None] | None = None,
        trusted: Set[str] = frozenset(),
    ) -> None:
        self.root = root.absolute()
        self.readonly = readonly
        self._trusted: set[str] = set(trusted)
        self.files = files or Files()
        self._ready = False
        heartbeat = Heartbeat(self.files)

        def journal(name: str) -> Journal:
            return Journal(self.root / "index" / name, self.files, readonly=readonly)

        self.locks = Locks(self.root / "locks", self.files, self._temporary, heartbeat)
        self.leases = Leases(self.root / "builds", self.files, self._temporary, self.locks, heartbeat)
        quarantine = Quarantine(
            self.root / "quarantine",
            self.files,
            locks=self.locks,
            temporary=self._temporary,
            warn=warn or logging.getLogger("filmforge.store").warning,
            readonly=readonly,
        )
        self.blobs = Blobs(
            self.root / "blobs",
            self.files,
            verified=journal("blobs"),
            locks=self.locks,
            ensure=self._ensure,
            temporary=self._temporary,
            quarantine=quarantine,
        )
        self.records = Records(
            self.root / "records",
            self.files,
            blobs=self.blobs,
            journal=journal("records"),
            quarantine=quarantine,
            ensure=self._ensure,
            temporary=self._temporary,
            trusted=self._trusted.__contains__,
        )
        self.sources = SourceIndex(journal("sources"))
        self.memo = Memo(
            self.root / "films",
            self.files,
            quarantine=quarantine,
            ensure=self._ensure,
            temporary=self._temporary,
        )
        self._version()

    def trust(self, signers: Iterable[str]) -> None:
        """Let what these keys signed count as well."""
        self._trusted.update(signers)

    def new_file(self, suffix: str = "") -> Path:
        """A path for a file (or folder) that does not exist yet, in the store's own file system."""
        self._ensure()
        path = self._temporary()
        return path.with_name(path.name + suffix)

    def work_dir(self, key: str) -> Path:
        """The scratch folder of a step, made if need be; what a killed step left there is still there."""
        self._ensure()
        path = self.root / "work" / key
        with on_disk("make a scratch folder", self.root):
            path.mkdir(exist_ok=True)
        return path

    def drop_work_dir(self, key: str) -> None:
        """Remove a step's scratch folder, the step being done."""
        import shutil

        shutil.rmtree(self.root / "work" / key, ignore_errors=True)

    def show(self, name: str, picture: bytes) -> Path:
        """Put a picture of what is being made where people can look at it, in the place of the one before it."""
        self._ensure()
        path = self.root / "previews" / name
        with on_disk("show a preview", self.root):
            self.files.replace(path, picture, self._temporary(), durable=False)
        return path

    @contextlib.contextmanager
    def lock(
        self, key: str, *, wait: bool | float = True, on_wait: Callable[[Holder], None] | None = None
    ) -> Iterator[Lock]:
        """Hold the lock of a key; at any time at most one holder, over all processes and machines.

        `wait`: True as long as it takes, False not at all, a number at most so many seconds; then LockBusy,
        which names the holder. `on_wait(holder)` is called before the first wait, and again when the holder
        changes. The lock of a dead process is taken over: at once when it ran on this machine, after a minute
        without heartbeat when elsewhere. Not re-entrant.
        """
        self._ensure()
        with self.locks.hold(key, wait=wait, on_wait=on_wait) as lock:
            yield lock

    @contextlib.contextmanager
    def keep(
        self, keys: Iterable[str] = (), *, on_wait: Callable[[Holder], None] | None = None
    ) -> Iterator[Lease]:
        """Claim what a build needs, for as long as it runs: `gc` leaves it, and all that comes in meanwhile.

        Claim before looking results up: a collection that is under way is waited for (`on_wait(holder)`).
        """
        self._ensure()
        with self.leases.hold() as lease:
            lease.add(keys)
            if self.locks.holder(_HOUSEKEEPING) is not None:
                with self.locks.hold(_HOUSEKEEPING, on_wait=on_wait):
                    pass
            yield lease

    def gc(
        self,
        keep: Set[str],
        *,
        max_age: float | None = None,
        max_bytes: int | None = None,
        dry_run: bool = False,
    ) -> GcReport:
        """Drop results, but none of the record keys in `keep`, nor what running builds claim or make.

        `max_age` (seconds since it was made): drop what is older. `max_bytes`: drop the oldest until the rest
        fits, or only kept ones are left. With neither, drop all that is not kept. Also drops blobs no record
        names (older than an hour), files of dead processes, damaged files, and scratch folders that have not
        been touched for a day (or `max_age`).
        """
        self._ensure()
        with self.lock(_HOUSEKEEPING):
            return collect(self, keep, max_age=max_age, max_bytes=max_bytes, dry_run=dry_run)

    def verify(self, progress: Callable[[int], None] | None = None) -> VerifyReport:
        """Read every stored byte. Damaged blobs are set aside, and records that name missing ones forgotten.

        `progress(size)` is called after each blob, with its size in bytes.
        """
        self._ensure()
        with self.lock(_HOUSEKEEPING):
            return verify(self, progress)

    def _temporary(self) -> Path:
        return self.root / "tmp" / f"{tag(os.getpid())}.{next(_numbers)}"

    def _ensure(self) -> None:
        """Make the folder a store, if it is none yet; any number of processes may do so at once."""
        if self._ready:
            return
        if self.readonly:
            raise StoreError(
                f"the store {self.root} was opened for reading only; open it for writing to build."
            )
        with on_disk("make the store", self.root):
            for name in _FOLDERS:
                self.files.make_dirs(self.root / name)
            version = self._version()
            if version is None:
                self._mark()
            elif version < VERSION:
                with self.locks.hold("upgrade"):
                    self._upgrade()
        self._ready = True

    def _version(self) -> int | None:
        """The layout's version as `store.json` has it; None when there is none or it is damaged."""
        try:
            document = (self.root / "store.json").read_bytes()
        except FileNotFoundError:
            return None
        except OSError as problem:
            raise StoreError(
                f"cannot read the store {self.root}: {problem.strerror}. Is it a folder, and may you read it?"
            ) from problem
        value = unseal(_SCHEMA, document)
        if value is None:
            return None
        version = int(value["version"])
        if version > VERSION:
            raise StoreError(
                f"the store {self.root} was made by a later filmforge (layout {version}; this one knows "
                f"{VERSION}). Upgrade filmforge, or choose another place for the store."
            )
        return version

    def _upgrade(self) -> None:
        for version in range(self._version() or VERSION, VERSION):
            UPGRADES[version](self.root)
            self._mark(version + 1)

    def _mark(self, version: int = VERSION) -> None:
        self.files.replace(self.root / "store.json", seal(_SCHEMA, {"version": version}), self._temporary())
