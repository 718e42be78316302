"""Characters that are kept apart: whose LoRA and words act where, and what the strips see of one another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from filmforge.video_models import tensors
from filmforge.video_models.lora_file import LoraUse
from filmforge.video_models.regions import Apart
from tests.video_models import tiny
from tests.video_models.conftest import load

STEPS = 3
WIDTH = 64
FAMILIES: dict[str, Callable[[Path], Path]] = {
    "pocket": tiny.save_pocket_like,
    "wan2.2-ti2v-5b": tiny.save_5b_like,
    "wan2.2-t2v-a14b": tiny.save_a14b_like,
}


@pytest.fixture(scope="module", params=list(FAMILIES))
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A tiny model of each family that keeps characters apart; of the A14B, both experts have steps to do."""
    family = request.param
    return load(family, FAMILIES[family](tmp_path_factory.mktemp("m")), precision="fp32")


@pytest.fixture
def loras(model: Any, tmp_path: Path) -> list[LoraUse]:
    """Two LoRAs on every kind of module that LoRAs are trained on."""
    parts = (
        "attn1.to_q",
        "attn1.to_k",
        "attn1.to_v",
        "attn2.to_q",
        "attn2.to_k",
        "attn2.to_v",
        "attn2.to_out.0",
    )
    uses = []
    for seed in (1, 2):
        dice = torch.Generator().manual_seed(seed)
        held = {}
        for name in (f"blocks.{block}.{part}" for block in (0, 1) for part in (*parts, "ffn.net.2")):
            linear = model.transformer.get_submodule(name)
            linear = getattr(linear, "base_layer", linear)
            held[f"transformer.{name}.lora_A.weight"] = torch.randn(2, linear.in_features, generator=dice)
            held[f"transformer.{name}.lora_B.weight"] = torch.randn(linear.out_features, 2, generator=dice)
        path = tmp_path / f"{seed}.safetensors"
        tensors.save(path, held, {})
        uses.append(LoraUse(path, 1.0))
    return uses


def clip(
    model: Any,
    uses: Sequence[LoraUse | None],
    walls: int = STEPS,
    words: tuple[str, ...] = ("mira", "otto"),
    apart: bool = True,
    everywhere: Sequence[LoraUse] = (),
) -> Tensor:
    """Latents of a clip with guidance, one strip for each of `uses`, which may be None."""
    names = iter(model.set_loras([*(use for use in uses if use), *everywhere]))
    adapters = tuple(next(names) if use else None for use in uses)
    positive, negative, *texts = model.encode(["both", "blurry", *words])
    kept = Apart(adapters, tuple(text["embeds"] for text in texts), walls)
    made: Tensor = model.sample(
        positive=positive, negative=negative, frames=5, size=(WIDTH, 32), steps=STEPS, guidance=3.0,
        shift=model.facts.shift, seed=1, **({"apart": kept} if apart else {}),
    )["latents"]  # fmt: skip
    model.set_loras([])
    return made


def halves(latents: Tensor) -> tuple[Tensor, Tensor]:
    left, right = latents.chunk(2, dim=-1)
    return left, right


def test_each_lora_acts_in_its_own_strip(model: Any, loras: list[LoraUse]) -> None:
    """Behind walls, a strip is to the byte what it is without the other's LoRA, and not what it is without its own."""
    first, second = loras
    left, right = halves(clip(model, [first, second]))
    alone_left, without_second = halves(clip(model, [first, None]))
    without_first, alone_right = halves(clip(model, [None, second]))
    assert left.equal(alone_left)
    assert right.equal(alone_right)
    assert not left.equal(without_first)
    assert not right.equal(without_second)


def test_each_strip_is_told_its_own_words(model: Any, loras: list[LoraUse]) -> None:
    """Behind walls, other words for the one leave the other as it was."""
    left, right = halves(clip(model, loras))
    still, changed = halves(clip(model, loras, words=("mira", "an old walrus")))
    assert still.equal(left)
    assert not changed.equal(right)


def test_without_walls_the_strips_see_one_another(model: Any, loras: list[LoraUse]) -> None:
    """Then the other's LoRA reaches over, and by far less than it does in its own strip."""
    with_both = halves(clip(model, loras, walls=0))
    with_one = halves(clip(model, [loras[0], None], walls=0))
    over, own = ((a - b).abs().mean() for a, b in zip(with_both, with_one, strict=True))
    assert 0 < over < own


def test_the_walls_come_down(model: Any, loras: list[LoraUse]) -> None:
    """After the last step with walls, the strips are one picture: another clip than with none, or with all."""
    some, none, every = (clip(model, loras, walls=walls) for walls in (1, 0, STEPS))
    assert not some.equal(none)
    assert not some.equal(every)


def test_strips_that_are_told_the_same_are_the_plain_picture(model: Any) -> None:
    """Without LoRAs and walls nothing is left of the strips but the order of the sums."""
    plain = clip(model, [None, None], words=("both", "both"), apart=False)
    apart = clip(model, [None, None], words=("both", "both"), walls=0)
    assert torch.allclose(plain, apart, atol=1e-4)


def test_weight_0_is_the_base(model: Any, loras: list[LoraUse]) -> None:
    """To the byte what the same strips are without any LoRA."""
    mute = [LoraUse(use.path, 0.0) for use in loras]
    assert clip(model, mute, walls=1).equal(clip(model, [None, None], walls=1))


def test_a_style_s_lora_acts_everywhere(model: Any, loras: list[LoraUse]) -> None:
    """A LoRA that belongs to no strip changes both."""
    character, style = loras
    without = halves(clip(model, [character, None]))
    styled = halves(clip(model, [character, None], everywhere=[style]))
    assert not any(a.equal(b) for a, b in zip(without, styled, strict=True))


def test_nothing_is_left_behind(model: Any, loras: list[LoraUse]) -> None:
    """The same clip twice is equal to the byte, and a clip after it is what it was before."""
    before = clip(model, loras, apart=False)
    once = clip(model, loras, walls=1)
    assert clip(model, loras, walls=1).equal(once)
    assert clip(model, loras, apart=False).equal(before)
    assert not once.equal(before)


def test_more_strips_than_columns_are_refused(model: Any) -> None:
    columns = model.token_grid(5, (WIDTH, 32))[2]
    count = columns + 1
    with pytest.raises(ValueError, match=f"{count} characters do not fit side by side into {columns}"):
        clip(model, [None] * count, words=("a",) * count)
