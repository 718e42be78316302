"""From the film to its steps: what is to be made, from what, in an order in which each can be made.

Pure but for what it asks of `Surroundings`: the digests, lengths and words of the project's files. Whether a
step has been made already is not its business.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from typing import Any

from filmforge.language.film import Delivery, End, Film, Shot, Start
from filmforge.language.prompt import Prompt, compose_negative, compose_prompt, compose_strip, has_lora
from filmforge.language.reading import Path
from filmforge.language.seeds import seeds_of
from filmforge.planning.captions import Caption, within
from filmforge.planning.likeness import judged_characters, judging
from filmforge.planning.loras import Loras
from filmforge.planning.models import ResolvedModel
from filmforge.planning.outlined import Outline
from filmforge.planning.step import Input, Made, Step
from filmforge.planning.surroundings import Surroundings
from filmforge.planning.timeline import Placed, frames_of, lay_out, samples
from filmforge.video_models.kernels import COMPILED

HELD = 1
"""Frames of a picture that does not move: the cut holds it for as long as the shot lasts."""


def rate_text(fps: Fraction) -> str:
    """A rate as it stands in params: `24` or `24000/1001`."""
    return str(fps.numerator) if fps.denominator == 1 else f"{fps.numerator}/{fps.denominator}"


def outline(film: Film, about: Surroundings, deliveries: Mapping[str, Delivery]) -> Outline:
    """The steps of `film` that deliver `deliveries`. Raises MediaError where a file cannot be read."""
    result = Outline(film, lay_out(film, about.length), deliveries=dict(deliveries))
    pictures = _Pictures(film, about, result)
    for placed in result.timeline.shots:
        pictures.of(placed)
    groups: dict[tuple[str, int], list[str]] = {}
    for name, delivery in deliveries.items():
        groups.setdefault((delivery.codec, delivery.quality), []).append(name)
    mix = _mix_step(film, about, result)
    for index, ((codec, quality), names) in enumerate(groups.items()):
        suffix = "" if index == 0 else f".{names[0]}"
        segments = list(
            _segments(film, about, result, pictures, {"codec": codec, "quality": quality}, suffix)
        )
        for name in names:
            result.add(_cut_step(film, result, name, codec, segments, mix))
    return result


class _Pictures:
    """Makes, once each, the steps whose output is a shot's picture, in an order in which they can be made."""

    def __init__(self, film: Film, about: Surroundings, into: Outline) -> None:
        self.film, self.about, self.into = film, about, into
        self.placed = {p.name: p for p in into.timeline.shots}
        self.loras = Loras(film, about, into)
        self.rates: dict[str, Fraction] = {}
        self._made: dict[str, Input] = {}

    def of(self, placed: Placed) -> Input:
        """The picture of the shot (its picked take) as an input of other steps."""
        name = placed.name
        if name not in self._made:
            self._made[name] = self._plate(placed) if placed.shot.kind != "prompt" else self._takes(placed)
        return self._made[name]

    def head(self, shot: Shot) -> int:
        """Frames rendered ahead of the shot for the editor; a shot with a given first frame has none."""
        return self.film.handles if shot.kind == "prompt" and shot.start is None else 0

    def tail(self, shot: Shot) -> int:
        """Frames rendered after a generated shot for the editor; one with a given last frame has none."""
        return self.film.handles if shot.end is None else 0

    def _plate(self, placed: Placed) -> Input:
        film, shot, name = self.film, placed.shot, placed.name
        size, fps = [*film.size], rate_text(film.fps)
        self.rates[name] = film.fps
        if shot.kind == "clip":
            assert shot.clip is not None
            self.about.fits(shot.clip, "footage", (*placed.where, "clip"))
            source = self.about.source(shot.clip)
            self._long_enough(placed, frames_of(self.about.length(shot.clip), film.fps))
            self.into.add(Step("plate", f"plate/{name}", {"of": "clip"}, {"clip": source}, name))
            return source
        if shot.kind == "still":
            assert shot.still is not None
            self.about.fits(shot.still, "image", (*placed.where, "still"))
            moves = shot.move != "none"
            params: dict[str, Any] = {
                "of": "still",
                "move": shot.move,
                "count": placed.picture if moves else HELD,
            }
            inputs: dict[str, Input] = {"still": self.about.source(shot.still)}
        else:
            assert shot.title is not None
            params = {
                "of": "card",
                "count": HELD,
                **shot.title.model_dump(),
                "text": shot.title.text,
            }
            params["text_size"] = params.pop("size")
            inputs = {}
        step = Step("plate", f"plate/{name}", {**params, "size": size, "fps": fps}, inputs, name)
        return Made(self.into.add(step).name)

    def _long_enough(self, placed: Placed, held: int) -> None:
        """Refuse a shot that asks for more than its footage holds."""
        shot = placed.shot
        asked: dict[Path, int | None] = {("lasts",): shot.lasts}
        if shot.trim is not None:
            asked |= {("trim", "to"): shot.trim.to, ("trim", "from"): shot.trim.from_ + 1}
        for key, frames in asked.items():
            if frames is not None and frames > held:
                seconds = float(held / self.film.fps)
                self.about.refuse(
                    (*placed.where, *key),
                    f"{shot.clip} holds {held} frames of the film ({seconds:.2f}s); ask for less",
                )

    def _takes(self, placed: Placed) -> Input:
        film, shot, scene = self.film, placed.shot, placed.scene
        model = self.about.model(film.model_of(scene, shot))
        self.rates[placed.name] = model.facts.fps if not model.drawn else Fraction(1)
        inputs: dict[str, Input] = {}
        if shot.start is not None and not model.drawn:
            inputs["start"] = self._given(placed, shot.start, "start", f"frame/{placed.name}")
        if shot.end is not None and not model.drawn:
            inputs["end"] = self._given(placed, shot.end, "end", f"frame/{placed.name}~end")
        prompt = compose_prompt(film, scene, shot)
        loras = list(self.loras.on(scene, shot, prompt.characters, model, inputs))
        asked = placed.picture + self.head(shot) + self.tail(shot)
        lengths = model.lengths_for(asked, film.fps) if shot.extend and not model.drawn else []
        frames = sum(lengths) - len(lengths) + 1 if len(lengths) > 1 else model.frames_for(asked, film.fps)
        shared = {
            "prompt": prompt.text,
            "negative": compose_negative(film, scene, shot) or model.facts.negative,
            "model": model.base,
            "frames": frames,
            "size": [*model.size],
            "steps": model.steps,
            "guidance": model.guidance,
            "shift": model.shift,
            "loras": loras,
        }
        if apart := self._apart(placed, prompt, loras, model):
            shared["apart"] = apart
        if model.settings:
            shared["settings"] = dict(model.settings)
        if model.upscale is not None:
            shared["upscale"] = model.upscale.params
        if len(lengths) > 1:
            shared["extend"] = lengths
        if model.drawn:
            shared = {"prompt": prompt.text, "shot": placed.name, "model": {"family": "animatic"}}
            shared |= {"frames": 1, "size": [*film.size]}
            inputs = {}
        affinity = "" if model.drawn else f"{model.name} {[entry['who'] for entry in loras]}"
        hints = model.hints
        picked, seeds = seeds_of(film, scene, shot)
        takes = [
            self.into.add(
                Step(
                    "render",
                    f"render/{placed.name}@{seed}",
                    {**shared, "seed": seed},
                    inputs,
                    placed.name,
                    affinity,
                    hints,
                )
            )
            for seed in dict.fromkeys((*seeds, picked))
        ]
        judged = judged_characters(film, prompt.characters, loras)
        if not judged:
            return Made(f"render/{placed.name}@{picked}")
        steps, verdict, picture = judging(
            takes, picked, judged, self.about, model, placed.shot.pick is not None
        )
        for step in steps:
            self.into.add(step)
        self.into.judged[placed.name] = verdict
        return picture

    def _apart(
        self, placed: Placed, prompt: Prompt, loras: list[dict[str, Any]], model: ResolvedModel
    ) -> dict[str, Any]:
        """How the shot's characters are kept apart: who from left to right, what each strip is told, for how many steps.

        Empty for a shot with fewer than two LoRAs of characters, so that it keeps its key.
        """
        film, shot = self.film, placed.shot
        there = {entry["who"] for entry in loras}
        learned = {who for who in prompt.characters if who in there and has_lora(film.characters[who])}
        named = [who for who in prompt.characters if who in learned]
        if len(named) < 2 or shot.apart == "none":
            return {}
        facts = model.facts
        if facts.walls is None or not (facts.apart_unasked or shot.apart):
            able = f"`apart: [{', '.join(named)}]` keeps them apart from left to right"
            self.into.note(
                f"{placed.name}: the LoRAs of {' and '.join(named)} are added up over the whole picture; "
                + (able if facts.walls is not None else f"{facts.id} does not keep characters apart")
            )
            return {}
        if model.settings.get(COMPILED):
            self.about.refuse(
                (*placed.where, "apart" if shot.apart else "prompt"),
                f"compiled blocks of model '{model.name}' do not keep {' and '.join(named)} apart; write "
                "`apart: none`, or do not have them compiled",
            )
            return {}
        who = [one for one in shot.apart or named if one in learned]
        words = [compose_strip(film, placed.scene, shot, one, who) for one in who]
        return {"who": who, "words": words, "walls": round(facts.walls * model.steps)}

    def _given(self, placed: Placed, given: Start | End, key: str, name: str) -> Input:
        """The picture that the shot's `key` gives it; the step that takes it from another shot is `name`."""
        film = self.film
        if given.image is not None:
            self.about.fits(given.image, "image", (*placed.where, key, "image"))
            return self.about.source(given.image)
        assert given.from_ is not None
        other_name = given.from_ if "/" in given.from_ else f"{placed.scene.id}/{given.from_}"
        other = self.placed[other_name]
        picture = self.of(other)
        at = given.at
        frame = 0 if at == "first" else other.picture - 1 if at == "last" else int(at)
        params = {
            "frame": frame + self.head(other.shot),
            "fps": rate_text(film.fps),
            "native": rate_text(self.rates[other_name]),
        }
        step = Step("frame", name, params, {"picture": picture}, placed.name)
        return Made(self.into.add(step).name)


