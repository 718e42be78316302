"""What the edit of a film may say: shots that start from others, trims, joins, and lines that are spoken."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise

from filmforge.language.checking import FPS, Checking, full_name
from filmforge.language.film import End, Scene, Shot, Start
from filmforge.language.reading import Path
from filmforge.language.scalars import written_duration

NARRATOR = "narrator"
"""The speaker of `says` who needs no declaration: a voice that is not seen."""


def check_cut(checking: Checking) -> None:
    """Report what is wrong in the order, the lengths and the sounds of the cut."""
    _check_rings(checking)
    for path, scene, shot in checking.shots():
        _check_given(checking, (*path, "start"), scene, shot.start)
        _check_given(checking, (*path, "end"), scene, shot.end)
        if shot.trim is not None:
            _check_trim(checking, path, shot)
        if shot.says:
            _check_lines(checking, path, shot)
    _check_joins(checking)


def length_in_cut(shot: Shot) -> int | None:
    """How many frames of the shot the cut uses before overlaps; None where only its file can tell."""
    first = shot.trim.from_ if shot.trim else 0
    last = shot.trim.to if shot.trim and shot.trim.to is not None else shot.lasts
    return None if last is None else max(0, last - first)


def _check_rings(checking: Checking) -> None:
    """Report shots that cannot be rendered one after another, since each needs a frame of the other first."""
    paths: dict[str, Path] = {}
    given: dict[str, dict[str, str]] = {}  # shot -> the shot that `start`, `end` takes a frame of
    for path, scene, shot in checking.shots():
        name = f"{scene.id}/{shot.id}"
        paths[name], given[name] = path, {}
        for key, frame in (("start", shot.start), ("end", shot.end)):
            if frame is not None and frame.from_ is not None:
                given[name][key] = full_name(scene, frame.from_)
    for ring, key in _rings(given):
        whole = [*ring, ring[0]] if len(ring) <= 12 else [*ring[:6], "...", *ring[-5:], ring[0]]
        shown = " -> ".join(map(checking.told, whole))
        starts = all(
            given[name].get("start") == after for name, after in zip(ring, [*ring[1:], ring[0]], strict=True)
        )
        how, remedy = ("start from", "start") if starts else ("start from, or end with,", "start or end")
        checking.fail(
            (*paths[ring[0]], key, "from"),
            f"shots {how} one another in a ring, {shown}; {remedy} one of them from something else",
        )


def _rings(given: Mapping[str, Mapping[str, str]]) -> Iterator[tuple[list[str], str]]:
    """The rings among shots that take frames of others, and by which key the first of a ring takes its frame.

    A film may be one long chain of shots, so that no function calls itself here.
    """
    cleared: set[str] = set()
    for first in given:
        if first in cleared:
            continue
        walked: dict[str, str] = {first: ""}  # shot -> the key that was followed from it
        ahead = [iter(given[first].items())]
        while ahead:
            name = next(reversed(walked))
            key, after = next(ahead[-1], ("", ""))
            if not key:
                ahead.pop()
                cleared.add(name)
                del walked[name]
                continue
            walked[name] = key
            if after in walked:
                names = list(walked)
                yield names[names.index(after) :], walked[after]
            elif after in given and after not in cleared:
                walked[after] = ""
                ahead.append(iter(given[after].items()))


def _check_given(checking: Checking, path: Path, scene: Scene, given: Start | End | None) -> None:
    """Report a first or last frame that is taken from past the end of a shot."""
    if given is None or given.from_ is None or not isinstance(given.at, int):
        return
    source = checking.shot_called(scene, given.from_)
    lasts = source[1].lasts if source else None
    if lasts is not None and given.at >= lasts:
        checking.fail(
            (*path, "at"),
            f"'{given.from_}' lasts {lasts} frames, so there is no frame {given.at}; the last is {lasts - 1}f",
            FPS,
        )


def _check_trim(checking: Checking, path: Path, shot: Shot) -> None:
    trim, fps = shot.trim, checking.reading.fps
    assert trim is not None
    here = (*path, "trim")
    if trim.to is not None and trim.from_ >= trim.to:
        checking.fail(
            here,
            f"ends at {written_duration(trim.to, fps)}, before anything is shown from "
            f"{written_duration(trim.from_, fps)}; `to` comes after `from`",
            FPS,
        )
    elif shot.lasts is not None and max(trim.from_ + 1, trim.to or 0) > shot.lasts:
        key = "to" if trim.to is not None and trim.to > shot.lasts else "from"
        checking.fail(
            (*here, key),
            f"lies past the end of the shot, which lasts {written_duration(shot.lasts, fps)}",
            FPS,
        )


def _check_lines(checking: Checking, path: Path, shot: Shot) -> None:
    fps, length = checking.reading.fps, length_in_cut(shot)
    characters = checking.film.characters
    for who, line in shot.says.items():
        here: Path = (*path, "says", who)
        if who != NARRATOR and not checking.declared(here, who, characters, "character", "characters"):
            continue
        if not line.text.strip() and line.audio is None:
            checking.fail(here, "says nothing; give the line a `text`, an `audio` file, or both")
        if length is not None and line.at >= length > 0:
            checking.fail(
                (*here, "at") if line.at else here,
                f"begins after the shot has ended: it lasts {written_duration(length, fps)} in the cut",
                FPS,
            )


def _check_joins(checking: Checking) -> None:
    before: Shot | None = None
    for path, _, shot in checking.shots():
        if shot.join is not None:
            _check_join(checking, path, shot, before)
        before = shot
    _check_both_joins(checking)


def _check_join(checking: Checking, path: Path, shot: Shot, before: Shot | None) -> None:
    join, here, fps = shot.join, (*path, "join"), checking.reading.fps
    assert join is not None
    given = {key: count for key in ("dissolve", "wipe", "fade") if (count := getattr(join, key)) is not None}
    if len(given) != 1:
        found = f"this one has {' and '.join(given)}" if given else "this one has none"
        checking.fail(here, f"a join is exactly one of dissolve, wipe and fade; {found}")
        return
    ((key, count),) = given.items()
    if before is None:
        if key != "fade":
            checking.fail(
                (*here, key), f"the first shot has none before it to {key} from; only `fade` can open a film"
            )
        before = shot
    for which, one in (("this shot", shot), ("the shot before it", before)):
        length = length_in_cut(one)
        if length is not None and count > length:
            checking.fail(
                (*here, key),
                f"a {key} of {written_duration(count, fps)} is longer than {which}, "
                f"which has {written_duration(length, fps)} in the cut",
                FPS,
            )
            return


def _check_both_joins(checking: Checking) -> None:
    """The joins at a shot's head and tail may not overlap each other."""
    shots = list(checking.shots())
    for (path, _, shot), (_, _, after) in pairwise(shots):
        length, fps = length_in_cut(shot), checking.reading.fps
        if shot.join is None or after.join is None or length is None:
            continue
        head, tail = _taken(shot, head=True), _taken(after, head=False)
        if head <= length and tail <= length and head + tail > length:
            checking.fail(
                (*path, "join"),
                f"this join and the next take {written_duration(head + tail, fps)} together, and the shot "
                f"has {written_duration(length, fps)} in the cut",
                FPS,
            )


def _taken(shot: Shot, *, head: bool) -> int:
    """The frames that the join in front of `shot` takes of it, or of the shot before it."""
    join = shot.join
    assert join is not None
    fade = join.fade or 0
    return max(join.dissolve or 0, join.wipe or 0, fade - fade // 2 if head else fade // 2)
