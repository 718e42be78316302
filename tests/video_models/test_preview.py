"""Previews: near to what will be decoded, seldom enough, and without a trace in what is sampled."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from filmforge.video_models import load_family, preview
from filmforge.video_models.facts import facts_of
from filmforge.video_models.preview import Watch, fitted, guessed
from filmforge.video_models.weights import find
from tests.video_models import tiny
from tests.video_models.conftest import load


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def watch(shown: list[Any], clock: Clock, cost: float = 0.0) -> Watch:
    """Watches clips of latents with one channel, which is shown as grey."""

    def show(picture: Any, done: int, total: int) -> None:
        clock.now += cost
        shown.append((picture, done))

    weights = torch.tensor([[1.0, 1.0, 1.0], [0.0, 0.0, 0.0]])
    return Watch(lambda done, total: None, show, weights, (8, 4), clock)


def sampled(on_step: Watch, clock: Clock, levels: list[float], seconds: float = 1.0) -> torch.Tensor:
    """Steps along a straight line from noise to a clip, which is returned: [1, 1, 3, 4, 8]."""
    draw = torch.Generator().manual_seed(1)
    clip = torch.rand(1, 1, 3, 4, 8, generator=draw)
    noise = torch.randn(1, 1, 3, 4, 8, generator=draw)
    share = [abs(level - levels[-1]) for level in levels]
    for done in range(1, len(levels)):
        clock.now += seconds
        latents = share[done] * noise + (1 - share[done]) * clip
        on_step.see(latents, None, SimpleNamespace(sigmas=torch.tensor(levels)), done, len(levels) - 1)
    return clip


class TestWatch:
    @pytest.mark.parametrize(
        "levels", [[1.0, 0.8, 0.5, 0.2, 0.0], [0.0, 0.2, 0.5, 0.8, 1.0]], ids=["down", "up"]
    )
    def test_shows_where_the_clip_will_end(self, levels: list[float]) -> None:
        """Not the noise of the moment, whichever way the levels run: on a straight line, the middle of the clip."""
        clock, shown = Clock(), list[Any]()
        clip = sampled(watch(shown, clock), clock, levels)
        picture, done = shown[0]
        assert done == 2
        assert np.abs(picture[:, :, 0] / 255 - clip[0, 0, 1].numpy()).max() < 0.01

    def test_not_every_step(self) -> None:
        """Every two seconds, and not where the decoded clip follows."""
        clock, shown = Clock(), list[Any]()
        sampled(watch(shown, clock), clock, np.linspace(1, 0, 21).tolist(), seconds=0.5)
        assert [done for _, done in shown] == [4, 8, 12, 16]

    def test_seldom_where_it_costs(self) -> None:
        """Pictures that take long come less often: their share of the time stays under a hundredth and a bit."""
        clock, shown = Clock(), list[Any]()
        sampled(watch(shown, clock, cost=0.2), clock, np.linspace(1, 0, 101).tolist())
        assert len(shown) * 0.2 / clock.now < 0.013

    def test_what_fails_ends_previews_alone(self) -> None:
        """A full disk, latents of another shape: the clip goes on, and nothing is tried again."""
        clock, tried = Clock(), list[int]()

        def show(picture: Any, done: int, total: int) -> None:
            tried.append(done)
            raise OSError(28, "No space left on device")

        on_step = Watch(lambda done, total: None, show, torch.eye(2, 3), (8, 4), clock)
        sampled(on_step, clock, np.linspace(1, 0, 21).tolist())
        assert tried == [2]


MODELS = {
    "pocket": (tiny.save_pocket_like, "pocket", None),
    "ltx-video": (tiny.save_ltx_like, "ltx-video", None),
    "ltx-video 0.9.7": (lambda to: tiny.save_ltx_like(to, conditioned=True), "ltx-video", "0.9.7-dev"),
    "hunyuan-video": (tiny.save_hunyuan_like, "hunyuan-video", None),
    "mochi-1": (tiny.save_mochi_like, "mochi-1", None),
}


@pytest.mark.parametrize("name", MODELS)
def test_of_each_family(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a preview at every step that has one, the latents are those without, to the bit; the pictures have the shot's
    aspect and are not all alike. LTX-Video's tokens are put back in their places."""
    save, family, version = MODELS[name]
    monkeypatch.setattr(preview, "EVERY", 0.0)
    monkeypatch.setattr(preview, "SHARE", 1e9)
    facts = facts_of(family).of_version(version)
    folder = save(tmp_path / "m")
    asked = {
        "frames": facts.first + 2 * facts.frame_step, "size": (64, 32), "steps": 4, "guidance": 1.0,
        "shift": facts.shift, "seed": 3, "negative": None,
    }  # fmt: skip
    plain = load_family(
        facts, find(facts, str(folder), None, folder), precision="fp32", device="cpu", threads=1
    )
    (positive,) = plain.encode(["a ball"])
    expected = plain.sample(positive=positive, **asked)["latents"]
    model = load_family(
        facts, find(facts, str(folder), None, folder), precision="fp32", device="cpu", threads=1
    )
    shown: list[Any] = []
    weights = fitted(model)
    on_step = Watch(lambda done, total: None, lambda *said: shown.append(said), weights, (64, 32))
    assert model.sample(positive=positive, **asked, on_step=on_step)["latents"].equal(expected)
    assert [done for _, done, _ in shown] == [2, 3]
    assert all(picture.shape == (32, 64, 3) for picture, _, _ in shown)
    # The last preview is the guess of what came out, but for the last step's bend.
    final = guessed(expected[0, :, expected.shape[2] // 2], weights).astype(float)
    near, far = (np.abs(preview.enlarged(final.astype(np.uint8), (64, 32)) - p.astype(float)).mean()
                 for p in (shown[-1][0], np.roll(shown[-1][0], 16, axis=1)))  # fmt: skip
    assert near <= far


@pytest.mark.slow
def test_guesses_of_pocket(request: pytest.FixtureRequest) -> None:
    """With real weights a guess is the picture, if a blurred one: 18 dB of a photo that was not fitted to."""
    from PIL import Image

    import filmforge

    model = load("pocket", Path(filmforge.__file__).parent / "weights" / "pocket")
    photo = Path(__file__).resolve().parents[2] / "projects/lantern/characters/mira/mira-03.png"
    frame = np.asarray(Image.open(photo).convert("RGB").resize((160, 96), Image.Resampling.LANCZOS))
    latents = model.encode_frames(np.repeat(frame[None], 5, axis=0))
    found = guessed(latents[:, 1], fitted(model))
    small = np.asarray(Image.fromarray(frame).resize(found.shape[1::-1], Image.Resampling.BOX), dtype=float)
    error = float(np.square(found - small).mean())
    assert 10 * np.log10(255**2 / error) > 18
