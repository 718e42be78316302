"""LoRAs on a Wan: they take hold with the right strength, or are refused with the reason."""

from __future__ import annotations

import json
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from filmforge.errors import LoraError
from filmforge.video_models import tensors
from filmforge.video_models.facts import facts_of
from filmforge.video_models.lora_file import LoraUse, mismatch, read_header
from filmforge.video_models.wan import WanModel
from filmforge.video_models.weights import Weights
from tests.video_models import tiny
from tests.video_models.conftest import load

RANK = 2
MODULES = [f"blocks.{block}.{part}" for block in (0, 1) for part in ("attn1.to_q", "attn2.to_out.0")]


def state(
    model: WanModel, *, seed: int = 0, prefix: str = "transformer.", rank: int = RANK, zero: bool = False
) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    found = {}
    for name in MODULES:
        linear = model.transformer.get_submodule(name)
        linear = getattr(linear, "base_layer", linear)
        found[f"{prefix}{name}.lora_A.weight"] = torch.randn(rank, linear.in_features, generator=generator)
        up = torch.randn(linear.out_features, rank, generator=generator)
        found[f"{prefix}{name}.lora_B.weight"] = up * (0.0 if zero else 1.0)
    return found


def written(path: Path, held: dict[str, Tensor], *, alpha: int | None = None, **said: str) -> Path:
    metadata = dict(said)
    if alpha is not None:
        metadata["lora_adapter_metadata"] = json.dumps(
            {"transformer.r": RANK, "transformer.lora_alpha": alpha, "transformer.target_modules": MODULES}
        )
    tensors.save(path, held, metadata)
    return path


def ours(model: WanModel, **changes: str) -> dict[str, str]:
    said = {
        "format": "filmforge.lora/1",
        "base": model.facts.id,
        "base_digest": model.weights.digest or "",
        "rank": str(RANK),
        "alpha": str(RANK),
        "trigger": "mira",
        "steps": "10",
    } | changes
    return {f"filmforge.{key}": value for key, value in said.items()}


def picture(model: WanModel, *uses: LoraUse) -> Tensor:
    model.set_loras(uses)
    return model.sample(
        positive=model.encode(["mira"])[0],
        negative=None,
        frames=1,
        size=(32, 32),
        steps=2,
        guidance=1.0,
        shift=3.0,
        seed=1,
    )["latents"]


@pytest.fixture
def model(pocket: WanModel) -> Any:
    yield pocket
    pocket.set_loras([])


class TestStrength:
    def test_a_lora_acts_by_its_weight(self, model: WanModel, tmp_path: Path) -> None:
        """Weight 0 and no LoRA are the base to the byte; other weights differ from it and one another."""
        path = written(tmp_path / "a", state(model))
        base = picture(model)
        assert picture(model, LoraUse(path, 0.0)).equal(base)
        full, half = picture(model, LoraUse(path)), picture(model, LoraUse(path, 0.5))
        assert not full.equal(base)
        assert not half.equal(full)
        assert not half.equal(base)
        assert picture(model).equal(base)

    def test_alpha_counts(self, model: WanModel, tmp_path: Path) -> None:
        """Trap 1: alpha twice the rank acts as weight 2, at weight 0.5 as 1; unsaid, it is the rank."""
        plain = written(tmp_path / "plain", state(model))
        double = written(tmp_path / "double", state(model), alpha=2 * RANK)
        assert picture(model, LoraUse(double)).equal(picture(model, LoraUse(plain, 2.0)))
        assert picture(model, LoraUse(double, 0.5)).equal(picture(model, LoraUse(plain)))

    def test_several_act_together(self, model: WanModel, tmp_path: Path) -> None:
        """Two LoRAs at once are neither of them alone; taking one away leaves exactly the other."""
        a, b = (LoraUse(written(tmp_path / name, state(model, seed=i)), 0.7) for i, name in enumerate("ab"))
        alone = picture(model, a)
        both = picture(model, a, b)
        assert not both.equal(alone)
        assert picture(model, a).equal(alone)
        assert picture(model, b, a).equal(picture(load("pocket", model.weights.required()), b, a))

    def test_the_same_set_is_not_read_again(self, model: WanModel, tmp_path: Path) -> None:
        """A worker renders shot after shot with one character; a changed file is noticed all the same."""
        use = LoraUse(written(tmp_path / "a", state(model)))
        first = picture(model, use)
        adapters = set(model.transformer.peft_config)
        assert picture(model, use).equal(first)
        assert set(model.transformer.peft_config) == adapters
        written(use.path, state(model, seed=9) | {"transformer.x.lora_A.weight": torch.zeros(1, 1)})
        with pytest.raises(LoraError):
            model.set_loras([use])

    def test_a_name_without_suffix_will_do(self, model: WanModel, tmp_path: Path) -> None:
        """In the store, a file is called by its digest alone."""
        path = written(tmp_path / ("ab" * 32), state(model))
        assert not picture(model, LoraUse(path)).equal(picture(model))

    def test_comfyui_s_names_act_the_same(self, model: WanModel, tmp_path: Path) -> None:
        """Wan's own names under `diffusion_model.` mean what diffusers' do."""
        expected = picture(model, LoraUse(written(tmp_path / "own", state(model)), 0.5))
        foreign: dict[str, Tensor] = {}
        for key, value in state(model, prefix="").items():
            name = key.replace("attn1.to_q", "self_attn.q").replace("attn2.to_out.0", "cross_attn.o")
            foreign[f"diffusion_model.{name}"] = value * (0.5 if "lora_B" in name else 1)
        got = picture(model, LoraUse(written(tmp_path / "x", foreign)))
        assert torch.allclose(got, expected, atol=1e-4)
        assert not torch.allclose(got, picture(model), atol=1e-2)


