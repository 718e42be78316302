"""How a model is fitted into a device's memory: which parts wait elsewhere, estimated before anything is loaded.

Work goes in stages, and only the parts of one stage are on the device: the text encoders embed and leave, the
transformers sample, the autoencoder decodes. What does not fit whole is streamed: its blocks travel to the device
one after another. None of this changes a pixel, so it is the machine's business and enters no key.

The figures are estimates: parameters times their size, and activations by the formulas below. Without torch.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from filmforge.errors import UsageError
from filmforge.video_models.family import Facts
from filmforge.video_models.published import Part, Published

BUDGETS = (8, 12, 16, 24, 48, 80)
"""Sizes of cards, in GB, that `filmforge doctor` speaks of."""
DECLARED = "FILMFORGE_MEMORY"
"""The environment variable that declares how many GB of the device's memory to use."""

_BYTES = {"fp32": 4.0, "bf16": 2.0, "fp16": 2.0, "fp8": 1.0, "int8": 1.0, "nf4": 0.55}
"""Bytes for a parameter; nf4 with the constants of its blocks of 64 (https://arxiv.org/abs/2305.14314)."""
_RESERVE = 1.5
"""GB for the device's own context, its libraries' workspaces, and what an allocator leaves unused."""
_SPARE = 1.5
"""How much larger than counted activations are taken to be, since temporaries live while kernels run."""
_TOGETHER = {"LTXVideoTransformer3DModel", "MochiTransformer3DModel"}
"""Transformers whose pipelines compute the prompt and the negative one in one batch."""

LOADED_WHOLE = ("int8", "nf4")
"""Precisions whose weights are placed on the device as they are read, and stay there."""
_PLANS = tuple(
    (stream_transformers, clear, stream_text)
    for stream_transformers, clear in ((False, False), (False, True), (True, False))
    for stream_text in (False, True)
)
"""What may be done, the quickest first."""

Stage = Literal["text", "sampling", "decoding"]


@dataclass(frozen=True, slots=True)
class MemoryPlan:
    """What is streamed, and the estimated need in GB of device memory by stage.

    With `clear`, the transformers leave the device while prompts are embedded and frames decoded. Where the device has
    no memory of its own (`in_main_memory`), they and the text encoders are then forgotten, and read again for their
    next stage.
    """

    stream_text: bool
    stream_transformers: bool
    clear: bool
    need: Mapping[Stage, float]
    in_main_memory: bool = False

    @property
    def peak(self) -> float:
        """GB of device memory in the stage that needs the most."""
        return max(self.need.values())

    @property
    def moves(self) -> tuple[bool, bool, bool]:
        """What a model is loaded for: plans that agree in it differ in estimates alone."""
        return self.stream_text, self.stream_transformers, self.clear

    @property
    def words(self) -> str:
        """What the plan does, in words."""
        moved = ["text encoders streamed"] if self.stream_text else []
        moved += ["transformers streamed"] if self.stream_transformers else []
        if self.clear:
            moved += [
                "parts read anew for each stage"
                if self.in_main_memory
                else "transformers leave for other stages"
            ]
        return f"{', '.join(moved) or 'all parts whole'}; about {self.peak:.1f} GB"

    @property
    def slow(self) -> bool:
        """Whether sampling waits for weights: each step moves all blocks of the transformer."""
        return self.stream_transformers


def declared_budget() -> float | None:
    """GB of device memory that the environment declares; None where it declares none. UsageError for nonsense."""
    text = os.environ.get(DECLARED)
    if not text:
        return None
    try:
        budget = float(text)
    except ValueError:
        budget = math.nan
    if not 0 < budget < math.inf:
        raise UsageError(f"{DECLARED}={text}: it is a number of GB, such as 12")
    return budget


