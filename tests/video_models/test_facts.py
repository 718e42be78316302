"""The facts of the families: legal lengths and sizes, and that a plan needs no torch."""

from __future__ import annotations

import subprocess
import sys
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filmforge.errors import FilmforgeError
from filmforge.video_models.facts import FAMILIES, Facts, facts_of

families = st.sampled_from(list(FAMILIES.values()))


def test_every_family_of_the_language_is_there() -> None:
    """The ids are those of the film language, pocket and the 5B first."""
    assert list(FAMILIES) == [
        "pocket",
        "wan2.2-ti2v-5b",
        "wan2.2-t2v-a14b",
        "wan2.2-i2v-a14b",
        "hunyuan-video",
        "mochi-1",
        "ltx-video",
        "animatic",
        "comfyui",
    ]


@given(families, st.integers(1, 400))
def test_the_shortest_legal_length_covers_what_is_asked(facts: Facts, count: int) -> None:
    """It is legal, no shorter than asked, and no legal one lies between; beyond the limit it is refused."""
    legal_ones = range(facts.first, facts.max_frames + 1, facts.frame_step)
    enough = [n for n in legal_ones if n >= count]
    if not enough:
        with pytest.raises(ValueError, match=str(facts.max_frames)):
            facts.legal_frames(count)
        return
    assert facts.legal_frames(count) == enough[0]
    assert facts.is_legal_length(enough[0])


@given(families, st.tuples(st.integers(1, 4000), st.integers(1, 4000)))
def test_the_nearest_size_is_legal_and_near(facts: Facts, size: tuple[int, int]) -> None:
    """No side is further from what was asked than half a unit, where there is a size so small."""
    nearest = facts.nearest_size(size)
    assert facts.legal_size(nearest)
    for side, asked in zip(nearest, size, strict=True):
        assert abs(side - asked) <= facts.size_multiple / 2 or side == facts.size_multiple
    if facts.legal_size(size):
        assert nearest == size


def test_known_limits() -> None:
    """Frame rules, rates and defaults as the authors give them."""
    five = facts_of("wan2.2-ti2v-5b")
    assert (five.size, five.fps, five.max_frames, five.shift) == ((1280, 704), Fraction(24), 121, 5.0)
    assert five.legal_frames(96) == 97
    assert facts_of("mochi-1").legal_frames(30) == 31
    assert facts_of("ltx-video").legal_frames(96) == 97
    assert not five.legal_size((1280, 720))
    assert five.nearest_size((1280, 720)) == (1280, 736)
    assert facts_of("pocket").legal_frames(24) == 25


@pytest.mark.parametrize(
    ("family", "rate"),
    [
        ("pocket", 8),
        ("wan2.2-ti2v-5b", 24),
        ("wan2.2-t2v-a14b", 16),
        ("wan2.2-i2v-a14b", 16),
        ("hunyuan-video", 24),
        ("mochi-1", 30),
        ("ltx-video", 25),
    ],
)
def test_native_rates(family: str, rate: int) -> None:
    """Trap 10: frames a second at which each was trained; photos' clips are read and shots written at it."""
    assert facts_of(family).fps == rate


@pytest.mark.parametrize("facts", FAMILIES.values(), ids=str)
def test_defaults_are_legal(facts: Facts) -> None:
    """What a family renders and trains at by default obeys its own rules; what it cannot do yet, it says."""
    assert facts.legal_size(facts.size)
    assert facts.is_legal_length(facts.frames)
    assert facts.is_legal_length(facts.max_frames)
    assert facts.sources
    assert bool(facts.unfinished) is not facts.renders
    if facts.lora:
        assert facts.legal_size(facts.lora.size)
        assert facts.is_legal_length(facts.lora.frames)
        assert facts.is_legal_length(facts.lora.prior_frames)


def test_an_unknown_family_names_the_known() -> None:
    """The message lists what there is."""
    with pytest.raises(FilmforgeError, match=r"'sora'.*pocket, wan2\.2-ti2v-5b"):
        facts_of("sora")


def test_planning_imports_nothing_heavy() -> None:
    """Facts, weights and LoRA headers are read without torch, diffusers or numpy."""
    code = (
        "import sys; from filmforge.video_models import facts, weights, lora_file, tensors; "
        "print([m for m in ('torch', 'diffusers', 'transformers', 'numpy', 'PIL') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
