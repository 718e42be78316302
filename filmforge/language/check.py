"""What spans the parts of a film: names that must exist and be single, and what each kind of shot may say."""

from __future__ import annotations

import posixpath
import unicodedata
from collections.abc import Callable, Mapping, Set
from pathlib import Path as FilePath
from pathlib import PurePosixPath

from filmforge.language.checking import Checking
from filmforge.language.cut_rules import check_cut
from filmforge.language.delivered import written_for
from filmforge.language.file_rules import Media, check_files
from filmforge.language.film import End, Film, LoraFile, LoraTraining, Scene, Shot, Start
from filmforge.language.model_rules import check_lengths, check_models
from filmforge.language.models import FAMILIES
from filmforge.language.prompt import Name, characters_in, has_lora, pieces
from filmforge.language.reading import Path, Reading
from filmforge.language.scalars import shown

_KINDS = {"prompt": "a generated shot", "clip": "a clip", "still": "a still", "title": "a title card"}
_ONLY_FOR = {
    "camera": "prompt",
    "negative": "prompt",
    "model": "prompt",
    "place": "prompt",
    "seed": "prompt",
    "takes": "prompt",
    "pick": "prompt",
    "start": "prompt",
    "end": "prompt",
    "extend": "prompt",
    "apart": "prompt",
    "move": "still",
}
_OUT_OF_PLACE = {
    kind: tuple((key, Shot.model_fields[key].default) for key, only in _ONLY_FOR.items() if only != kind)
    for kind in _KINDS
}
"""What a shot of each kind leaves as it is by default. Put together once: a film may have ten thousand shots."""
_SUFFIXES = {"h264": (".mp4", ".m4v"), "prores": (".mov",)}


def check(
    film: Film,
    rendered: Film,
    reading: Reading,
    broken: Set[Path] = frozenset(),
    *,
    line_of: Callable[[Path], int] = lambda path: 0,
    folder: FilePath | None = None,
    look_into: Callable[[FilePath], Media] | None = None,
) -> None:
    """Report to `reading` all that is wrong between the parts of `film`, and with the files it names.

    `rendered` is the film as it is rendered: with a profile's model in every shot, if it has one. `broken`
    holds paths whose values could not be read; nothing more is said of what hangs on them. `line_of` tells
    where a path was written. Files are looked at in `folder`, where one is given.
    """
    checking = Checking(film, reading, broken)
    _check_declarations(checking)
    _check_names_are_single(checking, line_of)
    for path, scene, shot in checking.shots():
        _check_shot(checking, path, scene, shot)
    check_cut(checking)
    check_models(checking)
    check_lengths(checking, rendered)
    if folder is not None:
        check_files(checking, folder, look_into)


def check_declarations(film: Film, reading: Reading, broken: Set[Path]) -> None:
    """Report what is wrong between the parts of the film's top level alone: all that a profile may touch."""
    checking = Checking(film, reading, broken)
    _check_declarations(checking)
    check_models(checking)


def _models(film: Film, name: str | None) -> dict[str, object]:
    """What `name` may be: a model of the film, or a family, also one of an installed package."""
    if name is None or name in film.models or name in FAMILIES:
        return {name or "": None}
    from filmforge.video_models.facts import is_family

    installed = [name] if is_family(name) else []
    return dict.fromkeys((*film.models, *FAMILIES, *installed))


def _check_declarations(checking: Checking) -> None:
    film = checking.film
    models = {**dict.fromkeys(FAMILIES), **film.models}
    checking.declared(("model",), film.model, _models(film, film.model), "model", "models")
    checking.declared(("style",), film.style, film.styles, "style", "styles")
    for who, character in film.characters.items():
        path: Path = ("characters", who)
        if isinstance(character.lora, LoraTraining) and character.photos is None:
            checking.fail(
                (*path, "lora"),
                f"'{who}' has no photos to train a LoRA on; give `photos`, or a `file` made elsewhere",
                (*path, "photos"),
            )
        if not character.looks.strip() and not has_lora(character):
            checking.fail(
                path, f"'{who}' has neither looks, photos nor a LoRA; say at least what it looks like"
            )
        if character.likeness is not None and character.photos is None:
            checking.fail(
                (*path, "likeness"), "likeness is measured against photos; give `photos`", (*path, "photos")
            )
        if character.retry and character.likeness is None:
            checking.fail(
                (*path, "retry"),
                "further seeds are tried when the likeness is low; give `likeness`",
                (*path, "likeness"),
            )
        _check_lora_models(checking, (*path, "lora"), character.lora, models)
    for name, style in film.styles.items():
        _check_lora_models(checking, ("styles", name, "lora"), style.lora, models)
    _check_deliveries(checking)


def _check_lora_models(
    checking: Checking, path: Path, lora: LoraTraining | LoraFile | None, models: Mapping[str, object]
) -> None:
    if isinstance(lora, LoraFile) and not isinstance(lora.file, str):
        if not lora.file:
            checking.fail((*path, "file"), "names no file; write a path, or one for each model by its name")
        for model in lora.file:
            checking.declared((*path, "file", model), model, models, "model", "models")


