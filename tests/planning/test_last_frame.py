"""A shot that is given its last frame: what it is made from, how long it is, and what leaves it as it was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import filmforge
from filmforge.planning.step import Made, Step
from tests.conftest import WriteFilm

FILM = """\
fps: 16
seed: 1
models: {{hero: {{use: wan2.2-i2v-a14b, weights: ./weights}}}}
model: hero
handles: {handles}
scenes:
  - id: sea
    shots:
      - {{id: letter, still: letter.png, lasts: 1s}}
      - {{id: wide, prompt: a boat, lasts: {lasts}, seed: 1, start: {{image: letter.png}}{end}}}
      - {{id: close, prompt: a boat, lasts: 17f, seed: 1, model: hero, start: {{image: letter.png}}}}
"""


@pytest.fixture
def steps(write_film: WriteFilm, tmp_path: Path, a14b_folder: Path) -> Any:
    """The steps of the film by name."""
    from tests.media import write_photo

    write_photo(tmp_path / "letter.png", (20, 30, 200))
    (tmp_path / "weights").symlink_to(a14b_folder)

    def plan(end: str = "", lasts: str = "17f", handles: str = "0f") -> dict[str, Step]:
        film = write_film(FILM.format(end=end, lasts=lasts, handles=handles))
        return {name: planned.step for name, planned in filmforge.plan(filmforge.load(film)).steps.items()}

    return plan


@pytest.fixture(scope="module")
def a14b_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.video_models.tiny import save_a14b_like

    return save_a14b_like(tmp_path_factory.mktemp("i2v"), from_image=True)


def test_a_frame_of_another_shot(steps: Any) -> None:
    """Is a step of its own, beside that of the first frame; by default the other shot's first frame."""
    made = steps(", end: close")
    assert made["render/sea/wide@1"].inputs["end"] == Made("frame/sea/wide~end")
    assert made["frame/sea/wide~end"].inputs == {"picture": Made("render/sea/close@1")}
    assert made["frame/sea/wide~end"].params["frame"] == 0
    assert steps(", end: {from: close, at: last}")["frame/sea/wide~end"].params["frame"] == 16


def test_a_picture(steps: Any) -> None:
    """Goes in by its bytes."""
    given = steps(", end: {image: letter.png}")["render/sea/wide@1"].inputs
    assert given["end"] == given["start"]


def test_no_handle_behind_it(steps: Any) -> None:
    """The clip ends with that picture, so that nothing is rendered after it; other shots have their handles."""
    plain = steps("", "13f", "4f")
    given = steps(", end: close", "13f", "4f")
    assert [s["render/sea/wide@1"].params["frames"] for s in (plain, given)] == [17, 13]
    assert given["render/sea/close@1"].params == plain["render/sea/close@1"].params


def test_shots_without_one_keep_their_keys(steps: Any) -> None:
    """The new word is nowhere in what they are made from."""
    step = steps()["render/sea/wide@1"]
    assert set(step.inputs) == {"start"}
    assert "end" not in step.params
