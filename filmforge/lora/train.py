"""Trains a LoRA on a prepared data set, resumably: the same data and settings give the same bytes.

Whatever is drawn at a step comes from a generator seeded by (seed, step), so a step needs nothing of the
steps before it but the weights and the optimizer's moments, which checkpoints hold.
"""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from filmforge.errors import LoraError
from filmforge.lora import checkpoints
from filmforge.lora.dataset import Dataset, Item, read, training_facts
from filmforge.lora.files import write_lora
from filmforge.video_models import runtime, wan_training
from filmforge.video_models.facts import Facts
from filmforge.video_models.wan import WanModel

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
    model: WanModel,
    dataset: Path,
    settings: TrainSettings,
    *,
    trigger: str,
    scratch: Path,
    out: Path,
    on_step: Callable[[int, int, float], None] | None = None,
    checkpoint_seconds: float = 10.0,
) -> list[float]:
    """Train a LoRA for `model` on the data set at `dataset` and write it to `out`; the loss of each step.

    A checkpoint is kept in `scratch` about every `checkpoint_seconds`; a training that was killed goes on
    from the last one and ends with the same bytes. `scratch/losses.jsonl` has a line for each step.
    `on_step` is called with the step, the steps in all and the loss. LoraError when the data set is of
    another model or the loss is no longer a number.
    """
    data = read(dataset)
    if (data.family, data.base_digest) != (model.facts.id, model.weights.digest or ""):
        raise LoraError(
            f"{dataset}: prepared with {data.family}, and not with these weights of {model.facts.id}"
        )
    scratch.mkdir(parents=True, exist_ok=True)
    identity = _identity(settings, dataset)
    model.set_loras([])
    transformer = model.transformer
    with runtime.determined(model.threads):
        try:
            adapter = _add_adapter(transformer, settings)
            parameters = {n: p for n, p in transformer.named_parameters() if p.requires_grad}
            optimizer = torch.optim.AdamW(
                parameters.values(), lr=settings.learning_rate, weight_decay=0.0, betas=(0.9, 0.99)
            )
            losses = _restore(checkpoints.latest(scratch, identity), parameters, optimizer)
            if model.device.type != "cpu":
                transformer.enable_gradient_checkpointing()
            _write_losses(scratch, losses)
            saved = time.monotonic()
            with (scratch / "losses.jsonl").open("a", encoding="utf-8") as lines:
                for step in range(len(losses), settings.steps):
                    value = _step(model, data, settings, step, parameters, optimizer)
                    if not math.isfinite(value):
                        raise LoraError(
                            f"{trigger}: the training broke down at step {step + 1}: its loss is no number; "
                            f"declare a learning_rate below {settings.learning_rate:g}"
                        )
                    losses.append(value)
                    lines.write(_line(step, value))
                    lines.flush()
                    if time.monotonic() - saved >= checkpoint_seconds and step + 1 < settings.steps:
                        checkpoints.save(scratch, identity, _checkpoint(parameters, optimizer, losses))
                        saved = time.monotonic()
                    if on_step:
                        on_step(step + 1, settings.steps, value)
            checkpoints.save(scratch, identity, _checkpoint(parameters, optimizer, losses))
            state = {_plain(name): p.detach().cpu() for name, p in parameters.items()}
        finally:
            transformer.disable_gradient_checkpointing()
            if getattr(transformer, "peft_config", None):
                transformer.unload_lora()
            transformer.requires_grad_(False)
    write_lora(
        out,
        state,
        adapter=adapter,
        weights=model.weights,
        trigger=trigger,
        steps=settings.steps,
        settings=asdict(settings),
        dtype=torch.float32 if model.precision == "fp32" else torch.bfloat16,
    )
    return losses


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
    model: WanModel,
    data: Dataset,
    settings: TrainSettings,
    step: int,
    parameters: dict[str, torch.nn.Parameter],
    optimizer: torch.optim.Optimizer,
) -> float:
    """One step of the optimizer; the mean loss of its batch."""
    rate = settings.learning_rate * _schedule(step, settings)
    for group in optimizer.param_groups:
        group["lr"] = rate
    optimizer.zero_grad(set_to_none=True)
    draw = torch.Generator("cpu").manual_seed(_seed(settings.seed, "step", step))
    total = 0.0
    for group_of in _by_shape(_batch(data, settings, step, draw)):
        value = _group_loss(model, data, settings, group_of, draw) / settings.batch
        value.backward()  # type: ignore[no-untyped-call]
        total += value.item()
    torch.nn.utils.clip_grad_norm_(parameters.values(), _LARGEST_GRADIENT)
    optimizer.step()
    return total


