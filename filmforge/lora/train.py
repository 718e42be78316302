"""Trains a LoRA on a prepared data set, resumably: the same data and settings give the same bytes.

Whatever is drawn at a step comes from a generator seeded by (seed, step), so a step needs nothing of the
steps before it but the weights and the optimizer's moments, which checkpoints hold.
"""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from filmforge.errors import LoraError
from filmforge.lora import checkpoints
from filmforge.lora.batches import batch_of, by_shape, seed_of
from filmforge.lora.dataset import Dataset, Item, read, training_facts
from filmforge.lora.files import Adapter, write_lora
from filmforge.lora.preview import write_preview
from filmforge.video_models import flow, runtime
from filmforge.video_models.facts import Facts
from filmforge.video_models.flow import Objective
from filmforge.video_models.model import VideoModel

_ADAPTER = "filmforge"
_LARGEST_GRADIENT = 1.0


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """What decides a LoRA's bytes besides its data set and base. `LoraFacts` says what each means."""

    rank: int
    alpha: int
    steps: int
    learning_rate: float
    seed: int
    batch: int
    warmup: int
    prior: float
    caption_dropout: float
    start_frame: float
    shift: float
    sampling: Literal["logit-normal", "uniform"]
    targets: tuple[str, ...]


def settings_for(
    facts: Facts,
    *,
    rank: int | None = None,
    steps: int | None = None,
    learning_rate: float | None = None,
    seed: int = 0,
) -> TrainSettings:
    """The family's defaults with what the film declares in their place; alpha equals the rank."""
    training = training_facts(facts)
    rank = rank or training.rank
    steps = steps or training.steps
    return TrainSettings(
        rank=rank,
        alpha=rank,
        steps=steps,
        learning_rate=training.learning_rate if learning_rate is None else learning_rate,
        seed=seed,
        batch=training.batch,
        warmup=min(training.warmup, steps // 5),
        prior=training.prior,
        caption_dropout=training.caption_dropout,
        start_frame=training.start_frame,
        shift=facts.shift or 1.0,
        sampling=training.sampling,
        targets=training.targets,
    )


def train(
    model: VideoModel,
    dataset: Path,
    settings: TrainSettings,
    *,
    trigger: str,
    scratch: Path,
    out: Path,
    photos: Sequence[str] = (),
    preview: Path | None = None,
    on_step: Callable[[int, int, float], None] | None = None,
    checkpoint_seconds: float = 10.0,
) -> list[float]:
    """Train a LoRA for `model` on the data set at `dataset` and write it to `out`; the loss of each step.

    A checkpoint is kept in `scratch` about every `checkpoint_seconds`; a training that was killed goes on
    from the last one and ends with the same bytes. `losses.jsonl` there has a line for each step.
    A model with two experts has each trained for all `steps`, one after the other, each at its own noise levels.
    `photos` are the digests of what it was made from, for the file to say; `preview` is where a picture goes that
    the adapters make while they are still in memory, for the proof. `on_step` is called with the step, the
    steps in all and the loss. LoraError when the data set is of
    another model or the loss is no longer a number.
    """
    data = read(dataset)
    if (data.family, data.base_digest) != (model.facts.id, model.weights.digest or ""):
        raise LoraError(
            f"{dataset}: prepared with {data.family}, and not with these weights of {model.facts.id}"
        )
    objective = model.objective
    ranges = objective.ranges()
    model.set_loras([])
    losses: list[float] = []
    trained: dict[str, Adapter] = {}
    for expert, within in ranges.items():
        _make_room(model, expert)
        losses_before = len(losses)

        def told(step: int, loss: float, before: int = losses_before) -> None:
            if on_step:
                on_step(before + step, settings.steps * len(ranges), loss)

        run = _Run(model, objective, expert, within, data, settings, _identity(settings, dataset, expert))
        place = scratch if len(ranges) == 1 else scratch / expert
        trained[expert], own = _train_expert(run, place, trigger, told, checkpoint_seconds)
        losses += own
    write_lora(
        out,
        trained,
        weights=model.weights,
        trigger=trigger,
        steps=settings.steps,
        settings=asdict(settings),
        photos=photos,
        dtype=torch.float32 if model.precision == "fp32" else torch.bfloat16,
    )
    if preview is not None:
        write_preview(model, trained, dataset, preview, lambda expert: _add_adapter(expert, settings))
    return losses


@dataclass(frozen=True, slots=True)
class _Run:
    """The training of one expert: all that its steps need. `within` are the noise levels at which it works."""

    model: VideoModel
    objective: Objective
    expert: str
    within: tuple[float, float]
    data: Dataset
    settings: TrainSettings
    identity: str


def _make_room(model: VideoModel, expert: str) -> None:
    """Have the other experts leave the device: one of fourteen billion and its gradients fill it."""
    if model.device.type != "cpu":
        for other in model.experts:
            if other != expert:
                model.release(other)


def _train_expert(
    run: _Run,
    scratch: Path,
    trigger: str,
    on_step: Callable[[int, float], None],
    checkpoint_seconds: float,
) -> tuple[Adapter, list[float]]:
    """Train one expert from its last checkpoint on: its adapter, and the loss of each step."""
    model, settings = run.model, run.settings
    scratch.mkdir(parents=True, exist_ok=True)
    transformer = model.expert(run.expert)
    with runtime.determined(model.threads):
        try:
            config = _add_adapter(transformer, settings)
            parameters = {n: p for n, p in transformer.named_parameters() if p.requires_grad}
            optimizer = torch.optim.AdamW(
                parameters.values(), lr=settings.learning_rate, weight_decay=0.0, betas=(0.9, 0.99)
            )
            losses = _restore(checkpoints.latest(scratch, run.identity), parameters, optimizer)
            if model.device.type != "cpu":
                transformer.enable_gradient_checkpointing()
            _write_losses(scratch, losses)
            saved = time.monotonic()
            with (scratch / "losses.jsonl").open("a", encoding="utf-8") as lines:
                for step in range(len(losses), settings.steps):
                    value = _step(run, transformer, step, parameters, optimizer)
                    if not math.isfinite(value):
                        raise LoraError(
                            f"{trigger}: the training broke down at step {step + 1}: its loss is no number; "
                            f"declare a learning_rate below {settings.learning_rate:g}"
                        )
                    losses.append(value)
                    lines.write(_line(step, value))
                    lines.flush()
                    if time.monotonic() - saved >= checkpoint_seconds and step + 1 < settings.steps:
                        checkpoints.save(scratch, run.identity, _checkpoint(parameters, optimizer, losses))
                        saved = time.monotonic()
                    on_step(step + 1, value)
            checkpoints.save(scratch, run.identity, _checkpoint(parameters, optimizer, losses))
            state = {_plain(name): p.detach().cpu().clone() for name, p in parameters.items()}
        finally:
            transformer.disable_gradient_checkpointing()
            if getattr(transformer, "peft_config", None):
                transformer.unload_lora()
            transformer.requires_grad_(False)
    return Adapter(config, state), losses


def _add_adapter(transformer: Any, settings: TrainSettings) -> dict[str, object]:
    """Put a fresh LoRA on the frozen transformer, in fp32; its configuration as plain data.

    fp32 whatever the base is in: plain AdamW on bf16 loses updates smaller than the format can hold.
    """
    from diffusers.training_utils import cast_training_params
    from peft import LoraConfig

    transformer.requires_grad_(False)
    config = LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,
        target_modules="|".join(f"({target})" for target in settings.targets),
        init_lora_weights=True,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        transformer.add_adapter(config, adapter_name=_ADAPTER)
    cast_training_params(transformer, torch.float32)
    return {"r": settings.rank, "lora_alpha": settings.alpha, "target_modules": _targets(transformer)}


def _targets(transformer: Any) -> list[str]:
    return sorted(
        name for name, module in transformer.named_modules() if _ADAPTER in getattr(module, "lora_A", {})
    )


def _plain(name: str) -> str:
    """A parameter's name as files bear it: without the adapter's own."""
    return name.replace(f".{_ADAPTER}.", ".")


def _step(
    run: _Run,
    transformer: Any,
    step: int,
    parameters: dict[str, torch.nn.Parameter],
    optimizer: torch.optim.Optimizer,
) -> float:
    """One step of the optimizer; the mean loss of its batch."""
    settings = run.settings
    rate = settings.learning_rate * _schedule(step, settings)
    for group in optimizer.param_groups:
        group["lr"] = rate
    optimizer.zero_grad(set_to_none=True)
    draw = torch.Generator("cpu").manual_seed(seed_of(settings.seed, "step", step))
    total = 0.0
    for group_of in by_shape(batch_of(run.data, settings, step, draw)):
        value = _group_loss(run, transformer, group_of, draw) / settings.batch
        value.backward()  # type: ignore[no-untyped-call]
        total += value.item()
    torch.nn.utils.clip_grad_norm_(parameters.values(), _LARGEST_GRADIENT)
    optimizer.step()
    return total


def _group_loss(run: _Run, transformer: Any, group: list[tuple[Item, bool]], draw: torch.Generator) -> Tensor:
    """The summed loss of items of one shape; of a prior item, the distance from what the base predicts."""
    settings, objective = run.settings, run.objective
    count = len(group)
    latents = torch.stack([item.latents for item, _ in group])
    prior = torch.tensor([is_prior for _, is_prior in group])
    shift = objective.shift(settings.shift, tuple(latents.shape[1:]))
    within = tuple(flow.unshifted(level, shift) for level in run.within)
    sigmas = flow.shifted(flow.drawn(count, settings.sampling, draw, (within[0], within[1])), shift)
    noise = torch.randn(latents.shape, generator=draw)
    given = (torch.rand(count, generator=draw) < settings.start_frame) & (latents.shape[2] > 1)
    dropped = (torch.rand(count, generator=draw) < settings.caption_dropout) & ~prior
    texts = [
        run.data.empty if drop else item.text for (item, _), drop in zip(group, dropped.tolist(), strict=True)
    ]
    place = run.model.device
    latents, sigmas, noise, given, prior = (t.to(place) for t in (latents, sigmas, noise, given, prior))
    text = {name: torch.stack([one[name] for one in texts]).to(place) for name in texts[0]}
    conditions = [item.condition for item, _ in group if item.condition is not None]
    condition = torch.stack(conditions).to(place) if conditions else None

    noisy = flow.noised(latents, noise, sigmas, given)
    target = objective.target(latents, noise)
    if prior.any():
        of_prior = {name: value[prior] for name, value in text.items()}
        beside = None if condition is None else condition[prior]
        with _base_alone(transformer):
            target[prior] = objective.predicted(
                transformer, noisy[prior], sigmas[prior], of_prior, given[prior], beside
            )
    prediction = objective.predicted(transformer, noisy, sigmas, text, given, condition)
    return flow.loss(prediction, target, given).sum()


@contextmanager
def _base_alone(transformer: Any) -> Iterator[None]:
    """Have the model predict without the LoRA that is being trained."""
    transformer.disable_adapters()
    try:
        with torch.no_grad():
            yield
    finally:
        transformer.enable_adapters()


def _schedule(step: int, settings: TrainSettings) -> float:
    """The share of the learning rate at a step: a linear warm-up, then half a cosine down to a tenth."""
    if step < settings.warmup:
        return (step + 1) / settings.warmup
    through = (step - settings.warmup) / max(1, settings.steps - settings.warmup)
    return 0.1 + 0.45 * (1 + math.cos(math.pi * through))


def _identity(settings: TrainSettings, dataset: Path, expert: str) -> str:
    """Which training a checkpoint belongs to: its settings and its data, by content; and the expert past the first."""
    with dataset.open("rb") as file:
        data = hashlib.file_digest(file, "sha256").hexdigest()
    of_expert = [] if expert == "transformer" else [expert]
    text = json.dumps([asdict(settings), data, *of_expert], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _checkpoint(
    parameters: dict[str, torch.nn.Parameter], optimizer: torch.optim.Optimizer, losses: list[float]
) -> checkpoints.Checkpoint:
    return checkpoints.Checkpoint(
        len(losses),
        {name: p.detach() for name, p in parameters.items()},
        {name: optimizer.state[p]["exp_avg"] for name, p in parameters.items()},
        {name: optimizer.state[p]["exp_avg_sq"] for name, p in parameters.items()},
        tuple(losses),
    )


def _restore(
    checkpoint: checkpoints.Checkpoint | None,
    parameters: dict[str, torch.nn.Parameter],
    optimizer: torch.optim.Optimizer,
) -> list[float]:
    """Put a checkpoint's state in place; the losses up to it."""
    if checkpoint is None:
        return []
    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter.copy_(checkpoint.weights[name])
            optimizer.state[parameter] = {
                "step": torch.tensor(float(checkpoint.step)),
                "exp_avg": checkpoint.first[name].to(parameter.device),
                "exp_avg_sq": checkpoint.second[name].to(parameter.device),
            }
    return list(checkpoint.losses)


def _line(step: int, loss: float) -> str:
    return json.dumps({"step": step + 1, "loss": loss}) + "\n"


def _write_losses(scratch: Path, losses: list[float]) -> None:
    """Start the log anew from a checkpoint's losses: later lines belong to steps that are now repeated."""
    text = "".join(_line(step, loss) for step, loss in enumerate(losses))
    (scratch / "losses.jsonl").write_text(text, encoding="utf-8")
