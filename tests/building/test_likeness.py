"""Takes that are measured, and further ones where they fall short: what runs, what is picked, and what runs again."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

import filmforge
from benchmarks.trivial import TrivialExecutor
from filmforge.building.events import Event, Finished, Noted
from filmforge.building.executor import Done, Task
from filmforge.language.seeds import further
from filmforge.steps import pick
from filmforge.steps.work import Session, Work
from tests.cli.conftest import Ended
from tests.media import write_photo

FILM = """\
filmforge: 1
size: 64x36
characters:
  mira: {looks: a girl, photos: photos/mira, likeness: 0.5, retry: 3}
  otto: {looks: a bear, photos: photos/otto}
scenes:
  - id: a
    shots:
      - {id: one, prompt: "{mira} walks", lasts: 1s, seed: 7}
      - {id: two, prompt: "{otto} waves", lasts: 1s, start: {from: one, at: last}, seed: 3}
"""
FIRST, SECOND, THIRD = (further(7, number) for number in (1, 2, 3))


class Measuring(TrivialExecutor):
    """Says of each seed how like it is, picks as the build does, and makes all else in no time."""

    def __init__(self, folder: Path, likeness: Mapping[int, Mapping[str, float]]) -> None:
        super().__init__(folder)
        self.likeness = likeness

    def start(self, task: Task) -> None:
        super().start(task)
        done = self._said[-1]
        assert isinstance(done, Done)
        if task.kind == "likeness":
            found = self.likeness[int(task.name.rsplit("@", 1)[1])]
            report = {who: {"likeness": value} for who, value in found.items()}
            done.outputs["main"].write_text(json.dumps(report), encoding="utf-8")
        elif task.kind == "pick":
            folder = done.outputs["main"].parent
            self._said[-1] = Done(task.name, carried_out(task, folder), {}, 0.001)


def carried_out(task: Task, folder: Path) -> Mapping[str, Path]:
    work = Work(
        task.kind, task.name, task.params, {r: Path(p) for r, p in task.inputs.items()}, task.digests, {},
        folder, folder, folder, None, Session(), lambda *_: None, print, lambda *_: None,  # type: ignore[arg-type]
    )  # fmt: skip
    pick.run(work)
    return work.outputs


class Set:
    """A film on disk, built as often as one likes, with the likeness of each seed as given."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.film = folder, folder / "film.yaml"
        for who, blue in (("mira", 10), ("otto", 200)):
            for index in range(3):
                write_photo(folder / f"photos/{who}/{index}.png", (60 * index, 40, blue))
        self.write(FILM)
        self.builds = 0
        self.events: list[Event] = []

    def write(self, text: str) -> None:
        self.film.write_text(text, encoding="utf-8")

    def build(self, likeness: Mapping[int, float], **options: Any) -> list[str]:
        """The names of the steps that ran."""
        self.builds += 1
        self.events = []
        executor = Measuring(
            self.folder / f"work{self.builds}", {seed: {"mira": value} for seed, value in likeness.items()}
        )
        result = filmforge.build(
            filmforge.load(self.film), executor=executor, on_event=self.events.append, **options
        )
        assert result.ok, result.done
        return executor.ran

    def plan(self) -> filmforge.Plan:
        return filmforge.plan(filmforge.load(self.film))

    @property
    def notes(self) -> list[str]:
        return [event.message for event in self.events if isinstance(event, Noted)]


@pytest.fixture
def studio(tmp_path: Path) -> Set:
    return Set(tmp_path)


def renders(ran: list[str]) -> list[str]:
    return [name for name in ran if name.startswith("render/a/one")]


