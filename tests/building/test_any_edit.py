"""Random small films and random edits, against the table as a plain model: what runs is what the table names, and what is
delivered is what a build from nothing would deliver."""

from __future__ import annotations

import itertools
import json
import random
import tempfile
from collections import Counter
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import filmforge
from benchmarks.trivial import TrivialExecutor
from filmforge.building.executor import Task
from filmforge.store.files import Files
from tests.building.studio import write_cube
from tests.building.table import Film, Shot, mended, steps_of
from tests.media import write_photo, write_sound

WORDS = ("fox runs", "fox jumps", "bear sits", "bear waves", "bird sings")
_numbers = itertools.count()


class CoarseExecutor(TrivialExecutor):
    """Two kinds come out alike from different requests, so that early cutoff has something to do.

    A frame shows only the first word of the prompt behind it; a LoRA does not depend on how long it was trained.
    """

    def start(self, task: Task) -> None:
        super().start(task)
        done: Any = self._said[-1]
        if task.kind == "frame":
            [_, [_, params, _]] = json.loads(Path(task.inputs["picture"]).read_text(encoding="utf-8"))
            done.outputs["main"].write_text(words_of(params["prompt"]), encoding="utf-8")
        elif task.kind == "lora":
            asked = [task.params["captions"], sorted(task.digests.values())]
            done.outputs["main"].write_text(json.dumps(asked), encoding="utf-8")


def words_of(prompt: str) -> str:
    """The first of the shot's own words in a whole prompt, which may begin with a character."""
    return next(word for word in prompt.replace(",", " ").split() if word in {w.split()[0] for w in WORDS})


def text_of(film: Film, layout: random.Random) -> str:
    """The film file, in one of many orders and layouts that mean the same."""
    shots = []
    for shot in film.shots:
        data: dict[str, Any] = {"id": shot.id, "lasts": f"{shot.lasts}f"}
        if shot.kind == "prompt":
            data["prompt"] = f"{{mira}} {shot.words}" if shot.who else shot.words
            if shot.takes:
                data |= {"takes": [1, 2], "pick": shot.pick}
            elif shot.seed is not None:
                data["seed"] = shot.seed
            if shot.start:
                data["start"] = {"from": shot.start}
        else:
            data |= {"title": shot.words} if shot.kind == "title" else {"still": "still.png"}
        if shot.styled:
            data["style"] = "storm"
        if shot.trim:
            data["trim"] = {"from": f"{shot.trim}f"}
        if shot.join:
            data["join"] = {shot.join: "6f" if shot.join == "dissolve" else "12f"}
        if shot.says:
            data["says"] = {"narrator": {"text": shot.says, "lasts": "12f"}}
        shots.append(_shuffled(data, layout))
    whole: dict[str, Any] = {
        "filmforge": 1,
        "title": film.title,
        "size": film.size,
        "seed": film.seed,
        "models": {"hero": {"use": "pocket", "steps": film.steps}},
        "model": "hero",
        "characters": {"mira": {"looks": film.looks, "photos": "photos", "lora": {"steps": film.training}}},
        "styles": {"storm": {"prompt": film.storm, "lut": "storm.cube"}},
        "places": {"there": film.place},
        "music": {"file": "theme.wav", "gain": film.gain},
        "loudness": film.loudness,
        "captions": film.captions,
        "deliver": {"main": {"file": "out/film.mp4", "quality": film.quality}},
        "scenes": [{"id": "one", "place": "there", "shots": shots}],
    }
    indent = layout.choice([None, 1, 4])
    comment = layout.choice(["", f"# {layout.random()}\n"])
    return comment + json.dumps(_shuffled(whole, layout), indent=indent)


def _shuffled(data: dict[str, Any], layout: random.Random) -> dict[str, Any]:
    keys = list(data)
    layout.shuffle(keys)
    return {key: data[key] for key in keys}


