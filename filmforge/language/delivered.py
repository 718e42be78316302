"""What a build writes into the project, by name: the finished film, and what lies beside it."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from filmforge.language.film import Film


def default_file(film_file: Path, profile: str | None) -> str:
    """Where the film goes that does not say it: `out/NAME.mp4`, or `out/NAME.PROFILE.mp4`."""
    stem = film_file.stem if film_file.name != "film.yaml" else film_file.resolve().parent.name
    tail = f".{profile}" if profile else ""
    return f"out/{stem}{tail}.mp4"


def with_profile(file: str, profile: str) -> str:
    """Where a profile that has no `deliver` of its own puts what the film delivers as `file`."""
    path = PurePosixPath(file)
    return str(path.with_name(f"{path.stem}.{profile}{path.suffix}"))


def caption_file(file: str) -> str:
    """Where the captions of the film delivered as `file` go."""
    path = PurePosixPath(file)
    return str(path.with_name(f"{path.stem}.srt"))


def sidecar_of(file: str) -> str:
    """Where the provenance of the film delivered as `file` goes."""
    return f"{PurePosixPath(file)}.json"


def written_for(film: Film, file: str) -> tuple[str, ...]:
    """Every file that is written where `film` is delivered as `file`, itself first."""
    captions = (caption_file(file),) if film.captions in ("file", "both") else ()
    return (file, sidecar_of(file), *captions)
