"""Transformers from one file, safetensors or GGUF, on the command line and by themselves."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers.quantizers.gguf.utils import dequantize_gguf_tensor

import filmforge
from filmforge.errors import FilmError, UsageError, WeightsError
from filmforge.video_models import single_file, tensors
from filmforge.video_models.checkpoint import Checkpoint, misfit
from filmforge.video_models.facts import facts_of, families
from filmforge.video_models.gguf_header import BLOCKS
from filmforge.video_models.memory import _weights
from filmforge.video_models.published import release_in, releases
from filmforge.video_models.weights import find, sha256_of
from tests.video_models import one_file, tiny
from tests.video_models.test_from_the_command_line import renders, run


def wide(folder: Path) -> Path:
    """A tiny Wan with transformers 32 wide, so that its matrices are whole blocks of GGUF's types."""
    import diffusers

    for part in folder.glob("transformer*"):
        config = json.loads((part / "config.json").read_text()) | {"attention_head_dim": 16}
        torch.manual_seed(len(part.name))
        kind: Any = diffusers.WanTransformer3DModel
        kind.from_config(config).save_pretrained(part)
    return folder


def film_of(folder: Path, family: str, models: dict[str, str], more: str = "", shot: str = "") -> Path:
    """A film with one shot for each of `models`, alike but for the weights."""
    film = folder / "film.yaml"
    lines = "".join(
        f"  {name}: {{use: {family}, precision: fp32, steps: 2, {weights}{more}}}\n"
        for name, weights in models.items()
    )
    shots = "".join(
        f'      - {{id: {name}, prompt: "a red ball", lasts: 5f, seed: 1, model: {name}{shot}}}\n'
        for name in models
    )
    film.write_text(
        f"filmforge: 1\nsize: 64x32\nmodels:\n{lines}model: {next(iter(models))}\nscenes:\n  - id: a\n"
        f"    shots:\n{shots}",
        encoding="utf-8",
    )
    return film


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


def plan(film: Path) -> Any:
    return filmforge.plan(filmforge.load(film))


def refusals(film: Path) -> str:
    """What keeps a film from being planned, or a plan from being built."""
    try:
        return "\n".join(map(str, plan(film).refused))
    except FilmError as error:
        return str(error)


