"""`filmforge lora` and `train --export`: what is said of a file, and what is written."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Run
from tests.lora.test_export import trained


class TestSaid:
    def test_of_one_made_here(self, tmp_path: Path, run: Run) -> None:
        """Its base, rank, alpha, trigger and steps; and it is not touched."""
        path = trained(tmp_path / "mira.safetensors", "wan2.2-ti2v-5b")
        before = path.read_bytes()
        ended = run("lora", path, "--json")
        said = json.loads(ended.out)
        assert ended.status == 0
        assert (said["made_by"], said["made_for"], said["trigger"]) == ("filmforge", "wan2.2-ti2v-5b", "mira")
        assert (said["ranks"], said["alpha"], said["steps"], said["written"]) == ([2], 3.0, 450, [])
        assert path.read_bytes() == before
        assert "made for: wan2.2-ti2v-5b" in run("lora", path).out


class TestWritten:
    def test_out_and_back(self, tmp_path: Path, run: Run) -> None:
        """For A14B two files go out, and --low makes the same one of them again."""
        path = trained(tmp_path / "mira.safetensors", "wan2.2-t2v-a14b", "transformer", "transformer_2")
        out = run("lora", path, "--to", "comfyui", "--into", tmp_path / "out")
        assert out.status == 0
        high, low = (
            tmp_path / "out" / f"mira.comfyui_{noise}_noise.safetensors" for noise in ("high", "low")
        )
        assert f"written: {low}" in out.out
        assert run("lora", high, "--low", low, "--to", "filmforge", "--into", tmp_path / "back").status == 0
        assert (tmp_path / "back" / "mira.film.safetensors").read_bytes() == path.read_bytes()

    def test_wrong_calls(self, tmp_path: Path, run: Run) -> None:
        """One line each, status 2."""
        path = trained(tmp_path / "mira.safetensors", "wan2.2-ti2v-5b")
        for arguments, words in (
            (("lora", path, "--low", path), "--to filmforge"),
            (("lora", path, "--family", "x", "--to", "comfyui"), "no family of models called 'x'"),
            (("lora", tmp_path / "no"), "there is no such LoRA file"),
            (
                ("train", tmp_path / "film.yaml", "mira", "--into", tmp_path),
                "--into is the folder of --export",
            ),
        ):
            ended = run(*arguments)
            assert ended.status == 2
            assert words in ended.err
            assert len(ended.err.splitlines()) == 1
