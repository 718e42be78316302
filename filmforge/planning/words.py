"""Why something runs, in words of the film: shots and characters instead of steps, and only the words that differ."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from filmforge.planning import reasons
from filmforge.planning.loras import MODEL, OF_A_STYLE
from filmforge.planning.outlined import Outline
from filmforge.planning.reasons import ABSENT, Reason
from filmforge.planning.resolve import Planned, Resolution
from filmforge.planning.step import Made, Source, Step

MOST_WORDS = 12
"""How many words of a text are shown where it changed as a whole."""

_VERBS = {
    "lora": ("is trained", "may be trained"),
    "render": ("renders", "may render"),
    "base": ("renders", "may render"),
    "likeness": ("is measured", "may be measured"),
    "pick": ("is picked", "may be picked"),
    "frame": ("is taken", "may be taken"),
    "plate": ("is drawn", "may be drawn"),
    "segment": ("is encoded", "may be encoded"),
    "mix": ("is mixed", "may be mixed"),
    "cut": ("is assembled", "may be assembled"),
}
_TEXTS = frozenset({"prompt", "negative", "text"})
_PARAMS = {
    "negative": "negative prompt",
    "model.family": "model",
    "model.weights": "the model's weights",
    "model.precision": "the model's precision",
    "steps": "steps",
    "settings.first_block_cache": "the cache's threshold",
    "settings.taylorseer_cache": "the cache's number of steps",
    "settings.pyramid_attention": "the cache's number of steps",
    "settings.compiled": "whether its blocks are compiled",
    "learning_rate": "learning rate",
    "frames": "number of frames",
    "count": "number of frames",
    "samples": "length of the sound",
    "fps": "frame rate",
    "native": "the picture's own frame rate",
    "picture.native": "the picture's own frame rate",
    "next.native": "the next picture's own frame rate",
    "captions": "captions",
    "quality": "quality of the delivered file",
    "codec": "codec of the delivered file",
    "fade": "fade",
    "text_size": "size of the letters",
    "background": "background",
    "loras": "LoRAs",
    "picture.first": "first frame in the cut",
    "next.first": "first frame of the next shot in the cut",
    "picture.fit": "fit",
    "frame": "the frame that is taken",
    "apart": "how its characters are kept apart",
    "apart.who": "the order of its characters",
    "apart.words": "what is told of each character",
}
_PHOTOS = ("its photos changed", "its photos changed")
"""They are numbered in the order of their digests, so that one more moves the others: no count would be true."""
_TRACK = re.compile(r"tracks\[(\d+)\]\.(\w+)").fullmatch
_LORA = re.compile(r"loras\[(\d+)\]\.(\w+)").fullmatch
_TRACK_WORDS = {"gain": "level", "duck": "ducking", "at": "place", "offset": "beginning"}


class Words:
    """Says of the steps of one plan what becomes of them and why. `outline` tells which seeds are drawn from names."""

    def __init__(self, resolution: Resolution, outline: Outline) -> None:
        self._steps = resolution.steps
        self._drawn = {
            p.name
            for p in outline.timeline.shots
            if p.shot.seed is None and not p.shot.takes and p.shot.prompt
        }
        self._takes = Counter(p.step.subject for p in self._steps.values() if p.step.kind == "render")

    def sentence(self, planned: Planned) -> str:
        """What becomes of a stale step and why, such as `arrival/close renders: prompt changed ("a" -> "b")`."""
        certain, possible = _VERBS.get(planned.step.kind, ("is made", "may be made"))
        verb = possible if planned.state == "waits" else certain
        return f"{self.subject(planned.step)} {verb}: {'; '.join(self.because(planned))}"

    def because(self, planned: Planned) -> list[str]:
        """The reasons of a stale step in words of the film, alike ones put together."""
        given = planned.because
        other_model = [r for r in given if isinstance(r, Reason) and r.path == "model.family"]
        if other_model:  # all the rest follows from it
            given = tuple(other_model)
        said: list[str] = []
        alike: dict[tuple[str, str], int] = {}
        for reason in given:
            if isinstance(reason, Reason) and reason.role.startswith(("segment.", "photo.")):
                alike[_one_and_many(reason)] = alike.get(_one_and_many(reason), 0) + 1
                continue
            words = self._reason(planned.step, reason)
            if words not in said:
                said.append(words)
        for (one, many), count in alike.items():
            said.append(one if count == 1 or one == many else f"{count} {many}")
        return said

    def subject(self, step: Step) -> str:
        """What a step is about, as one speaks of it: a shot, a take, somebody's LoRA, the sound, the film."""
        match step.kind:
            case "lora":
                who, _, model = step.subject.partition("@")
                return f"{who}'s LoRA for {model}"
            case "render":
                several = self._takes[step.subject] > 1
                return step.subject + (f", take {step.params['seed']}," if several else "")
            case "base":
                return f"{step.subject} without its characters' LoRAs, seed {step.params['seed']},"
            case "likeness":
                return f"the likeness of {step.subject}, take {step.name.rsplit('@', 1)[1]},"
            case "pick":
                return f"the take of {step.subject}"
            case "frame":
                return (
                    f"the frame that {step.subject} {'ends' if step.name.endswith('~end') else 'starts'} with"
                )
            case "plate":
                return f"the picture of {step.subject}"
            case "segment":
                if "~join" in step.name:
                    return f"the join into {step.subject}"
                return f"{step.subject}'s piece of the cut"
            case "mix":
                return "the sound"
            case "cut":
                return "the film" if step.subject == "main" else f"the film as '{step.subject}'"
        return step.name

    def _reason(self, step: Step, reason: str) -> str:
        if isinstance(reason, Reason):
            return self._input(step, reason) if reason.role else _param(step, reason)
        if reason == reasons.NEVER_MADE:
            if step.kind == "render" and step.subject in self._drawn:  # so that another name is another shot
                return f"it was never made (its seed, {step.params['seed']}, is drawn from its name)"
            return "it was never made"
        if reason.startswith("only if likeness/"):
            return f"only if take {reason.partition('@')[2].split()[0]} falls short"
        if reason.startswith("environment: "):
            return f"it came from another {reason.replace(': ', ' (', 1)})"
        return reason

    def _input(self, step: Step, reason: Reason) -> str:
        what = _role(reason.role)
        given = step.inputs.get(reason.role)
        if given is None:
            return f"{what} is no longer used"
        if isinstance(given, Source):
            return f"{what}, {given.path}, is new" if reason.how == "new" else f"{given.path} changed"
        if reason.how == "waits":
            return f"{what} {self._where_from(given)}"
        return f"{what} is new" if reason.how == "new" else f"{what} came out different"

    def _where_from(self, given: Made) -> str:
        """What a stale input comes from: the shot behind a frame, and not the frame."""
        planned = self._steps[given.step]
        kind, shot = planned.step.kind, planned.step.subject
        certain, possible = _VERBS.get(kind, ("is made", "may be made"))
        verb = possible if planned.state == "waits" else certain
        if kind in ("lora", "mix"):
            return f"{verb} {'first' if kind == 'lora' else 'anew'}"
        if kind == "frame":
            behind = [self._steps[name] for name in planned.step.made_from()]
            stale = [p for p in behind if p.state != "cached"]
            if not stale:
                return "is taken anew"
            shot = stale[0].step.subject
            verb = "may also render" if stale[0].state == "waits" else "also renders"
            verb = "is drawn anew" if stale[0].step.kind == "plate" else verb
        return f"comes from {shot}, which {verb}"


