"""Teaches the painter and the reader together, on prepared latents, by flow matching.

Stills first (they are cheap, and teach subject, colour, place and words), then clips of 9, 17 and 25 frames, a quarter
of them with a clean first frame at timestep 0, as Wan 2.2 5B does for image-to-video. Some clips come as twins, alike
but for left and right: under the same noise, what their errors differ in is what those words mean; docs/pocket.md
says what they have done so far. Resumes from ``.pocket/transformer.pt``; exports the averaged weights now and
then.
"""

from __future__ import annotations

import copy
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from pocket.archive import Archive
from pocket.export import export
from pocket.muon import muon
from pocket.pair import RANK, WORKERS, agree, average_gradients, meet
from pocket.text_model import encode, new_text_encoder, tokenise
from pocket.transformer_model import SHIFT, WrittenOutAttention, new_transformer
from pocket.whereabouts import Whereabouts
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
TWINS = 0.5  # share of the steps on clips that take them two by two
BETWEEN = 2.0  # how much what twins' errors differ in counts beside the errors themselves
LEVEL = (
    0.35  # share of noise levels drawn without the scheduler's shift: with it, few lie where edges are made
)
WHERE = 0.1  # what not knowing where a token is counts, at first
PLAIN = (
    "patch_embedding",
    "proj_out",
    "condition_embedder",
    "scale_shift_table",
    "shared",
    "relative_attention_bias",
    "norm",
)


def sigmas(n: int, generator: torch.Generator) -> torch.Tensor:
    """Noise levels 0..1: logit-normal, most of them with the scheduler's shift."""
    u = torch.sigmoid(torch.randn(n, generator=generator))
    shift = torch.where(torch.rand(n, generator=generator) < LEVEL, 1.0, SHIFT)
    return shift * u / (1 + (shift - 1) * u)


@torch.no_grad()
def average(ema: torch.nn.Module, model: torch.nn.Module, keep: float) -> None:
    for a, b in zip(ema.parameters(), model.parameters(), strict=True):
        a.lerp_(b, 1 - keep)


class Trainee:
    """The painter and its reader, with all that teaching them keeps between two steps."""

    def __init__(self, words: int, peak: float, checkpoint: Path) -> None:
        self.checkpoint = checkpoint
        self.where = device()
        self.painter = new_transformer().to(self.where)
        if self.where.type == "cpu":
            self.painter.set_attn_processor(WrittenOutAttention())
        # the sum that runs through all layers stays in float32; only the products are halved
        self.painter.patch_embedding.register_forward_hook(lambda _module, _given, out: out.float())
        self.reader = new_text_encoder(words).to(self.where)
        self.ema_painter, self.ema_reader = copy.deepcopy(self.painter), copy.deepcopy(self.reader)
        self.whereabouts = Whereabouts(self.painter).to(self.where)
        modules = (self.painter, self.reader, self.whereabouts)
        self.optimisers = [muon(module, peak, (*PLAIN, "names")) for module in modules]
        self.step, self.spent = 0, 0.0
        state = load(checkpoint)
        if state:
            for name, module in self._modules().items():
                if name in state:
                    module.load_state_dict(state[name])
            for optimiser, kept in zip(self.optimisers, state.get("optimisers", ()), strict=False):
                optimiser.load_state_dict(kept)
            self.step, self.spent = int(state["step"]), float(state["spent"])
        if self.where.type == "cpu" and compiler_at_hand():
            for block in self.painter.blocks:
                block.compile()  # a fifth of a step

    def _modules(self) -> dict[str, torch.nn.Module]:
        """By the names they have in a checkpoint."""
        return {
            "transformer": self.painter,
            "text": self.reader,
            "ema_transformer": self.ema_painter,
            "ema_text": self.ema_reader,
            "whereabouts": self.whereabouts,
        }

    def parameters(self) -> Iterator[torch.nn.Parameter]:
        for module in (self.painter, self.reader, self.whereabouts):
            yield from module.parameters()

    def learn(self, loss: torch.Tensor, rate: float) -> None:
        """One step down the loss, in step with the other workers."""
        for optimiser in self.optimisers:
            for group in optimiser.param_groups:
                group["lr"] = rate * (MATRICES if group["matrix"] else 1.0)
            optimiser.zero_grad(set_to_none=True)
        loss.backward()
        everything = list(self.parameters())
        average_gradients(everything)
        torch.nn.utils.clip_grad_norm_(everything, 1.0)
        for optimiser in self.optimisers:
            optimiser.step()
        self.step += 1
        keep = min(0.998, 1 - 1 / (self.step / 4 + 2))
        average(self.ema_painter, self.painter, keep)
        average(self.ema_reader, self.reader, keep)

    def keep(self) -> None:
        """Write the checkpoint, and the folder that ships."""
        state = {name: module.state_dict() for name, module in self._modules().items()}
        momenta = [optimiser.state_dict() for optimiser in self.optimisers]
        save(state | {"optimisers": momenta, "step": self.step, "spent": self.spent}, self.checkpoint)
        export()


@dataclass(frozen=True)
class Lesson:
    """What one step is taught on: latents, ids and figures as `Archive` gives them."""

    x: torch.Tensor
    ids: torch.Tensor
    figures: torch.Tensor
    length: int
    twins: bool
    given: bool  # the first frame is, without noise


