"""What another environment made is kept and named, and made anew only when that is asked for."""

from __future__ import annotations

import io
import json
import types
from pathlib import Path
from typing import Any

import pytest

import filmforge
from filmforge.building import environment, worker
from filmforge.building.environment import differences, environment_of
from filmforge.building.worker import StoredKeep
from filmforge.errors import UsageError
from filmforge.store import Store
from tests.building.studio import Studio, write_project
from tests.cli.conftest import Run

OLD = {"filmforge": "0.1.0", "torch": "2.5.0", "diffusers": "0.36.0"}
NEW = OLD | {"torch": "2.6.0"}
RENDERS = {
    "render/one/wide@7",
    "render/one/close@3",
    "render/one/many@1",
    "render/one/many@2",
    "render/two/bear@5",
}
"""And that of one/free, whose seed is drawn."""
LORAS = {"lora/mira@hero", "lora/otto@hero"}


def made_in(versions: dict[str, str], device: str = "cpu") -> dict[str, Any]:
    return {"versions": versions, "device": device}


def here(monkeypatch: pytest.MonkeyPatch, versions: dict[str, str]) -> None:
    monkeypatch.setattr(environment, "versions_here", lambda: versions)


@pytest.fixture
def old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Studio:
    """A film that was built with an older torch than is here now."""
    here(monkeypatch, OLD)
    studio = write_project(tmp_path / "film")
    studio.build(provenance=made_in(OLD))
    here(monkeypatch, NEW)
    return studio


class TestNamed:
    def test_nothing_runs_after_an_upgrade_and_the_plan_names_what_is_older(self, old: Studio) -> None:
        """Renders and LoRAs are named with what differs; pieces of the cut are not; a build makes nothing."""
        planned = filmforge.plan(filmforge.load(old.film))
        assert planned.resolution.stale() == []
        assert set(planned.elsewhere) == {n for n, p in planned.steps.items() if p.step.device}
        assert set(planned.elsewhere) > RENDERS | LORAS
        assert planned.elsewhere["render/one/wide@7"] == ["torch 2.5.0 -> 2.6.0"]
        old.build(provenance=made_in(NEW))
        assert old.ran == set()

    def test_plan_says_so_in_text_and_in_json(self, old: Studio, run: Run) -> None:
        """One line a step, and the command that would make them anew."""
        said = run("plan", old.film).out
        assert "render/two/bear@5 came from another environment: torch 2.5.0 -> 2.6.0" in said
        assert "--refresh" in said
        data = json.loads(run("plan", old.film, "--json").out)
        assert {"step": "lora/mira@hero", "differs": ["torch 2.5.0 -> 2.6.0"]} in data["elsewhere"]
        assert {step["state"] for step in data["steps"]} == {"cached"}

    def test_another_device_is_named_once_this_machine_used_one(self, old: Studio, monkeypatch: Any) -> None:
        """Until a build here has used a device nothing is said of devices; the versions being equal, nothing at all."""
        here(monkeypatch, OLD)
        assert filmforge.plan(filmforge.load(old.film)).elsewhere == {}
        old.edit(lambda text: text.replace("seed: 5", "seed: 6"))
        old.build(provenance=made_in(OLD, "cuda"))
        assert filmforge.plan(filmforge.load(old.film)).elsewhere["render/one/wide@7"] == [
            "device cpu -> cuda"
        ]

    def test_records_that_tell_nothing_are_not_accused(self, built_film: Studio) -> None:
        """A result of which no environment is known counts as it is."""
        assert filmforge.plan(filmforge.load(built_film.film)).elsewhere == {}


@pytest.fixture
def built_film(tmp_path: Path) -> Studio:
    studio = write_project(tmp_path / "plain")
    studio.build()
    return studio


