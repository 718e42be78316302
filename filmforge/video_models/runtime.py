"""How torch and diffusers are made to behave: the same bits on every run, no network, no chatter.

The bits of a result depend on the number of threads (sums are split between them), so that number is fixed
here: the machine's physical cores unless a caller says otherwise.
"""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from filmforge.errors import FilmforgeError

# Before the first import of the libraries: they read these then. CUBLAS needs its own for equal bits.
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")

import diffusers
import torch
import transformers

diffusers.utils.logging.set_verbosity_error()
diffusers.utils.logging.disable_progress_bar()
transformers.utils.logging.set_verbosity_error()  # type: ignore[no-untyped-call]
transformers.utils.logging.disable_progress_bar()  # type: ignore[no-untyped-call]

# A module that replaces itself on import, which type checkers do not follow.
_memory: Any = torch.utils.deterministic


def best_device() -> torch.device:
    """The accelerator of this machine, else its processor."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def device_memory(device: torch.device) -> float | None:
    """GB of memory that an accelerator has; None for a processor, whose memory is the machine's."""
    if device.type != "cuda":
        return None
    return float(torch.cuda.get_device_properties(device).total_memory / 1e9)


def physical_cores() -> int:
    """How many threads to compute with when nobody says: one for each physical core."""
    import psutil

    return psutil.cpu_count(logical=False) or os.cpu_count() or 1


@contextmanager
def determined(threads: int) -> Iterator[None]:
    """Compute with deterministic algorithms on `threads` threads; what was set before is restored."""
    before = torch.get_num_threads()
    strict = torch.are_deterministic_algorithms_enabled()
    lenient = torch.is_deterministic_algorithms_warn_only_enabled()
    fill = _memory.fill_uninitialized_memory
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True)
    # Only matters for code that reads memory before writing it, and costs time.
    _memory.fill_uninitialized_memory = False
    try:
        yield
    finally:
        torch.set_num_threads(before)
        torch.use_deterministic_algorithms(strict, warn_only=lenient)
        _memory.fill_uninitialized_memory = fill


class _Kept(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())


@contextmanager
def warnings_are_errors(
    kind: type[FilmforgeError], where: str, *, known: tuple[str, ...] = ()
) -> Iterator[None]:
    """Raise `kind` for whatever diffusers or peft warns of inside: they warn, and go on with something else.

    diffusers rounds frames and sizes, and leaves out LoRA keys, with no more than a line in its log. Messages
    that begin with one of `known` are passed over.
    """
    logger = logging.getLogger("diffusers")
    kept = _Kept()
    level, propagate, handlers = logger.level, logger.propagate, list(logger.handlers)
    logger.setLevel(logging.WARNING)
    logger.propagate = False
    for handler in handlers:
        logger.removeHandler(handler)
    logger.addHandler(kept)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("ignore")
            warnings.filterwarnings("always", module=r"(peft|diffusers)\.")
            # Having several LoRAs on one model is what is wanted here.
            warnings.filterwarnings("ignore", message="Already found a `peft_config`")
            yield
    finally:
        logger.removeHandler(kept)
        for handler in handlers:
            logger.addHandler(handler)
        logger.setLevel(level)
        logger.propagate = propagate
    said = kept.messages + [str(warning.message) for warning in caught]
    messages = [message for message in said if not message.startswith(known)]
    if messages:
        raise kind(f"{where}: {'; '.join(messages)}")
