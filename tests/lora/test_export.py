"""A LoRA goes out to ComfyUI and diffusers and comes back the same file, and does there what it does here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from filmforge.errors import LoraError, UsageError
from filmforge.lora.export import Lora, opened, write
from filmforge.lora.files import Adapter, write_lora
from filmforge.video_models import tensors
from filmforge.video_models.lora_file import read_header
from filmforge.video_models.weights import Weights

RANK, ALPHA = 2, 3.0

QUERY = "blocks.0.attn1.to_q"
DOUBLE, SINGLE = "transformer_blocks.3.attn", "single_transformer_blocks.12.attn"
MODULES = {
    "wan2.2-ti2v-5b": (QUERY, "blocks.11.attn2.to_out.0", "blocks.0.ffn.net.0.proj", "blocks.0.ffn.net.2"),
    "hunyuan-video": (
        *(f"{DOUBLE}.to_{part}" for part in "qkv"),
        f"{DOUBLE}.add_q_proj",  # without k and v
        f"{DOUBLE}.to_add_out",
        *(f"{SINGLE}.to_{part}" for part in "qkv"),
    ),
    "mochi-1": (
        *(f"transformer_blocks.0.attn1.to_{part}" for part in "qkv"),
        "transformer_blocks.0.ff.net.0.proj",
    ),
    "ltx-video": ("transformer_blocks.0.attn1.to_q", "transformer_blocks.7.attn2.to_out.0"),
}
WIDTH = 24


def adapter(modules: tuple[str, ...], seed: int) -> Adapter:
    generator = torch.Generator().manual_seed(seed)
    state = {}
    for module in modules:
        state[f"{module}.lora_A.weight"] = torch.randn(RANK, WIDTH, generator=generator)
        state[f"{module}.lora_B.weight"] = torch.randn(WIDTH, RANK, generator=generator)
        state[f"{module}.lora_B.weight"][:, 0] = 0.0  # a column that never learned is one all the same
    config = {"r": RANK, "lora_alpha": ALPHA, "target_modules": sorted(modules), "peft_type": "LORA"}
    return Adapter(config, state)


def trained(path: Path, family: str, *experts: str, dtype: torch.dtype = torch.bfloat16) -> Path:
    """A file as filmforge trains it, with a part for each of `experts`."""
    modules = MODULES.get(family, MODULES["wan2.2-ti2v-5b"])
    write_lora(
        path,
        {expert: adapter(modules, seed) for seed, expert in enumerate(experts or ("transformer",))},
        weights=Weights(family, commit="c" * 40, digest="d" * 64),
        trigger="mira",
        steps=450,
        kept=[450] * len(experts or ("transformer",)),
        settings={"learning_rate": 1e-3, "seed": 7},
        photos=["b" * 64, "a" * 64],
        dtype=dtype,
    )
    return path


def back(*files: Path, to: Path) -> bytes:
    """The one file that filmforge makes of an export."""
    return write(opened(*files), "filmforge", to, "back")[0].read_bytes()


@pytest.mark.parametrize("tool", ["comfyui", "diffusers"])
class TestRoundTrip:
    @pytest.mark.parametrize("family", MODULES)
    def test_one_transformer(self, tmp_path: Path, family: str, tool: Any) -> None:
        """Out and back, every byte is as it was: tensors, rank, alpha, trigger, base, photos, settings, steps."""
        path = trained(tmp_path / "mira.safetensors", family)
        (out,) = write(opened(path), tool, tmp_path / "out", "mira@hero")
        assert out.name == f"mira@hero.{tool}.safetensors"
        assert back(out, to=tmp_path) == path.read_bytes()

    def test_two_experts(self, tmp_path: Path, tool: Any) -> None:
        """Each expert has a file, and the two come back as one; the wrong way round they are refused."""
        path = trained(tmp_path / "mira.safetensors", "wan2.2-t2v-a14b", "transformer", "transformer_2")
        high, low = write(opened(path), tool, tmp_path / "out", "mira")
        assert (high.name, low.name) == (
            f"mira.{tool}_high_noise.safetensors",
            f"mira.{tool}_low_noise.safetensors",
        )
        assert back(high, low, to=tmp_path) == path.read_bytes()
        with pytest.raises(LoraError, match="it is not the part for high noise alone"):
            opened(low, high)

    def test_what_the_file_says_goes_along(self, tmp_path: Path, tool: Any) -> None:
        """The export says what it was made from, and so is known again as the same base's."""
        path = trained(tmp_path / "mira.safetensors", "wan2.2-ti2v-5b")
        (out,) = write(opened(path), tool, tmp_path / "out", "mira")
        header = read_header(out)
        assert (header.family, header.base_revision, header.base_digest) == (
            "wan2.2-ti2v-5b",
            "c" * 40,
            "d" * 64,
        )
        assert (header.rank, header.alpha, header.trigger, header.steps) == (RANK, ALPHA, "mira", 450)
        assert json.loads(header.metadata["filmforge.photos"]) == ["a" * 64, "b" * 64]
        assert json.loads(header.metadata["filmforge.settings"]) == {"learning_rate": 1e-3, "seed": 7}
        assert header.metadata["filmforge.format"] == "filmforge.lora/1"


