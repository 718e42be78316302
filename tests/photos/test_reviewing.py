"""`filmforge train FILM CHARACTER --photos`: the sheet, the warnings, and captions where there are none."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from filmforge.cli.train import train
from filmforge.errors import FilmError, UsageError, WeightsError
from filmforge.photos.captioning import check_template
from tests.photos.scenes import scene, soft

FILM = """\
filmforge: 1
size: 160x96
fps: 8
model: pocket
characters:
  mira: {looks: a girl in red, photos: photos}
  otto: {looks: a walrus}
scenes: [{id: a, shots: [{id: one, title: x, lasts: 8f}]}]
"""


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """Three photos: a good one with a caption, a soft one and the first once more without."""
    (tmp_path / "film.yaml").write_text(FILM)
    place = tmp_path / "photos"
    place.mkdir()
    scene(1).save(place / "a.png")
    (place / "a.txt").write_text("mira waves,\nin a forest\n")
    soft(scene(2), 4).save(place / "b.png")
    scene(1).save(place / "c.jpg", quality=80)
    return tmp_path / "film.yaml"


def run(film: Path, *arguments: str) -> str:
    ended = CliRunner().invoke(train, [str(film), "mira", "--photos", *arguments], catch_exceptions=False)
    assert ended.exit_code == 0
    return ended.output


def test_the_sheet_and_the_warnings(film: Path) -> None:
    """A picture in the store; a line for each warning; nothing trained, and nothing written beside the photos."""
    sheet = film.parent / ".filmforge" / "photos" / "mira.png"
    before = sorted(film.parent.joinpath("photos").iterdir())
    assert run(film).splitlines() == [
        "b.png: blurred: soft even where it is sharpest (0.82 of 1)",
        "b.png: no caption",
        "c.jpg: no caption",
        "c.jpg: nearly the same as a.png",
        f"3 photos of mira, warnings for 2 of them; the sheet is {sheet}",
        "not judged: whether others are in the pictures too: that takes a detector, so look at the sheet",
    ]
    assert sorted(film.parent.joinpath("photos").iterdir()) == before
    with Image.open(sheet) as image:
        assert image.mode == "RGB"
        reds = np.asarray(image).reshape(-1, 3) == (179, 50, 28)
    assert reds.all(axis=1).any(), "no warning is drawn on the sheet"
    assert [p.name for p in sheet.parent.iterdir()] == ["mira.png"]


def test_as_json(film: Path) -> None:
    """Every photo with its size, the caption it is trained with, and its faults."""
    found = json.loads(run(film, "--json"))
    assert found["character"] == "mira"
    assert found["not_judged"]
    first, second, third = found["photos"]
    assert first == {
        "file": "a.png", "size": [480, 320], "caption": "mira waves, in a forest", "written": True, "faults": [],
    }  # fmt: skip
    assert (second["caption"], second["written"]) == ("mira, a girl in red", False)
    assert [fault["what"] for fault in third["faults"]] == ["no caption", "near-duplicate"]


def test_captions_from_a_template(film: Path) -> None:
    """Written beside the photos that have none, and nowhere else; the second time there is nothing to write."""
    said = run(film, "--caption", "{trigger}, {looks}, {{{name}}}")
    assert "wrote b.txt: mira, a girl in red, {b}" in said
    place = film.parent / "photos"
    assert (place / "a.txt").read_text() == "mira waves,\nin a forest\n"
    assert (place / "c.txt").read_text() == "mira, a girl in red, {c}\n"
    assert "no caption" not in said
    assert "wrote" not in run(film, "--caption", "other")


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("{triger} x", "there is no {triger}"),
        ("{trigger.x} x", "there is no {trigger.x}"),
        ("{trigger!r}", "there is no {trigger}"),
        ("{0}", "there is no {0}"),
        ("{trigger", "`{{` writes a brace"),
        ("{trigger}, {caption}", "name its folder with --captioner"),
    ],
)
def test_a_template_that_cannot_be_filled_in(template: str, said: str) -> None:
    """One sentence, and nothing is written."""
    with pytest.raises(UsageError) as refused:
        check_template(template, described=False)
    assert said in str(refused.value)


def test_a_template_that_leaves_out_what_the_model_sees() -> None:
    """Then the model would run for nothing."""
    with pytest.raises(UsageError, match=r"has no \{caption\}"):
        check_template("{trigger}", described=True)


def test_refusals(film: Path, tmp_path: Path) -> None:
    """No photos, a broken one, captions without --photos, and a captioner that is not there."""
    runner = CliRunner()

    def refused(*arguments: str) -> Exception:
        ended = runner.invoke(train, [str(film), *arguments])
        assert isinstance(ended.exception, Exception)
        return ended.exception

    assert str(refused("otto", "--photos")) == "otto has no photos; name their folder in `photos`"
    assert "add --photos" in str(refused("mira", "--caption", "x"))
    error = refused("mira", "--photos", "--captioner", str(tmp_path / "none"))
    assert isinstance(error, WeightsError)
    assert "there is no such folder" in str(error)
    (film.parent / "photos" / "d.png").write_bytes(b"no picture")
    error = refused("mira", "--photos")
    assert isinstance(error, FilmError)
    assert "photos/d.png" in str(error)
