"""A mirror of results that others fill and read: asked before a step is carried out, filled after it.

records/ab/<key>/<signer>   what a step made, under the signature of who made it
blobs/ab/<digest>           its results, each under the digest of its bytes

A record counts only with a right signature of a key that the film trusts, a blob only with its digest. Blobs go up
before the record that names them. All talk is on threads of its own, so that a build goes on while the mirror is slow;
one that does not answer, or gives its bytes by the drop, is given up with one warning. Nothing that a mirror does or
fails to do makes a build fail.
"""

from __future__ import annotations

import hashlib
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from filmforge.errors import StoreError
from filmforge.store.blobs import Blob
from filmforge.store.records import Record, from_document, to_document
from filmforge.store.remote import Remote
from filmforge.store.signing import PublicKey, SigningKey
from filmforge.store.store import Store

PATIENCE = 30.0
"""Seconds without a byte after which a mirror is given up."""
SLOWEST = 16 * 1024.0
"""Bytes a second that a mirror must give, on the mean, after its first `PATIENCE`."""
THREADS = 4
FAILURES = 3
"""So many things that went wrong, and the mirror is not asked any more in this build."""
_RECORD_BYTES = 16 << 20
_SHA256 = re.compile(r"[0-9a-f]{64}").fullmatch


class _WrongError(Exception):
    """What came from the mirror is not what it should be."""


@dataclass(slots=True)
class _Job:
    """One thing under way: a key that is asked for, or a record that is shared."""

    work: Callable[[_Job], None]
    key: str
    began: float | None = None
    moved: float = 0.0
    bytes: int = 0
    done: bool = False
    record: Record | None = None
    files: dict[str, Path] = field(default_factory=dict)

    def count(self, size: int) -> None:
        self.bytes += size
        self.moved = time.monotonic()


