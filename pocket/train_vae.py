"""Teaches the VAE: pictures of everything, theatre stills, then short clips; crops of 64x96.

    python -m pocket.train_vae MINUTES half       # at half its width, in which a step takes a third of the time
    python -m pocket.train_vae MINUTES            # all of it, from there, or from nothing
    python -m pocket.train_vae MINUTES decoder    # then the decoder alone: what is encoded already stays valid
    python -m pocket.train_vae MINUTES polish     # and once more, slowly, for the last tenths of a decibel

Loss: L1 + 10 MSE + L1 on differences of neighbouring pixels (clean edges), noise on the latents so
that small errors of the transformer do not show. Polishing counts every clip's error by its logarithm, as decibels do,
and keeps the mean of the weights it comes by. The rate falls once over the half and the whole.
Resumes from ``.pocket/vae.pt``. Where ``.pocket/vae-before`` lies, an exported VAE, latents are held near to what that
encoder makes, so that a transformer taught on it can go on from where it is.
"""

from __future__ import annotations

import copy
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKLWan

from pocket.muon import muon
from pocket.pair import RANK, WORKERS, agree, average_gradients, meet
from pocket.vae_model import WIDTH, decode_whole, encode_whole, new_vae, quickened, to_pixels
from pocket.widen import widened
from pocket.workplace import WORK, device, half_precision, load, save

CROP = (64, 96)
SQUARES = 10.0  # weight of squared errors beside plain ones: with 4, what moves was left too soft
SHAPES = 64  # of tensors that norms may be compiled for; past torch's 8 they are not compiled at all
ANCHOR = 0.004  # what a latent off by its deviation costs, beside errors of about 0.1 in all


@dataclass(frozen=True)
class Stage:
    """How a part of the teaching goes about it."""

    name: str
    peak: float  # of the learning rate
    noise: float  # at most, of the latents' deviation
    frames: tuple[float, float, float] = (0.2, 0.5, 0.3)  # how often clips of 5, 9 and 17 are shown
    pictures_first: bool = True
    encoder: bool = False  # whether it is taught too
    mean: float = 0.0  # what a step leaves of the running mean that is kept; at 0 the weights are kept


HALF = Stage("half", 1.2e-3, 0.12, encoder=True)
WHOLE = Stage("whole", 1.2e-3, 0.12, encoder=True)
DECODER = Stage("decoder", 0.6e-3, 0.12)  # it has been taught before
POLISH = Stage("polish", 1.6e-4, 0.04, (0.1, 0.4, 0.5), pictures_first=False, mean=0.995)
STAGES = {stage.name: stage for stage in (HALF, WHOLE, DECODER, POLISH)}
FIRST = 0.5  # how far rate and material have got when half the width gives way to the whole


class Shelf:
    """The shards drawn so far; looks for new ones now and then."""

    def __init__(self, name: str, held_out: int) -> None:
        self.folder, self.held_out = WORK / name, held_out
        self.arrays: list[np.ndarray] = []
        self.seen = -1.0

    def refresh(self) -> None:
        """Map the shards; the first ``held_out`` are for evaluation."""
        if time.monotonic() - self.seen < 20:
            return
        self.seen = time.monotonic()
        names = sorted(p for p in self.folder.glob("*.npy") if ".part" not in p.name)
        self.arrays = [np.load(p, mmap_mode="r") for p in names[self.held_out :]]

    def take(self, rng: np.random.Generator, n: int, frames: int) -> torch.Tensor:
        """(n, frames, h, w, 3) crops."""
        self.refresh()
        h, w = CROP
        out = []
        for _ in range(n):
            array = self.arrays[int(rng.integers(len(self.arrays)))]
            item = array[int(rng.integers(len(array)))]
            item = item[None] if item.ndim == 3 else item
            start = int(rng.integers(item.shape[0] - frames + 1))
            y = int(rng.choice([0, 32, int(rng.integers(33))]))
            x = int(rng.choice([0, 64, int(rng.integers(65))]))
            crop = np.array(item[start : start + frames, y : y + h, x : x + w])
            if rng.random() < 0.5:
                crop = crop[:, :, ::-1].copy()
            out.append(torch.from_numpy(crop))
        return torch.stack(out)


