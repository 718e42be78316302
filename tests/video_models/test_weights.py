"""Finding weights: shipped, in a folder, in the hub's cache, or not here at all."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from filmforge.errors import WeightsError
from filmforge.video_models.checkpoint import find_checkpoint, is_one_file
from filmforge.video_models.facts import facts_of
from filmforge.video_models.weights import digest_of, find, sha256_of

POCKET = facts_of("pocket")
FIVE = facts_of("wan2.2-ti2v-5b")
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def copy(pocket_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(pocket_folder, tmp_path / "model"))


def test_a_folder_is_found_however_it_is_written(copy: Path, tmp_path: Path) -> None:
    """`./x`, an absolute path, and a name that exists beside the film all mean the folder."""
    found = {find(POCKET, source, None, tmp_path).folder for source in ("./model", str(copy), "model")}
    assert found == {copy.resolve()}


def test_the_digest_is_of_what_decides_pictures(copy: Path) -> None:
    """A README changes nothing; a byte of a weight or a setting of the scheduler does; the place does not."""
    before = digest_of(copy)
    (copy / "README.md").write_text("hello")
    (copy / "vae" / "notes.bin").write_bytes(b"x")
    assert digest_of(copy) == before
    assert digest_of(Path(shutil.copytree(copy, copy.parent / "elsewhere"))) == before
    weight = copy / "vae" / "diffusion_pytorch_model.safetensors"
    data = bytearray(weight.read_bytes())
    data[-1] ^= 1
    weight.write_bytes(bytes(data))
    changed = digest_of(copy)
    assert changed != before
    (copy / "scheduler" / "scheduler_config.json").write_text("{}")
    assert digest_of(copy) not in (before, changed)


def test_a_pickle_is_refused(copy: Path) -> None:
    """Weights that only exist as a pickle are not weights here, and the message says why."""
    for file in (copy / "transformer").glob("*.safetensors"):
        file.rename(file.with_suffix(".bin"))
    with pytest.raises(WeightsError, match="pickle, which can run code"):
        find(POCKET, str(copy), None, copy)


@pytest.mark.parametrize(
    ("lost", "words"),
    [
        ("model_index.json", "model_index.json"),
        ("vae", "lacks vae/"),
        ("transformer/*.safetensors", "no weights"),
    ],
)
def test_an_incomplete_folder_says_what_it_lacks(copy: Path, lost: str, words: str) -> None:
    """The message names the folder and the part."""
    for path in copy.glob(lost):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    with pytest.raises(WeightsError, match=words):
        find(POCKET, str(copy), None, copy)


def test_a_missing_folder_and_a_strange_name(tmp_path: Path) -> None:
    """A path that leads nowhere and a name that is no hub id are told apart."""
    with pytest.raises(WeightsError, match="does not exist"):
        find(POCKET, "./nowhere", None, tmp_path)
    with pytest.raises(WeightsError, match="neither a folder beside the film nor a hub id"):
        find(POCKET, "what is this", None, tmp_path)


@pytest.fixture
def hub(tmp_path: Path, big_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A hub cache that holds a tiny 5B: large files as links to blobs named by their SHA-256."""
    root = tmp_path / "hub" / "models--Wan-AI--Wan2.2-TI2V-5B-Diffusers"
    snapshot = Path(shutil.copytree(big_folder, root / "snapshots" / COMMIT))
    (root / "blobs").mkdir()
    for file in list(snapshot.rglob("*.safetensors")):
        blob = root / "blobs" / sha256_of(file)
        file.rename(blob)
        file.symlink_to(blob)
    (root / "refs").mkdir()
    (root / "refs" / "main").write_text(COMMIT)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    return root


def test_the_hub_cache_is_read_without_a_network(hub: Path, big_folder: Path, tmp_path: Path) -> None:
    """The branch leads to the commit; the digest is that of the same weights in a plain folder."""
    found = find(FIVE, None, None, tmp_path)
    assert found.commit == COMMIT
    assert found.repo == "Wan-AI/Wan2.2-TI2V-5B-Diffusers"
    assert found.folder == hub / "snapshots" / COMMIT
    assert found.digest == digest_of(big_folder)
    assert find(FIVE, None, COMMIT, tmp_path) == found


def test_large_files_of_the_hub_are_read_once(
    hub: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A digest that is remembered is that of the blob, so that no plan and no other snapshot reads it again."""
    from filmforge.store import Store, sources

    read: list[Path] = []

    def digest_file(path: Path) -> str:
        read.append(path)
        return sha256_of(path)

    monkeypatch.setattr(sources, "digest_file", digest_file)
    monkeypatch.setattr(sources, "GRAIN", -1.0)  # the files of this test were written just now
    store = Store(tmp_path / "store")
    store.memo.put("any", {})  # the store is there, as after a first build
    first = find(FIVE, None, None, tmp_path, hasher=store.sources.digest)
    blobs = [path for path in read if path.parent.name == "blobs"]
    assert sorted(blobs) == sorted((hub / "blobs").iterdir())
    read.clear()
    assert find(FIVE, None, None, tmp_path, hasher=Store(tmp_path / "store").sources.digest) == first
    assert read == []


def test_a_damaged_download_is_named(hub: Path, tmp_path: Path) -> None:
    """A large file that is not what the hub states is refused with what to remove, before it makes a picture."""
    blob = next((hub / "blobs").iterdir())
    data = blob.read_bytes()
    blob.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(WeightsError, match=rf"download is damaged\. Remove .*{blob.name}"):
        find(FIVE, None, None, tmp_path)


def test_weights_that_are_not_here_can_still_be_planned_for(hub: Path, tmp_path: Path) -> None:
    """No error until they are needed; then the remedy. A broken-off download counts as not here."""
    absent = find(FIVE, "somebody/else", "v1", tmp_path)
    assert (absent.folder, absent.digest, absent.commit) == (None, None, None)
    with pytest.raises(WeightsError, match=r"somebody/else.* not on this machine.*run: filmforge fetch"):
        absent.required()
    next((hub / "blobs").iterdir()).unlink()
    assert find(FIVE, None, None, tmp_path).folder is None


@pytest.mark.parametrize("name", ["wan.ckpt", "/models/wan.pt", "../wan.bin"])
def test_a_pickle(name: str, tmp_path: Path) -> None:
    """It is never read, wherever it is, and whether or not it is there."""
    assert is_one_file(name, tmp_path)
    with pytest.raises(WeightsError, match="a pickle, which can run code and is never read"):
        find_checkpoint(FIVE, name, tmp_path)


def test_a_folder_may_have_the_name_of_a_file(tmp_path: Path) -> None:
    """What it is decides, not what it is called."""
    (tmp_path / "a.gguf").mkdir()
    assert not is_one_file("a.gguf", tmp_path)
    assert is_one_file("b.gguf", tmp_path)
    with pytest.raises(WeightsError, match=r"model_index\.json"):
        find(FIVE, "a.gguf", None, tmp_path)


def test_a_lost_shard_is_noticed(copy: Path) -> None:
    """An index that names a file which is not there makes the folder incomplete."""
    index = {"weight_map": {"a": "part-1.safetensors", "b": "part-2.safetensors"}}
    (copy / "transformer" / "x.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(WeightsError, match=r"part-1\.safetensors, which its index names"):
        find(POCKET, str(copy), None, copy)
