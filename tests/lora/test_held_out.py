"""Held-out photos: they are not trained on, cost little, decide what is kept, and survive a kill."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from filmforge.lora import train as training
from filmforge.lora.batches import batch_of
from filmforge.lora.curve import Curve, Measured
from filmforge.lora.dataset import Dataset, Example, Item, prepare, read
from filmforge.lora.held_out import held_out_count, split, times
from filmforge.lora.previews import Previews
from filmforge.lora.train import TrainSettings, train
from filmforge.video_models import tensors
from filmforge.video_models.wan import WanModel


@pytest.fixture(scope="module")
def nine(pocket: WanModel, photos: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of nine photos, the last of which is held out."""
    place = tmp_path_factory.mktemp("nine")
    chance = np.random.default_rng(1)
    paths = [*photos]
    for number in range(4, 9):
        paths.append(place / f"{number}.png")
        blocks = chance.integers(0, 255, (4, 7, 3), dtype=np.uint8)
        Image.fromarray(blocks).resize((112, 64), Image.Resampling.NEAREST).save(paths[-1])
    out = place / "dataset.safetensors"
    prepare(pocket, [Example(path, "mira, a fox") for path in paths], out, trigger="mira")
    return out


@pytest.fixture
def turning(monkeypatch: pytest.MonkeyPatch) -> None:
    """Held-out losses that are lowest after the third of nine steps, and then lose most of what was gained."""
    losses = {0: 0.9, 3: 0.2, 6: 0.6, 9: 0.7}
    monkeypatch.setattr(
        training, "measure", lambda run, transformer, step: Measured(step, (losses[step],) * 8)
    )


class TestSplit:
    def data(self, *clips: int) -> Dataset:
        items = tuple(Item(torch.tensor(float(n)), {}) for n in range(sum(clips)))
        return Dataset(items, clips, (), {}, "mira", "pocket", "")

    def test_one_in_ten_from_eight_on(self) -> None:
        """Of fewer, none."""
        assert [held_out_count(n) for n in (1, 7, 8, 19, 20, 35)] == [0, 0, 1, 1, 2, 3]
        assert split(self.data(*[1] * 7))[1] == ()

    def test_a_clip_goes_with_all_its_items(self) -> None:
        """Parts of one clip on both sides would make the held-out ones known by heart."""
        own, held = split(self.data(1, 3, 1, 1, 1, 1, 1, 4))
        assert [int(item.latents) for item in held] == [9, 10, 11, 12]
        assert (len(own.items), own.clips) == (9, (1, 3, 1, 1, 1, 1, 1))

    def test_the_data_set_says_what_came_of_each(self, nine: Path) -> None:
        """As many items as photos here."""
        assert read(nine).clips == (1,) * 9


class TestTimes:
    @pytest.mark.parametrize(("steps", "batch", "items"), [(450, 8, 1), (1500, 1, 2), (2000, 1, 12)])
    def test_they_cost_a_fiftieth(self, steps: int, batch: int, items: int) -> None:
        """In predictions: three for each item of a step, one for each pair that is measured."""
        due = times(steps, batch, items)
        assert due[-1] == steps
        assert len(due) * max(8, items) <= 0.021 * steps * batch * 3
        assert 3 <= len(due) <= 20

    def test_short_trainings_and_none(self) -> None:
        """Never more often than there are steps; not at all without held-out photos."""
        assert times(2, 1, 1) == (1, 2)
        assert times(6, 4, 1) == (2, 4, 6)
        assert times(450, 8, 0) == ()


