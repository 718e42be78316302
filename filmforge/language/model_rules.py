"""What the families of models can render: legal sizes, longest clips, starting pictures."""

from __future__ import annotations

from fractions import Fraction
from math import ceil
from typing import TYPE_CHECKING

from filmforge.language.checking import FPS, Checking
from filmforge.language.film import Character, Film, LoraFile, Scene, Shot, Style
from filmforge.language.hub_rules import check_hub_files
from filmforge.language.models import FAMILIES, Model, Upscale, WeightsFile
from filmforge.language.prompt import characters_in
from filmforge.language.reading import Path
from filmforge.language.scalars import Size, written_duration, written_rate

if TYPE_CHECKING:
    from filmforge.video_models.facts import Facts

MOST_CLIPS = 1000
"""Of one shot that is continued from clip to clip: hours of the fastest model, and days of work."""


def _facts_of(model: Model) -> Facts | None:
    """The facts that hold for a model; None where its family or the version of it is unknown."""
    # Imported here: the language is read without knowing of any model, and then checked against them.
    from filmforge.video_models.facts import facts_of, is_family

    if not is_family(model.use):
        return None
    try:
        return facts_of(model.use).of_version(model.version)
    except KeyError:
        return None


def _is_family(name: str) -> bool:
    from filmforge.video_models.facts import is_family

    return name in FAMILIES or is_family(name)