def changed_words(before: str, after: str) -> tuple[str, str]:
    """The words that differ, with the one before them; both texts cut short where most differs."""
    from difflib import SequenceMatcher

    old, new = before.split(), after.split()
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    if len(old) > 1 and len(new) > 1 and matcher.ratio() >= 0.4:
        olds, news = [], []
        for tag, a, b, c, d in matcher.get_opcodes():
            if tag != "equal":
                back = 1 if a and c else 0
                ahead = 1 if a == b or c == d else 0  # nothing stands on one side: show what surrounds it
                olds.append(" ".join(old[a - back : b + ahead]))
                news.append(" ".join(new[c - back : d + ahead]))
        return _few(" … ".join(olds)), _few(" … ".join(news))
    return _few(before), _few(after)


def _one_and_many(reason: Reason) -> tuple[str, str]:
    """What a piece of the cut or a photo became, and what several did."""
    if reason.role.startswith("photo."):
        return _PHOTOS
    if reason.how == "waits":
        return "a piece of the cut may come out different", "pieces of the cut may come out different"
    return "a piece of the cut changed", "pieces of the cut changed"


def _few(text: str) -> str:
    words = text.strip(" ,;.").split()
    return " ".join(words) if len(words) <= MOST_WORDS else " ".join([*words[:MOST_WORDS], "…"])


