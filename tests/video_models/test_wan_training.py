"""The objective of Wan TI2V: rectified flow, with a timestep a token."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from filmforge.video_models import wan_training as flow
from filmforge.video_models.wan import WanModel


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def test_the_velocity_leads_from_noise_to_data() -> None:
    """Trap 5's other side: x - s v is the data, whatever the noise level; the target is noise - data."""
    data, noise = drawn(2, 4, 3, 2, 2), drawn(2, 4, 3, 2, 2, seed=1)
    sigmas, given = torch.tensor([0.3, 0.9]), torch.tensor([False, False])
    noisy = flow.noised(data, noise, sigmas, given)
    back = noisy - sigmas.view(-1, 1, 1, 1, 1) * flow.wanted(data, noise)
    assert torch.allclose(back, data, atol=1e-6)


def test_a_given_first_frame_stays_clean_and_counts_for_nothing() -> None:
    """As in image to video: no noise on it, no loss from it."""
    data, noise = drawn(2, 4, 3, 2, 2), drawn(2, 4, 3, 2, 2, seed=1)
    given = torch.tensor([True, False])
    noisy = flow.noised(data, noise, torch.tensor([0.5, 0.5]), given)
    assert noisy[0, :, 0].equal(data[0, :, 0])
    assert not noisy[1, :, 0].equal(data[1, :, 0])
    wrong = data.clone()
    wrong[:, :, 0] += 7
    losses = flow.loss(wrong, data, given)
    assert losses[0] == 0
    assert losses[1] == pytest.approx(49 / 3)


def test_the_shift_is_the_scheduler_s() -> None:
    """Training sees the noise levels that sampling will visit."""
    from diffusers import FlowMatchEulerDiscreteScheduler

    plain, shifted = FlowMatchEulerDiscreteScheduler(shift=1.0), FlowMatchEulerDiscreteScheduler(shift=5.0)
    assert torch.allclose(flow.shifted(plain.sigmas, 5.0), shifted.sigmas, atol=1e-6)


class TestTimesteps:
    def asked(self, model: WanModel, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
        """What the transformer is called with, by the pipeline or in training."""
        calls: list[dict[str, Any]] = []
        original = type(model.transformer).forward

        def spy(self: Any, **arguments: Any) -> Any:
            calls.append(arguments)
            return original(self, **arguments)

        monkeypatch.setattr(type(model.transformer), "forward", spy)
        return calls

    def test_tokens_of_a_given_frame_stand_at_0(
        self, pocket: WanModel, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """In training as in the pipeline: 0 for the first frame's tokens, the same step for all others."""
        import numpy as np

        calls = self.asked(pocket, monkeypatch)
        text = pocket.encode(["x"])[0]
        start = np.zeros((32, 32, 3), dtype=np.uint8)
        pocket.sample(
            positive=text, negative=None, frames=9, size=(32, 32), steps=1,
            guidance=1.0, shift=3.0, seed=0, start=start,
        )  # fmt: skip
        by_pipeline = calls[-1]["timestep"]
        sigma = by_pipeline.max() / 1000
        flow.predicted(
            pocket.transformer,
            drawn(1, 16, 3, 4, 4),
            sigma.view(1),
            text["embeds"][None],
            torch.tensor([True]),
        )
        assert torch.allclose(calls[-1]["timestep"], by_pipeline.float())
        assert (by_pipeline[0, :4] == 0).all()

    @torch.no_grad()
    def test_one_timestep_an_item_means_the_same(
        self, pocket: WanModel, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Without a given frame, all tokens share a timestep: saying it once gives the same velocity."""
        text = pocket.encode(["x"])[0]["embeds"].repeat(2, 1, 1)
        noisy, sigmas = drawn(2, 16, 3, 4, 4), torch.tensor([0.2, 0.8])
        none = torch.tensor([False, False])
        once = flow.predicted(pocket.transformer, noisy, sigmas, text, none)
        tokens = (sigmas * 1000).view(2, 1).repeat(1, 12)
        monkeypatch.setattr(flow, "_timesteps", lambda *_: tokens)
        assert torch.allclose(once, flow.predicted(pocket.transformer, noisy, sigmas, text, none), atol=1e-5)