class TestFurtherTakes:
    def test_none_where_the_first_is_like_enough(self, studio: Set) -> None:
        """What is not needed is not rendered, and the shot's picture is the declared take's."""
        ran = studio.build({7: 0.5})
        assert renders(ran) == ["render/a/one@7"]
        assert "base/a/one@7" in ran and "likeness/a/one@7" in ran
        assert studio.plan().verdicts["a/one"].seed == 7
        assert not studio.notes

    def test_one_after_another_until_one_is_like_enough(self, studio: Set) -> None:
        """Seeds are tried in their order, and those after the first that is like enough are spared."""
        ran = studio.build({7: 0.2, FIRST: 0.3, SECOND: 0.6, THIRD: 0.9})
        assert renders(ran) == [f"render/a/one@{seed}" for seed in (7, FIRST, SECOND)]
        verdict = studio.plan().verdicts["a/one"]
        assert (verdict.seed, sorted(verdict.takes)) == (SECOND, sorted([7, FIRST, SECOND]))
        assert studio.notes == [f"a/one: take {SECOND} is in the cut, the likest of 3"]
        skipped = [e.step for e in studio.events if isinstance(e, Finished) and e.state == "skipped"]
        assert f"render/a/one@{THIRD}" in skipped

    def test_the_likest_where_none_is_like_enough(self, studio: Set) -> None:
        """And it warns, with the figure and the take."""
        studio.build({7: 0.2, FIRST: 0.4, SECOND: 0.1, THIRD: 0.3})
        verdict = studio.plan().verdicts["a/one"]
        assert verdict.seed == FIRST
        warning = f"a/one: mira's likeness is 0.40, under 0.5 (take {FIRST}, the likest of 4 takes)"
        assert warning in studio.notes
        assert warning in studio.plan().notes

    def test_the_picture_is_that_take_s_to_the_byte(self, studio: Set) -> None:
        """So that choosing costs no encoding, and what starts from the shot starts from what is seen."""
        studio.build({7: 0.2, FIRST: 0.6})
        steps = studio.plan().steps
        records = {name: planned.record for name, planned in steps.items() if planned.record}
        chosen = records["pick/a/one"].outputs["main"]
        assert chosen == records[f"render/a/one@{FIRST}"].outputs["main"]
        assert records["segment/a/one"].inputs["picture"] == chosen.digest
        assert records["frame/a/two"].inputs["picture"] == chosen.digest

    def test_the_film_file_is_left_alone(self, studio: Set) -> None:
        studio.build({7: 0.2, FIRST: 0.6})
        assert studio.film.read_text(encoding="utf-8") == FILM

    def test_a_take_picked_by_hand_stays(self, studio: Set) -> None:
        """It is measured and warned of; no further one is rendered."""
        studio.write(FILM.replace("seed: 7", "takes: [7, 8], pick: 8"))
        assert set(renders(studio.build({7: 0.9, 8: 0.1}))) == {"render/a/one@7", "render/a/one@8"}
        assert studio.notes == ["a/one: mira's likeness is 0.10, under 0.5 (take 8)"]

    def test_takes_of_the_film_are_tried_before_further_ones(self, studio: Set) -> None:
        studio.write(FILM.replace("seed: 7", "takes: [7, 8]"))
        assert renders(studio.build({7: 0.1, 8: 0.8})) == ["render/a/one@7", "render/a/one@8"]
        assert studio.plan().verdicts["a/one"].seed == 8

    def test_two_characters_are_weighed_by_the_worse_of_them(self, tmp_path: Path) -> None:
        """One likest for her alone is of no use."""
        studio = Set(tmp_path)
        studio.write(
            FILM.replace("photos: photos/otto}", "photos: photos/otto, likeness: 0.3}").replace(
                "{mira} walks", "{mira} and {otto} walk"
            )
        )
        found = {7: (0.9, 0.0), FIRST: (0.4, 0.2), SECOND: (0.1, 0.9), THIRD: (0.0, 0.0), 3: (0.9, 0.9)}
        executor = Measuring(tmp_path / "w", {s: {"mira": m, "otto": o} for s, (m, o) in found.items()})
        assert filmforge.build(filmforge.load(studio.film), executor=executor).ok
        assert studio.plan().verdicts["a/one"].seed == FIRST


