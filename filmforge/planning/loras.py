"""Which LoRAs are on a shot, with what weight, and where their files come from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from filmforge.language.film import Film, LoraFile, Scene, Shot
from filmforge.language.models import Expert
from filmforge.planning.models import ResolvedModel
from filmforge.planning.step import Input, Made
from filmforge.planning.training import training_step

if TYPE_CHECKING:
    from filmforge.planning.outlined import Outline
    from filmforge.planning.surroundings import Surroundings

MODEL = "@model"
"""Who a model's own LoRA is of, among those of characters and styles, whose ids begin with a letter."""
OF_A_STYLE = ".style"
"""What follows the id of a style with a LoRA where a character of the shot has the same. No id has a dot."""
_PARTS: Mapping[Expert, str] = {"high": "transformer", "low": "transformer_2"}


@dataclass(frozen=True, slots=True)
class Loras:
    """Finds the LoRAs of one film's shots; trainings that they need are added as steps."""

    film: Film
    about: Surroundings
    into: Outline

    def on(
        self,
        scene: Scene,
        shot: Shot,
        characters: tuple[str, ...],
        model: ResolvedModel,
        inputs: dict[str, Input],
    ) -> Iterator[dict[str, Any]]:
        """Those of the shot's model, of the characters it names, and of its style; their files go into `inputs`."""
        film = self.film
        if model.drawn:
            return
        yield from self._model_lora(model, inputs)
        for who in characters:
            character = film.characters[who]
            if isinstance(character.lora, LoraFile):
                yield from self._lora_file("characters", who, character.lora, model, inputs)
            elif character.photos is not None:
                step = training_step(who, character, model, self.about.photos(character.photos))
                inputs[f"lora.{who}"] = Made(self.into.add(step).name)
                yield {"who": who, "weight": character.lora.weight if character.lora else 1.0}
        style = film.style_of(scene, shot)
        if style and (lora := film.styles[style].lora):
            yield from self._lora_file("styles", style, lora, model, inputs)

    def _model_lora(self, model: ResolvedModel, inputs: dict[str, Input]) -> Iterator[dict[str, Any]]:
        """The model's own LoRA: a file, or one for each expert. Its name in the film enters no key."""
        for expert, file in model.lora.files.items() if model.lora is not None else ():
            path = model.lora_hub.called(file) if model.lora_hub is not None else file
            where = ".".join(("models", model.name, "lora.file", *([expert] if expert else [])))
            part = _PARTS[expert] if expert else None
            if (misfit := self.about.lora_misfit(path, model, part)) is not None:
                self.about.refuse(where, misfit)
                continue
            who = f"{MODEL}.{expert}" if expert else MODEL
            inputs[f"lora.{who}"] = self.about.source(path)
            config = self.about.lora_config(path)
            yield {
                "who": who,
                "weight": model.lora.weight if model.lora else 1.0,
                **({"expert": part} if part else {}),
                **({"config": config} if config else {}),
            }

    def _lora_file(
        self, part: str, who: str, lora: LoraFile, model: ResolvedModel, inputs: dict[str, Input]
    ) -> Iterator[dict[str, Any]]:
        path = lora.path_for(model.name)
        owner = who
        if f"lora.{who}" in inputs:  # a style may be called as a character of the shot is
            owner = f"{who}{OF_A_STYLE}"
        misfit = (
            f"no file is declared for model '{model.name}'"
            if path is None
            else self.about.lora_misfit(path, model)
        )
        if path is not None and misfit is None:
            inputs[f"lora.{owner}"] = self.about.source(path)
            config = self.about.lora_config(path)
            yield {"who": owner, "weight": lora.weight, **({"config": config} if config else {})}
        elif lora.missing == "skip":
            note = f"{who}: rendered without a LoRA: {misfit}"
            self.into.note(note)
        else:
            self.about.refuse(
                f"{part}.{who}.lora.file", f"{misfit}; or write `missing: skip`, to render without it"
            )