@pytest.fixture(scope="module")
def five(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return wide(tiny.save_5b_like(tmp_path_factory.mktemp("five")))


class TestRefused:
    """A file that is none, or another's, is refused at its place in the film, before anything runs."""

    def film(self, folder: Path, five: Path, file: str) -> Path:
        return film_of(
            folder, "wan2.2-ti2v-5b", {"m": f"weights: {{file: {file}, base: {five}}}"}, ", size: 64x32"
        )

    def said(self, folder: Path, five: Path, file: str) -> str:
        found = refusals(self.film(folder, five, file))
        assert found.startswith(f"{folder / 'film.yaml'}:4:") or found.startswith("film.yaml:4:"), found
        return found

    @pytest.mark.parametrize("name", ["a.ckpt", "a.pt", "a.safetensors", "a.gguf"])
    def test_a_pickle_whatever_its_name(self, name: str, five: Path, tmp_path: Path) -> None:
        import pickle

        (tmp_path / name).write_bytes(pickle.dumps({"x": 1}))
        assert "a pickle, which can run code and is never read" in self.said(tmp_path, five, f"./{name}")
        torch.save({"x": torch.zeros(2)}, tmp_path / name)
        assert "a pickle, which can run code and is never read" in self.said(tmp_path, five, f"./{name}")

    @pytest.mark.parametrize("name", ["a.safetensors", "a.gguf"])
    def test_a_cut_file(self, name: str, five: Path, tmp_path: Path) -> None:
        """Cut within its tensors, within its header, and empty: never a traceback, wherever it is cut."""
        held = one_file.weights_of(five)
        tensors.save(tmp_path / "a.safetensors", held)
        one_file.write_gguf(tmp_path / "a.gguf", held)
        whole = (tmp_path / name).read_bytes()
        for length in (len(whole) - 1, len(whole) // 2, 3000, 100, 9, 3, 0):
            (tmp_path / name).write_bytes(whole[:length])
            said = self.said(tmp_path, five, f"./{name}")
            assert re.search("cut short|no safetensors header|cannot be read|holds no weights", said), said

    def test_not_there(self, five: Path, tmp_path: Path) -> None:
        assert "'./a.gguf' is not there" in self.said(tmp_path, five, "./a.gguf")

    def test_another_family(self, five: Path, tmp_path: Path) -> None:
        """By its architecture; by its measures; by what it is steered with; a LoRA, too."""
        own = one_file.authors("wan", one_file.weights_of(five))
        tiny.save_ltx_like(tmp_path / "ltx")
        two = one_file.weights_of(wide(tiny.save_a14b_like(tmp_path / "two")))
        ltx = one_file.weights_of(tmp_path / "ltx")
        for held, words in (
            (ltx, "holds a transformer of LTX-Video, and wan2.2-ti2v-5b has one of Wan"),
            (one_file.authors("ltx", ltx), "holds a transformer of LTX-Video"),
            (two, "of Wan for 16 channels, and that of wan2.2-ti2v-5b is for 48 channels"),
            ({k: v for k, v in own.items() if not k.startswith("blocks.1.")}, "of Wan of 1 blocks"),
            ({**own, "img_emb.proj.0.weight": torch.zeros(2)}, "holds a Wan 2.1 of image to video"),
            ({"a.lora_A.weight": torch.zeros(2)}, "holds a LoRA; declare it as the model's `lora`"),
            ({"head.weight": torch.zeros(2)}, "holds no transformer of Wan"),
            ({**own, "scaled_fp8": torch.zeros(1)}, "are scaled fp8 of ComfyUI"),
        ):
            tensors.save(tmp_path / "a.safetensors", held)
            assert words in self.said(tmp_path, five, "./a.safetensors")

    def test_a_type_that_diffusers_does_not_read(self, five: Path, tmp_path: Path) -> None:
        one_file.write_gguf(tmp_path / "a.gguf", one_file.weights_of(five))
        data = (tmp_path / "a.gguf").read_bytes()
        name = b"blocks.0.attn1.to_q.weight"
        at = data.index(name) + len(name) + 4 + 2 * 8
        assert data[at] == 8  # Q8_0
        (tmp_path / "a.gguf").write_bytes(data[:at] + bytes([15]) + data[at + 1 :])
        assert "is of type 15, which diffusers does not read; it reads F32" in self.said(
            tmp_path, five, "./a.gguf"
        )

    @pytest.mark.parametrize(
        ("declared", "words"),
        [
            ("use: wan2.2-t2v-a14b, weights: ./a.gguf", "has two experts; name the file of each"),
            ("use: wan2.2-t2v-a14b, weights: {file: ./a.gguf}", "has two experts; name the file of each"),
            ("use: pocket, weights: {file: {high: ./a.gguf}}", "pocket has one expert; give one file"),
            ("use: wan2.2-t2v-a14b, weights: {file: {}}", "names no file"),
            ("use: pocket, weights: {fill: ./a.gguf}", "did you mean 'file'"),
            ("use: pocket, weights: {file: ./a.gguf, base: ./b.safetensors}", "not a file"),
            ("use: animatic, weights: {file: ./a.gguf}", "animatic has no weights to name a file of"),
        ],
    )
    def test_what_a_family_does_not_take(self, declared: str, words: str, tmp_path: Path) -> None:
        film = tmp_path / "film.yaml"
        shots = "scenes:\n  - id: a\n    shots: [{id: one, prompt: x, lasts: 1s}]\n"
        film.write_text(f"filmforge: 1\nmodels: {{m: {{{declared}}}}}\nmodel: m\n{shots}", encoding="utf-8")
        said = refusals(film)
        assert words in said
        assert "film.yaml:2:" in said

    def test_one_file_for_both_experts(self, tmp_path: Path) -> None:
        """High and low noise have weights of their own; that they were mixed up would not show in their shapes."""
        wide(tiny.save_a14b_like(tmp_path / "w"))
        tensors.save(tmp_path / "x.safetensors", one_file.weights_of(tmp_path / "w"))
        same = "weights: {file: {high: ./x.safetensors, low: ./x.safetensors}, base: ./w}"
        assert "the same file is named for both experts" in refusals(
            film_of(tmp_path, "wan2.2-t2v-a14b", {"m": same}, ", size: 32x16")
        )

    def test_precisions_and_training(self, five: Path, tmp_path: Path, photo_folder: Any) -> None:
        """A GGUF is quantized already; and no LoRA learns on one."""
        one_file.write_gguf(tmp_path / "a.gguf", one_file.weights_of(five))
        film = self.film(tmp_path, five, "./a.gguf")
        assert refusals(film) == ""
        text = film.read_text()
        film.write_text(text.replace("fp32", "fp8"))
        assert "a GGUF is quantized already, and is not made fp8; declare bf16" in refusals(film)
        film.write_text(
            text.replace("a red ball", "{mira} walks")
            + f"characters: {{mira: {{photos: {photo_folder()}}}}}\n"
        )
        assert "models.m.weights: no LoRA can be trained on a GGUF" in refusals(film)

    def test_the_command_line(self, five: Path, tmp_path: Path) -> None:
        """Exit status 2, one line, at the line and column of the file's name."""
        (tmp_path / "a.gguf").write_bytes(b"GGUF")
        status, said = run("build", self.film(tmp_path, five, "./a.gguf"))
        assert status == 2
        assert re.fullmatch(r"[^\n]*film\.yaml:4:\d+: models\.m\.weights\.file: [^\n]+\n", said), said


class TestKeys:
    """What a file decides: keys, the lock, what is looked for, and how much memory is planned for."""

    def film(self, folder: Path, base: str = "./base") -> Path:
        return film_of(
            folder,
            "wan2.2-ti2v-5b",
            {"m": f"weights: {{file: ./a.safetensors, base: {base}}}"},
            ", size: 64x32",
        )

    def test_the_file_counts_by_content(self, five: Path, tmp_path: Path) -> None:
        """Another name or place changes nothing, nor do weights of the base that it stands in for; a byte of it does, and
        a setting of the base's configuration."""
        shutil.copytree(five, tmp_path / "base")
        held = one_file.weights_of(five)
        tensors.save(tmp_path / "a.safetensors", held)
        film = self.film(tmp_path)

        def identity() -> str:
            return plan(film).world.model("m").weights.identity

        first = identity()
        (tmp_path / "base/transformer/diffusion_pytorch_model.safetensors").unlink()
        (tmp_path / "a.safetensors").rename(tmp_path / "b.safetensors")
        film.write_text(film.read_text().replace("./a.", "./b."))
        assert identity() == first
        config = tmp_path / "base/transformer/config.json"
        before = config.read_text()
        config.write_text(before.replace('"eps"', '"Eps"'))
        assert identity() != first
        config.write_text(before)
        tensors.save(tmp_path / "b.safetensors", {**held, "proj_out.bias": held["proj_out.bias"] + 1})
        assert identity() != first

    def test_the_lock_pins_it(self, five: Path, tmp_path: Path) -> None:
        """By its digest; where the file is not, a plan goes by the lock; where it is another one, the lock is stale."""
        import filmforge.making
        from filmforge.planning.lock import read_lock

        shutil.copytree(five, tmp_path / "base")
        held = one_file.weights_of(five)
        tensors.save(tmp_path / "a.safetensors", held)
        film = self.film(tmp_path)
        found = plan(film)
        filmforge.making._pin(found.project, found, False)
        locked = read_lock(tmp_path / "film.lock").weights["m"]
        assert locked.files == {"transformer": sha256_of(tmp_path / "a.safetensors")}
        assert locked.digest == found.world.model("m").weights.identity
        (tmp_path / "a.safetensors").rename(tmp_path / "away")
        elsewhere = plan(film)
        assert elsewhere.world.model("m").weights.identity == locked.digest
        assert any("'./a.safetensors' is not there" in note for note in elsewhere.notes)
        filmforge.making._pin(elsewhere.project, elsewhere, True)  # nothing is to be resolved anew
        tensors.save(tmp_path / "a.safetensors", {**held, "proj_out.bias": held["proj_out.bias"] + 1})
        other = plan(film)
        with pytest.raises(UsageError, match=r"weights of 'm'.*--locked forbids"):
            filmforge.making._pin(other.project, other, True)

    def test_a_base_that_is_not_here(
        self, five: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A film can be planned without its base, whose published configuration the file is held against; two files are
        two keys; and of the base no transformer is fetched, nor asked for when it is there."""
        monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
        tensors.save(tmp_path / "a.safetensors", one_file.weights_of(five))
        film = self.film(tmp_path, "somebody/else")
        assert "of Wan 32 wide" in refusals(film)
        facts = facts_of("wan2.2-ti2v-5b")
        assert find(facts, "somebody/else", None, tmp_path, without=("transformer",)).folder is None
        commit = "0" * 40
        snapshot = tmp_path / "hub" / "models--somebody--else" / "snapshots" / commit
        shutil.copytree(five, snapshot, ignore=shutil.ignore_patterns("diffusion_pytorch_model*"))
        shutil.copytree(five / "vae", snapshot / "vae", dirs_exist_ok=True)
        (snapshot.parent.parent / "refs").mkdir()
        (snapshot.parent.parent / "refs" / "main").write_text(commit)
        assert find(facts, "somebody/else", None, tmp_path).folder is None
        assert find(facts, "somebody/else", None, tmp_path, without=("transformer",)).folder == snapshot
        assert refusals(film) == ""

    def test_memory_is_planned_by_the_file(self, five: Path, tmp_path: Path) -> None:
        """As many parameters as the file has, and as many bytes as a GGUF takes, whatever it is computed in."""
        held = one_file.weights_of(five)
        whole = release_in(five).parts["transformer"]
        file, gguf = tmp_path / "a.safetensors", tmp_path / "a.gguf"
        tensors.save(
            file, {f"model.diffusion_model.{n}": v for n, v in held.items()} | {"vae.x": torch.zeros(9)}
        )
        one_file.write_gguf(gguf, held)
        plain = release_in(five, None, {"transformer": file}).parts["transformer"]
        packed = release_in(five, None, {"transformer": gguf}).parts["transformer"]
        assert (plain.parameters, plain.stored) == (whole.parameters, None)
        assert packed.parameters == whole.parameters
        assert packed.stored is not None
        assert packed.parameters < packed.stored < 2 * packed.parameters
        assert _weights(packed, "fp32") == packed.stored / 1e9


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


def test_sizes_of_blocks() -> None:
    """As the gguf package has them; and diffusers reads just these types."""
    import gguf
    from diffusers.quantizers.gguf.utils import SUPPORTED_GGUF_QUANT_TYPES

    for number, (name, *sizes) in BLOCKS.items():
        kind = gguf.GGMLQuantizationType(number)
        assert (kind.name, gguf.GGML_QUANT_SIZES[kind]) == (name, tuple(sizes))
    assert {int(kind) for kind in SUPPORTED_GGUF_QUANT_TYPES} | {0, 1} == BLOCKS.keys()
