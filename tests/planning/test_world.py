"""What a plan learns of the machine: weights that a film names and that are not there."""

from __future__ import annotations

from pathlib import Path

import pytest

import filmforge
from filmforge.errors import FilmError
from tests.media import write_clip, write_photo, write_sound

FILM = """\
filmforge: 1
models:
  hero: {use: wan2.2-ti2v-5b, weights: ./nowhere}
model: hero
scenes: [{id: a, shots: [{id: b, prompt: a fox, lasts: 1s}]}]
"""


class TestWeights:
    def test_a_folder_that_is_not_there(self, tmp_path: Path) -> None:
        """The mistake stands in the film: it is named with its line and column, and what to write instead."""
        path = tmp_path / "film.yaml"
        path.write_text(FILM, encoding="utf-8")
        with pytest.raises(FilmError) as caught:
            filmforge.plan(filmforge.load(path))
        (problem,) = caught.value.problems
        assert (problem.line, problem.column) == (3, 31)
        assert "does not exist" in problem.message and "name a folder" in problem.message


class TestGrades:
    """A colour table is read before anything is made with it."""

    FILM = """\
filmforge: 1
styles:
  storm: {lut: storm.cube}
style: storm
scenes: [{id: a, shots: [{id: b, prompt: a fox, lasts: 1s}, {id: c, prompt: an owl, lasts: 1s}]}]
model: animatic
"""

    @pytest.mark.parametrize(
        ("table", "wrong"),
        [
            ("LUT_3D_SIZE 2\n", "storm.cube: holds 0 colours, not 8"),
            ("LUT_1D_SIZE 2\n0 0 0\n1 1 one\n", "storm.cube:3: '1 1 one' is not three numbers"),
        ],
    )
    def test_a_table_that_is_not_whole(self, tmp_path: Path, table: str, wrong: str) -> None:
        """It is said once, where the film names it; a whole one is taken."""
        path, cube = tmp_path / "film.yaml", tmp_path / "storm.cube"
        path.write_text(self.FILM, encoding="utf-8")
        cube.write_text(table, encoding="utf-8")
        with pytest.raises(FilmError) as caught:
            filmforge.plan(filmforge.load(path))
        (problem,) = caught.value.problems
        assert problem.line == 3
        assert problem.message.startswith(wrong)
        cube.write_text("LUT_1D_SIZE 2\n0 0 0\n1 1 1\n", encoding="utf-8")
        assert filmforge.plan(filmforge.load(path)).steps


SHOTS = "filmforge: 1\nsize: 64x36\nscenes:\n  - id: a\n    shots:\n"
CARD = "      - {id: card, title: x, lasts: 1s}\n"


