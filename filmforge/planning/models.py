"""The models a film names, resolved: family facts, what the film declares of them, and which weights exactly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from filmforge.language.film import Film
from filmforge.video_models.facts import Facts, facts_of


@dataclass(frozen=True, slots=True)
class Pinned:
    """Which weights: their digest, and where they came from. `folder` is None while they are not on this machine."""

    digest: str | None
    repo: str | None = None
    commit: str | None = None
    folder: str | None = None

    @property
    def identity(self) -> str:
        """What stands for the weights in a key: the digest, or repository and commit until they are here."""
        return self.digest or f"{self.repo}@{self.commit or 'unresolved'}"


@dataclass(frozen=True, slots=True)
class ResolvedModel:
    """A model of the film with every setting decided. `name` is the film's name for it."""

    name: str
    facts: Facts
    weights: Pinned
    steps: int
    guidance: float
    shift: float | None
    size: tuple[int, int]
    precision: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    version: str | None = None

    @property
    def base(self) -> dict[str, Any]:
        """What of the model decides a LoRA's bytes: family and version, weights and precision."""
        base = {
            "family": self.facts.id,
            "weights": self.weights.identity,
            "precision": self.precision,
        }
        # Left out where it is the default, so that steps made before there were versions keep their keys.
        return base if self.version is None else {**base, "version": self.version}

    @property
    def hints(self) -> dict[str, Any]:
        """What a step needs to load the model, and what is told of it afterwards; nothing of it enters a key."""
        pin = self.weights
        return {"folder": pin.folder, "name": self.name, "repo": pin.repo, "commit": pin.commit}

    @property
    def drawn(self) -> bool:
        """Whether its pictures are drawn cards, for which nothing is loaded."""
        return self.facts.id == "animatic"

    def frames_for(self, frames: int, fps: Fraction) -> int:
        """The shortest legal length, at the model's own rate, that covers `frames` of the film.

        Raises ValueError, naming the limit, where the model cannot make a clip that long.
        """
        if self.drawn:
            return 1
        return self.facts.legal_frames(self._native(frames, fps))

    def lengths_for(self, frames: int, fps: Fraction) -> list[int]:
        """Legal lengths of clips that cover `frames` of the film together, each continuing the one before.

        A clip after the first begins with the last frame of the one before it, and so adds one frame less. Like
        `frames_for` where one clip suffices.
        """
        needed, longest = self._native(frames, fps), self.facts.max_frames
        lengths: list[int] = []
        while needed > 0:
            shared = 1 if lengths else 0
            lengths.append(self.facts.legal_frames(min(needed + shared, longest)))
            needed -= lengths[-1] - shared
        return lengths

    def _native(self, frames: int, fps: Fraction) -> int:
        """How many frames at the model's own rate are shown in `frames` of the film."""
        return int(Fraction(frames - 1) * self.facts.fps / fps) + 1


def resolve_model(film: Film, name: str, weights: Pinned) -> ResolvedModel:
    """Decide every setting of the model called `name`: the film's where it declares one, else the family's."""
    declared = film.model_named(name)
    facts = facts_of(declared.use).of_version(declared.version)
    settings: dict[str, Any] = {k: _plain(v) for k, v in facts.settings.items()}
    if facts.guidance_low is not None:
        low = declared.guidance_low if declared.guidance_low is not None else facts.guidance_low
        settings |= {"guidance_low": low, "boundary": facts.boundary}
    if declared.cache is not None:
        settings["first_block_cache"] = declared.cache.threshold
    return ResolvedModel(
        name=name,
        facts=facts,
        weights=weights,
        steps=declared.steps or facts.steps,
        guidance=declared.guidance if declared.guidance is not None else facts.guidance,
        shift=declared.shift if declared.shift is not None else facts.shift,
        size=(declared.size.width, declared.size.height) if declared.size else facts.size,
        precision=declared.precision or facts.precision,
        settings=settings,
        version=declared.version,
    )


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


Models = Mapping[str, ResolvedModel]