def plans(
    facts: Facts, release: Published, *, precision: str, size: tuple[int, int], frames: int
) -> list[MemoryPlan]:
    """All ways to place the parts, the quickest first. `size` is (width, height); `frames` at the model's own rate."""
    text = _text(release, precision)
    sampling = _sampling(facts, release, precision, size, frames)
    decoding = _RESERVE + _decoding(release, precision, size, frames)
    stays = _transformers(release, precision)
    found = []
    for stream_transformers, clear, stream_text in _PLANS:
        if precision in LOADED_WHOLE and (stream_transformers or clear):
            continue
        beside = 0.0 if clear or stream_transformers else stays
        need: dict[Stage, float] = {
            "text": text[stream_text] + beside,
            "sampling": sampling[stream_transformers],
            "decoding": decoding + beside,
        }
        found.append(MemoryPlan(stream_text, stream_transformers, clear, need))
    return found


def plans_in_main_memory(
    facts: Facts, release: Published, *, precision: str, size: tuple[int, int], frames: int
) -> list[MemoryPlan]:
    """All ways to place the parts where the device's memory is the machine's own, the quickest first.

    Nothing can wait elsewhere there: a part that leaves is forgotten, and read again when it is needed.
    """
    own: dict[Stage, float] = {
        "text": _text(release, precision)[False],
        "sampling": _sampling(facts, release, precision, size, frames)[False],
        "decoding": _RESERVE + _decoding(release, precision, size, frames),
    }
    weights: dict[Stage, float] = {
        "text": own["text"] - _RESERVE,
        "sampling": _transformers(release, precision),
        "decoding": 0.0,  # the autoencoder is there for a given first frame too, and stays
    }
    everything = sum(weights.values())
    together: dict[Stage, float] = {stage: gb + everything - weights[stage] for stage, gb in own.items()}
    if precision in LOADED_WHOLE:
        return [MemoryPlan(False, False, False, together, in_main_memory=True)]
    return [
        MemoryPlan(False, False, False, together, in_main_memory=True),
        MemoryPlan(False, False, True, own, in_main_memory=True),
    ]


def plan_for(
    facts: Facts,
    release: Published,
    *,
    precision: str,
    size: tuple[int, int],
    frames: int,
    budget: float,
) -> MemoryPlan | None:
    """The quickest plan whose every stage stays within `budget` GB; None if there is none."""
    all_plans = plans(facts, release, precision=precision, size=size, frames=frames)
    return next((plan for plan in all_plans if plan.peak <= budget), None)


def advice(facts: Facts, release: Published, budget: float) -> str:
    """What to declare so that the family fits into `budget` GB, best without streaming; empty if nothing helps.

    Smaller precisions come first, since they keep the picture's size; then smaller pictures; then both. Only what is
    quicker than the default is advised, or what fits where the default does not.
    """
    fits = plan_for(
        facts, release, precision=facts.precision, size=facts.size, frames=facts.frames, budget=budget
    )
    for slowly in (False, True) if fits is None else (False,):
        for share in (1.0, 0.75, 0.5):
            size = facts.nearest_size((round(facts.size[0] * share), round(facts.size[1] * share)))
            for precision in (facts.precision, "fp8", "nf4"):
                plan = plan_for(
                    facts, release, precision=precision, size=size, frames=facts.frames, budget=budget
                )
                if plan is None or (plan.slow and not slowly):
                    continue
                declared = [f"precision: {precision}"] if precision != facts.precision else []
                declared += [f"size: {size[0]}x{size[1]}"] if share < 1 else []
                return ", ".join(declared) + (" (fits slowly)" if plan.slow else "")
    return ""


def _weights(part: Part, precision: str) -> float:
    return (part.parameters * _BYTES[precision] if part.stored is None else part.stored) / 1e9


def _text(release: Published, precision: str) -> dict[bool, float]:
    """GB while prompts are embedded; by whether the encoders are streamed. They are not quantized."""
    kept = "fp32" if precision == "fp32" else "bf16"
    whole = sum(_weights(part, kept) for part in release.text_encoders.values())
    largest = max((_streamed(part, kept) for part in release.text_encoders.values()), default=0.0)
    return {False: _RESERVE + whole, True: _RESERVE + largest}


