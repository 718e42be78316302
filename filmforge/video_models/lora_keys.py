"""One key of a LoRA file taken apart: whose prefix, which module, which half. Without torch, so plans can ask.

    transformer.MODULE.lora_A.weight             diffusers, finetrainers, filmforge; `transformer_2.` is Wan's low expert
    diffusion_model.MODULE.lora_A.weight         ComfyUI, diffusion-pipe, ai-toolkit; with MODULE.alpha where it has one
    lora_unet_MODULE.lora_down.weight            musubi-tuner and kohya's scripts; dots are underscores, with .alpha
    base_model.model.MODULE.lora_A.weight        peft; rank and alpha stand in adapter_config.json beside it
    MODULE.lora_A.weight, MODULE.lora_A          diffusers' `save_lora_adapter`; Mochi's own trainer

Sources: musubi-tuner `networks/lora.py`, ai-toolkit `wan22_14b_model.py` and `network_mixins.py`, diffusion-pipe
`save_adapter` of each model, ComfyUI `comfy/lora.py`, genmo's `dit/joint_model/lora.py`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Side = Literal["down", "up", "alpha"]

_PREFIX = re.compile(
    r"(?P<peft>base_model\.model\.)?(?:(?P<ours>transformer(?:_[12])?)\."
    r"|(?:model\.)?diffusion_model\.(?:(?P<theirs>transformer_[12])\.)?)?"
)
_JOINED = re.compile(r"(?:lora_unet_+|lora_transformer_|lycoris_)(?=[^.]+$)")
_HALF = re.compile(
    r"(?P<module>.+)\.(?:(?P<down>lora_A|lora_down|lora\.down)|lora_B|lora_up|lora\.up)(?:(?:\.[\w-]+)?\.weight)?"
)
_ALPHA = re.compile(r"(?P<module>.+)\.alpha")
_OTHERS = (
    (
        re.compile(r"dora_scale|lora_magnitude_vector"),
        "it is a DoRA, which scales whole weights and is not read",
    ),
    (re.compile(r"\.hada_"), "it is a LoHa (LyCORIS), which is not read; export it as a LoRA"),
    (re.compile(r"\.lokr_"), "it is a LoKr (LyCORIS), which is not read; export it as a LoRA"),
    (re.compile(r"\.oft_|\.boft_"), "it is an OFT, which is not read; export it as a LoRA"),
    (re.compile(r"\.lora_mid\b"), "it is a Tucker-decomposed LoRA of convolutions, which is not read"),
    (
        re.compile(r"^(lora_te|text_encoder|te\d?_)"),
        "it changes the text encoder too, where no LoRA is laid on",
    ),
    (
        re.compile(r"\.(diff|diff_b|set_weight|w_norm|b_norm)$|\.lora_[AB]\.bias$"),
        "it changes biases or whole weights too, which is not read",
    ),
)


@dataclass(frozen=True, slots=True)
class Key:
    """What a key stands for. `expert` is None where the file knows of one transformer."""

    module: str
    side: Side
    expert: str | None = None
    joined: bool = False
    peft: bool = False


def parse(name: str) -> Key:
    """The parts of a key. ValueError says what else it belongs to where it is not half a plain LoRA."""
    half, alpha = _HALF.fullmatch(name), _ALPHA.fullmatch(name)
    for pattern, reason in _OTHERS:
        if pattern.search(name):
            raise ValueError(f"{reason}: '{name}'")
    found = half or alpha
    if found is None:
        raise ValueError(f"'{name}' is not a key of a LoRA for this kind of model")
    side: Side = "alpha" if half is None else "down" if half["down"] else "up"
    module = found["module"]
    if joined := _JOINED.match(module):
        return Key(module[joined.end() :], side, joined=True)
    prefix = _PREFIX.match(module)
    assert prefix is not None  # every part of it may be absent
    expert = prefix["ours"] or prefix["theirs"]
    if expert == "transformer_1":
        expert = "transformer"
    return Key(module[prefix.end() :], side, expert, peft=prefix["peft"] is not None)