def delta(lora: Lora, module: str, expert: str | None = None) -> Tensor:
    pair = lora.parts[expert][module]
    return pair.up.float() @ pair.down.float() * pair.scale


class TestComfyUI:
    """What ComfyUI adds to a weight: up @ down * alpha / rank, under the name that its copy of the model has."""

    def added(self, path: Path) -> dict[str, Tensor]:
        held = tensors.load(path)
        names = {name.removesuffix(".alpha") for name in held if name.endswith(".alpha")}
        assert len(held) == 3 * len(names)
        return {
            name: held[f"{name}.lora_B.weight"].float()
            @ held[f"{name}.lora_A.weight"].float()
            * held[f"{name}.alpha"].item()
            / held[f"{name}.lora_A.weight"].shape[0]
            for name in names
        }

    def exported(self, folder: Path, family: str) -> tuple[Lora, dict[str, Tensor]]:
        lora = opened(trained(folder / "mira.safetensors", family, dtype=torch.float32))
        return lora, self.added(write(lora, "comfyui", folder, "mira")[0])

    def test_wan(self, tmp_path: Path) -> None:
        """Module for module; and alpha is written, for without it ComfyUI takes the scale for 1."""
        lora, added = self.exported(tmp_path, "wan2.2-ti2v-5b")
        for theirs, ours in (
            ("self_attn.q", QUERY),
            ("ffn.0", "blocks.0.ffn.net.0.proj"),
            ("ffn.2", "blocks.0.ffn.net.2"),
        ):
            assert torch.allclose(added[f"diffusion_model.blocks.0.{theirs}"], delta(lora, ours))
        assert torch.allclose(
            added["diffusion_model.blocks.11.cross_attn.o"], delta(lora, "blocks.11.attn2.to_out.0")
        )
        assert len(added) == 4

    def test_hunyuan(self, tmp_path: Path) -> None:
        """Query, key and value stand one above the other; where one has no LoRA, nothing is added to its rows. A single
        block's first weight has the rows of its hidden layer too, four times as wide."""
        lora, added = self.exported(tmp_path, "hunyuan-video")
        image = torch.cat([delta(lora, f"{DOUBLE}.to_{part}") for part in "qkv"])
        assert torch.allclose(added["diffusion_model.double_blocks.3.img_attn_qkv"], image, atol=1e-6)
        text = torch.cat([delta(lora, f"{DOUBLE}.add_q_proj"), torch.zeros(2 * WIDTH, WIDTH)])
        assert torch.allclose(added["diffusion_model.double_blocks.3.txt_attn_qkv"], text, atol=1e-6)
        single = [delta(lora, f"{SINGLE}.to_{part}") for part in "qkv"] + [torch.zeros(4 * WIDTH, WIDTH)]
        assert torch.allclose(added["diffusion_model.single_blocks.12.linear1"], torch.cat(single), atol=1e-6)

    def test_mochi(self, tmp_path: Path) -> None:
        """Gate and value of the hidden layer have changed places in diffusers, and change back."""
        lora, added = self.exported(tmp_path, "mochi-1")
        hidden = delta(lora, "transformer_blocks.0.ff.net.0.proj")
        first, second = hidden.chunk(2)
        assert torch.allclose(added["diffusion_model.blocks.0.mlp_x.w1"], torch.cat([second, first]))
        assert "diffusion_model.blocks.0.attn.qkv_x" in added

    def test_scales_that_differ_in_one_module(self, tmp_path: Path) -> None:
        """ComfyUI knows one alpha a module: the ups bear the rest, and the effect is the same."""
        held = {}
        for part, alpha in (("q", 1.0), ("k", 4.0), ("v", 2.0)):
            name = f"lora_unet_{DOUBLE.replace('.', '_')}_to_{part}"
            held[f"{name}.lora_down.weight"] = torch.randn(RANK, WIDTH)
            held[f"{name}.lora_up.weight"] = torch.randn(WIDTH, RANK)
            held[f"{name}.alpha"] = torch.tensor(alpha)
        tensors.save(tmp_path / "x.safetensors", held)
        lora = opened(tmp_path / "x.safetensors", family="hunyuan-video")
        added = self.added(write(lora, "comfyui", tmp_path, "y")[0])
        expected = torch.cat([delta(lora, f"{DOUBLE}.to_{part}") for part in "qkv"])
        assert torch.allclose(added["diffusion_model.double_blocks.3.img_attn_qkv"], expected, atol=1e-5)