def _place(file: str) -> str:
    """The same for two paths that lead to one file on some disk: those of macOS and Windows do not tell capitals apart."""
    return unicodedata.normalize("NFC", file.casefold())


def _check_deliveries(checking: Checking) -> None:
    taken: dict[str, str] = {}
    exact: set[str] = set()
    for name, delivery in checking.film.deliver.items():
        path: Path = ("deliver", name, "file")
        if checking.doubtful(path):
            continue
        file = posixpath.normpath(delivery.file)
        suffixes = _SUFFIXES[delivery.codec]
        if not file.lower().endswith(suffixes):
            checking.fail(
                path,
                f"{shown(delivery.file)} does not end in {' or '.join(suffixes)}, as {delivery.codec} does",
                ("deliver", name, "codec"),
            )
            continue
        if not PurePosixPath(file).suffix:
            checking.fail(path, f"{shown(delivery.file)} has nothing before its suffix; name the file")
            continue
        if _place(file) in taken:
            why = "" if file in exact else ", on disks where capitals do not count (macOS, Windows)"
            checking.fail(
                path,
                f"{shown(delivery.file)} is where '{taken[_place(file)]}' goes too{why}; name another file",
            )
        for written in written_for(checking.film, file):
            exact.add(written)
            taken.setdefault(_place(written), name)
    for name, delivery in checking.film.deliver.items():
        above = map(str, PurePosixPath(posixpath.normpath(delivery.file)).parents)
        if (held := next((one for one in above if _place(one) in taken), None)) is not None:
            checking.fail(
                ("deliver", name, "file"),
                f"{shown(delivery.file)} lies in {shown(held)}, which is a file written for '{taken[_place(held)]}'; "
                "name another folder",
            )


def _check_names_are_single(checking: Checking, line_of: Callable[[Path], int]) -> None:
    scenes: dict[str, Path] = {}
    if not checking.film.scenes:
        checking.fail(("scenes",), "is empty; a film has at least one scene")
    for s, scene in enumerate(checking.film.scenes):
        if not scene.shots:
            checking.fail(("scenes", s, "shots"), "is empty; a scene has at least one shot")
        here: Path = ("scenes", s, "id")
        if scene.id in scenes:
            first = line_of(scenes[scene.id])
            checking.fail(here, f"a scene '{scene.id}' is on line {first} already; give this one another id")
        elif scene.id:
            scenes[scene.id] = here
        shots: dict[str, Path] = {}
        for i, shot in enumerate(scene.shots):
            there: Path = ("scenes", s, "shots", i, "id")
            if shot.id in shots:
                first = line_of(shots[shot.id])
                checking.fail(
                    there,
                    f"the scene has a shot '{shot.id}' on line {first} already; give this one another id",
                )
            elif shot.id:
                shots[shot.id] = there
        film = checking.film
        checking.declared(("scenes", s, "model"), scene.model, _models(film, scene.model), "model", "models")
        checking.declared(("scenes", s, "style"), scene.style, film.styles, "style", "styles")
        checking.declared(("scenes", s, "place"), scene.place, film.places, "place", "places")


def _check_shot(checking: Checking, path: Path, scene: Scene, shot: Shot) -> None:
    film = checking.film
    _check_kind(checking, path, shot)
    checking.declared((*path, "model"), shot.model, _models(film, shot.model), "model", "models")
    checking.declared((*path, "style"), shot.style, film.styles, "style", "styles")
    checking.declared((*path, "place"), shot.place, film.places, "place", "places")
    if shot.prompt is not None:
        _check_prompt(checking, (*path, "prompt"), shot.prompt)
        _check_apart(checking, (*path, "apart"), shot)
    _check_takes(checking, path, shot)
    _check_given(checking, (*path, "start"), scene, shot.start)
    _check_given(checking, (*path, "end"), scene, shot.end)


def _check_kind(checking: Checking, path: Path, shot: Shot) -> None:
    if any(checking.doubtful((*path, kind)) for kind in _KINDS):
        return
    given = [kind for kind in _KINDS if getattr(shot, kind) is not None]
    if not given and checking.misnamed(path, *_KINDS):
        return
    if len(given) != 1:
        message = "a shot's picture comes from exactly one of prompt, clip, still and title; "
        message += f"this one has {' and '.join(given)}" if given else "this one has none"
        checking.fail((*path, given[1]) if given else path, message)
        return
    kind = shot.kind
    for key, default in _OUT_OF_PLACE[kind]:
        if getattr(shot, key) != default:
            wanted = _KINDS[_ONLY_FOR[key]]
            checking.fail((*path, key), f"`{key}` is for {wanted}, and this one is {_KINDS[kind]}; remove it")
    if shot.lasts is None and kind != "clip" and not checking.misnamed(path, "lasts"):
        checking.fail(
            (*path, "lasts"), f"is missing: {_KINDS[kind]} needs to know how long it lasts; write `lasts: 4s`"
        )
    if isinstance(shot.sound, str) and kind != "clip":
        checking.fail(
            (*path, "sound"), f"`{shot.sound}` is for the sound of a clip, and this one is {_KINDS[kind]}"
        )
    if shot.fit != "fill" and kind == "title":
        checking.fail((*path, "fit"), "a title card has the film's own size; remove `fit`")


