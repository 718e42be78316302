"""The loaded model of a worker: loaded once, kept from step to step, and its prompts encoded together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filmforge.errors import WeightsError
from filmforge.steps.work import Work

if TYPE_CHECKING:
    from filmforge.video_models.wan import WanModel


def loaded_model(work: Work) -> WanModel:
    """The model that the step's params name, loaded unless the worker holds it already. One is held at a time."""
    from filmforge.video_models import load_family
    from filmforge.video_models.facts import facts_of
    from filmforge.video_models.weights import Weights

    base: Mapping[str, Any] = work.params["model"]
    wanted = dict(base)
    held = work.session.held
    if held.get("base") != wanted:
        folder = work.hints.get("folder")
        if folder is None:
            raise WeightsError(
                f"the weights of '{work.hints.get('name')}' ({base['weights']}) are not on this machine; "
                "run: filmforge fetch FILM"
            )
        held.clear()
        work.progress(0, 0, "loading the model")
        facts = facts_of(base["family"])
        weights = Weights(facts.id, Path(folder), digest=base["weights"])
        held["model"] = load_family(facts, weights, precision=base["precision"])
        held["base"] = wanted
    model: WanModel = held["model"]
    return model


def text_embeddings(work: Work, model: WanModel, texts: Sequence[str]) -> list[dict[str, Any]]:
    """The embeddings of `texts`, each kept by content. One that is missing brings all expected ones with it."""
    from filmforge.video_models import tensors

    def value(text: str) -> dict[str, Any]:
        return {"model": work.params["model"], "text": text}

    found = {text: work.keep.find("text", value(text)) for text in texts}
    if None in found.values():
        expected = work.session.expected.pop(work.params["model"]["weights"], [])
        missing = [t for t in dict.fromkeys((*texts, *expected)) if work.keep.find("text", value(t)) is None]
        work.progress(0, 0, f"encoding {len(missing)} texts")
        for text, embedding in zip(missing, model.encode(missing), strict=True):
            path = work.keep.put(
                "text", value(text), ".safetensors", partial(tensors.save, tensors=embedding)
            )
            found[text] = path
    paths = [found[text] for text in texts]
    return [tensors.load(path) for path in paths if path is not None]
