"""A LoRA of a model: on all its shots, by content; in no training; refused where it does not belong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import filmforge
from filmforge.errors import FilmError
from filmforge.planning.step import Source
from filmforge.video_models import tensors
from tests.conftest import WriteFilm

SHOTS = """
model: m
scenes:
  - id: a
    shots:
      - {id: one, prompt: a gull, lasts: 0.5s, seed: 1}
"""


def lora(path: Path, width: int = 192, *, value: float = 0.0, prefix: str = "blocks", **said: str) -> None:
    """A LoRA for one module of a Wan `width` wide, as lightx2v writes theirs."""
    module = f"diffusion_model.{prefix}.0.self_attn.q"
    path.parent.mkdir(exist_ok=True)
    held = {f"{module}.lora_down.weight": torch.full((2, width), value), f"{module}.alpha": torch.tensor(1.0)}
    tensors.save(path, held | {f"{module}.lora_up.weight": torch.zeros(width, 2)}, said)


def steps(film: Path) -> dict[str, Any]:
    return {name: planned.step for name, planned in filmforge.plan(filmforge.load(film)).steps.items()}


def refusal(film: Path) -> str:
    with pytest.raises(FilmError) as caught:
        filmforge.plan(filmforge.load(film))
    return str(caught.value)


class TestAt:
    """What it is part of."""

    def test_a_render(self, write_film: WriteFilm, tmp_path: Path) -> None:
        """By content, with its weight. The model's name and the file's are in no key."""
        lora(tmp_path / "loras/quick.safetensors")
        models = "models: {m: {use: pocket, lora: {file: loras/quick.safetensors, weight: 0.5}, steps: 4}}"
        step = steps(write_film(models + SHOTS))["render/a/one@1"]
        assert step.params["loras"] == [{"who": "@model", "weight": 0.5}]
        given = step.inputs["lora.@model"]
        assert isinstance(given, Source) and given.path == "loras/quick.safetensors"
        key = step.key({"lora.@model": given.digest})
        (tmp_path / "loras/quick.safetensors").rename(tmp_path / "loras/other.safetensors")
        text = (
            (models + SHOTS).replace("quick", "other").replace("{m:", "{n:").replace("model: m", "model: n")
        )
        again = steps(write_film(text))["render/a/one@1"]
        assert again.key({"lora.@model": again.inputs["lora.@model"].digest}) == key

    def test_each_expert(self, write_film: WriteFilm, tmp_path: Path) -> None:
        """A file for each says on which it goes, and guidance is off for both where it is off for one."""
        lora(tmp_path / "loras/h.safetensors", 5120)
        lora(tmp_path / "loras/l.safetensors", 5120)
        files = "{high: loras/h.safetensors, low: loras/l.safetensors}"
        models = f"models: {{m: {{use: wan2.2-t2v-a14b, lora: {{file: {files}}}, steps: 4, guidance: 1}}}}"
        params = steps(write_film(models + SHOTS))["render/a/one@1"].params
        assert [(entry["who"], entry["expert"]) for entry in params["loras"]] == [
            ("@model.high", "transformer"),
            ("@model.low", "transformer_2"),
        ]
        assert params["settings"]["guidance_low"] == 1.0

    def test_no_training(
        self, write_film: WriteFilm, photo_folder: Callable[..., str], tmp_path: Path
    ) -> None:
        """A character learns on the model without: the training's key does not know of it. Its render has both."""
        lora(tmp_path / "loras/quick.safetensors")
        text = (
            "characters: {mira: {looks: a girl, photos: " + photo_folder() + "}}\n"
            "models: {m: {use: pocket, steps: 4}}" + SHOTS.replace("a gull", '"{mira}"')
        )
        without = steps(write_film(text))["lora/mira@m"]
        found = steps(write_film(text.replace("steps: 4", "lora: loras/quick.safetensors")))
        assert found["lora/mira@m"].params == without.params
        assert found["lora/mira@m"].inputs == without.inputs
        both = found["render/a/one@1"]
        assert [entry["who"] for entry in both.params["loras"]] == ["@model", "mira"]

    def test_what_likeness_counts_from(
        self, write_film: WriteFilm, photo_folder: Callable[..., str], tmp_path: Path
    ) -> None:
        """The base of a take is the model as it renders, with its own LoRA and without the character's."""
        lora(tmp_path / "loras/quick.safetensors")
        text = (
            "characters: {mira: {looks: a girl, likeness: 0.5, photos: " + photo_folder() + "}}\n"
            "models: {m: {use: pocket, lora: loras/quick.safetensors}}" + SHOTS.replace("a gull", '"{mira}"')
        )
        base = steps(write_film(text))["base/a/one@1"]
        assert [entry["who"] for entry in base.params["loras"]] == ["@model"]
        assert "lora.@model" in base.inputs


