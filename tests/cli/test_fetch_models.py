"""Whole models of the hub: what is fetched of a repository, what is said first, and what happens when it breaks off.

The hub is a server on this machine; the client, the files and the models are real.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

import filmforge
from filmforge.planning.lock import read_lock
from filmforge.video_models.facts import facts_of
from filmforge.video_models.weights import digest_of, find
from tests.cli.conftest import Run
from tests.hub import Hub
from tests.media import write_photo
from tests.video_models import tiny

FIVE = "Wan-AI/Wan2.2-TI2V-5B-Diffusers"
MOCHI = "genmo/mochi-1-preview"
TRANSFORMER = "transformer/diffusion_pytorch_model.safetensors"


@pytest.fixture(scope="module")
def five(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.save_5b_like(tmp_path_factory.mktemp("five"))


def files_of(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def film(folder: Path, models: str, extra: str = "") -> Path:
    """A film with one generated shot, on a tiny model."""
    path = folder / "film.yaml"
    path.write_text(
        f"filmforge: 1\nsize: 64x32\nfps: 16\n{extra}models: {{{models}}}\nmodel: m\n"
        "scenes:\n  - id: a\n    shots:\n      - {id: one, prompt: a red ball, lasts: 5f, seed: 1}\n",
        encoding="utf-8",
    )
    return path


def small(folder: Path, declared: str = "") -> Path:
    return film(folder, f"m: {{use: wan2.2-ti2v-5b, size: 64x32, precision: fp32, steps: 2{declared}}}")


def got(hub: Hub, repo: str) -> set[str]:
    """The files whose bytes were asked for."""
    start = f"GET {repo}/resolve/"
    return {a.removeprefix(start).split("/", 1)[1] for a in hub.asked if a.startswith(start)}


class TestAModel:
    def test_fetched_and_then_offline(self, hub: Hub, five: Path, run: Run, tmp_path: Path) -> None:
        """Size, licence and space are said first; only what rendering reads is downloaded, of everything that lies in
        the repository; then the film builds with no hub, its lock pins the commit, and a branch that moved on is not
        followed."""
        held = files_of(five)
        beside = {
            "README.md": b"# hello",
            "wan-as-one-file.safetensors": b"x" * 100_000,
            "transformer/diffusion_pytorch_model.bin": b"a pickle",
            "transformer/diffusion_pytorch_model.fp16.safetensors": b"x" * 100_000,
            "assets/logo.png": b"x",
        }
        commit = hub.push(FIVE, {**held, **beside})
        path = small(tmp_path)
        size = f"{sum(map(len, held.values())) / 1e6:.1f} MB"
        told = run("fetch", path, "--dry-run").out
        assert told.startswith(f"m: {FIVE}, {size}, licence Apache-2.0\n{size} to download, ")
        assert told.endswith("GB of disk are free\n")
        assert got(hub, FIVE) == {"model_index.json"}
        assert not (tmp_path / "hub").exists()

        assert run("fetch", path).out == f"{told}m: here, at commit {commit}\n"
        assert got(hub, FIVE) == set(held)
        assert run("fetch", path).out == "all weights that the film needs are on this machine\n"
        hub.asked.clear()
        assert run("build", path).status == 0
        pin = read_lock(tmp_path / "film.lock").weights["m"]
        assert (pin.repo, pin.commit, pin.digest) == (FIVE, commit, digest_of(five))
        hub.push(FIVE, {**held, "scheduler/scheduler_config.json": b"{}"})
        shutil.rmtree(tmp_path / "hub")
        hub.asked.clear()
        assert run("build", path, "--locked").status == 0
        assert hub.asked == []
        assert f"at commit {commit}" in run("fetch", path).out
        assert run("build", path, "--locked").status == 0

    def test_as_data(self, hub: Hub, five: Path, run: Run, tmp_path: Path) -> None:
        """`--json` prints one document: what is lacking, how large and under which licence, and what came of it."""
        held = files_of(five)
        commit = hub.push(FIVE, held)
        path = small(tmp_path)

        def told(*options: str) -> dict[str, Any]:
            found: dict[str, Any] = json.loads(run("fetch", path, "--json", *options).out)
            assert found.pop("free") > 0
            return found

        wanted = {
            "what": "m",
            "where": FIVE,
            "licence": "licence Apache-2.0",
            "bytes": sum(map(len, held.values())),
            "guess": None,
        }
        assert told("--dry-run") == {"film": str(path), "weights": [wanted | {"commit": None}]}
        assert told() == {"film": str(path), "weights": [wanted | {"commit": commit}]}
        assert told() == {"film": str(path), "weights": []}

    def test_broken_off_it_goes_on(
        self, hub: Hub, five: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What came before the hub hung up is not asked for again, and until all is here the model counts as absent."""
        from huggingface_hub import constants

        monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 1_000)  # ten million, as it is
        held = files_of(five)
        hub.push(FIVE, held)
        hub.hangs_up[TRANSFORMER] = 10_000
        path = small(tmp_path)
        ended = run("fetch", path)
        assert ended.status == 2
        assert f"{FIVE} could not be fetched: " in ended.err
        assert run("build", path).status == 2
        hub.hangs_up.clear()
        hub.asked.clear()
        assert run("fetch", path).status == 0
        assert hub.ranges[TRANSFORMER] == "bytes=10000-"
        assert find(facts_of("wan2.2-ti2v-5b"), None, None, tmp_path).digest == digest_of(five)

    def test_the_variant_that_is_rendered(self, hub: Hub, run: Run, tmp_path: Path) -> None:
        """Of Mochi, which is published in two precisions, bf16 alone is fetched; the folder with both is the same."""
        whole = tiny.save_mochi_like(tmp_path / "mochi")
        for file in list(whole.rglob("*.safetensors")):
            halves = {name: t.to(torch.bfloat16) for name, t in load_file(file).items()}
            save_file(halves, file.with_name(file.name.replace(".safetensors", ".bf16.safetensors")))
        commit = hub.push(MOCHI, {**files_of(whole), "dit.safetensors": b"x" * 100_000})
        path = film(tmp_path, "m: {use: mochi-1}")
        assert f"at commit {commit}" in run("fetch", path).out
        weights = {name for name in got(hub, MOCHI) if name.endswith(".safetensors")}
        assert len(weights) == 3
        assert all(".bf16." in name for name in weights)
        facts = facts_of("mochi-1")
        there = find(facts, None, None, tmp_path)
        assert there.folder is not None
        assert there.digest == find(facts, str(whole), None, tmp_path).digest
        plain = film(tmp_path, f"m: {{use: mochi-1, weights: {whole}}}")
        assert key(plain) == key(film(tmp_path, "m: {use: mochi-1}"))

    def test_weights_of_somebody_else(self, hub: Hub, five: Path, run: Run, tmp_path: Path) -> None:
        """The licence is the one that their page names; two models with the same weights are one download."""
        hub.push("somebody/tuned", files_of(five), "v2")
        hub.licence = "openrail"
        same = "use: wan2.2-ti2v-5b, weights: somebody/tuned, revision: v2"
        path = film(tmp_path, f"m: {{{same}}}, draft: {{{same}, steps: 2}}")
        path.write_text(
            path.read_text().replace(
                "seed: 1}", "seed: 1}\n      - {id: two, prompt: x, model: draft, lasts: 5f}"
            )
        )
        ended = run("fetch", path, "--dry-run")
        assert (ended.status, ended.err) == (0, "")
        told = ended.out.splitlines()
        assert len(told) == 2
        assert told[0].startswith("m, draft: somebody/tuned, ")
        assert told[0].endswith(", licence openrail")

    def test_what_is_no_model(self, hub: Hub, run: Run, tmp_path: Path) -> None:
        """A repository without an index, and one that lacks a component, are refused with what they lack."""
        hub.push("a/b", {"model.safetensors": b"x"})
        path = small(tmp_path, ", weights: a/b")
        assert "a/b at" in (said := run("fetch", path).err)
        assert "has no model_index.json" in said
        hub.push("a/b", {"model_index.json": b'{"vae": ["diffusers", "AutoencoderKLWan"]}'})
        assert "a/b lacks vae/, which its model_index.json names" in run("fetch", path).err


