"""What the film language knows and the build cannot carry out yet: refused with a sentence, never ignored."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from filmforge.errors import Problem
from filmforge.language.load import Loaded
from filmforge.planning.models import ResolvedModel
from filmforge.planning.step import Step
from filmforge.video_models import kernels, quantizing
from filmforge.video_models.embedder_weights import missing_package
from filmforge.video_models.facts import UNQUANTIZED, facts_for


def unsupported(loaded: Loaded, models: Iterable[ResolvedModel], steps: Iterable[Step] = ()) -> list[Problem]:
    """One problem, with its place in the file, for each thing declared that a build would have to leave out.

    `models` are those that render or train something in this plan, `steps` what it would do.
    """
    planned, used = list(steps), list(models)
    packed = {model.name for model in used if model.weights.gguf}
    found = [*_found(loaded, used), *_untrained(planned, packed), *_unmeasured(planned)]
    return [loaded.problem(where, message) for where, message in found]


def _untrained(steps: Iterable[Step], packed: Collection[str]) -> Iterator[tuple[str, str]]:
    for step in steps:
        if step.kind == "lora" and step.subject.partition("@")[2] in packed:
            who, _, model = step.subject.partition("@")
            yield (
                f"models.{model}.weights",
                f"no LoRA can be trained on a GGUF, whose weights are quantized; '{who}' needs `weights` in safetensors "
                "to learn on, or `lora: {file: ...}` made elsewhere",
            )
        elif step.kind == "lora" and step.params["model"]["precision"] not in UNQUANTIZED:
            _, _, model = step.subject.partition("@")
            yield (
                f"models.{model}.precision",
                f"no LoRA can be trained in {step.params['model']['precision']}; declare bf16, fp16 or fp32",
            )
        elif step.kind == "lora" and not facts_for(step.params["model"]).trains:
            who, _, model = step.subject.partition("@")
            base = step.params["model"]
            release = " ".join(part for part in (base["family"], base.get("version")) if part)
            yield (
                f"characters.{who}.photos",
                f"no LoRA can be trained on {release} yet, which renders '{who}' as model "
                f"'{model}'; give `lora: {{file: ..., missing: skip}}`, or name another model",
            )


def _unmeasured(steps: Iterable[Step]) -> Iterator[tuple[str, str]]:
    for step in steps:
        if step.kind == "likeness" and (wrong := missing_package(step.params["embedder"])):
            yield "embedder", wrong
            return


def _found(loaded: Loaded, models: Iterable[ResolvedModel]) -> Iterator[tuple[str, str]]:
    film = loaded.film
    for model in models:
        where = f"models.{model.name}" if model.name in film.models else "model"
        if not model.facts.renders:
            yield where, model.facts.unfinished
        elif wrong := quantizing.missing(model.facts.id, model.precision):
            yield f"{where}.precision", wrong
        elif model.weights.gguf and model.precision not in UNQUANTIZED:
            yield (
                f"{where}.precision",
                f"a GGUF is quantized already, and is not made {model.precision}; declare bf16, fp16 or fp32, in which it "
                "is computed",
            )
        elif wrong := kernels.missing(model.settings.get(kernels.ATTENTION, "native")):
            yield f"{where}.attention", wrong
    if film.store is not None:
        from filmforge.store.remote import refusal

        problem = refusal(film.store)
        if problem is not None:
            yield "store", problem
