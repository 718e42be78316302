"""The store's only way to the disk, so that a test can stand in for a full one, or one that loses its power.

Every method is one thing a file system does, or fails to do. Nothing here is durable until `sync_file` and
`sync_dir` say so; `replace` puts them in the order that survives a power loss: temporary name in the same
file system, fsync, rename, fsync of the folder.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import secrets
import struct
from binascii import hexlify
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType

from filmforge.errors import StoreError

SIGNATURE = 64  # hex digits of one; see `signature`
CHUNK = 1 << 20  # bytes read at a time when hashing or copying
_WORD = 0xFFFF_FFFF_FFFF_FFFF
_packed = struct.Struct(">QQqq").pack
_masked = struct.Struct(">4Q").pack
_FULL_SYNC: int | None = getattr(fcntl, "F_FULLFSYNC", None)  # macOS: fsync alone stops at the drive's cache


class Files:
    """The real disk. Paths are absolute; errors are the operating system's own (OSError)."""

    def write_new(self, path: Path, data: bytes | Iterable[bytes]) -> None:
        """Create `path`, which must not exist, and write all of `data`; nothing is left behind on failure."""
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        try:
            for chunk in (data,) if isinstance(data, bytes) else data:
                self._write_all(descriptor, chunk)
        except BaseException:
            os.close(descriptor)
            path.unlink()
            raise
        os.close(descriptor)

    def append(self, path: Path, data: bytes) -> None:
        """Add `data` in one write: on a local disk, lines of several processes do not mix."""
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
        try:
            os.write(descriptor, data)
        finally:
            os.close(descriptor)

    def sync_file(self, path: Path) -> None:
        """Bring the file's bytes to the disk. Data written through any descriptor is included."""
        self._sync(path, os.O_RDONLY)

    def sync_dir(self, path: Path) -> None:
        """Bring the folder's names to the disk: creations, renames and removals in it."""
        try:
            self._sync(path, os.O_RDONLY | os.O_DIRECTORY)
        except OSError as problem:
            if problem.errno not in (errno.EINVAL, errno.ENOTSUP):  # network folders that sync by themselves
                raise

    def rename(self, source: Path, target: Path) -> None:
        source.replace(target)

    def link(self, source: Path, target: Path) -> None:
        """Give the file a second name, which must not exist: creation and content in one atomic act."""
        target.hardlink_to(source)

    def remove(self, path: Path) -> None:
        path.unlink()

    def make_dir(self, path: Path) -> None:
        path.mkdir()

    def protect(self, path: Path) -> None:
        """Make a file read-only, against editors and scripts; root may still write."""
        path.chmod(0o444)

    def touch(self, path: Path) -> None:
        """Set the file's time to the file system's own now."""
        os.utime(path)

    # From here on: the same acts put together; a test's layer overrides the ones above.

    def make_dirs(self, path: Path) -> None:
        """Create a folder and what is missing above it, each name durable."""
        if path.is_dir():
            return
        self.make_dirs(path.parent)
        try:
            self.make_dir(path)
        except FileExistsError:
            if not path.is_dir():
                raise
        self.sync_dir(path.parent)

    def replace(self, target: Path, data: bytes, temporary: Path, *, durable: bool = True) -> None:
        """Give `target` new content in one step: readers see the old bytes or the new ones, never a mixture.

        `durable=False` leaves out the syncs, for what a power loss may take: then a damaged file can be found
        afterwards, and its reader must know one when it sees it.
        """
        self.write_new(temporary, data)
        try:
            if durable:
                self.sync_file(temporary)
            try:
                self.rename(temporary, target)
            except FileNotFoundError:
                self.make_dirs(target.parent)
                self.rename(temporary, target)
        except BaseException:
            self.discard(temporary)
            raise
        if durable:
            self.sync_dir(target.parent)

    def now(self, temporary: Path) -> float:
        """The file system's own time, in seconds: on a network folder another machine's clock."""
        self.write_new(temporary, b"")
        try:
            return temporary.stat().st_mtime
        finally:
            self.discard(temporary)

    def discard(self, path: Path) -> None:
        """Remove a file that may be gone already, or may stay: it is only in the way."""
        try:
            self.remove(path)
        except OSError:
            return

    @staticmethod
    def _write_all(descriptor: int, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(descriptor, rest) :]

    @staticmethod
    def _sync(path: Path, flags: int) -> None:
        descriptor = os.open(path, flags | os.O_CLOEXEC)
        try:
            if _FULL_SYNC is not None:
                try:
                    fcntl.fcntl(descriptor, _FULL_SYNC)
                    return
                except OSError:  # a file system without it
                    pass
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


class on_disk:  # noqa: N801 - reads as a clause: `with on_disk("keep a result", root):`
    """Turn an OSError inside the block into a StoreError that says what, where and what to do."""

    __slots__ = ("doing", "where")

    def __init__(self, doing: str, where: Path) -> None:
        self.doing = doing
        self.where = where

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(problem, OSError):
            raise StoreError(_told(problem, self.doing, self.where)) from problem


def _told(problem: OSError, doing: str, where: Path) -> str:
    place = f"cannot {doing} in {where}"
    if problem.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return (
            f"{place}: the disk is full. What was finished is kept: free some space, or run `filmforge gc`, "
            "then build again."
        )
    if problem.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        reason = "it is read-only" if problem.errno == errno.EROFS else "no permission"
        return f"{place}: {reason}. Make the folder writable, or choose another place for the store."
    reason = problem.strerror or str(problem)
    return f"{place}: {reason} ({problem.filename or where}). Check the disk, then build again."


def chunks(path: Path) -> Iterator[bytes]:
    """The bytes of a file, piece by piece, whatever its size."""
    with path.open("rb", buffering=0) as file:
        while chunk := file.read(CHUNK):
            yield chunk


def digest_file(path: Path) -> str:
    """SHA-256, as 64 hex digits, of all bytes of a file."""
    with path.open("rb", buffering=0) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def signature(status: os.stat_result) -> bytes:
    """What changes when a file's bytes do: size, time of writing, inode, and the time nobody can set back."""
    try:
        return hexlify(_packed(status.st_size, status.st_ino, status.st_mtime_ns, status.st_ctime_ns))
    except struct.error:  # a tool may have written any year
        times = status.st_mtime_ns & _WORD, status.st_ctime_ns & _WORD
        return hexlify(_masked(status.st_size, status.st_ino & _WORD, *times))


def write_atomically(path: Path, data: bytes) -> None:
    """Replace a file of the project in one step; what was there stays until the new bytes are on the disk.

    Raises OSError, of which `path` is to blame.
    """
    Files().replace(path, data, path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}.part"))
