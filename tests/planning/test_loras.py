"""Which LoRAs are on a shot: a character's and a style's of one name are two."""

from __future__ import annotations

from pathlib import Path

import filmforge
from filmforge.planning.step import Source
from tests.conftest import WriteFilm
from tests.planning.test_model_lora import lora

FILM = """
models: {m: {use: pocket}}
model: m
characters:
  storm: {looks: a dog, lora: {file: loras/dog.safetensors}}
styles:
  storm: {prompt: rain, lora: {file: loras/rain.safetensors, weight: 0.5}}
scenes:
  - id: a
    style: storm
    shots:
      - {id: one, prompt: "{storm} waits", lasts: 0.5s, seed: 1}
      - {id: two, prompt: a gull, lasts: 0.5s, seed: 1}
"""


class TestOfOneName:
    def test_both_are_on_the_shot(self, write_film: WriteFilm, tmp_path: Path) -> None:
        """A dog called Storm in a style called storm: each one's file is there, with its own weight."""
        lora(tmp_path / "loras/dog.safetensors")
        lora(tmp_path / "loras/rain.safetensors", value=1.0)
        planned = filmforge.plan(filmforge.load(write_film(FILM))).steps
        step = planned["render/a/one@1"].step
        found = {
            (given.path, entry["weight"])
            for entry in step.params["loras"]
            if isinstance(given := step.inputs[f"lora.{entry['who']}"], Source)
        }
        assert found == {("loras/dog.safetensors", 1.0), ("loras/rain.safetensors", 0.5)}

    def test_a_style_alone_keeps_its_name(self, write_film: WriteFilm, tmp_path: Path) -> None:
        """So what was rendered before keeps its key."""
        lora(tmp_path / "loras/dog.safetensors")
        lora(tmp_path / "loras/rain.safetensors", value=1.0)
        planned = filmforge.plan(filmforge.load(write_film(FILM))).steps
        assert planned["render/a/two@1"].step.params["loras"] == [{"who": "storm", "weight": 0.5}]

    def test_a_style_is_nobody_to_keep_apart(self, write_film: WriteFilm, tmp_path: Path) -> None:
        """A character without a LoRA, called as a style that has one, has no part of the picture."""
        lora(tmp_path / "loras/dog.safetensors")
        lora(tmp_path / "loras/rain.safetensors", value=1.0)
        text = FILM.replace("storm: {looks: a dog,", "storm: {looks: a cloud}\n  rex: {looks: a dog,")
        text = text.replace('"{storm} waits"', '"{rex} waits and {storm} waits"')
        planned = filmforge.plan(filmforge.load(write_film(text))).steps
        assert "apart" not in planned["render/a/one@1"].step.params
