"""LoRAs as other tools write them do to each family's real transformer what adding them to its weights by hand does."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from filmforge.errors import LoraError
from filmforge.video_models import tensors
from filmforge.video_models.facts import facts_of
from filmforge.video_models.lora_file import LoraUse, mismatch, peft_config, read_header
from filmforge.video_models.model import VideoModel
from filmforge.video_models.weights import Weights
from tests.video_models import tiny
from tests.video_models.conftest import load

BLOCK, SINGLE = "transformer_blocks.0", "single_transformer_blocks.0"


@dataclass(frozen=True)
class Kind:
    """A family, its tiny weights, and some of its authors' modules: what of diffusers' each is, row after row."""

    family: str
    save: Callable[[Path], Path]
    modules: Mapping[str, tuple[str, ...]]
    swapped: tuple[str, ...] = ()


KINDS = {
    "wan": Kind(
        "wan2.2-ti2v-5b",
        lambda folder: tiny.save_5b_like(folder, layers=12),
        {
            "blocks.1.self_attn.q": ("blocks.1.attn1.to_q",),
            "blocks.11.self_attn.q": ("blocks.11.attn1.to_q",),
            "blocks.1.cross_attn.o": ("blocks.1.attn2.to_out.0",),
            "blocks.0.ffn.0": ("blocks.0.ffn.net.0.proj",),
            "blocks.0.ffn.2": ("blocks.0.ffn.net.2",),
            "head.head": ("proj_out",),
        },
    ),
    "hunyuan": Kind(
        "hunyuan-video",
        tiny.save_hunyuan_like,
        {
            "double_blocks.0.img_attn_qkv": tuple(f"{BLOCK}.attn.to_{part}" for part in "qkv"),
            "double_blocks.0.txt_attn_qkv": tuple(f"{BLOCK}.attn.add_{part}_proj" for part in "qkv"),
            "double_blocks.0.txt_attn_proj": (f"{BLOCK}.attn.to_add_out",),
            "double_blocks.0.img_mlp.fc1": (f"{BLOCK}.ff.net.0.proj",),
            "single_blocks.0.linear1": (
                *(f"{SINGLE}.attn.to_{part}" for part in "qkv"),
                f"{SINGLE}.proj_mlp",
            ),
            "single_blocks.0.linear2": (f"{SINGLE}.proj_out",),
            "final_layer.linear": ("proj_out",),  # whose name is the end of the one above
            "final_layer.adaLN_modulation.1": ("norm_out.linear",),
        },
        ("final_layer.adaLN_modulation.1",),
    ),
    "mochi": Kind(
        "mochi-1",
        tiny.save_mochi_like,
        {
            "blocks.0.attn.qkv_x": tuple(f"{BLOCK}.attn1.to_{part}" for part in "qkv"),
            "blocks.0.attn.qkv_y": tuple(f"{BLOCK}.attn1.add_{part}_proj" for part in "qkv"),
            "blocks.0.attn.proj_x": (f"{BLOCK}.attn1.to_out.0",),
            "blocks.0.mlp_x.w1": (f"{BLOCK}.ff.net.0.proj",),
        },
        ("blocks.0.mlp_x.w1",),
    ),
    "ltx": Kind(
        "ltx-video",
        tiny.save_ltx_like,
        {
            f"{BLOCK}.attn1.to_q": (f"{BLOCK}.attn1.to_q",),
            f"{BLOCK}.attn2.to_out.0": (f"{BLOCK}.attn2.to_out.0",),
            f"{BLOCK}.ff.net.0.proj": (f"{BLOCK}.ff.net.0.proj",),
            "patchify_proj": ("proj_in",),
            "adaln_single.linear": ("time_embed.linear",),
        },
    ),
}


@dataclass(frozen=True)
class Half:
    """A module's LoRA as a trainer has it. Ranks and alphas differ from one module to the next."""

    down: Tensor
    up: Tensor
    alpha: float

    @property
    def rank(self) -> int:
        return self.down.shape[0]


