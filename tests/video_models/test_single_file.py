"""Transformers from one file, safetensors or GGUF, on the command line and by themselves."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers.quantizers.gguf.utils import dequantize_gguf_tensor

from filmforge.errors import WeightsError
from filmforge.video_models import single_file, tensors
from filmforge.video_models.checkpoint import Checkpoint, misfit
from filmforge.video_models.facts import families
from filmforge.video_models.published import releases
from tests.video_models import one_file, tiny
from tests.video_models.one_file import film_of, wide
from tests.video_models.test_from_the_command_line import renders, run


def pictures(film: Path) -> dict[str, np.ndarray]:
    """The frames of each shot's render."""
    from filmforge.editing.frames import read_frames
    from filmforge.store import Store

    store = Store(film.parent / ".filmforge")
    return {
        name.split("/")[2].split("@")[0]: np.stack(list(read_frames(store.blobs.path(digest))))
        for name, digest in renders(film).items()
    }


@dataclass(frozen=True)
class Case:
    """A family, how its tiny weights are made, and how its authors name them (None where diffusers' own names are kept)."""

    family: str
    save: Callable[[Path], Path]
    more: str
    layout: str | None
    near: float


CASES = {
    "5b": Case("wan2.2-ti2v-5b", lambda to: wide(tiny.save_5b_like(to)), ", size: 64x32", "wan", 2),
    # diffusers converts a Mochi of 48 blocks and no other, and splits a block of HunyuanVideo at 3072: both below.
    "mochi": Case("mochi-1", tiny.save_mochi_like, ", size: 64x32", None, 2),
    "hunyuan": Case("hunyuan-video", tiny.save_hunyuan_like, ", size: 64x32", None, 2),
    "ltx": Case("ltx-video", tiny.save_ltx_like, ", size: 64x32", "ltx", 2),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_a_file_is_the_folder_s_transformer(case: Case, tmp_path: Path) -> None:
    """The same weights render the same frames from a folder, from a safetensors file in the authors' layout, with the
    parts of another model beside them, whose base has no transformer; and nearly the same from a GGUF of eight bits."""
    case.save(tmp_path / "whole")
    shutil.copytree(
        tmp_path / "whole", tmp_path / "base", ignore=shutil.ignore_patterns("diffusion_pytorch_model*")
    )
    shutil.copytree(tmp_path / "whole" / "vae", tmp_path / "base" / "vae", dirs_exist_ok=True)
    held = one_file.weights_of(tmp_path / "whole")
    theirs = one_file.authors(case.layout, held) if case.layout else held
    within = {f"model.diffusion_model.{name}": value for name, value in theirs.items()}
    tensors.save(tmp_path / "a.safetensors", {**within, "vae.decoder.x": torch.zeros(3)})
    one_file.write_gguf(tmp_path / "a.gguf", theirs)
    models = {
        "folder": "weights: ./whole",
        "file": "weights: {file: ./a.safetensors, base: ./base}",
        "gguf": "weights: {file: ./a.gguf, base: ./base}",
    }
    film = film_of(tmp_path, case.family, models, case.more)
    status, said = run("build", film, "--json")
    assert status == 0, said
    made = pictures(film)
    assert (made["folder"] == made["file"]).all()
    far = np.abs(made["folder"].astype(int) - made["gguf"])
    assert 0 < far.mean() < case.near
    assert run("build", film, "--locked")[0] == 0


@pytest.mark.slow
def test_two_experts(tmp_path: Path) -> None:
    """Each expert has a file, or one of them; the other is then the folder's. What is streamed comes out the same, and a
    LoRA on a GGUF acts."""
    wide(tiny.save_a14b_like(tmp_path / "whole"))
    for name, component in (("high", "transformer"), ("low", "transformer_2")):
        held = one_file.authors("wan", one_file.weights_of(tmp_path / "whole", component))
        tensors.save(tmp_path / f"{name}.safetensors", held)
        one_file.write_gguf(tmp_path / f"{name}.gguf", held)
    dice = torch.Generator().manual_seed(1)
    lora = {
        f"blocks.0.attn1.to_q.lora_{side}.weight": torch.randn(*shape, generator=dice)
        for side, shape in (("A", (2, 32)), ("B", (32, 2)))
    }
    tensors.save(tmp_path / "lora.safetensors", lora)
    models = {
        "folder": "weights: ./whole",
        "both": "weights: {file: {high: ./high.safetensors, low: ./low.safetensors}, base: ./whole}",
        "one": "weights: {file: {low: ./low.safetensors}, base: ./whole}",
        "gguf": "weights: {file: {high: ./high.gguf, low: ./low.gguf}, base: ./whole}",
        "lora": "weights: {file: {high: ./high.gguf, low: ./low.gguf}, base: ./whole}, lora: lora.safetensors",
    }
    film = film_of(tmp_path, "wan2.2-t2v-a14b", models, ", size: 32x16")
    status, said = run("build", film)
    assert status == 0, said
    made = pictures(film)
    assert (made["folder"] == made["both"]).all()
    assert (made["folder"] == made["one"]).all()
    assert 0 < np.abs(made["folder"].astype(int) - made["gguf"]).mean() < 2
    assert (made["lora"] != made["gguf"]).any()
    again = tmp_path / "again.yaml"
    again.write_text(film.read_text(), encoding="utf-8")
    status, said = run("build", again, "--store", tmp_path / "other", FILMFORGE_MEMORY="1")
    assert status == 0, said
    streamed = renders_in(tmp_path / "other")
    assert sorted(streamed) == sorted(renders(film).values())


def renders_in(store: Path) -> list[str]:
    """The digests of what the renders in a store made."""
    from filmforge.store import Store

    return [r.outputs["main"].digest for r in Store(store).records if r.kind == "render"]


class TestLoading:
    """What diffusers would pass over in silence is refused, and precisions are what they are from a folder."""

    @pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
    def test_precisions_are_the_folder_s(self, dtype: torch.dtype, five: Path) -> None:
        """To the bit, and with the same modules in fp32: `from_single_file` would cast them all."""
        import diffusers

        kind: Any = diffusers.WanTransformer3DModel
        folder = five / "transformer"
        whole = kind.from_pretrained(folder, torch_dtype=dtype)
        file = single_file.load(kind, folder, folder / "diffusion_pytorch_model.safetensors", dtype, "it", {})
        for ours, theirs in ((file.state_dict(), whole.state_dict()), (buffers(file), buffers(whole))):
            assert ours.keys() == theirs.keys()
            for name, value in theirs.items():
                assert ours[name].dtype == value.dtype, name
                assert torch.equal(ours[name], value), name

    @pytest.mark.parametrize("gguf", [False, True])
    def test_every_tensor_has_its_place(self, gguf: bool, five: Path, tmp_path: Path) -> None:
        """One too few, one too many, one of another shape."""
        import diffusers

        held = one_file.authors("wan", one_file.weights_of(five))
        name = "blocks.1.ffn.0.weight"
        for changed, words in (
            (
                {k: v for k, v in held.items() if k != name},
                "lacks 1 tensors of the model, such as blocks.1.ffn.net",
            ),
            ({**held, "blocks.1.more": torch.zeros(2)}, "holds 1 tensors that have no place in the model"),
            ({**held, name: torch.zeros(64, 32)}, r"blocks.1.ffn.net.0.proj.weight is \[64, 32\]"),
        ):
            path = tmp_path / "a"
            if gguf:
                one_file.write_gguf(path, changed)
            else:
                tensors.save(path, changed)
            with pytest.raises(WeightsError, match=f"it cannot be loaded: .*{words}"):
                single_file.load(
                    diffusers.WanTransformer3DModel, five / "transformer", path, torch.float32, "it", {}
                )

    @pytest.mark.parametrize("kind", ["F16", "BF16", "Q8_0", "Q4_0"])
    def test_types_of_gguf(self, kind: str, five: Path, tmp_path: Path) -> None:
        """Weights of linear layers stay packed; what diffusers keeps in fp32 is; and the result is near, the nearer the more
        bits there are."""
        import diffusers

        model: Any = diffusers.WanTransformer3DModel
        folder = five / "transformer"
        file = one_file.write_gguf(tmp_path / "a.gguf", one_file.weights_of(five), kind)
        small = single_file.load(model, folder, file, torch.bfloat16, "it", {})
        packed = type(small.blocks[0].attn1.to_q.weight).__name__
        assert (packed == "GGUFParameter") is (kind != "F16")
        assert small.blocks[0].scale_shift_table.dtype == torch.float32
        assert small.condition_embedder.time_embedder.linear_1.weight.dtype == torch.float32
        small = single_file.load(model, folder, file, torch.float32, "it", {})
        whole = model.from_pretrained(folder)
        dice = torch.Generator().manual_seed(0)
        given = (torch.randn(1, 48, 2, 4, 4, generator=dice), torch.tensor([500]))
        words = torch.randn(1, 8, tiny.TEXT_WIDTH, generator=dice)
        with torch.no_grad():
            far = (small(*given, words).sample - whole(*given, words).sample).abs().mean()
            assert (
                far
                < {"F16": 0.002, "BF16": 0.01, "Q8_0": 0.02, "Q4_0": 0.2}[kind]
                * whole(*given, words).sample.abs().mean()
            )


@pytest.mark.parametrize("layout", ["wan", "mochi", "ltx"])
def test_the_authors_names_are_converted(layout: str, five: Path, tmp_path: Path) -> None:
    """Each tensor comes out as it went in, halves exchanged and back; a GGUF's packed ones as well."""
    import diffusers

    folder = {
        "wan": lambda: five,
        "mochi": lambda: tiny.save_mochi_like(tmp_path / "w", layers=48),
        "ltx": lambda: tiny.save_ltx_like(tmp_path / "w"),
    }[layout]()
    own = one_file.weights_of(folder)
    config = json.loads((folder / "transformer/config.json").read_text())
    kind = getattr(diffusers, config["_class_name"])
    file = one_file.write_gguf(tmp_path / "a.gguf", one_file.authors(layout, own), "BF16")
    for held in (one_file.authors(layout, own), single_file._tensors(file, True)):
        found = single_file._converted(kind, config, held)
        single_file._complete(kind, config, found)
        for name, value in single_file._unpacked(kind, config, found).items():
            value = dequantize_gguf_tensor(value).float()
            assert torch.allclose(value, own[name], rtol=0.01, atol=1e-6), name


def buffers(model: Any) -> dict[str, torch.Tensor]:
    return dict(model.named_buffers())


RELEASES = [
    (facts.of_version(version), version, expert, part)
    for facts in families().values()
    for version, release in releases(facts).items()
    for expert, part in release.experts.items()
]


@pytest.mark.parametrize(
    ("facts", "part"),
    [
        pytest.param(facts, part, id=f"{facts.id} {version} {expert}")
        for facts, version, expert, part in RELEASES
    ],
)
def test_at_the_real_size(facts: Any, part: Any) -> None:
    """Every published transformer, in its authors' names and in diffusers', is told to be the family's, by no other's; and
    every tensor of it finds its place, with the shape of the place. On torch's meta device."""
    import diffusers

    kind = getattr(diffusers, part.kind.rsplit(".", 1)[-1])
    config = dict(part.config)
    own = single_file._meta(kind, config).state_dict()
    theirs = one_file.authors(facts.layout, own)
    for held in (own, theirs):
        shapes = {name: tuple(value.shape) for name, value in held.items()}
        checkpoint = Checkpoint(Path("x"), False, shapes, 0)
        assert misfit(checkpoint, facts, config) == ""
        for others, _, _, other in RELEASES:
            if others.layout != facts.layout or other.config != part.config:
                alike = others.layout == facts.layout and _same_measures(other.config, config)
                assert (misfit(checkpoint, others, other.config) == "") is alike, others.id
        single_file._complete(kind, config, single_file._converted(kind, config, dict(held)))


def _same_measures(one: Any, other: Any) -> bool:
    keys = ("num_attention_heads", "attention_head_dim", "in_channels", "num_layers", "num_single_layers")
    return [one.get(key) for key in keys] == [other.get(key) for key in keys]
