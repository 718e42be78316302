"""Tiny random models in diffusers' own format, made in code: one for each layout that is rendered with."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from diffusers import (
    AutoencoderKLHunyuanVideo,
    AutoencoderKLLTXVideo,
    AutoencoderKLMochi,
    AutoencoderKLWan,
    FlowMatchEulerDiscreteScheduler,
    HunyuanVideoImageToVideoPipeline,
    HunyuanVideoPipeline,
    HunyuanVideoTransformer3DModel,
    LTXConditionPipeline,
    LTXPipeline,
    LTXVideoTransformer3DModel,
    MochiPipeline,
    MochiTransformer3DModel,
    UniPCMultistepScheduler,
    WanImageToVideoPipeline,
    WanPipeline,
    WanTransformer3DModel,
)
from diffusers.pipelines.hunyuan_video import pipeline_hunyuan_video as hunyuan_text
from diffusers.pipelines.hunyuan_video import pipeline_hunyuan_video_image2video as hunyuan_image
from diffusers.pipelines.ltx.modeling_latent_upsampler import LTXLatentUpsamplerModel
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import (
    CLIPImageProcessor,
    CLIPTextConfig,
    CLIPTextModel,
    CLIPVisionConfig,
    LlamaConfig,
    LlamaModel,
    LlavaConfig,
    LlavaForConditionalGeneration,
    PreTrainedTokenizerFast,
    T5Config,
    T5EncoderModel,
)

TEXT_WIDTH = 32


def save_pocket_like(folder: Path, *, layers: int = 2, seed: int = 0, words: int = 300) -> Path:
    """Write a tiny model with pocket's layout: VAE 4x8x8 with 16 channels, Euler scheduler."""
    torch.manual_seed(seed)
    vae = AutoencoderKLWan(
        base_dim=4,
        decoder_base_dim=4,
        z_dim=16,
        dim_mult=[1, 2, 2],
        num_res_blocks=1,
        temperal_downsample=[True, True],
        in_channels=12,
        out_channels=12,
        is_residual=True,
        patch_size=2,
        scale_factor_spatial=8,
        scale_factor_temporal=4,
        latents_mean=[0.4, -0.4] * 8,
        latents_std=[0.5 + 0.01 * i for i in range(16)],
    )
    return _save(folder, vae, FlowMatchEulerDiscreteScheduler(shift=3.0), 16, layers, words)


def save_5b_like(folder: Path, *, layers: int = 2, seed: int = 0) -> Path:
    """Write a tiny model with the 5B's layout: VAE 4x16x16 with 48 channels, UniPC scheduler."""
    torch.manual_seed(seed)
    vae = AutoencoderKLWan(
        base_dim=3,
        z_dim=48,
        dim_mult=[1, 1, 1, 1],
        num_res_blocks=1,
        temperal_downsample=[False, True, True],
        in_channels=12,
        out_channels=12,
        is_residual=True,
        patch_size=2,
        scale_factor_spatial=16,
        scale_factor_temporal=4,
        latents_mean=[0.6, -0.6] * 24,
        latents_std=[0.5 + 0.01 * i for i in range(48)],
    )
    scheduler = UniPCMultistepScheduler(
        prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=5.0
    )
    return _save(folder, vae, scheduler, 48, layers)


def save_a14b_like(folder: Path, *, from_image: bool = False, layers: int = 2, seed: int = 0) -> Path:
    """Write a tiny model with the layout of Wan 2.2 A14B: two experts; VAE 4x8x8 with 16 channels, UniPC scheduler.

    Its scheduler stores shift 3, as the published weights do, which is not what they are sampled with.
    """
    torch.manual_seed(seed)
    vae = AutoencoderKLWan(
        base_dim=3,
        z_dim=16,
        dim_mult=[1, 1, 1, 1],
        num_res_blocks=1,
        temperal_downsample=[False, True, True],
        latents_mean=[0.4, -0.4] * 8,
        latents_std=[0.5 + 0.01 * i for i in range(16)],
    )
    scheduler = UniPCMultistepScheduler(
        prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0
    )
    channels = 36 if from_image else 16
    kind = WanImageToVideoPipeline if from_image else WanPipeline
    kind(
        tokenizer=_tokenizer(),
        text_encoder=_t5(),
        vae=vae.eval(),
        scheduler=scheduler,
        transformer=_wan_transformer(channels, 16, layers),
        transformer_2=_wan_transformer(channels, 16, layers),
        boundary_ratio=0.9 if from_image else 0.875,
    ).save_pretrained(folder)
    return folder


def _save(
    folder: Path, vae: AutoencoderKLWan, scheduler: object, channels: int, layers: int, words: int = 300
) -> Path:
    transformer = _wan_transformer(channels, channels, layers)
    WanPipeline(
        tokenizer=_tokenizer(),
        text_encoder=_t5(words),
        vae=vae.eval(),
        scheduler=scheduler,
        transformer=transformer,
        expand_timesteps=True,
    ).save_pretrained(folder)
    return folder


