"""Dropping what no film needs any more, safely beside running builds.

Kept is what the caller names, what running builds have claimed, and what came in since the first of them
began. Records go before their blobs, so that a stop in between leaves blobs that nobody names (dropped the
next time), never a record without its blobs.
"""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Set
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from filmforge.store.files import on_disk
from filmforge.store.holder import tag_is_dead
from filmforge.store.records import Record

if TYPE_CHECKING:
    from filmforge.store.store import Store

_YOUNG = 3600.0  # seconds: a blob is stored before the record that names it
_ABANDONED = 24 * 3600.0  # seconds: a temporary file of a process that cannot be asked


@dataclass(frozen=True, slots=True)
class GcReport:
    """What was dropped, or with `dry_run` would be. Sizes in bytes."""

    records: tuple[tuple[str, str], ...]  # (key, step), oldest first
    blobs: int
    scratch: int  # folders under work/ and files under tmp/
    freed: int
    kept: int  # bytes of blobs that stay
    dry_run: bool


def collect(
    store: Store, keep: Set[str], *, max_age: float | None, max_bytes: int | None, dry_run: bool
) -> GcReport:
    """See `Store.gc`."""
    claims = store.leases.running()
    now = store.files.now(store.new_file(""))
    # What entered after this moment may belong to a running build that has not claimed it yet.
    settled = min((claim.began - 2.0 for claim in claims), default=math.inf)
    needed = set(keep).union(*(claim.keys for claim in claims))

    records: dict[str, tuple[float, Record]] = {}
    for key in store.records.keys():  # noqa: SIM118 - not a dict: only keys() lists unreadable records
        try:
            made = store.records.path(key).stat().st_mtime
        except FileNotFoundError:
            continue
        record = store.records.get(key)
        if record is not None:
            records[key] = (made, record)
        elif not dry_run:
            store.records.forget(key)
    sizes = {digest: _size(store.blobs.path(digest)) for digest in store.blobs}
    users: dict[str, int] = {}
    for _, record in records.values():
        for digest in {blob.digest for blob in record.outputs.values()}:
            users[digest] = users.get(digest, 0) + 1

    orphans = [digest for digest in sizes if digest not in users]
    total = sum(size for digest, size in sizes.items() if digest in users)
    free = sorted((made, key) for key, (made, _) in records.items() if key not in needed and made < settled)
    dropped: list[str] = []
    loose: list[str] = []
    for made, key in free:
        old = max_age is not None and now - made > max_age
        full = max_bytes is not None and total > max_bytes
        if (
            not (old or full or (max_age is None and max_bytes is None))
            or store.locks.holder(key) is not None
        ):
            continue
        dropped.append(key)
        for digest in {blob.digest for blob in records[key][1].outputs.values()}:
            users[digest] -= 1
            if users[digest] == 0:
                loose.append(digest)
                total -= sizes.get(digest, 0)

    since = dict.fromkeys(loose, math.inf) | dict.fromkeys(orphans, now - _YOUNG)
    freed = blobs = 0
    if not dry_run:
        for key in dropped:
            store.records.forget(key)
    for digest, until in since.items():
        limit = min(until, settled)
        gone = (
            _would_free(store.blobs.path(digest), limit)
            if dry_run
            else store.blobs.remove(digest, unless_since=limit)
        )
        if gone is not None:
            blobs += 1
            freed += gone
    scratch, more = _scratch(store, needed, now, max_age, dry_run)
    if not dry_run:
        store.records.forget_all_but(key for key in records if key not in set(dropped))
        store.blobs.forget_all_but(digest for digest in sizes if digest not in since)
    return GcReport(
        tuple((key, records[key][1].step) for key in dropped),
        blobs,
        scratch,
        freed + more,
        sum(sizes.values()) - freed,
        dry_run,
    )


def _scratch(
    store: Store, needed: Set[str], now: float, max_age: float | None, dry_run: bool
) -> tuple[int, int]:
    """Drop temporary files of dead processes and scratch folders nobody needs: how many, and their bytes."""
    gone: list[Path] = []
    for path in _listed(store.root / "tmp"):
        if tag_is_dead(path.name) or now - _changed(path) > _ABANDONED:
            gone.append(path)
    for path in (*_listed(store.root / "quarantine"), *_listed(store.root / "previews")):
        gone.append(path)
    for path in _listed(store.root / "work"):
        if path.name in needed or store.locks.holder(path.name) is not None:
            continue
        # Unfinished work is worth a second chance: a checkpoint of hours of training, whose build was
        # stopped.
        if now - _changed(path) > (_ABANDONED if max_age is None else max_age):
            gone.append(path)
    freed = 0
    for path in gone:
        freed += _size(path)
        if not dry_run:
            with on_disk("remove scratch files", store.root):
                if path.is_dir():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    store.files.discard(path)
    return len(gone), freed


def _listed(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _size(path: Path) -> int:
    """Bytes of a file, or of all files in a folder; 0 when it is gone."""
    try:
        if path.is_dir():
            return sum(_size(inner) for inner in path.iterdir())
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _changed(path: Path) -> float:
    """The latest time of writing of a file, or of anything in a folder."""
    try:
        latest = path.stat().st_mtime
        if path.is_dir():
            for folder, _, names in os.walk(path):
                latest = max([latest, *((Path(folder) / name).stat().st_mtime for name in names)])
        return latest
    except FileNotFoundError:
        return 0.0


def _would_free(path: Path, limit: float) -> int | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return None if max(status.st_mtime, status.st_ctime) > limit else status.st_size