class Subject:
    """A tiny model of a kind, a LoRA for its authors' modules, and the clips that it makes."""

    def __init__(self, kind: Kind, folder: Path) -> None:
        self.kind = kind
        self.model: VideoModel = load(kind.family, kind.save(folder), precision="fp32")
        generator = torch.Generator().manual_seed(3)
        self.theirs: dict[str, Half] = {}
        for at, (name, ours) in enumerate(kind.modules.items()):
            linears = [self.linear(module) for module in ours]
            rank = 2 + at % 3
            down = torch.randn(rank, linears[0].in_features, generator=generator)
            up = torch.randn(sum(each.out_features for each in linears), rank, generator=generator)
            self.theirs[name] = Half(down * 0.3, up * 0.3, [1.0, 6.0, 3.5][at % 3])
        self._merged: dict[bool, Tensor] = {}
        self.base = self.clip()

    def linear(self, module: str) -> Any:
        found = self.model.transformer.get_submodule(module)
        return getattr(found, "base_layer", found)

    def clip(self, *uses: LoraUse) -> Tensor:
        self.model.set_loras(uses)
        positive, negative = self.model.encode(["mira", ""])
        return self.model.sample(
            positive=positive,
            negative=negative,
            frames=self.model.facts.legal_frames(2),
            size=(64, 32),
            steps=2,
            guidance=3.0,
            shift=self.model.facts.shift,
            seed=1,
        )["latents"]

    def ours(self) -> dict[str, Half]:
        """The same LoRA module by module of diffusers' transformer."""
        found = {}
        for name, half in self.theirs.items():
            modules = self.kind.modules[name]
            up = half.up
            if name in self.kind.swapped:
                up = torch.cat([*up.chunk(2)[::-1]])
            rows = up.split([self.linear(module).out_features for module in modules])
            for module, part in zip(modules, rows, strict=True):
                found[module] = Half(half.down, part.contiguous(), half.alpha)
        return found

    def merged(self, *, scaled: bool = True) -> Tensor:
        """The clip with the LoRA added to the weights by hand: by alpha / rank, or, not `scaled`, as it is."""
        if scaled not in self._merged:
            with self.added(scaled):
                self._merged[scaled] = self.clip()
        return self._merged[scaled]

    @contextmanager
    def added(self, scaled: bool) -> Iterator[None]:
        self.model.set_loras([])
        kept = {}
        for module, half in self.ours().items():
            weight = self.linear(module).weight
            kept[module] = weight.data.clone()
            weight.data += half.up @ half.down * (half.alpha / half.rank if scaled else 1.0)
        try:
            yield
        finally:
            for module, weight in kept.items():
                self.linear(module).weight.data = weight

    def acts(self, path: Path, *, scaled: bool = True, config: Mapping[str, Any] | None = None) -> None:
        """Assert that the file does what adding by hand does, and that this is not nothing."""
        expected = self.merged(scaled=scaled)
        change = (expected - self.base).abs().mean()
        assert change > 0.01 * self.base.std()
        got = self.clip(LoraUse(path, config=config))
        assert (got - expected).abs().mean() < 2e-3 * change
        self.model.set_loras([])


