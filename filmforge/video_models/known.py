"""The families that come with filmforge: one value of `Facts` each, with the source of every number.

A family that is known but cannot be rendered yet says so in `unfinished`: films for it are checked and planned, and
refused at rendering. A new one is a value here and a line in `FAMILIES`.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from types import MappingProxyType
from typing import Any

from filmforge.video_models.family import Facts, LoraFacts, Setting
from filmforge.video_models.prior_captions import POCKET_PRIOR, PRIOR

_NOT_YET = "{} can be checked and planned, and not rendered yet; name another model, such as pocket"

_WAN_TARGETS = (r"blocks\.\d+\.attn[12]\.(to_q|to_k|to_v|to_out\.0)", r"blocks\.\d+\.ffn\.net\.(0\.proj|2)")

# The negative prompt that the authors of Wan sample with; the model was tuned with it, in this language.
_WAN_NEGATIVE = (
    "色调艳丽，过曝，静态，细节模糊不清，字幕，风格，作品，画作，画面，静止，整体发灰，最差质量，低质量，"
    "JPEG压缩残留，丑陋的，残缺的，多余的手指，画得不好的手部，画得不好的脸部，畸形的，毁容的，"
    "形态畸形的肢体，手指融合，静止不动的画面，杂乱的背景，三条腿，背景人很多，倒着走"
)
# With a mask, as Hunyuan and LTX have it over the padding of the text, flash-attn and SageAttention raise (diffusers 0.42.1,
# models/attention_dispatch.py). Mochi's attention is not dispatched, and its blocks are not among those that repeat.
_MASKING_KERNELS = ("math", "cudnn")
_ALL_KERNELS = (*_MASKING_KERNELS, "flash", "sage", "xformers")
# Not measured. Fewer than pocket's: these models draw two people side by side by themselves, and walls that stand for
# long are seen. Regional prompting on FLUX (https://arxiv.org/abs/2411.02395) takes them down after 10 of 24 steps.
_WAN_WALLS = 0.25
_WAN_CONFIGS = "https://github.com/Wan-Video/Wan2.2/tree/main/wan/configs"

_POCKET = Facts(
    id="pocket",
    title="Pocket, a miniature of Wan 2.2 TI2V",
    licence="Apache-2.0",
    weights=None,
    size=(160, 96),
    size_multiple=16,
    fps=Fraction(8),
    frames=25,
    max_frames=25,
    steps=16,
    guidance=3.5,
    shift=3.0,
    text_length=64,
    precision="fp32",
    image_to_video=True,
    walls=0.75,  # docs/how-to/two-characters-in-one-shot.md
    apart_unasked=True,
    first_block_cache=True,
    passes="apart",
    attention=_ALL_KERNELS,
    compiles=True,
    memory=MappingProxyType({"fp32": 1.0, "bf16": 1.0, "fp16": 1.0}),
    lora=LoraFacts(
        rank=16,
        steps=270,
        learning_rate=1e-3,
        targets=_WAN_TARGETS,
        size=(160, 96),
        frames=9,
        batch=8,
        warmup=20,
        prior=0.125,
        prior_captions=POCKET_PRIOR,
        prior_frames=9,  # moving: held to stills alone, a character learned from photos stops walking
        buckets=False,
    ),
    model="filmforge.video_models.wan:WanModel",
    layout="wan",
    trains=True,
    sources=("made for filmforge: the drawn world it was trained on and the training are in pocket/",),
)

_WAN_5B = Facts(
    id="wan2.2-ti2v-5b",
    title="Wan 2.2 TI2V 5B",
    licence="Apache-2.0",
    weights="Wan-AI/Wan2.2-TI2V-5B-Diffusers",
    size=(1280, 704),
    size_multiple=32,
    fps=Fraction(24),
    frames=121,
    max_frames=121,
    steps=50,
    guidance=5.0,
    shift=5.0,
    negative=_WAN_NEGATIVE,
    text_length=512,
    image_to_video=True,
    walls=_WAN_WALLS,
    first_block_cache=True,
    passes="apart",
    attention=_ALL_KERNELS,
    compiles=True,
    memory=MappingProxyType({"bf16": 24.0, "fp16": 24.0, "fp32": 40.0}),
    lora=LoraFacts(
        rank=32,
        steps=1500,
        learning_rate=1e-4,
        targets=_WAN_TARGETS,
        size=(640, 352),
        frames=25,
        prior_captions=PRIOR,
    ),
    model="filmforge.video_models.wan:WanModel",
    layout="wan",
    trains=True,
    sources=(
        f"{_WAN_CONFIGS}/wan_ti2v_5B.py: 24 fps, 121 frames, shift 5, 50 steps, guidance 5, VAE 4x16x16",
        f"{_WAN_CONFIGS}/shared_config.py: text length 512, negative prompt",
        "https://github.com/Wan-Video/Wan2.2: 24 GB, the text encoder on the CPU (fp32: inferred)",
        "LoRA: usual character settings of musubi-tuner, diffusion-pipe and ai-toolkit, November 2026",
    ),
)

_WAN_T2V = Facts(
    id="wan2.2-t2v-a14b",
    title="Wan 2.2 T2V A14B",
    licence="Apache-2.0",
    weights="Wan-AI/Wan2.2-T2V-A14B-Diffusers",
    size=(1280, 720),
    size_multiple=16,
    fps=Fraction(16),
    frames=81,
    max_frames=81,
    steps=40,
    guidance=4.0,
    guidance_low=3.0,
    boundary=0.875,
    shift=12.0,
    negative=_WAN_NEGATIVE,
    text_length=512,
    walls=_WAN_WALLS,
    first_block_cache=True,
    passes="apart",
    attention=_ALL_KERNELS,
    compiles=True,
    memory=MappingProxyType({"bf16": 80.0, "fp16": 80.0}),
    lora=LoraFacts(
        rank=32,
        steps=2000,
        learning_rate=1e-4,
        targets=_WAN_TARGETS,
        size=(640, 352),
        frames=17,
        prior_captions=PRIOR,
        start_frame=0.0,
    ),
    model="filmforge.video_models.wan_a14b:WanA14BModel",
    layout="wan",
    trains=True,
    sources=(
        f"{_WAN_CONFIGS}/wan_t2v_A14B.py: shift 12, 40 steps, boundary 0.875, guidance 3 (low) and 4 (high)",
        f"{_WAN_CONFIGS}/shared_config.py: 16 fps, 81 frames, text length 512, negative prompt",
        "https://github.com/Wan-Video/Wan2.2: 80 GB unoptimised",
        "LoRA: usual character settings of musubi-tuner, diffusion-pipe and ai-toolkit, November 2026; each expert in "
        "its own range, as ai-toolkit pairs them",
    ),
)

_WAN_I2V = Facts(
    id="wan2.2-i2v-a14b",
    title="Wan 2.2 I2V A14B",
    licence="Apache-2.0",
    weights="Wan-AI/Wan2.2-I2V-A14B-Diffusers",
    size=(1280, 720),
    size_multiple=16,
    fps=Fraction(16),
    frames=81,
    max_frames=81,
    steps=40,
    guidance=3.5,
    guidance_low=3.5,
    boundary=0.9,
    shift=5.0,
    negative=_WAN_NEGATIVE,
    text_length=512,
    text_to_video=False,
    image_to_video=True,
    last_frame=True,
    walls=_WAN_WALLS,
    first_block_cache=True,
    passes="apart",
    attention=_ALL_KERNELS,
    compiles=True,
    memory=MappingProxyType({"bf16": 80.0, "fp16": 80.0}),
    lora=LoraFacts(
        rank=32,
        steps=2000,
        learning_rate=1e-4,
        targets=_WAN_TARGETS,
        size=(640, 352),
        frames=17,
        # Prior samples would need pictures to start from.
        prior=0.0,
        start_frame=0.0,
    ),
    model="filmforge.video_models.wan_a14b:WanA14BModel",
    layout="wan",
    trains=True,
    sources=(
        f"{_WAN_CONFIGS}/wan_i2v_A14B.py: shift 5, 40 steps, boundary 0.900, guidance 3.5 for both experts",
        f"{_WAN_CONFIGS}/shared_config.py: 16 fps, 81 frames, text length 512, negative prompt",
        "https://github.com/Wan-Video/Wan2.2: 80 GB unoptimised",
        "LoRA: usual character settings of musubi-tuner, diffusion-pipe and ai-toolkit, November 2026; each expert in "
        "its own range, as ai-toolkit pairs them",
    ),
)

_HUNYUAN = Facts(
    id="hunyuan-video",
    title="HunyuanVideo",
    licence="Tencent Hunyuan Community License",
    licence_note="does not apply in the European Union, the United Kingdom and South Korea",
    weights="hunyuanvideo-community/HunyuanVideo",
    size=(1280, 720),
    size_multiple=16,
    fps=Fraction(24),
    frames=129,
    max_frames=129,
    steps=50,
    guidance=6.0,
    shift=7.0,
    text_length=256,
    first_block_cache=True,
    passes="one",
    attention=_MASKING_KERNELS,
    compiles=True,
    memory=MappingProxyType({"bf16": 60.0, "fp16": 60.0, "nf4": 14.0}),
    lora=LoraFacts(
        rank=32,
        steps=1500,
        learning_rate=1e-4,
        # A suffix alone would also hit the token refiner.
        targets=(
            r"(transformer_blocks|single_transformer_blocks)\.\d+\.attn"
            r"\.(to_q|to_k|to_v|to_out\.0|add_q_proj|add_k_proj|add_v_proj|to_add_out)",
        ),
        size=(640, 352),
        frames=17,
        prior_captions=PRIOR,
        start_frame=0.0,
    ),
    versions=MappingProxyType(
        {
            "i2v": {
                "weights": "hunyuanvideo-community/HunyuanVideo-I2V",
                "text_to_video": False,
                "image_to_video": True,
                # Its pipeline names no passes for a cache (diffusers 0.42.1).
                "first_block_cache": False,
                # A photo would be its own given frame, with nothing left to learn.
                "trains": False,
            }
        }
    ),
    model="filmforge.video_models.hunyuan:HunyuanModel",
    layout="hunyuan",
    trains=True,
    sources=(
        "https://github.com/Tencent-Hunyuan/HunyuanVideo: 129 frames at 720x1280, 24 fps, 50 steps, embedded "
        "guidance 6, shift 7; 60 GB at 720p, 45 GB at 544p",
        "diffusers 0.42.1 HunyuanVideoPipeline: frames 4k+1, sizes a multiple of 16, text length 256",
        "diffusers 0.42.1 HunyuanVideoImageToVideoPipeline, for i2v: guidance 6; "
        "scripts/convert_hunyuan_video_to_diffusers.py: shift 7",
        "LoRA targets: https://github.com/a-r-r-o-w/finetrainers; embedded guidance 1: the same and musubi-tuner; "
        "rank and rate: usual character settings of musubi-tuner and diffusion-pipe, November 2026",
    ),
)

_MOCHI = Facts(
    id="mochi-1",
    title="Mochi 1 preview",
    licence="Apache-2.0",
    weights="genmo/mochi-1-preview",
    variant="bf16",
    size=(848, 480),
    size_multiple=16,
    fps=Fraction(30),
    frames=85,
    max_frames=163,
    frame_step=6,
    steps=64,
    guidance=4.5,
    text_length=256,
    first_block_cache=True,
    passes="together",
    memory=MappingProxyType({"bf16": 22.0, "fp32": 42.0}),
    lora=LoraFacts(
        rank=16,
        steps=2000,
        learning_rate=2e-4,
        targets=(r"transformer_blocks\.\d+\.attn1\.(to_q|to_k|to_v|to_out\.0)",),
        size=(848, 480),
        frames=37,
        prior_captions=PRIOR,
        start_frame=0.0,
        sampling="uniform",
    ),
    fewest_steps=2,
    schedule="its noise levels are linear at first and quadratic then, whatever the size",
    model="filmforge.video_models.mochi:MochiModel",
    layout="mochi",
    trains=True,
    sources=(
        "https://github.com/genmoai/mochi: 480x848, 30 fps, up to 5.4 s, 64 steps, guidance 4.5, "
        "linear-quadratic schedule (0.025) without a shift",
        "LoRA: the same repository, rank 16, 2e-4, 2,000 steps, uniform sigma, caption dropout 0.1",
        "diffusers 0.42.1 MochiPipeline: frames 6k+1, VAE 6x8x8, patch 2, text length 256; 22 GB (42 fp32)",
    ),
)

_LTX_DISTILLED: dict[str, Any] = {
    "steps": 8,
    "guidance": 1.0,
    "timesteps": (1000.0, 993.0, 987.0, 981.0, 975.0, 909.0, 725.0, 0.03),
    # The objective would undo what the weights were distilled for.
    "trains": False,
}
_LTX_UPSCALER = "Lightricks/ltxv-spatial-upscaler-0.9.7"
_UPSCALED: dict[str, Any] = {
    "upscaler": _LTX_UPSCALER,
    "upscaling": MappingProxyType({"steps": 10, "strength": 0.4}),
}
_UPSCALED_DISTILLED: dict[str, Any] = {
    "timesteps": (1000.0, 909.0, 725.0, 421.0, 0.0),  # of which the first is passed over
    "adain": 1.0,
}


def _upscaled(**more: Any) -> dict[str, Any]:
    return {"upscaler": _LTX_UPSCALER, "upscaling": MappingProxyType({**_UPSCALED_DISTILLED, **more})}


def _ltx(
    name: str,
    *,
    image_cond_noise_scale: float = 0.0,
    guidance_rescale: float = 0.7,
    timesteps: tuple[float, ...] = (),
    **facts: Any,
) -> dict[str, Any]:
    """What a release from 0.9.5 on has different: its weights, a longer text, and how it is sampled."""
    settings: dict[str, Setting] = {
        "decode_timestep": 0.05,
        "decode_noise_scale": 0.025,
        "image_cond_noise_scale": image_cond_noise_scale,
        "guidance_rescale": guidance_rescale,
    }
    if timesteps:
        settings["timesteps"] = timesteps
    return {
        "weights": f"Lightricks/LTX-Video-{name}",
        "text_length": 256,
        "last_frame": True,
        "fewest_steps": 1,
        "settings": MappingProxyType(settings),
        **facts,
    }


_LTX = Facts(
    id="ltx-video",
    title="LTX-Video 0.9",
    licence="LTX-Video Open Weights License",
    licence_note="differs from version to version; read the one in the repository of the weights",
    weights="Lightricks/LTX-Video",
    size=(704, 480),
    size_multiple=32,
    fps=Fraction(25),
    frames=161,
    max_frames=257,
    frame_step=8,
    steps=50,
    fewest_steps=2,
    guidance=3.0,
    negative="worst quality, inconsistent motion, blurry, jittery, distorted",
    text_length=128,
    image_to_video=True,
    first_block_cache=True,
    passes="together",
    attention=_MASKING_KERNELS,
    compiles=True,
    memory=MappingProxyType({"bf16": 10.0, "fp16": 10.0}),
    lora=LoraFacts(
        rank=32,
        steps=1500,
        learning_rate=2e-4,
        targets=(r"transformer_blocks\.\d+\.attn[12]\.(to_q|to_k|to_v|to_out\.0)",),
        size=(704, 480),
        frames=25,
        prior_captions=PRIOR,
    ),
    schedule="its noise levels follow from the number of tokens, or are given for distilled weights",
    settings=MappingProxyType({"decode_timestep": 0.05, "decode_noise_scale": 0.025}),
    versions=MappingProxyType(
        {
            "0.9.5": _ltx("0.9.5", steps=40, guidance=3.0, image_cond_noise_scale=0.15, guidance_rescale=0.0),
            "0.9.7-dev": _ltx("0.9.7-dev", steps=30, guidance=5.0, **_UPSCALED),
            "0.9.7-distilled": _ltx("0.9.7-distilled", **_LTX_DISTILLED, **_upscaled()),
            "0.9.8-distilled": _ltx("0.9.8-13B-distilled", **_LTX_DISTILLED, **_upscaled(tone_map=0.6)),
        }
    ),
    model="filmforge.video_models.ltx:LTXModel",
    layout="ltx",
    trains=True,
    sources=(
        "https://huggingface.co/Lightricks/LTX-Video: frames 8k+1, at most 257; sizes a multiple of 32",
        "diffusers 0.42.1 LTXPipeline: 25 fps, 161 frames, 50 steps, guidance 3, text length 128",
        "diffusers 0.42.1 LTXConditionPipeline, for 0.9.5: 40 steps, text length 256, noise on the given frame 0.15",
        "diffusers docs/source/en/api/pipelines/ltx_video.md: decode_timestep 0.05 and noise 0.025 from 0.9.1; for "
        "0.9.7 guidance 5, rescale 0.7, 30 steps; distilled: guidance 1 at the eight timesteps given there",
        "the same page: the upscaler, and the numbers of the pass after it",
        "LoRA: https://github.com/Lightricks/LTX-Video-Trainer, rank 32, 2e-4, 1,500 steps",
    ),
)

_ANIMATIC = Facts(
    id="animatic",
    title="Animatic: drawn storyboard cards, no model at all",
    licence="Apache-2.0",
    weights=None,
    size=(1280, 720),
    size_multiple=2,
    # A card stands still, so one frame a second says all there is; the conform holds it.
    fps=Fraction(1),
    frames=4,
    max_frames=3600,
    frame_step=1,
    precision="fp32",
    sources=("drawn by filmforge itself",),
)

_COMFYUI = Facts(
    id="comfyui",
    title="A ComfyUI server with a workflow",
    licence="that of the models in the workflow",
    weights=None,
    size=(1280, 704),
    size_multiple=16,
    fps=Fraction(16),
    frames=81,
    max_frames=81,
    steps=20,
    guidance=3.5,
    shift=8.0,
    image_to_video=True,
    unfinished=_NOT_YET.format("comfyui"),
    sources=(
        "ComfyUI 0.3.64, its official Wan 2.2 A14B template: 81 frames, 16 fps, 20 steps, cfg 3.5, shift 8",
    ),
)

FAMILIES: Mapping[str, Facts] = MappingProxyType(
    {
        facts.id: facts
        for facts in (
            _POCKET,
            _WAN_5B,
            _WAN_T2V,
            _WAN_I2V,
            _HUNYUAN,
            _MOCHI,
            _LTX,
            _ANIMATIC,
            _COMFYUI,
        )
    }
)
"""Every family of the film language, by its id; those that filmforge was made around come first."""
