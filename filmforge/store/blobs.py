"""Results by content: each file is named by the SHA-256 of its bytes and is never written again.

A blob that was verified is remembered by its signature (size, times, inode), so that asking for it costs one
`stat`. Any change to the file changes the signature; then its bytes are read again, and a blob that is not
what its name says is set aside before anyone uses it. Reading every byte is for `verify`: a disk that rots
without the file system noticing changes no signature.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from filmforge.errors import StoreError
from filmforge.store.files import Files, chunks, digest_file, on_disk, signature
from filmforge.store.holder import tag_is_dead
from filmforge.store.journal import Journal
from filmforge.store.locks import Locks
from filmforge.store.quarantine import Quarantine

_DAMAGED = "is not what it was when it was stored"
_PART = ".part."  # begins the name of an unfinished copy; its process follows


@dataclass(frozen=True, slots=True)
class Blob:
    """One stored file: `digest` is the SHA-256 of its bytes in 64 hex digits, `size` their number."""

    digest: str
    size: int


class Blobs:
    """The blobs of one store, under `blobs/ab/<digest>`."""

    def __init__(
        self,
        root: Path,
        files: Files,
        *,
        verified: Journal,
        locks: Locks,
        ensure: Callable[[], None],
        temporary: Callable[[], Path],
        quarantine: Quarantine,
    ) -> None:
        self._root = root
        self._prefix = f"{root}/"
        self._files = files
        self._verified = verified
        self._locks = locks
        self._ensure = ensure
        self._temporary = temporary
        self._quarantine = quarantine
        self._right: dict[str, bytes] = {}  # what this process has seen of `verified`

    def path(self, digest: str) -> Path:
        """Where the blob is, or would be. Open it for reading only; `has` says whether it can be trusted."""
        return Path(f"{self._prefix}{digest[:2]}/{digest}")

    def put(self, path: Path) -> Blob:
        """Move a finished file in; `path` is gone afterwards. The file is on the disk when this returns.

        A file in the store's `tmp/` (see `Store.new_file`) is renamed; one elsewhere, or one with further
        names (hard links), is copied. Raises StoreError when it is no regular file, changes while it is read,
        or the disk refuses.
        """
        self._ensure()
        with on_disk("keep a result", self._root):
            before = path.lstat()
            if not stat.S_ISREG(before.st_mode):
                raise StoreError(f"{path} is not a regular file: a step's output must be one. Write it anew.")
            if before.st_nlink > 1:
                return self._copied(path)
            self._files.protect(path)
            self._files.sync_file(path)
            digest = digest_file(path)
            after = path.lstat()
            if (before.st_size, before.st_mtime_ns, before.st_ino) != (
                after.st_size,
                after.st_mtime_ns,
                after.st_ino,
            ):
                raise StoreError(
                    f"{path} was written to while it was stored. Finish writing it, then store it."
                )
            try:
                self._enter(path, digest)
            except OSError as problem:
                if problem.errno != errno.EXDEV:
                    raise
                return self._copied(path)
            return Blob(digest, after.st_size)

    def put_bytes(self, data: bytes) -> Blob:
        """Store bytes, which fit in memory, as a blob."""
        self._ensure()
        temporary = self._temporary()
        with on_disk("keep a result", self._root):
            self._files.write_new(temporary, data)
            try:
                return self.put(temporary)
            except BaseException:
                self._files.discard(temporary)
                raise

    def has(self, digest: str) -> bool:
        """Whether the blob is here and is what it was when its bytes were last read: one `stat`, mostly.

        When its signature differs (touched, copied, written to) the bytes are read: a right blob is
        remembered anew, a wrong one is set aside with one warning and counts as missing.
        """
        try:
            now = signature(os.stat(f"{self._prefix}{digest[:2]}/{digest}"))  # noqa: PTH116 - asked 10,000 times
        except OSError:
            return False
        if self._right.get(digest) == now:
            return True
        if self._verified.get(digest) == now:
            self._right[digest] = now
            return True
        return self.verify(digest)

    def verify(self, digest: str) -> bool:
        """Read every byte: False when the blob is missing, or wrong, which sets it aside with one warning."""
        place = self.path(digest)
        try:
            before = place.stat()
            if stat.S_ISREG(before.st_mode) and digest_file(place) == digest:
                self._right[digest] = now = signature(before)
                self._verified.put(digest, now)
                return True
        except FileNotFoundError:
            return False
        except OSError as problem:
            self._quarantine.take(place, f"cannot be read ({problem.strerror})")
            return False
        self._quarantine.take(place, _DAMAGED, before.st_ino)
        return False

    def copy_to(self, digest: str, target: Path) -> None:
        """Copy a blob to `target` in one step, verified on the way; a file that was there is replaced whole.

        Never a hard link: whoever edits the copy must not edit the store. Raises StoreError when the blob is
        missing or damaged (it is then set aside, and the next build makes it again), or the disk refuses.
        """
        temporary = target.with_name(_PART + self._temporary().name)
        seen = hashlib.sha256()

        def hashed() -> Iterator[bytes]:
            for chunk in chunks(self.path(digest)):
                seen.update(chunk)
                yield chunk

        with on_disk("write a copy", target.parent):
            self._files.make_dirs(target.parent)
            for left in target.parent.glob(f"{_PART}*"):
                if tag_is_dead(left.name.removeprefix(_PART)):
                    self._files.discard(left)
            try:
                self._files.write_new(temporary, hashed())
            except FileNotFoundError as problem:
                if not self.path(digest).exists():
                    raise StoreError(
                        f"a result is gone from {self._root} ({digest[:12]}). Build again: it is made anew."
                    ) from problem
                raise
            try:
                if seen.hexdigest() != digest:
                    self._quarantine.take(self.path(digest), _DAMAGED)
                    raise StoreError(
                        f"a result in {self._root} is damaged ({digest[:12]}). Build again: it is made anew."
                    )
                self._files.sync_file(temporary)
                self._files.rename(temporary, target)
            except BaseException:
                self._files.discard(temporary)
                raise
            self._files.sync_dir(target.parent)

    def __iter__(self) -> Iterator[str]:
        """The digests of all blobs that are here, verified or not."""
        for folder in _entries(self._root):
            yield from (entry.name for entry in _entries(folder.path) if len(entry.name) == 64)

    def remove(self, digest: str, *, unless_since: float) -> int | None:
        """Drop a blob and tell its bytes; None, and it stays, if it entered after `unless_since` (seconds, by
        the file system's time) or is not there."""
        with on_disk("remove a result", self._root), self._locks.guard():
            try:
                status = self.path(digest).stat()
            except FileNotFoundError:
                return None
            if max(status.st_mtime, status.st_ctime) > unless_since:
                return None
            self._files.remove(self.path(digest))
            return status.st_size

    def forget_all_but(self, digests: Iterable[str]) -> None:
        """Drop what is remembered of blobs that are gone."""
        self._verified.rewrite(digests, self._temporary())

    def _enter(self, path: Path, digest: str) -> None:
        target = self.path(digest)
        # A blob that is there already is replaced: it may be damaged, and garbage collection may be about to
        # take it for old. The guard keeps the two apart.
        with self._locks.guard():
            try:
                self._files.rename(path, target)
            except FileNotFoundError:
                self._files.make_dirs(target.parent)
                self._files.rename(path, target)
        self._files.sync_dir(target.parent)
        self._right[digest] = now = signature(target.stat())
        self._verified.put(digest, now)

    def _copied(self, path: Path) -> Blob:
        temporary = self._temporary()
        self._files.write_new(temporary, chunks(path))
        try:
            blob = self.put(temporary)
        except BaseException:
            self._files.discard(temporary)
            raise
        self._files.discard(path)
        return blob


def _entries(folder: Path | str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except (FileNotFoundError, NotADirectoryError):
        return []