def _wan_transformer(channels: int, out: int, layers: int) -> WanTransformer3DModel:
    transformer = WanTransformer3DModel(
        patch_size=(1, 2, 2),
        num_attention_heads=2,
        attention_head_dim=12,
        in_channels=channels,
        out_channels=out,
        text_dim=TEXT_WIDTH,
        freq_dim=256,
        ffn_dim=32,
        num_layers=layers,
        cross_attn_norm=True,
        qk_norm="rms_norm_across_heads",
        rope_max_seq_len=64,
    )
    return transformer.eval()


def save_ltx_like(folder: Path, *, conditioned: bool = False, seed: int = 0) -> Path:
    """Write a tiny LTX-Video with the real compression, 8x32x32.

    As 0.9.1 is: levels shifted by tokens, a decoder that injects noise; or, `conditioned`, as releases since 0.9.5.
    """
    torch.manual_seed(seed)
    vae = AutoencoderKLLTXVideo(
        latent_channels=8,
        block_out_channels=(8,) * 4,
        decoder_block_out_channels=(8,) * 4,
        layers_per_block=(1,) * 5,
        decoder_layers_per_block=(1,) * 5,
        spatio_temporal_scaling=(True, True, True, False),
        decoder_spatio_temporal_scaling=(True, True, True, False),
        decoder_inject_noise=(not conditioned,) * 5,
        timestep_conditioning=True,
        patch_size=4,
        patch_size_t=1,
        scaling_factor=1.25,  # published: 1, which would hide that it is left out
    )
    with torch.no_grad():
        for name, parameter in vae.named_parameters():
            if "per_channel_scale" in name:  # zero when made, which would hide the noise
                parameter.fill_(0.5)
        vae.latents_mean.copy_(torch.linspace(-0.8, 0.8, 8))
        vae.latents_std.copy_(torch.linspace(0.7, 1.2, 8))
    transformer = LTXVideoTransformer3DModel(
        in_channels=8,
        out_channels=8,
        num_attention_heads=4,
        attention_head_dim=8,
        cross_attention_dim=32,
        num_layers=2,
        caption_channels=TEXT_WIDTH,
    )
    scheduler = (
        FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=False)
        if conditioned
        else FlowMatchEulerDiscreteScheduler(
            use_dynamic_shifting=True,
            base_shift=0.95,
            max_shift=2.05,
            base_image_seq_len=1024,
            max_image_seq_len=4096,
            shift_terminal=0.1,
        )
    )
    kind = LTXConditionPipeline if conditioned else LTXPipeline
    kind(
        scheduler=scheduler,
        vae=vae.eval(),
        text_encoder=_t5(),
        tokenizer=_tokenizer(),
        transformer=transformer.eval(),
    ).save_pretrained(folder)
    return folder


def save_upscaler_like(folder: Path, *, channels: int = 8, seed: int = 0) -> Path:
    """Write a tiny upscaler of LTX-Video's latents, in the layout of the official one, to twice the size."""
    torch.manual_seed(seed)
    upsampler = LTXLatentUpsamplerModel(in_channels=channels, mid_channels=32, num_blocks_per_stage=1)
    upsampler.eval().save_pretrained(folder / "latent_upsampler")
    index = {
        "_class_name": "LTXLatentUpsamplePipeline",
        "latent_upsampler": ["ltx", "LTXLatentUpsamplerModel"],
    }
    (folder / "model_index.json").write_text(json.dumps(index), encoding="utf-8")
    return folder


def save_hunyuan_like(folder: Path, *, from_image: bool = False, seed: int = 0) -> Path:
    """Write a tiny HunyuanVideo: the real compression, 4x8x8 and patches of 2, and a tokenizer that cuts the chat of
    the real prompts into as many tokens as the real one."""
    torch.manual_seed(seed)
    transformer = HunyuanVideoTransformer3DModel(
        in_channels=4,
        out_channels=4,
        num_attention_heads=2,
        attention_head_dim=10,
        num_layers=1,
        num_single_layers=1,
        num_refiner_layers=1,
        patch_size=2,
        patch_size_t=1,
        guidance_embeds=True,
        text_embed_dim=16,
        pooled_projection_dim=8,
        rope_axes_dim=(2, 4, 4),
        image_condition_type="token_replace" if from_image else None,
    )
    vae = AutoencoderKLHunyuanVideo(
        latent_channels=4, block_out_channels=(8, 8, 8, 8), layers_per_block=1, norm_num_groups=4
    )
    template = (hunyuan_image if from_image else hunyuan_text).DEFAULT_PROMPT_TEMPLATE
    tokenizer = _chat_tokenizer(template)
    llama = LlamaConfig(
        hidden_size=16,
        intermediate_size=37,
        num_attention_heads=4,
        num_hidden_layers=4,
        vocab_size=len(tokenizer),
        pad_token_id=tokenizer.pad_token_id,
    )
    clip = CLIPTextConfig(
        hidden_size=8,
        intermediate_size=37,
        num_attention_heads=4,
        num_hidden_layers=2,
        vocab_size=300,
        bos_token_id=2,
        eos_token_id=1,
        pad_token_id=0,
        projection_dim=32,
    )
    parts: dict[str, object] = {
        "transformer": transformer.eval(),
        "vae": vae.eval(),
        "scheduler": FlowMatchEulerDiscreteScheduler(shift=7.0),
        "tokenizer": tokenizer,
        "text_encoder_2": CLIPTextModel(clip).eval(),
        "tokenizer_2": _tokenizer(),
    }
    if not from_image:
        HunyuanVideoPipeline(text_encoder=LlamaModel(llama).eval(), **parts).save_pretrained(folder)
        return folder
    vision = CLIPVisionConfig(
        hidden_size=8,
        intermediate_size=37,
        num_attention_heads=4,
        num_hidden_layers=2,
        image_size=336,  # 24 x 24 patches: the 576 tokens of a picture in the chat
        patch_size=14,
    )
    llava = LlavaConfig(
        vision_config=vision,
        text_config=llama,
        pad_token_id=tokenizer.pad_token_id,
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
    )
    HunyuanVideoImageToVideoPipeline(
        text_encoder=LlavaForConditionalGeneration(llava).eval(),
        image_processor=CLIPImageProcessor(size={"shortest_edge": 336}, crop_size=336),
        **parts,
    ).save_pretrained(folder)
    return folder


