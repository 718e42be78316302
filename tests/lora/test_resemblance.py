"""Pictures drawn during a training and held against the held-out photos: what is kept by them, and that it stays so."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from filmforge.lora import train as training
from filmforge.lora.curve import Curve, Measured
from filmforge.lora.dataset import Example, prepare
from filmforge.lora.embedders import load_embedder
from filmforge.lora.likeness import nearness
from filmforge.lora.pictures import read_clips
from filmforge.lora.previews import Previews
from filmforge.lora.resemblance import PICTURES, Resemblance, resemblance
from filmforge.lora.train import TrainSettings, train
from filmforge.video_models import tensors
from filmforge.video_models.memory import MemoryPlan
from filmforge.video_models.wan import WanModel
from tests.lora.conftest import kill_once

CAPTION = "mira, a fox"


@pytest.fixture(scope="module")
def nine(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Nine photos, the last of which is held out."""
    place = tmp_path_factory.mktemp("nine")
    chance = np.random.default_rng(1)
    paths = [place / f"{number}.png" for number in range(9)]
    for path in paths:
        blocks = chance.integers(0, 255, (4, 7, 3), dtype=np.uint8)
        Image.fromarray(blocks).resize((112, 64), Image.Resampling.NEAREST).save(path)
    return paths


@pytest.fixture(scope="module")
def prepared(pocket: WanModel, nine: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("prepared") / "dataset.safetensors"
    prepare(pocket, [Example(path, CAPTION) for path in nine], out, trigger="mira")
    return out


def measure_of(model: WanModel, dataset: Path, photos: list[Path]) -> Resemblance:
    found = resemblance(model, dataset, photos)
    assert found is not None
    return found


class TestWhatIsCompared:
    def test_pictures_of_the_held_out_caption_with_the_held_out_photos(
        self, pocket: WanModel, prepared: Path, nine: list[Path], tmp_path: Path
    ) -> None:
        """The first of them is the preview; what is like enough is what the other photos are."""
        found = measure_of(pocket, prepared, nine)
        assert pocket.facts.lora
        embedder = load_embedder("pocket", None)
        seen = [read_clips(path, pocket.facts, pocket.facts.lora)[0][0] for path in nine]
        own, apart = embedder.points(seen[:8]), embedder.points(seen[8:])
        assert found.alike == pytest.approx(nearness(own, apart))
        drawn: list[np.ndarray] = []
        decode = pocket.decode
        pocket.decode = lambda latents: drawn.append(decode(latents)) or drawn[-1]  # type: ignore
        try:
            near = found.near()
        finally:
            del pocket.decode
        assert len({frames.tobytes() for frames in drawn}) == PICTURES
        assert near == pytest.approx(nearness(embedder.points([frames[0] for frames in drawn]), apart))
        Previews(pocket, prepared, [CAPTION] * 9, tmp_path).pass_by(0, 8)
        preview = np.asarray(Image.open(tmp_path / "preview-00000000-0.png"))
        assert np.array_equal(preview, drawn[0][0])

    def test_it_is_the_same_whatever_the_plan_of_memory(
        self, pocket: WanModel, prepared: Path, nine: list[Path], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A transformer that leaves the device for decoding would take the LoRA with it, which is being trained."""
        found = measure_of(pocket, prepared, nine)
        before, transformer = found.near(), pocket.transformer
        plan = MemoryPlan(False, False, True, {"sampling": 1.0}, in_main_memory=True)
        monkeypatch.setattr(pocket, "memory", plan)
        assert found.near() == before
        assert pocket.transformer is transformer
        assert pocket.memory is plan

    def test_nothing_where_it_cannot_be(
        self, pocket: WanModel, prepared: Path, nine: list[Path], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Too few photos to hold one out; a family for which no embedder ships."""
        assert resemblance(pocket, prepared, nine[:7]) is None
        monkeypatch.setattr(pocket, "facts", replace(pocket.facts, id="wan2.2-ti2v-5b"))
        assert resemblance(pocket, prepared, nine) is None


LOSSES = {0: 0.9, 2: 0.3, 4: 0.5, 6: 0.45, 8: 0.85}
NEAR = (0.1, 0.18, 0.7, 0.5, 0.3)


@pytest.fixture
def turning(monkeypatch: pytest.MonkeyPatch) -> None:
    """Losses that are lowest after the second of eight steps, and have lost their gain at the last."""

    def measured(run: object, transformer: object, step: int) -> Measured:
        return Measured(step, (LOSSES[step],) * 8)

    monkeypatch.setattr(training, "measure", measured)
    monkeypatch.setattr(training, "times", lambda *_: (2, 4, 6, 8))


class TestWhatIsKept:
    def test_the_weights_of_the_likest_step(
        self, pocket: WanModel, prepared: Path, settings: TrainSettings, tmp_path: Path, turning: None
    ) -> None:
        """What is in the file is what was in memory at that step."""
        settings = replace(settings, steps=8)
        told: Iterator[float] = iter(NEAR)
        then: dict[int, torch.Tensor] = {}

        def look(step: int, total: int, loss: float) -> None:
            name, value = next((n, p) for n, p in pocket.transformer.named_parameters() if p.requires_grad)
            then[step] = value.detach().clone()
            then[-1] = torch.tensor([ord(letter) for letter in name])

        out = tmp_path / "lora"
        curve = train(
            pocket, prepared, settings, trigger="mira", scratch=tmp_path, out=out, on_step=look,
            resemblance=Resemblance("x", 0.9, lambda: next(told)),
        )["transformer"]  # fmt: skip
        assert [curve.likeness(one) for one in curve.measured] == [0.0, 0.1, 0.75, 0.5, 0.25]
        assert curve.kept == 4
        assert tensors.metadata(out)["filmforge.kept"] == "4"
        name = "".join(map(chr, then[-1].tolist())).replace(".filmforge.", ".")
        assert tensors.load(out)[f"transformer.{name}"].equal(then[4])

    def test_it_goes_on_from_any_step_to_the_same_bytes(
        self, pocket: WanModel, prepared: Path, nine: list[Path], settings: TrainSettings, tmp_path: Path
    ) -> None:
        """Stopped after every step in turn, with real pictures: the same LoRA, the same figures."""
        settings = replace(settings, steps=8)

        def run(place: str, **how: object) -> dict[str, Curve]:
            return train(
                pocket, prepared, settings, trigger="mira", scratch=tmp_path / place,
                out=tmp_path / f"{place}.lora", resemblance=measure_of(pocket, prepared, nine), **how,
            )  # type: ignore[arg-type] # fmt: skip

        class Stopped(Exception):  # noqa: N818
            pass

        def stop(step: int, total: int, loss: float) -> None:
            if step < total:
                raise Stopped

        straight = run("straight")
        assert sum(one.near is not None for one in straight["transformer"].measured) >= 3
        broken: dict[str, Curve] = {}
        for _ in range(settings.steps):
            try:
                broken = run("broken", on_step=stop, checkpoint_seconds=0.0)
            except Stopped:
                continue
        assert broken == straight
        assert (tmp_path / "broken.lora").read_bytes() == (tmp_path / "straight.lora").read_bytes()

    @pytest.mark.slow
    def test_a_killed_process_goes_on_to_the_same_bytes(
        self, folder: Path, pocket: WanModel, prepared: Path, nine: list[Path], settings: TrainSettings,
        tmp_path: Path,
    ) -> None:  # fmt: skip
        """kill -9 once weights are put aside, then the same again."""
        settings = replace(settings, steps=20, batch=2)

        def run(place: Path) -> bytes:
            out = place / "lora.safetensors"
            train(
                pocket, prepared, settings, trigger="mira", scratch=place, out=out,
                resemblance=measure_of(pocket, prepared, nine),
            )  # fmt: skip
            return out.read_bytes()

        said = [str(folder), str(prepared), str(tmp_path / "k"), asdict(settings), [str(p) for p in nine]]
        command = [sys.executable, "-c", _SCRIPT, json.dumps(said)]
        kill_once(command, lambda: _put_aside(tmp_path / "k"))
        assert _put_aside(tmp_path / "k")
        assert not (tmp_path / "k" / "lora.safetensors").exists()
        assert run(tmp_path / "k") == run(tmp_path / "straight")


def _put_aside(place: Path) -> bool:
    """Whether a checkpoint there has weights of an earlier step."""
    for path in place.glob("checkpoint-*"):
        try:
            if any(name.startswith("b") for name in tensors.read_header(path)):
                return True
        except (OSError, ValueError):
            continue  # gone meanwhile, or half written
    return False


_SCRIPT = """
import json, sys
from dataclasses import replace
from pathlib import Path
from tests.lora.conftest import small
from tests.video_models.conftest import load
from filmforge.lora.resemblance import resemblance
from filmforge.lora.train import TrainSettings, train
folder, dataset, place, said, photos = json.loads(sys.argv[1])
settings = TrainSettings(**said | {"targets": tuple(said["targets"])})
model = load("pocket", Path(folder))
model.facts = replace(model.facts, lora=small(model.facts.lora))
train(model, Path(dataset), settings, trigger="mira", scratch=Path(place), out=Path(place) / "lora.safetensors",
      checkpoint_seconds=0.0, resemblance=resemblance(model, Path(dataset), [Path(p) for p in photos]))
"""
