"""Locks that nobody gives back: of a dead process, empty, malformed, of another machine."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

from faults.found import Found
from filmforge.store import Store
from filmforge.store.holder import SILENCE, myself
from filmforge.store.locks import LockBusy

SHORT, LONG = 12, 1000
KINDS = ("dead process", "empty", "malformed", "silent machine", "living machine")


def run(count: int, seed: int, folder: Path) -> Found:
    """`count` locks left behind, of each kind in turn; taken over at once, or named where their holder may live."""
    found = Found(
        "a lock left by a dead process, an empty one, a malformed one, one of another host",
        "taken over or named, never waited on for ever",
        "locks",
    )
    store = Store(folder / "store")
    chance = random.Random(seed)
    with store.lock("0" * 64) as lock:
        content = lock.path.read_bytes()
        place = lock.path.parent
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    dead = replace(myself("t"), pid=ended.pid, started="1").encoded()
    elsewhere = replace(myself("t"), host="elsewhere", boot="another").encoded()
    for number in range(count):
        kind, key = KINDS[number % len(KINDS)], f"{number:064x}"
        path = place / key
        if kind == "malformed":
            cut = chance.randrange(1, len(content))
            path.write_bytes(content[:cut] if number % 2 else chance.randbytes(cut))
        else:
            path.write_bytes({"dead process": dead, "empty": b""}.get(kind, elsewhere))
        if kind == "silent machine":
            past = time.time() - SILENCE - 5
            os.utime(path, (past, past))
        began, named = time.monotonic(), ""
        try:
            with store.lock(key, wait=0.05):
                pass
        except LockBusy as busy:
            named = str(busy)
        took = time.monotonic() - began
        found.check(took < 2, f"{kind}: waited {took:.1f} s")
        found.check(("elsewhere" in named) == (kind == "living machine"), f"{kind}: {named or 'taken over'}")
        found.done += 1
    return found
