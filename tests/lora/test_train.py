"""Training: it moves pictures the right way, leaves the model as it was, and goes on after a kill."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch

from filmforge.errors import FilmforgeError, LoraError
from filmforge.lora.dataset import Example, prepare, read
from filmforge.lora.train import TrainSettings, settings_for, train
from filmforge.video_models.facts import facts_of
from filmforge.video_models.lora_file import LoraUse, read_header
from filmforge.video_models.wan import WanModel
from tests.lora.conftest import kill_once, small
from tests.video_models.conftest import load


def trained(model: WanModel, dataset: Path, settings: TrainSettings, place: Path) -> Path:
    out = place / "lora.safetensors"
    train(model, dataset, settings, trigger="mira", scratch=place / "scratch", out=out)
    return out


class TestReproducible:
    def test_equal_settings_give_equal_bytes(
        self, pocket: WanModel, dataset: Path, settings: TrainSettings, tmp_path: Path
    ) -> None:
        """And another seed another LoRA."""
        first = trained(pocket, dataset, settings, tmp_path / "a").read_bytes()
        assert trained(pocket, dataset, settings, tmp_path / "b").read_bytes() == first
        other = trained(pocket, dataset, replace(settings, seed=6), tmp_path / "c")
        assert other.read_bytes() != first

    def test_a_stopped_training_goes_on_from_any_step(
        self, pocket: WanModel, dataset: Path, settings: TrainSettings, tmp_path: Path
    ) -> None:
        """Stopped after every single step in turn, it ends with the bytes and losses of an unbroken one."""
        whole = tmp_path / "whole"
        curves = train(pocket, dataset, settings, trigger="mira", scratch=whole, out=tmp_path / "w")
        straight = list(curves["transformer"].losses)

        class Stopped(Exception):  # noqa: N818
            pass

        def stop(step: int, total: int, loss: float) -> None:
            if step < total:
                raise Stopped

        out = tmp_path / "broken"
        losses: tuple[float, ...] = ()
        for _ in range(settings.steps):
            try:
                broken = train(
                    pocket,
                    dataset,
                    settings,
                    trigger="mira",
                    scratch=tmp_path / "s",
                    out=out,
                    on_step=stop,
                    checkpoint_seconds=0.0,
                )
                losses = broken["transformer"].losses
            except Stopped:
                assert not out.exists()
        assert out.read_bytes() == (tmp_path / "w").read_bytes()
        assert list(losses) == straight
        lines = [json.loads(line) for line in (tmp_path / "s" / "losses.jsonl").read_text().splitlines()]
        assert [line["loss"] for line in lines] == straight
        assert [line["step"] for line in lines] == list(range(1, settings.steps + 1))

    @pytest.mark.slow
    def test_a_killed_process_goes_on_to_the_same_bytes(
        self, folder: Path, dataset: Path, settings: TrainSettings, pocket: WanModel, tmp_path: Path
    ) -> None:
        """kill -9 in the middle, then the same command again."""
        settings = replace(settings, steps=20, batch=2)
        straight = trained(pocket, dataset, settings, tmp_path / "straight")
        command = [
            sys.executable,
            "-c",
            _SCRIPT,
            json.dumps([str(folder), str(dataset), str(tmp_path / "k"), asdict(settings)]),
        ]
        scratch = tmp_path / "k" / "scratch"
        kill_once(command, lambda: any(scratch.glob("checkpoint-*")))
        out = tmp_path / "k" / "lora.safetensors"
        assert list(scratch.glob("checkpoint-*"))
        assert not out.exists()
        train(pocket, dataset, settings, trigger="mira", scratch=scratch, out=out)
        assert out.read_bytes() == straight.read_bytes()

    def test_another_training_s_checkpoint_is_not_taken(
        self, pocket: WanModel, dataset: Path, settings: TrainSettings, tmp_path: Path
    ) -> None:
        """A checkpoint belongs to its settings and data; a damaged one is passed over."""
        expected = trained(pocket, dataset, settings, tmp_path / "a").read_bytes()
        trained(pocket, dataset, replace(settings, learning_rate=1e-3), tmp_path / "b")
        assert trained(pocket, dataset, settings, tmp_path / "b").read_bytes() == expected
        for path in (tmp_path / "b" / "scratch").glob("checkpoint-*"):
            path.write_bytes(path.read_bytes()[:-3])
        assert trained(pocket, dataset, settings, tmp_path / "b").read_bytes() == expected


class TestModelAfterwards:
    def test_the_base_is_as_before(
        self, pocket: WanModel, dataset: Path, settings: TrainSettings, tmp_path: Path
    ) -> None:
        """No adapter is left, no weight has moved, nothing asks for gradients."""
        before = {name: value.clone() for name, value in pocket.transformer.state_dict().items()}
        trained(pocket, dataset, settings, tmp_path)
        after = pocket.transformer.state_dict()
        assert list(after) == list(before)
        assert all(value.equal(before[name]) for name, value in after.items())
        assert not any(p.requires_grad for p in pocket.transformer.parameters())

    def test_adapters_train_in_fp32_on_a_bf16_base(
        self, folder: Path, photos: list[Path], settings: TrainSettings, tmp_path: Path
    ) -> None:
        """Trap 12: in bf16, AdamW's small updates would be lost. The file then is in the base's precision."""
        model = load("pocket", folder, precision="bf16")
        assert model.facts.lora
        model.facts = replace(model.facts, lora=small(model.facts.lora))
        prepare(model, [Example(photos[0], "mira")], tmp_path / "d", trigger="mira")
        seen: set[torch.dtype] = set()

        def look(step: int, total: int, loss: float) -> None:
            seen.update(p.dtype for p in model.transformer.parameters() if p.requires_grad)
            kept = model.transformer.condition_embedder.time_embedder.linear_1.weight.dtype
            assert kept == torch.float32

        out = tmp_path / "lora"
        train(model, tmp_path / "d", settings, trigger="mira", scratch=tmp_path, out=out, on_step=look)
        assert seen == {torch.float32}
        from filmforge.video_models import tensors

        assert {value.dtype for value in tensors.load(out).values()} == {torch.bfloat16}


class TestPrior:
    def test_prior_samples_hold_the_rest_in_place(
        self, pocket: WanModel, dataset: Path, settings: TrainSettings, tmp_path: Path
    ) -> None:
        """With them, a caption without the character stays nearer to the base than without them."""
        long = replace(settings, steps=40, alpha=4, batch=8)
        drift = []
        for prior in (0.0, 0.5):
            lora = trained(pocket, dataset, replace(long, prior=prior), tmp_path / str(prior))
            drift.append(self.moved(pocket, dataset, lora))
        assert drift[1] < 0.8 * drift[0]

    def moved(self, model: WanModel, dataset: Path, lora: Path) -> float:
        text = read(dataset).prior[1].text
        made = []
        for uses in ([], [LoraUse(lora)]):
            model.set_loras(uses)
            made.append(
                model.sample(
                    positive=text, negative=None, frames=1, size=(64, 32), steps=4,
                    guidance=1.0, shift=3.0, seed=1,
                )["latents"]
            )  # fmt: skip
        model.set_loras([])
        return float((made[0] - made[1]).square().mean())

    def test_their_share_and_every_photo_s_come_out_exactly(
        self, dataset: Path, settings: TrainSettings
    ) -> None:
        """Whatever the batch: a quarter are prior samples, and each photo is seen as often as the others."""
        from filmforge.lora.batches import batch_of

        data = read(dataset)
        settings = replace(settings, batch=3, prior=0.25)
        counts = [0] * len(data.items)
        prior = 0
        for step in range(16):
            for item, is_prior in batch_of(data, settings, step, torch.Generator().manual_seed(step)):
                if is_prior:
                    prior += 1
                else:
                    counts[next(i for i, own in enumerate(data.items) if own is item)] += 1
        assert prior == 12
        assert counts == [9, 9, 9, 9]


class TestRefusals:
    def test_a_data_set_of_other_weights(
        self, dataset: Path, settings: TrainSettings, tmp_path: Path
    ) -> None:
        """Latents of one model mean nothing to another."""
        from tests.video_models.tiny import save_pocket_like

        other = load("pocket", save_pocket_like(tmp_path / "other", seed=1))
        with pytest.raises(LoraError, match="not with these weights"):
            trained(other, dataset, settings, tmp_path)

    def test_a_training_that_breaks_down(
        self, pocket: WanModel, dataset: Path, settings: TrainSettings, tmp_path: Path
    ) -> None:
        """A loss that is no number ends it, names the step and the remedy, and leaves the model usable."""
        with pytest.raises(LoraError, match="declare a learning_rate below"):
            trained(pocket, dataset, replace(settings, learning_rate=1e30), tmp_path)
        assert not (tmp_path / "lora.safetensors").exists()
        assert not getattr(pocket.transformer, "peft_config", None)

    def test_a_family_that_cannot_be_trained(self) -> None:
        """The sentence is the family's own."""
        with pytest.raises(FilmforgeError, match="no LoRA can be trained on ltx-video yet"):
            settings_for(facts_of("ltx-video").of_version("0.9.8-distilled"))
        with pytest.raises(FilmforgeError, match="no LoRA can be trained on hunyuan-video yet"):
            settings_for(facts_of("hunyuan-video").of_version("i2v"))


