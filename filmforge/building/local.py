"""The local executor: one long-lived worker process for the device, and a few for everything else."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from filmforge.building.executor import Done, Failed, Lane, Leaner, Message, Progress, Shown, Task, Warned


@dataclass(slots=True)
class _Process:
    lane: Lane
    running: subprocess.Popen[str]
    log: Path
    task: Task | None = None
    told: list[str] = field(default_factory=list)
    sign: float = 0.0  # when it last said something or used its processor
    used: float = -1.0  # seconds of processor that it and what runs under it had used by then
    hung: bool = False


PATIENCE = 600.0
"""Seconds after which a worker that is at a step, says nothing and uses no processor is taken to hang."""


class LocalExecutor:
    """Workers on this machine. `jobs` is how many steps without a device may run at once (at least 1).

    A worker that hangs for `patience` seconds is ended; its step has crashed.
    """

    def __init__(self, store_root: Path, jobs: int, patience: float = PATIENCE) -> None:
        self._patience, self._looked = patience, 0.0
        self._root = store_root
        self._rooms: dict[Lane, int] = {"device": 1, "media": jobs}
        self._processes: list[_Process] = []
        self._said: queue.SimpleQueue[tuple[_Process, dict[str, Any] | None]] = queue.SimpleQueue()
        self._expected: dict[str, list[str]] = {}

    def room(self, lane: Lane) -> int:
        busy = sum(p.task is not None for p in self._processes if p.lane == lane)
        return self._rooms[lane] - busy

    def expect(self, weights: str, texts: Sequence[str]) -> None:
        self._expected[weights] = list(texts)

    def start(self, task: Task) -> None:
        idle = [p for p in self._processes if p.lane == task.lane and p.task is None]
        process = idle[0] if idle else self._spawn(task.lane)
        process.task, process.sign = task, time.monotonic()
        weights = str(dict(task.params).get("model", {}).get("weights", ""))
        if task.lane == "device" and weights in self._expected and weights not in process.told:
            process.told.append(weights)
            self._tell(process, {"do": "expect", "weights": weights, "texts": self._expected[weights]})
        self._tell(process, {"do": "task", "task": asdict(task)})

    def wait(self, timeout: float) -> list[Message]:
        messages: list[Message] = []
        with contextlib.suppress(queue.Empty):
            messages += self._understood(*self._said.get(timeout=timeout))
            while True:
                messages += self._understood(*self._said.get_nowait())
        self._end_hung()
        return messages

    def _end_hung(self) -> None:
        """End workers that have hung: a driver or a library may wait for ever, and a build must not."""
        now = time.monotonic()
        if now - self._looked < self._patience / 20:
            return
        self._looked = now
        for process in self._processes:
            if process.task is None:
                continue
            used = _processor_seconds(process.running.pid)
            if used > process.used:
                process.used, process.sign = used, now
            elif now - process.sign > self._patience and not process.hung:
                process.hung = True
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.running.pid, signal.SIGKILL)

    def close(self) -> None:
        for process in self._processes:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.running.pid, signal.SIGKILL)  # the worker and any FFmpeg under it
        for process in self._processes:
            process.running.wait()
            self._close_pipes(process)
        self._processes.clear()

    @staticmethod
    def _close_pipes(process: _Process) -> None:
        for pipe in (process.running.stdin, process.running.stdout):
            if pipe:
                with contextlib.suppress(OSError):
                    pipe.close()

    def _spawn(self, lane: Lane) -> _Process:
        logs = self._root / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        log = logs / f"{lane}-{sum(p.lane == lane for p in self._processes)}.log"
        environment = {
            **os.environ,
            "PYTHONUNBUFFERED": "1",
            "HF_HUB_OFFLINE": "1",
            "TOKENIZERS_PARALLELISM": "false",
        }
        with log.open("w", encoding="utf-8") as errors:
            running = subprocess.Popen(
                [sys.executable, "-m", "filmforge.building.worker", str(self._root), lane],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                encoding="utf-8",
                env=environment,
                start_new_session=True,  # so that FFmpeg under it is ended with it, and Ctrl-C reaches neither
            )
        process = _Process(lane, running, log)
        threading.Thread(target=self._listen, args=(process,), daemon=True).start()
        self._processes.append(process)
        return process

    def _listen(self, process: _Process) -> None:
        assert process.running.stdout is not None
        with contextlib.suppress(ValueError, OSError):  # closed under us at the end
            for line in process.running.stdout:
                self._said.put((process, json.loads(line)))
        self._said.put((process, None))

    def _tell(self, process: _Process, command: dict[str, Any]) -> None:
        assert process.running.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # it died: `_listen` says so
            process.running.stdin.write(json.dumps(command, ensure_ascii=False) + "\n")
            process.running.stdin.flush()

    def _understood(self, process: _Process, said: dict[str, Any] | None) -> list[Message]:
        if said is None:
            return self._died(process)
        process.sign = time.monotonic()
        if said["is"] == "progress":
            return [Progress(said["name"], said["done"], said["total"], said["note"])]
        if said["is"] == "warning":
            return [Warned(said["name"], said["message"])]
        if said["is"] == "preview":
            return [Shown(said["name"], Path(said["path"]), said["done"], said["total"])]
        process.task = None
        if said["is"] == "failed":
            if not said["short"]:
                return [Failed(said["name"], said["message"], said["details"])]
            self._retire(process)
            leaner = Leaner(**said["leaner"]) if said["leaner"] else None
            # Steps without a model share the machine's memory: by the next try, others may have given theirs back.
            again = process.lane == "media"
            return [Failed(said["name"], said["message"], said["details"], crashed=again, leaner=leaner)]
        outputs = {output: Path(path) for output, path in said["outputs"].items()}
        return [Done(said["name"], outputs, said["provenance"], said["seconds"])]

    def _retire(self, process: _Process) -> None:
        """End a worker whose memory ran out: only so is all that its libraries hold given back."""
        self._processes.remove(process)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.running.pid, signal.SIGKILL)
        process.running.wait()
        self._close_pipes(process)

    def _died(self, process: _Process) -> list[Message]:
        if process not in self._processes:
            return []
        self._processes.remove(process)
        status = process.running.wait()
        self._close_pipes(process)
        if process.task is None:
            return []
        how = f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"
        hint = " (the system may have run out of memory)" if status == -9 else ""
        if process.hung:
            how, hint = f"did nothing for {self._patience:.0f} s and was ended", ""
        message = f"its worker process {how}{hint}; its log is {process.log}"
        return [Failed(process.task.name, message, crashed=True)]


def _processor_seconds(pid: int) -> float:
    """The processor time of a process and all that runs under it; 0 when it is gone."""
    import psutil

    total = 0.0
    try:
        for process in (psutil.Process(pid), *psutil.Process(pid).children(recursive=True)):
            with contextlib.suppress(psutil.Error):
                times = process.cpu_times()
                total += times.user + times.system
    except psutil.Error:
        pass
    return total
