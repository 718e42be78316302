"""All records as they are at one moment, for a plan, which asks for thousands: a look at each folder, not at each file.

Replacing a file, adding one or removing one changes the times of its folder, and nobody can set back the time at
which a folder last changed. So the journal also keeps *marks*: the signature that a folder had when all that the
journal holds of it was compared with the files in it. While a folder has that signature, and the journal has no
later line about it, the journal's copies are believed without a look at each file. A record that was written over
in place is not seen that way; its copy in the journal has a checksum of its own and is what the file once said, and
`verify`, or who asks for that one record, finds the damage.

A folder that changed a moment ago gets no mark: within the grain of file times it may change again unseen.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from filmforge.store.files import SIGNATURE, signature
from filmforge.store.journal import Journal

if TYPE_CHECKING:
    from filmforge.store.records import Record

GRAIN = 3 * 10**9
"""How long a folder must have been left alone before it is marked, in ns: some file systems count by two seconds."""
_WORTH = 4  # marks are made where at least one in so many of a folder's records was asked for


class Snapshot:
    """Records by key, as they were when this was made. Use it as a context: at its end new marks are kept."""

    def __init__(
        self,
        root: Path,
        journal: Journal,
        *,
        place: Callable[[str], str],
        look: Callable[[str], tuple[Record | None, bytes | None]],
        unpack: Callable[[str, bytes], Record],
        counts: Callable[[Record], bool],
    ) -> None:
        self._prefix, self._journal, self._place = f"{root}/", journal, place
        self._look, self._unpack, self._counts = look, unpack, counts
        self._line_of = journal.covered_line
        self._asked: Counter[str] = Counter()
        self._new: list[tuple[str, bytes]] = []
        self._marks = self._read_marks()
        self._reach = journal.reach

    def __enter__(self) -> Snapshot:
        return self

    def __exit__(self, *_: object) -> None:
        if self._new:
            self._journal.put_many(self._new)
        self._mark()

    def get(self, key: str) -> Record | None:
        """The record of a key; None when there is none, or it is damaged. Says nothing about its blobs."""
        shard = key[:2]
        if shard in self._marks:
            line = self._line_of(key)
            if line:
                return self._unpack(key, line)
        else:
            self._asked[shard] += 1
        record, new = self._look(key)
        if new is not None:
            self._new.append((key, new))
        return record

    def find(self, key: str) -> Record | None:
        """The record of a key if it counts here and all its outputs are here and undamaged, else None."""
        record = self.get(key)
        return record if record is not None and self._counts(record) else None

    def _read_marks(self) -> dict[str, bytes]:
        """The marks that hold now, by folder."""
        self._journal.catch_up()
        marks, since = self._journal.covered()
        held = (marks[at : at + 2 + SIGNATURE] for at in range(0, len(marks), 2 + SIGNATURE))
        return {
            mark[:2].decode(): mark[2:]
            for mark in held
            if mark[:2] not in since and self._folder(mark[:2].decode()) == mark[2:]
        }

    def _folder(self, shard: str) -> bytes | None:
        try:
            return signature(os.stat(f"{self._prefix}{shard}"))  # noqa: PTH116 - asked hundreds of times
        except OSError:
            return None

    def _mark(self) -> None:
        """Compare all lines of the folders that had no mark with their files, and mark those where all are right."""
        if not self._asked or (now := self._journal.clock()) is None:
            return
        known = Counter(key[:2] for key in self._journal)
        shards = {shard for shard, asked in self._asked.items() if asked * _WORTH >= known[shard]}
        shards -= {shard.decode() for shard in self._journal.own}
        folders = {shard: self._left_alone(shard, now) for shard in shards}
        right = {shard for shard, was in folders.items() if was is not None}
        gone = []
        for key in self._journal:
            if key[:2] not in right or (line := self._journal.peek(key)) == b"":
                continue
            try:
                if line is not None and line.startswith(signature(os.stat(self._place(key)))):  # noqa: PTH116
                    continue
            except FileNotFoundError:
                gone.append((key, b""))  # removed by `gc`, or by hand
            except OSError:
                pass
            right.discard(key[:2])
        if gone:
            self._journal.put_many(gone)
        marks = self._marks | {shard: was for shard in right if (was := folders[shard]) is not None}
        if right:
            self._journal.cover(
                b"".join(shard.encode() + marks[shard] for shard in sorted(marks)), self._reach
            )

    def _left_alone(self, shard: str, now: int) -> bytes | None:
        """The signature of a folder that has not changed for a while, by the file system's own time."""
        try:
            status = os.stat(f"{self._prefix}{shard}")  # noqa: PTH116
        except OSError:
            return None
        changed = max(status.st_mtime_ns, status.st_ctime_ns)
        return signature(status) if now - changed >= GRAIN else None
