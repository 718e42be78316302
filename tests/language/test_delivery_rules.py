"""What a film delivers, held against what it is made from and against the disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from filmforge.errors import FilmError
from filmforge.language.load import load

CLIP = b"\x00\x00\x00\x18ftypmp42"
TWO = "[{id: two, clip: g.mp4, trim: {to: 1s}}]"


def said(
    folder: Path, top: str, shots: str = TWO, profile: str | None = None, name: str = "a.yaml"
) -> list[str]:
    """Every problem of a film with those shots, in `folder`, without the folder's name in front."""
    film = folder / name
    film.write_text(f"filmforge: 1\n{top}\nscenes:\n  - id: main\n    shots: {shots}\n", "utf-8")
    try:
        load(film, profile=profile)
    except FilmError as error:
        return [str(problem).removeprefix(f"{folder}/") for problem in error.problems]
    return []


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project with one piece of footage."""
    (tmp_path / "g.mp4").write_bytes(CLIP)
    return tmp_path


class TestWhatTheFilmReads:
    """No delivery replaces it: the filmmaker's own file would be lost."""

    @pytest.mark.parametrize(
        "file", ["g.mp4", "./g.mp4", "s/../g.mp4", "link.mp4", "here/g.mp4", "new/../g.mp4"]
    )
    def test_footage(self, folder: Path, file: str) -> None:
        """However the path is written, and through links; said where the delivery stands."""
        (folder / "s").mkdir()
        (folder / "link.mp4").symlink_to("g.mp4")
        (folder / "here").symlink_to(".")
        assert said(folder, f"deliver: {{main: {file}}}") == [
            f"a.yaml:2:11: deliver.main.file: '{file}', which a build would write, is read by the film on line 5; "
            "name another file to deliver"
        ]

    def test_the_default_delivery(self, folder: Path) -> None:
        """Is named by nobody, so it is said where the footage is."""
        (folder / "out").mkdir()
        (folder / "out" / "a.mp4").write_bytes(CLIP)
        found = said(folder, "", "[{id: two, clip: out/a.mp4}]")
        assert found == [
            "a.yaml:5:23: scenes[0].shots[0].clip: 'out/a.mp4' is read here, and a build would write over it; "
            "name another file, or say with `deliver` where the film goes"
        ]
        assert said(folder, "deliver: {main: out/b.mp4}", "[{id: two, clip: out/a.mp4}]") == []

    def test_with_a_profile(self, folder: Path) -> None:
        """Its deliveries are looked at whether or not it is asked for."""
        (folder / "g.draft.mp4").write_bytes(CLIP)
        top = "deliver: {main: g.mp4}\nprofiles: {draft: {seed: 2}}"
        shots = "[{id: two, clip: g.draft.mp4}]"
        for profile in (None, "draft"):
            (found,) = said(folder, top, shots, profile)
            assert "deliver.main.file: 'g.draft.mp4', which the profile 'draft' would write, is read" in found

    def test_what_a_profile_delivers_itself(self, folder: Path) -> None:
        """Is said in the profile; and a profile may read what the film delivers, for it is another's."""
        (found,) = said(folder, "profiles: {draft: {deliver: {main: g.mp4}}}")
        assert found.startswith("a.yaml:2:30: profiles.draft.deliver.main.file: 'g.mp4', which the profile")
        trailer = "{scenes: [{id: t, shots: [{id: t, clip: t.mp4}]}], deliver: {main: u.mp4}}"
        (folder / "t.mp4").write_bytes(CLIP)
        assert said(folder, f"deliver: {{main: t.mp4}}\nprofiles: {{trailer: {trailer}}}") == []

    def test_what_only_the_film_without_a_profile_reads(self, folder: Path) -> None:
        """A profile with scenes of its own does not write over the film's footage, whether or not it is asked for."""
        (folder / "t.mp4").write_bytes(CLIP)
        own = "scenes: [{id: t, shots: [{id: t, clip: t.mp4}]}]"
        for profile in (None, "trailer"):
            top = f"profiles: {{trailer: {{{own}, deliver: {{main: g.mp4}}}}}}"
            (found,) = said(folder, top, profile=profile)
            assert (
                "deliver.main.file: 'g.mp4', which the profile 'trailer' would write, is what the film"
                in found
            )
            assert found.endswith("without it reads on line 5; name another file to deliver")
        (folder / "out").mkdir()
        (folder / "out" / "a.trailer.mp4").write_bytes(CLIP)
        for profile in (None, "trailer"):
            shots = "[{id: two, clip: out/a.trailer.mp4}]"
            (found,) = said(folder, f"profiles: {{trailer: {{{own}}}}}", shots, profile)
            assert found.startswith("a.yaml:2:12: profiles.trailer: 'out/a.trailer.mp4', which the profile")

    def test_what_is_written_beside(self, folder: Path) -> None:
        """Captions, where there may be a file of them, and provenance."""
        (folder / "o.srt").write_text("The end", "utf-8")
        top = "credits: {text: o.srt, roll: 2s}\ndeliver: {main: o.mp4}\ncaptions: "
        (found,) = said(folder, f"{top}both")
        assert "'o.srt', which a build would write, is read by the film on line 2" in found
        assert said(folder, f"{top}burn") == []
        (found,) = said(folder, "deliver: {main: o.mp4}", name="o.mp4.json")
        assert "'o.mp4.json', which a build would write, is the film file" in found

    def test_photos(self, folder: Path) -> None:
        """A film among the photos would be trained on; and a photo may be a link to what is delivered."""
        (folder / "mira").mkdir()
        (folder / "mira" / "one.mp4").symlink_to("../g.mp4")
        top = "characters: {mira: {photos: mira}}\ndeliver: {main: %s}"
        title = "[{id: two, title: THE END, lasts: 1s}]"
        for file in ("mira/new.mp4", "g.mp4"):
            (found,) = said(folder, top % file, title)
            assert f"'{file}', which a build would write, is among the photos of line 2" in found
        assert said(folder, top % "mira/out/new.mp4", title) == []


