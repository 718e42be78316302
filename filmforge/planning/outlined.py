"""A film as steps: what `outline` makes of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from filmforge.language.film import Delivery, Film
from filmforge.planning.likeness import Judged
from filmforge.planning.step import Step
from filmforge.planning.timeline import Timeline


@dataclass(slots=True)
class Outline:
    """All steps of a film by name, each after those it is made from, and what is delivered where."""

    film: Film
    timeline: Timeline
    steps: dict[str, Step] = field(default_factory=dict)
    deliveries: dict[str, Delivery] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    judged: dict[str, Judged] = field(default_factory=dict)
    """The shots whose takes are held against a character's photos, by name."""

    def add(self, step: Step) -> Step:
        return self.steps.setdefault(step.name, step)

    def note(self, words: str) -> None:
        """Have the filmmaker told, once."""
        if words not in self.notes:
            self.notes.append(words)
