"""Who holds a lock, a lease or a temporary file, and whether that process can still be alive.

A process is known by its number together with the time it started, within one run of one machine (boot) and
one number space (containers have their own). Of a process elsewhere only its heartbeat is known: the time of
the file it holds, which it touches every few seconds.
"""

from __future__ import annotations

import functools
import hashlib
import os
import platform
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from filmforge.store.encoding import seal, unseal

HEARTBEAT = 5.0  # seconds between two touches of a held file
SILENCE = 60.0  # seconds without a touch after which a holder elsewhere counts as dead
_SCHEMA = "filmforge.holder/1"


@dataclass(frozen=True, slots=True)
class Holder:
    """One process, as it writes itself down. `since`: UTC in ISO form; `token` makes every holding unique."""

    host: str
    pid: int
    started: str
    boot: str
    space: str
    since: str
    token: str = ""

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}, since {self.since}"

    def encoded(self) -> bytes:
        """The JSON that stands in the file."""
        return seal(_SCHEMA, asdict(self))

    def is_me(self) -> bool:
        """Whether this very process wrote it."""
        pid = os.getpid()
        return (self.host, self.boot, self.space, self.pid, self.started) == (*_here(), pid, _my_start(pid))


def decoded(document: bytes) -> Holder | None:
    """The holder in a file's bytes; None when they are empty, cut off or anything else."""
    value = unseal(_SCHEMA, document)
    try:
        return Holder(**value) if value is not None else None
    except TypeError:
        return None


def myself(token: str = "") -> Holder:
    """This process, now."""
    pid = os.getpid()
    host, boot, space = _here()
    since = datetime.now(UTC).isoformat(timespec="seconds")
    return Holder(host, pid, _my_start(pid), boot, space, since, token)


@functools.lru_cache(maxsize=1)
def tag(pid: int) -> str:
    """A word for the names of a process's files, from which `tag_is_dead` tells whether it is gone."""
    return f"{_machine(*_here())}.{pid}.{_my_start(pid)}"


def is_dead(holder: Holder, silence: Callable[[], float]) -> bool:
    """Whether the holder is certainly gone. `silence()`: seconds since its last heartbeat, by one clock.

    On this machine and in this number space the operating system knows, and a silent holder may live (a
    laptop that slept). A holder of another run of this machine, or elsewhere, is judged by its silence. A
    machine is never taken for another of the same name: their boots differ.
    """
    if (holder.host, holder.boot, holder.space) == _here():
        return _has_ended(holder.pid, holder.started)
    silent_for = silence()
    if silent_for > SILENCE:
        return True
    # This machine under another boot: dead at once if its last sign is older than the start of this one.
    return holder.host == platform.node() and holder.boot != _here()[1] and silent_for > _up_for()


def tag_is_dead(tag: str) -> bool:
    """Whether the process whose tag begins a file's name ran here and is gone; False when unknown."""
    machine, _, rest = tag.partition(".")
    pid, _, started = rest.partition(".")
    if machine != _machine(*_here()) or not pid.isdigit():
        return False
    return _has_ended(int(pid), started.partition(".")[0])


def _machine(host: str, boot: str, space: str) -> str:
    return hashlib.sha256("\0".join((host, boot, space)).encode()).hexdigest()[:8]


@functools.cache
def _here() -> tuple[str, str, str]:
    """Name of this machine, of its present run, and of the space in which process numbers count."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        space = str(Path("/proc/self/ns/pid").readlink())
    except OSError:  # not Linux: the start of the machine names its run
        import psutil

        boot, space = str(round(psutil.boot_time())), ""
    return platform.node(), boot, space


@functools.lru_cache(maxsize=1)
def _my_start(pid: int) -> str:
    return _start_of(pid) or "0"


def _has_ended(pid: int, started: str) -> bool:
    """Whether the process of this machine that had this number from `started` on is gone, or a zombie."""
    now = _start_of(pid)
    if now is None:
        try:
            os.kill(pid, 0)  # sends nothing; a process that others may not look at is still there
        except PermissionError:
            return False
        except OSError:
            return True
    return now != started


def _start_of(pid: int) -> str | None:
    """When a process of this machine started, in the system's own unit; None when it is gone or hidden."""
    try:
        # The name in brackets may hold anything; the fields after it are state, ..., start (22nd of all).
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        return None if fields[0] in (b"Z", b"X") else fields[19].decode()
    except (OSError, IndexError):
        if Path("/proc/self/stat").exists():
            return None
    import psutil

    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else str(round(process.create_time() * 1000))
    except psutil.Error:
        return None


def _up_for() -> float:
    import psutil

    return time.time() - float(psutil.boot_time())
