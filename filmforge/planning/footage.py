"""The rules of the cut that wait for the lengths of footage: joins, lines and frames of clips without `lasts`."""

from __future__ import annotations

from filmforge.language.checking import Checking
from filmforge.language.cut_rules import check_cut
from filmforge.language.film import Film, Shot
from filmforge.language.reading import Reading
from filmforge.planning.surroundings import Surroundings
from filmforge.planning.timeline import frames_of


def check_footage(film: Film, about: Surroundings) -> None:
    """Refuse what the language forbids of the cut, now that its files tell how long clips are."""
    if not any(_measured_by_file(shot) for _, shot in film.shots()):
        return
    scenes = tuple(
        scene.model_copy(update={"shots": tuple(_measured(shot, film, about) for shot in scene.shots)})
        for scene in film.scenes
    )
    reading = Reading(film.fps)
    check_cut(Checking(film.model_copy(update={"scenes": scenes}), reading, frozenset()))
    for path, message, _ in reading.found:
        about.refuse(path, message)


def _measured_by_file(shot: Shot) -> bool:
    return shot.kind == "clip" and shot.lasts is None


def _measured(shot: Shot, film: Film, about: Surroundings) -> Shot:
    """The shot with the length of its file as its `lasts`; as it is where it asks for more, which is refused elsewhere."""
    if not _measured_by_file(shot):
        return shot
    assert shot.clip is not None
    held = frames_of(about.length(shot.clip), film.fps)
    wanted = max(shot.trim.from_ + 1, shot.trim.to or 0) if shot.trim else 1
    return shot.model_copy(update={"lasts": held}) if wanted <= held else shot