def _check_prompt(checking: Checking, path: Path, prompt: str) -> None:
    if "{" not in prompt:
        return
    try:
        words = pieces(prompt)
    except ValueError as wrong:
        checking.fail(path, str(wrong))
        return
    characters = checking.film.characters
    for piece in dict.fromkeys(words):
        if isinstance(piece, Name) and piece.id not in characters:
            if not piece.id:
                message = "{} names nobody; write {mira} for a character, or {{ for a brace"
                checking.fail(path, message, at=piece.at)
            elif len(piece.id) > 60 or any(c.isspace() for c in piece.id):
                message = f"{shown(piece.id)} is no character's id; write {{{{ for a brace"
                checking.fail(path, message, at=piece.at)
            else:
                checking.declared(path, piece.id, characters, "character", "characters", at=piece.at)


def _check_apart(checking: Checking, path: Path, shot: Shot) -> None:
    """Report an order from left to right that is not one of exactly the prompt's characters with LoRAs."""
    if not isinstance(shot.apart, tuple) or checking.doubtful(path):
        return
    assert shot.prompt is not None, "only a generated shot is checked"
    characters = checking.film.characters
    try:
        named = [who for who in characters_in(shot.prompt) if who in characters]
    except ValueError:  # reported where it stands
        return
    right = [_stands(checking, (*path, i), shot.apart[:i], who, named) for i, who in enumerate(shot.apart)]
    if not all(right):
        return
    left_out = [who for who in named if has_lora(characters[who]) and who not in shot.apart]
    if left_out:
        checking.fail(
            path,
            f"{' and '.join(left_out)} left out, with a LoRA too; name all who have one, from left to right",
        )
    elif len(shot.apart) < 2:
        checking.fail(path, "there is nobody to keep apart from; name two or more, or remove the line")


def _stands(checking: Checking, path: Path, before: tuple[str, ...], who: str, named: list[str]) -> bool:
    """Whether `who` may stand after those `before`, in a shot whose prompt names `named`; reported where not."""
    characters = checking.film.characters
    if who in before:
        checking.fail(path, f"'{who}' stands in two places; keep one of them")
    elif not checking.declared(path, who, characters, "character", "characters"):
        return False
    elif who not in named:
        checking.fail(path, f"the prompt does not name '{who}'; write {{{who}}} there, or remove this")
    elif not has_lora(characters[who]):
        checking.fail(
            path,
            f"'{who}' has no LoRA to keep to a part of the picture; remove the name here",
            ("characters", who, "photos"),
            ("characters", who, "lora"),
        )
    else:
        return True
    return False


def _check_takes(checking: Checking, path: Path, shot: Shot) -> None:
    if len(set(shot.takes)) < len(shot.takes):
        again = next(seed for i, seed in enumerate(shot.takes) if seed in shot.takes[:i])
        checking.fail((*path, "takes"), f"seed {again} stands twice among the takes; keep one of them")
    if shot.takes and shot.seed is not None and shot.seed not in shot.takes:
        checking.fail(
            (*path, "seed"),
            f"seed {shot.seed} is not among the takes; add it there, or remove `seed`",
            (*path, "takes"),
        )
    known = shot.takes or (() if shot.seed is None else (shot.seed,))
    if shot.pick is not None and known and shot.pick not in known:
        seeds = ", ".join(map(str, known[:12]))
        checking.fail(
            (*path, "pick"),
            f"{shot.pick} is not one of the shot's takes, which are {seeds}",
            (*path, "takes"),
        )


def _check_given(checking: Checking, path: Path, scene: Scene, given: Start | End | None) -> None:
    """Report a first or last frame that is given from nowhere, or from two places."""
    if given is None or checking.doubtful(path):
        return
    if (given.from_ is None) == (given.image is None):
        what = "starts" if isinstance(given, Start) else "ends"
        checking.fail(path, f"a shot {what} either `from` a shot or with an `image`; give one of them")
        return
    if given.from_ is None:
        if given.at != type(given).model_fields["at"].default:
            checking.fail((*path, "at"), "`at` is a frame of a shot, and an image has but one; remove it")
        return
    source = checking.shot_called(scene, given.from_)
    if source is None and checking.may_be_a_shot(scene, given.from_):
        return
    if source is None:
        own = [one.id for one in scene.shots]
        known = own if "/" not in given.from_ else list(checking.shots_by_name())
        meant = checking.reading.meant(given.from_, known)
        hint = meant or "; write the id of a shot of this scene, or scene/id"
        checking.fail((*path, "from"), f"there is no shot called '{given.from_}'{hint}")
