"""Files of a repository on the hub: fetched once and by `fetch` alone, pinned, used offline, counted by content.

The hub is a server on this machine; the client, the files and the models are real.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import filmforge
from filmforge.errors import FilmError
from filmforge.planning.lock import read_lock
from filmforge.video_models.weights import sha256_of
from tests.cli.conftest import Run
from tests.hub import Hub
from tests.video_models import one_file, tiny
from tests.video_models.test_model_lora import lightning

REPO = "somebody/Quick-LoRAs"
HIGH, LOW = "four/high.safetensors", "four/low.safetensors"
LORA = f"lora: {{hub: {REPO}, file: {{high: {HIGH}, low: {LOW}}}}}"


@pytest.fixture(scope="module")
def a14b(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.save_a14b_like(tmp_path_factory.mktemp("a14b"))


@pytest.fixture(scope="module")
def five(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return one_file.wide(tiny.save_5b_like(tmp_path_factory.mktemp("five")))


def film(folder: Path, model: str) -> Path:
    """A film with one generated shot and a card, on a tiny model."""
    path = folder / "film.yaml"
    path.write_text(
        f"filmforge: 1\nsize: 64x32\nfps: 16\nmodels:\n  m: {{precision: fp32, steps: 2, {model}}}\nmodel: m\n"
        "scenes:\n  - id: a\n    shots:\n      - {id: one, prompt: a red ball, lasts: 5f, seed: 1}\n"
        "      - {id: two, title: X, lasts: 5f}\n",
        encoding="utf-8",
    )
    return path


def quick(folder: Path, a14b: Path, lora: str = LORA) -> Path:
    return film(folder, f"use: wan2.2-t2v-a14b, weights: {a14b}, size: 32x16, guidance: 1, {lora}")


def loras(folder: Path, first: int = 1) -> dict[str, bytes]:
    made = {HIGH: lightning(folder / "h.safetensors", first), LOW: lightning(folder / "l.safetensors", 2)}
    return {name: path.read_bytes() for name, path in made.items()}


def render(film: Path) -> Any:
    return filmforge.plan(filmforge.load(film)).steps["render/a/one@1"]


def refusal(film: Path) -> str:
    with pytest.raises(FilmError) as caught:
        filmforge.plan(filmforge.load(film))
    return str(caught.value)


class TestALora:
    """`lora: {hub: ..., file: ...}` on a model."""

    def test_fetched_and_then_offline(self, hub: Hub, a14b: Path, run: Run, tmp_path: Path) -> None:
        """`plan` and `build` say in a sentence what is missing; `fetch` says size, licence and space first; then all
        works with no hub, and the film's results are those of the same files in the project."""
        commit = hub.push(REPO, loras(tmp_path))
        path = quick(tmp_path, a14b)
        missing = (
            f"{REPO}/{HIGH} and {REPO}/{LOW} (of 'm') are not on this machine; with a network, run: filmforge "
            f"fetch {path}"
        )
        planned = run("plan", path)
        assert planned.status == 0
        assert f"note: {missing}\n" in planned.out
        built = run("build", path)
        assert built.status == 2
        assert missing in built.err
        assert run("build", path, "--keep-going").status == 1
        assert hub.asked == []

        size = sum(len(held) for held in loras(tmp_path).values()) / 1e6
        told = run("fetch", path, "--dry-run").out
        assert (
            f"LoRA of m: {REPO}/{HIGH}, {REPO}/{LOW}, {max(size, 0.1):.1f} MB, licence apache-2.0\n" in told
        )
        assert "GB of disk are free" in told
        assert not any(asked.startswith("GET somebody") for asked in hub.asked)
        fetched = run("fetch", path)
        assert fetched.status == 0
        assert fetched.out.endswith(f"LoRA of m: here, at commit {commit}\n")
        assert run("fetch", path).out == "all weights that the film needs are on this machine\n"

        hub.asked.clear()
        assert run("build", path).status == 0
        pin = read_lock(tmp_path / "film.lock").weights["m.lora"]
        assert (pin.repo, pin.commit, pin.revision) == (REPO, commit, None)
        digests = {HIGH: sha256_of(tmp_path / "h.safetensors"), LOW: sha256_of(tmp_path / "l.safetensors")}
        assert pin.files == digests
        assert str(tmp_path) not in (tmp_path / "film.lock").read_text()
        assert run("build", path, "--locked").status == 0
        assert hub.asked == []
        shown = json.loads(run("show", path, "a/one", "--json").out)
        assert f"{REPO}@{commit}/{HIGH}" in json.dumps(shown)
        key = render(path).key
        local = "lora: {file: {high: h.safetensors, low: l.safetensors}}"
        assert render(quick(tmp_path, a14b, local)).key == key
        assert render(path).state == "cached"

    def test_what_is_made_holds_without_the_files(
        self, hub: Hub, a14b: Path, run: Run, tmp_path: Path
    ) -> None:
        """Where the lock says which files they are, results count though the files are gone, and nothing is missed."""
        hub.push(REPO, loras(tmp_path))
        path = quick(tmp_path, a14b)
        run("fetch", path)
        assert run("build", path).status == 0
        shutil.rmtree(tmp_path / "hub")
        planned = run("plan", path)
        assert "0 to run" in planned.out
        assert "not on this machine" not in planned.out
        assert run("build", path, "--locked").status == 0

    def test_the_lock_holds_the_commit(self, hub: Hub, a14b: Path, run: Run, tmp_path: Path) -> None:
        """A branch that moved on is not followed, on another machine either; another revision is another lock, which
        `--locked` refuses."""
        first = hub.push(REPO, loras(tmp_path))
        path = quick(tmp_path, a14b)
        run("fetch", path)
        run("build", path)
        second = hub.push(REPO, loras(tmp_path, 3))
        shutil.rmtree(tmp_path / "hub")
        key = render(path).key
        assert f"at commit {first}" in run("fetch", path).out
        assert render(path).key == key
        quick(tmp_path, a14b, LORA.replace("file:", f"revision: {second}, file:"))
        assert f"at commit {second}" in run("fetch", path).out
        assert render(path).key != key
        refused = run("build", path, "--locked")
        assert refused.status == 2
        assert "weights of 'm.lora'" in refused.err
        assert run("build", path).status == 0
        assert read_lock(tmp_path / "film.lock").weights["m.lora"].commit == second

    def test_another_file_under_the_same_commit(self, hub: Hub, a14b: Path, run: Run, tmp_path: Path) -> None:
        """What comes from the hub must be what the lock pins; else `fetch` says so and names both digests."""
        commit = hub.push(REPO, loras(tmp_path))
        path = quick(tmp_path, a14b)
        run("fetch", path)
        run("build", path)
        shutil.rmtree(tmp_path / "hub")
        hub.files[REPO][commit] = loras(tmp_path, 3)
        ended = run("fetch", path)
        assert ended.status == 2
        assert f"{REPO}/{HIGH} at commit {commit} is not the file that film.lock pins" in ended.err

    def test_what_the_hub_does_not_have(self, hub: Hub, a14b: Path, run: Run, tmp_path: Path) -> None:
        """No such file, and no such repository: a sentence each, and no licence where none is named."""
        hub.push(REPO, {HIGH: loras(tmp_path)[HIGH]})
        path = quick(tmp_path, a14b)
        ended = run("fetch", path)
        assert ended.status == 2
        assert f"{REPO} has no file {LOW} at" in ended.err
        ended = run("fetch", quick(tmp_path, a14b, LORA.replace("somebody", "nobody")))
        assert ended.status == 2
        assert f"nobody/Quick-LoRAs/{HIGH} could not be fetched: " in ended.err
        hub.push(REPO, loras(tmp_path))
        hub.licence = None
        assert "no licence is named" in run("fetch", quick(tmp_path, a14b)).out

    def test_without_a_network(
        self, hub: Hub, a14b: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """`fetch` fails with a sentence, once the client has tried as often as it does; `--dry-run` says what it can."""
        from huggingface_hub import constants
        from huggingface_hub.utils import _http

        waits: list[float] = []
        monkeypatch.setattr(_http, "time", SimpleNamespace(sleep=waits.append))  # 24 seconds of them

        template = "http://127.0.0.1:1/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        path = quick(tmp_path, a14b)
        ended = run("fetch", path)
        assert ended.status == 2
        assert f"{REPO}/{HIGH} could not be fetched: " in ended.err
        assert waits
        ended = run("fetch", path, "--dry-run")
        assert ended.status == 0
        assert "of unknown size" in ended.out

    def test_a_pickle_in_disguise(self, hub: Hub, a14b: Path, run: Run, tmp_path: Path) -> None:
        """What a file is, its first bytes say; it is refused where the film names it."""
        hub.push(REPO, {**loras(tmp_path), LOW: b"PK\x03\x04" + b"0" * 64})
        path = quick(tmp_path, a14b)
        run("fetch", path)
        said = refusal(path)
        assert "film.yaml:5:" in said
        assert f"hf://{REPO}/{LOW}: this is a pickle, which can run code and is never read" in said

    def test_of_peft(self, hub: Hub, a14b: Path, run: Run, tmp_path: Path) -> None:
        """`adapter_model.safetensors` says no alpha: what peft wrote beside it comes along, is pinned, and counts."""
        from filmforge.video_models import tensors

        lightning(tmp_path / "x.safetensors", 1)
        module = "diffusion_model.blocks.0.self_attn.q"
        loaded = tensors.load(tmp_path / "x.safetensors")
        stem = "base_model.model.blocks.0.attn1.to_q"
        held = {
            f"{stem}.lora_A.weight": loaded[f"{module}.lora_down.weight"],
            f"{stem}.lora_B.weight": loaded[f"{module}.lora_up.weight"],
        }
        tensors.save(tmp_path / "p.safetensors", held)
        config = {"peft_type": "LORA", "r": 8, "lora_alpha": 4}
        name = "adapter_model.safetensors"
        files = {name: (tmp_path / "p.safetensors").read_bytes()}
        hub.push(REPO, {**files, "adapter_config.json": json.dumps(config).encode()})
        path = quick(tmp_path, a14b, f"lora: {{hub: {REPO}, file: {name}}}")
        assert run("fetch", path).status == 0
        assert render(path).step.params["loras"][0]["config"] == config
        assert run("build", path).status == 0
        pinned = read_lock(tmp_path / "film.lock").weights["m.lora"].files
        assert pinned is not None
        assert set(pinned) == {name, "adapter_config.json"}


class TestWeights:
    """`weights: {hub: ..., file: ..., base: ...}`."""

    @pytest.mark.parametrize("gguf", [True, False])
    def test_fetched_and_then_offline(
        self, gguf: bool, hub: Hub, five: Path, run: Run, tmp_path: Path
    ) -> None:
        """The same, and the same keys as of the file in a folder; `base` and the file have a revision each."""
        name = "deep/model-Q8_0.gguf" if gguf else "deep/model.safetensors"
        held, here = one_file.weights_of(five), tmp_path / Path(name).name
        if gguf:
            one_file.write_gguf(here, held)
        else:
            shutil.copy(five / "transformer" / "diffusion_pytorch_model.safetensors", here)
        commit = hub.push("packer/five", {name: here.read_bytes()}, "v2")
        model = "use: wan2.2-ti2v-5b, size: 64x32, weights: {%s, base: " + f"{five}}}"
        declared = model % f"hub: packer/five, file: {name}, revision: v2"
        path = film(tmp_path, declared)
        planned = run("plan", path)
        missing = (
            f"packer/five/{name} (of 'm') is not on this machine; with a network, run: filmforge fetch {path}"
        )
        assert missing in planned.out
        built = run("build", path)
        assert built.status == 2
        assert missing in built.err
        told = run("build", path, "--keep-going")
        assert told.status == 1
        assert "not on this machine; run: filmforge fetch FILM" in told.out
        fetched = run("fetch", path).out
        assert f"m: packer/five/{name}, " in fetched
        assert "licence apache-2.0" in fetched
        assert f"m: here, at commit {commit}" in fetched
        hub.asked.clear()
        assert run("build", path).status == 0
        lock = read_lock(tmp_path / "film.lock").weights
        assert lock["m.weights"].files == {name: sha256_of(here)}
        assert (lock["m.weights"].commit, lock["m.weights"].revision) == (commit, "v2")
        assert lock["m"].files == {"transformer": sha256_of(here)}
        key = render(path).key
        shutil.rmtree(tmp_path / "hub")
        assert render(path).key == key
        assert run("build", path, "--locked").status == 0
        assert hub.asked == []
        assert render(film(tmp_path, model % f"file: ./{here.name}")).key == key

    def test_base_and_file_of_the_hub(self, hub: Hub, five: Path, run: Run, tmp_path: Path) -> None:
        """Before either is here, the film is planned, and both are named; of the base no transformer is asked for."""
        path = film(
            tmp_path, "use: wan2.2-ti2v-5b, size: 64x32, weights: {hub: packer/five, file: m.gguf, base: a/b}"
        )
        model = filmforge.plan(filmforge.load(path)).world.model("m")
        assert model.weights.apart == ("transformer",)
        assert model.weights.gguf
        assert "packer/five" in model.weights.identity
        ended = run("build", path)
        assert ended.status == 2
        assert "'m' (a/b), the file packer/five/m.gguf" in ended.err

    def test_a_lora_where_weights_are_wanted(self, hub: Hub, five: Path, run: Run, tmp_path: Path) -> None:
        """A file that holds something else is refused at its line, with what it is, once it is here."""
        hub.push("packer/five", {"m.gguf": loras(tmp_path)[HIGH]})
        path = film(
            tmp_path,
            f"use: wan2.2-ti2v-5b, size: 64x32, weights: {{hub: packer/five, file: m.gguf, base: {five}}}",
        )
        run("fetch", path)
        said = refusal(path)
        assert "film.yaml:5:" in said
        assert "holds a LoRA; declare it as the model's `lora`" in said


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("lora: {hub: a, file: x.safetensors}", "models.m.lora.hub: 'a' is not a hub id; write owner/name"),
        ("lora: {hub: a/b, file: x.bin}", "models.m.lora.file: 'x.bin' is no .safetensors file"),
        ("lora: {hub: a/b, file: x.gguf}", "models.m.lora.file: 'x.gguf' is no .safetensors file"),
        ("lora: {hub: a/b, file: ./x.safetensors}", "'./x.safetensors' is not a file of a repository"),
        ("lora: {hub: a/b, file: a/../x.safetensors}", "'a/../x.safetensors' is not a file of a repository"),
        ("lora: {file: x.safetensors, revision: main}", "models.m.lora.revision: is that of a repository"),
        (
            "weights: {hub: a/b, file: x.ckpt}",
            "models.m.weights.file: 'x.ckpt' is no .safetensors or .gguf file",
        ),
        ("weights: {hub: a/b, file: ../x.gguf}", "'../x.gguf' is not a file of a repository"),
        ("weights: {file: ./x.gguf, revision: main}", "the revision of `base` stands beside `weights`"),
        ("weights: {hub: 'a/b/c', file: x.gguf}", "models.m.weights.hub: 'a/b/c' is not a hub id"),
        ("lora: a/b", "name it as `lora: {hub: a/b, file: NAME.safetensors}`"),
        ("lora: a/b/c/x.safetensors", "name it as `lora: {hub: a/b, file: c/x.safetensors}`"),
    ],
)
def test_what_is_no_file_of_the_hub(model: str, said: str, run: Run, tmp_path: Path) -> None:
    """`check` refuses it at its place, without asking anybody: pickles, ways out of a repository, half a declaration."""
    ended = run("check", film(tmp_path, f"use: wan2.2-ti2v-5b, {model}"))
    assert ended.status == 2
    assert "film.yaml:5:" in ended.err
    assert said in ended.err


def test_a_file_of_the_hub_as_text(run: Run, tmp_path: Path) -> None:
    """Plain text names a file of this machine; where it reads as one on the hub, the notation for that is said."""
    ended = run("plan", film(tmp_path, "use: wan2.2-ti2v-5b, weights: city/five-gguf/five-Q8_0.gguf"))
    assert ended.status == 2
    assert "`weights: {hub: city/five-gguf, file: five-Q8_0.gguf}`" in ended.err