class TestRefused:
    def refuse(self, model: WanModel, path: Path, words: str) -> None:
        with pytest.raises(LoraError, match=words):
            model.set_loras([LoraUse(path)])
        assert not getattr(model.transformer, "peft_config", None)

    def test_a_wrong_prefix(self, model: WanModel, tmp_path: Path) -> None:
        """A module of something else is no module of the transformer because its name ends like one."""
        held = state(model) | state(model, prefix="unet.")
        self.refuse(model, written(tmp_path / "x", held), r"another base: the model has no unet\.blocks\.0")

    def test_a_module_that_the_model_lacks(self, model: WanModel, tmp_path: Path) -> None:
        """A LoRA of a deeper model does not act in part."""
        deep = {key.replace("blocks.1.", "blocks.7."): value for key, value in state(model).items()}
        self.refuse(model, written(tmp_path / "x", deep), r"another base: the model has no blocks\.7")

    def test_a_wider_model_s(self, model: WanModel, tmp_path: Path) -> None:
        """Shapes are compared, and both are named."""
        wide = {
            key: torch.nn.functional.pad(v, (0, 8, 0, 0)) for key, v in state(model).items() if "A" in key
        }
        held = state(model) | wide
        path = written(tmp_path / "x", held)
        self.refuse(model, path, "made for a model 32 wide, and pocket is 24 wide")

    def test_ranks_that_disagree(self, model: WanModel, tmp_path: Path) -> None:
        """The two halves of a module must share their rank."""
        other = state(model, rank=3)
        mixed = {key: (other[key] if "lora_B" in key else value) for key, value in state(model).items()}
        self.refuse(model, written(tmp_path / "x", mixed), "rank 2 on one side and 3 on the other")

    def test_half_a_lora_and_numbers_that_are_none(self, model: WanModel, tmp_path: Path) -> None:
        """Missing halves and infinities are found before they spoil a picture."""
        halves = {key: value for key, value in state(model).items() if "lora_A" in key}
        self.refuse(model, written(tmp_path / "x", halves), "lacks one half")
        broken = {key: value / 0 for key, value in state(model).items()}
        self.refuse(model, written(tmp_path / "y", broken), "not finite")

    def test_dora(self, model: WanModel, tmp_path: Path) -> None:
        """diffusers would drop the scales with a warning, and render something else."""
        dora = state(model) | {f"transformer.{MODULES[0]}.dora_scale": torch.ones(24)}
        self.refuse(model, written(tmp_path / "x", dora), "DoRA")

    def test_a_pickle_in_disguise(self, model: WanModel, tmp_path: Path) -> None:
        """Whatever it is called, it is not opened."""
        path = tmp_path / "x.safetensors"
        path.write_bytes(pickle.dumps({"a": 1}))
        self.refuse(model, path, "this is a pickle, which can run code")
        torch.save(state(model), path)
        self.refuse(model, path, "this is a pickle, which can run code")

    def test_what_is_no_lora_at_all(self, model: WanModel, tmp_path: Path) -> None:
        """A text, a cut file, weights of something, nothing."""
        path = tmp_path / "x.safetensors"
        path.write_text("hello")
        self.refuse(model, path, "no safetensors header")
        whole = written(tmp_path / "y", state(model)).read_bytes()
        path.write_bytes(whole[:-5])
        self.refuse(model, path, "cut short")
        self.refuse(model, written(tmp_path / "z", {"a": torch.zeros(1)}), "without a LoRA in it")
        self.refuse(model, tmp_path / "nothing", "no such LoRA file")

    def test_the_same_file_twice(self, model: WanModel, tmp_path: Path) -> None:
        """A character and a style cannot be one file: their weights would be lost in one another."""
        path = written(tmp_path / "x", state(model))
        with pytest.raises(LoraError, match="named twice"):
            model.set_loras([LoraUse(path), LoraUse(path, 0.2)])

    def test_another_base_s(self, model: WanModel, tmp_path: Path) -> None:
        """Made here for another family, or for other weights of this one: both sides are named."""
        five = written(tmp_path / "x", state(model), **ours(model, base="wan2.2-ti2v-5b"))
        self.refuse(model, five, r"made for wan2\.2-ti2v-5b, and the model is pocket")
        old = written(tmp_path / "y", state(model), **ours(model, base_digest="0" * 64))
        self.refuse(model, old, "with the weights 000000000000, and the model has")


