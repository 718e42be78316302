"""How shots are rendered: the models that a film declares, as frozen parts like those of `film.py`."""

# No `from __future__ import annotations` here: pydantic would have to compile each annotation again, at every start.
from typing import Annotated, Any, Final, Literal, get_args

from pydantic import Discriminator, Field, Tag, ValidationError, ValidatorFunctionWrapHandler, WrapValidator

from filmforge.language.kinds import HubId, Number, Path, PictureSize, Weight, Words, shorthand
from filmforge.language.part import Part

Family = Literal[
    "pocket",
    "wan2.2-ti2v-5b",
    "wan2.2-t2v-a14b",
    "wan2.2-i2v-a14b",
    "hunyuan-video",
    "mochi-1",
    "ltx-video",
    "animatic",
    "comfyui",
]
FAMILIES: Final = get_args(Family)
"""The ids of families that come with filmforge; `use` may also name one of an installed package."""


def _or_installed(given: Any, check: ValidatorFunctionWrapHandler) -> Any:
    """A family of an installed package is one as well; whether there is one is asked last, since it takes time."""
    try:
        return check(given)
    except ValidationError:
        from filmforge.video_models.facts import is_family

        if type(given) is str and is_family(given):
            return given
        raise


Expert = Literal["high", "low"]
"""What a film calls the two experts of a model, by the noise that each works at."""
Precision = Literal["bf16", "fp16", "fp32", "fp8", "int8", "nf4"]


class Cache(Part):
    """What of a sampling step is not computed again where little has changed. It changes pixels, so it is declared."""

    kind: Literal["first-block", "taylorseer", "pyramid-attention"] = Field(
        description="first-block: where the first block does what it did a step before, the others are passed over; "
        "taylorseer: of every few steps one is computed, and the others are foretold from the last two; "
        "pyramid-attention: in the middle of the noise, attention is computed at one of every few steps"
    )
    threshold: Annotated[Number, Field(gt=0, le=1)] | None = Field(
        default=None,
        description="for first-block: the largest change, as a share, that counts as none; 0.05 when absent",
    )
    every: Annotated[int, Field(ge=2, le=10)] | None = Field(
        default=None,
        description="for the others: of how many steps one is computed; when absent, 3 for taylorseer and 2 for "
        "pyramid-attention",
    )


class ExpertFiles(Part):
    """A LoRA that was made for each of two experts: a file for the one at high noise, one for that at low, or both."""

    high: Path | None = Field(default=None, description="for the expert at high noise")
    low: Path | None = Field(default=None, description="for the expert at low noise")


class ExpertWeights(Part):
    """A file of weights for each of two experts, or for one of them."""

    high: Words | None = Field(default=None, description="for the expert at high noise")
    low: Words | None = Field(default=None, description="for the expert at low noise")


def _by_expert(file: str | ExpertFiles | ExpertWeights) -> dict[Expert | None, str]:
    """The files by the expert that each is for; None where there is one for the model."""
    if isinstance(file, str):
        return {None: file}
    found: dict[Expert | None, str | None] = {"high": file.high, "low": file.low}
    return {expert: path for expert, path in found.items() if path is not None}


def _path_or_experts(given: Any) -> str:
    return "<by expert>" if isinstance(given, (dict, ExpertFiles)) else "<path>"


class ModelLora(Part):
    """A LoRA that belongs to a model and is on all its shots, such as one that was distilled for few steps."""

    file: Annotated[
        Annotated[Path, Tag("<path>")] | Annotated[ExpertFiles, Tag("<by expert>")],
        Discriminator(_path_or_experts),
    ] = Field(
        description="a .safetensors file, of the project or of the repository `hub`; or, of a model of two experts, "
        "`high` and `low`"
    )
    hub: HubId | None = Field(
        default=None, description="the hub id of the repository that `file` is in, such as owner/name"
    )
    revision: Words | None = Field(
        default=None, description="the branch, tag or commit of `hub`; pinned in film.lock"
    )
    weight: Weight = Field(default=1.0, description="how strongly the LoRA is applied")

    @property
    def files(self) -> dict[Expert | None, str]:
        """The files by the expert that each is for; None where the file itself says for which."""
        return _by_expert(self.file)


def _text_or_parts(given: Any) -> str:
    return "<by expert>" if isinstance(given, (dict, ExpertWeights)) else "<word>"


