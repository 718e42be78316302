"""Trains a LoRA on a prepared data set, resumably: the same data and settings give the same bytes.

Whatever is drawn at a step comes from a generator seeded by (seed, step), so a step needs nothing of the
steps before it but the weights and the optimizer's moments, which checkpoints hold.
"""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from filmforge.errors import LoraError
from filmforge.lora import checkpoints
from filmforge.lora.batches import batch_of, by_shape, seed_of
from filmforge.lora.curve import Curve, Measured, kept
from filmforge.lora.dataset import read, training_facts
from filmforge.lora.files import Adapter, write_lora
from filmforge.lora.held_out import drawn_at, measure, split, times
from filmforge.lora.losses import Run, group_loss
from filmforge.lora.preview import write_preview
from filmforge.lora.resemblance import Resemblance
from filmforge.video_models import runtime
from filmforge.video_models.facts import Facts
from filmforge.video_models.model import VideoModel

_ADAPTER = "filmforge"
_LARGEST_GRADIENT = 1.0

OnCurve = Callable[[str, Curve], None]
"""Called with an expert and how its training goes."""


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
    resemblance: Resemblance | None = None,
    on_step: Callable[[int, int, float], None] | None = None,
    on_curve: OnCurve | None = None,
    checkpoint_seconds: float = 10.0,
) -> dict[str, Curve]:
    """Train a LoRA for `model` on the data set at `dataset` and write it to `out`; how it went, by expert.

    From eight photos on, one in ten is held out. The weights kept are those after the step that does best on them
    (`curve.kept`), without held-out photos the last ones. `resemblance` says how like them the pictures are that are
    drawn by the way, and has a part in that.
    A checkpoint is kept in `scratch` about every `checkpoint_seconds`; a training that was killed goes on
    from the last one and ends with the same bytes. `losses.jsonl` there has a line for each step.
    A model with two experts has each trained for all `steps`, one after the other, each at its own noise levels.
    `photos` are the digests of what it was made from, for the file to say; `preview` is where a picture goes that
    the adapters make while they are still in memory, for the proof. `on_step` is called with the step, the
    steps in all and the loss; `on_curve` with the expert and its curve, now and then, while its adapter acts on the
    model. LoraError when the data set is of another model or the loss is no longer a number.
    """
    data = read(dataset)
    if (data.family, data.base_digest) != (model.facts.id, model.weights.digest or ""):
        raise LoraError(
            f"{dataset}: prepared with {data.family}, and not with these weights of {model.facts.id}"
        )
    objective = model.objective
    ranges = objective.ranges()
    model.set_loras([])
    own, held_out = split(data)
    curves: dict[str, Curve] = {}
    trained: dict[str, Adapter] = {}
    for expert, within in ranges.items():
        _make_room(model, expert)

        def told(step: int, loss: float, before: int = len(curves) * settings.steps) -> None:
            if on_step:
                on_step(before + step, settings.steps * len(ranges), loss)

        identity = _identity(settings, dataset, expert, resemblance)
        run = Run(model, objective, expert, within, own, held_out, settings, identity, resemblance)
        place = scratch if len(ranges) == 1 else scratch / expert
        trained[expert], curves[expert] = _train_expert(
            run, place, trigger, told, on_curve, checkpoint_seconds
        )
    write_lora(
        out,
        trained,
        weights=model.weights,
        trigger=trigger,
        steps=settings.steps,
        kept=[curve.kept for curve in curves.values()],
        settings=asdict(settings),
        photos=photos,
        dtype=torch.float32 if model.precision == "fp32" else torch.bfloat16,
    )
    if preview is not None:
        write_preview(model, trained, dataset, preview, lambda expert: _add_adapter(expert, settings))
    return curves


def _make_room(model: VideoModel, expert: str) -> None:
    """Have the other experts leave the device: one of fourteen billion and its gradients fill it."""
    if model.device.type != "cpu":
        for other in model.experts:
            if other != expert:
                model.release(other)


