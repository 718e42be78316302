"""How Wan's transformers are asked in training: a timestep a token, as the pipeline has it."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from filmforge.video_models import wan_training
from filmforge.video_models.wan import WanModel


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


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
        wan_training.predicted(
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
        once = wan_training.predicted(pocket.transformer, noisy, sigmas, text, none)
        tokens = (sigmas * 1000).view(2, 1).repeat(1, 12)
        monkeypatch.setattr(wan_training, "_timesteps", lambda *_: tokens)
        assert torch.allclose(
            once, wan_training.predicted(pocket.transformer, noisy, sigmas, text, none), atol=1e-5
        )
