"""Two versions of a film side by side: what differs, by shot, character, style and cut, in words of the film.

Pure but for the digests of files, which it asks for only where both versions name the same path.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

from filmforge.language.film import Film, Scene, Shot
from filmforge.language.part import Part
from filmforge.language.scalars import Size
from filmforge.language.seeds import seeds_of
from filmforge.planning.reasons import Reason, differing
from filmforge.planning.words import change

What = Literal["film", "model", "profile", "character", "style", "place", "scene", "shot", "cut"]
Kind = Literal["added", "removed", "renamed", "changed"]
Contents = Callable[[str], Mapping[str, str]]
"""The digests of a file, or of all files in a folder, by path, as a version of the film has them."""

_TEXTS = frozenset({"prompt", "negative", "looks", "camera", "text", "words"})
_FRAMES = frozenset(
    {"lasts", "from", "to", "dissolve", "wipe", "fade", "at", "fade_in", "fade_out", "roll", "handles"}
)
_OF_CUT = ("size", "fps", "music", "credits", "loudness", "captions", "handles", "deliver")
_OF_FILM = ("title", "seed", "negative", "model", "embedder", "style", "store")


@dataclass(frozen=True, slots=True)
class Difference:
    """What became of one part of the film. `name` is empty where the film, or its cut, is meant as a whole."""

    part: What
    name: str
    kind: Kind
    says: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {"part": self.part, "name": self.name, "change": self.kind, "says": list(self.says)}


@dataclass(frozen=True, slots=True)
class Side:
    """One version of the film: as declared, how many frames it has, and its files."""

    film: Film
    frames: int | None
    contents: Contents


def compare(old: Side, new: Side) -> list[Difference]:
    """What differs from `old` to `new`, in the order in which a film is written; nothing where they are alike."""
    before, after = old.film, new.film
    files = _Files(old.contents, new.contents)
    found = [*_whole("film", _fields(before, after, _OF_FILM))]
    found += _named("model", before.models, after.models, files)
    found += _profiles(before.profiles, after.profiles)
    found += _named("character", before.characters, after.characters, files)
    found += _named("style", before.styles, after.styles, files)
    found += _named("place", _worded(before.places), _worded(after.places), files)
    found += _scenes(before, after, files)
    found += _shots(before, after, files)
    return [*found, *_cut(old, new, files)]


class _Files:
    """Says whether files with the same path have the same content on both sides; each path is looked at once."""

    def __init__(self, old: Contents, new: Contents) -> None:
        self._old, self._new = old, new
        self._known: dict[str, str] = {}

    def changed(self, path: str) -> str:
        """What differs in the content of a file or folder; empty where nothing does."""
        if path not in self._known:
            before, after = self._old(path), self._new(path)
            counts = {
                "new": len(after.keys() - before.keys()),
                "gone": len(before.keys() - after.keys()),
                "changed": sum(before[name] != after[name] for name in before.keys() & after.keys()),
            }
            if set(before) == set(after) == {path}:
                self._known[path] = f"{path} has another content" if counts["changed"] else ""
            else:
                said = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
                self._known[path] = f"the files in {path}: {said}" if said else ""
        return self._known[path]


def _plain(value: Any) -> Any:
    """A part of the film as plain data, by the names that the film file has."""
    if isinstance(value, Part):
        return {f.alias or name: _plain(getattr(value, name)) for name, f in type(value).model_fields.items()}
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, tuple) and not isinstance(value, Size):
        return [_plain(inner) for inner in value]
    return str(value) if isinstance(value, (Fraction, Size)) else value


def _said(before: Mapping[str, Any], after: Mapping[str, Any], files: _Files | None = None) -> list[str]:
    """One phrase for each value that differs, and for each file that both name and that has another content."""
    said = []
    for reason in differing("", _even(before, after), _even(after, before)):
        last = reason.path.rsplit(".", 1)[-1]
        unit = "f" if last in _FRAMES else ""
        said.append(change(reason.path, reason, text=last in _TEXTS, unit=unit))
    if files is not None:
        said += [says for path in sorted(_paths(before) & _paths(after)) if (says := files.changed(path))]
    return said


def _even(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """`one` with an empty mapping where it has nothing and `other` has a mapping, so that its keys are told apart."""
    return {
        key: {} if value is None and isinstance(other.get(key), dict) else value for key, value in one.items()
    }


_FILE_KEYS = frozenset({"photos", "file", "lut", "clip", "still", "image", "audio", "workflow"})


def _paths(data: Any, key: str = "") -> set[str]:
    """The files that a part names: strings under the keys that hold paths."""
    if isinstance(data, Mapping):
        return {
            path for inner, value in data.items() for path in _paths(value, key if key == "file" else inner)
        }
    return {data} if isinstance(data, str) and key in _FILE_KEYS else set()


def _whole(part: What, said: list[str]) -> Iterator[Difference]:
    if said:
        yield Difference(part, "", "changed", tuple(said))


def _fields(before: Film, after: Film, names: Iterable[str], files: _Files | None = None) -> list[str]:
    old, new = ({n: _plain(getattr(film, n)) for n in names} for film in (before, after))
    return _said(old, new, files)


def _worded(places: Mapping[str, str]) -> dict[str, dict[str, str]]:
    return {name: {"words": words} for name, words in places.items()}


def _named(
    part: What, before: Mapping[str, Any], after: Mapping[str, Any], files: _Files
) -> Iterator[Difference]:
    for name in dict.fromkeys((*before, *after)):
        if name not in after:
            yield Difference(part, name, "removed")
        elif name not in before:
            yield Difference(part, name, "added")
        elif said := _said(_plain(before[name]), _plain(after[name]), files):
            yield Difference(part, name, "changed", tuple(said))


def _profiles(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Difference]:
    for name in dict.fromkeys((*before, *after)):
        if before.get(name) != after.get(name):
            kind: Kind = "removed" if name not in after else "added" if name not in before else "changed"
            yield Difference("profile", name, kind)


def _scenes(before: Film, after: Film, files: _Files) -> Iterator[Difference]:
    """Scenes by their ids; what they lend to their shots is said of the shots."""

    def own(scene: Scene) -> dict[str, Any]:
        return {"negative": scene.negative, "music": _plain(scene.music) if scene.music else None}

    yield from _named(
        "scene", {s.id: own(s) for s in before.scenes}, {s.id: own(s) for s in after.scenes}, files
    )


def _shots(before: Film, after: Film, files: _Files) -> Iterator[Difference]:
    old = {f"{scene.id}/{shot.id}": _shot(before, scene, shot) for scene, shot in before.shots()}
    new = {f"{scene.id}/{shot.id}": _shot(after, scene, shot) for scene, shot in after.shots()}
    added = [name for name in new if name not in old]
    for name in dict.fromkeys((*old, *new)):
        if name in old and name in new:
            if said := _said(old[name], new[name], files):
                yield Difference("shot", name, "changed", tuple(said))
        elif name in old:
            twin = next((n for n in added if _but_name(new[n]) == _but_name(old[name])), None)
            if twin is None:
                yield Difference("shot", name, "removed")
                continue
            added.remove(twin)
            seeds = _said({"seed": old[name]["seed"]}, {"seed": new[twin]["seed"]})
            yield Difference("shot", name, "renamed", (f"is called {twin}", *seeds))
        elif name in added:
            yield Difference("shot", name, "added")


def _shot(film: Film, scene: Scene, shot: Shot) -> dict[str, Any]:
    """A shot with all that it takes from its scene and the film: what it looks like, whoever says so."""
    data: dict[str, Any] = _plain(shot)
    del data["id"]
    if shot.kind == "prompt":
        data["model"], data["style"] = film.model_of(scene, shot), film.style_of(scene, shot)
        data["place"] = film.place_of(scene, shot)
        picked, takes = seeds_of(film, scene, shot)
        data["pick"], data["takes"] = picked, list(takes)
        if shot.seed is None and not shot.takes:
            data["seed"], data["takes"], data["pick"] = picked, [], None
    else:
        data["style"] = film.style_of(scene, shot)
    return data


def _but_name(data: Mapping[str, Any]) -> dict[str, Any]:
    """A shot but for what follows from its name."""
    return {key: value for key, value in data.items() if key != "seed"}


def _cut(old: Side, new: Side, files: _Files) -> Iterator[Difference]:
    said = _fields(old.film, new.film, _OF_CUT, files)
    if old.film.credits and new.film.credits and old.film.credits.text == new.film.credits.text:
        said += [says] if (says := files.changed(new.film.credits.text)) else []
    names = [[f"{scene.id}/{shot.id}" for scene, shot in side.film.shots()] for side in (old, new)]
    both = [[name for name in side if name in names[0] and name in names[1]] for side in names]
    if both[0] != both[1]:
        said.append(f"the order of the shots changed ({', '.join(_moved(*both))} moved)")
    if old.frames is not None and new.frames is not None and old.frames != new.frames:
        said.append(change("length", Reason.of_param("length", old.frames, new.frames), text=False, unit="f"))
    yield from _whole("cut", said)


def _moved(before: list[str], after: list[str]) -> list[str]:
    """The fewest shots whose move explains the new order."""
    from difflib import SequenceMatcher

    kept = set()
    for block in SequenceMatcher(None, before, after, autojunk=False).get_matching_blocks():
        kept |= set(after[block.b : block.b + block.size])
    return [name for name in after if name not in kept]
