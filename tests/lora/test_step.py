"""The step `lora` as a worker carries it out: what it puts out, shows and says."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from filmforge.steps import lora
from filmforge.steps.work import Make, Session, Work
from filmforge.video_models.wan import WanModel


class Kept:
    """Keeps what is made half-way in a folder, and what it is known by."""

    def __init__(self, place: Path) -> None:
        self.place, self.values = place, list[Mapping[str, Any]]()

    def find(self, kind: str, value: Mapping[str, Any]) -> Path | None:
        return None

    def put(self, kind: str, value: Mapping[str, Any], suffix: str, make: Make) -> Path:
        self.values.append(value)
        path = self.place / f"{kind}{suffix}"
        make(path)
        return path


def work_of(model: WanModel, place: Path, count: int, said: list[str], notes: list[str]) -> Work:
    """The step of a character with so many photos, all with one caption."""
    chance = np.random.default_rng(0)
    inputs, digests = {}, {}
    for number in range(count):
        path = place / f"p{number}.png"
        blocks = chance.integers(0, 255, (4, 7, 3), dtype=np.uint8)
        Image.fromarray(blocks).resize((320, 192), Image.Resampling.NEAREST).save(path)
        inputs[f"photo.{number:03}"], digests[f"photo.{number:03}"] = path, f"d{number}"
    base = {"family": "pocket", "weights": model.weights.digest, "precision": "fp32"}
    for folder in ("out", "scratch", "kept"):
        (place / folder).mkdir()
    params = {
        "model": base, "trigger": "mira", "rank": 4, "steps": 4, "learning_rate": 1e-2, "seed": 0,
        "captions": ["mira, a fox"] * count,
    }  # fmt: skip
    return Work(
        kind="lora",
        name="lora/mira@hero",
        params=params,
        inputs=inputs,
        digests=digests,
        hints={},
        folder=place / "out",
        scratch=place / "scratch",
        window=place / "training",
        keep=Kept(place / "kept"),
        session=Session(held={"base": base, "model": model, "release": None}),
        report=lambda done, total, note: notes.append(f"{done}/{total} {note}"),
        warn=said.append,
        show=lambda picture, done, total: None,
    )


def test_what_it_puts_out_and_says(pocket: WanModel, tmp_path: Path) -> None:
    """LoRA, report and page; the page in the window is the same; the last of eight photos is held out."""
    said: list[str] = []
    notes: list[str] = []
    work = work_of(pocket, tmp_path, 8, said, notes)
    lora.run(work)
    assert set(work.outputs) == {"main", "report", "page"}
    assert work.outputs["page"].read_bytes() == (tmp_path / "training" / "mira@hero.png").read_bytes()
    assert [path.name for path in (tmp_path / "training").iterdir()] == ["mira@hero.png"]
    report = json.loads(work.outputs["report"].read_text())
    assert report["held_out"] == ["d7"]
    curve = report["experts"]["transformer"]
    assert len(report["losses"]) == len(curve["losses"]) == 4
    assert curve["held_out"][0]["step"] == 0
    assert work.provenance["kept"] == {"transformer": curve["kept"]}
    assert said[0] == (
        "all photos have the same caption: what is in it besides the character is learned with it "
        "(filmforge train FILM mira --photos shows them)"
    )
    assert any(note.startswith("4/4 training, loss ") and note.endswith(" held out") for note in notes)


class TestDataSet:
    def asked(
        self, loaded: WanModel, place: Path, monkeypatch: pytest.MonkeyPatch, **changes: Any
    ) -> Mapping[str, Any]:
        """What the step's data set is known by; the step is stopped when it asks for it."""

        class Asked(Exception):  # noqa: N818
            pass

        found: list[Mapping[str, Any]] = []

        def find(kept: Kept, kind: str, value: Mapping[str, Any]) -> Path | None:
            found.append(value)
            raise Asked

        monkeypatch.setattr(Kept, "find", find)
        place.mkdir()
        work = work_of(loaded, place, 2, [], [])
        work.digests = changes.pop("digests", work.digests)
        work.params = {**work.params, **changes}
        work.session.held["base"] = work.params["model"]
        with pytest.raises(Asked):
            lora.run(work)
        return found[0]

    def test_it_is_known_by_all_that_decides_it(
        self, pocket: WanModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Trap 13: captions, photos, frames, size, prior samples, and the weights, which autoencoder and text encoder are
        among. Not by what is only trained with it: another rank or seed needs no photo encoded again."""
        assert pocket.facts.lora
        facts, training = pocket.facts, pocket.facts.lora
        plain = self.asked(pocket, tmp_path / "plain", monkeypatch)
        assert self.asked(pocket, tmp_path / "rank", monkeypatch, rank=8, steps=9, seed=1) == plain
        weights = {"family": "pocket", "weights": "another", "precision": "fp32"}
        digests = {"photo.000": "d0", "photo.001": "another"}
        for number, change in enumerate(
            ({"captions": ["mira, an owl"] * 2}, {"digests": digests}, {"model": weights})
        ):
            assert self.asked(pocket, tmp_path / str(number), monkeypatch, **change) != plain
        for name, other in (
            ("frames", replace(training, frames=5)),
            ("size", replace(training, size=(32, 32))),
            ("prior", replace(training, prior_captions=("an owl",))),
        ):
            monkeypatch.setattr(pocket, "facts", replace(facts, lora=other))
            assert self.asked(pocket, tmp_path / name, monkeypatch) != plain


def test_few_photos_are_all_trained_on(pocket: WanModel, tmp_path: Path) -> None:
    """Of seven none is held out, the last step is kept, and nothing is said of that."""
    said: list[str] = []
    work = work_of(pocket, tmp_path, 7, said, [])
    lora.run(work)
    report = json.loads(work.outputs["report"].read_text())
    assert report["held_out"] == []
    assert report["experts"]["transformer"]["kept"]["step"] == 4
    assert len(said) == 1


def test_a_page_is_drawn_now_and_then(
    pocket: WanModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With each new preview and at the end: at every measurement it would cost a short training much of its time."""
    drawn: list[bool] = []
    show = lora._Page.show

    def watched(page: lora._Page, curves: Mapping[str, Any], out: Path | None = None) -> None:
        drawn.append(out is not None)
        show(page, curves, out)

    monkeypatch.setattr(lora._Page, "show", watched)
    monkeypatch.setattr(lora, "SECONDS_A_PAGE", 1e9)
    work = work_of(pocket, tmp_path, 8, [], [])
    lora.run(work)
    assert drawn == [False] * 4 + [True]