class TestWhatRunsAgain:
    SHORT: Mapping[int, float] = {7: 0.2, FIRST: 0.4, SECOND: 0.1, THIRD: 0.3}

    def test_nothing_the_second_time(self, studio: Set) -> None:
        studio.build(self.SHORT)
        assert studio.plan().resolution.stale() == []
        assert studio.build({}) == []

    def test_nothing_the_second_time_where_takes_were_spared(self, studio: Set) -> None:
        """What was spared is in no plan any more."""
        studio.build({7: 0.2, FIRST: 0.6})
        assert f"render/a/one@{SECOND}" not in studio.plan().steps
        assert studio.build({}) == []

    def test_retry_added_later_renders_no_take_twice(self, studio: Set) -> None:
        studio.write(FILM.replace(", retry: 3", ""))
        assert renders(studio.build({7: 0.2})) == ["render/a/one@7"]
        studio.write(FILM)
        ran = studio.build({FIRST: 0.7})
        assert renders(ran) == [f"render/a/one@{FIRST}"]

    def test_likeness_alone_changes_no_key(self, studio: Set) -> None:
        """A film that was built before it asked for likeness is measured, and not rendered or encoded again."""
        studio.write(FILM.replace(", likeness: 0.5, retry: 3", ""))
        studio.build({})
        assert not any(s.split("/")[0] in ("base", "likeness", "pick") for s in studio.plan().steps)
        studio.write(FILM.replace(", retry: 3", ""))
        assert studio.build({7: 0.9}) == ["base/a/one@7", "likeness/a/one@7"]

    def test_another_threshold_measures_nothing_again(self, studio: Set) -> None:
        """It picks, and renders what it then needs."""
        studio.build({7: 0.2, FIRST: 0.6, SECOND: 0.8})
        studio.write(FILM.replace("likeness: 0.5", "likeness: 0.7"))
        ran = studio.build({SECOND: 0.8})
        assert renders(ran) == [f"render/a/one@{SECOND}"]
        assert not any(name in ran for name in ("likeness/a/one@7", f"likeness/a/one@{FIRST}"))
        studio.write(FILM)
        assert studio.build({}) == []

    def test_another_embedder_trains_and_renders_nothing(self, studio: Set) -> None:
        """It measures the takes again; which weights of a LoRA are kept is none of its business."""
        studio.build({7: 0.6})
        folder = studio.folder / "dino"
        folder.mkdir()
        (folder / "config.json").write_text('{"model_type": "dinov2", "image_size": 28}', encoding="utf-8")
        (folder / "preprocessor_config.json").write_text("{}", encoding="utf-8")
        (folder / "model.safetensors").write_bytes(b"weights")
        studio.write(FILM.replace("size: 64x36", "size: 64x36\nembedder: ./dino"))
        assert studio.build({7: 0.7}) == ["likeness/a/one@7", "pick/a/one"]

    def test_more_retries_than_are_needed_run_nothing(self, studio: Set) -> None:
        studio.build({7: 0.2, FIRST: 0.6})
        studio.write(FILM.replace("retry: 3", "retry: 9"))
        assert studio.build({}) == []

    def test_another_name_of_the_shot_tries_the_same_seeds(self, studio: Set) -> None:
        """It has a seed of its own: further ones are drawn from that."""
        studio.build(self.SHORT)
        studio.write(FILM.replace("id: one", "id: uno").replace("from: one", "from: uno"))
        assert not any("uno" in name for name in studio.build({}))

    def test_a_further_take_lost_is_made_again_and_nothing_else(self, studio: Set) -> None:
        studio.build({7: 0.2, FIRST: 0.6})
        planned = studio.plan()
        record = planned.steps[f"likeness/a/one@{FIRST}"].record
        assert record is not None
        path = planned.store.blobs.path(record.outputs["main"].digest)
        path.unlink()
        assert studio.build({FIRST: 0.6}) == [f"likeness/a/one@{FIRST}"]


class TestThePlan:
    def test_further_takes_wait(self, studio: Set) -> None:
        """They run only if the take before falls short, and `plan` says so."""
        steps = studio.plan().steps
        waiting = steps[f"render/a/one@{FIRST}"]
        assert waiting.state == "waits"
        assert waiting.because == ("only if likeness/a/one@7 falls short",)

    def test_only_the_shot(self, studio: Set) -> None:
        ran = studio.build({7: 0.2, FIRST: 0.6}, only=["a/one"])
        assert "likeness/a/one@7" in ran and "pick/a/one" in ran
        assert not any("a/two" in name for name in ran)

    def test_a_character_without_a_lora_here_is_not_measured(self, studio: Set) -> None:
        """Storyboard cards are drawn, and nobody's likeness is in them."""
        studio.write(FILM.replace("size: 64x36", "size: 64x36\nmodel: animatic"))
        assert not any(s.split("/")[0] in ("base", "likeness", "pick") for s in studio.plan().steps)

    def test_one_photo_is_too_few(self, studio: Set) -> None:
        for index in (1, 2):
            (studio.folder / f"photos/mira/{index}.png").unlink()
        with pytest.raises(filmforge.FilmError, match=r"photos/mira holds 1, give 2 or more"):
            studio.plan()

    def test_status_and_show_say_it(self, studio: Set, run: Callable[..., Ended]) -> None:
        """The figure of the take in the cut, every take in JSON, and a note where it is under what is asked."""
        studio.build({7: 0.2, FIRST: 0.4, SECOND: 0.1, THIRD: 0.3})
        said = run("status", studio.film).out
        assert f"mira 0.40 (take {FIRST})" in said
        assert "mira's likeness is 0.40, under 0.5" in said
        shots = json.loads(run("status", studio.film, "--json").out)["shots"]
        assert shots[0]["likeness"]["takes"]["7"] == {"mira": 0.2}
        assert shots[0]["likeness"]["take"] == FIRST
        assert "likeness" not in shots[1]
        steps = json.loads(run("plan", studio.film, "--json").out)["steps"]
        assert {s["step"]: s.get("likeness") for s in steps}["likeness/a/one@7"] == {"mira": 0.2}
        told = json.loads((studio.folder / "out" / f"{studio.folder.name}.mp4.json").read_text())
        assert told["shots"][0]["rendered"]["seed"] == FIRST
