"""SIGKILL at any moment: what was finished is there, and nothing half is."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

from filmforge.store import Store

PROGRAM = """
import sys
from pathlib import Path
from filmforge.store import Store
from tests.store.conftest import made
store = Store(Path(sys.argv[1]))
for number in range(10**6):
    with store.keep(), store.lock("%064x" % number):
        name = f"{sys.argv[2]}.{number}"
        made(store, name, name.encode() * 2000)
        print(name, flush=True)
"""


def test_loses_no_finished_step(tmp_path: Path) -> None:
    """Two builds share the store and are killed together, four times over; each time all is as they told."""
    die = random.Random(11)
    root = tmp_path / "store"
    told: set[str] = set()
    for turn in range(4):
        builds = [
            subprocess.Popen(
                [sys.executable, "-c", PROGRAM, str(root), f"{turn}.{which}"],
                stdout=subprocess.PIPE,
                text=True,
            )
            for which in range(2)
        ]
        for build in builds:
            assert build.stdout is not None
            told.add(build.stdout.readline().strip())
        time.sleep(die.uniform(0, 0.1))
        for build in builds:
            build.kill()
        for build in builds:
            told.update(build.communicate()[0].split())
        store = Store(root)
        found = [record for record in store.records if store.records.find(record.key) is not None]
        assert told <= {record.params["name"] for record in found}
        assert store.verify().sound
        store.gc({record.key for record in found})
        assert [path.name for folder in ("tmp", "builds") for path in (root / folder).iterdir()] == []