@pytest.fixture(scope="module", params=KINDS)
def subject(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Subject:
    return Subject(KINDS[request.param], tmp_path_factory.mktemp(request.param))


def pairs(
    halves: Mapping[str, Half], key: Callable[[str], str], names: tuple[str, str], *, alpha: bool
) -> dict[str, Tensor]:
    """Two tensors for each module, called `names`, and its alpha beside them."""
    held = {}
    for module, half in halves.items():
        name = key(module)
        held |= {f"{name}.{names[0]}.weight": half.down, f"{name}.{names[1]}.weight": half.up}
        if alpha:
            held[f"{name}.alpha"] = torch.tensor(half.alpha)
    return held


def saved(path: Path, held: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None) -> Path:
    tensors.save(path, held, metadata)
    return path


AB, DOWN_UP = ("lora_A", "lora_B"), ("lora_down", "lora_up")


def config_of(halves: Mapping[str, Half], **more: object) -> dict[str, object]:
    """peft's configuration of a LoRA whose ranks and alphas differ; the patterns are regular expressions."""
    return {
        "r": 99,
        "lora_alpha": 99,
        "rank_pattern": {f"^{name}": half.rank for name, half in halves.items()},
        "alpha_pattern": {f"^{name}": half.alpha for name, half in halves.items()},
        **more,
    }


class TestEffect:
    """Each module by its own alpha and rank: peft takes the commonest ones, and some formats know no others."""

    def test_musubi_tuner(self, subject: Subject, tmp_path: Path) -> None:
        """kohya's keys: dots are underscores, `blocks_1` is not `blocks_11`, and alpha stands with each module."""
        held = pairs(subject.theirs, lambda n: f"lora_unet_{n.replace('.', '_')}", DOWN_UP, alpha=True)
        subject.acts(saved(tmp_path / "x", held))

    def test_comfyui(self, subject: Subject, tmp_path: Path) -> None:
        """The authors' names under `diffusion_model.`, with alphas; halves by either pair of names."""
        for number, names in enumerate((AB, DOWN_UP)):
            held = pairs(subject.theirs, lambda n: f"diffusion_model.{n}", names, alpha=True)
            subject.acts(saved(tmp_path / str(number), held))

    @pytest.mark.parametrize("prefix", ["diffusion_model", "transformer"])
    def test_without_alpha(self, subject: Subject, tmp_path: Path, prefix: str) -> None:
        """ai-toolkit and diffusion-pipe write none, for it is the rank: the scale is 1. A rank or alpha left in the
        metadata by a conversion is not one of these tensors and does not count."""
        held = pairs(subject.theirs, lambda n: f"{prefix}.{n}", AB, alpha=False)
        said = {"format": "pt", "ss_network_alpha": "1", "ss_network_dim": "64"}
        subject.acts(saved(tmp_path / "x", held, said), scaled=False)

    def test_diffusers(self, subject: Subject, tmp_path: Path) -> None:
        """diffusers' own names; ranks and alphas by pattern in the metadata."""
        ours = subject.ours()
        held = pairs(ours, lambda n: f"transformer.{n}", AB, alpha=False)
        said = {f"transformer.{key}": value for key, value in config_of(ours).items()}
        subject.acts(saved(tmp_path / "x", held, {"lora_adapter_metadata": json.dumps(said)}))

    def test_peft(self, subject: Subject, tmp_path: Path) -> None:
        """peft's file, with the configuration that it writes beside it; and by the root of the rank (rsLoRA)."""
        ours = subject.ours()
        held = pairs(ours, lambda n: f"base_model.model.{n}", AB, alpha=False)
        path = saved(tmp_path / "adapter_model.safetensors", held)
        beside = tmp_path / "adapter_config.json"
        beside.write_text(json.dumps(config_of(ours, peft_type="LORA", target_modules=["to_q"])))
        subject.acts(path, config=peft_config(path))
        roots = {name: Half(half.down, half.up, half.alpha / half.rank**0.5) for name, half in ours.items()}
        beside.write_text(json.dumps(config_of(roots, use_rslora=True)))
        subject.acts(path, config=peft_config(path))


@pytest.fixture(scope="module")
def wan(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return load("wan2.2-ti2v-5b", tiny.save_5b_like(tmp_path_factory.mktemp("wan")), precision="fp32")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> VideoModel:
    """A tiny Wan 2.2 A14B."""
    folder = tiny.save_a14b_like(tmp_path_factory.mktemp("a14b"))
    found: VideoModel = load("wan2.2-t2v-a14b", folder, precision="fp32")
    return found


class TestWrittenByTheToolItself:
    """What peft and diffusers write of an adapter that is on the model."""

    def clip(self, model: Any, *uses: LoraUse) -> Tensor:
        model.set_loras(uses)
        return self.sampled(model)

    def sampled(self, model: Any) -> Tensor:
        found: Tensor = model.sample(
            positive=model.encode(["mira"])[0],
            negative=None,
            frames=1,
            size=(32, 32),
            steps=2,
            guidance=1.0,
            shift=3.0,
            seed=1,
        )["latents"]
        return found

    def test_each_way_of_saving(self, wan: Any, tmp_path: Path) -> None:
        """The file drawn from a trained adapter makes the picture that the adapter made, whoever wrote it."""
        from diffusers import WanPipeline
        from peft import LoraConfig, get_peft_model, get_peft_model_state_dict

        config = LoraConfig(
            r=2,
            lora_alpha=5,
            target_modules=["to_q", "ffn.net.2"],
            rank_pattern={"blocks.0.attn1.to_q": 3},
            alpha_pattern={"attn2.to_q": 1.5},
            init_lora_weights=False,
        )
        base = self.clip(wan)
        transformer = wan.transformer
        torch.manual_seed(0)
        peft = get_peft_model(transformer, config)
        trained = self.sampled(wan)
        assert not torch.allclose(trained, base, atol=1e-2)
        peft.save_pretrained(tmp_path / "peft")
        state = get_peft_model_state_dict(peft)
        peft.unload()
        transformer.add_adapter(config, adapter_name="mine")
        from peft import set_peft_model_state_dict

        bare = {key.removeprefix("base_model.model."): value for key, value in state.items()}
        set_peft_model_state_dict(transformer, bare, adapter_name="mine")
        transformer.save_lora_adapter(tmp_path / "bare", adapter_name="mine")
        WanPipeline.save_lora_weights(
            tmp_path / "pipeline",
            transformer_lora_layers=bare,
            transformer_lora_adapter_metadata=transformer.peft_config["mine"].to_dict(),
        )
        transformer.delete_adapters("mine")
        wan.set_loras([])
        for file in ("peft/adapter_model", "bare/pytorch_lora_weights", "pipeline/pytorch_lora_weights"):
            path = tmp_path / f"{file}.safetensors"
            use = LoraUse(path, config=peft_config(path))
            assert torch.allclose(self.clip(wan, use), trained, atol=1e-4), file
        wan.set_loras([])

    def test_mochi_s_own_trainer(self, tmp_path: Path) -> None:
        """No `.weight` in its keys; one alpha for attention's input and one for its output, under `kwargs`."""
        subject = Subject(KINDS["mochi"], tmp_path / "m")
        subject.theirs = {
            name: Half(half.down, half.up, 5.0 if "qkv" in name else 3.0)
            for name, half in subject.theirs.items()
            if ".attn." in name
        }
        held = {}
        for name, half in subject.theirs.items():
            held |= {f"{name}.lora_A": half.down, f"{name}.lora_B": half.up}
        said = {"kwargs": json.dumps({"qkv_proj_lora_alpha": 5, "out_proj_lora_alpha": 3})}
        subject.acts(saved(tmp_path / "x", held, said))


class TestTwoExperts:
    """Wan 2.2 A14B: what a file says of its expert decides where it acts."""

    def changes(self, model: VideoModel, path: Path) -> dict[str, Tensor]:
        """By expert, what the LoRA adds to the query of the first block."""
        model.set_loras([LoraUse(path)])
        found = {}
        for name in model.experts:
            query = model.expert(name).get_submodule("blocks.0.attn1.to_q")
            if adapters := list(getattr(query, "lora_A", {})):
                found[name] = query.get_delta_weight(adapters[0])
        model.set_loras([])
        return found

    def halves(self, seed: int) -> dict[str, Half]:
        generator = torch.Generator().manual_seed(seed)
        draw = [torch.randn(*shape, generator=generator) for shape in ((2, 24), (24, 2))]
        return {"blocks.0.self_attn.q": Half(draw[0], draw[1], 4.0)}

    def test_ai_toolkit_s_one_file_for_both(self, model: VideoModel, tmp_path: Path) -> None:
        """`transformer_1.` and `transformer_2.` stand behind `diffusion_model.`; each part acts on its own expert."""
        held: dict[str, Tensor] = {}
        for number in (1, 2):
            held |= pairs(
                self.halves(number),
                lambda n, i=number: f"diffusion_model.transformer_{i}.{n}",
                AB,
                alpha=False,
            )
        found = self.changes(model, saved(tmp_path / "x", held))
        for number, expert in ((1, "transformer"), (2, "transformer_2")):
            half = self.halves(number)["blocks.0.self_attn.q"]
            assert torch.allclose(found[expert], half.up @ half.down, atol=1e-5)

    @pytest.mark.parametrize(
        ("range_", "experts"),
        [
            ("875,1000", {"transformer"}),
            ("900,1000", {"transformer"}),
            ("0,875", {"transformer_2"}),
            ("0,1000", {"transformer", "transformer_2"}),
            (None, {"transformer", "transformer_2"}),
        ],
    )
    def test_musubi_tuner_s_range(
        self, model: VideoModel, tmp_path: Path, range_: str | None, experts: set[str]
    ) -> None:
        """One that was trained in one expert's range of timesteps acts on that expert alone, with its alpha."""
        half = self.halves(0)
        held = pairs(half, lambda n: f"lora_unet_{n.replace('.', '_')}", DOWN_UP, alpha=True)
        said = {"modelspec.timestep_range": range_} if range_ else {}
        found = self.changes(model, saved(tmp_path / "x", held, said))
        assert set(found) == experts
        expected = half["blocks.0.self_attn.q"].up @ half["blocks.0.self_attn.q"].down * 2
        assert all(torch.allclose(delta, expected, atol=1e-5) for delta in found.values())

    def test_not_on_one_transformer(self, tmp_path: Path) -> None:
        """A LoRA of two parts is refused where there is one transformer, before anything is loaded."""
        held = pairs(self.halves(0), lambda n: f"transformer_2.{n}", AB, alpha=False)
        header = read_header(saved(tmp_path / "x", held))
        reason = mismatch(header, facts_of("wan2.2-ti2v-5b"), Weights("wan2.2-ti2v-5b"))
        assert "made for a model of two experts, and wan2.2-ti2v-5b has one" in str(reason)


class TestRefused:
    """What is not a plain LoRA, or whose scale is not certain, says so."""

    @pytest.mark.parametrize(
        ("key", "words"),
        [
            ("diffusion_model.blocks.0.ffn.0.lokr_w1", "LoKr"),
            ("lora_unet_blocks_0_ffn_0.hada_w1_a", "LoHa"),
            ("diffusion_model.blocks.0.ffn.0.dora_scale", "DoRA"),
            ("diffusion_model.blocks.0.ffn.0.diff_b", "biases or whole weights"),
            ("transformer.blocks.0.ffn.net.2.lora_B.bias", "biases or whole weights"),
            ("lora_te1_text_model_encoder_layers_0_mlp_fc1.lora_up.weight", "the text encoder too"),
            ("transformer.blocks.0.lora_C.weight", "is not a key of a LoRA"),
        ],
    )
    def test_other_kinds(self, tmp_path: Path, key: str, words: str) -> None:
        """They are named while the film is planned, and what stands beside them is not loaded alone."""
        held = {key: torch.ones(2, 2), "transformer.blocks.0.attn1.to_q.lora_A.weight": torch.ones(2, 24)}
        with pytest.raises(LoraError, match=words):
            read_header(saved(tmp_path / "x", held))

    def refuse(self, pocket: Any, path: Path, words: str, config: Mapping[str, Any] | None = None) -> None:
        with pytest.raises(LoraError, match=words):
            pocket.set_loras([LoraUse(path, config=config)])
        assert not getattr(pocket.transformer, "peft_config", None)

    def test_peft_without_its_configuration(self, pocket: Any, tmp_path: Path) -> None:
        """Its alpha is nowhere else: taken for the rank, the LoRA would be too strong or too weak."""
        half = {"blocks.0.attn1.to_q": Half(torch.ones(2, 24), torch.ones(24, 2), 1.0)}
        path = saved(tmp_path / "x", pairs(half, lambda n: f"base_model.model.{n}", AB, alpha=False))
        self.refuse(pocket, path, r"adapter_config\.json, which is not beside the file")
        self.refuse(pocket, path, "rank 2, and its configuration says 8", {"r": 8, "lora_alpha": 8})
        self.refuse(pocket, path, "pissa", {"r": 2, "lora_alpha": 2, "init_lora_weights": "pissa"})
        self.refuse(pocket, path, "not of a plain LoRA", {"r": 2, "lora_alpha": 2, "use_dora": True})

    def test_one_module_under_two_names(self, pocket: Any, tmp_path: Path) -> None:
        """Neither of them is what was trained."""
        half = {"x": Half(torch.ones(2, 24), torch.ones(24, 2), 1.0)}
        held = pairs(half, lambda n: "diffusion_model.blocks.0.self_attn.q", AB, alpha=False)
        held |= pairs(half, lambda n: "transformer.blocks.0.attn1.to_q", AB, alpha=False)
        self.refuse(pocket, saved(tmp_path / "x", held), "stands twice in it, under two names")


def shaped(path: Path, keys: Mapping[str, tuple[int, int]], **said: str) -> Path:
    """A LoRA of rank 1, by the outer sizes of its modules: enough for what a header tells."""
    held = {}
    for key, (outer, inner) in keys.items():
        held |= {
            f"{key}.lora_down.weight": torch.zeros(1, inner),
            f"{key}.lora_up.weight": torch.zeros(outer, 1),
        }
    return saved(path, held, {name.replace("__", "."): value for name, value in said.items()})


def wide(name: str, width: int, *blocks: int) -> dict[str, tuple[int, int]]:
    return {name.format(block): (width, width) for block in blocks}


class TestAnotherBase:
    """A LoRA of another model is refused before anything is loaded, naming both, even where every shape fits."""

    @pytest.mark.parametrize(
        ("family", "keys", "words"),
        [
            (
                "wan2.2-ti2v-5b",
                wide("lora_unet_blocks_{}_self_attn_q", 5120, 0),
                "Wan 14B.*2.2-ti2v-5b is 3072",
            ),
            (
                "wan2.2-t2v-a14b",
                wide("lora_unet_blocks_{}_self_attn_q", 1536, 0),
                "Wan 2.1 1.3B.*is 5120 wide",
            ),
            (
                "ltx-video",
                wide("diffusion_model.blocks.{}.self_attn.q", 5120, 0),
                "Wan, and the model is ltx",
            ),
            (
                "wan2.2-ti2v-5b",
                wide("lora_unet_double_blocks_{}_img_attn_proj", 3072, 0),
                "HunyuanVideo or FLUX",
            ),
            ("wan2.2-ti2v-5b", wide("lora_unet_input_blocks_{}_1_proj_in", 320, 4), "Stable Diffusion XL"),
            (
                "hunyuan-video",
                wide("transformer.single_transformer_blocks.{}.attn.to_q", 3072, 0, 37)
                | wide("transformer.transformer_blocks.{}.attn.to_q", 3072, 0, 18),
                "made for FLUX.1, by the number of blocks.*hunyuan-video",
            ),
            (
                "mochi-1",
                wide("transformer.transformer_blocks.{}.attn1.to_q", 3072, 0, 41),
                "CogVideoX 5B.*mochi-1",
            ),
        ],
    )
    def test_by_names_width_and_depth(
        self, tmp_path: Path, family: str, keys: dict[str, tuple[int, int]], words: str
    ) -> None:
        """FLUX.1 fits HunyuanVideo, and CogVideoX fits Mochi, in every shape; the count of blocks tells."""
        header = read_header(shaped(tmp_path / "x", keys))
        facts = facts_of(family)
        with pytest.raises(AssertionError, match=words):
            raise AssertionError(mismatch(header, facts, Weights(family, repo=facts.weights)))

    def test_by_what_its_metadata_says(self, tmp_path: Path) -> None:
        """FramePack's transformer is HunyuanVideo's in all its shapes."""
        keys = wide("lora_unet_double_blocks_{}_img_attn_proj", 3072, 19)
        facts, weights = facts_of("hunyuan-video"), Weights("hunyuan-video")
        other = read_header(shaped(tmp_path / "x", keys, modelspec__architecture="framepack/lora"))
        assert "made for framepack, as its metadata says" in str(mismatch(other, facts, weights))
        own = read_header(shaped(tmp_path / "y", keys, modelspec__architecture="hunyuan-video/lora"))
        assert mismatch(own, facts, weights) is None
