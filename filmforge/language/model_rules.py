"""What the families of models can render: legal sizes, longest clips, starting pictures."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from filmforge.language.checking import Checking
from filmforge.language.film import FAMILIES, Character, Film, LoraFile, Scene, Shot, Style
from filmforge.language.prompt import characters_in
from filmforge.language.reading import Path
from filmforge.language.scalars import Size, written_duration, written_rate

if TYPE_CHECKING:
    from filmforge.video_models.facts import Facts


def _facts_of(family: str) -> Facts | None:
    # Imported here: the language is read without knowing of any model, and then checked against them.
    from filmforge.video_models.facts import FAMILIES as KNOWN

    return KNOWN.get(family)


def check_models(checking: Checking) -> None:
    """Report models whose declaration does not fit their family."""
    for name, model in checking.film.models.items():
        path: Path = ("models", name)
        facts = _facts_of(model.use)
        if facts is None or checking.doubtful((*path, "use")):
            continue
        if model.size is not None and not facts.legal_size(model.size):
            nearest = Size(*facts.nearest_size(model.size))
            checking.fail(
                (*path, "size"),
                f"{model.use} cannot render {model.size}: both sides are a multiple of "
                f"{facts.size_multiple}; the nearest it can is {nearest}",
            )
        if model.use == "comfyui":
            if model.workflow is None:
                checking.fail(path, "comfyui renders with a workflow; give the `workflow` file")
            continue
        for key in ("workflow", "server"):
            if getattr(model, key) is not None:
                checking.fail(
                    (*path, key), f"`{key}` is for `use: comfyui`, and this model uses {model.use}; remove it"
                )


def check_lengths(checking: Checking, rendered: Film) -> None:
    """Report shots that their model cannot render. `rendered` is the film with the models that render it."""
    film = rendered
    without_lora: set[tuple[str, str]] = set()
    for s, scene in enumerate(film.scenes):
        for i, shot in enumerate(scene.shots):
            name = film.model_of(scene, shot)
            if shot.kind != "prompt" or (name not in film.models and name not in FAMILIES):
                continue
            path: Path = ("scenes", s, "shots", i)
            facts = _facts_of(film.model_named(name).use)
            if facts is None or facts.id == "animatic":
                continue
            _check_shot(checking, film, path, shot, name, facts)
            _check_loras(checking, film, scene, shot, name, without_lora)


def _check_shot(checking: Checking, film: Film, path: Path, shot: Shot, name: str, facts: Facts) -> None:
    if facts.id == "comfyui" and name not in film.models:
        checking.fail(
            path, "comfyui renders with a workflow; declare a model with `use: comfyui` and its `workflow`"
        )
    if shot.start is not None and not facts.image_to_video:
        checking.fail(
            (*path, "start"), f"{_called(name, facts)} cannot start from a picture; name another model"
        )
    if shot.start is None and not facts.text_to_video:
        checking.fail(path, f"{_called(name, facts)} only renders from a picture; give the shot a `start`")
    if shot.lasts is None or shot.extend:
        return
    # A shot that starts from a picture has no handle before it: there is nothing in front of that picture.
    frames = shot.lasts + film.handles * (1 if shot.start is not None else 2)
    needed = int(Fraction(frames - 1) * facts.fps / film.fps) + 1
    try:
        facts.legal_frames(needed)
    except ValueError:
        longest = facts.max_frames
        handles = " with its handles" if film.handles else ""
        checking.fail(
            (*path, "lasts"),
            f"{written_duration(shot.lasts, film.fps)}{handles} is {needed} frames at "
            f"{written_rate(facts.fps)} fps, and {_called(name, facts)} renders at most {longest} "
            f"({float(Fraction(longest) / facts.fps):.3g}s); shorten the shot, or make two of it: "
            f"the second with `start: {{from: {shot.id}, at: last}}`",
        )


def _called(name: str, facts: Facts) -> str:
    return name if name == facts.id else f"{name} ({facts.id})"


def _check_loras(
    checking: Checking, film: Film, scene: Scene, shot: Shot, model: str, reported: set[tuple[str, str]]
) -> None:
    """Report LoRA files that are declared by model, and not for the one that renders the shot."""
    assert shot.prompt is not None
    try:
        named = characters_in(shot.prompt)
    except ValueError:
        return
    wanted: list[tuple[str, str, Character | Style | None]] = [
        ("characters", who, film.characters.get(who)) for who in named
    ]
    style = film.style_of(scene, shot)
    if style:
        wanted.append(("styles", style, film.styles.get(style)))
    for where, who, part in wanted:
        lora = part.lora if part else None
        if not isinstance(lora, LoraFile) or lora.missing == "skip" or lora.path_for(model) is not None:
            continue
        if (who, model) not in reported:
            reported.add((who, model))
            checking.fail(
                (where, who, "lora"),
                f"there is no file for model '{model}', which renders {scene.id}/{shot.id}; add one, "
                "or write `missing: skip`",
            )
