"""`filmforge diff`: revisions of a film against each other, in words of the film, without touching anything."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from filmforge.revisions import git as git_room
from tests.cli.conftest import Run
from tests.media import write_photo
from tests.revisions.conftest import Git, build, edit


@pytest.fixture
def changed(film: Path, git: Git) -> Path:
    """A film that was built, changed in many ways, and committed; the working copy is that commit."""
    build(film)
    git("add", "film.lock")
    git("commit", "-qm", "lock")
    edit(
        film,
        ("looks out to sea", "looks down to sea"),
        ("a keeper", "a young keeper"),
        ("title: THE END, lasts: 1s", "title: THE END, lasts: 2s"),
        ("id: letter", "id: note"),
        ("on a cliff", "on a high cliff"),
    )
    write_photo(film.parent / "still.png", (9, 9, 9))
    write_photo(film.parent / "photos/9.png", (9, 9, 9))
    git("add", ".")
    git("commit", "-qm", "second")
    return film


def said(run: Run, *arguments: object) -> dict[str, Any]:
    ended = run("diff", *arguments, "--json")
    assert ended.status == 0, ended.err
    data: dict[str, Any] = json.loads(ended.out)
    return data


def differences(data: dict[str, Any]) -> dict[tuple[str, str], list[str]]:
    return {(d["part"], d["name"]): d["says"] or [d["change"]] for d in data["differences"]}


EXPECTED = {
    ("character", "mira"): [
        'looks changed ("a keeper" -> "a young keeper")',
        "the files in photos: 1 new",
    ],
    ("place", "cliff"): ['words changed ("a cliff" -> "a high cliff")'],
    ("shot", "arrival/close"): ['prompt changed ("looks out" -> "looks down")'],
    ("shot", "arrival/letter"): ["is called arrival/note"],
    ("shot", "arrival/end"): ["lasts changed (24f -> 48f)"],
    ("cut", ""): ["length changed (144f -> 168f)"],
}


class TestWhatDiffers:
    def test_two_revisions(self, changed: Path, run: Run) -> None:
        """By character, place, shot and cut; a shot that is only called otherwise is not two shots."""
        data = said(run, changed, "HEAD~1", "HEAD")
        assert differences(data) == EXPECTED
        assert data["from"]["revision"] == "HEAD~1"
        assert len(data["to"]["commit"]) == 40

    def test_revision_and_working_copy(self, changed: Path, run: Run) -> None:
        """One revision is compared with the files as they lie there, committed or not."""
        assert said(run, changed, "HEAD")["differences"] == []
        edit(changed, ("looks down", "stares down"))
        data = said(run, changed, "HEAD")
        assert differences(data) == {
            ("shot", "arrival/close"): ['prompt changed ("and looks" -> "and stares")']
        }
        assert data["to"] == {"revision": None, "commit": None}

    def test_backwards(self, changed: Path, run: Run) -> None:
        """From the later to the earlier, additions are removals."""
        found = differences(said(run, changed, "HEAD", "HEAD~1"))
        assert found[("shot", "arrival/note")] == ["is called arrival/letter"]
        assert found[("character", "mira")][1] == "the files in photos: 1 gone"

    def test_content_of_a_file(self, film: Path, git: Git, run: Run) -> None:
        """A file under the same name with other bytes is a difference of the shot that names it."""
        write_photo(film.parent / "still.png", (9, 9, 9))
        assert differences(said(run, film, "HEAD")) == {
            ("shot", "arrival/letter"): ["still.png has another content"]
        }

    def test_order(self, film: Path, run: Run) -> None:
        """Shots that changed places are a difference of the cut; as few are named as explain it."""
        lines = film.read_text(encoding="utf-8").splitlines(keepends=True)
        lines[-1], lines[-2] = lines[-2], lines[-1]
        film.write_text("".join(lines), encoding="utf-8")
        (difference,) = said(run, film, "HEAD")["differences"]
        assert difference["part"] == "cut"
        assert difference["says"][0].startswith("the order of the shots changed (arrival/")

    def test_comments_and_layout_are_no_difference(self, film: Path, run: Run) -> None:
        """What is compared is what the film means."""
        film.write_text("# a comment\n" + film.read_text(encoding="utf-8"), encoding="utf-8")
        assert said(run, film, "HEAD")["differences"] == []

    def test_words_and_exit_status(self, changed: Path, run: Run) -> None:
        """In words, one line a part; `--exit-code` makes a difference the exit status."""
        ended = run("diff", changed, "HEAD~1", "HEAD")
        assert ended.status == 0
        assert 'shot arrival/close: prompt changed ("looks out" -> "looks down")' in ended.out
        assert run("diff", changed, "HEAD~1", "HEAD", "--exit-code").status == 1
        assert run("diff", changed, "HEAD", "--exit-code").status == 0


class TestWhatABuildWouldMake:
    def test_of_what_was_built(self, changed: Path, run: Run) -> None:
        """A revision that was built is all in the store: nothing to make."""
        assert said(run, changed, "HEAD", "HEAD~1")["makes"] == []
        assert "makes nothing" in run("diff", changed, "HEAD", "HEAD~1").out

    def test_of_what_was_not(self, changed: Path, run: Run) -> None:
        """The same steps, for the same reasons, as the plan of that revision has once it is checked out."""
        data = said(run, changed, "HEAD~1", "HEAD")
        planned = json.loads(run("plan", changed, "--json").out)
        stale = [(s["step"], s["state"]) for s in planned["steps"] if s["state"] != "cached"]
        assert [(made["step"], made["state"]) for made in data["makes"]] == stale
        why = {made["step"]: made["says"] for made in data["makes"]}
        assert why["render/arrival/close@3"].startswith(
            'arrival/close renders: prompt changed ("looks out … a cliff" -> "looks down … a high cliff")'
        )

    def test_of_a_film_that_cannot_be_planned(self, film: Path, git: Git, run: Run) -> None:
        """Differences are shown although nothing can be said of a build."""
        edit(film, ("{use: pocket}", "{use: pocket, weights: ./nowhere}"))
        data = said(run, film, "HEAD")
        assert differences(data) == {("model", "hero"): ["weights changed (none -> ./nowhere)"]}
        assert "nowhere" in data["trouble"]


class TestNothingIsTouched:
    def test_working_copy_repository_and_store(self, changed: Path, git: Git, run: Run) -> None:
        """No file, index, branch or result is other than before; nothing is left behind."""

        def state() -> tuple[str, str, list[tuple[str, int]]]:
            files = [p for p in sorted(changed.parent.rglob("*")) if p.is_file() and "index" not in p.parts]
            return (
                git("status", "--porcelain", "--ignored"),
                git("show-ref"),
                [(str(p), p.stat().st_mtime_ns) for p in files if not p.name.startswith("media")],
            )

        edit(changed, ("looks down", "stares down"))
        before = state()
        said(run, changed, "HEAD~1", "HEAD")
        said(run, changed, "HEAD~1")
        assert state() == before

    def test_without_a_store_none_is_made(self, film: Path, run: Run) -> None:
        """A film that was never built can be compared, and has no store afterwards."""
        assert said(run, film, "HEAD")["differences"] == []
        assert not (film.parent / ".filmforge").exists()


class TestElsewhere:
    def test_bare_repository(self, changed: Path, git: Git, run: Run, tmp_path: Path) -> None:
        """In a bare repository the film is named by its path in it; there are two revisions, or an error."""
        bare = tmp_path / "keeper.git"
        git("clone", "-q", "--bare", str(changed.parent), str(bare))
        assert differences(said(run, bare / "film.yaml", "main~1", "main")) == EXPECTED
        ended = run("diff", bare / "film.yaml", "main")
        assert ended.status == 2
        assert "two revisions" in ended.err
        assert not (bare / ".filmforge").exists()

    def test_worktree_and_deleted_film(self, changed: Path, git: Git, run: Run, tmp_path: Path) -> None:
        """Another worktree will do, also one in which the film is gone."""
        git("worktree", "add", "-q", str(tmp_path / "other"), "HEAD")
        (tmp_path / "other/film.yaml").unlink()
        assert differences(said(run, tmp_path / "other/film.yaml", "HEAD~1", "HEAD")) == EXPECTED

    def test_from_a_hook_and_with_a_repository_elsewhere(
        self, changed: Path, git: Git, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What git sets for its hooks does no harm; a repository that is kept apart is named as git has it named."""
        monkeypatch.setenv("GIT_DIR", ".git")
        monkeypatch.setenv("GIT_INDEX_FILE", "index.lock")
        assert differences(said(run, changed, "HEAD~1", "HEAD")) == EXPECTED
        (changed.parent / ".git").rename(tmp_path / "apart.git")
        monkeypatch.setenv("GIT_DIR", str(tmp_path / "apart.git"))
        monkeypatch.setenv("GIT_WORK_TREE", str(changed.parent))
        assert differences(said(run, changed, "HEAD~1")) == EXPECTED

    def test_in_a_folder_of_the_repository(self, film: Path, git: Git, run: Run) -> None:
        """The film need not lie at the root of the repository."""
        folder = film.parent / "films/one"
        folder.mkdir(parents=True)
        git("mv", "film.yaml", "photos", "still.png", "films/one")
        git("commit", "-qm", "moved")
        edit(folder / "film.yaml", ("looks out", "looks up"))
        assert list(differences(said(run, folder, "HEAD"))) == [("shot", "arrival/close")]

    def test_footage_that_git_does_not_hold(self, film: Path, git: Git, run: Run) -> None:
        """An ignored file is taken from the working copy for every revision, and a note says so."""
        git("rm", "-q", "--cached", "still.png")
        with (film.parent / ".gitignore").open("a") as ignored:
            ignored.write("*.png\n")
        git("commit", "-qam", "without")
        data = said(run, film, "HEAD")
        assert data["differences"] == []
        assert "still.png is not in git" in data["notes"][0]

    def test_large_files_of_lfs(self, film: Path, git: Git, run: Run) -> None:
        """A pointer of Git LFS stands for the file that LFS keeps."""
        import hashlib

        content = (film.parent / "still.png").read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        kept = film.parent / f".git/lfs/objects/{digest[:2]}/{digest[2:4]}/{digest}"
        kept.parent.mkdir(parents=True)
        kept.write_bytes(content)
        pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{digest}\nsize {len(content)}\n"
        (film.parent / "still.png").write_text(pointer)
        git("commit", "-qam", "pointer")
        (film.parent / "still.png").write_bytes(content)
        assert said(run, film, "HEAD")["differences"] == []


