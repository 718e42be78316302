"""Reading a git repository without touching it: which revision is checked out, and files as a revision has them.

Everything goes through the `git` command with a list of arguments; nothing is written into the repository or the
working copy, no filter and no hook of it is run.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from filmforge.errors import UsageError

_QUIET = ("-c", "core.fsmonitor=false", "-c", "core.quotePath=false")
_REGULAR = ("100644", "100755")
SECONDS = 60.0
"""How long one question to git may take."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A file as a revision has it: its path from the root of the repository, and the object with its bytes."""

    path: str
    object: str


class Repository:
    """The repository that `film` lies in; `film` itself need not exist on the disk, and the repository may be bare.

    Raises UsageError where git is not installed, or there is no repository.
    """

    def __init__(self, film: Path) -> None:
        film = Path(os.path.abspath(film))  # noqa: PTH100 - not resolved: the path is looked up in git as it is written
        self.folder = next(folder for folder in film.parents if folder.is_dir())
        said = self._ask("rev-parse", "--is-bare-repository", "--absolute-git-dir")
        if said is None:
            raise UsageError(
                f"{film.parent} is in no git repository; `git init` there, commit the film, and compare then"
            )
        bare, git_dir = said.decode("utf-8", "surrogateescape").splitlines()
        root = Path(git_dir)
        if bare != "true":
            top = self._ask("rev-parse", "--show-toplevel")
            if top is None:  # inside the .git folder of a working copy
                raise UsageError(
                    f"{film} lies inside a repository's own folder; name the film in the working copy"
                )
            root = Path(top.decode("utf-8", "surrogateescape").rstrip("\n"))
        self.bare = bare == "true"
        self._git_dir = Path(git_dir)
        beneath = os.path.relpath(Path(self.folder).resolve(), root.resolve())
        inside = Path(beneath) / film.relative_to(self.folder)
        self.film = inside.as_posix()
        """The film's path from the root of the repository."""

    def commit(self, revision: str) -> str:
        """The full commit that `revision` means. Raises UsageError where it means none."""
        said = self._ask("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
        if said is None:
            raise UsageError(
                f"'{revision}' is no revision of this repository; `git log --oneline` and `git branch` list them"
            )
        return said.decode().strip()

    def listed(self, commit: str, paths: Iterable[str]) -> Iterator[Entry]:
        """The regular files that `commit` has at or under `paths`. Links and submodules are passed over."""
        asked = list(paths)
        if not asked:
            return
        said = self._ask("ls-tree", "-r", "-z", "--full-tree", commit, "--", *asked)
        for line in (said or b"").split(b"\0"):
            if line:
                about, _, name = line.partition(b"\t")
                mode, _, digest = about.decode().split(" ")
                if mode in _REGULAR:
                    yield Entry(os.fsdecode(name), digest)

    def write(self, entry: Entry, to: Path) -> None:
        """Write the bytes of a file of a revision to `to`, which must not exist."""
        with to.open("xb") as file:
            ended = subprocess.run(
                self._command("cat-file", "blob", entry.object),
                stdout=file,
                stderr=subprocess.PIPE,
                stdin=subprocess.DEVNULL,
                env=_environment(),
                timeout=None,
            )
        if ended.returncode:
            raise UsageError(
                f"git cannot read {entry.path}: {ended.stderr.decode('utf-8', 'replace').strip()}"
            )

    def text(self, entry: Entry) -> bytes:
        """The bytes of a small file of a revision."""
        said = self._ask("cat-file", "blob", entry.object)
        if said is None:
            raise UsageError(f"git cannot read {entry.path}; `git fsck` says what the repository lacks")
        return said

    def tracks(self, file: Path) -> bool:
        """Whether git holds `file`, or anything in that folder, as of the index."""
        return bool(self._ask("ls-files", "-z", "--", str(file.absolute())))

    def large_file(self, digest: str) -> Path:
        """Where Git LFS keeps the file with this SHA-256, if it was fetched (its specification, under "Storage")."""
        said = self._ask("rev-parse", "--path-format=absolute", "--git-common-dir")
        common = Path(os.fsdecode(said).rstrip("\n")) if said else self._git_dir
        return common / "lfs" / "objects" / digest[:2] / digest[2:4] / digest

    def _command(self, *arguments: str) -> list[str]:
        return ["git", "-C", str(self.folder), *_QUIET, *arguments]

    def _ask(self, *arguments: str) -> bytes | None:
        """What git answers; None where it refuses."""
        try:
            ended = subprocess.run(
                self._command(*arguments),
                capture_output=True,
                stdin=subprocess.DEVNULL,
                env=_environment(),
                timeout=SECONDS,
            )
        except FileNotFoundError:
            raise UsageError("git is not installed; install it, and compare revisions then") from None
        except subprocess.TimeoutExpired:
            raise UsageError(f"git did not answer within {SECONDS:.0f} s in {self.folder}") from None
        except ValueError as error:  # a NUL in an argument
            raise UsageError(f"git cannot be asked for that: {error}") from None
        if b"dubious ownership" in ended.stderr:
            raise UsageError(ended.stderr.decode("utf-8", "replace").strip())
        return ended.stdout if ended.returncode == 0 else None


def revision_here(film: Path) -> dict[str, object] | None:
    """The commit that is checked out around `film`, and whether its folder differs from it; None outside git.

    What git does not track and ignores does not count as a difference; nothing that git lacks fails a build.
    """
    try:
        repository = Repository(film)
        commit = repository.commit("HEAD")
        changed = repository._ask("status", "--porcelain", "-z", "--", ".")
    except UsageError:
        return None
    return {"commit": commit, "dirty": bool(changed)}


def _environment() -> dict[str, str]:
    quiet = {
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_LITERAL_PATHSPECS": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "LC_ALL": "C",
    }
    given = dict(os.environ)
    given.pop("GIT_INDEX_FILE", None)  # a hook's, which may be half-way through a commit
    if not os.path.isabs(given.get("GIT_DIR", "/")):  # noqa: PTH117 - a hook's too, which counts from elsewhere
        del given["GIT_DIR"]
    return {**given, **quiet}
