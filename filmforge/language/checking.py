"""A film under examination: its parts with their paths, and where to report what is wrong."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set

from filmforge.language.film import Film, Scene, Shot
from filmforge.language.nearest import keys_meant
from filmforge.language.reading import Path, Reading

FPS: Path = ("fps",)
"""What every comparison of two times rests on."""


class Checking:
    """A film under examination, and where to report what is wrong with it."""

    def __init__(self, film: Film, reading: Reading, broken: Set[Path]) -> None:
        self.film, self.reading = film, reading
        # Whatever lies above or below a value that could not be read may be wrong only because of that.
        self._doubtful = broken | {path[:end] for path in broken for end in range(1, len(path))}
        self._broken = broken
        self._nameless = self._where_names_were_lost()
        self._stand_ins = {id_ for path in broken if (id_ := self._id_at(path))}
        self._by_name: dict[str, tuple[Path, Shot]] | None = None

    def doubtful(self, path: Path) -> bool:
        """Whether the value at `path`, or one within it or around it, could not be read."""
        if not self._broken:
            return False
        return path in self._doubtful or any(path[:end] in self._broken for end in range(1, len(path)))

    def misnamed(self, path: Path, *keys: str) -> bool:
        """Whether the part at `path` has an unknown key, reported as such, by which one of `keys` may be meant."""
        return any(one[:-1] == path and keys_meant(str(one[-1]), keys) for one in self._broken)

    def fail(self, path: Path, message: str, *rests_on: Path, at: int | None = None) -> None:
        """Report that the value at `path` is wrong, unless that may follow from what is reported already.

        `rests_on` are the paths of the other values, elsewhere in the film, without which nothing were wrong with it.
        `at` is the place within, where the value is a long text.
        """
        if not any(map(self.doubtful, (path, *rests_on))):
            self.reading.fail(path, message, at)

    def declared(
        self,
        path: Path,
        name: str | None,
        known: Iterable[str],
        what: str,
        where: str,
        *,
        at: int | None = None,
    ) -> bool:
        """Whether `name` is among `known`; reported with the nearest that is, where it is not."""
        if name is None or name in (known := list(known) if not isinstance(known, Mapping) else known):
            return True
        if (where,) in self._nameless:
            return False
        meant = self.reading.meant(name, known)
        there_are = "" if meant else f"; declare it under `{where}`"
        self.fail(path, f"there is no {what} called '{name}'{meant}{there_are}", at=at)
        return False

    def shots(self) -> Iterable[tuple[Path, Scene, Shot]]:
        """Every shot with its path and its scene, in film order."""
        return self.film.placed_shots()

    def shot_called(self, scene: Scene, name: str) -> tuple[Path, Shot] | None:
        """The shot that `name` means within `scene`, with its path."""
        return self.shots_by_name().get(full_name(scene, name))

    def may_be_a_shot(self, scene: Scene, name: str) -> bool:
        """Whether `name` may mean, within `scene`, a shot whose id or scene could not be read."""
        if not self._nameless:
            return False
        wanted = full_name(scene, name).partition("/")[0]
        at = [s for s, one in enumerate(self.film.scenes) if one.id == wanted]
        return ("scenes",) in self._nameless if not at else ("scenes", at[0], "shots") in self._nameless

    def told(self, name: str) -> str:
        """A shot's name, `scene/shot` or `shot`, for a message: less an id that only stands in for an unreadable one."""
        scene, between, shot = name.rpartition("/")
        shown = "?" if shot in self._stand_ins else shot
        return shown if scene in self._stand_ins else f"{scene}{between}{shown}"

    def _id_at(self, path: Path) -> str:
        """The id of the scene or shot at `path`, where that is the path of one."""
        match path:
            case ("scenes", int(s), "id") if s < len(self.film.scenes):
                return self.film.scenes[s].id
            case ("scenes", int(s), "shots", int(i), "id") if s < len(self.film.scenes):
                shots = self.film.scenes[s].shots
                return shots[i].id if i < len(shots) else ""
            case _:
                return ""

    def _where_names_were_lost(self) -> set[Path]:
        """The mappings and lists with a part whose name could not be read: others may speak of that part."""
        lost: set[Path] = set()
        for path in self._broken:
            held = getattr(self.film, str(path[0]), None)
            if path[-1] == "id":
                lost.add(path[:-2])
            elif isinstance(path[-1], int):
                lost.add(path[:-1])
            elif len(path) == 1 or path[-1] == "shots":
                lost.add(path)
            elif len(path) == 2 and isinstance(held, Mapping) and path[1] not in held:
                lost.add(path[:1])
        return lost

    def shots_by_name(self) -> dict[str, tuple[Path, Shot]]:
        """Every shot by its full name; of several with one name, the first."""
        if self._by_name is None:
            self._by_name = {}
            for path, scene, shot in self.shots():
                self._by_name.setdefault(f"{scene.id}/{shot.id}", (path, shot))
        return self._by_name


def full_name(scene: Scene, name: str) -> str:
    """`scene/shot` of the shot that `name` means within `scene`."""
    return name if "/" in name else f"{scene.id}/{name}"
