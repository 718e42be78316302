"""Single files of weights as a plan sees them: told apart by their headers, refused at their line, counted by content."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

import filmforge
from filmforge.errors import FilmError, UsageError
from filmforge.video_models import tensors
from filmforge.video_models.facts import facts_of
from filmforge.video_models.gguf_header import BLOCKS
from filmforge.video_models.memory import _weights
from filmforge.video_models.published import release_in
from filmforge.video_models.weights import find, sha256_of
from tests.video_models import one_file, tiny
from tests.video_models.one_file import film_of, wide
from tests.video_models.test_from_the_command_line import run


def plan(film: Path) -> Any:
    return filmforge.plan(filmforge.load(film))


def refusals(film: Path) -> str:
    """What keeps a film from being planned, or a plan from being built."""
    try:
        return "\n".join(map(str, plan(film).refused))
    except FilmError as error:
        return str(error)


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


def test_sizes_of_blocks() -> None:
    """As the gguf package has them; and diffusers reads just these types."""
    import gguf
    from diffusers.quantizers.gguf.utils import SUPPORTED_GGUF_QUANT_TYPES

    for number, (name, *sizes) in BLOCKS.items():
        kind = gguf.GGMLQuantizationType(number)
        assert (kind.name, gguf.GGML_QUANT_SIZES[kind]) == (name, tuple(sizes))
    assert {int(kind) for kind in SUPPORTED_GGUF_QUANT_TYPES} | {0, 1} == BLOCKS.keys()
