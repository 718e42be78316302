"""A LoRA for few steps, declared on a model: films of tiny weights, in the layouts it is shared in."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

import filmforge
from filmforge.video_models import load_family, tensors
from filmforge.video_models.facts import facts_of
from filmforge.video_models.weights import find
from tests.crew import crew_of
from tests.video_models import tiny
from tests.video_models.test_from_the_command_line import renders, run

WIDTH = 24
"""Of the tiny Wan's attention."""


def lightning(path: Path, seed: int) -> Path:
    """Written as lightx2v writes theirs: ComfyUI's names, `lora_down`, and an alpha of an eighth of the rank."""
    generator = torch.Generator().manual_seed(seed)
    held = {}
    for block in (0, 1):
        for part in ("self_attn.q", "cross_attn.k", "ffn.0"):
            out, into = (32, WIDTH) if part == "ffn.0" else (WIDTH, WIDTH)
            module = f"diffusion_model.blocks.{block}.{part}"
            held[f"{module}.lora_down.weight"] = torch.randn(8, into, generator=generator)
            held[f"{module}.lora_up.weight"] = torch.randn(out, 8, generator=generator)
            held[f"{module}.alpha"] = torch.tensor(1.0)
    path.parent.mkdir(exist_ok=True)
    tensors.save(path, held)
    return path


def paired(path: Path, high: Path, low: Path) -> Path:
    """One file that names the experts itself, as ai-toolkit writes it, with the halves of two."""
    held = {}
    for number, one in ((1, high), (2, low)):
        named = {
            key.replace("model.", f"model.transformer_{number}."): value
            for key, value in tensors.load(one).items()
        }
        held |= named
    tensors.save(path, held)
    return path


def film(folder: Path, lora: str, guidance: float = 1.0, style: str = "") -> Path:
    path = folder / "film.yaml"
    path.write_text(
        "filmforge: 1\nsize: 64x32\nfps: 16\nnegative: blurry\n"
        "models: {tiny: {use: wan2.2-t2v-a14b, weights: ./weights, precision: fp32, size: 32x16, shift: 5, "
        f"steps: 4, guidance: {guidance:g}{lora}}}}}\nmodel: tiny\n{style}"
        "scenes: [{id: a, shots: [{id: one, prompt: a red ball, lasts: 5f, seed: 1}]}]\n",
        encoding="utf-8",
    )
    return path


Built = Callable[[Path], str]


@pytest.fixture
def built(tmp_path: Path) -> Iterator[Built]:
    """Builds the film beside `tmp_path`'s store by workers who stay, and tells the digest of the shot."""
    with crew_of(tmp_path / ".filmforge") as crew:

        def build(path: Path) -> str:
            result = filmforge.build(filmforge.load(path), executor=crew)
            assert result.ok, result.done
            (digest,) = renders(path).values()
            return str(digest)

        yield build


@pytest.mark.slow
def test_a_film(built: Built, tmp_path: Path) -> None:
    """A file for each expert is one file with both. The picture changes by both, and is the same in a fresh store; at
    weight 0 it is the model's own; a touched file renders nothing, another one does; without guidance no negative prompt
    is read."""
    from filmforge.store import Store

    tiny.save_a14b_like(tmp_path / "weights")
    high = lightning(tmp_path / "loras/high.safetensors", 1)
    low = lightning(tmp_path / "loras/low.safetensors", 2)
    paired(tmp_path / "loras/pair.safetensors", high, low)
    files = ", lora: {file: {%s}%s}"
    both = files % ("high: loras/high.safetensors, low: loras/low.safetensors", "")
    with_both = built(film(tmp_path, both))
    store = Store(tmp_path / ".filmforge")
    assert [record.kind for record in store.records].count("text") == 1
    os.utime(high, (1, 1))
    status, said = run("plan", tmp_path / "film.yaml")
    assert status == 0 and "render" not in said.replace("rendered", ""), said

    assert built(film(tmp_path, ", lora: loras/pair.safetensors")) == with_both
    none = built(film(tmp_path, ""))
    one = built(film(tmp_path, files % ("high: loras/high.safetensors", "")))
    other = built(film(tmp_path, files % ("low: loras/low.safetensors", "")))
    assert len({with_both, none, one, other}) == 4
    assert built(film(tmp_path, files % ("high: loras/high.safetensors", ", weight: 0"))) == none

    again = film(tmp_path, both)
    status, said = run("build", again, "--store", tmp_path / "second")
    assert status == 0, said
    assert built(again) == with_both  # what was made first is found again
    second = Store(tmp_path / "second")
    assert with_both in {o.digest for r in second.records if r.kind == "render" for o in r.outputs.values()}

    lightning(tmp_path / "loras/high.safetensors", 3)
    assert built(again) not in (with_both, none)


