"""Which weights are kept, and the reason that is given."""

from __future__ import annotations

from filmforge.lora.curve import Curve, Measured, kept


def measured(step: int, *losses: float) -> Measured:
    return Measured(step, losses)


def curve(*of: Measured, steps: int = 40) -> Curve:
    return Curve(steps, (0.5,) * steps, (1e-3,) * steps, of)


class TestKept:
    def test_the_last_that_has_kept_half_of_the_gain(self) -> None:
        """A character is still learned where the loss has turned: later is better, until most of the gain is lost."""
        low, later = measured(20, 0.40, 0.30, 0.20), measured(30, 0.50, 0.40, 0.30)
        of = [
            measured(0, 0.9, 0.8, 0.7),
            measured(10, 0.6, 0.5, 0.4),
            low,
            later,
            measured(40, 0.80, 0.70, 0.60),
        ]
        assert kept(of) == later
        assert curve(*of).reason == (
            "step 30 of 40: on held-out photos it has 80% of the most that was gained, at step 20 (loss 0.4000, there "
            "0.3000); it ended at 0.7000"
        )

    def test_the_lowest_where_the_rest_is_lost(self) -> None:
        """What has given back more than half has learned its photos by heart."""
        low = measured(20, 0.40, 0.30)
        of = [measured(0, 0.9, 0.8), low, measured(30, 0.7, 0.6), measured(40, 0.8, 0.7)]
        assert kept(of) == low
        assert "is lowest there, 0.3500; it ended at 0.7500" in curve(*of).reason

    def test_the_last_step(self) -> None:
        """Where it is lowest, and where nothing is held out."""
        of = [measured(20, 0.4, 0.4), measured(40, 0.3, 0.3)]
        assert curve(*of).reason.startswith("step 40, the last: the loss on held-out photos is lowest")
        assert kept([]) is None
        assert (curve().kept, curve().reason) == (
            40,
            "step 40, the last: there are too few photos to hold one out",
        )

    def test_never_the_beginning(self) -> None:
        """A LoRA that does nothing would be no LoRA; that it was in vain is said."""
        of = [measured(0, 0.2, 0.2), measured(20, 0.3, 0.3), measured(40, 0.4, 0.4)]
        assert curve(*of).kept == 20
        assert curve(*of).in_vain
        assert not curve(measured(0, 0.4, 0.4), measured(40, 0.3, 0.3)).in_vain

    def test_what_is_kept_at_the_end_was_kept_when_it_was_measured(self) -> None:
        """Weights are put aside as they come by: none may be wanted later that were not wanted then."""
        import random

        for number in range(200):
            chance = random.Random(number)
            of = [
                measured(step, *(0.5 + (step - 6) ** 2 / 200 + chance.gauss(0, 0.1) for _ in range(4)))
                for step in range(15)
            ]
            aside = None
            for count in range(1, len(of) + 1):
                if kept(of[:count]) == of[count - 1]:
                    aside = of[count - 1]
            assert aside == kept(of)


def test_as_json() -> None:
    """Everything that the report says of one expert."""
    said = curve(measured(0, 0.5, 0.7), measured(2, 0.25, 0.5), steps=2).to_json()
    assert said["losses"] == [0.5, 0.5]
    assert said["held_out"] == [{"step": 0, "loss": 0.6}, {"step": 2, "loss": 0.375}]
    assert said["kept"]["step"] == 2
