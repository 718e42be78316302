"""Finding the embedder of likeness: shipped, in a folder, in the hub's cache, or not here at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from filmforge.errors import WeightsError
from filmforge.video_models.embedder_weights import find_embedder, missing_package

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def write(folder: Path, weights: bytes = b"weights") -> Path:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text('{"model_type": "dinov2", "image_size": 28}', encoding="utf-8")
    (folder / "preprocessor_config.json").write_text("{}", encoding="utf-8")
    (folder / "model.safetensors").write_bytes(weights)
    return folder


def test_the_shipped_one_is_always_here(tmp_path: Path) -> None:
    found = find_embedder("pocket", tmp_path)
    assert found.folder is not None and found.folder.is_file()
    assert found.identity == {"kind": "pocket", "weights": found.digest}


def test_a_folder_is_known_by_its_content(tmp_path: Path) -> None:
    """Where it lies is nothing to it; a byte of its weights is."""
    one, other, third = (
        write(tmp_path / name, data) for name, data in (("a", b"x"), ("b", b"x"), ("c", b"y"))
    )
    found = [find_embedder(name, tmp_path).digest for name in ("a", "./b", str(third))]
    assert found[0] == found[1] != found[2]
    (one / "README.md").write_text("hello", encoding="utf-8")
    assert find_embedder("a", tmp_path).digest == found[0]
    (other / "preprocessor_config.json").write_text('{"crop_size": 1}', encoding="utf-8")
    assert find_embedder("b", tmp_path).digest != found[0]


@pytest.mark.parametrize(
    ("lost", "words"),
    [("config.json", "lacks config.json"), ("model.safetensors", "a pickle can run code and is never read")],
)
def test_a_folder_that_is_none(lost: str, words: str, tmp_path: Path) -> None:
    (write(tmp_path / "a") / lost).unlink()
    with pytest.raises(WeightsError, match=words):
        find_embedder("a", tmp_path)


def test_a_hub_id(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Found in the cache at the commit that a branch or a lock names; else a film can be planned without it."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    absent = find_embedder("facebook/dinov2-base", tmp_path)
    assert (absent.folder, absent.identity["weights"]) == (None, "facebook/dinov2-base@unresolved")
    home = tmp_path / "models--facebook--dinov2-base"
    folder = write(home / "snapshots" / COMMIT)
    (home / "refs").mkdir()
    (home / "refs" / "main").write_text(COMMIT, encoding="utf-8")
    found = find_embedder("facebook/dinov2-base", tmp_path)
    assert (found.folder, found.commit) == (folder, COMMIT)
    assert found == find_embedder("facebook/dinov2-base", tmp_path, commit=COMMIT)
    (folder / "model.safetensors").unlink()
    assert find_embedder("facebook/dinov2-base", tmp_path).folder is None


def test_a_name_that_is_nothing(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="embedder 'dino': neither 'pocket' nor 'arcface', nor a folder"):
        find_embedder("dino", tmp_path)


def test_faces_need_their_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The package, and what it alone can fetch: each refused with what to do."""
    found = find_embedder("arcface", tmp_path, home=tmp_path)
    assert "pip install" in str(missing_package(found.identity))
    monkeypatch.setattr("filmforge.video_models.embedder_weights.find_spec", lambda name: object())
    assert "insightface's models in ~/.insightface/models/buffalo_l" in str(missing_package(found.identity))
    folder = tmp_path / ".insightface" / "models" / "buffalo_l"
    folder.mkdir(parents=True)
    (folder / "w600k_r50.onnx").write_bytes(b"faces")
    assert missing_package(find_embedder("arcface", tmp_path, home=tmp_path).identity) is None