def test_settings_are_the_family_s_with_the_film_s_in_their_place(
    pocket: WanModel, dataset: Path, settings: TrainSettings, tmp_path: Path
) -> None:
    """alpha = rank by default; what was used stands in the file."""
    default = settings_for(facts_of("pocket"), rank=8)
    assert (default.rank, default.alpha, default.steps) == (8, 8, facts_of("pocket").lora.steps)  # type: ignore[union-attr]
    header = read_header(trained(pocket, dataset, settings, tmp_path))
    assert (header.family, header.rank, header.alpha, header.trigger) == ("pocket", 4, 8.0, "mira")
    assert header.base_digest == pocket.weights.digest
    assert header.metadata is not None
    assert json.loads(header.metadata["filmforge.settings"])["learning_rate"] == 1e-2


_SCRIPT = """
import json, sys
from dataclasses import replace
from pathlib import Path
from tests.video_models.conftest import load
from filmforge.lora.train import TrainSettings, train
folder, dataset, place, said = json.loads(sys.argv[1])
settings = TrainSettings(**said | {"targets": tuple(said["targets"])})
train(load("pocket", Path(folder)), Path(dataset), settings, trigger="mira",
      scratch=Path(place) / "scratch", out=Path(place) / "lora.safetensors", checkpoint_seconds=0.0)
"""