class TestTraining:
    def test_what_is_held_out_is_not_trained_on(
        self,
        pocket: WanModel,
        nine: Path,
        settings: TrainSettings,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """None of the batches has it."""
        held = read(nine).items[-1].latents
        seen: list[bool] = []

        def watched(data: Dataset, *rest: object) -> list[tuple[Item, bool]]:
            batch = batch_of(data, *rest)  # type: ignore[arg-type]
            seen.extend(item.latents.equal(held) for item, _ in batch)
            return batch

        monkeypatch.setattr(training, "batch_of", watched)
        train(pocket, nine, settings, trigger="mira", scratch=tmp_path, out=tmp_path / "l")
        assert seen
        assert not any(seen)

    def test_it_is_measured_at_fixed_noise(
        self, pocket: WanModel, nine: Path, settings: TrainSettings, tmp_path: Path
    ) -> None:
        """Two trainings begin at the same losses to the bit; training changes them."""
        found = [
            train(pocket, nine, replace(settings, seed=seed), trigger="mira", scratch=tmp_path / str(seed),
                  out=tmp_path / "l")["transformer"].measured
            for seed in (1, 2)
        ]  # fmt: skip
        assert [m.step for m in found[0]] == [0, 2, 4, 6]
        assert len(found[0][0].losses) == 8
        assert found[0][0] == found[1][0]
        assert found[0][-1].losses != found[1][-1].losses != found[0][0].losses

    def test_the_weights_of_the_best_step_are_kept(
        self, pocket: WanModel, nine: Path, settings: TrainSettings, tmp_path: Path, turning: None
    ) -> None:
        """What is in the file is what was in memory then, and the file says which step it is."""
        settings = replace(settings, steps=9)
        then: dict[int, dict[str, torch.Tensor]] = {}

        def look(step: int, total: int, loss: float) -> None:
            parameters = pocket.transformer.named_parameters()
            then[step] = {
                name.replace(".filmforge.", "."): p.detach().clone()
                for name, p in parameters
                if p.requires_grad
            }

        out = tmp_path / "lora"
        curve = train(
            pocket, nine, settings, trigger="mira", scratch=tmp_path, out=out, on_step=look
        )["transformer"]  # fmt: skip
        assert [m.step for m in curve.measured] == [0, 3, 6, 9]
        assert curve.kept == 3
        found = tensors.load(out)
        assert all(found[f"transformer.{name}"].equal(value) for name, value in then[curve.kept].items())
        assert tensors.metadata(out)["filmforge.kept"] == str(curve.kept)

    def test_it_goes_on_from_any_step_to_the_same_bytes(
        self, pocket: WanModel, nine: Path, settings: TrainSettings, tmp_path: Path, turning: None
    ) -> None:
        """Stopped after every step in turn: the same LoRA, the same losses, and the same step kept."""
        settings = replace(settings, steps=9)
        straight = train(pocket, nine, settings, trigger="mira", scratch=tmp_path / "a", out=tmp_path / "w")

        class Stopped(Exception):  # noqa: N818
            pass

        def stop(step: int, total: int, loss: float) -> None:
            if step < total:
                raise Stopped

        broken: dict[str, Curve] = {}
        for _ in range(settings.steps):
            try:
                broken = train(
                    pocket, nine, settings, trigger="mira", scratch=tmp_path / "b", out=tmp_path / "x",
                    on_step=stop, checkpoint_seconds=0.0,
                )  # fmt: skip
            except Stopped:
                continue
        assert (tmp_path / "x").read_bytes() == (tmp_path / "w").read_bytes()
        assert broken == straight
        assert straight["transformer"].kept == 3
        lines = [json.loads(line) for line in (tmp_path / "b" / "losses.jsonl").read_text().splitlines()]
        assert [line["step"] for line in lines if "held_out" in line] == [3, 6, 9]
        assert [line["rate"] for line in lines] == list(straight["transformer"].rates)


class TestPreviews:
    def test_they_show_the_lora_and_change_nothing(
        self, pocket: WanModel, nine: Path, settings: TrainSettings, tmp_path: Path
    ) -> None:
        """At the start and each quarter; the last, from the file, is what was drawn from memory at that step."""
        settings = replace(settings, steps=8)
        plain = tmp_path / "plain"
        train(pocket, nine, settings, trigger="mira", scratch=tmp_path / "a", out=plain)
        previews = Previews(pocket, nine, ["mira, a fox"] * 9, tmp_path)
        drawn: list[int] = []

        def pass_by(expert: str, curve: Curve) -> None:
            if previews.pass_by(len(curve.losses), curve.steps):
                drawn.append(len(curve.losses))

        out = tmp_path / "lora"
        curve = train(
            pocket, nine, settings, trigger="mira", scratch=tmp_path / "b", out=out, on_curve=pass_by
        )["transformer"]  # fmt: skip
        assert out.read_bytes() == plain.read_bytes()
        assert drawn == previews.taken() == [0, 2, 4, 6]
        assert len(previews.prompts) == 2
        memory = {step: [np.asarray(p) for p in previews.pictures(step)] for step in drawn}
        assert all(len(pictures) == 2 for pictures in memory.values())
        assert not np.array_equal(memory[0][0], memory[6][0])
        pocket.set_loras([])
        again = Previews(pocket, nine, ["mira, a fox"] * 9, tmp_path / "again")
        again.place.mkdir()
        again.finish(out, curve.kept)
        assert again.taken() == [0, curve.kept]
        assert np.array_equal(np.asarray(again.pictures(0)[0]), memory[0][0])