def _train_expert(
    run: Run,
    scratch: Path,
    trigger: str,
    on_step: Callable[[int, float], None],
    on_curve: OnCurve | None,
    checkpoint_seconds: float,
) -> tuple[Adapter, Curve]:
    """Train one expert from its last checkpoint on: its adapter, and how it went."""
    model, settings = run.model, run.settings
    scratch.mkdir(parents=True, exist_ok=True)
    transformer = model.expert(run.expert)
    with runtime.determined(model.threads):
        try:
            config = _add_adapter(transformer, settings)
            parameters = {n: p for n, p in transformer.named_parameters() if p.requires_grad}
            optimizer = torch.optim.AdamW(
                parameters.values(),
                lr=settings.learning_rate,
                weight_decay=0.0,
                betas=(0.9, 0.99),
                fused=model.device.type
                == "cpu",  # in one pass instead of ten over hundreds of small matrices
            )
            state = _restore(checkpoints.latest(scratch, run.identity), parameters, optimizer)
            if model.device.type != "cpu":
                transformer.enable_gradient_checkpointing()
            due = times(settings.steps, settings.batch, len(run.held_out))
            if due and not state.measured:
                state.measured.append(_measure(run, transformer, 0, due))
            _write_losses(scratch, state, settings)
            if on_curve:
                on_curve(run.expert, state.curve(run))
            saved = time.monotonic()
            with (scratch / "losses.jsonl").open("a", encoding="utf-8") as lines:
                for step in range(len(state.losses), settings.steps):
                    value = _step(run, transformer, step, parameters, optimizer)
                    state.losses.append(value)
                    if math.isfinite(value) and step + 1 in due:
                        state.measured.append(_measure(run, transformer, step + 1, due))
                        value = value if math.isfinite(state.measured[-1].mean) else math.nan
                    if not math.isfinite(value):
                        raise LoraError(
                            f"{trigger}: the training broke down at step {step + 1}: its loss is no number; "
                            f"declare a learning_rate below {settings.learning_rate:g}"
                        )
                    if step + 1 in due:
                        state.put_aside(run, parameters)
                    lines.write(_line(step, state, settings))
                    lines.flush()
                    if time.monotonic() - saved >= checkpoint_seconds and step + 1 < settings.steps:
                        checkpoints.save(scratch, run.identity, state.checkpoint(parameters, optimizer))
                        saved = time.monotonic()
                    on_step(step + 1, value)
                    if on_curve and (step + 1 in due or (step + 1) % max(1, settings.steps // 20) == 0):
                        on_curve(run.expert, state.curve(run))
            checkpoints.save(scratch, run.identity, state.checkpoint(parameters, optimizer))
            curve = state.curve(run)
            final = state.aside[curve.kept] if due else _copied(parameters)
        finally:
            transformer.disable_gradient_checkpointing()
            if getattr(transformer, "peft_config", None):
                transformer.unload_lora()
            transformer.requires_grad_(False)
    return Adapter(config, {_plain(name): value for name, value in final.items()}), curve


@dataclass(slots=True)
class _State:
    """What a training has come to: its losses, and by its step the weights that are kept of it so far."""

    losses: list[float]
    measured: list[Measured]
    aside: dict[int, Mapping[str, Tensor]]

    def curve(self, run: Run) -> Curve:
        rates = (rate_at(step, run.settings) for step in range(len(self.losses)))
        alike = run.resemblance.alike if run.resemblance else None
        return Curve(run.settings.steps, tuple(self.losses), tuple(rates), tuple(self.measured), alike)

    def put_aside(self, run: Run, parameters: Mapping[str, torch.nn.Parameter]) -> None:
        """Put the weights aside in the place of those from before, if they are to be kept as things stand."""
        best = kept(self.measured, run.resemblance.alike if run.resemblance else None)
        if best is not None and best.step == len(self.losses):
            self.aside = {best.step: _copied(parameters)}

    def checkpoint(
        self, parameters: dict[str, torch.nn.Parameter], optimizer: torch.optim.Optimizer
    ) -> checkpoints.Checkpoint:
        return checkpoints.Checkpoint(
            len(self.losses),
            {name: p.detach() for name, p in parameters.items()},
            {name: optimizer.state[p]["exp_avg"] for name, p in parameters.items()},
            {name: optimizer.state[p]["exp_avg_sq"] for name, p in parameters.items()},
            tuple(self.losses),
            tuple(self.measured),
            self.aside,
        )


def _copied(parameters: Mapping[str, torch.nn.Parameter]) -> dict[str, Tensor]:
    return {name: parameter.detach().cpu().clone() for name, parameter in parameters.items()}


def _measure(run: Run, transformer: Any, step: int, due: Sequence[int]) -> Measured:
    """The held-out losses as the weights are and, now and then, how near the pictures are that they draw."""
    found = measure(run, transformer, step)
    if run.resemblance is None or not math.isfinite(found.mean):
        return found
    wanted = step == 0 or step in drawn_at(due, run.settings.steps)
    return replace(found, near=run.resemblance.near()) if wanted else found


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
    run: Run,
    transformer: Any,
    step: int,
    parameters: dict[str, torch.nn.Parameter],
    optimizer: torch.optim.Optimizer,
) -> float:
    """One step of the optimizer; the mean loss of its batch."""
    settings = run.settings
    rate = rate_at(step, settings)
    for group in optimizer.param_groups:
        group["lr"] = rate
    optimizer.zero_grad(set_to_none=True)
    draw = torch.Generator("cpu").manual_seed(seed_of(settings.seed, "step", step))
    total = 0.0
    for group_of in by_shape(batch_of(run.data, settings, step, draw)):
        value = group_loss(run, transformer, group_of, draw) / settings.batch
        value.backward()  # type: ignore[no-untyped-call]
        total += value.item()
    torch.nn.utils.clip_grad_norm_(parameters.values(), _LARGEST_GRADIENT)
    optimizer.step()
    return total


def rate_at(step: int, settings: TrainSettings) -> float:
    """The learning rate at a step (from 0): a linear warm-up, then half a cosine down to a tenth."""
    if step < settings.warmup:
        return settings.learning_rate * ((step + 1) / settings.warmup)
    through = (step - settings.warmup) / max(1, settings.steps - settings.warmup)
    return settings.learning_rate * (0.1 + 0.45 * (1 + math.cos(math.pi * through)))


def _identity(settings: TrainSettings, dataset: Path, expert: str, resemblance: Resemblance | None) -> str:
    """Which training a checkpoint belongs to: its settings and its data, by content; and the expert past the first."""
    with dataset.open("rb") as file:
        data = hashlib.file_digest(file, "sha256").hexdigest()
    of_expert = [] if expert == "transformer" else [expert]
    compared = [resemblance.known_by] if resemblance else []
    text = json.dumps([asdict(settings), data, *of_expert, *compared], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _restore(
    checkpoint: checkpoints.Checkpoint | None,
    parameters: dict[str, torch.nn.Parameter],
    optimizer: torch.optim.Optimizer,
) -> _State:
    """Put a checkpoint's state in place, if there is one; what had been come to."""
    if checkpoint is None:
        return _State([], [], {})
    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter.copy_(checkpoint.weights[name])
            optimizer.state[parameter] = {
                "step": torch.tensor(float(checkpoint.step)),
                "exp_avg": checkpoint.first[name].to(parameter.device),
                "exp_avg_sq": checkpoint.second[name].to(parameter.device),
            }
    return _State(list(checkpoint.losses), list(checkpoint.measured), dict(checkpoint.aside))


def _line(step: int, state: _State, settings: TrainSettings) -> str:
    said = {"step": step + 1, "loss": state.losses[step], "rate": rate_at(step, settings)}
    held_out = [m.mean for m in state.measured if m.step == step + 1]
    return json.dumps(said | ({"held_out": held_out[0]} if held_out else {})) + "\n"


def _write_losses(scratch: Path, state: _State, settings: TrainSettings) -> None:
    """Start the log anew from a checkpoint's losses: later lines belong to steps that are now repeated."""
    text = "".join(_line(step, state, settings) for step in range(len(state.losses)))
    (scratch / "losses.jsonl").write_text(text, encoding="utf-8")
