"""What running builds need, so that garbage collection beside them leaves it alone.

A build writes its keys to a file of its own under `builds/`, with itself as the holder; when it is gone, so
is its claim.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from filmforge.store.encoding import seal, unseal
from filmforge.store.files import Files, on_disk
from filmforge.store.holder import Holder, decoded, myself
from filmforge.store.locks import Heartbeat, Locks

_SCHEMA = "filmforge.build/1"


class Lease:
    """The claim of one running build, from `Store.keep`."""

    def __init__(self, path: Path, files: Files, temporary: Callable[[], Path]) -> None:
        self._path = path
        self._files = files
        self._temporary = temporary
        self._holder = myself()
        self._began = files.now(temporary())
        self._keys: set[str] = set()
        self._write()

    def add(self, keys: Iterable[str]) -> None:
        """Claim further keys: their records, results and scratch folders stay until the lease ends."""
        more = set(keys) - self._keys
        if more:
            self._keys |= more
            with on_disk("note the running build", self._path.parent):
                self._write()

    def _write(self) -> None:
        value = {"holder": self._holder.encoded().decode(), "began": self._began, "keys": sorted(self._keys)}
        # Not synced: no build outlives a power loss.
        self._files.replace(self._path, seal(_SCHEMA, value), self._temporary(), durable=False)


@dataclass(frozen=True, slots=True)
class Claim:
    """A lease as another process reads it; `began` is the file system's time, in seconds."""

    holder: Holder
    began: float
    keys: frozenset[str]


class Leases:
    """The folder of claims of one store."""

    def __init__(
        self, root: Path, files: Files, temporary: Callable[[], Path], locks: Locks, heartbeat: Heartbeat
    ) -> None:
        self._root = root
        self._files = files
        self._temporary = temporary
        self._locks = locks
        self._heartbeat = heartbeat

    @contextlib.contextmanager
    def hold(self) -> Iterator[Lease]:
        """A claim, of nothing at first, that ends with the block or with this process."""
        path = self._root / f"{self._temporary().name}.json"
        with on_disk("note the running build", self._root):
            lease = Lease(path, self._files, self._temporary)
        self._heartbeat.add(path)
        try:
            yield lease
        finally:
            self._heartbeat.drop(path)
            self._files.discard(path)

    def running(self) -> list[Claim]:
        """The claims of builds that may be alive; files that dead ones left behind are removed."""
        claims = []
        for path in sorted(self._root.glob("*.json")):
            try:
                value = unseal(_SCHEMA, path.read_bytes())
            except OSError:
                continue
            holder = decoded(value["holder"].encode()) if value is not None else None
            if value is None or holder is None or self._locks.is_over(path, holder):
                self._files.discard(path)
            else:
                claims.append(Claim(holder, value["began"], frozenset(value["keys"])))
        return claims