class TestRefused:
    """With the place, the reason and what to do."""

    def test_another_base(self, write_film: WriteFilm, tmp_path: Path) -> None:
        lora(tmp_path / "loras/x.safetensors", 1536)
        said = refusal(write_film("models: {m: {use: pocket, lora: loras/x.safetensors}}" + SHOTS))
        assert "film.yaml:2:" in said
        assert "loras/x.safetensors: made for Wan 2.1 1.3B, 1536 wide, and pocket is" in said

    def test_a_pickle(self, write_film: WriteFilm, tmp_path: Path) -> None:
        (tmp_path / "x.safetensors").write_bytes(b"PK\x03\x04" + b"0" * 64)
        said = refusal(write_film("models: {m: {use: pocket, lora: x.safetensors}}" + SHOTS))
        assert "models.m.lora.file: 'x.safetensors' is a pickle" in said

    def test_experts_the_wrong_way_round(self, write_film: WriteFilm, tmp_path: Path) -> None:
        """Where the file says for which it was trained."""
        said = {"modelspec.timestep_range": "875,1000"}
        lora(tmp_path / "loras/h.safetensors", 5120, **said)
        models = "models: {m: {use: wan2.2-t2v-a14b, lora: {file: {low: loras/h.safetensors}}}}"
        wrong = refusal(write_film(models + SHOTS))
        assert "made for the expert at high noise, and declared for the other" in wrong
        assert "models.m.lora.file.low" in wrong

    def test_both_experts_in_one_file(self, write_film: WriteFilm, tmp_path: Path) -> None:
        held = {}
        for expert in ("transformer", "transformer_2"):
            held[f"{expert}.blocks.0.attn1.to_q.lora_A.weight"] = torch.zeros(2, 5120)
            held[f"{expert}.blocks.0.attn1.to_q.lora_B.weight"] = torch.zeros(5120, 2)
        tensors.save(tmp_path / "x.safetensors", held)
        models = "models: {m: {use: wan2.2-t2v-a14b, lora: {file: {high: x.safetensors}}}}"
        assert "it names the experts itself; declare it as `file: PATH`" in refusal(
            write_film(models + SHOTS)
        )

    @pytest.mark.parametrize(
        ("model", "said"),
        [
            ("use: pocket, lora: {file: {high: x.safetensors}}", "pocket has one expert; give one file"),
            ("use: wan2.2-t2v-a14b, lora: {file: {}}", "names no file"),
            ("use: wan2.2-t2v-a14b, lora: {file: {hihg: x.safetensors}}", "did you mean 'high'"),
            ("use: animatic, lora: x.safetensors", "animatic puts no LoRA on a model"),
            ("use: pocket, lora: {file: x.safetensors, weight: 9}", "9 is out of range; it is at most 4"),
            ("use: pocket, lora: ../x.safetensors", "models.m.lora"),
        ],
    )
    def test_a_slip(self, model: str, said: str, write_film: WriteFilm, tmp_path: Path) -> None:
        lora(tmp_path / "x.safetensors")
        assert said in refusal(write_film(f"models: {{m: {{{model}}}}}" + SHOTS))


def test_in_words(write_film: WriteFilm, tmp_path: Path) -> None:
    """Reasons name the model's LoRA, and its file."""
    from benchmarks.trivial import TrivialExecutor

    lora(tmp_path / "quick.safetensors")
    film = write_film("models: {m: {use: pocket, steps: 4}}" + SHOTS)

    def built() -> None:
        filmforge.build(filmforge.load(film), executor=TrivialExecutor(tmp_path / ".filmforge/tmp/work"))

    def said() -> str:
        planned = filmforge.plan(filmforge.load(film))
        return next(
            (planned.words.sentence(p) for p in planned.resolution.stale() if p.step.kind == "render"), ""
        )

    built()
    text = film.read_text()
    film.write_text(text.replace("steps: 4", "steps: 4, lora: quick.safetensors"))
    assert "the model's LoRA, quick.safetensors, is new" in said()
    built()
    (tmp_path / "quick.safetensors").touch()
    assert said() == ""
    lora(tmp_path / "quick.safetensors", value=1.0)
    assert "quick.safetensors changed" in said()
    built()
    film.write_text(text.replace("steps: 4", "steps: 4, lora: {file: quick.safetensors, weight: 0.5}"))
    assert "the weight of the model's LoRA changed (1.0 -> 0.5)" in said()
    film.write_text(text.replace("steps: 4", "steps: 4, lora: quick.safetensors") + "# --set\n")
    load = filmforge.load(film, overrides=["models.m.lora.weight=0.5"])
    assert load.film.models["m"].lora is not None and load.film.models["m"].lora.weight == 0.5