def refused(folder: Path, text: str, *overrides: str) -> list[str]:
    """What a plan of the film says is wrong, without the folder."""
    (folder / "film.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(FilmError) as caught:
        filmforge.plan(filmforge.load(folder / "film.yaml", overrides=overrides))
    return [str(problem).removeprefix(f"{folder}/film.yaml:") for problem in caught.value.problems]


class TestMediaFiles:
    """What is wrong with a file is said at the key that names it, as `check` says its errors."""

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        write_clip(tmp_path / "silent.mp4", 24, 24)
        write_photo(tmp_path / "a.png", (200, 0, 0))
        write_sound(tmp_path / "s.wav", 1.0)
        (tmp_path / "cut.mp4").write_bytes((tmp_path / "silent.mp4").read_bytes()[:200])
        return tmp_path

    def test_the_key_and_not_a_mention(self, folder: Path) -> None:
        """Neither a comment, nor a longer name, nor signs that are no line ends move the place."""
        text = (
            "# cut.mp4 is still to come\u2028\u0085\n"
            + SHOTS
            + CARD.replace("title: x", "title: not-cut.mp4")
        )
        (said,) = refused(folder, text + "      - {id: b, clip: cut.mp4}\n")
        assert said.startswith("8:17: scenes[0].shots[1].clip: cut.mp4: is not a video or audio file")

    def test_every_place(self, folder: Path) -> None:
        """A file that cannot be read is an error wherever it is named."""
        shots = "      - {id: b, clip: cut.mp4}\n      - {id: c, clip: cut.mp4}\n"
        where = [said.split(": ")[1] for said in refused(folder, SHOTS + shots)]
        assert where == ["scenes[0].shots[0].clip", "scenes[0].shots[1].clip"]

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            (
                SHOTS + "      - {id: b, clip: a.png}\n",
                "6:17: scenes[0].shots[0].clip: a.png is a picture where footage is wanted",
            ),
            (
                SHOTS + "      - {id: b, clip: s.wav, sound: s.wav}\n",
                "6:17: scenes[0].shots[0].clip: s.wav is a sound file where footage is wanted",
            ),
            (
                SHOTS + "      - {id: b, clip: silent.mp4, sound: keep}\n",
                "6:35: scenes[0].shots[0].sound: silent.mp4 has no sound in it; name another file, or remove it",
            ),
            (
                SHOTS + CARD.replace("}", ", says: {narrator: {text: hi, audio: a.png}}}"),
                "6:69: scenes[0].shots[0].says.narrator.audio: a.png has no sound in it; "
                "name another file, or remove it",
            ),
            (
                "music: a.png\n" + SHOTS + CARD,
                "1:1: music.file: a.png has no sound in it; name another file, or remove it",
            ),
            (
                SHOTS + CARD.replace("}", ", sound: {file: s.wav, at: 2s}}"),
                "6:49: scenes[0].shots[0].sound.file: s.wav begins after the shot it belongs to has ended",
            ),
        ],
    )
    def test_what_is_wanted_there(self, folder: Path, text: str, said: str) -> None:
        """A file is refused where it does not fit, and nowhere else."""
        assert refused(folder, text) == [said]

    def test_an_option(self, folder: Path) -> None:
        """A file that `--set` names is refused with the option as its file."""
        (said,) = refused(folder, SHOTS + CARD, "music=a.png")
        assert said.startswith("--set music=a.png:1:1: music.file: a.png has no sound in it")

    def test_a_photo(self, folder: Path) -> None:
        """What is wrong with a photo is said where its folder is named."""
        (folder / "mira").mkdir()
        (folder / "mira" / "one.png").write_bytes((folder / "a.png").read_bytes()[:-40])
        text = (
            "characters:\n  mira: {looks: x, photos: mira}\n"
            + SHOTS
            + CARD.replace("title: x", 'prompt: "{mira}"')
        )
        (said,) = refused(folder, text)
        assert said.startswith("2:20: characters.mira.photos: mira/one.png")

    def test_a_file_that_is_named_nowhere(self, folder: Path) -> None:
        """Its error is not lost: it stands at the beginning of the film."""
        (folder / "film.yaml").write_text(SHOTS + CARD, encoding="utf-8")
        world = filmforge.plan(filmforge.load(folder / "film.yaml")).world
        world.refuse_file("elsewhere.png", "elsewhere.png is damaged")
        (problem,) = world.broken
        assert (problem.line, problem.column) == (1, 1) and "is damaged" in problem.message

    @pytest.mark.parametrize("written", ["mira/", "./mira", "x/../mira"])
    def test_a_photo_in_a_folder_however_that_is_written(self, folder: Path, written: str) -> None:
        """The place is that of the folder."""
        (folder / "mira").mkdir()
        (folder / "x").mkdir()
        (folder / "mira" / "one.png").write_bytes((folder / "a.png").read_bytes()[:-40])
        text = f"characters:\n  mira: {{looks: x, photos: {written}}}\n" + SHOTS
        (said,) = refused(folder, text + CARD.replace("title: x", 'prompt: "{mira}"'))
        assert said.startswith("2:20: characters.mira.photos: ")