class TestDiffusers:
    def test_each_expert_by_its_own_pipeline(self, tmp_path: Path) -> None:
        """`load_lora_weights` puts the file for high noise on the one expert, and, with its flag, the file for low
        noise on the other, each scaled by its alpha."""
        from diffusers import WanPipeline

        from tests.video_models.tiny import save_a14b_like

        path = tmp_path / "mira.safetensors"
        modules = (QUERY, "blocks.1.attn2.to_out.0")
        experts = ("transformer", "transformer_2")
        write_lora(
            path,
            {expert: adapter(modules, seed) for seed, expert in enumerate(experts)},
            weights=Weights("wan2.2-t2v-a14b", digest="d" * 64),
            trigger="mira",
            steps=1,
            kept=[1],
            settings={},
            photos=[],
            dtype=torch.float32,
        )
        lora = opened(path)
        files = write(lora, "diffusers", tmp_path, "mira")
        pipeline = WanPipeline.from_pretrained(save_a14b_like(tmp_path / "m"))
        for expert, file in zip(experts, files, strict=True):
            pipeline.load_lora_weights(
                file, adapter_name=expert, load_into_transformer_2=expert == "transformer_2"
            )
            for module in modules:
                linear = getattr(pipeline, expert).get_submodule(module)
                assert torch.allclose(linear.get_delta_weight(expert), delta(lora, module, expert), atol=1e-5)


class TestFilesMadeElsewhere:
    def kohya(self, path: Path, seed: int) -> Path:
        generator = torch.Generator().manual_seed(seed)
        held = {
            "lora_unet_blocks_0_self_attn_q.lora_down.weight": torch.randn(RANK, WIDTH, generator=generator),
            "lora_unet_blocks_0_self_attn_q.lora_up.weight": torch.randn(WIDTH, RANK, generator=generator),
            "lora_unet_blocks_0_self_attn_q.alpha": torch.tensor(0.5),
        }
        tensors.save(path, held, {"ss_network_dim": "2"})
        return path

    def test_two_files_become_one(self, tmp_path: Path) -> None:
        """A pair from a trainer of single experts is one file for a film, with the alphas that it had."""
        high, low = (self.kohya(tmp_path / f"{name}.safetensors", seed) for seed, name in enumerate("ab"))
        (path,) = write(opened(high, low), "filmforge", tmp_path, "both")
        joined = opened(path)
        for expert, file in (("transformer", high), ("transformer_2", low)):
            assert torch.equal(delta(joined, QUERY, expert), delta(opened(file), QUERY))
        assert joined.parts["transformer"][QUERY].alpha == 0.5
        assert not joined.header.made_here

    def test_nothing_of_others_is_written_over(self, tmp_path: Path) -> None:
        """An export replaces an export, and no other file."""
        path = self.kohya(tmp_path / "a.safetensors", 0)
        (out,) = write(opened(path), "comfyui", tmp_path, "a")
        assert write(opened(path), "comfyui", tmp_path, "a") == [out]
        self.kohya(tmp_path / "b.comfyui.safetensors", 1)
        with pytest.raises(UsageError, match="that filmforge did not write"):
            write(opened(path), "comfyui", tmp_path, "b")

    def test_a_base_that_is_not_told(self, tmp_path: Path) -> None:
        """Names that two architectures share need the family; a module without a name there is said."""
        held = {
            "transformer.transformer_blocks.0.attn1.to_q.lora_A.weight": torch.ones(1, 8),
            "transformer.transformer_blocks.0.attn1.to_q.lora_B.weight": torch.ones(8, 1),
        }
        path = tmp_path / "x.safetensors"
        tensors.save(path, held)
        with pytest.raises(LoraError, match="name it: --family ID"):
            write(opened(path), "comfyui", tmp_path, "y")
        assert write(opened(path, family="ltx-video"), "comfyui", tmp_path, "y")