def _segments(
    film: Film,
    about: Surroundings,
    into: Outline,
    pictures: _Pictures,
    codec: dict[str, Any],
    suffix: str,
) -> Iterator[str]:
    """The pieces of the cut in order: a shot's own frames, and each overlap as a piece of its own."""
    common = {"size": [*film.size], "fps": rate_text(film.fps), **codec}
    burnt = into.timeline.captions if film.captions in ("burn", "both") else ()
    graded: set[str] = set()

    def picture(placed: Placed, skip: int, role: str, inputs: dict[str, Input]) -> dict[str, Any]:
        made = pictures.of(placed)
        inputs[role] = made
        style = film.style_of(placed.scene, placed.shot)
        lut = film.styles[style].lut if style and placed.shot.kind != "title" else None
        if style and lut:
            if lut not in graded:
                graded.add(lut)
                about.fits(lut, "lut", ("styles", style, "lut"))
            inputs[f"{role}.grade"] = about.source(lut)
        return {
            "first": pictures.head(placed.shot) + placed.first + skip,
            "native": rate_text(pictures.rates[placed.name]),
            "fit": placed.shot.fit,
            "footage": placed.shot.kind == "clip",
        }

    for before, placed in zip((None, *into.timeline.shots), into.timeline.shots, strict=False):
        if placed.overlap_head and before is not None:
            inputs: dict[str, Input] = {}
            join = placed.shot.join
            assert join is not None
            count = placed.overlap_head
            params = {
                **common,
                "count": count,
                "join": "dissolve" if join.dissolve else "wipe",
                "picture": picture(before, before.count - count, "picture", inputs),
                "next": picture(placed, 0, "next", inputs),
                "captions": _listed(within(burnt, placed.at, count)),
            }
            name = f"segment/{placed.name}~join{suffix}"
            yield into.add(Step("segment", name, params, inputs, placed.name)).name
        count = placed.count - placed.overlap_head - placed.overlap_tail
        if count > 0:
            inputs = {}
            params = {
                **common,
                "count": count,
                "picture": picture(placed, placed.overlap_head, "picture", inputs),
                "captions": _listed(within(burnt, placed.at + placed.overlap_head, count)),
                "fade": [placed.fade_head, placed.fade_tail],
            }
            yield into.add(
                Step("segment", f"segment/{placed.name}{suffix}", params, inputs, placed.name)
            ).name
    if film.credits:
        text, roll = about.text(film.credits.text), film.credits.roll
        plate = {
            "of": "credits",
            "text": text,
            "text_size": film.credits.size,
            "count": roll,
            "size": [*film.size],
            "fps": rate_text(film.fps),
        }
        into.add(Step("plate", "plate/credits", plate, {}, "credits"))
        shown = {"first": 0, "native": rate_text(film.fps), "fit": "fill", "footage": False}
        params = {**common, "count": roll, "picture": shown, "captions": [], "fade": [0, 0]}
        name = f"segment/credits{suffix}"
        yield into.add(Step("segment", name, params, {"picture": Made("plate/credits")}, "credits")).name


