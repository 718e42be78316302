"""Workers that average their gradients: one a core beats one process with two threads.

On a laptop's cores the small convolutions here spend much of their time waiting for each other's
threads; two single-threaded workers meet once a step instead. With one worker nothing happens.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable

import torch
import torch.distributed as dist

WORKERS = int(os.environ.get("WORLD_SIZE", "1"))
RANK = int(os.environ.get("RANK", "0"))


def meet() -> None:
    """Join the other workers and take one thread each; alone, take them all."""
    if WORKERS > 1:
        torch.set_num_threads(1)
        dist.init_process_group("gloo")


def average_gradients(parameters: Iterable[torch.nn.Parameter]) -> None:
    """Replace every gradient by the mean over the workers. A missing one counts as zero."""
    if WORKERS == 1:
        return
    params = list(parameters)
    sums = add_up([p.grad if p.grad is not None else torch.zeros_like(p) for p in params])
    for p, total in zip(params, sums, strict=True):
        p.grad = total / WORKERS


def add_up(tensors: list[torch.Tensor]) -> list[torch.Tensor]:
    """The sums over the workers; for work that was shared out, with zeros for the others'."""
    if WORKERS == 1 or not tensors:
        return tensors
    flat = torch.cat([t.flatten() for t in tensors])
    dist.all_reduce(flat)
    return [
        piece.view_as(t) for piece, t in zip(flat.split([t.numel() for t in tensors]), tensors, strict=True)
    ]


def agree(value: float) -> float:
    """The first worker's value, so that clocks and dice do not part the workers."""
    if WORKERS == 1:
        return value
    box = torch.tensor([value], dtype=torch.float64)
    dist.broadcast(box, 0)
    return float(box)


def launch(module: str, *arguments: str, workers: int = 2, port: int = 29517) -> None:
    """Run ``python -m module`` as so many workers and wait for all of them."""
    env = os.environ | {
        "WORLD_SIZE": str(workers),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "OMP_NUM_THREADS": "1",
    }
    running = [
        subprocess.Popen([sys.executable, "-m", module, *arguments], env=env | {"RANK": str(rank)})
        for rank in range(workers)
    ]
    for process in running:
        if process.wait() != 0:
            raise SystemExit(f"{module} failed; its last lines say why")


if __name__ == "__main__":
    launch(sys.argv[1], *sys.argv[2:])
