"""The recipe's training: it learns, it goes on from its checkpoint as if it had not stopped, and it knows its places."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import WanTransformer3DModel

pytest.importorskip(
    "skia", exc_type=ImportError, reason="drawing the world needs skia-python: pip install skia-python"
)

from pocket import archive, train_transformer, train_vae, vae_model, whereabouts
from pocket.vae_model import Z, quickened
from pocket.workplace import WEIGHTS
from tests.pocket.test_recipe import small_vae

RATE = 1e-3


@pytest.fixture(autouse=True)
def _uncompiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compiling takes longer than these few steps do; and what is taught here is not shipped."""
    monkeypatch.setattr(train_transformer, "compiler_at_hand", lambda: False)
    monkeypatch.setattr(vae_model, "compiler_at_hand", lambda: False)
    monkeypatch.setattr(train_transformer, "export", lambda: None)


def _lesson(twins: bool = False, given: bool = False) -> train_transformer.Lesson:
    torch.manual_seed(3)
    ids = torch.zeros(2, 64, dtype=torch.long)
    ids[:, :4] = torch.tensor([[5, 9, 11, 1], [5, 9, 12, 1]])
    figures = torch.zeros(2, 1, 3, 12, 20)
    figures[..., 4:9, 6:12] = 1
    return train_transformer.Lesson(torch.randn(2, Z, 3, 12, 20), ids, figures, 3, twins, given)


def _painter_taught(
    trainee: train_transformer.Trainee, lesson: train_transformer.Lesson, steps: int
) -> list[float]:
    shown = []
    torch.manual_seed(7)
    noise = torch.randn(1, *lesson.x.shape[1:]).expand(lesson.x.shape)
    for _ in range(steps):
        loss = train_transformer.lost(
            trainee, lesson, torch.full((2,), 0.6), noise, train_transformer.Ledger()
        )
        astray, _ = trainee.whereabouts.loss()
        trainee.learn(loss + astray, RATE)
        shown.append(float(loss.detach()))
    return shown


@pytest.mark.parametrize(("twins", "given"), [(False, False), (False, True), (True, False)])
def test_painter_learns_a_lesson(tmp_path: Path, twins: bool, given: bool) -> None:
    """Shown one pair of clips over and over, its error on them falls; as twins, and with the first frame given."""
    trainee = train_transformer.Trainee(300, RATE, tmp_path / "transformer.pt")
    shown = _painter_taught(trainee, _lesson(twins, given), 8)
    assert shown[-1] < 0.9 * shown[0]
    assert trainee.step == 8


def test_painter_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    """Stopped and started again, it has the weights, averages and momenta of a training that was not stopped."""
    whole = train_transformer.Trainee(300, RATE, tmp_path / "transformer.pt")
    _painter_taught(whole, _lesson(), 2)
    whole.keep()
    resumed = train_transformer.Trainee(300, RATE, tmp_path / "transformer.pt")
    assert resumed.step == 2
    assert _painter_taught(resumed, _lesson(), 2) == _painter_taught(whole, _lesson(), 2)
    for one, other in zip(resumed.ema_painter.parameters(), whole.ema_painter.parameters(), strict=True):
        assert torch.equal(one, other)


def test_figures_count_more(tmp_path: Path) -> None:
    """The same errors weigh more where a player stands than where none does."""
    trainee = train_transformer.Trainee(300, RATE, tmp_path / "transformer.pt")
    lesson = _lesson()
    sigma, noise = torch.full((2,), 0.6), torch.zeros_like(lesson.x)
    x = lesson.x.clone()
    x[..., 4:9, 6:12] *= 3  # harder there, if nothing is known
    there = train_transformer.Lesson(x, lesson.ids, lesson.figures, 3, False, False)
    elsewhere = train_transformer.Lesson(x, lesson.ids, 1 - lesson.figures, 3, False, False)
    costs = [
        float(train_transformer.lost(trainee, one, sigma, noise, train_transformer.Ledger()).detach())
        for one in (there, elsewhere)
    ]
    assert costs[0] > 1.5 * costs[1]