class Plan:
    """Draws what comes next, the same kind of lesson in every worker."""

    def __init__(self, archive: Archive, step: int) -> None:
        self.archive = archive
        self.rng = np.random.default_rng([step, 5, RANK])
        self.shared = np.random.default_rng([step, 6])  # the same in every worker
        self.dice = torch.Generator().manual_seed(step * 16 + RANK)
        self.empty, _ = tokenise(archive.tokenizer, [""])

    def next(self, done: float) -> Lesson:
        """The lesson where that share (0..1) of the time is over."""
        archive = self.archive
        roll = self.shared.random()
        stills = 0.92 if done < 0.3 else 0.3
        spare = (roll - stills) / (1 - stills)  # 0..1 for a step on clips
        length = 1 if spare < 0 else 3 if spare < 0.25 else 5 if spare < 0.75 else 7
        if not archive.has("clips") or (length == 7 and not archive.has("longs")):
            length = 1
        twins = length in (3, 5) and archive.has("twins") and self.shared.random() < TWINS
        take = archive.take_twins if twins else archive.take
        x, ids, figures = take(self.rng, BATCH[length] // WORKERS, length)
        ids[torch.from_numpy(self.rng.random(len(ids)) < EMPTY)] = self.empty
        given = length > 1 and not twins and self.shared.random() < IMAGE_FIRST
        where = device()
        return Lesson(x.to(where), ids.to(where), figures.to(where), length, twins, given)

    def noise(self, lesson: Lesson) -> tuple[torch.Tensor, torch.Tensor]:
        """Noise levels (n,) and noise of the latents' shape; twins share both."""
        sigma = sigmas(len(lesson.x), self.dice)
        noise = torch.randn(lesson.x.shape, generator=self.dice)
        if lesson.twins:  # of two levels the noisier, where directions are decided
            sigma = torch.maximum(sigma[::2], sigma[1::2]).repeat_interleave(2)
            noise = noise[::2].repeat_interleave(2, 0)
        return sigma.to(lesson.x.device), noise.to(lesson.x.device)


@dataclass
class Ledger:
    """What the steps since the last line have shown, by name."""

    kept: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def note(self, name: str, value: torch.Tensor | float) -> None:
        self.kept[name].append(float(value))

    def line(self) -> str:
        """Their means; begins anew."""
        text = " ".join(f"{name} {np.mean(values):.3f}" for name, values in sorted(self.kept.items()))
        self.kept.clear()
        return text


def lost(
    trainee: Trainee, lesson: Lesson, sigma: torch.Tensor, noise: torch.Tensor, ledger: Ledger
) -> torch.Tensor:
    """The loss of the painter's guess at the way from latents to noise; notes its parts."""
    x = lesson.x
    s = sigma.view(-1, 1, 1, 1, 1)
    noisy, time_of = (1 - s) * x + s * noise, sigma * 1000
    if lesson.given:
        noisy = torch.cat([x[:, :, :1], noisy[:, :, 1:]], 2)
        per_frame = x.shape[3] * x.shape[4] // 4
        time_of = time_of[:, None].repeat(1, lesson.length * per_frame)
        time_of[:, :per_frame] = 0
    with torch.autocast(x.device.type, torch.bfloat16, enabled=half_precision()):
        words = encode(trainee.reader, lesson.ids, (lesson.ids != 0).long())
        v = trainee.painter(noisy, time_of, words, return_dict=False)[0]
    off = v.float() - (noise - x)
    error = off.square()
    weight = 1 + (FIGURES - 1) * lesson.figures
    if lesson.given:
        error, weight = error[:, :, 1:], weight[:, :, 1:]
    else:
        seen = error.detach()
        ledger.note(f"T{lesson.length}", seen.mean())
        ledger.note("figures", (seen.mean(1, keepdim=True) * lesson.figures).sum() / lesson.figures.sum())
    loss = (error * weight).mean() / weight.mean()
    if lesson.twins:
        apart = (off[::2] - off[1::2]).square().mean()
        loss = loss + BETWEEN * apart
        # of what tells twins apart, the share that is not drawn: 1 where nothing is
        ledger.note("between twins", apart.detach() / (x[::2] - x[1::2]).square().mean())
    return loss


def train(
    minutes: float,
    export_every: float = 10.0,
    peak: float = PEAK,
    checkpoint: Path = WORK / "transformer.pt",
) -> None:
    """Train for so many minutes in all; the rate falls to zero towards the end."""
    meet()
    archive = Archive()
    trainee = Trainee(len(archive.tokenizer), peak, checkpoint)
    plan, ledger = Plan(archive, trainee.step), Ledger()
    archive.refresh()
    last, exported = time.monotonic(), trainee.spent
    while trainee.spent < minutes * 60:
        done = trainee.spent / (minutes * 60)
        rate = max(peak * min(1.0, (trainee.step + 1) / 80) * min(1.0, (1 - done) / 0.6), 1e-6)
        lesson = plan.next(done)
        loss = lost(trainee, lesson, *plan.noise(lesson), ledger)
        astray, columns = trainee.whereabouts.loss()
        ledger.note("columns", columns)
        trainee.learn(loss + WHERE * (1 - done) * astray, rate)
        now = time.monotonic()
        trainee.spent, last = agree(trainee.spent + now - last), now
        if trainee.step % 20 == 0 and RANK == 0:
            print(
                f"painter {trainee.step} {trainee.spent / 60:.1f} min {ledger.line()} rate {rate:.2e}",
                flush=True,
            )
        if trainee.spent - exported > export_every * 60 or trainee.spent >= minutes * 60:
            exported = trainee.spent
            if RANK == 0:
                trainee.keep()


if __name__ == "__main__":
    import sys

    train(float(sys.argv[1]))
