"""The files that a film names."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from filmforge.errors import FilmError
from filmforge.language.load import load

from .conftest import safetensors


def said(film: Path) -> str:
    """The one problem of the film."""
    with pytest.raises(FilmError) as caught:
        load(film)
    assert len(caught.value.problems) == 1, str(caught.value)
    return str(caught.value)


class TestFiles:
    """Each is there, inside the project folder, and of the right sort."""

    @pytest.mark.parametrize(
        ("name", "content", "where", "words"),
        [
            ("stills/letter.png", b"hello, I am text", "shots[3].still", "is not a picture: it is text"),
            ("stills/letter.png", b"", "still", "is empty"),
            ("stills/letter.png", b"version https://git-lfs.github.com/spec/v1\n", "still", "git lfs pull"),
            (
                "characters/mira/one.png",
                b"text",
                "characters.mira.photos",
                "'characters/mira/one.png' is not a picture",
            ),
            ("footage/gull.mp4", b"#EXTM3U\nhttp://x/y.ts\n", "shots[2].clip", "is text, not footage"),
            ("footage/gull.mp4", b"ffconcat version 1.0\nfile /etc/passwd\n", "clip", "is text, not footage"),
            ("audio/theme.flac", b"just words", "music.file", "is text, not a sound file"),
            ("looks/storm.cube", b"\x00\x01\x02", "styles.storm.lut", "is not a .cube file"),
            ("credits.txt", b"\xff\xfe\x00", "credits.text", "is not UTF-8 text"),
            (
                "loras/otto.safetensors",
                b"PK\x03\x04\x00\x00\x00\x00\x00\x00\x00",
                "lora.file.hero",
                "is a pickle",
            ),
            ("loras/otto.safetensors", b"\x80\x02}q\x00.....", "lora.file.hero", "is a pickle"),
            ("loras/otto.safetensors", b"short", "lora.file.hero", "is not a safetensors file"),
            ("loras/otto.safetensors", safetensors()[:-1], "lora.file.hero", "is cut short"),
            ("loras/otto.safetensors", safetensors(())[:10], "lora.file.hero", "holds no weights"),
            (
                "loras/otto.safetensors",
                b"\x05\0\0\0\0\0\0\0{nope",
                "lora.file.hero",
                "its header cannot be read",
            ),
        ],
    )
    def test_of_the_wrong_sort(
        self, example: Path, name: str, content: bytes, where: str, words: str
    ) -> None:
        """The message names the file and what is wanted."""
        (example.parent / name).write_bytes(content)
        message = said(example)
        assert where in message
        assert words in message

    def test_missing(self, example: Path) -> None:
        """The file that may have been meant is offered."""
        folder = example.parent / "stills"
        (folder / "letter.png").rename(folder / "leter.png")
        assert "there is no file 'stills/letter.png'; did you mean 'stills/leter.png'?" in said(example)

    def test_a_folder_for_a_file(self, example: Path) -> None:
        """And the other way round."""
        (example.parent / "stills/letter.png").unlink()
        (example.parent / "stills/letter.png").mkdir()
        assert "is a folder; name a picture" in said(example)

    def test_a_pipe(self, example: Path) -> None:
        """What is no file is not opened: it might never answer."""
        (example.parent / "credits.txt").unlink()
        os.mkfifo(example.parent / "credits.txt")
        assert "is neither a file nor a folder" in said(example)

    def test_a_link_out_of_the_project(self, example: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
        """Links may stay inside; they may not lead out, not even as a folder on the way or as a photo."""
        outside = tmp_path_factory.mktemp("outside")
        (example.parent / "stills").rename(outside / "stills")
        (example.parent / "stills").symlink_to(outside / "stills")
        assert "leads out of the project folder through a link" in said(example)

    def test_a_photo_that_is_a_link_out(
        self, example: Path, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        """Each photo is looked at."""
        outside = tmp_path_factory.mktemp("outside") / "p.png"
        outside.write_bytes(b"\x89PNG\r\n\x1a\n")
        (example.parent / "characters/mira/three.png").symlink_to(outside)
        assert "'characters/mira/three.png' leads out" in said(example)

    @pytest.mark.parametrize("target", ["letter.png", "gone.png"])
    def test_a_link_that_leads_nowhere(self, example: Path, target: str) -> None:
        """One to itself, or to what is gone, is called a link, and is not offered instead of itself."""
        still = example.parent / "stills/letter.png"
        still.unlink()
        still.symlink_to(target)
        assert said(example).endswith(
            "'stills/letter.png' is a link that leads nowhere; put the file itself there"
        )

    def test_a_link_within_the_project(self, example: Path) -> None:
        """One picture may be used under two names."""
        still = example.parent / "stills/letter.png"
        still.rename(example.parent / "scan.png")
        still.symlink_to("../scan.png")
        load(example)


class TestPhotos:
    """A folder with at least one image or clip."""

    def test_missing(self, example: Path) -> None:
        """A folder that is not there."""
        (example.parent / "characters/mira").rename(example.parent / "characters/mirra")
        assert "there is no folder 'characters/mira'; did you mean 'characters/mirra'?" in said(example)

    @pytest.mark.parametrize(("kept", "words"), [((), "is empty"), (("one.txt",), "holds no images")])
    def test_without_images(self, example: Path, kept: tuple[str, ...], words: str) -> None:
        """An empty one, and one with captions only."""
        for photo in (example.parent / "characters/mira").iterdir():
            if photo.name not in kept:
                photo.unlink()
        assert words in said(example)

    def test_a_file(self, example: Path) -> None:
        """A file is no folder."""
        text = example.read_text().replace("photos: characters/mira ", "photos: stills/letter.png ")
        text = text.replace("photos: characters/mira\n", "photos: stills/letter.png\n")
        example.write_text(text)
        assert "is a file; photos are in a folder of their own" in said(example)