def _param(step: Step, reason: Reason) -> str:
    return change(_named(step, reason.path), reason, text=reason.path in _TEXTS)


def change(name: str, reason: Reason, *, text: bool, unit: str = "") -> str:
    """That the value called `name` differs, and how. Of a `text` only the words that do; `unit` follows numbers."""
    before, after = reason.before, reason.after
    if before is ABSENT:
        return f"{name} is {_value(after, unit)}, which is new"
    if after is ABSENT:
        return f"{name} is gone"
    if text and isinstance(before, str) and isinstance(after, str):
        old, new = changed_words(before, after)
        return f'{name} changed ("{old}" -> "{new}")'
    if isinstance(before, (list, dict)) and not _pair(before):
        return f"{name} changed"
    return f"{name} changed ({_value(before, unit)} -> {_value(after, unit)})"


def _named(step: Step, path: str) -> str:
    if path == "size":
        return "the model's picture size" if step.kind in ("render", "base") else "the film's size"
    if path == "join":
        return "kind of join"
    if track := _TRACK(path):
        given = step.inputs.get(f"track.{int(track[1]):03}")
        what = _TRACK_WORDS.get(track[2], track[2].replace("_", " "))
        return f"{what} of {given.path}" if isinstance(given, Source) else what
    if lora := _LORA(path):
        return f"the {lora[2]} of {_whose(step.params['loras'][int(lora[1])]['who'])}"
    return _PARAMS.get(path, path.replace("_", " "))


def _pair(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and len(value) == 2 and all(isinstance(v, int) for v in value)


def _value(value: Any, unit: str = "") -> str:
    if _pair(value):
        return f"{value[0]}x{value[1]}"
    if isinstance(value, str):
        if re.fullmatch(r"[0-9a-f]{64}", value):
            return value[:12]
        return f'"{_few(value)}"' if " " in value else value
    return "none" if value is None else f"{value}{unit if isinstance(value, int) else ''}"


def _whose(who: str) -> str:
    """A LoRA by whose it is."""
    if who.endswith(OF_A_STYLE):
        return f"the LoRA of style {who.removesuffix(OF_A_STYLE)}"
    owner, _, expert = who.partition(".")
    if owner != MODEL:
        return f"{who}'s LoRA"
    return f"the model's LoRA for {expert} noise" if expert else "the model's LoRA"


def _role(role: str) -> str:
    name, _, of = role.partition(".")
    if name == "lora":
        return _whose(of)
    if name in ("take", "likeness"):
        what = "take" if name == "take" else "the likeness of take"
        return f"{what} {of.rsplit('.', 1)[-1]}"
    if of == "grade":
        return "its grade" if name == "picture" else "the next shot's grade"
    words = {
        "start": "its start frame",
        "end": "its end frame",
        "base": "the picture without the LoRAs",
        "picture": "its picture",
        "next": "the next shot's picture",
        "mix": "the sound",
        "still": "its still",
        "clip": "its footage",
        "track": "a sound",
    }
    return words.get(name, role)