def _group_loss(
    model: WanModel,
    data: Dataset,
    settings: TrainSettings,
    group: list[tuple[Item, bool]],
    draw: torch.Generator,
) -> Tensor:
    """The summed loss of items of one shape; of a prior item, the distance from what the base predicts."""
    count = len(group)
    latents = torch.stack([item.latents for item, _ in group])
    prior = torch.tensor([is_prior for _, is_prior in group])
    sigmas = wan_training.shifted(_noise_levels(count, settings, draw), settings.shift)
    noise = torch.randn(latents.shape, generator=draw)
    given = (torch.rand(count, generator=draw) < settings.start_frame) & (latents.shape[2] > 1)
    dropped = (torch.rand(count, generator=draw) < settings.caption_dropout) & ~prior
    texts = [
        data.empty if drop else item.text for (item, _), drop in zip(group, dropped.tolist(), strict=True)
    ]
    place = model.device
    latents, sigmas, noise, given, prior = (t.to(place) for t in (latents, sigmas, noise, given, prior))
    text = torch.stack(texts).to(place)

    noisy = wan_training.noised(latents, noise, sigmas, given)
    target = wan_training.wanted(latents, noise)
    if prior.any():
        target[prior] = _base_prediction(model, noisy[prior], sigmas[prior], text[prior], given[prior])
    prediction = wan_training.predicted(model.transformer, noisy, sigmas, text, given)
    return wan_training.loss(prediction, target, given).sum()


@torch.no_grad()
def _base_prediction(model: WanModel, noisy: Tensor, sigmas: Tensor, text: Tensor, given: Tensor) -> Tensor:
    """What the model predicts without the LoRA that is being trained."""
    model.transformer.disable_adapters()
    try:
        return wan_training.predicted(model.transformer, noisy, sigmas, text, given)
    finally:
        model.transformer.enable_adapters()


def _batch(
    data: Dataset, settings: TrainSettings, step: int, draw: torch.Generator
) -> list[tuple[Item, bool]]:
    """The items of a step, and whether each is a prior sample. Each photo is seen as often as the others."""
    prior_before, prior_after = (_prior_items(data, settings, n) for n in (step, step + 1))
    of_prior = prior_after - prior_before
    own = settings.batch - of_prior
    seen = step * settings.batch - prior_before
    batch = [(data.items[_nth(seen + i, len(data.items), settings.seed)], False) for i in range(own)]
    picks = torch.randint(len(data.prior), (of_prior,), generator=draw).tolist() if of_prior else []
    return batch + [(data.prior[pick], True) for pick in picks]


def _prior_items(data: Dataset, settings: TrainSettings, steps: int) -> int:
    """How many prior samples the first `steps` steps hold: their share of all, whatever the batch."""
    return int(steps * settings.batch * settings.prior + 1e-9) if data.prior else 0


def _nth(position: int, count: int, seed: int) -> int:
    """Which item comes at `position`: every round goes through all of them, each in an order of its own."""
    turn, place = divmod(position, count)
    order = torch.randperm(count, generator=torch.Generator("cpu").manual_seed(_seed(seed, "round", turn)))
    return int(order[place])


def _by_shape(batch: list[tuple[Item, bool]]) -> list[list[tuple[Item, bool]]]:
    """Items of one shape go through the transformer together."""
    groups: dict[tuple[int, ...], list[tuple[Item, bool]]] = {}
    for item, is_prior in batch:
        groups.setdefault(tuple(item.latents.shape), []).append((item, is_prior))
    return list(groups.values())


def _noise_levels(count: int, settings: TrainSettings, draw: torch.Generator) -> Tensor:
    """Noise levels from 0 to 1, before the shift. Logit-normal: https://arxiv.org/abs/2403.03206."""
    if settings.sampling == "uniform":
        return torch.rand(count, generator=draw)
    return torch.randn(count, generator=draw).sigmoid()


def _schedule(step: int, settings: TrainSettings) -> float:
    """The share of the learning rate at a step: a linear warm-up, then half a cosine down to a tenth."""
    if step < settings.warmup:
        return (step + 1) / settings.warmup
    through = (step - settings.warmup) / max(1, settings.steps - settings.warmup)
    return 0.1 + 0.45 * (1 + math.cos(math.pi * through))


def _seed(seed: int, what: str, number: int) -> int:
    digest = hashlib.sha256(f"{seed}/{what}/{number}".encode()).digest()
    return int.from_bytes(digest[:8], "little") % 2**63


def _identity(settings: TrainSettings, dataset: Path) -> str:
    """Which training a checkpoint belongs to: its settings and its data, by content."""
    with dataset.open("rb") as file:
        data = hashlib.file_digest(file, "sha256").hexdigest()
    return hashlib.sha256(json.dumps([asdict(settings), data], sort_keys=True).encode()).hexdigest()


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
