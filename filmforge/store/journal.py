"""A cache file of checksummed lines, appended to by any number of processes; never the truth, only quick.

A line is `crc32 key rest`: eight hex digits, a key of 64 hex digits, bytes without newlines. The last line of
a key counts. What is cut off, overwritten, mixed up or flipped fails its checksum and is as if it had never
been written, so nothing here needs a lock or an fsync, on a network folder neither. The owner checks each
line against the file that it describes (by its signature) before believing it.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterable
from pathlib import Path

from filmforge.store.files import Files

_KEY = slice(9, 73)
_REST = 74


class Journal:
    """A persistent `dict[key, bytes]` that may forget: a lost line costs a second look at the truth."""

    def __init__(self, path: Path, files: Files, *, readonly: bool = False) -> None:
        self._path = path
        self._files = files
        self._readonly = readonly
        self._lines: dict[bytes, bytes] = {}
        self._pending: list[bytes] = []  # not on the disk yet, as the folder does not exist
        self._identity = -1
        self._read_to = 0

    def get(self, key: str) -> bytes | None:
        """What was last written for `key`; None when nothing was, or when it is damaged."""
        line = self._lines.get(key.encode())
        if line is None:
            if not self.catch_up():
                return None
            line = self._lines.get(key.encode())
            if line is None:
                return None
        rest = line[9:]
        try:
            right = int(line[:8], 16) == zlib.crc32(rest)
        except ValueError:
            right = False
        return rest[65:] if right else None

    def put(self, key: str, rest: bytes) -> None:
        """Remember one line; see `put_many`."""
        self.put_many([(key, rest)])

    def put_many(self, items: Iterable[tuple[str, bytes]]) -> None:
        """Remember lines, on the disk if it can be written: a cache that cannot be kept is no error."""
        lines = [_line(key, rest) for key, rest in items]
        for line in lines:
            self._lines[line[_KEY]] = line
        self._pending += lines
        if self._readonly or not self._pending:
            return
        # The newline in front closes a line that another process was killed in the middle of.
        data = b"\n" + b"\n".join(self._pending) + b"\n"
        try:
            self._files.append(self._path, data)
        except OSError:
            return
        self._pending = []

    def catch_up(self) -> bool:
        """Read what other processes have added since; True if there was anything."""
        try:
            status = self._path.stat()
            if status.st_ino == self._identity and status.st_size == self._read_to:
                return False
            with self._path.open("rb", buffering=0) as file:
                status = os.fstat(file.fileno())
                if status.st_ino != self._identity or status.st_size < self._read_to:
                    self._identity, self._read_to = status.st_ino, 0
                file.seek(self._read_to)
                data = file.readall()
        except OSError:
            return False
        end = data.rfind(b"\n") + 1  # a line still being written is left for the next time
        self._read_to += end
        self._lines.update((line[_KEY], line) for line in data[:end].split(b"\n") if line)
        return end > 0

    def rewrite(self, keep: Iterable[str], temporary: Path) -> None:
        """Leave only the lines of the keys in `keep`. Lines added meanwhile by others may be lost."""
        self.catch_up()
        wanted = {key.encode() for key in keep}
        self._lines = {key: line for key, line in self._lines.items() if key in wanted}
        if self._readonly:
            return
        try:
            self._files.replace(
                self._path,
                b"".join(b"\n%s\n" % line for line in self._lines.values()),
                temporary,
                durable=False,
            )
        except OSError:
            return
        self._pending = []
        self._identity = -1


def _line(key: str, rest: bytes) -> bytes:
    body = b"%s %s" % (key.encode(), rest)
    return b"%08x %s" % (zlib.crc32(body), body)