def save_mochi_like(folder: Path, *, inverted: bool = True, layers: int = 2, seed: int = 0) -> Path:
    """Write a tiny Mochi 1: the real compression, 6x8x8 and 12 channels; its scheduler inverted as the real one is."""
    torch.manual_seed(seed)
    vae = AutoencoderKLMochi(
        encoder_block_out_channels=(32,) * 4,
        decoder_block_out_channels=(32,) * 4,
        layers_per_block=(1,) * 5,
        # Published: about 0, 1 and 1, which would hide that they are left out.
        latents_mean=[0.6, -0.6] * 6,
        latents_std=[0.4 + 0.05 * i for i in range(12)],
        scaling_factor=1.25,
    )
    transformer = MochiTransformer3DModel(
        patch_size=2,
        num_attention_heads=2,
        attention_head_dim=8,
        num_layers=layers,
        pooled_projection_dim=16,
        in_channels=12,
        qk_norm="rms_norm",
        text_embed_dim=TEXT_WIDTH,
        time_embed_dim=4,
        max_sequence_length=256,
    )
    with torch.no_grad():
        transformer.pos_frequencies.normal_()  # zeros when made: no position would count
    MochiPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(invert_sigmas=inverted),
        vae=vae.eval(),
        text_encoder=_t5(),
        tokenizer=_tokenizer(),
        transformer=transformer.eval(),
        force_zeros_for_empty_prompt=True,
    ).save_pretrained(folder)
    return folder


def _chat_tokenizer(template: dict[str, object]) -> PreTrainedTokenizerFast:
    """A byte tokenizer for which the words before the prompt in `template` are `crop_start` tokens, as they are in
    Llama's; so that what the pipeline crops is what it crops of the real one."""
    head = str(template["template"]).split("{}")[0]
    marks = [
        "<|start_header_id|>",
        "<|end_header_id|>",
        "<|eot_id|>",
        "<image>",
        "system",
        "user",
        "assistant",
    ]
    words = head.split("<|end_header_id|>\n\n", 1)[1].split("<|eot_id|>")[0].removeprefix("<image>")
    length = int(str(template["crop_start"]))
    tokenizer = Tokenizer(models.BPE(*_bytes(), unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(mark, normalized=False) for mark in ("<|begin|>", *marks)])
    tokenizer.add_tokens([AddedToken("\n\n", normalized=False)])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<|begin|> $A", special_tokens=[("<|begin|>", tokenizer.token_to_id("<|begin|>"))]
    )
    # Of the description, the end stays bytes, as many as tokens are left; all before it is one token.
    left = length - len(tokenizer.encode(head.replace(words, "")).ids) - 1
    tokenizer.add_tokens([AddedToken(words[:-left], normalized=False)])
    assert len(tokenizer.encode(head).ids) == length
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        eos_token="</s>",
        unk_token="<unk>",
        padding_side="right",
    )


def _t5(words: int = 300) -> T5EncoderModel:
    config = T5Config(
        vocab_size=words, d_model=TEXT_WIDTH, d_kv=8, d_ff=37, num_layers=2, num_heads=4, dropout_rate=0.1
    )
    return T5EncoderModel(config).eval()


def _bytes() -> tuple[dict[str, int], list[tuple[str, str]]]:
    """A vocabulary of single bytes, and no merges."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    return {"<pad>": 0, "</s>": 1, "<unk>": 2} | {sign: i + 3 for i, sign in enumerate(alphabet)}, []


def _tokenizer() -> PreTrainedTokenizerFast:
    tokenizer = Tokenizer(models.BPE(*_bytes(), unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", eos_token="</s>", unk_token="<unk>"
    )
