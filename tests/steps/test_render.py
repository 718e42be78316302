"""The step `render` as a worker carries it out: the rate of its frames, and what its halfway results are known by."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import av
import pytest

from filmforge.steps import render
from filmforge.steps.work import Make, Session, Work
from filmforge.video_models.wan import WanModel
from tests.video_models.conftest import load
from tests.video_models.tiny import save_pocket_like


class Kept:
    """Keeps nothing, and tells by what each halfway result would be known."""

    def __init__(self, place: Path) -> None:
        self.place, self.values = place, dict[str, list[Mapping[str, Any]]]()

    def find(self, kind: str, value: Mapping[str, Any]) -> Path | None:
        return None

    def put(self, kind: str, value: Mapping[str, Any], suffix: str, make: Make) -> Path:
        known = self.values.setdefault(kind, [])
        known.append(value)
        path = self.place / f"{kind}{len(known)}{suffix}"
        make(path)
        return path


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> WanModel:
    found: WanModel = load("pocket", save_pocket_like(tmp_path_factory.mktemp("pocket")))
    return found


def rendered(loaded: WanModel, place: Path, digests: Mapping[str, str] | None = None, **changes: Any) -> Work:
    """A shot of five frames, rendered with the params' `changes`."""
    place.mkdir()
    base = {"family": "pocket", "weights": loaded.weights.digest, "precision": "fp32"}
    params: dict[str, Any] = {
        "model": base, "prompt": "a fox", "negative": "", "frames": 5, "size": [32, 32], "steps": 1,
        "guidance": 1.0, "shift": 3.0, "seed": 1, "loras": [],
    } | changes  # fmt: skip
    work = Work(
        kind="render",
        name="render/a/one",
        params=params,
        inputs={},
        digests=digests or {},
        hints={},
        folder=place,
        scratch=place,
        window=place,
        keep=Kept(place),
        session=Session(held={"base": params["model"], "model": loaded, "release": None}),
        report=lambda done, total, note: None,
        warn=lambda words: None,
        show=lambda picture, done, total: None,
    )
    render.run(work)
    return work


def test_frames_have_the_model_s_rate(model: WanModel, tmp_path: Path) -> None:
    """Trap 10: told another one, all that moves would move at another speed in the film."""
    work = rendered(model, tmp_path / "a")
    with av.open(str(work.outputs["main"])) as clip:
        assert clip.streams.video[0].average_rate == model.facts.fps == 8
        assert sum(1 for _ in clip.decode(video=0)) == 5


def known_by(work: Work, kind: str) -> Mapping[str, Any]:
    assert isinstance(work.keep, Kept)
    return work.keep.values[kind][0]


OTHER_WEIGHTS = {"family": "pocket", "weights": "another", "precision": "fp32"}


def test_latents_are_known_by_all_that_decides_them(model: WanModel, tmp_path: Path) -> None:
    """Trap 13: prompt, length, size, seed, weights (autoencoder and text encoder are among them), LoRAs' settings and the
    files that go in. A change of any asks for other latents; the same shot for the same."""
    plain = known_by(rendered(model, tmp_path / "a"), "latents")
    assert known_by(rendered(model, tmp_path / "b"), "latents") == plain
    changes: list[dict[str, Any]] = [
        {"prompt": "an owl"}, {"frames": 9}, {"size": [64, 32]}, {"seed": 2}, {"model": OTHER_WEIGHTS},
        {"digests": {"lora.mira": "d"}},
    ]  # fmt: skip
    others = [
        known_by(rendered(model, tmp_path / str(number), **change), "latents")
        for number, change in enumerate(changes)
    ]
    assert all(other != plain for other in others)


def test_texts_are_known_by_their_words_and_the_encoder_s_weights(model: WanModel, tmp_path: Path) -> None:
    """Trap 13: and by nothing else, so that takes and sizes of a shot share them."""
    plain = known_by(rendered(model, tmp_path / "a"), "text")
    assert known_by(rendered(model, tmp_path / "b", prompt="an owl"), "text") != plain
    assert known_by(rendered(model, tmp_path / "c", model=OTHER_WEIGHTS), "text") != plain
    assert known_by(rendered(model, tmp_path / "d", seed=2, size=[64, 32]), "text") == plain
