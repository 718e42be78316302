"""What the painter is taught on: prepared latents with their captions, in memory."""

from __future__ import annotations

import json
import time

import numpy as np
import torch

from pocket.text_model import load_tokenizer, tokenise
from pocket.vae_model import Z
from pocket.workplace import WORK

KINDS = ("stills", "clips", "longs", "twins")
STRANGERS = (
    0.5  # how often a one-off is taken, beside a kind: nobody can foretell it, and its errors are the largest
)

Batch = tuple[torch.Tensor, torch.Tensor, torch.Tensor]
"""Latents (n, Z, length, 12, 20), ids (n, 64) and where players are (n, 1, length, 12, 20)."""


class Archive:
    """Latents and tokenised captions; takes in new shards as they appear."""

    def __init__(self) -> None:
        self.tokenizer = load_tokenizer(WORK / "tokenizer")
        stats = json.loads((WORK / "latent_statistics.json").read_text())
        self.mean = torch.tensor(stats["latents_mean"]).view(1, Z, 1, 1, 1)
        self.std = torch.tensor(stats["latents_std"]).view(1, Z, 1, 1, 1)
        self.latents: dict[str, list[torch.Tensor]] = {kind: [] for kind in KINDS}
        self.ids: dict[str, list[torch.Tensor]] = {kind: [] for kind in KINDS}
        self.figures: dict[str, list[torch.Tensor]] = {kind: [] for kind in KINDS}
        self.often: dict[str, list[float]] = {kind: [] for kind in KINDS}
        self.known: set[str] = set()
        self.looked = -1e9

    def has(self, kind: str) -> bool:
        """Whether anything of a kind has been prepared."""
        return bool(self.latents[kind])

    def refresh(self) -> None:
        """Take in what was prepared since, at most once a minute."""
        if time.monotonic() - self.looked < 60:
            return
        self.looked = time.monotonic()
        for path in sorted((WORK / "latents").glob("*.pt")):
            marks = path.with_suffix(".npy")
            if path.name in self.known or not marks.exists():
                continue
            self.known.add(path.name)
            kind = path.name.split("-")[0]
            latents = torch.load(path, weights_only=True)["latents"].float()
            notes = json.loads(path.with_suffix(".json").read_text())
            count = len(notes[0]["captions"])
            ids, _ = tokenise(self.tokenizer, [c for n in notes for c in n["captions"]])
            self.latents[kind] += list(((latents - self.mean) / self.std).half())
            self.figures[kind] += list(torch.from_numpy(np.load(marks)))
            self.ids[kind] += list(ids.view(len(notes), count, -1).short())
            self.often[kind] += [STRANGERS if n["kind"] == "stranger" else 1.0 for n in notes]

    def take(self, rng: np.random.Generator, n: int, length: int) -> Batch:
        """Any `n` of that many latent frames."""
        self.refresh()
        kind = "longs" if length == 7 else "clips"
        if length == 1 and (rng.random() < 0.75 or not self.has("clips")):
            kind = "stills"
        often = np.cumsum(self.often[kind])
        picks = [int(i) for i in np.searchsorted(often, rng.random(n) * often[-1], side="right")]
        wording = [int(rng.integers(self.ids[kind][i].shape[0])) for i in picks]
        return self._picked(kind, picks, wording, length)

    def take_twins(self, rng: np.random.Generator, n: int, length: int) -> Batch:
        """Two by two, in the same words but for left and right."""
        self.refresh()
        pairs = [int(i) for i in rng.integers(len(self.latents["twins"]) // 2, size=n // 2)]
        picks = [2 * i + side for i in pairs for side in (0, 1)]
        words = rng.integers(self.ids["twins"][0].shape[0], size=n // 2)
        return self._picked("twins", picks, [int(w) for w in words for _ in (0, 1)], length)

    def _picked(self, kind: str, picks: list[int], wording: list[int], length: int) -> Batch:
        x = torch.stack([self.latents[kind][i][:, :length] for i in picks]).float()
        words = torch.stack([self.ids[kind][i][w] for i, w in zip(picks, wording, strict=True)]).long()
        marks = torch.stack([self.figures[kind][i][None, :length] for i in picks]).float()
        return x, words, marks
