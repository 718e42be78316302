"""A worker process: reads tasks from standard input, carries them out, says on standard output how it goes.

One JSON object a line both ways. The process lives as long as its standard input: when the build that started
it dies, however it dies, the input ends and the worker ends with it. Whatever a library prints goes to
standard error, never among the messages.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TextIO

from filmforge.building.environment import environment_of, versions_here
from filmforge.building.out_of_memory import ran_out
from filmforge.errors import FilmforgeError
from filmforge.steps import carry_out
from filmforge.steps.memory import leaner, out_of_memory
from filmforge.steps.work import Make, Session, Work
from filmforge.store import Store
from filmforge.store.encoding import digest_of
from filmforge.store.records import Record

MEDIA_NICENESS = 15
"""How far steps without a model stand back for those with one."""
MEDIA = ("av", "moviepy", "imageio_ffmpeg")
"""The libraries that steps without a model are carried out with."""
PROGRESS_INTERVAL = 0.2
"""Seconds between two messages on the progress of one step."""


class StoredKeep:
    """Intermediate results kept in the store, each under the digest of what it was made from.

    `environment` says in which environment this worker makes them; where `anew`, those of another do not count.
    """

    def __init__(
        self, store: Store, step: str, environment: Callable[[], str] = str, anew: bool = False
    ) -> None:
        self.store, self.step, self.environment, self.anew = store, step, environment, anew

    def find(self, kind: str, value: Mapping[str, Any]) -> Path | None:
        record = self.store.records.find(digest_of(kind, dict(value)))
        if record is not None and self.anew and record.environment != self.environment():
            return None
        return self.store.blobs.path(record.outputs["main"].digest) if record else None

    def put(self, kind: str, value: Mapping[str, Any], suffix: str, make: Make) -> Path:
        began = time.monotonic()
        path = self.store.new_file(suffix)
        make(path)
        blob = self.store.blobs.put(path)
        key = digest_of(kind, dict(value))
        record = Record(
            key=key,
            kind=kind,
            step=self.step,
            params=dict(value),
            inputs={},
            outputs={"main": blob},
            provenance={},
            seconds=time.monotonic() - began,
            made_at=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            environment=self.environment(),
        )
        self.store.records.put(record)
        return self.store.blobs.path(blob.digest)


def scratch_of(store: Store, key: str, *, anew: bool) -> Path:
    """The step's scratch folder. Where it is made anew, checkpoints of other versions are not gone on from."""
    scratch = store.work_dir(key)
    marker, now = scratch / "versions", environment_of({"versions": versions_here()})
    if anew and not (marker.is_file() and marker.read_text(encoding="utf-8") == now):
        store.drop_work_dir(key)
        scratch = store.work_dir(key)
    if not marker.exists():
        with contextlib.suppress(OSError):  # without it nothing is known of what is made here, which is safe
            marker.write_text(now, encoding="utf-8")
    return scratch


def jpeg(picture: Any) -> bytes:
    """A picture [height, width, 3] of 8 bits as the bytes of a small JPEG file."""
    import io

    from PIL import Image

    to = io.BytesIO()
    Image.fromarray(picture).save(to, "JPEG", quality=85)
    return to.getvalue()


def _plain_message(error: BaseException) -> str:
    if isinstance(error, FilmforgeError):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    return f"{type(error).__name__}: {error}"


class Worker:
    """Carries out tasks one after another, with what is loaded kept between them."""

    def __init__(self, store: Store, say: TextIO) -> None:
        self.store, self.say = store, say
        self.session = Session()
        self._last_said = 0.0

    def tell(self, message: Mapping[str, Any]) -> None:
        self.say.write(json.dumps(message, ensure_ascii=False) + "\n")
        self.say.flush()

    def carry_out(self, task: Mapping[str, Any]) -> None:
        name = task["name"]

        def report(done: int, total: int, note: str) -> None:
            now = time.monotonic()
            if done < total and done > 0 and now - self._last_said < PROGRESS_INTERVAL:
                return
            self._last_said = now
            self.tell({"is": "progress", "name": name, "done": done, "total": total, "note": note})

        def show(picture: Any, done: int, total: int) -> None:
            path = self.store.show(name.partition("/")[2].replace("/", ".") + ".jpg", jpeg(picture))
            self.tell({"is": "preview", "name": name, "path": str(path), "done": done, "total": total})

        began = time.monotonic()
        folder = self.store.new_file()
        folder.mkdir()
        work = Work(
            kind=task["kind"],
            name=name,
            params=task["params"],
            inputs={role: Path(path) for role, path in task["inputs"].items()},
            digests=task["digests"],
            hints=task["hints"],
            folder=folder,
            scratch=scratch_of(self.store, task["key"], anew=bool(task["hints"].get("anew"))),
            window=self.store.root / "training",
            keep=StoredKeep(self.store, name, self._environment, bool(task["hints"].get("anew"))),
            session=self.session,
            report=report,
            warn=lambda message: self.tell({"is": "warning", "name": name, "message": message}),
            show=show,
        )
        failed = None
        try:
            carry_out(work)
        except Exception as error:
            short = ran_out(error)
            failed = {
                "is": "failed",
                "name": name,
                "message": "" if short else _plain_message(error),
                "details": traceback.format_exc(),
                "short": short,
                "leaner": None,
            }
        if failed is not None:
            if failed["short"]:  # after the error is gone, and with it what its frames held of the memory
                failed |= {"message": out_of_memory(work), "leaner": leaner(work)}
            self.tell(failed)
            return
        self.tell(
            {
                "is": "done",
                "name": name,
                "outputs": {output: str(path) for output, path in work.outputs.items()},
                "provenance": work.provenance | self._made_in(),
                "seconds": time.monotonic() - began,
            }
        )

    def _made_in(self) -> dict[str, Any]:
        """Versions and, once a model is loaded, the device: what may decide the bits of what is made here."""
        media = {n: str(getattr(sys.modules[n], "__version__", "")) for n in MEDIA if n in sys.modules}
        model = self.session.held.get("model")
        if model is None:  # nothing that torch or its companions had a part in
            versions = {n: v for n, v in versions_here().items() if n in ("python", "filmforge")}
            return {"versions": versions | media}
        device = str(model.device)
        made_in = {"versions": {**versions_here(), **media}, "device": device}
        if device.startswith("cuda"):
            import torch

            made_in["device_name"] = torch.cuda.get_device_name(device)
        return made_in

    def _environment(self) -> str:
        return environment_of(self._made_in())


def _commands(incoming: queue.SimpleQueue[dict[str, Any]], source: TextIO) -> None:
    for line in source:
        incoming.put(json.loads(line))
    os.killpg(
        0, signal.SIGKILL
    )  # the build is gone: nothing under way here, or in an FFmpeg below, is wanted


def main() -> None:
    """Run until standard input ends. The arguments are the store's folder and the worker's lane."""
    if sys.argv[2] == "media":
        # Where the device is the processor, FFmpeg and a model would share its cores; a model whose threads
        # wait for one another loses far more by that than an encoder does.
        os.nice(MEDIA_NICENESS)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the build, which ends its workers itself
    say = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    worker = Worker(Store(Path(sys.argv[1])), say)
    incoming: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    threading.Thread(target=_commands, args=(incoming, sys.stdin), daemon=True).start()
    while True:
        command = incoming.get()
        if command["do"] == "expect":
            worker.session.expected[command["weights"]] = command["texts"]
        else:
            worker.carry_out(command["task"])


if __name__ == "__main__":
    main()
