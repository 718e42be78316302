"""The reader: a byte-level BPE built from the captions and a small T5 encoder trained along.

The conditioning is what ``WanPipeline`` makes: hidden states up to the true length, zeros past it.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (
    PreTrainedTokenizerFast,
    T5Config,
    T5EncoderModel,
    UMT5Config,
    UMT5EncoderModel,
)

WIDTH = 128
VOCABULARY = 1536
MAX_LENGTH = 64  # tokens; the longest caption of the world has about 55


def build_tokenizer(captions: Iterable[str]) -> PreTrainedTokenizerFast:
    """Lower-cased byte-level BPE: an unseen name is spelt from pieces, never unknown."""
    tok = Tokenizer(models.BPE())
    tok.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    tok.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tok.decoder = decoders.ByteLevel()
    tok.train_from_iterator(
        captions,
        trainers.BpeTrainer(
            vocab_size=VOCABULARY,
            min_frequency=12,
            special_tokens=["<pad>", "</s>"],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    tok.post_processor = processors.TemplateProcessing(
        single="$A </s>", special_tokens=[("</s>", tok.token_to_id("</s>"))]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tok, pad_token="<pad>", eos_token="</s>", model_max_length=512
    )


def new_text_encoder(vocabulary: int) -> T5EncoderModel:
    """Three layers of width 128; a gated feed-forward as in UMT5."""
    return T5EncoderModel(
        T5Config(
            vocab_size=vocabulary,
            d_model=WIDTH,
            d_kv=32,
            num_heads=4,
            d_ff=320,
            num_layers=3,
            feed_forward_proj="gated-gelu",
            dropout_rate=0.0,
            relative_attention_num_buckets=32,
            relative_attention_max_distance=64,
            pad_token_id=0,
            eos_token_id=1,
            is_encoder_decoder=False,
            use_cache=False,
            tie_word_embeddings=True,
        )
    )


def tokenise(
    tokenizer: PreTrainedTokenizerFast,
    texts: list[str],
    length: int = MAX_LENGTH,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Ids and mask, each (B, length)."""
    out = tokenizer(texts, padding="max_length", max_length=length, truncation=True, return_tensors="pt")
    return out.input_ids, out.attention_mask


def encode(encoder: T5EncoderModel, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """(B, length, WIDTH), zero past the true length, as WanPipeline pads."""
    hidden: torch.Tensor = encoder(ids, mask).last_hidden_state
    return hidden * mask.unsqueeze(-1)


def load_tokenizer(folder: Path) -> PreTrainedTokenizerFast:
    """From a saved folder."""
    loaded: PreTrainedTokenizerFast = PreTrainedTokenizerFast.from_pretrained(str(folder))
    return loaded


def as_umt5(encoder: T5EncoderModel) -> UMT5EncoderModel:
    """The same arithmetic in the class that WanPipeline names.

    T5 shares the first layer's position bias with all layers, UMT5 has one each: copies of one.
    """
    c = encoder.config
    twin = UMT5EncoderModel(
        UMT5Config(
            vocab_size=c.vocab_size,
            d_model=c.d_model,
            d_kv=c.d_kv,
            num_heads=c.num_heads,
            d_ff=c.d_ff,
            num_layers=c.num_layers,
            feed_forward_proj=c.feed_forward_proj,
            dropout_rate=0.0,
            relative_attention_num_buckets=c.relative_attention_num_buckets,
            relative_attention_max_distance=c.relative_attention_max_distance,
            pad_token_id=0,
            eos_token_id=1,
            is_encoder_decoder=False,
            use_cache=False,
            tie_word_embeddings=True,
        )
    )
    weights = encoder.state_dict()
    name = "encoder.block.{}.layer.0.SelfAttention.relative_attention_bias.weight"
    for layer in range(1, c.num_layers):
        weights[name.format(layer)] = weights[name.format(0)].clone()
    twin.load_state_dict(weights)
    return twin.eval()