def test_an_embedder(hub: Hub, run: Run, tmp_path: Path) -> None:
    """Of what measures likeness the safetensors are fetched, not the same as a pickle; its commit is pinned."""
    from tests.cli.test_likeness import save_dinov2

    save_dinov2(tmp_path / "dino")
    held = files_of(tmp_path / "dino")
    commit = hub.push("facebook/dinov2-base", {**held, "pytorch_model.bin": b"a pickle", "README.md": b"#"})
    (tmp_path / "photos").mkdir()
    for number in range(3):
        write_photo(tmp_path / "photos" / f"{number}.png", (80 * number, 120, 60))
    path = film(
        tmp_path,
        "m: {use: pocket, steps: 2}",
        "embedder: facebook/dinov2-base\n"
        "characters: {mira: {looks: a girl, photos: photos, lora: {steps: 3}, likeness: 0.1}}\n",
    )
    path.write_text(path.read_text().replace("a red ball", '"{mira} waves"').replace("5f", "17f"))
    told = run("fetch", path).out
    size = sum(map(len, held.values())) / 1e6
    assert told.startswith(f"embedder: facebook/dinov2-base, {max(size, 0.1):.1f} MB, licence apache-2.0\n")
    assert told.endswith(f"embedder: here, at commit {commit}\n")
    assert got(hub, "facebook/dinov2-base") == set(held)
    assert run("fetch", path).out == "all weights that the film needs are on this machine\n"