class TestOneAnother:
    def test_through_a_link(self, folder: Path) -> None:
        """Two folders that are one hold one file of a name."""
        (folder / "out").mkdir()
        (folder / "there").symlink_to("out")
        (found,) = said(folder, "deliver: {a: out/x.mp4, b: there/x.mp4}")
        assert "deliver.b.file: 'there/x.mp4' is the same file as 'out/x.mp4'; name another file" in found
        assert said(folder, "deliver: {a: out/x.mp4, b: {file: out/x.mov, codec: prores}}") == []


class TestWriting:
    def test_a_file_where_a_folder_is_to_be(self, folder: Path) -> None:
        """It is known before anything is made, also of the folder for what names no place."""
        (folder / "out").write_text("x", "utf-8")
        assert said(folder, "deliver: {main: g.mp4/x/y.mp4}") == [
            "a.yaml:2:11: deliver.main.file: 'g.mp4/x/y.mp4' cannot be written: 'g.mp4' is no folder; name another file"
        ]
        (found,) = said(folder, "profiles: {draft: {seed: 2}, deep: {deliver: {main: x.mp4}}}")[:1]
        assert "'out/a.mp4' cannot be written: 'out' is no folder" in found

    def test_a_folder_where_a_file_is_written_beside(self, folder: Path) -> None:
        """The captions and the provenance have to go somewhere."""
        (folder / "x.mp4.json").mkdir()
        (found,) = said(folder, "deliver: {main: x.mp4}")
        assert "'x.mp4.json', which is written beside 'x.mp4', is a folder" in found

    def test_a_long_name(self, folder: Path) -> None:
        """A file system holds 255 bytes, the provenance's included."""
        (found,) = said(folder, f"deliver: {{main: {'é' * 110}.mp4}}")
        assert "is too long for a file's name" in found
        assert said(folder, f"deliver: {{main: {'x' * 196}.mp4}}") == []

    @pytest.mark.parametrize("deliver", ["", "deliver: {main: o.mp4}\n"])
    @pytest.mark.parametrize("length", [245, 300])
    def test_a_long_profile(self, folder: Path, deliver: str, length: int) -> None:
        """Its name enters the delivered file's, unless it says itself where that goes."""
        name = "x" * length
        for profile in (None, name):
            (found,) = said(folder, f"{deliver}profiles: {{{name}: {{seed: 2}}}}", profile=profile)
            assert "too long for a file's name; give the profile a shorter one" in found
        assert said(folder, f"profiles: {{{name}: {{deliver: {{main: o.mp4}}}}}}") == []
