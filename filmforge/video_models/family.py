"""What a family of models is to a plan: its facts, as plain data without torch.

A family is a value of `Facts` and, where it renders, a class that `model` names. The class is imported when
something is rendered and no sooner.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from types import MappingProxyType
from typing import Any, Literal

Precision = Literal["bf16", "fp16", "fp32", "fp8", "int8", "nf4"]

UNQUANTIZED: tuple[Precision, ...] = ("bf16", "fp16", "fp32")
"""The precisions that a LoRA can be trained in; the others store weights in fewer than sixteen bits."""


Setting = float | bool | str | tuple[float, ...]


@dataclass(frozen=True, slots=True)
class LoraFacts:
    """How a LoRA is trained on a family when the film says nothing else.

    `targets` are full-match regular expressions over the module names of the transformer. `size` is the
    picture size (width, height) to train at and `frames` the longest clip. `batch` counts clips or photos a
    step. `warmup` is in steps. `prior` is the share of each batch that holds the model to what it made of
    `prior_captions` (clips of `prior_frames`) before it knew the character; `caption_dropout` the share of
    captions that are left empty; `start_frame` the share of clips whose first frame is given clean, as in
    image to video. `sampling` is how noise levels are drawn, before the family's shift. Without `buckets`
    every picture is cropped to `size`: the family knows no other.
    """

    rank: int
    steps: int
    learning_rate: float
    targets: tuple[str, ...]
    size: tuple[int, int]
    frames: int
    batch: int = 1
    warmup: int = 100
    prior: float = 0.25
    prior_captions: tuple[str, ...] = ()
    prior_frames: int = 1
    caption_dropout: float = 0.1
    start_frame: float = 0.1
    sampling: Literal["logit-normal", "uniform"] = "logit-normal"
    buckets: bool = True


@dataclass(frozen=True, slots=True)
class Facts:
    """One family of models. Sizes are (width, height) in pixels; lengths are frames at `fps`.

    A legal length is `first + k * frame_step` up to `max_frames`; a legal size has both sides a multiple of
    `size_multiple`. `frames` is the length that the authors render by default. `guidance_low` and `boundary`
    belong to families with two experts: the guidance of the low-noise one, and the share of the noise range
    at which it takes over. `shift` is None where the family's scheduler has none to declare; `schedule` then says
    in words what decides the noise levels. `text_length` is the
    number of tokens that every prompt is padded or cut to. `memory` is GB of device memory by precision, at
    the default size and length, with the text encoder out of the way. `weights` is a hub id, or None where
    the weights come with filmforge or there are none. `settings` are further numbers that decide pixels, by
    the names that the family's class knows them by; they enter the key of a render. `versions` maps the name of
    a release to what differs there from these facts, field by field. `model` names the class that renders, as
    `module:Class`; `trains` says whether a LoRA can be trained. `last_frame` says that the class also takes the
    picture that a clip ends with, as `end`; `walls`, where there is one, that it keeps the characters of a clip apart
    (`apart`), and for which share of the sampling steps they see nothing of one another; `apart_unasked` that it
    does so where the film says nothing of it; `first_block_cache` that its pipelines tell diffusers' caches which of a
    step's passes is which (`cache_context`). `passes` is how the negative prompt is asked for: `together` with the prompt,
    `apart` from it, or not at all (`one`: the guidance is distilled); None where no cache of attention works. `attention`
    names the kernels beside torch's own that its attention takes, and `compiles` says whether diffusers knows its blocks.
    `upscaler` is the hub id of what enlarges its latents to twice the size, and `upscaling` the numbers of the pass after
    it; a class with one takes `upscale` in `sample`.
    `layout` is the architecture's key in `lora_names.LAYOUTS`, by which
    LoRAs are read whose modules are not named as diffusers names them.
    """

    id: str
    title: str
    licence: str
    weights: str | None
    size: tuple[int, int]
    size_multiple: int
    fps: Fraction
    frames: int
    max_frames: int
    frame_step: int = 4
    first: int = 1
    licence_note: str = ""
    revision: str | None = None
    variant: str | None = None
    steps: int = 0
    fewest_steps: int = 1
    guidance: float = 0.0
    guidance_low: float | None = None
    boundary: float | None = None
    shift: float | None = None
    schedule: str = "its scheduler sets the noise levels"
    negative: str = ""
    text_length: int = 0
    precision: Precision = "bf16"
    text_to_video: bool = True
    image_to_video: bool = False
    last_frame: bool = False
    walls: float | None = None
    apart_unasked: bool = False
    first_block_cache: bool = False
    passes: Literal["together", "apart", "one"] | None = None
    attention: tuple[str, ...] = ()
    compiles: bool = False
    upscaler: str | None = None
    upscaling: Mapping[str, Setting] = field(default_factory=lambda: MappingProxyType({}))
    memory: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    lora: LoraFacts | None = None
    settings: Mapping[str, Setting] = field(default_factory=lambda: MappingProxyType({}))
    versions: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: MappingProxyType({}))
    model: str = ""
    layout: str = ""
    trains: bool = False
    unfinished: str = ""
    sources: tuple[str, ...] = ()

    @property
    def renders(self) -> bool:
        """Whether a film can be rendered with it today; `unfinished` says why not."""
        return not self.unfinished

    def of_version(self, version: str | None) -> Facts:
        """The facts of a release of the family; of the default one when None. KeyError when there is none such."""
        return self if version is None else replace(self, **self.versions[version])

    def legal_frames(self, count: int) -> int:
        """The smallest legal length of at least `count` frames. ValueError names the limit beyond it."""
        if count < 1:
            raise ValueError(f"a clip has at least 1 frame, not {count}")
        past_first = max(0, count - self.first)
        legal = self.first + -(-past_first // self.frame_step) * self.frame_step
        if legal > self.max_frames:
            longest = Fraction(self.max_frames) / self.fps
            raise ValueError(
                f"{self.id} renders at most {self.max_frames} frames at {_rate(self.fps)} fps "
                f"({float(longest):.4g} s), and {count} are asked for"
            )
        return legal

    def is_legal_length(self, count: int) -> bool:
        """Whether a clip of exactly `count` frames can be rendered."""
        return self.first <= count <= self.max_frames and (count - self.first) % self.frame_step == 0

    def legal_size(self, size: tuple[int, int]) -> bool:
        """Whether pictures of exactly `size` (width, height) can be rendered."""
        return all(side > 0 and side % self.size_multiple == 0 for side in size)

    def halved(self) -> Facts:
        """These facts for a picture whose first pass has half its size: both sides are twice the multiple."""
        return replace(self, size_multiple=2 * self.size_multiple)

    def nearest_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """The legal size nearest to `size`, each side on its own, half a multiple rounded up."""
        unit = self.size_multiple
        width, height = (max(unit, (2 * side + unit) // (2 * unit) * unit) for side in size)
        return width, height


def _rate(fps: Fraction) -> str:
    return str(fps.numerator) if fps.denominator == 1 else f"{fps.numerator}/{fps.denominator}"