def _sampling(
    facts: Facts, release: Published, precision: str, size: tuple[int, int], frames: int
) -> dict[bool, float]:
    """GB while the transformers sample, with all experts there, by whether they are streamed."""
    busy = _RESERVE + _SPARE * _activations(facts, release, size, frames)
    streamed = max(_streamed(part, precision) for part in release.experts.values())
    return {False: busy + _transformers(release, precision), True: busy + streamed}


def _transformers(release: Published, precision: str) -> float:
    return sum(_weights(part, precision) for part in release.experts.values())


def _streamed(part: Part, precision: str) -> float:
    """GB of a part of which two blocks are on the device, one at work and one on its way, and the few that are not
    blocks (embeddings, projections), taken for a twentieth."""
    config = part.config
    blocks = int(
        config.get("num_layers")
        or config.get("num_hidden_layers")
        or config.get("text_config", {}).get("num_hidden_layers")
        or 24
    )
    return _weights(part, precision) * min(1.0, 2 / blocks + 0.05)


def _activations(facts: Facts, release: Published, size: tuple[int, int], frames: int) -> float:
    """GB of one block of the transformer at work, without gradients.

    For each token in 16 bits: six vectors of the model's width (residual, normalised, query, key, value, output)
    and two of the feed-forward's; and two of the width in 32 bits, in which norms and modulation are computed.
    """
    part = next(iter(release.experts.values()))
    config = part.config
    kind = part.kind.rsplit(".", 1)[-1]
    heads = int(config.get("num_attention_heads", 24))
    width = heads * int(config.get("attention_head_dim", 128))
    inner = int(config.get("ffn_dim") or 4 * width)
    # A side of a token is a multiple of sizes: the autoencoder's scale times the patch.
    tokens = math.prod(side / facts.size_multiple for side in size)
    tokens *= (frames - 1) / facts.frame_step + 1
    batch = 2 if kind in _TOGETHER and facts.guidance > 1 else 1
    return batch * tokens * (2 * (6 * width + 2 * inner) + 4 * 2 * width) / 1e9


_DECODERS: Mapping[str, tuple[int, int, int, int]] = {
    "AutoencoderKLWan": (256, 4, 96, 1),
    "AutoencoderKLHunyuanVideo": (256, 16, 128, 1),
    "AutoencoderKLMochi": (256, 0, 128, 1),
    "AutoencoderKLLTXVideo": (512, 0, 128, 4),
}
"""The last and largest stage of each decoder: side of a tile in pixels, frames at once (0 for all), channels, and how
many pixels to a side one place of it stands for. From diffusers 0.42.1, models/autoencoders."""
_UNTILED = 832 * 480
_LAYERS_ALIVE = 6
"""How many results of that stage are alive at once: taken, not measured."""


def _decoding(release: Published, precision: str, size: tuple[int, int], frames: int) -> float:
    vae = release.parts["vae"]
    kind = vae.kind.rsplit(".", 1)[-1]
    tile, at_once, channels, scale = _DECODERS.get(kind, (256, 16, 128, 1))
    if vae.config.get("patch_size") and kind == "AutoencoderKLWan":
        scale, channels = int(vae.config["patch_size"]), int(vae.config.get("decoder_base_dim") or 96)
    in_declared = kind in ("AutoencoderKLLTXVideo", "AutoencoderKLMochi") and precision != "fp32"
    number = 2 if in_declared else 4
    pixels = math.prod(size)
    area = min(pixels, tile * tile) if pixels > _UNTILED else pixels
    work = area / scale**2 * (at_once or frames) * channels * number * _LAYERS_ALIVE
    film = (
        pixels * frames * 3 * number * 2
    )  # what is decoded, and the same once more while it is put together
    return (vae.parameters * number + work + film) / 1e9
