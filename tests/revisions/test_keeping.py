"""`gc --keep-rev` and `verify`: what stays for git revisions, and what is made again, in words of the film."""

from __future__ import annotations

import json
from pathlib import Path

import filmforge
from benchmarks.trivial import TrivialExecutor
from filmforge.store import Store
from tests.cli.conftest import Run
from tests.revisions.conftest import Git, build, edit


def kinds(out: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for record in json.loads(out)["records"]:
        kind = record["step"].split("/")[0]
        found[kind] = found.get(kind, 0) + 1
    return found


class TestKeepRev:
    def test_keeps_what_the_revision_needs(self, film: Path, git: Git, run: Run) -> None:
        """After a change, gc would drop the old version's results, and with --keep-rev drops none; it builds from them."""
        build(film)
        git("tag", "v1")
        edit(film, ("climbs the path", "climbs the stairs"))
        build(film)
        git("commit", "-qam", "stairs")
        dropped = run("gc", film, "--dry-run", "--json")
        assert dropped.status == 0
        assert kinds(dropped.out)["render"] >= 1
        kept = run("gc", film, "--keep-rev", "v1", "--json")
        assert kept.status == 0
        assert json.loads(kept.out)["records"] == []
        git("checkout", "-q", "v1")
        assert build(film) == set()

    def test_changes_nothing_in_git(self, film: Path, git: Git, run: Run) -> None:
        """Neither the working copy nor the repository is touched, with work under way in it."""
        build(film)
        git("tag", "v1")
        edit(film, ("climbs the path", "climbs the stairs"))
        before = git("status", "--porcelain"), film.read_bytes()
        assert run("gc", film, "--keep-rev", "v1").status == 0
        assert (git("status", "--porcelain"), film.read_bytes()) == before

    def test_profiles_of_the_revision(self, film: Path, git: Git, run: Run) -> None:
        """A profile that only the revision has is kept as well."""
        edit(film, ("scenes:", "profiles: {draft: {model: animatic}}\nscenes:"))
        git("commit", "-qam", "draft")
        git("tag", "v1")
        build(film)
        project = filmforge.load(film, profile="draft")
        assert filmforge.build(project, executor=TrivialExecutor(film.parent / ".filmforge/tmp/draft")).ok
        edit(film, ("profiles: {draft: {model: animatic}}\n", ""))
        assert json.loads(run("gc", film, "--keep-rev", "v1", "--json").out)["records"] == []

    def test_drops_nothing_where_it_cannot_tell(self, film: Path, git: Git, run: Run) -> None:
        """A revision that there is not, or whose film is wrong, stops gc with a sentence before anything is dropped."""
        build(film)
        edit(film, ("filmforge: 1", "filmforge: 1\nnonsense: 2"))
        git("commit", "-qam", "broken")
        git("tag", "broken")
        git("reset", "-q", "--hard", "HEAD~1")
        count = sum(1 for _ in Store(film.parent / ".filmforge").records)
        for revision, says in (("nowhere", "is no revision"), ("broken", "nonsense")):
            ended = run("gc", film, "--keep-rev", revision)
            assert ended.status == 2
            assert says in ended.err
        assert sum(1 for _ in Store(film.parent / ".filmforge").records) == count


class TestSize:
    def test_max_size(self, film: Path, run: Run) -> None:
        """With --max-size nothing goes while all fits, and what the film needs stays whatever the size."""
        build(film)
        edit(film, ("climbs the path", "climbs the stairs"))
        build(film)
        assert json.loads(run("gc", film, "--max-size", "1GB", "--json").out)["records"] == []
        ended = run("gc", film, "--max-size", "1k")
        assert "none of it was dropped" in ended.out
        assert filmforge.plan(filmforge.load(film)).resolution.stale() == []

    def test_no_size(self, film: Path, run: Run) -> None:
        """What is no size is refused with how to write one."""
        ended = run("gc", film, "--max-size", "plenty")
        assert ended.status == 2
        assert "write 50GB" in ended.err


class TestVerify:
    def test_says_in_words_of_the_film_what_is_made_again(self, film: Path, run: Run) -> None:
        """A damaged frame store is forgotten, and the shot that renders again is named as a filmmaker would."""
        build(film)
        store = Store(film.parent / ".filmforge")
        (record,) = [r for r in store.records if r.step.startswith("render/arrival/close")]
        blob = store.blobs.path(record.outputs["main"].digest)
        blob.chmod(0o644)
        blob.write_bytes(b"not what it was")
        ended = run("verify", film)
        assert ended.status == 1
        assert "arrival/close renders" in ended.out
        assert run("verify", film).status == 0
