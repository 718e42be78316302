"""A cache file of checksummed lines, appended to by any number of processes; never the truth, only quick.

A line is `crc32 key rest`: eight hex digits, a key of 64 hex digits, bytes without newlines. The last line of
a key counts. What is cut off, overwritten, mixed up or flipped fails its checksum and is as if it had never
been written, so nothing here needs a lock or an fsync, on a network folder neither. The owner checks each
line against the file that it describes (by its signature) before believing it. One more kind of line, the cover,
says something of all lines before a certain byte of the file, and so is told of together with what came after that.
"""

from __future__ import annotations

import contextlib
import os
import zlib
from collections.abc import Iterable, Iterator, Set
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

from filmforge.store.files import Files

_KEY = slice(9, 73)
_SHARD = slice(9, 11)
_REST = 74
_key_of = itemgetter(_KEY)
_COVER = "-" * 64


class Reach(NamedTuple):
    """The first bytes of a journal: how many, and the CRC-32 of them."""

    bytes: int
    checksum: int


class _Cover(NamedTuple):
    reach: Reach
    says: bytes


class Journal:
    """A persistent `dict[key, bytes]` that may forget: a lost line costs a second look at the truth."""

    def __init__(self, path: Path, files: Files, *, readonly: bool = False) -> None:
        self._path = path
        self._files = files
        self._readonly = readonly
        self._lines: dict[bytes, bytes] = {}
        self._right: dict[bytes, bytes] = {}  # of these, those whose bytes a cover was found to hold for
        self._pending: list[bytes] = []  # not on the disk yet, as the folder does not exist
        self._identity = -1
        self.reach = Reach(0, 0)
        """What has been read of the file."""
        self.own: set[bytes] = set()
        """The first two digits of the keys that lines were written for here: these have not been read back."""
        self._cover = b""
        self._since: set[bytes] = set()  # the same of lines after what the cover speaks of

    def get(self, key: str) -> bytes | None:
        """What was last written for `key`; None when nothing was, or when it is damaged."""
        if key.encode() not in self._lines and not self.catch_up():
            return None
        return self.peek(key)

    def peek(self, key: str) -> bytes | None:
        """`get`, without a look at what others may have added."""
        line = self._lines.get(key.encode())
        return _rest(line) if line is not None else None

    def covered_line(self, key: str) -> bytes | None:
        """`peek` for a key with no later line than the cover speaks of; only where who wrote it found all of them right."""
        line = self._right.get(key.encode())
        return line[_REST:] if line is not None else None

    def __iter__(self) -> Iterator[str]:
        """The keys that have lines, damaged ones too."""
        return (key.decode() for key in list(self._lines) if len(key) == 64 and key.isalnum())

    def covered(self) -> tuple[bytes, Set[bytes]]:
        """What the last cover says, and the first two digits of the keys that have lines which it does not speak of."""
        return self._cover, self._since

    def cover(self, says: bytes, reach: Reach) -> None:
        """Say something of all lines in the first bytes of the file, for who finds the same bytes there."""
        if self._readonly or self._pending:  # then the file has not all that is known here
            return
        with contextlib.suppress(OSError):
            self._files.append(self._path, b"\n%s\n" % _line(_COVER, b"%d %d %s" % (*reach, says)))

    def clock(self) -> int | None:
        """The time of the file system, in nanoseconds; None where it cannot be had, or nothing can be kept."""
        if self._readonly:
            return None
        try:
            self._files.touch(self._path)
            return self._path.stat().st_mtime_ns
        except OSError:
            return None

    def put(self, key: str, rest: bytes) -> None:
        """Remember one line; see `put_many`."""
        self.put_many([(key, rest)])

    def put_many(self, items: Iterable[tuple[str, bytes]]) -> None:
        """Remember lines, on the disk if it can be written: a cache that cannot be kept is no error."""
        lines = [_line(key, rest) for key, rest in items]
        for line in lines:
            self._lines[line[_KEY]] = line
            self.own.add(line[_SHARD])
            self._since.add(line[_SHARD])
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
            if status.st_ino == self._identity and status.st_size == self.reach.bytes:
                return False
            with self._path.open("rb", buffering=0) as file:
                status = os.fstat(file.fileno())
                if status.st_ino != self._identity or status.st_size < self.reach.bytes:
                    self._identity, self.reach = status.st_ino, Reach(0, 0)
                    self._cover, self._since = b"", set()
                    self._lines, self._right = {line[_KEY]: line for line in self._pending}, {}
                file.seek(self.reach.bytes)
                data = file.readall()
        except OSError:
            return False
        end = data.rfind(b"\n") + 1  # a line still being written is left for the next time
        self._take_in(data[:end])
        return end > 0

    def _take_in(self, data: bytes) -> None:
        """Lines that were read from the file, after those that were read before."""
        lines = data.split(b"\n")
        self._lines.update(
            zip(map(_key_of, lines), lines, strict=True)
        )  # the empty lines between end up as one
        cover = _last_cover(data, self.reach)
        beyond, checksum = 0, self.reach.checksum
        if cover is not None:
            beyond = cover.reach.bytes - self.reach.bytes
            checksum = zlib.crc32(memoryview(data)[:beyond], checksum)
            if checksum == cover.reach.checksum:
                if beyond:
                    lines = data[beyond:].split(b"\n")
                self._cover, self._since, self._right = cover.says, set(self.own), dict(self._lines)
        self._since |= {line[_SHARD] for line in lines if line}
        self.reach = Reach(self.reach.bytes + len(data), zlib.crc32(memoryview(data)[beyond:], checksum))

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


def _last_cover(data: bytes, before: Reach) -> _Cover | None:
    """The last cover in `data`, read after `before`; None where there is none that speaks of bytes of `data`."""
    at = data.rfind(b" %s " % _COVER.encode()) - 8
    if at < 0:
        return None
    numbers = (_rest(data[at : data.find(b"\n", at)]) or b"").split(b" ", 2)
    if len(numbers) < 3:
        return None
    reach = Reach(int(numbers[0]), int(numbers[1]))
    return _Cover(reach, numbers[2]) if 0 <= reach.bytes - before.bytes <= at else None


def _rest(line: bytes) -> bytes | None:
    """What a line says; None where its checksum does not hold."""
    try:
        right = int(line[:8], 16) == zlib.crc32(memoryview(line)[9:])
    except ValueError:
        return None
    return line[_REST:] if right else None


def _line(key: str, rest: bytes) -> bytes:
    body = b"%s %s" % (key.encode(), rest)
    return b"%08x %s" % (zlib.crc32(body), body)
