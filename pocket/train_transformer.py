"""Teaches the painter and the reader together, on prepared latents, by flow matching.

Stills first (they are cheap, and teach subject, colour, place and words), then clips of 9, 17 and 25 frames, a quarter
of them with a clean first frame at timestep 0, as Wan 2.2 5B does for image-to-video. Some clips come as twins, alike
but for left and right: under the same noise, what their errors differ in is what those words mean; docs/pocket.md
says what they have done so far. Resumes from ``.pocket/transformer.pt``; exports the averaged weights now and
then.
"""

from __future__ import annotations

import copy
import json
import time
from pathlib import Path

import numpy as np
import torch

from pocket.export import export
from pocket.muon import muon
from pocket.pair import RANK, WORKERS, agree, average_gradients, meet
from pocket.text_model import encode, load_tokenizer, new_text_encoder, tokenise
from pocket.transformer_model import SHIFT, WrittenOutAttention, new_transformer
from pocket.vae_model import Z
from pocket.workplace import WORK, compiler_at_hand, device, half_precision, load, save

PEAK = 1.6e-3
MATRICES = (
    2.5  # times the rate, for what Muon turns: at 1 they had moved a fifth of their size in ten minutes
)
EMPTY = 0.1  # share of captions left out, for guidance
IMAGE_FIRST = 0.25  # share of clips with their first frame given
FIGURES = (
    5.0  # how much more an error counts where a player is: they are a tenth of the picture, and the story
)
BATCH = {1: 64, 3: 24, 5: 16, 7: 12}
TWINS = 0.7  # share of the steps on clips that take them two by two
BETWEEN = 2.0  # how much what twins' errors differ in counts beside the errors themselves
KINDS = ("stills", "clips", "longs", "twins")
PLAIN = (
    "patch_embedding",
    "proj_out",
    "condition_embedder",
    "scale_shift_table",
    "shared",
    "relative_attention_bias",
    "norm",
)


