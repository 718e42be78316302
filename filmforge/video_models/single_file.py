"""Loads a transformer from one file, safetensors or GGUF, by the configuration of the folder that it stands in for.

diffusers converts the authors' names (`from_single_file`). What it would do silently is refused here: a tensor without
a place is passed over there, a place without a tensor stays empty, and of a plain file all is cast at the end, with
what must stay in fp32. Source: diffusers 0.42.1, loaders/single_file_model.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import diffusers
import torch
from torch import Tensor

from filmforge.errors import WeightsError
from filmforge.video_models import runtime
from filmforge.video_models.checkpoint import names_inside, read_checkpoint


def load(kind: Any, folder: Path, file: Path, dtype: torch.dtype, where: str, how: Mapping[str, Any]) -> Any:
    """A model of the class `kind`, configured as `folder`/config.json says, with the weights of `file`, on the CPU.

    `dtype` is what it computes in; a GGUF stays as small as it is, and each weight is unpacked when it is used. `how` is
    what diffusers quantizes a plain file with as it is read. WeightsError, beginning with `where`, for a file that is not
    whole or not of this model.
    """
    try:
        gguf = read_checkpoint(file).gguf
        config = kind.load_config(folder, local_files_only=True)
        held = _converted(kind, config, _tensors(file, gguf))
        _complete(kind, config, held)
        if not gguf and not how:
            return _plain(kind, config, held, dtype)
        quantized: Mapping[str, Any] = how
        if gguf:
            held = _unpacked(kind, config, held)
            packing: Any = diffusers.GGUFQuantizationConfig
            quantized = {"quantization_config": packing(compute_dtype=dtype)}
        with runtime.warnings_are_errors(WeightsError, where):
            return kind.from_single_file(
                held, config=str(folder), torch_dtype=dtype, local_files_only=True, **quantized
            )
    except (OSError, ValueError, RuntimeError, KeyError, IndexError) as error:
        first = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise WeightsError(f"{where} cannot be loaded: {first}") from error


def _tensors(file: Path, gguf: bool) -> dict[str, Tensor]:
    """The transformer's tensors, by their names within it."""
    if gguf:
        from diffusers.models.model_loading_utils import load_gguf_checkpoint

        held = load_gguf_checkpoint(str(file))  # type: ignore[no-untyped-call]
    else:
        from safetensors.torch import load_file

        held = load_file(str(file))
    return {within: held[name] for name, within in names_inside(held).items()}


def _meta(kind: Any, config: Mapping[str, Any]) -> Any:
    from accelerate import init_empty_weights

    with init_empty_weights():
        return kind.from_config(config)


def _converted(kind: Any, config: Mapping[str, Any], held: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors by diffusers' names, whoever named them."""
    from diffusers.loaders.single_file_model import (
        SINGLE_FILE_LOADABLE_CLASSES,
        _get_single_file_loadable_mapping_class,
    )

    own = _meta(kind, config).state_dict().keys()
    known = len(own & held.keys())
    if known == len(own):
        return held  # they are diffusers' names; of a Wan, converting them once more would exchange two norms
    name = _get_single_file_loadable_mapping_class(kind)  # type: ignore[no-untyped-call]
    if name is None:
        return held
    classes: Any = SINGLE_FILE_LOADABLE_CLASSES
    convert = classes[name]["checkpoint_mapping_fn"]
    try:
        converted: dict[str, Tensor] = convert(checkpoint=dict(held), config=config)
    except KeyError as error:
        if 2 * known > len(own):
            return held
        raise ValueError(f"it lacks the tensor {error.args[0]}") from error
    return converted if len(own & converted.keys()) > known else held


def _complete(kind: Any, config: Mapping[str, Any], held: Mapping[str, Tensor]) -> None:
    """ValueError where a tensor has no place in the model, or a place no tensor, or one of another shape."""
    own = _meta(kind, config).state_dict()
    if lacking := sorted(own.keys() - held.keys()):
        raise ValueError(f"it lacks {len(lacking)} tensors of the model, such as {lacking[0]}")
    if spare := sorted(held.keys() - own.keys()):
        raise ValueError(f"it holds {len(spare)} tensors that have no place in the model, such as {spare[0]}")
    for name, value in held.items():
        shape = tuple(getattr(value, "quant_shape", value.shape))
        if shape != tuple(own[name].shape):
            raise ValueError(f"{name} is {list(shape)}, and the model's is {list(own[name].shape)}")


def _unpacked(kind: Any, config: Mapping[str, Any], held: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors, of which only the weights of linear layers are still packed: others are used as they lie there. Nor
    are those packed that stay in fp32."""
    from diffusers.quantizers.gguf.utils import dequantize_gguf_tensor

    kept = tuple(kind._keep_in_fp32_modules or ())
    linear = {
        f"{name}.weight"
        for name, module in _meta(kind, config).named_modules()
        if isinstance(module, torch.nn.Linear) and not any(part in kept for part in name.split("."))
    }
    unpack: Any = dequantize_gguf_tensor
    return {name: value if name in linear else unpack(value) for name, value in held.items()}


def _plain(kind: Any, config: Mapping[str, Any], held: Mapping[str, Tensor], dtype: torch.dtype) -> Any:
    """The model with these tensors cast, but for what diffusers keeps in fp32, as `from_pretrained` has it."""
    kept = tuple(kind._keep_in_fp32_modules or ())
    model = _meta(kind, config)
    cast = {
        name: value.to(torch.float32 if any(part in kept for part in name.split(".")) else dtype)
        for name, value in held.items()
    }
    model.load_state_dict(cast, strict=True, assign=True)
    return model.eval()
