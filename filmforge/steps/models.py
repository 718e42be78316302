"""The loaded model of a worker: loaded once, kept from step to step, and its prompts encoded together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filmforge.errors import WeightsError
from filmforge.steps.memory import plan_of
from filmforge.steps.work import Work

if TYPE_CHECKING:
    from filmforge.video_models.memory import MemoryPlan
    from filmforge.video_models.model import VideoModel


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
        plan = plan_of(work, held["release"])
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
        files = {name: Path(path) for name, path in work.hints.get("files", {}).items()}
        weights = Weights(facts.id, Path(folder), digest=base["weights"], files=files)
        held["release"] = release_in(Path(folder), facts.variant, files)
        plan = plan_of(work, held["release"], tell=work.warn)
        held["model"] = load_family(facts, weights, precision=base["precision"], memory=plan)
        held["base"] = wanted
    model: VideoModel = held["model"]
    return model


def _moves(plan: MemoryPlan | None) -> tuple[bool, bool, bool] | None:
    return plan.moves if plan is not None else None


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
        work.stage = "text"
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
