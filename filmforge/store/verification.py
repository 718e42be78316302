"""Reading every stored byte, and repairing by forgetting: what is damaged is made again, not mended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from filmforge.store.store import Store


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What was read, and what was found wrong. `steps`: those that are made again when next needed."""

    blobs: int
    bytes: int
    records: int
    damaged: tuple[str, ...]  # digests of blobs that were set aside
    unreadable: tuple[str, ...]  # keys of records that were damaged themselves; which step it was is unknown
    steps: tuple[str, ...]

    @property
    def sound(self) -> bool:
        """Whether nothing was wrong."""
        return not (self.damaged or self.unreadable or self.steps)


def verify(store: Store, progress: Callable[[int], None] | None) -> VerifyReport:
    """See `Store.verify`."""
    damaged: list[str] = []
    right: set[str] = set()
    read = 0
    for digest in store.blobs:
        try:
            size = store.blobs.path(digest).stat().st_size
        except FileNotFoundError:
            continue
        if store.blobs.verify(digest):
            right.add(digest)
        else:
            damaged.append(digest)
        read += size
        if progress is not None:
            progress(size)
    records = 0
    unreadable: list[str] = []
    steps: list[str] = []
    for key in store.records.keys():  # noqa: SIM118 - not a dict: only keys() lists unreadable records
        record = store.records.read(key)
        if record is None:
            unreadable.append(key)
        elif not all(
            blob.digest in right or store.blobs.has(blob.digest) for blob in record.outputs.values()
        ):
            steps.append(record.step)
        else:
            records += 1
            continue
        store.records.forget(key)
    return VerifyReport(len(right), read, records, tuple(damaged), tuple(unreadable), tuple(sorted(steps)))
