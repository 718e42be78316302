"""Where damaged files go, and the one warning about each: out of the way, so that they can be made again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from filmforge.store.files import Files
from filmforge.store.locks import Locks


class Quarantine:
    """The folder of damaged files of one store; `gc` empties it."""

    def __init__(
        self,
        root: Path,
        files: Files,
        *,
        locks: Locks,
        temporary: Callable[[], Path],
        warn: Callable[[str], None],
        readonly: bool,
    ) -> None:
        self._root = root
        self._files = files
        self._locks = locks
        self._temporary = temporary
        self._warn = warn
        self._readonly = readonly
        self._told: set[Path] = set()

    def take(self, path: Path, what: str, inode: int | None = None) -> None:
        """Move the file here and warn, unless another process has done so, or has replaced it (see `inode`).

        In a place that cannot be written to the file stays, and its reader counts it as missing all the same.
        """
        moved = ""
        if not self._readonly:
            try:
                self._files.make_dirs(self._root)
                with self._locks.guard():
                    if inode is not None and path.stat().st_ino != inode:
                        return
                    self._files.rename(path, self._root / f"{path.name}.{self._temporary().name}")
                moved = "it was set aside and "
            except FileNotFoundError:
                return
            except OSError:
                pass
        if moved or path not in self._told:
            self._told.add(path)
            self._warn(f"a stored file {what}: {path}; {moved}will be made again")
