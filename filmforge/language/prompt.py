"""What a generated shot is asked for: the film's words composed into one prompt and one negative prompt.

A character's name becomes its trigger word and looks: `{mira} climbs` is `mira, a young lighthouse keeper in
a red raincoat, climbs`. Named a second time, the trigger word is enough. The camera, the place and the
style's words follow, after commas.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from filmforge.language.film import Character, Film, Scene, Shot

_JOINING = frozenset({"and", "while", "as", "but", "then", "when"})
_MARKS = ",;.& \t\n\r"
_FULL_STOP = re.compile(r"[.;]\s+(?=\S)")
_ENDING = re.compile(r"(?<=\w)[,.;]\s+(?=\S)")
"""What ends the sentence about the last of the characters: what follows it is about the picture."""
_ASIDE = re.compile(r"\s*,")
"""How what is said of a name begins where commas are within it: `{otto}, who is old, sleeps`."""
_MARK = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|\{")


@dataclass(frozen=True, slots=True)
class Prompt:
    """A shot's prompt and negative prompt in full, and the ids of the characters it names, in order."""

    text: str
    negative: str
    characters: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Name:
    """A character's name within a prompt, as written between braces; `at` is where the first of these stands."""

    id: str
    at: int = field(default=0, compare=False)


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
            found.append(Name(mark[1].strip(), mark.start()))
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
    text = _in_place(film, scene, shot, _told(film, words))
    return Prompt(text, compose_negative(film, scene, shot), characters_in(shot.prompt))


def compose_strip(film: Film, scene: Scene, shot: Shot, who: str, apart: Collection[str]) -> str:
    """The prompt of a shot as it is told of `who` alone, of those who are kept `apart`: the others are left out.

    What the prompt says between two names is a sentence about the first of them where a comma or a word such as `and`
    stands before the second: `{mira} waves and {otto} sleeps`. Names with nothing but such words between them share what
    follows: `{mira} and {otto} wave`. What is said of somebody else alone is left out as well.
    """
    assert shot.prompt is not None, "only a generated shot has a prompt"
    told: list[str | Name] = []
    for sentence in _sentences(pieces(shot.prompt)):
        named = {piece.id for piece in sentence if isinstance(piece, Name)} & set(apart)
        if named and who not in named:
            continue
        told += [*_without(sentence, named - {who}), ", "]
    return _in_place(film, scene, shot, _told(film, told[:-1]))


def _sentences(words: list[str | Name]) -> list[list[str | Name]]:
    """A prompt's words and names, parted where a joining word stands before a name and something was said of the last,
    and where what is said of a name ends."""
    found: list[list[str | Name]] = [[]]
    for i, piece in enumerate(words):
        if isinstance(piece, Name):
            found[-1].append(piece)
            continue
        last = i + 1 == len(words)
        said = piece if last else _before_joint(piece)
        if not said:
            if not found[-1]:
                found[-1].append(piece)
            continue
        of_a_name = any(isinstance(part, Name) for part in found[-1])
        end = (_ENDING if last and not _ASIDE.match(said) else _FULL_STOP).search(said) if of_a_name else None
        if end is None:
            found[-1].append(said)
        else:
            found[-1].append(said[: end.start()])
            found.append([said[end.end() :]])
        if said != piece:
            found.append([])
    return [sentence for sentence in found if sentence]


def _before_joint(said: str) -> str:
    """What is said before a name without what joins it to the name, a mark or a word such as `and`; all, if nothing does."""
    bare = said.rstrip(_MARKS)
    word = bare.split()[-1] if bare else ""
    if word.lower() in _JOINING:
        return bare[: -len(word)].rstrip(_MARKS)
    return bare if not bare or said.rstrip() != bare else said


def _without(sentence: list[str | Name], others: Collection[str]) -> list[str | Name]:
    """A sentence without some of its names, and what hangs on them; names that then meet are joined."""
    left: list[str | Name] = []
    gone = False
    for piece in sentence:
        if isinstance(piece, Name) and piece.id in others:
            gone = True
            continue
        if isinstance(piece, Name) and left and isinstance(left[-1], Name):
            left.append(" and ")
        left.append(re.sub(r"^['’]s?\b", "", piece) if isinstance(piece, str) and gone else piece)
        gone = False
    return left


def compose_negative(film: Film, scene: Scene, shot: Shot) -> str:
    """What the picture is kept from: the film's, the scene's, the style's and the shot's own words."""
    style = film.style_of(scene, shot)
    own = film.styles[style].negative if style else ""
    return _joined((film.negative, scene.negative, own, shot.negative))


def _in_place(film: Film, scene: Scene, shot: Shot, told: str) -> str:
    """What is told of a shot, with its camera, its place and its style's words."""
    place = film.place_of(scene, shot)
    style = film.style_of(scene, shot)
    return _joined(
        (
            told,
            shot.camera,
            film.places[place] if place else "",
            film.styles[style].prompt if style else "",
        )
    )


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
