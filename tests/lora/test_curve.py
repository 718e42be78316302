"""Which weights are kept, and the reason that is given."""

from __future__ import annotations

import random

from filmforge.lora.curve import Curve, Measured, kept, likeness


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


def compared(step: int, loss: float, near: float | None) -> Measured:
    """Where the photos are 0.9 near each other, and what is drawn without the LoRA 0.1: likeness is (near - 0.1) / 0.8."""
    return Measured(step, (loss,), near)


ALIKE = 0.9
BEFORE = compared(0, 0.9, 0.1)


class TestKeptByLikeness:
    def test_the_likest_whatever_its_loss(self) -> None:
        """Neither the lowest loss nor the last: the loss turns long before a character is learned."""
        lowest, likest = compared(10, 0.3, 0.5), compared(30, 0.95, 0.82)
        of = [BEFORE, lowest, compared(20, 0.5, 0.74), likest, compared(40, 0.8, 0.66)]
        assert kept(of, ALIKE) == likest
        said = Curve(40, (0.5,) * 40, (1e-3,) * 40, tuple(of), ALIKE)
        assert said.reason == (
            "step 30 of 40: none whose pictures are as like to the held-out photos comes later, likeness 0.90 "
            "(loss 0.9500; lowest at step 10, 0.3000 and likeness 0.50); it ended at 0.8000 and likeness 0.70"
        )
        assert said.to_json()["kept"] == {"step": 30, "because": said.reason, "likeness": 0.9}
        assert [entry["likeness"] for entry in said.to_json()["held_out"]] == [0.0, 0.5, 0.8, 0.9, 0.7]

    def test_of_equally_like_ones_the_latest(self) -> None:
        """Two hundredths are chance; three are not."""
        of = [BEFORE, compared(10, 0.4, 0.74), compared(20, 0.5, 0.724), compared(30, 0.6, 0.716)]
        assert [likeness(one, of, ALIKE) for one in of[1:]] == [0.8, 0.78, 0.77]
        assert kept(of, ALIKE) == of[2]
        reason = Curve(30, (0.5,) * 30, (1e-3,) * 30, tuple(of[:2]), ALIKE).reason
        assert "likeness 0.80; the loss on those is lowest there, 0.4000" in reason

    def test_in_vain_is_told_by_likeness(self) -> None:
        """Liker pictures are not in vain, though the loss be higher than without the LoRA; and the other way round."""
        assert not Curve(10, (), (), (BEFORE, compared(10, 0.95, 0.5)), ALIKE).in_vain
        assert Curve(10, (), (), (BEFORE, compared(10, 0.3, 0.1)), ALIKE).in_vain

    def test_nearer_than_the_other_photos_is_as_near(self) -> None:
        """The held-out photo may be unlike the rest of the album: how far beyond 1 says nothing."""
        of = [BEFORE, compared(10, 0.4, 0.98), compared(20, 0.5, 0.885), compared(30, 0.5, 0.87)]
        assert [likeness(one, of, ALIKE) for one in of[1:]] == [1.1, 0.98, 0.96]
        assert kept(of, ALIKE) == of[2]

    def test_only_steps_whose_pictures_were_compared(self) -> None:
        """Pictures are dear, and not drawn at each measurement; until one counts, it is the lowest loss."""
        of = [BEFORE, compared(10, 0.3, None), compared(20, 0.4, 0.5), compared(30, 0.35, None)]
        assert kept(of, ALIKE) == of[2]
        early = [BEFORE, compared(5, 0.5, None), compared(10, 0.3, None), compared(15, 0.4, None)]
        assert kept(early, ALIKE) == early[2]
        assert "the loss on held-out photos is lowest there" in Curve(30, (), (), tuple(early), ALIKE).reason

    def test_what_is_kept_at_the_end_was_kept_when_it_was_measured(self) -> None:
        """Whatever comes: only the weights of what is kept at the moment are put aside."""
        for number in range(300):
            chance = random.Random(number)
            of = [BEFORE]
            aside = None
            for step in range(1, 15):
                near = round(chance.uniform(0, 0.9), 2) if chance.random() < 0.7 else None
                of.append(compared(step, round(0.5 + chance.gauss(0, 0.3), 1), near))
                best = kept(of, ALIKE)
                if best == of[-1]:
                    aside = best
                assert best is not None and best == aside


def test_as_json() -> None:
    """Everything that the report says of one expert."""
    said = curve(measured(0, 0.5, 0.7), measured(2, 0.25, 0.5), steps=2).to_json()
    assert said["losses"] == [0.5, 0.5]
    assert said["held_out"] == [{"step": 0, "loss": 0.6}, {"step": 2, "loss": 0.375}]
    assert said["kept"]["step"] == 2
