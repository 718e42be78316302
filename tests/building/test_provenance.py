"""Every result says where it came from, and so does the file beside the delivered film."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

import filmforge
from filmforge.building.unchanged import nothing_to_do
from filmforge.provenance import SCHEMA
from tests.building.studio import Studio, swap
from tests.cli.conftest import Run

MADE_IN = {"versions": {"python": "3.11.7", "torch": "2.6.0"}, "device": "cuda", "device_name": "A GPU"}


@pytest.fixture
def made(studio: Studio) -> Studio:
    """A copy of the built film, made anew where something changed, in a known environment and known git revision."""
    for arguments in (
        ("init", "-q"),
        ("add", "film.yaml"),
        ("-c", "user.name=A", "-c", "user.email=a@example.org", "commit", "-qm", "first"),
    ):
        subprocess.run(["git", "-C", str(studio.folder), *arguments], check=True)
    (studio.folder / ".git/info/exclude").write_text("*\n")
    studio.edit(swap("seed: 7", "seed: 8"))
    studio.build(provenance=MADE_IN)
    return studio


def commit_of(studio: Studio) -> str:
    asked = ["git", "-C", str(studio.folder), "rev-parse", "HEAD"]
    return subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip()


def sidecar(studio: Studio) -> Path:
    return studio.folder / "out/copy.mp4.json"


def shown(run: Run, studio: Studio, name: object) -> list[dict[str, Any]]:
    steps: list[dict[str, Any]] = json.loads(run("show", studio.film, name, "--json").out)["steps"]
    return steps


class TestShow:
    def test_take(self, made: Studio, run: Run) -> None:
        """Prompt in full, seed, model, LoRAs, versions, device, time, and the revision of the film."""
        (take,) = shown(run, made, "one/wide@8")
        assert take["prompt"] == "mira, a girl in a red coat, walks, on a cliff, heavy rain"
        assert (take["negative"], take["seed"], take["state"]) == ("blurry", 8, "cached")
        assert (take["model"]["family"], take["model"]["name"]) == ("pocket", "hero")
        assert len(take["model"]["weights"]) == 64
        (lora,) = take["loras"]
        assert (lora["who"], lora["weight"], lora["from"]) == ("mira", 1.0, "lora/mira@hero")
        assert take["versions"] == MADE_IN["versions"]
        assert (take["device"], take["device_name"]) == ("cuda", "A GPU")
        assert take["film"] == {"commit": commit_of(made), "dirty": True}
        assert take["made"].endswith("Z")

    def test_shot_lora_and_unknown(self, made: Studio, run: Run) -> None:
        """A shot means all its steps; a character its LoRAs, with photos by name and content."""
        assert {"render/one/many@1", "render/one/many@2"} < {s["step"] for s in shown(run, made, "one/many")}
        (lora,) = shown(run, made, "mira")
        assert (lora["step"], lora["trigger"], lora["steps"]) == ("lora/mira@hero", "mira", 270)
        assert {p["from"] for p in lora["photos"]} == {f"photos/mira/{n}.png" for n in range(3)}
        assert len(lora["captions"]) == 3
        assert run("show", made.film, "one/wyde").status == 2

    def test_delivered_file_by_any_of_its_names(
        self, made: Studio, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The delivery's name, the path in the film, a path from here, the captions, the file that tells of it."""
        monkeypatch.chdir(made.folder / "out")
        told = json.loads(sidecar(made).read_text(encoding="utf-8"))
        for name in (
            "main",
            "out/copy.mp4",
            "copy.mp4",
            made.folder / "out/copy.mp4",
            "copy.srt",
            "copy.mp4.json",
        ):
            (entry,) = shown(run, made, name)
            assert {key: entry[key] for key in told} == told

    def test_what_was_made_and_is_stale(self, made: Studio, run: Run) -> None:
        """After an edit, what is told is of what was made last, and it is marked."""
        made.edit(swap("{mira} walks", "{mira} runs"))
        (take,) = shown(run, made, "one/wide@8")
        assert (take["state"], take["prompt"].split(", ")[2]) == ("run", "walks")
        (film,) = shown(run, made, "main")
        assert "render/one/wide@8" in film["stale"]

    def test_in_words(self, made: Studio, run: Run) -> None:
        """The same for people: whole prompt, no digest of params."""
        said = run("show", made.film, "one/wide@8").out
        assert "prompt: mira, a girl in a red coat, walks, on a cliff, heavy rain\n" in said
        assert "device name: A GPU\n" in said
        assert "params" not in said


