"""Rectified flow, as all families learn it."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from filmforge.video_models import flow


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


class TestLevels:
    def test_a_part_of_the_range_is_drawn_as_the_whole_is(self) -> None:
        """Inside its bounds, and spread there as the levels of the whole that happen to lie there."""
        whole = flow.drawn(40_000, "logit-normal", torch.Generator().manual_seed(1))
        low, high = 0.368, 1.0
        part = flow.drawn(20_000, "logit-normal", torch.Generator().manual_seed(2), (low, high))
        assert part.min() >= low
        assert part.max() <= high
        same = whole[whole >= low]
        for share in (0.1, 0.5, 0.9):
            assert part.quantile(share) == pytest.approx(float(same.quantile(share)), abs=0.01)

    def test_uniform_levels_fill_their_part(self) -> None:
        """Evenly, from one bound to the other."""
        part = flow.drawn(20_000, "uniform", torch.Generator().manual_seed(2), (0.25, 0.5))
        assert part.min() >= 0.25
        assert part.max() <= 0.5
        assert part.mean() == pytest.approx(0.375, abs=0.003)

    @pytest.mark.parametrize("shift", [1.0, 5.0, 12.0, 2.3333])
    def test_unshifting_undoes_the_shift(self, shift: float) -> None:
        """To the ends of the range exactly: they decide what is drawn."""
        for level in (0.0, 0.1, 0.875, 1.0):
            there = float(flow.shifted(torch.tensor(level, dtype=torch.float64), shift))
            assert flow.unshifted(there, shift) == pytest.approx(level, abs=1e-12)
        assert flow.unshifted(1.0, shift) == 1.0