def _mix_step(film: Film, about: Surroundings, into: Outline) -> str | None:
    timeline = into.timeline
    if not timeline.sounds:
        return None
    inputs: dict[str, Input] = {}
    tracks = []
    for index, heard in enumerate(timeline.sounds):
        about.fits(heard.path, "sound", heard.where)
        if heard.length is not None and heard.length <= 0:
            about.refuse(heard.where, f"{heard.path} begins after the shot it belongs to has ended")
        inputs[f"track.{index:03}"] = about.source(heard.path)
        tracks.append(
            {
                "role": heard.role,
                "at": heard.at,
                "length": heard.length,
                "offset": heard.offset,
                "gain": heard.gain,
                "duck": heard.duck,
                "fade_in": heard.fade_in,
                "fade_out": heard.fade_out,
            }
        )
    params = {
        "samples": samples(timeline.frames, film.fps),
        "loudness": film.loudness,
        "tracks": tracks,
    }
    return into.add(Step("mix", "mix", params, inputs, "mix")).name


def _cut_step(film: Film, into: Outline, name: str, codec: str, segments: list[str], mix: str | None) -> Step:
    timeline = into.timeline
    inputs: dict[str, Input] = {f"segment.{i:05}": Made(s) for i, s in enumerate(segments)}
    if mix:
        inputs["mix"] = Made(mix)
    captioned = film.captions in ("file", "both")
    params = {
        "fps": rate_text(film.fps),
        "codec": codec,
        "frames": timeline.frames,
        "captions": _listed(timeline.captions) if captioned else [],
    }
    return Step("cut", f"cut/{name}", params, inputs, name)


def _listed(captions: Iterable[Caption]) -> list[list[Any]]:
    """Captions as they stand in params."""
    return [[c.text, c.first, c.last] for c in captions]