class WeightsFile(Part):
    """A transformer from one file; all else of the model (text encoder, autoencoder, configuration) from `base`."""

    file: Annotated[
        Annotated[Words, Tag("<word>")] | Annotated[ExpertWeights, Tag("<by expert>")],
        Discriminator(_text_or_parts),
    ] = Field(
        description="a .safetensors or .gguf file: ./x, ../x, /x, or one beside the film, or one of the repository "
        "`hub`; or, of a model of two experts, `high` and `low`"
    )
    hub: HubId | None = Field(
        default=None, description="the hub id of the repository that `file` is in, such as owner/name"
    )
    revision: Words | None = Field(
        default=None,
        description="the branch, tag or commit of `hub`; pinned in film.lock (that of `base` is the model's)",
    )
    base: Words | None = Field(
        default=None,
        description="where all else is from: a hub id or a folder; the family's official weights when absent",
    )

    @property
    def files(self) -> dict[Expert | None, str]:
        """The files by the expert that each is; None where the model has one."""
        return _by_expert(self.file)


def _text_or_file(given: Any) -> str:
    return "<file>" if isinstance(given, (dict, WeightsFile)) else "<word>"


class Upscale(Part):
    """A second pass at twice the size of the first, from its latents enlarged by a model that was made for it."""

    weights: Words | None = Field(
        default=None,
        description="the upscaler: a hub id such as owner/name, or a folder; the family's official one when absent",
    )
    revision: Words | None = Field(
        default=None, description="the upscaler's branch, tag or commit; pinned in film.lock"
    )
    steps: Annotated[int, Field(ge=1, le=1000)] | None = Field(
        default=None,
        description="the steps of the noise schedule of the second pass; the family's when absent",
    )
    strength: Annotated[Number, Field(gt=0, lt=1)] | None = Field(
        default=None,
        description="the share of those steps that is taken, the last of them; the family's when absent",
    )


class Model(Part):
    """How to render: a family, its weights, and what of its settings the film declares."""

    use: Annotated[Family, WrapValidator(_or_installed)] = Field(description="the family of models")
    weights: (
        Annotated[
            Annotated[Words, Tag("<word>")] | Annotated[WeightsFile, Tag("<file>")],
            Discriminator(_text_or_file),
        ]
        | None
    ) = Field(
        default=None,
        description="a hub id such as owner/name, a folder, or a .safetensors or .gguf file of the transformer; the "
        "family's official weights when absent",
    )
    revision: Words | None = Field(
        default=None, description="the weights' branch, tag or commit; pinned in film.lock"
    )
    version: Words | None = Field(
        default=None,
        description="the release of the family that the weights are, where it has several; the default "
        "one when absent",
    )
    steps: Annotated[int, Field(ge=1, le=1000)] | None = Field(
        default=None, description="sampling steps; the family's default when absent"
    )
    guidance: Annotated[Number, Field(ge=0, le=100)] | None = Field(
        default=None, description="how strongly the prompt is followed"
    )
    guidance_low: Annotated[Number, Field(ge=0, le=100)] | None = Field(
        default=None,
        description="the same for the expert at low noise, in families that have two experts",
    )
    shift: Annotated[Number, Field(gt=0, le=100)] | None = Field(
        default=None, description="the shift of the noise schedule"
    )
    size: PictureSize | None = Field(
        default=None, description="the size that is rendered, before it is conformed to the film's"
    )
    precision: Precision | None = Field(
        default=None, description="the precision of the weights; it changes pixels, so it is declared"
    )
    cache: Annotated[Cache, shorthand("kind", Cache)] | None = Field(
        default=None, description="what is not computed again where little has changed; it changes pixels"
    )
    attention: Literal["native", "math", "cudnn", "flash", "sage", "xformers"] | None = Field(
        default=None,
        description="the kernel that computes attention; it changes pixels; torch's own when absent",
    )
    compile: bool = Field(
        default=False,
        description="compile the transformer's blocks before the first shot; it changes the last bits of pixels",
    )
    upscale: Annotated[Upscale, shorthand("weights", Upscale)] | None = Field(
        default=None, description="a first pass at half the `size`, enlarged as latents, and a second pass"
    )
    lora: Annotated[ModelLora, shorthand("file", ModelLora)] | None = Field(
        default=None,
        description="a LoRA on all shots of the model, such as one for few steps; no LoRA is trained on it",
    )
    workflow: Path | None = Field(
        default=None, description="a ComfyUI workflow in API format; for `use: comfyui`"
    )
    server: Words | None = Field(
        default=None, description="the address of a ComfyUI server; for `use: comfyui`"
    )

    def low(self, own: float) -> float:
        """The guidance of the expert at low noise, in a family whose own is `own`.

        Without guidance at high noise there is none at low either, unless it is declared: such a model was distilled.
        """
        if self.guidance_low is not None:
            return self.guidance_low
        return self.guidance if self.guidance is not None and self.guidance <= 1 else own
