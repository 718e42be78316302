"""What a generated shot is asked for: the film's words composed into one prompt and one negative prompt.

A character's name becomes its trigger word and looks: `{mira} climbs` is `mira, a young lighthouse keeper in
a red raincoat, climbs`. Named a second time, the trigger word is enough. The camera, the place and the
style's words follow, after commas.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from filmforge.language.film import Character, Film, Scene, Shot

_MARK = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|\{")


@dataclass(frozen=True, slots=True)
class Prompt:
    """A shot's prompt and negative prompt in full, and the ids of the characters it names, in order."""

    text: str
    negative: str
    characters: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Name:
    """A character's name within a prompt, as written between braces."""

    id: str


def pieces(prompt: str) -> list[str | Name]:
    """Split a prompt into its words and the names in braces. Raises ValueError where a brace is left open."""
    found: list[str | Name] = []
    at = 0
    for mark in _MARK.finditer(prompt):
        found.append(prompt[at : mark.start()])
        at = mark.end()
        if mark[0] in ("{{", "}}"):
            found.append(mark[0][0])
        elif mark[1] is not None:
            found.append(Name(mark[1].strip()))
        else:
            raise ValueError("a { is not closed; write {mira} for a character, or {{ for a brace")
    found.append(prompt[at:])
    return [piece for piece in found if piece]


def characters_in(prompt: str) -> tuple[str, ...]:
    """The ids that a prompt names, each once, in order. Raises ValueError where a brace is left open."""
    return tuple(dict.fromkeys(piece.id for piece in pieces(prompt) if isinstance(piece, Name)))


def has_lora(character: Character) -> bool:
    """Whether the character is known to a LoRA, made here from its photos or elsewhere."""
    return character.photos is not None or character.lora is not None


def compose_prompt(film: Film, scene: Scene, shot: Shot) -> Prompt:
    """The full prompt of a generated shot of a checked film."""
    assert shot.prompt is not None, "only a generated shot has a prompt"
    words = pieces(shot.prompt)
    told = _told(film, words)
    place = film.place_of(scene, shot)
    style = film.style_of(scene, shot)
    text = _joined(
        (
            told,
            shot.camera,
            film.places[place] if place else "",
            film.styles[style].prompt if style else "",
        )
    )
    return Prompt(text, compose_negative(film, scene, shot), characters_in(shot.prompt))


def compose_negative(film: Film, scene: Scene, shot: Shot) -> str:
    """What the picture is kept from: the film's, the scene's, the style's and the shot's own words."""
    style = film.style_of(scene, shot)
    own = film.styles[style].negative if style else ""
    return _joined((film.negative, scene.negative, own, shot.negative))


def _told(film: Film, words: list[str | Name]) -> str:
    text = ""
    described: set[str] = set()
    owed: dict[str, str] = {}
    for i, piece in enumerate(words):
        if isinstance(piece, str):
            text += piece
            continue
        who = film.characters[piece.id]
        looks = " ".join(who.looks.split()).rstrip(" ,;.")
        if not has_lora(who):
            text += looks
            continue
        trigger = who.trigger or piece.id
        following = words[i + 1] if i + 1 < len(words) else ""
        after = following if isinstance(following, str) else " "
        if piece.id in described or not looks:
            text += trigger
        elif re.match(r"['’]s?\b", after):
            # `{mira}'s lantern`: looks between the name and its ending would tear them apart.
            text += trigger
            owed[piece.id] = f"{trigger}, {looks}"
        else:
            described.add(piece.id)
            owed.pop(piece.id, None)
            text += f"{trigger}, {looks}"
            if re.match(r"\s*[\w({\"'“‘]", after) or isinstance(following, Name):
                text += ","
    return _joined((text, *owed.values()))


def _joined(parts: Iterable[str]) -> str:
    """Parts in one line, with a comma between them; a full stop in between would cut the thought in two."""
    text = ""
    for part in parts:
        words = " ".join(part.split()).strip(" ,;")
        if not words:
            continue
        if text:
            if text.endswith(".") and not text.endswith(".."):
                text = text[:-1]
            text += " " if text.endswith(("!", "?", "…", "..")) else ", "
        text += words
    return text