@pytest.mark.slow
def test_with_a_style(built: Built, tmp_path: Path) -> None:
    """Both act, each with its weight."""
    tiny.save_a14b_like(tmp_path / "weights")
    lightning(tmp_path / "loras/quick.safetensors", 1)
    lightning(tmp_path / "loras/rain.safetensors", 2)
    style = "styles: {rain: {lora: {file: {tiny: loras/rain.safetensors}, weight: %s}}}\nstyle: rain\n"
    quick = ", lora: loras/quick.safetensors"
    alone = built(film(tmp_path, quick))
    assert built(film(tmp_path, quick, style=style % 0)) == alone
    assert (
        len(
            {alone, built(film(tmp_path, quick, style=style % 1)), built(film(tmp_path, "", style=style % 1))}
        )
        == 3
    )


@pytest.mark.parametrize(
    ("family", "save"),
    [
        ("pocket", tiny.save_pocket_like),
        ("wan2.2-t2v-a14b", tiny.save_a14b_like),
        ("ltx-video", tiny.save_ltx_like),
        ("mochi-1", tiny.save_mochi_like),
    ],
)
def test_without_guidance_there_is_one_pass(
    family: str, save: Callable[[Path], Path], tmp_path: Path
) -> None:
    """At guidance 1 each step asks the model once, on one clip; above it, twice, or once on two."""
    facts = facts_of(family)
    weights = find(facts, str(save(tmp_path / "m")), None, tmp_path)
    model = load_family(facts, weights, precision="fp32", device="cpu", threads=1)
    clips: list[int] = []
    for name in model.experts:
        model.expert(name).register_forward_pre_hook(
            lambda _, args, kwargs: clips.append(len(kwargs["hidden_states"])), with_kwargs=True
        )

    def asked(guidance: float) -> int:
        clips.clear()
        assert model.uses_negative(guidance) is (guidance > 1)
        positive, negative = model.encode(["a ball", "blurry"])
        settings = dict(facts.settings)
        if facts.boundary is not None:
            settings |= {"guidance_low": guidance, "boundary": facts.boundary}
        model.sample(
            positive=positive, negative=negative if guidance > 1 else None, frames=facts.legal_frames(2),
            size=(64, 32), steps=4, guidance=guidance, shift=facts.shift, seed=1, settings=settings,
        )  # fmt: skip
        return sum(clips)

    assert asked(1.0) == 4
    assert asked(3.0) == 8


def test_the_levels_of_four_steps(tmp_path: Path) -> None:
    """At shift 5 they are those that Wan2.2-Lightning was distilled at, two for each expert.

    Source: ModelTC/LightX2V-Wan2.2-Lightning, issue 3: 1000, 937.5, 833.3, 625.
    """
    facts = facts_of("wan2.2-t2v-a14b")
    weights = find(facts, str(tiny.save_a14b_like(tmp_path / "m")), None, tmp_path)
    model = load_family(facts, weights, precision="fp32", device="cpu", threads=1)
    scheduler = model.shifted_scheduler(5.0)  # type: ignore[attr-defined]
    scheduler.set_timesteps(4)
    assert scheduler.timesteps.tolist() == pytest.approx([1000, 937.5, 833.3, 625], abs=1.0)
