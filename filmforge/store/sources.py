"""The digests of the project's own files, each read once and remembered until it changes.

A file counts as the same while its size, times and inode do. The time of its last change (ctime) cannot be
set back by a tool, but it has a grain: a file that was changed just before it was read could be changed again
within the same grain. Such a file is read again next time rather than trusted.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path

from filmforge.errors import StoreError
from filmforge.store.files import digest_file, on_disk, signature
from filmforge.store.journal import Journal

GRAIN = 2.0  # seconds: the coarsest file times in use (FAT)
_TRIES = 3


class SourceIndex:
    """Digests of files that people edit. Times are those of the files; the journal lies in the store."""

    def __init__(self, journal: Journal, clock: Callable[[], float] = time.time) -> None:
        self._journal = journal
        self._clock = clock

    def digest(self, path: Path | str) -> str:
        """SHA-256 of the file's bytes, from memory when the file is unchanged.

        Raises StoreError, naming the file, when it cannot be read or is being written to.
        """
        place = Path(os.path.abspath(path))  # noqa: PTH100 - a link stays one: its file may change
        key = hashlib.sha256(os.fsencode(place)).hexdigest()
        with on_disk(f"read {place.name}", place.parent):
            for _ in range(_TRIES):
                now = _signature(place.stat())
                known = self._journal.get(key)
                if known is not None and known.startswith(now + b" "):
                    return known[len(now) + 1 :].decode()
                asked = self._clock()
                digest = digest_file(place)
                status = place.stat()
                if _signature(status) != now:
                    continue
                # Times in the future are those of another clock, or of one that was set back: no grain of
                # ours.
                if all(abs(asked - at) > GRAIN for at in (status.st_mtime, status.st_ctime)):
                    self._journal.put(key, now + b" " + digest.encode())
                return digest
        raise StoreError(f"{place} is being written to while it is read. Build again when it is finished.")

    def unchanged(self, path: Path | str, digest: str) -> bool:
        """Whether the file still has these bytes; False also when it is gone or cannot be read."""
        try:
            return self.digest(path) == digest
        except StoreError:
            return False


def _signature(status: os.stat_result) -> bytes:
    return b"%s.%x" % (signature(status), status.st_dev)
