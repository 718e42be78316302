"""How a step's model is fitted into this device: the plan it is given, and the next leaner one where memory ran out."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from filmforge.steps.work import Work

if TYPE_CHECKING:
    from filmforge.video_models.memory import MemoryPlan, Stage
    from filmforge.video_models.published import Published

_DOING = {"text": "while prompts were embedded", "sampling": "while sampling", "decoding": "while decoding"}


def plan_of(
    work: Work, release: Published | None, *, tell: Callable[[str], None] | None = None
) -> MemoryPlan | None:
    """How the model is fitted into this device for the step; None where all of it is taken to fit, or it cannot be said.

    `tell` is told where no plan fits by estimate: they are estimates, and the leanest is tried.
    """
    budget = _budget()
    lacked = _lacked(work)
    if release is None or "size" not in work.params or (budget is None and not lacked):
        return None
    found = _first(work, release, budget, lacked)
    if found is not None and (budget is None or found.peak <= budget):
        return found
    plan = found or min(_plans(work, release, budget), key=lambda lean: lean.peak)
    if tell is not None and budget is not None:
        stage = max(plan.need, key=lambda name: plan.need[name])
        tell(
            f"{work.params['model']['family']} needs about {plan.peak:.0f} GB for {stage} here, and there are "
            f"{budget:.0f}; if it fails, declare a smaller size or precision (filmforge doctor says which)"
        )
    return plan


def leaner(work: Work) -> dict[str, Any] | None:
    """What to try after memory ran out in the step: the words of a plan, and what lacked; None where nothing is leaner.

    Leaner is what needs less in the stage that failed, by the same estimate by which the plan was chosen.
    """
    held = work.session.held
    release: Published | None = held.get("release")
    stage: Any = work.stage
    if release is None or not stage or "size" not in work.params:
        return None
    budget = _budget()
    tried = held["model"].memory or _plans(work, release, budget)[0]
    lacked = _lacked(work)
    lacked[stage] = min(lacked.get(stage, math.inf), tried.need[stage])
    found = _first(work, release, budget, lacked)
    if found is None:
        return None
    return {"words": found.words, "lacked": {work.params["model"]["weights"]: lacked}}


def out_of_memory(work: Work) -> str:
    """That memory ran out, when, under which plan, and what to do."""
    if "model" not in work.params:
        return "out of memory; build with fewer --jobs, or where there is more of it"
    model = work.session.held.get("model")
    tried = f" ({model.memory.words})" if model is not None and model.memory is not None else ""
    when = f" {_DOING[work.stage]}" if work.stage else ""
    return f"out of memory{when}{tried}; declare a smaller size, fewer frames or a leaner precision, or use a larger device"


def _budget() -> float | None:
    """GB of the device's memory; None for a processor, whose memory is the machine's, unless it is declared."""
    from filmforge.video_models import memory, runtime

    return memory.declared_budget() or runtime.device_memory(runtime.best_device())


def _lacked(work: Work) -> dict[Stage, float]:
    """GB by stage that were not there when a plan for these weights was tried before in this build."""
    known: Mapping[str, Mapping[Stage, float]] = work.hints.get("lacked", {})
    return dict(known.get(work.params["model"]["weights"], {}))


def _plans(work: Work, release: Published, budget: float | None) -> list[MemoryPlan]:
    from filmforge.video_models import memory
    from filmforge.video_models.facts import facts_for

    params = work.params
    width, height = params["size"]
    ways = memory.plans_in_main_memory if budget is None else memory.plans
    return ways(
        facts_for(params["model"]),
        release,
        precision=params["model"]["precision"],
        size=(width, height),
        frames=max(params.get("extend", [params["frames"]])),
    )


def _first(
    work: Work, release: Published, budget: float | None, lacked: Mapping[Stage, float]
) -> MemoryPlan | None:
    """The quickest plan that needs less than what lacked, within the budget if one is; None if there is none."""
    enough = [
        plan
        for plan in _plans(work, release, budget)
        if all(plan.need[stage] < gb for stage, gb in lacked.items())
    ]
    within = [plan for plan in enough if budget is None or plan.peak <= budget]
    if within:
        return within[0]
    # None is within it, by estimate: only leaner than what was tried counts, and nothing was.
    return min(enough, key=lambda lean: lean.peak) if enough and lacked else None