def edges(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """L1 between differences of neighbouring pixels."""
    across = (x[..., 1:] - x[..., :-1]) - (y[..., 1:] - y[..., :-1])
    down = (x[..., 1:, :] - x[..., :-1, :]) - (y[..., 1:, :] - y[..., :-1, :])
    return across.abs().mean() + down.abs().mean()


@torch.no_grad()
def held_out(vae: torch.nn.Module, count: int = 4) -> float:
    """PSNR in dB on whole clips that are never trained on."""
    clips = np.load(WORK / "clips" / "0000.npy", mmap_mode="r")[:count]
    x = to_pixels(torch.from_numpy(np.array(clips)))
    y = torch.cat([decode_whole(vae, encode_whole(vae, clip[None])) for clip in x]).clamp(-1, 1)
    return float((10 * torch.log10(4 / (x - y).square().flatten(1).mean(1))).mean())


def _encoder_before(where: torch.device) -> AutoencoderKLWan | None:
    """The VAE whose latents are to be kept near; None where there is none."""
    folder = WORK / "vae-before"
    if not folder.exists():
        return None
    before: AutoencoderKLWan = AutoencoderKLWan.from_pretrained(folder)
    return before.requires_grad_(False).to(where)


def _width(weights: dict[str, torch.Tensor]) -> int:
    """Of a VAE with these: its channels at the pixels."""
    return len(weights["encoder.conv_in.bias"])


def _moved(before: AutoencoderKLWan, x: torch.Tensor, latents: torch.Tensor) -> torch.Tensor:
    """How far latents are from those of before, in squares of each channel's deviation."""
    with torch.no_grad(), torch.autocast(x.device.type, torch.bfloat16, enabled=half_precision()):
        were = encode_whole(before, x).float()
    spread = were.std((0, 2, 3, 4), keepdim=True) + 0.1
    return ((latents - were) / spread).square().mean()


class Trainee:
    """The VAE with what teaching it keeps between two steps; in later stages with the encoder held as it is.

    Each stage has steps, time and momenta of its own in the checkpoint.
    """

    def __init__(self, checkpoint: Path, stage: Stage = WHOLE) -> None:
        self.checkpoint, self.stage = checkpoint, stage
        self.where = device()
        self.state = load(checkpoint) or {}
        self.vae = self._as_it_was().to(self.where)
        if not stage.encoder:
            self.vae.encoder.requires_grad_(False)
            self.vae.quant_conv.requires_grad_(False)
        self.taught = torch.nn.ModuleList(
            m for m in self.vae.children() if any(p.requires_grad for p in m.parameters())
        )
        self.optimiser = muon(self.taught, stage.peak)
        self.before = _encoder_before(self.where) if stage is WHOLE else None
        self.step, self.spent = 0, 0.0
        self.kept = copy.deepcopy(self.vae) if stage.mean else self.vae
        mine = self.state if stage is WHOLE else self.state.get(stage.name, {})
        if "step" in mine:
            if "optimiser" in mine:
                self.optimiser.load_state_dict(mine["optimiser"])
            if "last" in mine:
                self.vae.load_state_dict(mine["last"])
            self.step, self.spent = int(mine["step"]), float(mine["spent"])

    def _as_it_was(self) -> AutoencoderKLWan:
        """The VAE of the checkpoint, as wide as the stage has it; a new one where there is none."""
        vae = new_vae(WIDTH // 2 if self.stage is HALF else WIDTH)
        if not self.state:
            return vae
        held = self.state["vae"]
        if _width(held) < _width(vae.state_dict()):
            narrow = new_vae(WIDTH // 2)
            narrow.load_state_dict(held)
            return widened(narrow, vae)
        vae.load_state_dict(held)
        return vae

    def done(self, minutes: float) -> float:
        """How far (0..1) the rate has to have fallen, of a stage that takes so long."""
        share = self.spent / (minutes * 60)
        if self.stage is HALF:
            return FIRST * share
        return FIRST + (1 - FIRST) * share if self.stage is WHOLE and HALF.name in self.state else share

    def lost(self, x: torch.Tensor) -> tuple[torch.Tensor, float]:
        """The loss on pixels, and their squared error. Within ``quickened`` only."""
        with torch.autocast(self.where.type, torch.bfloat16, enabled=half_precision()):
            latents = encode_whole(self.vae, x)
            blur = (
                self.stage.noise * latents.detach().std() * torch.rand(len(x), 1, 1, 1, 1, device=self.where)
            )
            y = decode_whole(self.vae, latents + blur * torch.randn_like(latents)).float()
        error = y - x
        each = error.square().flatten(1).mean(1)
        mse = each.mean()
        if self.stage is POLISH:
            loss = 0.5 * error.abs().mean() + 0.1 * each.log().mean() + 0.25 * edges(x, y)
        else:
            loss = error.abs().mean() + SQUARES * mse + 0.5 * edges(x, y)
        loss = loss + 3e-4 * latents.float().square().mean()
        if self.before is not None:
            loss = loss + ANCHOR * _moved(self.before, x, latents.float())
        return loss, float(mse.detach())

    def learn(self, loss: torch.Tensor, rate: float) -> None:
        """One step down the loss, in step with the other workers."""
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        average_gradients(self.taught.parameters())
        torch.nn.utils.clip_grad_norm_(self.taught.parameters(), 1.0)
        self.optimiser.step()
        self.step += 1
        if self.stage.mean:
            with torch.no_grad():
                for mean, now in zip(self.kept.parameters(), self.vae.parameters(), strict=True):
                    mean.lerp_(now, 1 - self.stage.mean)

    def keep(self) -> None:
        """Write the checkpoint."""
        mine = {"optimiser": self.optimiser.state_dict(), "step": self.step, "spent": self.spent}
        if self.stage.mean:
            mine["last"] = self.vae.state_dict()
        self.state |= mine if self.stage is WHOLE else {self.stage.name: mine}
        save(self.state | {"vae": self.kept.state_dict()}, self.checkpoint)


class Material:
    """Draws batches of pictures and clips, the same kind of batch in every worker."""

    def __init__(self, step: int, stage: Stage) -> None:
        self.stage = stage
        held = {"pictures": 1, "stills": 1, "clips": 2, "drifts": 1}
        self.shelves = {name: Shelf(name, count) for name, count in held.items()}
        self.dice = np.random.default_rng(step + 17)  # the same in every worker
        self.rng = np.random.default_rng([step, RANK])

    def next(self, done: float) -> torch.Tensor:
        """Frames (n, t, h, w, 3), where that share (0..1) of the time is over: mostly pictures first, then clips."""
        n = 2 if WORKERS == 1 else 1
        if self.dice.random() < (0.85 if self.stage.pictures_first and done < 0.2 else 0.15):
            return torch.cat([self.shelves[name].take(self.rng, 4 * n, 1) for name in ("pictures", "stills")])
        frames = int(self.dice.choice([5, 9, 17], p=self.stage.frames))
        source = "drifts" if frames < 17 and self.dice.random() < 0.25 else "clips"
        return self.shelves[source].take(self.rng, {5: 2, 9: 1, 17: 1}[frames] * n, frames)


def train(minutes: float, checkpoint: Path = WORK / "vae.pt", stage: Stage = WHOLE) -> None:
    """Train for so long in all; the learning rate falls to zero at the end."""
    held = load(checkpoint)
    if stage is HALF and held and _width(held["vae"]) > _width(new_vae(WIDTH // 2).state_dict()):
        return  # it has been widened: what comes after is taught already
    meet()
    torch._dynamo.config.recompile_limit = SHAPES
    trainee = Trainee(checkpoint, stage)
    material = Material(trainee.step, stage)
    last, shown, kept = time.monotonic(), 0.0, 0
    with quickened(trainee.vae):
        while trainee.spent < minutes * 60:
            done = trainee.done(minutes)
            rate = max(stage.peak * min(1.0, (trainee.step + 1) / 60) * (1 - done) ** 0.9, 1e-6)
            x = to_pixels(material.next(done).to(trainee.where))  # its channels last already
            loss, squares = trainee.lost(x)
            trainee.learn(loss, rate)
            now = time.monotonic()
            trainee.spent, last = agree(trainee.spent + now - last), now
            shown += squares
            if trainee.step % 50 == 0 and RANK == 0:
                psnr = 10 * np.log10(4 / (shown / 50))
                print(
                    f"vae {trainee.step} {trainee.spent / 60:.1f} min psnr {psnr:.2f} rate {rate:.2e}",
                    flush=True,
                )
                shown = 0.0
            if trainee.step % 500 == 0 and RANK == 0:
                print(f"held out, after {trainee.step} steps: {held_out(trainee.kept):.2f} dB", flush=True)
            if trainee.step - kept >= 200 or trainee.spent >= minutes * 60:
                kept = trainee.step
                if RANK == 0:
                    trainee.keep()


if __name__ == "__main__":
    import sys

    train(float(sys.argv[1]), stage=STAGES[sys.argv[2]] if len(sys.argv) > 2 else WHOLE)
