"""What was encoded is kept for as long as the encoder is what it was."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip(
    "skia", exc_type=ImportError, reason="drawing the world needs skia-python: pip install skia-python"
)

from pocket import prepare, vae_model
from pocket.vae_model import quickened
from tests.pocket.test_recipe import small_vae


@torch.no_grad()
def test_latents_are_of_the_encoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A decoder taught further leaves them as they are; an encoder taught further has them made anew."""
    monkeypatch.setattr(vae_model, "compiler_at_hand", lambda: False)
    monkeypatch.setattr(prepare, "WORK", tmp_path)
    monkeypatch.setattr(prepare, "LATENTS", tmp_path / "latents")
    (tmp_path / "clips").mkdir()
    frames = np.random.default_rng(0).integers(0, 255, (2, 5, 16, 32, 3), dtype=np.uint8)
    np.save(tmp_path / "clips/0000.npy", frames)
    (tmp_path / "clips/0000.json").write_text("[]")
    vae, kept = small_vae(), tmp_path / "latents/clips-0000.pt"

    def encoded() -> tuple[int, torch.Tensor]:
        with quickened(vae):
            prepare.encode_shard("clips", 0, vae, prepare.encoder_of(vae))
        return kept.stat().st_mtime_ns, torch.load(kept, weights_only=True)["latents"]

    first, latents = encoded()
    assert latents.shape == (2, 4, 2, 2, 4)
    vae.decoder.conv_in.bias += 1
    assert encoded()[0] == first
    vae.encoder.conv_out.bias += 1
    again, others = encoded()
    assert again != first
    assert not torch.equal(others, latents)