@torch.no_grad()
def test_whereabouts_are_told_in_the_painter_s_order() -> None:
    """What is held of a token lies where its row and column are asked for."""
    painter = WanTransformer3DModel(
        patch_size=(1, 2, 2),
        num_attention_heads=1,
        attention_head_dim=24,
        in_channels=2,
        out_channels=2,
        text_dim=8,
        freq_dim=16,
        ffn_dim=16,
        num_layers=3,
        rope_max_seq_len=32,
    )
    helper = whereabouts.Whereabouts(painter)
    places = whereabouts.ROWS * whereabouts.COLUMNS
    helper.names = torch.nn.Linear(places, whereabouts.ROWS + whereabouts.COLUMNS)
    helper.names.weight.zero_()
    for place in range(places):
        helper.names.weight[place // whereabouts.COLUMNS, place] = 9.0
        helper.names.weight[whereabouts.ROWS + place % whereabouts.COLUMNS, place] = 9.0
    helper.held = torch.eye(places).repeat(1, 2, 1)  # two frames of tokens, each of which says where it is
    loss, right = helper.loss()
    assert right == 1.0 and float(loss) < 0.01

    plain = torch.zeros(1, 2, 1, 12, 20)
    marked = plain.clone()
    marked[..., 6:8, 14:16] = 5.0  # the token in row 3, column 7
    held = []
    for latents in (plain, marked):
        painter(latents, torch.tensor([500.0]), torch.zeros(1, 3, 8))
        assert helper.held is not None
        held.append(helper.held[0])
    assert int((held[1] - held[0]).norm(dim=-1).argmax()) == 3 * whereabouts.COLUMNS + 7


def test_whereabouts_of_nothing() -> None:
    """Asked before the painter has painted, it says so."""
    helper = whereabouts.Whereabouts.__new__(whereabouts.Whereabouts)
    torch.nn.Module.__init__(helper)
    helper.held = None
    with pytest.raises(ValueError, match="has not been run"):
        helper.loss()


def test_strangers_are_taken_half_as_often(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One-offs are most of what cannot be foretold; kinds are what prompts ask for."""
    monkeypatch.setattr(archive, "WORK", tmp_path)
    (tmp_path / "tokenizer").symlink_to(WEIGHTS / "tokenizer")
    (tmp_path / "latents").mkdir()
    (tmp_path / "latent_statistics.json").write_text(
        json.dumps({"latents_mean": [0.0] * Z, "latents_std": [1.0] * Z})
    )
    latents = torch.arange(4.0).view(4, 1, 1, 1, 1).expand(4, Z, 1, 12, 20).contiguous()
    torch.save({"latents": latents}, tmp_path / "latents" / "stills-0000.pt")
    notes = [{"kind": kind, "captions": ["a fox"]} for kind in ("fox", "stranger", "owl", "stranger")]
    (tmp_path / "latents" / "stills-0000.json").write_text(json.dumps(notes))
    np.save(tmp_path / "latents" / "stills-0000.npy", np.zeros((4, 1, 12, 20), np.uint8))
    x, _, _ = archive.Archive().take(np.random.default_rng(0), 3000, 1)
    counts = torch.bincount(x[:, 0, 0, 0, 0].long(), minlength=4) / 3000
    torch.testing.assert_close(counts, torch.tensor([2, 1, 2, 1]) / 6, atol=0.04, rtol=0)


def shown_a_clip(trainee: train_vae.Trainee, steps: int) -> list[float]:
    """The squared error before each of so many steps on one clip, the same every time."""
    x = torch.rand(1, 3, 5, 16, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1
    shown = []
    torch.manual_seed(1)
    with quickened(trainee.vae):
        for _ in range(steps):
            loss, squares = trainee.lost(x)
            trainee.learn(loss, RATE)
            shown.append(squares)
    return shown


def test_vae_learns_and_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Shown one clip over and over its error falls; stopped and started again, it goes on as if it had not been."""
    monkeypatch.setattr(train_vae, "new_vae", small_vae)
    monkeypatch.setattr(train_vae, "WORK", tmp_path)
    whole = train_vae.Trainee(tmp_path / "vae.pt")
    shown = shown_a_clip(whole, 12)
    assert shown[-1] < 0.95 * shown[0]
    whole.keep()
    resumed = train_vae.Trainee(tmp_path / "vae.pt")
    assert resumed.step == 12
    assert shown_a_clip(resumed, 2) == pytest.approx(shown_a_clip(whole, 2), rel=1e-5)


def test_half_the_width_then_the_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole VAE begins with what the narrow one has learnt, with steps of its own and the rate where it had fallen to;
    from then on the narrow one is not taught again."""
    monkeypatch.setattr(train_vae, "new_vae", small_vae)
    monkeypatch.setattr(train_vae, "WORK", tmp_path)
    narrow = train_vae.Trainee(tmp_path / "vae.pt", train_vae.HALF)
    shown = shown_a_clip(narrow, 12)
    assert shown[-1] < 0.95 * shown[0]
    narrow.spent = 60.0
    assert narrow.done(1.0) == train_vae.FIRST
    narrow.keep()
    assert train_vae.Trainee(tmp_path / "vae.pt", train_vae.HALF).step == 12
    whole = train_vae.Trainee(tmp_path / "vae.pt")
    assert (whole.step, whole.done(1.0)) == (0, train_vae.FIRST)
    assert whole.vae.config.base_dim == 2 * narrow.vae.config.base_dim
    assert shown_a_clip(whole, 1) == pytest.approx(shown_a_clip(narrow, 1), rel=0.05)  # noise on the latents
    whole.keep()
    before = (tmp_path / "vae.pt").read_bytes()
    train_vae.train(1e6, tmp_path / "vae.pt", train_vae.HALF)
    assert (tmp_path / "vae.pt").read_bytes() == before


@pytest.mark.parametrize("stage", [train_vae.DECODER, train_vae.POLISH])
def test_decoder_learns_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: train_vae.Stage
) -> None:
    """Taught alone it gets better, the encoder stays to the bit, and the whole VAE's count of steps is not touched."""
    monkeypatch.setattr(train_vae, "new_vae", small_vae)
    monkeypatch.setattr(train_vae, "WORK", tmp_path)
    whole = train_vae.Trainee(tmp_path / "vae.pt")
    shown_a_clip(whole, 3)
    whole.keep()
    alone = train_vae.Trainee(tmp_path / "vae.pt", stage)
    shown = shown_a_clip(alone, 12)
    assert shown[-1] < 0.95 * shown[0]
    alone.keep()
    assert all(map(torch.equal, whole.vae.encoder.parameters(), alone.vae.encoder.parameters()))
    assert train_vae.Trainee(tmp_path / "vae.pt").step == 3
    resumed = train_vae.Trainee(tmp_path / "vae.pt", stage)
    assert resumed.step == 12
    assert shown_a_clip(resumed, 2) == pytest.approx(shown_a_clip(alone, 2), rel=1e-5)


def test_polishing_keeps_the_mean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What polishing leaves in the checkpoint is the running mean of the weights, not the last of them."""
    monkeypatch.setattr(train_vae, "new_vae", small_vae)
    monkeypatch.setattr(train_vae, "WORK", tmp_path)
    trainee = train_vae.Trainee(tmp_path / "vae.pt", train_vae.POLISH)
    name, weights = next(iter(trainee.vae.decoder.named_parameters()))
    mean = weights.detach().clone()
    for _ in range(3):
        shown_a_clip(trainee, 1)
        mean.lerp_(weights.detach(), 1 - train_vae.POLISH.mean)
    trainee.keep()
    kept = torch.load(tmp_path / "vae.pt", weights_only=True)["vae"][f"decoder.{name}"]
    torch.testing.assert_close(kept, mean)
    assert not torch.equal(kept, weights)
