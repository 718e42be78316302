"""`film.lock` under git: it merges or conflicts, a conflict is resolved by building, and what it pins stays pinned."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

import filmforge
from filmforge.errors import UsageError
from filmforge.planning.lock import Lock, PinnedWeights, read_lock
from tests.cli.conftest import Run
from tests.revisions.conftest import Git, build, edit

BIRD = "      - {id: %s, prompt: a bird, lasts: 1s}\n"
WIDE = '      - {id: wide, prompt: "{mira} climbs'


@pytest.fixture
def locked(film: Path, git: Git) -> Path:
    """The film with a shot whose seed is drawn, built, its lock committed."""
    with film.open("a", encoding="utf-8") as file:
        file.write(BIRD % "mid")
    build(film)
    git("add", ".")
    git("commit", "-qm", "lock")
    return film


def add_shot(film: Path, git: Git, branch: str, shot: str, *, first: bool) -> None:
    """A branch on which a shot was added, at the beginning or the end of the film, and built."""
    git("checkout", "-qb", branch, "main")
    if first:
        edit(film, (WIDE, BIRD % shot + WIDE))
    else:
        with film.open("a", encoding="utf-8") as file:
            file.write(BIRD % shot)
    build(film)
    git("commit", "-qam", shot)


def merged(film: Path, git: Git, branch: str) -> bool:
    """Merge; whether it went through."""
    asked = ["git", "-C", str(film.parent), "merge", "-q", branch]
    return subprocess.run(asked, capture_output=True).returncode == 0


def seeds(film: Path) -> list[str]:
    return list(json.loads(film.with_name("film.lock").read_text(encoding="utf-8"))["seeds"])


class TestMerge:
    def test_two_branches_that_draw_far_apart_merge(self, locked: Path, git: Git) -> None:
        """An entry is a line: additions that do not touch one another merge by themselves, and to the right lock."""
        with locked.open("a", encoding="utf-8") as file:
            file.write("".join(BIRD % f"m{n}" for n in range(5)))
        build(locked)
        git("commit", "-qam", "more")
        add_shot(locked, git, "one", "aa", first=True)
        add_shot(locked, git, "two", "m9", first=False)
        assert merged(locked, git, "one")
        before = locked.with_name("film.lock").read_text(encoding="utf-8")
        build(locked, locked=True)
        assert locked.with_name("film.lock").read_text(encoding="utf-8") == before

    def test_a_conflict_is_resolved_by_building(self, locked: Path, git: Git) -> None:
        """Two branches add next to one another: git cannot merge the lock, the next build writes it right."""
        add_shot(locked, git, "one", "aa", first=True)
        add_shot(locked, git, "two", "ab", first=False)
        assert not merged(locked, git, "one")
        assert git("diff", "--name-only", "--diff-filter=U") == "film.lock"
        with pytest.raises(UsageError, match="merge conflicts"):
            build(locked, locked=True)
        ran = build(locked)
        assert not [name for name in ran if name.startswith(("render", "lora"))]  # both branches built theirs
        assert seeds(locked) == ["arrival/aa", "arrival/ab", "arrival/mid"]
        assert build(locked, locked=True) == set()
        git("commit", "-qam", "merged")

    def test_what_both_sides_pin_stays_pinned(self, tmp_path: Path) -> None:
        """A conflict among seeds does not move the weights to another commit."""
        pin = PinnedWeights("wan2.2-ti2v-5b", "d" * 64, "owner/name", "c" * 40)
        texts = [Lock({"hero": pin}, {name: 1}).text() for name in ("a/a", "a/b")]
        path = tmp_path / "film.lock"
        one, two = (text.splitlines() for text in texts)
        same = [line for line in one if line in two]
        cut = next(i for i, (x, y) in enumerate(zip(one, two, strict=True)) if x != y)
        conflict = ["<<<<<<< HEAD", one[cut], "=======", two[cut], ">>>>>>> other"]
        path.write_text("\n".join([*same[:cut], *conflict, *same[cut:]]) + "\n", encoding="utf-8")
        lock = read_lock(path)
        assert (lock.conflicted, dict(lock.weights)) == (True, {"hero": pin})

    def test_what_they_pin_differently_is_resolved_anew(self, tmp_path: Path) -> None:
        """Two commits for one model: neither counts."""
        path = tmp_path / "film.lock"
        lines = [json.dumps({"family": "x", "repo": "o/n", "commit": c * 40}) for c in "ab"]
        path.write_text(
            f'{{\n"weights": {{\n<<<<<<< a\n  "hero": {lines[0]}\n=======\n  "hero": {lines[1]}\n>>>>>>> b\n}}\n',
            encoding="utf-8",
        )
        assert read_lock(path) == Lock(conflicted=True)


class TestLocked:
    def test_refuses_anything_new(self, locked: Path, run: Run) -> None:
        """A seed that was not drawn yet, or other weights: refused before anything runs, and named."""
        with locked.open("a", encoding="utf-8") as file:
            file.write(BIRD % "new")
        text = locked.with_name("film.lock").read_bytes()
        ended = run("build", locked, "--locked")
        assert ended.status == 2
        assert "the seed of arrival/new" in ended.err
        assert locked.with_name("film.lock").read_bytes() == text

    def test_refuses_where_there_is_no_lock(self, locked: Path) -> None:
        """Without a lock, everything is new."""
        locked.with_name("film.lock").unlink()
        with pytest.raises(UsageError, match="weights of 'hero'"):
            build(locked, locked=True)
        assert not locked.with_name("film.lock").exists()

    def test_builds_what_is_pinned(self, locked: Path) -> None:
        """A change that resolves nothing anew is built."""
        edit(locked, ("looks out", "looks up"))
        assert "render/arrival/close@3" in build(locked, locked=True)


class TestOneLock:
    def test_profiles_and_settings_for_one_run_leave_it(self, locked: Path) -> None:
        """A profile or `--set` that would draw other seeds does not write them into the film's lock."""
        edit(locked, ("title: The Keeper", "title: The Keeper\nprofiles: {other: {seed: 9}}"))
        before = locked.with_name("film.lock").read_bytes()
        for options in ({"profile": "other"}, {"overrides": ["seed=8"]}):
            project = filmforge.load(locked, **options)  # type: ignore[arg-type]
            from benchmarks.trivial import TrivialExecutor

            executor = TrivialExecutor(project.store_root / "tmp" / f"other-{len(options)}-{project.profile}")
            assert filmforge.build(project, executor=executor, locked=True).ok
            assert locked.with_name("film.lock").read_bytes() == before

    def test_holds_nothing_of_the_machine(self, locked: Path, tmp_path: Path) -> None:
        """Another folder, another store: the same bytes."""
        import shutil

        other = tmp_path / "elsewhere"
        shutil.copytree(locked.parent, other, ignore=shutil.ignore_patterns(".filmforge", "film.lock", "out"))
        build(other / "film.yaml")
        text = (other / "film.lock").read_bytes()
        assert text == locked.with_name("film.lock").read_bytes()
        assert str(tmp_path).encode() not in text

    def test_a_pin_holds_for_what_it_was_resolved_for(self) -> None:
        """Another repository, or another revision declared, is resolved anew."""
        pin = PinnedWeights("f", "d" * 64, "o/n", "c" * 40, "main")
        assert pin.pins("f", "o/n", "main")
        assert not pin.pins("f", "o/n", "v2")
        assert not pin.pins("f", "o/other", "main")
        assert not PinnedWeights("f", "d" * 64).pins("f", None, None)


def test_an_older_revision_builds_from_the_store(locked: Path, git: Git) -> None:
    """Checked out again, an older revision delivers the same film without a step; so does coming back."""
    out = locked.parent / "out/keeper.mp4"
    first = out.read_bytes()
    edit(locked, ("looks out", "looks up"), ("on a cliff", "on a beach"), ("THE END", "FIN"))
    (locked.parent / "still.png").write_bytes((locked.parent / "photos/0.png").read_bytes())
    with locked.open("a", encoding="utf-8") as file:
        file.write(BIRD % "new")
    build(locked)
    second = out.read_bytes()
    git("commit", "-qam", "second")
    assert second != first
    for revision, content in (("HEAD~1", first), ("main", second), ("main~1", first)):
        git("checkout", "-q", revision)
        assert build(locked, locked=True) == set()
        assert out.read_bytes() == content
        assert git("status", "--porcelain") == ""
