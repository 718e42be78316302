"""What other tools call the modules of a transformer, and what diffusers calls them. Plain data, without torch.

A trainer that works on the authors' own code (musubi-tuner, diffusion-pipe, ai-toolkit, ComfyUI) names modules as that
code does, and there one module may be several of diffusers': query, key and value in one weight, one above the other.
Sources: the authors' code, and diffusers' conversions of whole checkpoints in `single_file_utils.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

Rows = Literal["whole", "thirds", "rest", "swapped"]
"""How the output rows of one of the authors' modules lie in diffusers': as they are; in equal parts, one a module; the
last module with what the others, each as wide as the input, leave; or with their halves exchanged."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a module of a file is in diffusers' transformer: its modules there, in the order of their rows."""

    modules: tuple[str, ...]
    rows: Rows = "whole"


@dataclass(frozen=True, slots=True)
class _Rule:
    theirs: tuple[str, ...]
    place: Place


class Layout:
    """The names of one architecture. In a rule, `*` is the number of a block."""

    def __init__(self, rules: Iterable[tuple[str | tuple[str, ...], str | tuple[str, ...], Rows]]) -> None:
        self._rules = tuple(
            _Rule(
                (theirs,) if isinstance(theirs, str) else theirs,
                Place((ours,) if isinstance(ours, str) else ours, rows),
            )
            for theirs, ours, rows in rules
        )

    @cached_property
    def _patterns(self) -> tuple[tuple[bool, re.Pattern[str], Place], ...]:
        """Whether dots are underscores, how a name looks, and where it is; the authors' names come first."""
        found = []
        for joined in (False, True):
            for rule in self._rules:
                for theirs in rule.theirs:
                    found.append((joined, _pattern(theirs, joined), rule.place))
            for rule in self._rules:
                for ours in rule.place.modules:
                    found.append((joined, _pattern(ours, joined), Place((ours,))))
        return tuple(found)

    def place(self, name: str, *, joined: bool = False) -> Place | None:
        """Where the module `name` is, whoever named it; None where the architecture has none of that name.

        `joined` says that its dots are underscores, as kohya's scripts write them.
        """
        for given, pattern, place in self._patterns:
            if given == joined and (found := pattern.fullmatch(name)):
                number = found["n"] if "n" in pattern.groupindex else ""
                return Place(tuple(_numbered(module, number) for module in place.modules), place.rows)
        return None

    def theirs(self, module: str) -> tuple[str, Place] | None:
        """The authors' name of the module that holds diffusers' `module`, and all that it holds; None without one."""
        for rule in self._rules:
            for ours in rule.place.modules:
                if found := _pattern(ours, False).fullmatch(module):
                    number = found["n"] if "n" in found.re.groupindex else ""
                    modules = tuple(_numbered(each, number) for each in rule.place.modules)
                    return _numbered(rule.theirs[0], number), Place(modules, rule.place.rows)
        return None


def _pattern(name: str, joined: bool) -> re.Pattern[str]:
    name = name.replace(".", "_") if joined else name
    return re.compile(re.escape(name).replace(r"\*", r"(?P<n>\d+)"))


def _numbered(name: str, number: str) -> str:
    return name.replace("*", number)


_Rules = list[tuple[str | tuple[str, ...], str | tuple[str, ...], Rows]]


def _qkv(before: str, after: str) -> tuple[str, ...]:
    return tuple(f"{before}{after.format(part)}" for part in "qkv")


def _wan() -> _Rules:
    rules: _Rules = []
    for theirs, ours in (("self_attn", "attn1"), ("cross_attn", "attn2")):
        for part, name in (("q", "to_q"), ("k", "to_k"), ("v", "to_v"), ("o", "to_out.0")):
            rules.append((f"blocks.*.{theirs}.{part}", f"blocks.*.{ours}.{name}", "whole"))
    rules += [
        (theirs, ours, "whole")
        for theirs, ours in (
            ("blocks.*.cross_attn.k_img", "blocks.*.attn2.add_k_proj"),
            ("blocks.*.cross_attn.v_img", "blocks.*.attn2.add_v_proj"),
            ("blocks.*.ffn.0", "blocks.*.ffn.net.0.proj"),
            ("blocks.*.ffn.2", "blocks.*.ffn.net.2"),
            ("text_embedding.0", "condition_embedder.text_embedder.linear_1"),
            ("text_embedding.2", "condition_embedder.text_embedder.linear_2"),
            ("time_embedding.0", "condition_embedder.time_embedder.linear_1"),
            ("time_embedding.2", "condition_embedder.time_embedder.linear_2"),
            ("time_projection.1", "condition_embedder.time_proj"),
            ("img_emb.proj.1", "condition_embedder.image_embedder.ff.net.0.proj"),
            ("img_emb.proj.3", "condition_embedder.image_embedder.ff.net.2"),
            ("head.head", "proj_out"),
        )
    ]
    return rules


