"""Whether a step failed because memory ran out: libraries say so in many ways."""

from __future__ import annotations

import errno
from collections.abc import Iterator

_SAYINGS = (
    "can't allocate memory",  # torch, on a processor
    "not enough memory",  # torch, on a processor under Windows
    "out of memory",  # CUDA, Metal, ROCm
    "cublas_status_alloc_failed",
    "cudnn_status_alloc_failed",
    "failed to map segment",  # the dynamic loader, of a library that is imported
)


def ran_out(error: BaseException) -> bool:
    """Whether `error`, or one that it came of, says that memory ran out.

    Loaders turn what they catch into errors of their own, so that the whole chain counts.
    """
    return any(_says_so(link) for link in _chain(error))


def _says_so(error: BaseException) -> bool:
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    if isinstance(error, OSError) and error.errno in (errno.ENOMEM, errno.EAGAIN):
        return True  # EAGAIN: FFmpeg could start no thread, for want of room for its stack
    # torch's errors on a processor, and those of CUDA's libraries, are plain RuntimeErrors.
    if not isinstance(error, (RuntimeError, ImportError)):
        return False
    text = str(error).lower()
    return any(saying in text for saying in _SAYINGS)


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
