"""`take` and `pick`: a fresh take is written into the film and rendered, and the cut keeps its pick until told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run

FILM = """\
filmforge: 1
size: 64x36
fps: 8
model: animatic
scenes:
  - id: a
    shots:
      - id: one   # the gull
        prompt: a gull over the sea
        lasts: 4f
        seed: 7
      - {id: two, still: x.png, lasts: 4f}
profiles:
  other: {scenes: [{id: b, shots: [{id: one, prompt: a fox, lasts: 4f, seed: 1}]}]}
"""


@pytest.fixture
def film(tmp_path: Path) -> Path:
    from tests.media import write_photo

    write_photo(tmp_path / "x.png", (230, 220, 190), (60, 40))
    path = tmp_path / "film.yaml"
    path.write_text(FILM, encoding="utf-8")
    return path


def test_a_take_and_its_pick(run: Run, film: Path) -> None:
    """Only the take asked for is rendered; it is named with the command that puts it in the cut."""
    took = run("take", film, "a/one", "--seed", 9)
    assert took.status == 0, took.err
    assert f"a/one: take 9; to put it in the cut: filmforge pick {film} a/one 9" in took.out
    assert "render/a/one@9" in took.out
    assert "render/a/one@7" not in took.out
    assert "takes: [7, 9]" in film.read_text(encoding="utf-8")
    assert not (film.parent / "out").exists()

    picked = run("pick", film, "a/one", 9)
    assert (picked.status, picked.out) == (0, "a/one: take 9 is in the cut\n")
    text = film.read_text(encoding="utf-8")
    assert "pick: 9" in text
    assert "# the gull" in text


def test_as_data(run: Run, film: Path) -> None:
    """Every line of a take is one JSON object, the first names it; a pick is one object."""
    took = run("take", film, "a/one", "--json")
    assert took.status == 0, took.err
    first, *events = [json.loads(line) for line in took.out.splitlines()]
    assert (first["event"], first["shot"]) == ("take", "a/one")
    step = f"render/a/one@{first['seed']}"
    assert [e["state"] for e in events if e["event"] == "step" and e["step"] == step] == ["ran"]
    assert events[-1]["event"] == "film"
    picked = run("pick", film, "a/one", first["seed"], "--json")
    assert json.loads(picked.out) == {"film": str(film), "shot": "a/one", "pick": first["seed"]}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("take", "a/one", "--seed", 7), "has a take 7 already"),
        (("take", "a/two"), "is not a generated shot"),
        (("take", "a/onne"), "did you mean 'a/one'?"),
        (("take", "a/one", "--profile", "other"), "with the profile 'other' there is no shot"),
        (("pick", "a/one", 8), "has no take 8; it has 7"),
    ],
)
def test_refused(run: Run, film: Path, arguments: tuple[object, ...], said: str) -> None:
    """Status 2, in words, and the film is as it was."""
    command, *rest = arguments
    ended = run(command, film, *rest)
    assert ended.status == 2
    assert said in ended.err
    assert film.read_text(encoding="utf-8") == FILM