def check_models(checking: Checking) -> None:
    """Report models whose declaration does not fit their family."""
    for name, model in checking.film.models.items():
        path: Path = ("models", name)
        if checking.doubtful((*path, "use")) or checking.doubtful((*path, "version")):
            continue
        facts = _facts_of(model)
        if facts is None:
            _check_version(checking, path, model)
            continue
        _check_settings(checking, path, model, facts)
        halved = facts.halved() if model.upscale is not None else facts
        if model.size is not None and not halved.legal_size(model.size):
            nearest = Size(*halved.nearest_size(model.size))
            twice = " with `upscale`" if model.upscale is not None else ""
            checking.fail(
                (*path, "size"),
                f"{model.use} cannot render {model.size}{twice}: both sides are a multiple of "
                f"{halved.size_multiple}; the nearest it can is {nearest}",
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


def _check_version(checking: Checking, path: Path, model: Model) -> None:
    from filmforge.video_models.facts import facts_of, is_family

    if is_family(model.use) and model.version is not None:
        known = facts_of(model.use).versions
        there_are = f"there are {', '.join(known)}" if known else "there is only one; remove the line"
        checking.fail((*path, "version"), f"{model.use} has no version '{model.version}'; {there_are}")


def _check_settings(checking: Checking, path: Path, model: Model, facts: Facts) -> None:
    """Report settings that would have no effect: diffusers takes them, and goes on without."""
    if model.shift is not None and facts.shift is None and facts.id != "comfyui":
        checking.fail(
            (*path, "shift"), f"{model.use} has no shift to declare: {facts.schedule}; remove the line"
        )
    if model.steps is not None and model.steps < facts.fewest_steps:
        checking.fail(
            (*path, "steps"), f"{model.use} needs at least {facts.fewest_steps} steps: {facts.schedule}"
        )
    if model.steps is not None and "timesteps" in facts.settings:
        checking.fail(
            (*path, "steps"),
            f"{model.use} {model.version} is distilled for {facts.steps} steps at noise levels of its own; remove the line",
        )
    if model.guidance_low is not None and facts.guidance_low is None:
        checking.fail(
            (*path, "guidance_low"), f"{model.use} has one expert; declare `guidance`, and remove this line"
        )
    if isinstance(model.weights, WeightsFile):
        _check_weights_file(checking, (*path, "weights"), model.weights, model, facts)
        check_hub_files(checking, (*path, "weights"), model.weights)
    if model.lora is not None:
        _check_lora(checking, (*path, "lora"), model, facts)
        check_hub_files(checking, (*path, "lora"), model.lora)
    if model.upscale is not None:
        _check_upscale(checking, (*path, "upscale"), model.upscale, model, facts)
    if facts.id != "comfyui":
        _check_speed(checking, path, model, facts)
    low = model.low(facts.guidance_low) if facts.guidance_low is not None else None
    high = model.guidance if model.guidance is not None else facts.guidance
    if low is not None and (low > 1) is not (high > 1):
        checking.fail(
            (*path, "guidance" if model.guidance is not None else "guidance_low"),
            f"guidance {high:g} at high noise and {low:g} at low: with one of them at 1 or less, no guidance "
            "would act at all; give both above 1, or both at most 1",
            (*path, "guidance"),
            (*path, "guidance_low"),
        )


def _check_weights_file(
    checking: Checking, path: Path, weights: WeightsFile, model: Model, facts: Facts
) -> None:
    if facts.id in ("animatic", "comfyui"):
        checking.fail(path, f"{facts.id} has no weights to name a file of; remove the line")
    elif not weights.files:
        checking.fail((*path, "file"), "names no file; write a path, or `high`, `low` or both")
    elif facts.boundary is None and None not in weights.files:
        checking.fail((*path, "file"), f"{model.use} has one expert; give one file: `file: FILE`")
    elif facts.boundary is not None and None in weights.files:
        checking.fail(
            (*path, "file"),
            f"{model.use} has two experts; name the file of each: `file: {{high: FILE, low: FILE}}`",
        )


def _check_upscale(checking: Checking, path: Path, upscale: Upscale, model: Model, facts: Facts) -> None:
    called = f"{model.use} {model.version}" if model.version else model.use
    if facts.upscaler is None:
        able = [version for version, other in facts.versions.items() if other.get("upscaler")]
        hint = f"declare `version: {able[0]}`, or remove the line" if able else "remove the line"
        checking.fail(path, f"there is no upscaler for {called}; {hint}")
        return
    for key in ("steps", "strength"):
        if getattr(upscale, key) is not None and key not in facts.upscaling:
            checking.fail(
                (*path, key),
                f"{called} is distilled for a second pass at noise levels of its own; remove the line",
            )
            return
    numbers = {key: value for key, value in facts.upscaling.items() if isinstance(value, int | float)}
    if "steps" in numbers:
        steps = int(upscale.steps or numbers["steps"])
        strength = upscale.strength or numbers["strength"]
        if int(steps * strength) < 1:
            checking.fail(path, f"a share of {strength:g} of {steps} steps is none; give more of one of them")


def _check_speed(checking: Checking, path: Path, model: Model, facts: Facts) -> None:
    """Report what would make a model quicker and does not work on its family, or not together."""
    from filmforge.video_models import caching, kernels

    called = f"{model.use} {model.version}" if model.version else model.use
    cache = model.cache
    if cache is not None:
        guidance = model.guidance if model.guidance is not None else facts.guidance
        if wrong := caching.unfit(facts, cache.kind, guidance):
            checking.fail((*path, "cache"), f"{called} {wrong}", (*path, "guidance"))
        kind = (*path, "cache", "kind")
        if cache.kind == "first-block" and cache.every is not None:
            checking.fail((*path, "cache", "every"), "first-block has a `threshold`, and no `every`", kind)
        if cache.kind != "first-block" and cache.threshold is not None:
            wrong = f"{cache.kind} has an `every`, and no `threshold`"
            checking.fail((*path, "cache", "threshold"), wrong, kind)
        if model.compile:
            checking.fail((*path, "compile"), "blocks under a cache are not compiled; remove one of the two")
    if model.attention is not None and (
        wrong := kernels.unfit(facts, model.attention, model.precision or facts.precision)
    ):
        checking.fail((*path, "attention"), f"{called} {wrong}", (*path, "precision"))
    if model.compile and not facts.compiles:
        checking.fail((*path, "compile"), f"{called} has no blocks that can be compiled; remove the line")


def _check_lora(checking: Checking, path: Path, model: Model, facts: Facts) -> None:
    """Report a model's own LoRA where its family can put none on, or not on the expert that is named."""
    assert model.lora is not None
    if facts.id in ("animatic", "comfyui"):
        hint = "load it in the workflow, and remove" if facts.id == "comfyui" else "nothing is loaded; remove"
        checking.fail(path, f"{facts.id} puts no LoRA on a model: {hint} the line")
    elif not model.lora.files:
        checking.fail((*path, "file"), "names no file; write a path, or `high`, `low` or both")
    elif facts.boundary is None and None not in model.lora.files:
        checking.fail((*path, "file"), f"{model.use} has one expert; give one file: `file: PATH`")


def check_lengths(checking: Checking, rendered: Film) -> None:
    """Report shots that their model cannot render. `rendered` is the film with the models that render it."""
    film = rendered
    without_lora: set[tuple[str, str]] = set()
    for s, scene in enumerate(film.scenes):
        for i, shot in enumerate(scene.shots):
            name = film.model_of(scene, shot)
            if shot.kind != "prompt" or (name not in film.models and not _is_family(name)):
                continue
            path: Path = ("scenes", s, "shots", i)
            if _model_doubtful(checking, path, scene, shot, name):
                continue
            facts = _facts_of(film.model_named(name))
            if facts is None or facts.id == "animatic":
                continue
            _check_shot(checking, film, path, shot, name, facts)
            _check_loras(checking, film, scene, shot, name, without_lora)


def _model_doubtful(checking: Checking, path: Path, scene: Scene, shot: Shot, name: str) -> bool:
    """Whether what says which model renders the shot, or what that model is, could not be read."""
    named: tuple[tuple[Path, str | None], ...] = (
        ((*path, "model"), shot.model),
        ((*path[:2], "model"), scene.model),
        (("model",), None),
    )
    for where, given in named:
        if checking.doubtful(where):
            return True
        if given is not None:
            break
    return any(checking.doubtful(("models", name, key)) for key in ("use", "version"))


def _check_shot(checking: Checking, film: Film, path: Path, shot: Shot, name: str, facts: Facts) -> None:
    if facts.id == "comfyui" and name not in film.models:
        checking.fail(
            path, "comfyui renders with a workflow; declare a model with `use: comfyui` and its `workflow`"
        )
    if shot.start is not None and not facts.image_to_video:
        able = [version for version, other in facts.versions.items() if other.get("image_to_video")]
        hint = f"declare a model with `version: {able[0]}`" if able else "name another model"
        checking.fail((*path, "start"), f"{_called(name, facts)} cannot start from a picture; {hint}")
    if shot.start is None and not facts.text_to_video:
        checking.fail(path, f"{_called(name, facts)} only renders from a picture; give the shot a `start`")
    if isinstance(shot.apart, tuple) and facts.walls is None:
        checking.fail(
            (*path, "apart"),
            f"{_called(name, facts)} does not keep characters apart: their LoRAs act on the whole picture; "
            "write `apart: none`, or name another model",
        )
    if shot.end is not None:
        _check_end(checking, path, shot, name, facts)
    if shot.lasts is None:
        return
    # Nothing is in front of a picture that the shot starts from, nor behind one that it ends with: no handles there.
    handled = film.handles * [shot.start, shot.end].count(None)
    needed = _native(shot.lasts + handled, film, facts)
    rests_on = (FPS, *((*path, key) for key in ("start", "end", "extend")))
    try:
        legal = facts.legal_frames(needed)
        if shot.end is not None and facts.last_frame and not shot.extend and not 1 < legal == needed:
            _refuse_length(checking, film, path, shot, handled, _called(name, facts), facts)
    except ValueError:
        if shot.extend and facts.image_to_video:
            clips = ceil(needed / max(1, facts.max_frames - 1))
            if clips > MOST_CLIPS:
                checking.fail(
                    (*path, "lasts"),
                    f"{written_duration(shot.lasts, film.fps)} is {clips} clips, each continuing the one before, and a "
                    f"shot has at most {MOST_CLIPS}; make several of it",
                )
            return
        if shot.extend:
            checking.fail(
                (*path, "extend"),
                f"a shot is continued from its last frame, and {_called(name, facts)} cannot start from a picture; "
                "shorten the shot, or name another model",
                *rests_on,
            )
            return
        longest = facts.max_frames
        handles = " with its handles" if film.handles else ""
        checking.fail(
            (*path, "lasts"),
            f"{written_duration(shot.lasts, film.fps)}{handles} is {needed} frames at "
            f"{written_rate(facts.fps)} fps, and {_called(name, facts)} renders at most {longest} "
            f"({float(Fraction(longest) / facts.fps):.3g}s); {_how_to_shorten(checking.told(shot.id), shot, facts)}",
            *rests_on,
        )


def _how_to_shorten(name: str, shot: Shot, facts: Facts) -> str:
    """What to do about a shot, by its name, that is longer than its model's longest clip."""
    if not facts.image_to_video:
        return "shorten the shot, make two of it with a cut between them, or name a model that can start from a picture"
    continued = "" if shot.end is not None else "write `extend: true`, "
    return (
        f"shorten the shot, {continued}or make two of it: the second with `start: {{from: {name}, at: last}}`"
    )


def _native(frames: int, film: Film, facts: Facts) -> int:
    """How many frames at the model's own rate are on screen in `frames` of the film."""
    return int(Fraction(frames - 1) * facts.fps / film.fps) + 1


def _check_end(checking: Checking, path: Path, shot: Shot, name: str, facts: Facts) -> None:
    if not facts.last_frame:
        able = [version for version, other in facts.versions.items() if other.get("last_frame")]
        hint = f"declare a model with `version: {able[0]}`" if able else "name another model"
        checking.fail((*path, "end"), f"{_called(name, facts)} cannot be given its last frame; {hint}")
    elif shot.extend:
        checking.fail(
            (*path, "end"),
            "a shot that is continued with `extend` cannot be given its last frame yet; remove one",
        )


def _refuse_length(
    checking: Checking, film: Film, path: Path, shot: Shot, handled: int, called: str, facts: Facts
) -> None:
    """Report that the clip would go on past what the cut shows, and the picture that it ends with never be seen."""
    assert shot.lasts is not None
    reach = range(1, int(2 * facts.frame_step * film.fps / facts.fps) + 3)
    near = []
    for lengths in ((shot.lasts - by for by in reach), (shot.lasts + by for by in reach)):
        native = {n: _native(n + handled, film, facts) for n in lengths if n > 0}
        near += [n for n, made in native.items() if made > 1 and facts.is_legal_length(made)][:1]
    hint = f"; the nearest that reach it are {' and '.join(f'{n}f' for n in near)}" if near else ""
    checking.fail(
        (*path, "lasts"),
        f"{called} renders clips of {facts.frame_step}k+{facts.first} frames at {written_rate(facts.fps)} fps, and in "
        f"{shot.lasts}f the shot would not come to the picture that it ends with{hint}",
        FPS,
        ("handles",),
        (*path, "start"),
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
                f"there is no file for model '{model}', which renders {checking.told(f'{scene.id}/{shot.id}')}; add one, "
                "or write `missing: skip`",
            )
