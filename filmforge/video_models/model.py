"""What the models of all families have in common: parts that are read when needed, prompts, LoRAs, pixels.

A family's own file says how its parts are put together and sampled; see `wan.py` for the first of them.
"""

from __future__ import annotations

import gc
import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import diffusers
import torch
import transformers
from torch import Tensor

from filmforge.errors import FilmforgeError, WeightsError
from filmforge.video_models import caching, kernels, quantizing, runtime
from filmforge.video_models.family import Facts, Setting
from filmforge.video_models.flow import Objective
from filmforge.video_models.lora_file import LoraUse
from filmforge.video_models.loras import Loras
from filmforge.video_models.memory import LOADED_WHOLE, MemoryPlan
from filmforge.video_models.published import weight_files
from filmforge.video_models.sampling import Frame, OnStep, cover
from filmforge.video_models.weights import Weights

if TYPE_CHECKING:
    from PIL.Image import Image

Embedding = Mapping[str, Tensor]
"""What a prompt became: tensors by name, without a batch axis, on the CPU."""
TILED_BEYOND = 832 * 480
"""Pictures of more pixels are decoded in tiles. By size alone: tiling changes pixels, a machine may not."""

_DTYPES = {"fp16": torch.float16, "fp32": torch.float32}


class VideoModel(ABC):
    """One loaded model. Parts are read when first needed and kept.

    Results are bit-equal on repetition in one environment: noise comes from a generator on the CPU, one
    prompt and one clip are computed at a time, deterministic algorithms are used, and the number of threads
    is fixed. On an accelerator, the text encoders are there only while they encode.
    """

    pipeline: ClassVar[str]
    """The name of diffusers' text-to-video pipeline, through which prompts are embedded and LoRAs loaded."""
    tokenizers: ClassVar[tuple[str, ...]] = ("tokenizer",)
    text_encoders: ClassVar[tuple[str, ...]] = ("text_encoder",)
    experts: ClassVar[tuple[str, ...]] = ("transformer",)
    """The components that denoise, in the order in which they take their turns."""
    reversed_noise: ClassVar[bool] = False
    """Whether their timesteps run from 0, all noise, to 1000."""

    def __init__(
        self,
        facts: Facts,
        weights: Weights,
        folder: Path,
        *,
        precision: str,
        device: str | None = None,
        threads: int | None = None,
        memory: MemoryPlan | None = None,
    ) -> None:
        self.facts = facts
        self.weights = weights
        self.precision = precision
        self.device = torch.device(device) if device else runtime.best_device()
        self.threads = threads or runtime.physical_cores()
        self.folder = folder
        self.memory = memory
        self.index: dict[str, Any] = read_json(folder / "model_index.json")
        self._parts: dict[str, Any] = {}
        self._loras: Loras | None = None
        try:
            wrong = self.unfit()
        except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
            wrong = f"its configuration cannot be read ({type(error).__name__}: {error})"
        if wrong:
            raise WeightsError(f"{facts.id}: {folder} holds another kind of model: {wrong}")

    # -- what a family says -------------------------------------------------------------------------------

    @abstractmethod
    def unfit(self) -> str:
        """Why the folder is none of this family, from its configuration files; empty when it is one."""

    @abstractmethod
    def embed(self, prompt: str, start: Image | None) -> Embedding:
        """Embed one prompt, under fixed threads, with the text encoders on the device."""

    @abstractmethod
    def sample(
        self,
        *,
        positive: Embedding,
        negative: Embedding | None,
        frames: int,
        size: tuple[int, int],
        steps: int,
        guidance: float,
        shift: float | None,
        seed: int,
        start: Frame | None = None,
        settings: Mapping[str, Setting] | None = None,
        on_step: OnStep | None = None,
    ) -> dict[str, Tensor]:
        """Sample one clip; `latents` of shape [1, channels, latent frames, height, width], fp32 on the CPU.

        `positive` and `negative` come from `encode`; `negative` may be None when `guidance` is at most 1,
        where it has no part. `size` is (width, height). `start` is the picture to begin with; one of another
        size is scaled to cover `size` and cropped about its centre. Families whose facts say `last_frame` also take
        `end`, the picture that the clip ends with; those whose facts have `walls`, how its characters are kept
        `apart`, whose words then stand for `positive`. `settings` are the family's further
        numbers, its own when None. ValueError for a length or size that is not legal: diffusers would round it.
        """

    @abstractmethod
    def decode(
        self, latents: Mapping[str, Tensor], *, settings: Mapping[str, Setting] | None = None
    ) -> Frame:
        """The frames of what `sample` gave: [frames, height, width, 3] RGB, values rounded to the nearest."""

    # -- parts ---------------------------------------------------------------------------------------------

    @property
    def dtype(self) -> torch.dtype:
        """The number format that transformers and text encoders compute in: bfloat16 for quantized weights."""
        return _DTYPES.get(self.precision, torch.bfloat16)

    @property
    def vae_dtype(self) -> torch.dtype:
        """The number format of the autoencoder: fp32, the safe one, unless the family's authors say otherwise."""
        return torch.float32

    @property
    def transformer(self) -> Any:
        """The denoising transformer, in the declared precision, in eval mode, on the device."""
        return self.expert("transformer")

    def expert(self, name: str) -> Any:
        """One of `experts`, in the declared precision, in eval mode, on the device or streamed to it."""
        if name not in self._parts:
            how = quantizing.reading(self.facts.id, self.precision)
            part = self._denoiser(name, how).requires_grad_(False).eval()
            quantizing.store_small(part, self.precision, self.dtype)
            if self.memory is not None and self.memory.stream_transformers:
                part.enable_group_offload(**self._streaming("block_level"), num_blocks_per_group=1)
            self._parts[name] = part
        part = self._parts[name]
        return part if self._settled else part.to(self.device)

    def _denoiser(self, name: str, how: Mapping[str, Any]) -> Any:
        """One of `experts` as it is read: from the folder, or from the file that stands in for it there."""
        if (file := self.weights.files.get(name)) is None:
            return self.read(name, torch_dtype=self.dtype, **how)
        from filmforge.video_models.single_file import load

        kind = getattr(diffusers, self.named(name))
        return load(kind, self.folder / name, file, self.dtype, f"{self.facts.id}: {file}", how)

    @property
    def _settled(self) -> bool:
        """Whether the transformers are moved by others: by what streams them, or by what quantized them."""
        return self.precision in LOADED_WHOLE or (self.memory is not None and self.memory.stream_transformers)

    def _streaming(self, kind: str) -> dict[str, Any]:
        return {
            "onload_device": self.device,
            "offload_device": torch.device("cpu"),
            "offload_type": kind,
            "use_stream": self.device.type == "cuda",
        }

    def clear(self) -> None:
        """Have the transformers leave the device, where the plan of memory wants it for the other stages."""
        if not self._clears:
            return
        if self._in_main_memory:
            self._loras = None  # it holds them too
            for name in self.experts:
                self._parts.pop(name, None)
            gc.collect()
            return
        for name in self.experts:
            if name in self._parts:
                self._parts[name].to("cpu")
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    @property
    def _clears(self) -> bool:
        return self.memory is not None and self.memory.clear

    @property
    def _in_main_memory(self) -> bool:
        """Whether the device has no memory of its own, so that what leaves it can wait nowhere."""
        return self.device.type in ("cpu", "mps")

    def release(self, name: str) -> None:
        """Have one expert leave the device, where it is there; it comes back when it is next asked for."""
        if name in self._parts and not self._settled:
            self._parts[name].to("cpu")

    @property
    def vae(self) -> Any:
        """The autoencoder, on the device."""
        if "vae" not in self._parts:
            part = self.read("vae", torch_dtype=self.vae_dtype)
            self._parts["vae"] = part.requires_grad_(False).eval().to(self.device)
        return self._parts["vae"]

    def text_part(self, name: str) -> Any:
        """A tokenizer, a text encoder or what else belongs to embedding prompts."""
        if name not in self._parts:
            part = self.read(name, dtype=self.dtype)
            if name in self.text_encoders and self.memory is not None and self.memory.stream_text:
                stream: Any = diffusers.hooks.group_offloading.apply_group_offloading
                stream(part, **self._streaming("leaf_level"))
            self._parts[name] = part
        return self._parts[name]

    def drop_text_encoder(self) -> None:
        """Forget the text encoders, the largest parts of some models; they are read again when needed."""
        for name in self.text_encoders:
            self._parts.pop(name, None)
        gc.collect()

    def read(self, part: str, **how: Any) -> Any:
        """Read a component with the class that the folder's index names. WeightsError when it cannot be."""
        library, name = self.index[part]
        kind = getattr(diffusers if library == "diffusers" else transformers, name)
        folder = self.folder / part
        if part in self.tokenizers:
            kind, how = transformers.AutoTokenizer, {}
        elif issubclass(kind, torch.nn.Module):
            how["use_safetensors"] = True
            variant = self.facts.variant
            if variant and any(f".{variant}" in file.name for file in weight_files(folder, variant)):
                how["variant"] = variant
        else:
            how = {}
        try:
            found = kind.from_pretrained(folder, local_files_only=True, **how)
        except (OSError, ValueError, RuntimeError, KeyError) as error:
            first = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
            raise WeightsError(f"{self.facts.id}: {folder} cannot be loaded: {first}") from error
        return found.eval() if part in self.text_encoders else found

    def named(self, part: str) -> str:
        """The class that the folder's index names for a component; `nothing` where it has none."""
        return str((self.index.get(part) or ["", None])[1] or "nothing")

    def config(self, part: str) -> dict[str, Any]:
        """The configuration of a component, as its file has it."""
        name = "scheduler_config.json" if part == "scheduler" else "config.json"
        return read_json(self.folder / part / name)

    def around(self, pipeline: str | None = None, **parts: Any) -> Any:
        """diffusers' own pipeline, the text-to-video one unless named, around the parts given; others are None."""
        kind = getattr(diffusers, pipeline or self.pipeline)
        required = dict.fromkeys((*self.tokenizers, *self.text_encoders, "vae", "scheduler", *self.experts))
        made = kind(**required | parts)
        made.set_progress_bar_config(disable=True)
        return made

    def scheduler(self, **changes: Any) -> Any:
        """A fresh scheduler of the weights' own kind, with `changes` instead of what is stored."""
        kind: Any = getattr(diffusers, self.index["scheduler"][1])
        return kind.from_config(self.config("scheduler"), **changes)

    # -- prompts -------------------------------------------------------------------------------------------

    @property
    def reads_start(self) -> bool:
        """Whether prompts are embedded together with the picture that the shot starts from."""
        return False

    def uses_negative(self, guidance: float) -> bool:
        """Whether a negative prompt has a part in the picture at this guidance."""
        return guidance > 1

    @torch.no_grad()
    def encode(
        self, prompts: Sequence[str], *, start: Frame | None = None, size: tuple[int, int] | None = None
    ) -> list[dict[str, Tensor]]:
        """Embed prompts, each as a dict of tensors without a batch axis, on the CPU.

        One prompt at a time, so that its embedding does not depend on its neighbours' bits. `start`, at the
        `size` of the shot, is for families that read it (`reads_start`).
        """
        known: dict[str, dict[str, Tensor]] = {}
        picture = cover(start, size) if start is not None and size is not None else None
        self.clear()
        streamed = self.memory is not None and self.memory.stream_text
        encoders = [self.text_part(name) for name in self.text_encoders]
        for encoder in () if streamed else encoders:
            encoder.to(self.device)
        try:
            with runtime.determined(self.threads):
                for prompt in prompts:
                    if prompt not in known:
                        embedding = self.embed(prompt, picture)
                        known[prompt] = {k: v.cpu().clone() for k, v in embedding.items()}
        finally:
            for encoder in () if streamed else encoders:
                encoder.to("cpu")
            if self._clears and self._in_main_memory:
                self.drop_text_encoder()
        return [dict(known[prompt]) for prompt in prompts]

    def words_cut(self, prompt: str) -> str:
        """The end of `prompt` that lies past the family's text length and has no effect; empty if none."""
        tokenizer = self.text_part("tokenizer")
        ids = tokenizer(self.cleaned(prompt), verbose=False).input_ids
        if len(ids) <= self.facts.text_length:
            return ""
        # The last place is the end mark's.
        lost: str = tokenizer.decode(ids[self.facts.text_length - 1 :], skip_special_tokens=True)
        return lost.strip()

    def cleaned(self, prompt: str) -> str:
        """The prompt as the family's pipeline tidies it before it is cut into tokens."""
        return prompt

    # -- LoRAs ---------------------------------------------------------------------------------------------

    def set_loras(self, uses: Sequence[LoraUse]) -> tuple[str, ...]:
        """Have exactly these LoRAs act, with their weights, from now on; [] for the base alone.

        Returns the names that they go by on the transformers, in the same order. Those that act already are not read
        again. LoraError when a file does not belong to this model.
        """
        if self._loras is None:
            if not uses:
                return ()
            experts = {name: self.expert(name) for name in self.experts}
            self._loras = Loras(self.facts, self.weights, self.around(**experts), experts, self.dtype)
        return self._loras.use(uses)

    @contextmanager
    def quickened(self, settings: Mapping[str, Setting] | None) -> Iterator[None]:
        """What one clip is sampled under, so that what `settings` declare to be quicker is at work, and then gone."""

        def experts() -> dict[str, Any]:
            return {name: self.expert(name) for name in self.experts}

        cached = caching.cached(experts, settings, reversed_noise=self.reversed_noise)
        with kernels.computing(experts, settings, self.device), cached:
            yield

    # -- training ------------------------------------------------------------------------------------------

    @property
    def objective(self) -> Objective:
        """How the family learns; FilmforgeError where it does not here."""
        raise FilmforgeError(f"no LoRA can be trained on {self.facts.id} yet")

    def encode_frames(self, frames: Frame) -> Tensor:
        """The normalised latents of frames [count, height, width, 3]: [channels, latent frames, h, w], fp32.

        The most likely latents, not a sample of them. ValueError for a length or size that is not legal.
        """
        raise FilmforgeError(f"{self.facts.id}: clips cannot be encoded yet")

    def condition(self, frames: Frame) -> Tensor | None:
        """What goes into the transformer beside the latents of a training clip: [channels, latent frames, h, w].

        None for a family that takes nothing else.
        """
        return None

    # -- pixels and latents --------------------------------------------------------------------------------

    @cached_property
    def latent_statistics(self) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of the latents by channel, each [1, channels, 1, 1, 1], fp32."""
        config = self.vae.config
        mean, std = (
            torch.tensor(values, dtype=torch.float32, device=self.device).view(1, -1, 1, 1, 1)
            for values in (config.latents_mean, config.latents_std)
        )
        return mean, std

    def tile(self, size: tuple[int, int]) -> None:
        """Have the autoencoder work in tiles, or not, on pictures of `size` (width, height)."""
        if size[0] * size[1] > TILED_BEYOND:
            self.vae.enable_tiling()
        else:
            self.vae.disable_tiling()

    def check_shape(self, frames: int, size: tuple[int, int]) -> None:
        """ValueError unless the family can make clips of exactly so many frames of this size."""
        if not self.facts.is_legal_length(frames):
            raise ValueError(f"{self.facts.id} cannot make a clip of {frames} frames")
        if not self.facts.legal_size(size):
            near = "x".join(map(str, self.facts.nearest_size(size)))
            raise ValueError(f"{self.facts.id} cannot make pictures of {size[0]}x{size[1]}; {near} is near")

    def batch(self, embedding: Embedding, names: Mapping[str, str]) -> dict[str, Tensor]:
        """The tensors of an embedding as arguments of a pipeline: with a batch axis, on the device, renamed."""
        return {argument: embedding[name].unsqueeze(0).to(self.device) for name, argument in names.items()}

    def sampling(self) -> AbstractContextManager[None]:
        """What a pipeline is called under: whatever diffusers only warns of is an error."""
        return runtime.warnings_are_errors(FilmforgeError, f"{self.facts.id}: sampling")


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a file."""
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return found
