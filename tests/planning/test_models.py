"""A model of the film with every setting decided, and how long its clips are."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filmforge.language.load import load_text
from filmforge.planning.models import Pinned, ResolvedModel, resolve_model

FILM = """\
filmforge: 1
models: {{m: {{{model}}}}}
model: m
scenes: [{{id: a, shots: [{{id: b, title: x, lasts: 1s}}]}}]
"""


def resolved(model: str) -> ResolvedModel:
    film = load_text(FILM.format(model=model), "film.yaml").film
    return resolve_model(film, "m", Pinned("0" * 64))


class TestSettings:
    def test_two_experts(self) -> None:
        """The second guidance and the boundary enter the key of a render; declared or the family's."""
        assert resolved("use: wan2.2-t2v-a14b").settings == {"guidance_low": 3.0, "boundary": 0.875}
        assert resolved("use: wan2.2-i2v-a14b, guidance_low: 2.0").settings["guidance_low"] == 2.0

    def test_one_expert_has_none(self) -> None:
        """So keys of steps that were made before there were settings stay."""
        assert resolved("use: pocket").settings == {}
        assert resolved("use: wan2.2-ti2v-5b").settings == {}
        assert resolved("use: pocket").base == {"family": "pocket", "weights": "0" * 64, "precision": "fp32"}

    def test_a_cache(self) -> None:
        """Its threshold enters the key of a render, beside what the family has; the key of a LoRA does not know it."""
        assert resolved("use: pocket, cache: first-block").settings == {"first_block_cache": 0.05}
        with_it = resolved("use: wan2.2-t2v-a14b, cache: {kind: first-block, threshold: 0.1}")
        assert with_it.settings == {"guidance_low": 3.0, "boundary": 0.875, "first_block_cache": 0.1}
        assert with_it.base == resolved("use: wan2.2-t2v-a14b").base
        assert resolved("use: pocket, cache: taylorseer").settings == {"taylorseer_cache": 3}
        other = resolved("use: hunyuan-video, cache: {kind: pyramid-attention, every: 4}")
        assert other.settings == {"pyramid_attention": 4}

    def test_kernels(self) -> None:
        """What changes pixels is in the key of a render; what is the same as saying nothing is not."""
        assert resolved("use: pocket, attention: native, compile: false").settings == {}
        found = resolved("use: wan2.2-ti2v-5b, attention: sage, compile: true")
        assert found.settings == {"attention": "sage", "compiled": True}
        assert found.base == resolved("use: wan2.2-ti2v-5b").base

    def test_a_version_has_its_own(self) -> None:
        """Steps, guidance and noise levels of the release; its name stands in what decides pixels."""
        distilled = resolved("use: ltx-video, version: 0.9.7-distilled")
        assert (distilled.steps, distilled.guidance) == (8, 1.0)
        assert distilled.settings["timesteps"] == [1000, 993, 987, 981, 975, 909, 725, 0.03]
        assert distilled.base["version"] == "0.9.7-distilled"
        assert resolved("use: hunyuan-video, version: i2v").facts.image_to_video


class TestLengths:
    @given(
        st.integers(1, 3000),
        st.sampled_from([Fraction(24), Fraction(25), Fraction(24000, 1001), Fraction(8)]),
    )
    def test_clips_that_continue_cover_the_shot(self, frames: int, fps: Fraction) -> None:
        """Each is legal, all but the last are the longest there are, and one frame less would not do."""
        model = resolved("use: wan2.2-ti2v-5b")
        lengths = model.lengths_for(frames, fps)
        assert all(model.facts.is_legal_length(length) for length in lengths)
        assert all(length == model.facts.max_frames for length in lengths[:-1])
        shown = sum(lengths) - len(lengths) + 1
        needed = int(Fraction(frames - 1) * 24 / fps) + 1
        assert needed <= shown < needed + model.facts.frame_step + 1
        if len(lengths) == 1:
            assert lengths == [model.frames_for(frames, fps)]

    def test_past_the_limit_one_clip_is_refused(self) -> None:
        """The plan names the limit."""
        with pytest.raises(ValueError, match="at most 121 frames"):
            resolved("use: wan2.2-ti2v-5b").frames_for(145, Fraction(24))

    def test_a_shared_frame_alone_is_no_clip(self) -> None:
        """Where a clip adds nothing there is none: one frame more than the longest takes a clip of five."""
        model = resolved("use: wan2.2-ti2v-5b")
        assert model.lengths_for(121, Fraction(24)) == [121]
        assert model.lengths_for(122, Fraction(24)) == [121, 5]
        assert replace(model, name="n").lengths_for(125, Fraction(24)) == [121, 5]