class Library:
    """Latents and tokenised captions in memory; takes in new shards as they appear."""

    def __init__(self) -> None:
        self.tokenizer = load_tokenizer(WORK / "tokenizer")
        stats = json.loads((WORK / "latent_statistics.json").read_text())
        self.mean = torch.tensor(stats["latents_mean"]).view(1, Z, 1, 1, 1)
        self.std = torch.tensor(stats["latents_std"]).view(1, Z, 1, 1, 1)
        self.latents: dict[str, list[torch.Tensor]] = {kind: [] for kind in KINDS}
        self.ids: dict[str, list[torch.Tensor]] = {kind: [] for kind in KINDS}
        self.figures: dict[str, list[torch.Tensor]] = {kind: [] for kind in KINDS}
        self.known: set[str] = set()
        self.looked = -1e9

    def refresh(self) -> None:
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

    def take(
        self,
        rng: np.random.Generator,
        n: int,
        length: int,
        twins: bool = False,
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Latents (n, Z, length, 12, 20), ids (n, 64) and where players are (n, 1, length, 12, 20).

        `twins`: two by two, in the same words but for left and right.
        """
        self.refresh()
        if twins:
            pairs = [int(i) for i in rng.integers(len(self.latents["twins"]) // 2, size=n // 2)]
            picks = [2 * i + side for i in pairs for side in (0, 1)]
            wording = [
                int(w) for w in rng.integers(self.ids["twins"][0].shape[0], size=n // 2) for _ in (0, 1)
            ]
            return self._picked("twins", picks, wording, length)
        kind = "longs" if length == 7 else "clips"
        if length == 1 and (rng.random() < 0.75 or not self.latents["clips"]):
            kind = "stills"
        picks = [int(i) for i in rng.integers(len(self.latents[kind]), size=n)]
        wording = [int(rng.integers(self.ids[kind][i].shape[0])) for i in picks]
        return self._picked(kind, picks, wording, length)

    def _picked(
        self, kind: str, picks: list[int], wording: list[int], length: int
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        x = torch.stack([self.latents[kind][i][:, :length] for i in picks]).float()
        words = torch.stack([self.ids[kind][i][w] for i, w in zip(picks, wording, strict=True)]).long()
        marks = torch.stack([self.figures[kind][i][None, :length] for i in picks]).float()
        return x, words, marks


def sigmas(n: int, generator: torch.Generator) -> torch.Tensor:
    """Noise levels 0..1: logit-normal, then the scheduler's shift."""
    u = torch.sigmoid(torch.randn(n, generator=generator))
    return SHIFT * u / (1 + (SHIFT - 1) * u)


@torch.no_grad()
def average(ema: torch.nn.Module, model: torch.nn.Module, keep: float) -> None:
    for a, b in zip(ema.parameters(), model.parameters(), strict=True):
        a.lerp_(b, 1 - keep)


def train(
    minutes: float,
    export_every: float = 10.0,
    peak: float = PEAK,
    checkpoint: Path = WORK / "transformer.pt",
) -> None:
    """Train for so many minutes in all; the rate falls to zero towards the end."""
    meet()
    where = device()
    library = Library()
    painter = new_transformer().to(where)
    if where.type == "cpu":
        painter.set_attn_processor(WrittenOutAttention())
    half = half_precision()
    # the sum that runs through all layers stays in float32; only the products are halved
    painter.patch_embedding.register_forward_hook(lambda _module, _given, out: out.float())
    reader = new_text_encoder(len(library.tokenizer)).to(where)
    optimisers = [muon(painter, peak, PLAIN), muon(reader, peak, PLAIN)]
    step, spent = 0, 0.0
    state = load(checkpoint)
    if state:
        painter.load_state_dict(state["transformer"])
        reader.load_state_dict(state["text"])
        for o, s in zip(optimisers, state.get("optimisers", ()), strict="optimisers" in state):
            o.load_state_dict(s)
        step, spent = int(state["step"]), float(state["spent"])
    ema_painter, ema_reader = copy.deepcopy(painter), copy.deepcopy(reader)
    if state:
        ema_painter.load_state_dict(state["ema_transformer"])
        ema_reader.load_state_dict(state["ema_text"])
    if where.type == "cpu" and compiler_at_hand():
        for block in painter.blocks:
            block.compile()  # a fifth of a step
    rng = np.random.default_rng([step, 5, RANK])
    shared = np.random.default_rng([step, 6])  # the same in every worker
    dice = torch.Generator().manual_seed(step * 16 + RANK)
    empty, _ = tokenise(library.tokenizer, [""])
    last = time.monotonic()
    exported = spent
    shown: dict[int, list[float]] = {1: [], 3: [], 5: [], 7: []}
    on_figures: list[float] = []
    between: list[float] = []  # of what tells twins apart, the share that is not drawn: 1 where nothing is
    while spent < minutes * 60:
        done = spent / (minutes * 60)
        rate = peak * min(1.0, (step + 1) / 80) * min(1.0, (1 - done) / 0.6)
        for o in optimisers:
            for group in o.param_groups:
                group["lr"] = max(rate, 1e-6) * (MATRICES if group["matrix"] else 1.0)
        roll = shared.random()
        stills = 0.92 if done < 0.3 else 0.3
        spare = (roll - stills) / (1 - stills)  # 0..1 for a step on clips
        length = 1 if spare < 0 else 3 if spare < 0.25 else 5 if spare < 0.75 else 7
        if not library.latents["clips"] or (length == 7 and not library.latents["longs"]):
            length = 1
        twins = length in (3, 5) and bool(library.latents["twins"]) and shared.random() < TWINS
        x, ids, figures = library.take(rng, BATCH[length] // WORKERS, length, twins)
        blank = torch.from_numpy(rng.random(len(ids)) < EMPTY)
        ids[blank] = empty
        x, ids, figures = x.to(where), ids.to(where), figures.to(where)
        mask = (ids != 0).long()
        sigma = sigmas(len(x), dice).to(where)
        noise = torch.randn(x.shape, generator=dice).to(where)
        if twins:  # of two levels the noisier, where directions are decided
            sigma = torch.maximum(sigma[::2], sigma[1::2]).repeat_interleave(2)
            noise = noise[::2].repeat_interleave(2, 0)
        s = sigma.view(-1, 1, 1, 1, 1)
        noisy = (1 - s) * x + s * noise
        time_of = sigma * 1000
        given = length > 1 and not twins and shared.random() < IMAGE_FIRST
        if given:
            noisy = torch.cat([x[:, :, :1], noisy[:, :, 1:]], 2)
            per_frame = x.shape[3] * x.shape[4] // 4
            time_of = time_of[:, None].repeat(1, length * per_frame)
            time_of[:, :per_frame] = 0
        with torch.autocast(where.type, torch.bfloat16, enabled=half):
            words = encode(reader, ids, mask)
            v = painter(noisy, time_of, words, return_dict=False)[0]
        off = v.float() - (noise - x)
        error = off.square()
        weight = 1 + (FIGURES - 1) * figures
        if given:
            error, weight = error[:, :, 1:], weight[:, :, 1:]
        loss = (error * weight).mean() / weight.mean()
        if twins:
            loss = loss + BETWEEN * (off[::2] - off[1::2]).square().mean()
            between.append(
                float((off[::2] - off[1::2]).detach().square().mean() / (x[::2] - x[1::2]).square().mean())
            )
        for o in optimisers:
            o.zero_grad(set_to_none=True)
        loss.backward()
        everything = [*painter.parameters(), *reader.parameters()]
        average_gradients(everything)
        torch.nn.utils.clip_grad_norm_(everything, 1.0)
        for o in optimisers:
            o.step()
        step += 1
        keep = min(0.998, 1 - 1 / (step / 4 + 2))
        average(ema_painter, painter, keep)
        average(ema_reader, reader, keep)
        now = time.monotonic()
        spent, last = agree(spent + now - last), now
        if not given:
            shown[length].append(float(error.detach().mean()))
            on_figures.append(float((error.detach().mean(1, keepdim=True) * figures).sum() / figures.sum()))
        if step % 20 == 0 and RANK == 0:
            text = " ".join(f"T{k} {np.mean(v):.3f}" for k, v in shown.items() if v)
            print(
                f"painter {step} {spent / 60:.1f} min {text} figures {np.mean(on_figures):.3f} "
                f"between twins {np.mean(between or [1]):.3f} rate {rate:.2e}",
                flush=True,
            )
            shown, on_figures, between = {1: [], 3: [], 5: [], 7: []}, [], []
        if spent - exported > export_every * 60 or spent >= minutes * 60:
            exported = spent
            if RANK > 0:
                continue
            save(
                {
                    "transformer": painter.state_dict(),
                    "text": reader.state_dict(),
                    "ema_transformer": ema_painter.state_dict(),
                    "ema_text": ema_reader.state_dict(),
                    "optimisers": [o.state_dict() for o in optimisers],
                    "step": step,
                    "spent": spent,
                },
                checkpoint,
            )
            export()


if __name__ == "__main__":
    import sys

    train(float(sys.argv[1]))
