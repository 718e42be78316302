"""Results by content: each file is named by the SHA-256 of its bytes and is never written again.

A blob that was verified is remembered by its signature (size, times, inode), so that asking for it costs one
`stat`. Any change to the file changes the signature; then its bytes are read again, and a blob that is not what
its name says is set aside before anyone uses it. Reading every byte is for `verify`: a disk that rots without
the file system noticing changes no signature.
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
from filmforge.store.journal import Journal
from filmforge.store.locks import Locks


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
        quarantine: Path,
        warn: Callable[[str], None],
        readonly: bool,
    ) -> None:
        self._root = root
        self._prefix = f"{root}/"
        self._files = files
        self._verified = verified
        self._locks = locks
        self._ensure = ensure
        self._temporary = temporary
        self._quarantine = quarantine
        self._warn = warn
        self._readonly = readonly
        self._told: set[str] = set()

    def path(self, digest: str) -> Path:
        """Where the blob is, or would be. Open it for reading only; `has` says whether it can be trusted."""
        return Path(self._place(digest))

    def put(self, path: Path) -> Blob:
        """Move a finished file in; `path` is gone afterwards. The file is on the disk when this returns.

        A file in the store's `tmp/` (see `Store.new_file`) is renamed; one elsewhere, or one with further names
        (hard links), is copied. Raises StoreError when it is no regular file, changes while it is read, or
        the disk refuses.
        """
        self._ensure()
        with on_disk("keep a result", self._root):
            before = os.lstat(path)
            if not stat.S_ISREG(before.st_mode):
                raise StoreError(f"{path} is not a regular file: a step's output must be one. Write it anew.")
            if before.st_nlink > 1:
                return self._copied(path)
            self._files.protect(path)
            self._files.sync_file(path)
            digest = digest_file(path)
            after = os.lstat(path)
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

        When its signature differs (touched, copied, written to) the bytes are read: a right blob is remembered
        anew, a wrong one is set aside with one warning and counts as missing.
        """
        try:
            now = signature(os.stat(self._place(digest)))
        except OSError:
            return False
        return self._verified.get(digest) == now or self.verify(digest)

    def verify(self, digest: str) -> bool:
        """Read every byte. False when the blob is missing, or wrong: then it is set aside with one warning."""
        place = self._place(digest)
        try:
            before = os.stat(place)
            if stat.S_ISREG(before.st_mode) and digest_file(place) == digest:
                self._verified.put(digest, signature(before))
                return True
        except FileNotFoundError:
            return False
        except OSError as problem:
            self._set_aside(digest, f"cannot be read ({problem.strerror})")
            return False
        self._set_aside(digest, "is not what it was when it was stored")
        return False

    def copy_to(self, digest: str, target: Path) -> None:
        """Copy a blob to `target` in one step, verified on the way; a file that was there is replaced whole.

        Never a hard link: whoever edits the copy must not edit the store. Raises StoreError when the blob is
        missing or damaged (it is then set aside, and the next build makes it again), or the disk refuses.
        """
        temporary = target.with_name(f".{self._temporary().name[-40:]}.part")
        seen = hashlib.sha256()

        def hashed() -> Iterator[bytes]:
            for chunk in chunks(self._place(digest)):
                seen.update(chunk)
                yield chunk

        with on_disk("write a copy", target.parent):
            try:
                self._files.write_new(temporary, hashed())
            except FileNotFoundError as problem:
                if not os.path.exists(self._place(digest)):
                    raise StoreError(
                        f"a result is missing from {self._root} ({digest[:12]}): build again, and it is made anew."
                    ) from problem
                raise
            try:
                if seen.hexdigest() != digest:
                    self._set_aside(digest, "is not what it was when it was stored")
                    raise StoreError(
                        f"a result in {self._root} is damaged ({digest[:12]}): it was set aside; build again, "
                        "and it is made anew."
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
                status = os.stat(self._place(digest))
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
        self._verified.put(digest, signature(os.stat(target)))

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

    def _set_aside(self, digest: str, what: str) -> None:
        moved = ""
        if not self._readonly:
            try:
                self._files.make_dirs(self._quarantine)
                self._files.rename(self.path(digest), self._quarantine / f"{digest}.{self._temporary().name}")
                moved = "it was set aside and "
            except FileNotFoundError:
                return  # another process was quicker, and has warned
            except OSError:
                pass  # a place that cannot be written to: the file stays, and counts as missing all the same
        if moved or digest not in self._told:
            self._told.add(digest)
            self._warn(f"a stored file {what}: {self._place(digest)}; {moved}will be made again")

    def _place(self, digest: str) -> str:
        return f"{self._prefix}{digest[:2]}/{digest}"


def _entries(folder: Path | str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except (FileNotFoundError, NotADirectoryError):
        return []