class TestErrors:
    def test_no_repository(self, tmp_path: Path, run: Run) -> None:
        """A film outside git is answered with what to do."""
        (tmp_path / "film.yaml").write_text("filmforge: 1\nscenes: [{id: a, shots: []}]\n")
        ended = run("diff", tmp_path / "film.yaml", "HEAD")
        assert ended.status == 2
        assert "git init" in ended.err

    @pytest.mark.parametrize("revision", ["nowhere", "HEAD:film.yaml", "", "a\nb", "--all", "x" * 5000])
    def test_unknown_revision(self, film: Path, run: Run, revision: str) -> None:
        """What is no revision is named; nothing of it reaches git as an option."""
        ended = run("diff", film, "--", revision)
        assert ended.status == 2
        assert "is no revision of this repository" in ended.err

    def test_film_that_is_not_in_the_revision(self, film: Path, git: Git, run: Run) -> None:
        """A revision from before the film."""
        git("checkout", "-q", "--orphan", "empty")
        git("commit", "-qm", "empty", "--allow-empty")
        git("rm", "-rq", "--cached", ".")
        git("commit", "-qm", "nothing", "--allow-empty")
        ended = run("diff", film, "HEAD", "main")
        assert ended.status == 2
        assert "there is no film.yaml in HEAD" in ended.err

    def test_film_that_is_wrong_there(self, film: Path, git: Git, run: Run) -> None:
        """Errors of a revision's film have its name and position."""
        edit(film, ("title:", "titel:"))
        git("commit", "-qam", "wrong")
        edit(film, ("titel:", "title:"))
        ended = run("diff", film, "HEAD")
        assert ended.status == 2
        assert "HEAD:film.yaml:2:1: titel: unknown key" in ended.err

    def test_a_link_is_not_followed(self, film: Path, git: Git, run: Run) -> None:
        """A link that a revision holds is not made: it could lead anywhere."""
        (film.parent / "still.png").unlink()
        (film.parent / "still.png").symlink_to("/etc/passwd")
        git("commit", "-qam", "link")
        ended = run("diff", film, "HEAD", "HEAD~1")
        assert ended.status == 2
        assert "there is no file 'still.png'" in ended.err

    def test_git_is_not_installed(self, film: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        """Without git there is one sentence."""

        def absent(*arguments: object, **options: object) -> None:
            raise FileNotFoundError("git")

        monkeypatch.setattr(git_room.subprocess, "run", absent)
        ended = run("diff", film, "HEAD")
        assert ended.status == 2
        assert "git is not installed" in ended.err

    def test_too_many_revisions(self, film: Path, run: Run) -> None:
        """None, or three, is an error that says how it is written."""
        assert "filmforge diff FILM REV [REV]" in run("diff", film).err
        assert run("diff", film, "a", "b", "c").status == 2


def test_hooks_and_filters_of_a_repository_are_not_run(
    film: Path, git: Git, run: Run, tmp_path: Path
) -> None:
    """A repository's settings can name programs; comparing runs none of them."""
    trap = tmp_path / "trap.sh"
    trap.write_text(f"#!/bin/sh\ntouch {tmp_path}/sprung\ncat\n")
    trap.chmod(0o755)
    (film.parent / ".gitattributes").write_text("*.png filter=trap diff=trap\n*.yaml filter=trap\n")
    git("add", ".")
    git("commit", "-qm", "attributes")
    for key in (
        "filter.trap.smudge",
        "filter.trap.clean",
        "diff.trap.textconv",
        "core.fsmonitor",
        "core.pager",
    ):
        subprocess.run(["git", "-C", str(film.parent), "config", key, str(trap)], check=True)
    said(run, film, "HEAD~1", "HEAD")
    assert not (tmp_path / "sprung").exists()