@cache
def file(name: str, content: int) -> bytes:
    """The bytes of one of the film's files in one of its versions."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        match path.suffix:
            case ".png":
                write_photo(path, (40 * content % 256, 10, 10 if name == "still.png" else 99))
            case ".cube":
                write_cube(path, 1 - 0.1 * content)
            case _:
                write_sound(path, 0.25, hertz=400.0 + 10 * content)
        return path.read_bytes()


FILES = {"photo": "photo.png", "still": "still.png", "grade": "storm.cube", "sound": "theme.wav"}


def write(film: Film, folder: Path, layout: random.Random) -> Path:
    """The film and its files; what is there already is written again, for a date is no content."""
    (folder / "photos").mkdir(parents=True, exist_ok=True)
    for what, name in FILES.items():
        path = folder / ("photos/photo.png" if what == "photo" else name)
        path.write_bytes(file(name, film.contents[what]))
    (folder / "film.yaml").write_text(text_of(film, layout), encoding="utf-8")
    return folder / "film.yaml"


def build(film: Path) -> tuple[list[str], bytes]:
    """The steps that were carried out, and the delivered film."""
    project = filmforge.load(film)
    executor = CoarseExecutor(project.store_root / "tmp" / f"work-{next(_numbers)}")
    result = filmforge.build(project, executor=executor)
    assert result.ok
    return executor.ran, (film.parent / "out/film.mp4").read_bytes()


shots = st.builds(
    Shot,
    id=st.just(""),
    kind=st.sampled_from(["prompt", "prompt", "prompt", "title", "still"]),
    words=st.sampled_from(WORDS),
    who=st.booleans(),
    seed=st.sampled_from([1, 2, None]),
    takes=st.sampled_from([False, False, True]),
    lasts=st.sampled_from([46, 48, 60]),
    trim=st.sampled_from([0, 0, 6]),
    join=st.sampled_from([None, None, "dissolve", "fade"]),
    says=st.sampled_from([None, None, "Hello.", "Goodbye."]),
    styled=st.booleans(),
)


@st.composite
def films(draw: st.DrawFn) -> Film:
    made: list[Shot] = []
    for index in range(draw(st.integers(1, 4))):
        earlier = [s.id for s in made if s.kind == "prompt"]
        shot = replace(draw(shots), id=f"s{index}")
        if shot.kind == "prompt" and earlier and draw(st.booleans()):
            shot = replace(shot, start=draw(st.sampled_from(earlier)))
        made.append(shot)
    return mended(Film(tuple(made)))


SINGLE: dict[str, tuple[Any, ...]] = {
    "seed": (1, 2),
    "size": ("64x36", "32x18"),
    "steps": (3, 4),
    "place": ("cliff", "beach"),
    "storm": ("rain", "snow"),
    "looks": ("red", "blue"),
    "training": (9, 10),
    "gain": (-10, -12),
    "loudness": (-16, -20),
    "quality": (20, 30),
    "captions": ("file", "burn", "none"),
    "title": ("Film", "Another"),
}
OF_SHOT: dict[str, tuple[Any, ...]] = {
    "words": WORDS,
    "who": (True, False),
    "seed": (1, 2, None),
    "takes": (True, False),
    "pick": (1, 2),
    "lasts": (46, 48, 60),
    "trim": (0, 6),
    "join": (None, "dissolve", "fade"),
    "says": (None, "Hello.", "Goodbye."),
    "styled": (True, False),
}


Edit = tuple[str, str]
"""What is edited (`film`, `file`, `shot`, or how the shots are), and which value of it."""

EDITS: list[Edit] = [
    *(("film", name) for name in sorted(SINGLE)),
    *(("file", name) for name in sorted(Film(()).contents)),
    *(("shot", name) for name in sorted(OF_SHOT)),
    *(("shots", how) for how in ("add", "remove", "move", "start")),
    ("back", ""),
    ("nothing", ""),
]


@st.composite
def edited(draw: st.DrawFn, film: Film, edit: Edit, past: list[Film]) -> Film:
    """The film after one edit, to another value than it has: of it, of a shot, of a file; or a film of before."""
    all_shots = list(film.shots)
    index = draw(st.integers(0, len(all_shots) - 1))
    match edit:
        case ("film", name):
            others = [value for value in SINGLE[name] if value != getattr(film, name)]
            return replace(film, **{name: draw(st.sampled_from(others))})
        case ("file", name):
            return replace(film, contents={**film.contents, name: 1 - film.contents[name]})
        case ("shot", name):
            others = [value for value in OF_SHOT[name] if value != getattr(all_shots[index], name)]
            all_shots[index] = replace(all_shots[index], **{name: draw(st.sampled_from(others))})
        case ("shots", "add"):
            number = max(int(shot.id[1:]) for shot in all_shots) + 1
            all_shots.insert(index, replace(draw(shots), id=f"s{number}"))
        case ("shots", "remove") if len(all_shots) > 1:
            del all_shots[index]
        case ("shots", "move"):
            all_shots.insert(draw(st.integers(0, len(all_shots) - 1)), all_shots.pop(index))
        case ("shots", "start"):
            earlier = [s.id for s in all_shots if int(s.id[1:]) < int(all_shots[index].id[1:])]
            other = draw(st.sampled_from([*earlier, None]))
            all_shots[index] = replace(all_shots[index], start=other)
        case ("back", _):
            return draw(st.sampled_from(past))
    return mended(replace(film, shots=tuple(all_shots)))


@pytest.fixture(scope="module", autouse=True)
def no_waiting_for_the_disk() -> Any:
    """Hundreds of builds: what a power loss would take is tested elsewhere."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Files, "sync_file", lambda self, path: None)
        patch.setattr(Files, "sync_dir", lambda self, path: None)
        yield


@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    phases=(Phase.generate,),  # shrinking takes minutes, and the film that failed is small already
    suppress_health_check=list(HealthCheck),
)
@given(data=st.data())
def test_what_runs_is_what_the_table_names(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """After any edits in any order, exactly the steps run that were never made from the same, once each; and the film
    is, to the byte, that of a store that knows nothing."""
    base = tmp_path_factory.mktemp("any")
    film = data.draw(films())
    past, known = [film], set()
    edits = data.draw(st.permutations(EDITS))[:14]
    for number, edit in enumerate((None, *edits)):
        if edit is not None:
            film = data.draw(edited(film, edit, past))
            past.append(film)
        layout = random.Random(data.draw(st.integers(0, 9)))
        ran, delivered = build(write(film, base / "film", layout))
        expected = [step for step in dict.fromkeys(steps_of(film)) if step not in known]
        assert kinds(ran) == Counter(kind for kind, _ in expected), f"after {edit}: {film} ran {ran}"
        known |= set(expected)
        if number % 7 == 0:
            fresh, of_nothing = build(write(film, base / f"fresh-{number}" / "film", layout))
            assert kinds(fresh) == Counter(kind for kind, _ in set(steps_of(film)))
            assert delivered == of_nothing, f"after {edit}: a stale result was delivered of {film}"


def kinds(names: list[str]) -> Counter[str]:
    return Counter(name.split("/")[0] for name in names)