class TestSidecar:
    def test_tells_of_every_shot(self, made: Studio) -> None:
        """What the film is made from: every shot in order, its take, its LoRAs, sounds by content."""
        told = json.loads(sidecar(made).read_text(encoding="utf-8"))
        assert told["schema"] == SCHEMA
        assert told["file"] == "out/copy.mp4"
        assert [shot["shot"] for shot in told["shots"]][:4] == [
            "one/wide",
            "one/close",
            "one/free",
            "one/many",
        ]
        wide, gull = told["shots"][0], told["shots"][4]
        assert (wide["rendered"]["seed"], wide["frames"]) == (8, 48)
        assert wide["rendered"]["film"]["commit"] == commit_of(made)
        assert (gull["picture"], gull["file"]) == ("clip", "footage/gull.mp4")
        assert [lora["name"] for lora in told["loras"]] == ["mira@hero", "otto@hero"]
        assert {sound["file"] for sound in told["sounds"]} > {"audio/theme.wav", "audio/line.wav"}

    def test_names_no_place_of_this_machine(self, made: Studio) -> None:
        """No absolute path, no host."""
        import platform

        text = sidecar(made).read_text(encoding="utf-8")
        assert str(made.folder) not in text
        assert platform.node() not in text

    def test_a_build_with_nothing_to_do_leaves_it(self, made: Studio) -> None:
        """Neither the quick look nor a build that finds all made writes it again."""
        before = sidecar(made).stat()
        assert nothing_to_do(made.film, None, (), made.folder / ".filmforge") is not None
        made.edit(lambda text: f"# a comment\n{text}")
        made.build(provenance={"versions": {"torch": "9"}})
        after = sidecar(made).stat()
        assert made.ran == set()
        assert (after.st_mtime_ns, after.st_ino) == (before.st_mtime_ns, before.st_ino)

    @pytest.mark.parametrize("damage", [None, b"", b"{}\n"])
    def test_missing_or_damaged_it_is_put_back(self, made: Studio, damage: bytes | None) -> None:
        """It is written again from the records; no step runs for it."""
        content = sidecar(made).read_bytes()
        sidecar(made).unlink()
        if damage is not None:
            sidecar(made).write_bytes(damage)
        assert nothing_to_do(made.film, None, (), made.folder / ".filmforge") is None
        made.build()
        assert made.ran == set()
        assert sidecar(made).read_bytes() == content
        assert nothing_to_do(made.film, None, (), made.folder / ".filmforge") is not None

    def test_is_no_output(self, made: Studio) -> None:
        """The contract's list of outputs holds films and captions."""
        made.edit(swap("gain: -16", "gain: -15"))
        assert made.build().outputs == ("out/copy.mp4", "out/copy.srt")


class TestKeys:
    def test_revision_and_dirt_do_not_enter(self, made: Studio) -> None:
        """A commit makes nothing stale."""
        commit = ("-c", "user.name=A", "-c", "user.email=a@example.org", "commit", "-qam", "second")
        subprocess.run(["git", "-C", str(made.folder), *commit], check=True)
        made.build()
        assert made.ran == set()
        planned = filmforge.plan(filmforge.load(made.film)).steps["render/one/wide@8"]
        assert planned.record is not None
        assert planned.record.provenance["film"]["commit"] != commit_of(made)

    def test_outside_git(self, studio: Studio) -> None:
        """A film that is in no repository has no revision, and builds."""
        studio.edit(swap("seed: 7", "seed: 9"))
        studio.build(provenance=MADE_IN)
        planned = filmforge.plan(filmforge.load(studio.film)).steps["render/one/wide@9"]
        assert planned.record is not None
        assert "film" not in planned.record.provenance