class Mirror:
    """The mirror of one film, during one build.

    `trusted`: whose records count. `key`: with which what is made here is signed and shared; None only reads.
    """

    def __init__(
        self,
        remote: Remote,
        store: Store,
        *,
        trusted: Iterable[PublicKey],
        key: SigningKey | None,
        warn: Callable[[str], None],
        patience: float = PATIENCE,
    ) -> None:
        self._remote, self._store, self._key, self._warn = remote, store, key, warn
        self._patience = patience
        self._trusted = tuple({k.raw: k for k in (*trusted, *([key.public] if key else []))}.values())
        self._asked: dict[str, _Job] = {}
        self._shared: list[_Job] = []
        self._queue: deque[_Job] = deque()
        self._wake = threading.Condition()
        self._threads: list[threading.Thread] = []
        self._trouble: list[str] = []
        self._failures = 0
        self._wrong: set[str] = set()
        self.gone = False
        self.fetched = 0
        self.filled = 0

    def ask(self, key: str) -> None:
        """Begin to look for the result of `key`; `answers` tells when it is known."""
        self._asked[key] = job = _Job(self._look, key)
        self._start(job)

    def answers(self) -> dict[str, bool]:
        """The keys asked for that were answered since the last call: True where the result is in the store now."""
        self._watch()
        known: dict[str, bool] = {}
        for key, job in list(self._asked.items()):
            if job.done or self.gone:
                del self._asked[key]
                known[key] = self._file(job) if job.done else False
        return known

    def share(self, record: Record) -> None:
        """Begin to put a result of this store there, unless it came from the mirror or one only reads."""
        if self._key is None or record.signer or self.gone:
            return
        job = _Job(lambda job: self._fill(job, record), record.key)
        self._shared.append(job)
        self._start(job)

    def finish(self) -> None:
        """Wait until all that is shared is there, or the mirror is given up."""
        while not self.gone and any(not job.done for job in self._shared):
            self._watch()
            time.sleep(0.01)
        with self._wake:
            self._queue.clear()
            self._wake.notify_all()
        self._tell()

    # On the build's own thread.

    def _start(self, job: _Job) -> None:
        if self.gone:
            return
        with self._wake:
            self._queue.append(job)
            if len(self._threads) < THREADS:
                # Daemons: one that hangs in somebody's library must not keep the process.
                self._threads.append(threading.Thread(target=self._run, name="mirror", daemon=True))
                self._threads[-1].start()
            self._wake.notify()

    def _watch(self) -> None:
        """Give up a mirror that stalls, creeps or fails again and again."""
        now = time.monotonic()
        self._tell()
        for job in (*self._asked.values(), *self._shared):
            if self.gone or job.done or job.began is None:
                continue
            if now - job.moved > self._patience:
                self._give_up(f"does not answer (nothing for {self._patience:.0f} s)")
            elif now - job.began - self._patience > job.bytes / SLOWEST:
                self._give_up(f"is too slow (under {SLOWEST / 1024:.0f} KiB/s)")
        if not self.gone and self._failures >= FAILURES:
            self.gone = True
        if self.gone:
            with self._wake:
                self._queue.clear()

    def _give_up(self, why: str) -> None:
        self.gone = True
        self._warn(f"the mirror {self._remote.url} {why}; this build goes on without it")

    def _tell(self) -> None:
        """One warning for trouble, however often it comes."""
        with self._wake:
            trouble, self._trouble = self._trouble, []
        for message in trouble:
            self._warn(message)

    def _file(self, job: _Job) -> bool:
        """Take into the store what was fetched. A disk that refuses makes it a miss: the step itself will say so."""
        record, files, job.files = job.record, job.files, {}
        if record is None:
            return False
        try:
            for digest, path in files.items():
                if self._store.blobs.put(path).digest != digest:
                    raise StoreError("it changed on the way")
            self._store.records.put(record)
        except StoreError as error:
            self._warn(f"{record.step} came from the mirror and could not be kept: {error}")
            return False
        finally:
            for path in files.values():
                self._store.files.discard(path)
        self.fetched += 1
        return self._store.records.find(record.key) is not None

    # On the mirror's threads: nothing here touches the store's own files, but for reading blobs.

    def _run(self) -> None:
        while True:
            with self._wake:
                while not self._queue:
                    if not self._wake.wait(timeout=60.0) and not self._queue:
                        self._threads.remove(threading.current_thread())
                        return
                job = self._queue.popleft()
            job.began = job.moved = time.monotonic()
            try:
                job.work(job)
            except (
                Exception
            ) as error:  # storage packages raise what they like, and none of it is ours to mend
                self._note(
                    f"the mirror {self._remote.url} cannot be used: {_plain(error)}; "
                    "the build goes on without it",
                    failed=True,
                )
            finally:
                if job.record is None:
                    for path in job.files.values():
                        self._store.files.discard(path)
                    job.files = {}
                job.done = True

    def _note(self, message: str, *, failed: bool) -> None:
        with self._wake:
            if failed:
                self._failures += 1
                if self._failures > 1:
                    return
            self._trouble.append(message)

    def _look(self, job: _Job) -> None:
        if not self._remote.reachable():
            if self._key is not None:  # this build makes it
                return
            raise FileNotFoundError("there is no such folder; `filmforge build --share` makes it")
        for signer in self._trusted:
            try:
                data = self._remote.read(_record_name(job.key, signer.id), _RECORD_BYTES)
            except FileNotFoundError:
                continue
            job.count(len(data))
            try:
                record = self._believed(job.key, signer, data)
                whole = all(self._got(job, blob) for blob in record.outputs.values())
            except _WrongError as error:
                self._note(str(error), failed=False)
                continue
            if whole:
                job.record = replace(record, signer=signer.id)
                return

    def _believed(self, key: str, signer: PublicKey, data: bytes) -> Record:
        """The record in `data`, which must be the signer's own word on this very key."""
        document, signature = data[64:], data[:64]
        record = from_document(document) if signer.signed(document, signature) else None
        if record is None or record.key != key or not all(_SHA256(b.digest) for b in record.outputs.values()):
            raise _WrongError(
                f"the mirror {self._remote.url} holds a record ({key[:12]}) that {signer.name or signer.id} did not "
                "sign: it is damaged, or somebody planted it. It is not used"
            )
        return record

    def _got(self, job: _Job, blob: Blob) -> bool:
        """Whether the blob is in the store, or now in a file beside it, its every byte checked."""
        if blob.digest in job.files or self._store.blobs.has(blob.digest):
            return True
        path = self._store.new_file()
        seen, size = hashlib.sha256(), 0
        try:
            with path.open("xb") as file:
                for data in self._remote.pieces(_blob_name(blob.digest)):
                    seen.update(data)
                    size += len(data)
                    if size > blob.size:
                        break
                    file.write(data)
                    job.count(len(data))
        except FileNotFoundError:  # a record without its blob is a miss
            self._store.files.discard(path)
            return False
        except BaseException:
            self._store.files.discard(path)
            raise
        if seen.hexdigest() != blob.digest:
            self._store.files.discard(path)
            self._wrong.add(blob.digest)
            raise _WrongError(
                f"a result in the mirror {self._remote.url} is damaged ({blob.digest[:12]}); it is made here"
            )
        job.files[blob.digest] = path
        return True

    def _fill(self, job: _Job, record: Record) -> None:
        assert self._key is not None
        for blob in {blob.digest: blob for blob in record.outputs.values()}.values():
            name = _blob_name(blob.digest)
            if blob.digest not in self._wrong and self._remote.size(name) == blob.size:
                continue
            self._remote.send(self._store.blobs.path(blob.digest), name, job.count)
            job.count(0)
        for signer in self._trusted:
            if self._remote.size(_record_name(record.key, signer.id)) is not None:
                if signer != self._key.public:
                    return
                data = self._remote.read(_record_name(record.key, signer.id), _RECORD_BYTES)
                if signer.signed(data[64:], data[:64]):
                    return
        document = to_document(record)
        self._remote.write(_record_name(record.key, self._key.public.id), self._key.sign(document) + document)
        self.filled += 1


def _plain(error: Exception) -> str:
    text = str(error).strip().splitlines()
    return text[0][:200] if text else type(error).__name__


def _record_name(key: str, signer: str) -> str:
    return f"records/{key[:2]}/{key}/{signer}"


def _blob_name(digest: str) -> str:
    return f"blobs/{digest[:2]}/{digest}"
