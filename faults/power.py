"""Power loss: all that was not brought to the disk may be gone, in any order. A recording layer of the file system."""

from __future__ import annotations

import contextlib
import os
import random
from pathlib import Path
from unittest import mock

from faults.found import Found
from filmforge.store import Record, Store
from tests.store.conftest import QuickFiles
from tests.store.test_power_loss import LossyFiles, PowerLoss, build

SHORT, LONG = 60, 5000


def run(count: int, seed: int, folder: Path) -> Found:
    """`count` times, the power goes before some act of a build that stores, records and notes."""
    found = Found(
        "power loss: everything not fsynced is dropped, torn or kept, by the throw of a die",
        "no empty or half file is ever believed; no finished step is lost",
        "power losses",
    )
    chance = random.Random(seed)
    disk = LossyFiles(10**6)
    (folder / "whole").mkdir()
    build(Store(folder / "whole/store", files=disk), [])
    total = 10**6 - int(disk.left)
    with (
        mock.patch("filmforge.store.blobs.signature", _size),
        mock.patch("filmforge.store.records.signature", _size),
    ):
        for number in range(count):
            before, after = folder / f"before{number}", folder / f"after{number}"
            before.mkdir()
            disk = LossyFiles(chance.randrange(total + 1))
            finished: list[Record] = []
            with contextlib.suppress(PowerLoss):
                build(Store(before / "store", files=disk), finished)
            disk.after_restart(before, after, chance)
            store = Store(after / "store", files=QuickFiles(), warn=lambda _: None)
            for record in finished:
                here = store.records.find(record.key)
                # The step that was being made anew may be there in its later form, as right as the earlier.
                right = here is not None and (here == record or record.step == "test/b")
                found.check(right, f"{record.step} is lost after act {disk.left}")
            for key in list(store.records.keys()):
                here = store.records.find(key)
                if here is not None:
                    data = store.blobs.path(here.outputs["clip"].digest).read_bytes()
                    found.check(data in {b"one" * 50, b"two" * 50, b"2nd" * 50}, f"believed: {data[:60]!r}")
            again: list[Record] = []
            build(store, again)
            found.check(
                [store.records.find(r.key) for r in again] == again, "the next build did not end well"
            )
            found.done += 1
    return found


def _size(status: os.stat_result) -> bytes:
    """A signature that sees less than the real one, so that only the order of writing protects."""
    return b"%x" % status.st_size
