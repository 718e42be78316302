"""A film whose results are shared: what one machine made, another takes from the mirror and runs no step."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import filmforge
from filmforge.building.events import Noted
from filmforge.errors import FilmError, UsageError
from filmforge.store.signing import own_key
from tests.building.studio import FILM, Studio, swap, write_project
from tests.cli.conftest import Run


@pytest.fixture(autouse=True)
def anna(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """This user's settings are the test's own."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "anna"))
    monkeypatch.delenv("FILMFORGE_SIGNING_KEY", raising=False)


@pytest.fixture
def shared(tmp_path: Path) -> Studio:
    """The film with a mirror in a folder beside it, built once and shared."""
    (tmp_path / "one").mkdir()
    studio = write_project(tmp_path / "one", FILM + "store: ../mirror\n")
    studio.build(share=True)
    return studio


def elsewhere(studio: Studio, where: Path) -> Studio:
    """What git would bring to another machine: all but the store and what was delivered."""
    shutil.copytree(studio.folder, where, ignore=shutil.ignore_patterns(".filmforge", "out"))
    return Studio(where)


def notes(studio: Studio) -> list[str]:
    return [event.message for event in studio.events if isinstance(event, Noted)]


class TestAnotherMachine:
    def test_runs_no_step(self, shared: Studio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """With the film from git and an empty store, a build fetches everything, and delivers the same bytes."""
        there = elsewhere(shared, tmp_path / "two")
        monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "ben"))
        done = there.build()
        assert there.ran == set()
        assert sum(done.cached.values()) > 20
        assert (there.folder / "out/two.mp4").read_bytes() == (shared.folder / "out/one.mp4").read_bytes()
        assert not (tmp_path / "ben").exists(), "reading needs no key"
        assert [note for note in notes(there) if "came from the mirror" in note]

    def test_makes_only_what_differs(self, shared: Studio, tmp_path: Path) -> None:
        """After an edit there, only what the edit touches runs."""
        there = elsewhere(shared, tmp_path / "two")
        there.edit(swap("a red fox jumps", "a red fox sleeps"))
        there.build()
        assert there.kinds() == {"render": 1, "segment": 2, "cut": 1}, (
            "its segment, and the dissolve out of it"
        )

    def test_shares_what_was_there_before(self, tmp_path: Path) -> None:
        """A film that was built before it had a mirror goes there whole with the first --share, running nothing."""
        (tmp_path / "one").mkdir()
        studio = write_project(tmp_path / "one")
        studio.build()
        studio.edit(lambda text: text + "store: ../mirror\n")
        studio.build(share=True)
        assert studio.ran == set()
        there = elsewhere(studio, tmp_path / "two")
        there.build()
        assert there.ran == set()

    def test_trusts_only_whom_the_film_lists(self, shared: Studio, tmp_path: Path) -> None:
        """Without the one who shared in film.trust nothing is taken, now or later, from the same store either."""
        there = elsewhere(shared, tmp_path / "two")
        there.build()
        (there.folder / "film.trust").unlink()
        there.build()
        assert len(there.ran) > 20
        assert any("lists nobody" in note for note in notes(there))

    def test_mirror_that_is_gone(self, shared: Studio, tmp_path: Path) -> None:
        """Without the mirror everything is made here; that is one warning."""
        shutil.rmtree(tmp_path / "mirror")
        there = elsewhere(shared, tmp_path / "two")
        there.build()
        assert len(there.ran) > 20
        assert len([note for note in notes(there) if "mirror" in note]) == 1

    def test_without_weights(self, tmp_path: Path) -> None:
        """A machine without the model's weights takes what they made from the mirror, and makes nothing else with them."""
        (tmp_path / "one").mkdir()
        hero = "hero: {use: pocket, weights: ../weights}"
        studio = write_project(
            tmp_path / "one", swap("hero: {use: pocket}", hero)(FILM) + "store: ../mirror\n"
        )
        shutil.copytree(Path(filmforge.__file__).parent / "weights/pocket", tmp_path / "weights")
        studio.build(share=True)
        there = elsewhere(studio, tmp_path / "two")
        (tmp_path / "weights").rename(tmp_path / "gone")
        there.build()
        assert there.ran == set()

    def test_plan_says_that_it_does_not_ask(self, shared: Studio, tmp_path: Path) -> None:
        """A plan talks to no mirror, and says so."""
        there = elsewhere(shared, tmp_path / "two")
        planned = filmforge.plan(filmforge.load(there.film))
        assert planned.to_json()["mirror"] == {"at": "../mirror", "asked": False}


class TestShow:
    def test_names_the_signer(self, shared: Studio, tmp_path: Path, run: Run) -> None:
        """Of what came from the mirror, whose key signed it; nothing of what was made here."""
        there = elsewhere(shared, tmp_path / "two")
        there.build()
        key = own_key(tmp_path / "anna/filmforge", create=False)
        assert key is not None
        signed = {"name": key.public.name, "key": key.public.id, "trusted": True}
        (entry,) = json.loads(run("show", there.film, "one/wide@7", "--json").out)["steps"]
        assert entry["signed_by"] == signed
        said = run("show", there.film, "one/wide@7").out
        assert f"signed by: {key.public.name} (key {key.public.id}, which film.trust lists)\n" in said
        (own,) = json.loads(run("show", shared.film, "one/wide@7", "--json").out)["steps"]
        assert "signed_by" not in own

    def test_of_a_key_that_is_listed_no_more(self, shared: Studio, tmp_path: Path, run: Run) -> None:
        """What was made last is still told of, by the key alone: its name went with its line."""
        there = elsewhere(shared, tmp_path / "two")
        there.build()
        (there.folder / "film.trust").unlink()
        (entry,) = json.loads(run("show", there.film, "one/wide@7", "--json").out)["steps"]
        assert entry["state"] != "cached"
        assert entry["signed_by"] == {"name": None, "key": entry["signed_by"]["key"], "trusted": False}
        assert "which film.trust does not list" in run("show", there.film, "one/wide@7").out


class TestSharing:
    def test_lists_the_key(self, shared: Studio, tmp_path: Path) -> None:
        """The first --share makes the key and lists it beside the film, and says to commit it; the next says nothing."""
        key = own_key(tmp_path / "anna/filmforge", create=False)
        assert key is not None
        assert key.public.line in (shared.folder / "film.trust").read_text()
        assert any("commit it" in note for note in notes(shared))
        shared.build(share=True)
        assert not any("commit it" in note for note in notes(shared))

    def test_locked(self, shared: Studio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """With --locked a key that is not listed is refused, and the line to add is said."""
        monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "ben"))
        before = (shared.folder / "film.trust").read_bytes()
        with pytest.raises(UsageError, match=r"add the line: ed25519 "):
            shared.build(share=True, locked=True)
        assert (shared.folder / "film.trust").read_bytes() == before

    def test_without_a_mirror(self, tmp_path: Path) -> None:
        """--share of a film without a mirror is refused with what to add."""
        studio = write_project(tmp_path)
        with pytest.raises(UsageError, match="add `store: FOLDER`"):
            studio.build(share=True)

    def test_package_that_is_missing(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A mirror whose storage needs a package that is not here is refused, at its line, before anything runs."""
        monkeypatch.setattr("filmforge.store.remote.find_spec", lambda name: None)
        studio = write_project(tmp_path, FILM + "store: s3://bucket/lantern\n")
        with pytest.raises(FilmError, match=r"film\.yaml:40:1: store: .*pip install s3fs"):
            studio.build()