class TestHeader:
    def test_a_plan_can_ask_without_loading(self, model: WanModel, tmp_path: Path) -> None:
        """Family, digest, rank, alpha and trigger stand in the header."""
        header = read_header(written(tmp_path / "x", state(model), **ours(model)))
        assert header.made_here
        assert (header.family, header.rank, header.alpha, header.trigger) == ("pocket", 2, 2.0, "mira")
        assert mismatch(header, model.facts, model.weights) is None
        assert "made for pocket" in str(mismatch(header, facts_of("ltx-video"), Weights("ltx-video")))

    def test_a_file_made_elsewhere_is_held_against_the_width(self, model: WanModel, tmp_path: Path) -> None:
        """Nothing speaks against one that fits, nor where the weights are not here to compare."""
        header = read_header(written(tmp_path / "x", state(model)))
        assert not header.made_here
        assert mismatch(header, model.facts, model.weights) is None
        assert mismatch(header, model.facts, Weights("pocket")) is None

    def test_another_format_version(self, model: WanModel, tmp_path: Path) -> None:
        """A file of a later filmforge says what is needed; one with holes says what lacks."""
        later = written(tmp_path / "x", state(model), **ours(model, format="filmforge.lora/9"))
        with pytest.raises(LoraError, match=r"filmforge\.lora/9, and this version reads filmforge\.lora/1"):
            read_header(later)
        said = ours(model)
        del said["filmforge.rank"]
        with pytest.raises(LoraError, match="incomplete or malformed"):
            read_header(written(tmp_path / "y", state(model), **said))


class TestEveryFamily:
    """LoRAs go through the loader of each family's own pipeline."""

    @pytest.mark.parametrize(
        ("family", "save"),
        [
            ("ltx-video", tiny.save_ltx_like),
            ("hunyuan-video", tiny.save_hunyuan_like),
            ("mochi-1", tiny.save_mochi_like),
        ],
    )
    def test_a_lora_acts(self, family: str, save: Callable[[Path], Path], tmp_path: Path) -> None:
        """On the modules that the facts name for training; at weight 0 it is the base to the byte; without the prefix
        that diffusers looks for, it acts the same, where diffusers would warn and pass it over (trap 2)."""
        model = load(family, save(tmp_path / "m"), precision="fp32")
        assert model.facts.lora is not None
        targets = re.compile("|".join(f"({target})" for target in model.facts.lora.targets))
        modules = [name for name, _ in model.transformer.named_modules() if targets.fullmatch(name)][:3]
        assert len(modules) == 3
        generator = torch.Generator().manual_seed(0)
        held: dict[str, Tensor] = {}
        for name in modules:
            linear = model.transformer.get_submodule(name)
            down = torch.randn(RANK, linear.in_features, generator=generator)
            up = torch.randn(linear.out_features, RANK, generator=generator)
            held |= {f"transformer.{name}.lora_A.weight": down, f"transformer.{name}.lora_B.weight": up}
        path = written(tmp_path / "lora", held)

        def clip(*uses: LoraUse) -> Tensor:
            model.set_loras(uses)
            positive, negative = model.encode(["mira", ""])
            return model.sample(
                positive=positive,
                negative=negative,
                frames=model.facts.legal_frames(2),
                size=(64, 32),
                steps=2,
                guidance=3.0,
                shift=model.facts.shift,
                seed=1,
            )["latents"]

        base = clip()
        assert not clip(LoraUse(path)).equal(base)
        assert clip(LoraUse(path, 0.0)).equal(base)
        assert clip().equal(base)
        bare = {key.removeprefix("transformer."): value for key, value in held.items()}
        assert clip(LoraUse(written(tmp_path / "bare", bare))).equal(clip(LoraUse(path)))
