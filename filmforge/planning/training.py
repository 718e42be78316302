"""The step that trains a character's LoRA on a model: every setting decided, captions written out."""

from __future__ import annotations

from typing import Any

from filmforge.errors import FilmforgeError
from filmforge.language.film import Character, LoraTraining
from filmforge.planning.models import ResolvedModel
from filmforge.planning.step import Input, Source, Step


def caption_of(written: str | None, trigger: str, looks: str) -> str:
    """A photo's caption: as written beside it, else the character's looks; the trigger word in front if it is not in it."""
    words = " ".join((written or "").split()) or looks
    if trigger.casefold() in words.casefold():
        return words
    return f"{trigger}, {words}" if words else trigger


def training_step(
    who: str, character: Character, model: ResolvedModel, photos: list[tuple[Source, str | None]]
) -> Step:
    """The step `lora/WHO@MODEL`. Photos enter by content, in the order of their digests: names do not matter.

    Raises FilmforgeError where the family cannot train.
    """
    facts = model.facts.lora
    if facts is None:
        raise FilmforgeError(
            f"{who}: no LoRA can be trained for model '{model.name}' ({model.facts.id}); "
            "give a file in its lora, or remove its photos"
        )
    declared = character.lora if isinstance(character.lora, LoraTraining) else LoraTraining()
    trigger = character.trigger or who
    ordered = sorted(photos, key=lambda p: (p[0].digest, p[1] or ""))
    inputs: dict[str, Input] = {f"photo.{i:03}": source for i, (source, _) in enumerate(ordered)}
    params: dict[str, Any] = {
        "model": model.base,
        "trigger": trigger,
        "rank": declared.rank or facts.rank,
        "steps": declared.steps or facts.steps,
        "learning_rate": declared.learning_rate or facts.learning_rate,
        "seed": declared.seed or 0,
        "captions": [caption_of(written, trigger, character.looks) for _, written in ordered],
    }
    hints = model.hints
    # A name of its own keeps trainings apart from renders: they change the model's LoRAs as they go.
    return Step(
        "lora",
        f"lora/{who}@{model.name}",
        params,
        inputs,
        f"{who}@{model.name}",
        f"{model.name} train",
        hints,
    )