class TestRefresh:
    def test_equal_bytes_spare_what_follows(self, old: Studio) -> None:
        """All renders and LoRAs run; since each comes out with the same bytes, nothing else does."""
        done = old.build(provenance=made_in(NEW), refresh=())
        assert old.kinds() == {"lora": 2, "render": 6}
        assert dict(done.ran) == {"lora": 2, "render": 6}
        assert filmforge.plan(filmforge.load(old.film)).elsewhere == {}

    def test_other_bytes_carry_on(self, old: Studio) -> None:
        """Where bytes differ, what is made from them runs; afterwards nothing is left to refresh."""
        old.build(provenance=made_in(NEW), refresh=(), salt="rounded otherwise")
        assert old.kinds() == {"lora": 2, "render": 6, "frame": 1, "segment": 6, "cut": 1}
        assert filmforge.plan(filmforge.load(old.film)).elsewhere == {}
        old.build(provenance=made_in(NEW), refresh=())
        assert old.ran == set()

    @pytest.mark.parametrize(
        ("name", "ran"),
        [
            ("two/bear", {"render/two/bear@5"}),
            ("two", {"render/two/bear@5"}),
            ("one/many", {"render/one/many@1", "render/one/many@2"}),
            ("mira", {"lora/mira@hero"}),
        ],
    )
    def test_only_what_is_named(self, old: Studio, name: str, ran: set[str]) -> None:
        """A shot means its takes, a scene its shots, a character its LoRAs."""
        old.build(provenance=made_in(NEW), refresh=(name,))
        assert old.ran == ran

    def test_what_is_from_here_is_left_alone(self, old: Studio) -> None:
        """A shot that was made here is not made again, however often it is named."""
        old.build(provenance=made_in(NEW), refresh=("two/bear",))
        old.build(provenance=made_in(NEW), refresh=("two/bear",))
        assert old.ran == set()

    def test_halfway_results_of_the_other_environment_do_not_count(self, old: Studio) -> None:
        """A step that is refreshed is told to use no latents or texts of another environment; others are not."""
        old.build(provenance=made_in(NEW), refresh=("two/bear",), salt="x")
        assert old.executor.tasks["render/two/bear@5"].hints["anew"] is True
        assert "anew" not in old.executor.tasks["cut/main"].hints

    def test_unknown_name(self, old: Studio) -> None:
        """A name that is not in the film is an error with the nearest that is."""
        with pytest.raises(UsageError, match="did you mean 'two/bear'"):
            old.build(refresh=("two/baer",))

    def test_command_line(self, old: Studio, run: Run) -> None:
        """With and without a name; a film written in the shot's place gets a word of explanation."""
        shown = json.loads(run("build", old.film, "--refresh", "two/bear", "--dry-run", "--json").out)
        stale = [step["step"] for step in shown["steps"] if step["state"] == "run"]
        assert stale == ["render/two/bear@5"]
        shown = json.loads(run("build", old.film, "--dry-run", "--json", "--refresh").out)
        assert shown["totals"]["kinds"]["run"] == {"lora": 2, "render": 6}
        ended = run("build", "--refresh", old.film)
        assert ended.status == 2
        assert "filmforge build FILM --refresh" in ended.err


class TestHalfway:
    def test_of_another_environment_counts_unless_anew(self, tmp_path: Path) -> None:
        """Latents of another environment are used as they are; a refresh makes them again, once."""
        store = Store(tmp_path / "store")

        def kept(environment: str, anew: bool) -> str:
            keep = StoredKeep(store, "render/a", lambda: environment, anew)
            found = keep.find("latents", {"seed": 1}) or keep.put(
                "latents", {"seed": 1}, ".txt", lambda path: path.write_text(environment) and None
            )
            return found.read_text()

        assert kept("torch 1", False) == "torch 1"
        assert kept("torch 2", False) == "torch 1"
        assert kept("torch 2", True) == "torch 2"
        assert kept("torch 2", True) == "torch 2"
        assert StoredKeep(store, "render/a", lambda: "torch 2", True).find("latents", {"seed": 1}) is not None

    def test_checkpoints_of_other_versions_are_left_behind(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A training that is made anew does not go on from where another version stopped; any other does."""
        store = Store(tmp_path / "store")
        key = "0" * 64

        def scratch(torch: str, anew: bool) -> Path:
            monkeypatch.setattr(worker, "versions_here", lambda: {"torch": torch})
            return worker.scratch_of(store, key, anew=anew)

        (scratch("1", False) / "checkpoint").write_text("half")
        assert (scratch("2", False) / "checkpoint").exists()
        assert not (scratch("2", True) / "checkpoint").exists()
        (scratch("2", True) / "checkpoint").write_text("half")
        assert (scratch("2", True) / "checkpoint").exists()


class TestRecorded:
    def test_what_a_worker_says_of_itself(self, tmp_path: Path) -> None:
        """With a model loaded: every deciding version and the device. Without: nothing of what had no part in it."""
        doing = worker.Worker(Store(tmp_path / "store"), io.StringIO())
        assert set(doing._made_in()["versions"]) - set(worker.MEDIA) == {"python", "filmforge"}
        doing.session.held["model"] = types.SimpleNamespace(device="cpu")
        made_in = doing._made_in()
        assert set(made_in["versions"]) >= {"python", *environment.DECIDING}
        assert made_in["device"] == "cpu"
        assert environment_of(made_in).endswith(", device cpu")


class TestNames:
    def test_one_line(self) -> None:
        """Deciding packages in a fixed order, and the device by its own name where it has one."""
        provenance = {
            "versions": {"torch": "2.6.0", "filmforge": "1.0", "av": "16"},
            "device": "cuda",
            "device_name": "A, B",
        }
        assert environment_of(provenance) == "filmforge 1.0, torch 2.6.0, device A  B"
        assert environment_of({}) == ""

    def test_only_what_both_know_is_compared(self) -> None:
        """A package that one side does not tell of is no difference."""
        assert differences("torch 2.5.0, peft 0.17", {"torch": "2.5.0", "device": "cpu"}) == []
