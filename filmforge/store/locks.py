"""Locks that two processes, on one machine or several, never hold at once, and that no dead process keeps.

A lock is a file that comes into being with its holder's name in it (written aside, then linked: one atomic
act on every file system that shared folders use). It is removed by its holder, or by whoever finds the holder
dead. All removals happen under one guard, a kernel lock (flock) held for microseconds that vanishes with its
process: so of several that find a holder dead exactly one removes it, and none removes the lock of whoever
came next. Where a network folder has no flock between machines, two machines that find the same third one
dead within the same microseconds could both go on; results are filed by content, so that costs a step done
twice, never a wrong one.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from filmforge.errors import StoreError
from filmforge.store.files import Files, on_disk
from filmforge.store.holder import HEARTBEAT, Holder, decoded, is_dead, myself

_FIRST_PAUSE, _LONGEST_PAUSE = 0.005, 0.25  # seconds between two looks at a lock held by another
_GUARD_PATIENCE = 10.0  # seconds; a process stopped inside the guard must not stop all others
_HELD: set[str] = set()  # tokens of all that this process holds, in any store and any thread


class LockBusy(StoreError):  # noqa: N818 - a state of affairs, which a build expects
    """Another process holds the lock. `holder` says which."""

    def __init__(self, name: str, holder: Holder) -> None:
        self.holder = holder
        super().__init__(
            f"{name} is being worked on by {holder}. Wait for it to finish, or stop it; "
            "if it is dead, its lock is taken over by itself."
        )


@dataclass(frozen=True, slots=True)
class Lock:
    """A lock that is held. `path` is its file, `holder` this process."""

    path: Path
    holder: Holder

    def is_ours(self) -> bool:
        """False when another machine took it over, having seen no heartbeat for a minute (this one slept)."""
        content, _ = _content(self.path)
        return content is not None and decoded(content) == self.holder


class Heartbeat:
    """Touches the files that this process holds, so that other machines see it alive. One thread for all."""

    def __init__(self, files: Files, every: float = HEARTBEAT) -> None:
        self._files = files
        self._every = every
        self._paths: set[Path] = set()
        self._guard = threading.Lock()
        self._thread: threading.Thread | None = None

    def add(self, path: Path) -> None:
        """Touch this file from now on."""
        with self._guard:
            self._paths.add(path)
            if self._thread is None or not self._thread.is_alive():  # not started, or left behind by a fork
                self._thread = threading.Thread(target=self._beat, name="store heartbeat", daemon=True)
                self._thread.start()

    def drop(self, path: Path) -> None:
        """Touch this file no more."""
        with self._guard:
            self._paths.discard(path)

    def _beat(self) -> None:
        while True:
            time.sleep(self._every)
            with self._guard:
                paths = list(self._paths)
                if not paths:
                    self._thread = None
                    return
            for path in paths:
                with contextlib.suppress(
                    OSError
                ):  # released meanwhile, or a network that is gone for a moment
                    self._files.touch(path)


class Locks:
    """The folder of locks of one store."""

    def __init__(self, root: Path, files: Files, temporary: Callable[[], Path], heartbeat: Heartbeat) -> None:
        self._root = root
        self._files = files
        self._temporary = temporary
        self._heartbeat = heartbeat
        self._guard_path = root / ".guard"

    @contextlib.contextmanager
    def hold(
        self, name: str, *, wait: bool | float = True, on_wait: Callable[[Holder], None] | None = None
    ) -> Iterator[Lock]:
        """Hold the lock `name` (a plain file name). See `Store.lock`."""
        lock = self._acquire(name, wait, on_wait)
        try:
            yield lock
        finally:
            self._release(lock)

    def holder(self, name: str) -> Holder | None:
        """Who holds the lock now; None when nobody alive does. Changes nothing."""
        path = self._root / name
        found = decoded(_content(path)[0] or b"")
        return found if found is not None and not self.is_over(path, found) else None

    @contextlib.contextmanager
    def guard(self) -> Iterator[None]:
        """Exclude every other removal in the store, for microseconds: never wait for anything inside."""
        descriptor = os.open(self._guard_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            until = time.monotonic() + _GUARD_PATIENCE
            while time.monotonic() < until:
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    time.sleep(0.0005)
                except OSError:  # a folder without kernel locks: go on with what renames and links give
                    break
            yield
        finally:
            os.close(descriptor)  # gives the kernel lock back

    def _acquire(self, name: str, wait: bool | float, on_wait: Callable[[Holder], None] | None) -> Lock:
        path = self._root / name
        started = time.monotonic()
        pause = _FIRST_PAUSE
        named: Holder | None = None
        seen: tuple[bytes, float, float] = (b"", 0.0, started)  # content, heartbeat, first seen so at
        while True:
            lock = self._try(path)
            if lock is not None:
                return lock
            content, beat = _content(path)
            if content is None:
                continue  # given back just now
            if seen[:2] != (content, beat):
                seen = (content, beat, time.monotonic())
            holder = decoded(content)
            if holder is None or self.is_over(path, holder, time.monotonic() - seen[2]):
                self._clear(path, content)
                continue
            waited = time.monotonic() - started
            if wait is False or (wait is not True and waited >= wait):
                raise LockBusy(name, holder)
            if holder != named:
                named = holder
                if on_wait is not None:
                    on_wait(holder)
            time.sleep(pause if wait is True else max(0.0, min(pause, wait - waited)))
            pause = min(pause * 1.5, _LONGEST_PAUSE)

    def _try(self, path: Path) -> Lock | None:
        if path.exists():
            return None
        token = secrets.token_hex(8)
        me = myself(token)
        temporary = self._temporary()
        _HELD.add(token)  # before the file is there: a thread of ours must not take it for a leftover
        held = False
        try:
            with on_disk("take a lock", self._root):
                self._files.write_new(temporary, me.encoded())
                try:
                    self._files.link(temporary, path)
                except FileExistsError:
                    return None
                except OSError:
                    # No hard links here: created empty and then filled, which the guard hides from
                    # reclaimers.
                    with self.guard():
                        try:
                            self._files.write_new(path, me.encoded())
                        except FileExistsError:
                            return None
                finally:
                    self._files.discard(temporary)
            self._heartbeat.add(path)
            held = True
            return Lock(path, me)
        finally:
            if not held:  # or broken off after the file came to be: then it is a leftover
                _HELD.discard(token)

    def _release(self, lock: Lock) -> None:
        self._heartbeat.drop(lock.path)
        try:
            with on_disk("give back a lock", self._root), self.guard():
                if lock.is_ours():
                    self._files.remove(lock.path)
        finally:
            _HELD.discard(lock.holder.token)

    def _clear(self, path: Path, judged: bytes) -> None:
        """Remove a lock that was found dead or malformed, unless it has changed hands since."""
        with on_disk("take over a lock", self._root), self.guard():
            if _content(path)[0] == judged:
                self._files.remove(path)

    def is_over(self, path: Path, holder: Holder, watched: float = 0.0) -> bool:
        """Whether the holder of the file is gone. `watched`: seconds for which we saw no heartbeat on it."""
        if holder.is_me():
            return bool(holder.token) and holder.token not in _HELD
        # Two clocks: the file system's (its own now, less the last touch) and ours, while we watched. The
        # second covers a machine whose clock was set back.
        return is_dead(holder, lambda: max(watched, self._silence(path)))

    def _silence(self, path: Path) -> float:
        try:
            return self._files.now(self._temporary()) - path.stat().st_mtime
        except OSError:
            return 0.0


def _content(path: Path) -> tuple[bytes | None, float]:
    """What a lock file says, None when it is not there, and the time of its last heartbeat."""
    try:
        return path.read_bytes(), path.stat().st_mtime
    except OSError:
        return None, 0.0