class TestBeforehand:
    def test_no_room(
        self, hub: Hub, five: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Where the disk is too small for it all, nothing is downloaded, and the remedy is said."""
        hub.push(FIVE, files_of(five))
        monkeypatch.setattr("shutil.disk_usage", full(shutil.disk_usage))
        ended = run("fetch", small(tmp_path))
        assert ended.status == 2
        assert "0.1 MB are free where they go" in ended.err
        assert "let HF_HOME name a folder on a larger disk" in ended.err
        assert got(hub, FIVE) == {"model_index.json"}
        assert run("fetch", small(tmp_path), "--dry-run").status == 0

    def test_a_licence_to_accept(self, hub: Hub, five: Path, run: Run, tmp_path: Path) -> None:
        """Of a gated repository it is said what to do."""
        hub.push(FIVE, files_of(five))
        hub.gated = True
        ended = run("fetch", small(tmp_path))
        assert ended.status == 2
        assert f"{FIVE} could not be fetched: its licence must be accepted on its page first" in ended.err

    def test_what_the_hub_does_not_have(self, hub: Hub, five: Path, run: Run, tmp_path: Path) -> None:
        """No such repository, and no such revision of one."""
        ended = run("fetch", small(tmp_path, ", weights: a/b"))
        assert ended.status == 2
        assert "a/b could not be fetched: the hub has no such repository, or one that is private" in ended.err
        hub.push("a/b", files_of(five))
        ended = run("fetch", small(tmp_path, ", weights: a/b, revision: v9"))
        assert ended.status == 2
        assert "a/b could not be fetched: the hub has no such revision of it" in ended.err

    def test_without_a_network(
        self, hub: Hub, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """`--dry-run` gives the size that the published configuration makes; `fetch` fails with a sentence."""
        from huggingface_hub import constants

        monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:1")
        told = run("fetch", small(tmp_path), "--dry-run")
        assert told.status == 0
        assert f"m: {FIVE}, about 23 GB ({FIVE} could not be fetched: " in told.out
        assert "licence Apache-2.0" in told.out
        (told,) = json.loads(run("fetch", small(tmp_path), "--dry-run", "--json").out)["weights"]
        assert told["bytes"] is None
        assert told["guess"].startswith(f"about 23 GB ({FIVE} could not be fetched: ")
        ended = run("fetch", small(tmp_path))
        assert ended.status == 2
        assert f"{FIVE} could not be fetched: " in ended.err


def full(disk_usage: Callable[..., Any]) -> Callable[..., Any]:
    """A disk with a hundred thousand bytes left."""
    return lambda path: disk_usage(path)._replace(free=100_000)


def key(path: Path) -> str:
    return filmforge.plan(filmforge.load(path)).steps["render/a/one@1"].key
