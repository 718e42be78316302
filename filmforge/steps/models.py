"""The loaded model of a worker: loaded once, kept from step to step, and its prompts encoded together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filmforge.errors import WeightsError
from filmforge.steps.work import Work

if TYPE_CHECKING:
    from filmforge.video_models.memory import MemoryPlan
    from filmforge.video_models.model import VideoModel
    from filmforge.video_models.published import Published


def loaded_model(work: Work) -> VideoModel:
    """The model that the step's params name, loaded unless the worker holds it already. One is held at a time."""
    from filmforge.video_models import load_family
    from filmforge.video_models.facts import facts_for
    from filmforge.video_models.published import release_in
    from filmforge.video_models.weights import Weights

    base: Mapping[str, Any] = work.params["model"]
    wanted = dict(base)
    held = work.session.held
    same = held.get("base") == wanted
    if same:
        plan = _memory(work, held["release"])
        same = _moves(plan) == _moves(held["model"].memory)
        held["model"].memory = plan if same else held["model"].memory
    if not same:
        folder = work.hints.get("folder")
        if folder is None:
            raise WeightsError(
                f"the weights of '{work.hints.get('name')}' ({base['weights']}) are not on this machine; "
                "run: filmforge fetch FILM"
            )
        held.clear()
        work.progress(0, 0, "loading the model")
        facts = facts_for(base)
        weights = Weights(facts.id, Path(folder), digest=base["weights"])
        held["release"] = release_in(Path(folder), facts.variant)
        plan = _memory(work, held["release"], tell=work.warn)
        held["model"] = load_family(facts, weights, precision=base["precision"], memory=plan)
        held["base"] = wanted
    model: VideoModel = held["model"]
    return model


def _moves(plan: MemoryPlan | None) -> tuple[bool, bool, bool] | None:
    return plan.moves if plan is not None else None


def _memory(
    work: Work, release: Published | None, *, tell: Callable[[str], None] | None = None
) -> MemoryPlan | None:
    """How the model is fitted into this device for the step; None where all of it fits, or it cannot be said."""
    from filmforge.video_models import memory, runtime
    from filmforge.video_models.facts import facts_for

    budget = memory.declared_budget() or runtime.device_memory(runtime.best_device())
    params = work.params
    if budget is None or release is None or "size" not in params:
        return None
    facts, (width, height) = facts_for(params["model"]), params["size"]
    asked: dict[str, Any] = {
        "precision": params["model"]["precision"],
        "size": (width, height),
        "frames": max(params.get("extend", [params["frames"]])),
    }
    plan = memory.plan_for(facts, release, **asked, budget=budget)
    if plan is None:
        # The figures are estimates: the leanest plan is tried.
        plan = min(memory.plans(facts, release, **asked), key=lambda lean: lean.peak)
        if tell is not None:
            stage = max(plan.need, key=lambda name: plan.need[name])
            tell(
                f"{facts.id} needs about {plan.peak:.0f} GB for {stage} here, and there are {budget:.0f}; if it fails, "
                "declare a smaller size or precision (filmforge doctor says which)"
            )
    return plan


def text_embeddings(
    work: Work,
    model: VideoModel,
    texts: Sequence[str],
    *,
    start: Any = None,
    given: str | None = None,
    size: tuple[int, int] | None = None,
) -> list[dict[str, Any]]:
    """The embeddings of `texts`, each kept by content. One that is missing brings all expected ones with it.

    `start` [height, width, 3], its digest `given` and the shot's `size` are for models that read a prompt together
    with its picture.
    """
    from filmforge.video_models import tensors

    seen: dict[str, Any] = {}
    if model.reads_start and start is not None:
        seen = {"start": given, "size": list(size or ())}

    def value(text: str) -> dict[str, Any]:
        return {"model": work.params["model"], "text": text, **seen}

    found = {text: work.keep.find("text", value(text)) for text in texts}
    if None in found.values():
        # What other shots will ask for is embedded with their own pictures, where the model reads them.
        expected = [] if seen else work.session.expected.pop(work.params["model"]["weights"], [])
        missing = [t for t in dict.fromkeys((*texts, *expected)) if work.keep.find("text", value(t)) is None]
        work.progress(0, 0, f"encoding {len(missing)} texts")
        embeddings = model.encode(missing, start=start if seen else None, size=size)
        for text, embedding in zip(missing, embeddings, strict=True):
            path = work.keep.put(
                "text", value(text), ".safetensors", partial(tensors.save, tensors=embedding)
            )
            found[text] = path
    paths = [found[text] for text in texts]
    return [tensors.load(path) for path in paths if path is not None]