def _hunyuan() -> _Rules:
    # The second of two names is the one in ComfyUI's own copy of the model.
    double, single, refiner = "transformer_blocks.*.", "single_transformer_blocks.*.", "txt_in."
    block = "txt_in.individual_token_refiner.blocks.*."
    own = "context_embedder.token_refiner.refiner_blocks.*."
    rules: _Rules = []
    for who, parts, out, ff, norm in (
        ("img", _qkv(double, "attn.to_{}"), "attn.to_out.0", "ff", "norm1"),
        ("txt", _qkv(double, "attn.add_{}_proj"), "attn.to_add_out", "ff_context", "norm1_context"),
    ):
        here = f"double_blocks.*.{who}"
        rules += [
            ((f"{here}_attn_qkv", f"{here}_attn.qkv"), parts, "thirds"),
            ((f"{here}_attn_proj", f"{here}_attn.proj"), double + out, "whole"),
            ((f"{here}_mlp.fc1", f"{here}_mlp.0"), f"{double}{ff}.net.0.proj", "whole"),
            ((f"{here}_mlp.fc2", f"{here}_mlp.2"), f"{double}{ff}.net.2", "whole"),
            ((f"{here}_mod.linear", f"{here}_mod.lin"), f"{double}{norm}.linear", "whole"),
        ]
    rules += [
        ("single_blocks.*.linear1", (*_qkv(single, "attn.to_{}"), f"{single}proj_mlp"), "rest"),
        ("single_blocks.*.linear2", f"{single}proj_out", "whole"),
        (
            ("single_blocks.*.modulation.linear", "single_blocks.*.modulation.lin"),
            f"{single}norm.linear",
            "whole",
        ),
        ((f"{block}self_attn_qkv", f"{block}self_attn.qkv"), _qkv(own, "attn.to_{}"), "thirds"),
        ((f"{block}self_attn_proj", f"{block}self_attn.proj"), f"{own}attn.to_out.0", "whole"),
        ((f"{block}mlp.fc1", f"{block}mlp.0"), f"{own}ff.net.0.proj", "whole"),
        ((f"{block}mlp.fc2", f"{block}mlp.2"), f"{own}ff.net.2", "whole"),
        (f"{block}adaLN_modulation.1", f"{own}norm_out.linear", "whole"),
        (f"{refiner}input_embedder", "context_embedder.proj_in", "whole"),
        ("final_layer.linear", "proj_out", "whole"),
        ("final_layer.adaLN_modulation.1", "norm_out.linear", "swapped"),
    ]
    times = "timestep_embedder.linear_"
    for theirs, ours in (
        (f"{refiner}t_embedder.mlp.{{}}", f"context_embedder.time_text_embed.{times}"),
        ("time_in.mlp.{}", f"time_text_embed.{times}"),
        ("guidance_in.mlp.{}", "time_text_embed.guidance_embedder.linear_"),
    ):
        rules += [(theirs.format(at), f"{ours}{number}", "whole") for at, number in ((0, 1), (2, 2))]
    for number, layer in ((1, "in_layer"), (2, "out_layer")):
        pooled = "time_text_embed.text_embedder.linear_"
        rules += [
            (f"vector_in.{layer}", f"{pooled}{number}", "whole"),
            (f"{refiner}c_embedder.linear_{number}", f"context_embedder.{pooled}{number}", "whole"),
        ]
    return rules


def _mochi() -> _Rules:
    block = "transformer_blocks.*."
    rules: _Rules = []
    for who, parts, out, ff, norm in (
        ("x", _qkv(block, "attn1.to_{}"), "attn1.to_out.0", "ff", "norm1"),
        ("y", _qkv(block, "attn1.add_{}_proj"), "attn1.to_add_out", "ff_context", "norm1_context"),
    ):
        rules += [
            (f"blocks.*.attn.qkv_{who}", parts, "thirds"),
            (f"blocks.*.attn.proj_{who}", block + out, "whole"),
            (f"blocks.*.mlp_{who}.w1", f"{block}{ff}.net.0.proj", "swapped"),  # gate and value change places
            (f"blocks.*.mlp_{who}.w2", f"{block}{ff}.net.2", "whole"),
            (f"blocks.*.mod_{who}", f"{block}{norm}.linear", "whole"),
        ]
    return [
        *rules,
        ("t_embedder.mlp.0", "time_embed.timestep_embedder.linear_1", "whole"),
        ("t_embedder.mlp.2", "time_embed.timestep_embedder.linear_2", "whole"),
        ("t5_y_embedder.to_kv", "time_embed.pooler.to_kv", "whole"),
        ("t5_y_embedder.to_q", "time_embed.pooler.to_q", "whole"),
        ("t5_y_embedder.to_out", "time_embed.pooler.to_out", "whole"),
        ("t5_yproj", "time_embed.caption_proj", "whole"),
        ("final_layer.mod", "norm_out.linear", "swapped"),
        ("final_layer.linear", "proj_out", "whole"),
    ]


def _ltx() -> _Rules:
    own = [
        f"transformer_blocks.*.{attn}.{part}"
        for attn in ("attn1", "attn2")
        for part in ("to_q", "to_k", "to_v", "to_out.0")
    ]
    own += ["transformer_blocks.*.ff.net.0.proj", "transformer_blocks.*.ff.net.2", "proj_out"]
    own += [f"caption_projection.linear_{number}" for number in (1, 2)]
    rules: _Rules = [(name, name, "whole") for name in own]
    rules += [
        ("patchify_proj", "proj_in", "whole"),
        ("adaln_single.linear", "time_embed.linear", "whole"),
    ]
    rules += [
        (f"adaln_single.emb.{part}", f"time_embed.emb.{part}", "whole")
        for part in ("timestep_embedder.linear_1", "timestep_embedder.linear_2")
    ]
    return rules


LAYOUTS: Mapping[str, Layout] = {
    "wan": Layout(_wan()),
    "hunyuan": Layout(_hunyuan()),
    "mochi": Layout(_mochi()),
    "ltx": Layout(_ltx()),
}
"""The architectures whose modules are known by more than one name; `Facts.layout` names a family's."""
