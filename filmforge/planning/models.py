"""The models a film names, resolved: family facts, what the film declares of them, and which weights exactly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from filmforge.language.film import Film
from filmforge.language.models import ModelLora
from filmforge.video_models import caching, kernels
from filmforge.video_models.facts import Facts, facts_of
from filmforge.video_models.hub_files import HubFiles


@dataclass(frozen=True, slots=True)
class Pinned:
    """Which weights: their digest, and where they came from. `folder` is None while they are not on this machine.

    `files` are the components that are read from a file of their own: where each is, and its digest in `file_digests`.
    `gguf` says that one of them is quantized already. Where they are files of a repository, `hub` has which, and they may
    not be on this machine; `apart` names the components whether they are or not.
    """

    digest: str | None
    repo: str | None = None
    commit: str | None = None
    folder: str | None = None
    files: Mapping[str, str] = field(default_factory=dict)
    file_digests: Mapping[str, str] = field(default_factory=dict)
    gguf: bool = False
    apart: tuple[str, ...] = ()
    hub: HubFiles | None = None

    @property
    def lacking(self) -> tuple[str, ...]:
        """The files of the hub that are not on this machine, as `owner/name/file`."""
        return self.hub.absent if self.hub is not None else ()

    @property
    def identity(self) -> str:
        """What stands for the weights in a key: the digest, or repository and commit until they are here."""
        if self.digest:
            return self.digest
        found = f"{self.repo}@{self.commit or 'unresolved'}"
        names = [n for n in self.hub.names if n not in self.hub.digests] if self.hub else []
        unknown = [self.hub.identity(name) for name in names] if self.hub else []
        return "+".join([found, *(self.file_digests[name] for name in sorted(self.file_digests)), *unknown])


@dataclass(frozen=True, slots=True)
class Upscaling:
    """The second pass of a model: the weights of what enlarges the latents, and the numbers of the pass after it."""

    weights: Pinned
    settings: Mapping[str, Any]

    @property
    def params(self) -> dict[str, Any]:
        """What of it decides pixels."""
        return {"weights": self.weights.identity, **self.settings}


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
    upscale: Upscaling | None = None
    lora: ModelLora | None = None
    """What is put on it in all its shots. LoRAs are trained on the model without."""
    lora_hub: HubFiles | None = None
    """The files of that LoRA, where they are of a repository on the hub."""

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
        upscaler = {"upscaler": self.upscale.weights.folder} if self.upscale else {}
        files = {"files": dict(pin.files)} if pin.files else {}
        lora = self.lora_hub.absent if self.lora_hub else ()
        hub = [name for files in (pin.hub, self.lora_hub) if files for name in files.pinned]
        return {
            "folder": None if pin.lacking else pin.folder,
            "name": self.name,
            "repo": pin.repo,
            "commit": pin.commit,
            **files,
            **upscaler,
            **({"no_lora": list(lora)} if lora else {}),
            **({"hub": hub} if hub else {}),
        }

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


def resolve_model(
    film: Film,
    name: str,
    weights: Pinned,
    upscaler: Pinned | None = None,
    lora_hub: HubFiles | None = None,
) -> ResolvedModel:
    """Decide every setting of the model called `name`: the film's where it declares one, else the family's.

    `upscaler` is what its `upscale` declares, `lora_hub` the files of its `lora` on the hub.
    """
    declared = film.model_named(name)
    facts = facts_of(declared.use).of_version(declared.version)
    settings: dict[str, Any] = {k: _plain(v) for k, v in facts.settings.items()}
    if facts.guidance_low is not None:
        settings |= {"guidance_low": declared.low(facts.guidance_low), "boundary": facts.boundary}
    if declared.cache is not None:
        kind = declared.cache.kind
        amount = declared.cache.threshold if kind == "first-block" else declared.cache.every
        settings[caching.SETTINGS[kind]] = caching.DEFAULTS[kind] if amount is None else amount
    if declared.attention not in (None, "native"):
        settings[kernels.ATTENTION] = declared.attention
    if declared.compile:
        settings[kernels.COMPILED] = True
    size = (declared.size.width, declared.size.height) if declared.size else facts.size
    upscale = None
    if declared.upscale is not None and upscaler is not None:
        own = declared.upscale
        said = {k: v for k in ("steps", "strength") if (v := getattr(own, k)) is not None}
        numbers = {**facts.upscaling, **said}
        upscale = Upscaling(upscaler, {k: _plain(v) for k, v in numbers.items()})
        size = facts.halved().nearest_size(size)  # of the family's own; a declared one is checked
    return ResolvedModel(
        name=name,
        facts=facts,
        weights=weights,
        steps=declared.steps or facts.steps,
        guidance=declared.guidance if declared.guidance is not None else facts.guidance,
        shift=declared.shift if declared.shift is not None else facts.shift,
        size=size,
        precision=declared.precision or facts.precision,
        settings=settings,
        version=declared.version,
        upscale=upscale,
        lora=declared.lora,
        lora_hub=lora_hub,
    )


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


Models = Mapping[str, ResolvedModel]
