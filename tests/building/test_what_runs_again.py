"""The promise of an incremental build, row by row: build, edit, build, and count the steps that ran.

The film is whole (trained characters, continuity, takes, footage, a still, cards, sound, grades); steps are carried
out by an executor that writes down what it was asked for, so that what runs is decided by the real language, planner,
store and scheduler, and nothing takes long.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import filmforge
from benchmarks.trivial import TrivialExecutor
from filmforge.building.events import FilmDone
from tests.media import write_clip, write_photo, write_sound

FILM = """\
filmforge: 1
title: The Lantern
size: 64x36
seed: 2026
negative: blurry
models:
  hero: {use: pocket}
  spare: {use: pocket, steps: 4}
model: hero
profiles:
  draft: {model: spare}
characters:
  mira: {looks: a girl in a red coat, photos: photos/mira}
  otto: {looks: an old bear, photos: photos/otto}
  nobody: {looks: a ghost, photos: photos/otto}
styles:
  storm: {prompt: heavy rain, lut: looks/storm.cube}
  plain: {prompt: daylight}
places:
  cliff: on a cliff
  beach: on a beach
scenes:
  - id: one
    place: cliff
    style: storm
    shots:
      - {id: wide, prompt: "{mira} walks", lasts: 2s, seed: 7}
      - {id: close, prompt: "{mira} waves", lasts: 2s, start: {from: wide, at: last}, seed: 3}
      - {id: free, prompt: "a red fox jumps", lasts: 2s, style: plain}
      - {id: many, prompt: "{otto} sits", lasts: 2s, takes: [1, 2], pick: 1, join: {dissolve: 6f}}
  - id: two
    place: beach
    shots:
      - {id: gull, clip: footage/gull.mp4, trim: {from: 0s, to: 1s}, sound: keep}
      - {id: letter, still: stills/letter.png, lasts: 1s, move: push in}
      - {id: bear, prompt: "{otto} waves", lasts: 2s, seed: 5, says: {otto: {text: Hello., audio: audio/line.wav}}}
      - {id: end, title: {text: THE END}, lasts: 1s, join: {fade: 12f}}
music: {file: audio/theme.wav, gain: -16, duck: -10}
captions: file
"""

Edit = Callable[[str], str]


def swap(old: str, new: str) -> Edit:
    """An edit that puts `new` in the place of `old`, which must be there."""

    def edit(text: str) -> str:
        assert old in text, f"{old!r} is not in the film"
        return text.replace(old, new)

    return edit


class Studio:
    """One film on disk, built as often as one likes."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.film = folder, folder / "film.yaml"
        self.count = 0

    def edit(self, edit: Edit) -> None:
        self.film.write_text(edit(self.film.read_text(encoding="utf-8")), encoding="utf-8")

    def build(self, same: tuple[str, ...] = (), **options: object) -> FilmDone:
        self.count += 1
        project = filmforge.load(self.film, **options)  # type: ignore[arg-type]
        executor = TrivialExecutor(self.folder / ".filmforge" / f"work-{self.count}", same)
        result = filmforge.build(project, executor=executor)
        assert result.ok, result.done
        self.ran = set(executor.ran)
        return result.done


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that was built once."""
    folder = tmp_path_factory.mktemp("film")
    for who, colour in (("mira", (200, 30, 30)), ("otto", (30, 60, 200))):
        for index in range(3):
            write_photo(folder / f"photos/{who}/{index}.png", (colour[0], colour[1], 40 * index))
    write_clip(folder / "footage/gull.mp4", frames=36, fps=24, sound=True)
    write_photo(folder / "stills/letter.png", (230, 220, 190))
    write_sound(folder / "audio/theme.wav", 3.0)
    write_sound(folder / "audio/line.wav", 0.5)
    write_cube(folder / "looks/storm.cube", 0.9)
    (folder / "film.yaml").write_text(FILM, encoding="utf-8")
    Studio(folder).build()
    return folder


def write_cube(path: Path, blue: float) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [f"{r} {g} {b * blue}" for b in (0, 1) for g in (0, 1) for r in (0, 1)]
    path.write_text("LUT_3D_SIZE 2\n" + "\n".join(rows) + "\n", encoding="utf-8")


@pytest.fixture
def studio(built: Path, tmp_path: Path) -> Studio:
    """A copy of the built project. Blobs are shared by hard links, which the store never writes through."""
    folder = tmp_path / "copy"
    shutil.copytree(built, folder, copy_function=shutil.copy2)
    return Studio(folder)


ROWS: dict[str, tuple[Edit, dict[str, int]]] = {
    "comments, order of keys, style": (
        lambda text: (
            "# a comment\n" + text.replace("seed: 2026\nnegative: blurry", "negative: 'blurry'\nseed: 2026")
        ),
        {},
    ),
    "film title": (swap("title: The Lantern", "title: Another"), {}),
    "reorder shots": (
        lambda text: swap(
            "      - {id: gull, clip: footage/gull.mp4, trim: {from: 0s, to: 1s}, sound: keep}\n"
            "      - {id: letter, still: stills/letter.png, lasts: 1s, move: push in}\n",
            "      - {id: letter, still: stills/letter.png, lasts: 1s, move: push in}\n"
            "      - {id: gull, clip: footage/gull.mp4, trim: {from: 0s, to: 1s}, sound: keep}\n",
        )(text),
        {"mix": 1, "cut": 1},
    ),
    "join changes its kind": (swap("{dissolve: 6f}", "{wipe: 6f}"), {"segment": 1, "cut": 1}),
    "join grows": (swap("{dissolve: 6f}", "{dissolve: 8f}"), {"segment": 3, "mix": 1, "cut": 1}),
    "says text": (swap("text: Hello.", "text: Goodbye."), {"cut": 1}),
    "captions none": (swap("captions: file", "captions: none"), {"cut": 1}),
    "captions burnt": (swap("captions: file", "captions: burn"), {"segment": 1, "cut": 1}),
    "trim": (swap("{from: 0s, to: 1s}", "{from: 0.5s, to: 1.5s}"), {"segment": 1, "mix": 1, "cut": 1}),
    "lasts within the legal length": (
        swap('jumps", lasts: 2s', 'jumps", lasts: 47f'),
        {"segment": 2, "mix": 1, "cut": 1},  # the shot and its overlap with the next
    ),
    "lasts beyond it": (
        swap('jumps", lasts: 2s', 'jumps", lasts: 3s'),
        {"render": 1, "segment": 2, "mix": 1, "cut": 1},
    ),
    "pick": (swap("pick: 1", "pick: 2"), {"segment": 2, "cut": 1}),
    "music gain": (swap("gain: -16", "gain: -14"), {"mix": 1, "cut": 1}),
    "loudness": (swap("captions: file", "captions: file\nloudness: -20"), {"mix": 1, "cut": 1}),
    "delivered file name": (
        swap("captions: file", "captions: file\ndeliver: {main: {file: out/a.mp4}}"),
        {"cut": 1},
    ),
    "delivered quality": (
        swap("captions: file", "captions: file\ndeliver: {main: {file: out/copy.mp4, quality: 30}}"),
        {"segment": 9, "cut": 1},
    ),
    "prompt": (swap("a red fox jumps", "a red fox hops"), {"render": 1, "segment": 2, "cut": 1}),
    "prompt of a shot that another starts from": (
        swap("{mira} walks", "{mira} runs"),
        {"render": 2, "frame": 1, "segment": 2, "cut": 1},
    ),
    "seed": (swap("seed: 7", "seed: 8"), {"render": 2, "frame": 1, "segment": 2, "cut": 1}),
    "negative": (
        swap("negative: blurry", "negative: dull"),
        {"render": 6, "frame": 1, "segment": 6, "cut": 1},
    ),
    "place": (swap("on a beach", "on a white beach"), {"render": 1, "segment": 1, "cut": 1}),
    "style's words": (swap("daylight", "sunlight"), {"render": 1, "segment": 2, "cut": 1}),
    "looks, captions made from them": (
        swap("an old bear", "a young bear"),
        {"lora": 1, "render": 3, "segment": 3, "cut": 1},
    ),
    "lora settings": (
        swap("photos: photos/mira", "photos: photos/mira, lora: {steps: 9}"),
        {"lora": 1, "render": 2, "frame": 1, "segment": 2, "cut": 1},
    ),
    "a character no shot names": (swap("a ghost", "a white ghost"), {}),
    "film seed": (swap("seed: 2026", "seed: 1"), {"render": 1, "segment": 2, "cut": 1}),
    "id of a shot with a seed": (swap("id: bear", "id: brown"), {}),
    "id of a shot without": (swap("id: free", "id: fox"), {"render": 1, "segment": 2, "cut": 1}),
    "film size": (swap("size: 64x36", "size: 128x72"), {"plate": 2, "segment": 9, "cut": 1}),
    "a model's steps": (
        swap("hero: {use: pocket}", "hero: {use: pocket, steps: 3}"),
        {"render": 6, "frame": 1, "segment": 6, "cut": 1},
    ),
    "a model's precision": (
        swap("hero: {use: pocket}", "hero: {use: pocket, precision: bf16}"),
        {"lora": 2, "render": 6, "frame": 1, "segment": 6, "cut": 1},
    ),
}


@pytest.mark.parametrize("name", ROWS)
def test_edit_runs_again_what_it_touches_and_nothing_else(studio: Studio, name: str) -> None:
    """After the edit, exactly the steps of the table run; built once more, none does."""
    edit, expected = ROWS[name]
    studio.edit(edit)
    assert studio.build().ran == expected
    assert studio.build().ran == {}


def test_nothing(studio: Studio) -> None:
    """With nothing edited nothing runs, from Python as from the command line."""
    assert studio.build().ran == {}


class TestFiles:
    @pytest.mark.parametrize(
        ("path", "expected"),
        [
            ("stills/letter.png", {"plate": 1, "segment": 1, "cut": 1}),
            ("photos/mira/0.png", {"lora": 1, "render": 2, "frame": 1, "segment": 2, "cut": 1}),
        ],
    )
    def test_picture_bytes(self, studio: Studio, path: str, expected: dict[str, int]) -> None:
        """Other bytes in a still or a photo make anew what is made from them."""
        write_photo(studio.folder / path, (1, 2, 3))
        assert studio.build().ran == expected

    def test_footage_bytes(self, studio: Studio) -> None:
        """Other bytes of footage: its plate, segment and sound."""
        write_clip(studio.folder / "footage/gull.mp4", frames=40, fps=24, sound=True)
        assert studio.build().ran == {"plate": 1, "segment": 1, "mix": 1, "cut": 1}

    def test_grade_bytes(self, studio: Studio) -> None:
        """Another grade: the segments of the shots in that style, and none of their renders."""
        write_cube(studio.folder / "looks/storm.cube", 0.5)
        # wide, close, the dissolve into many, and many: what wears the style `storm`
        assert studio.build().ran == {"segment": 4, "cut": 1}

    def test_touched(self, studio: Studio) -> None:
        """The same bytes with other times are the same file."""
        (studio.folder / "photos/mira/0.png").touch()
        assert studio.build().ran == {}


class TestEarlyCutoff:
    def test_equal_frame_spares_the_next_shot(self, studio: Studio) -> None:
        """A shot that starts from another is rendered again only if that frame came out different."""
        studio.build()
        studio.edit(swap("{mira} walks", "{mira} strolls"))
        studio.build(same=("frame/one/close",))
        studio.edit(swap("{mira} strolls", "{mira} runs"))
        assert studio.build(same=("frame/one/close",)).ran == {
            "render": 1,
            "frame": 1,
            "segment": 1,
            "cut": 1,
        }

    def test_equal_lora_spares_the_renders(self, studio: Studio) -> None:
        """Renders run only if the LoRA's bytes came out different."""
        studio.edit(swap("photos: photos/mira", "photos: photos/mira, lora: {steps: 8}"))
        studio.build(same=("lora/mira@hero",))
        studio.edit(swap("lora: {steps: 8}", "lora: {steps: 9}"))
        assert studio.build(same=("lora/mira@hero",)).ran == {"lora": 1}


class TestThereAndBack:
    def test_profile_and_back(self, studio: Studio) -> None:
        """A profile is made once; going back to the film, or to the profile again, runs nothing."""
        assert studio.build(profile="draft").ran["render"] == 6
        assert studio.build().ran == {}
        assert studio.build(profile="draft").ran == {}

    def test_older_revision(self, studio: Studio) -> None:
        """What was built before is delivered again without a step."""
        before = (
            (studio.folder / "out/copy.mp4").read_bytes()
            if (studio.folder / "out/copy.mp4").exists()
            else None
        )
        first = studio.build().outputs
        content = (studio.folder / first[0]).read_bytes()
        studio.edit(swap("gain: -16", "gain: -9"))
        studio.build()
        assert (studio.folder / first[0]).read_bytes() != content
        studio.edit(swap("gain: -9", "gain: -16"))
        assert studio.build().ran == {}
        assert (studio.folder / first[0]).read_bytes() == content
        assert before in (None, content)

    def test_moved_project(self, studio: Studio, tmp_path: Path) -> None:
        """A project that is moved or renamed has nothing to make."""
        moved = tmp_path / "elsewhere"
        studio.folder.rename(moved)
        assert Studio(moved).build().ran == {}


class TestDamage:
    def test_lost_blob(self, studio: Studio) -> None:
        """A result that is gone is made again by its own step, and what rests on it is not."""
        project = filmforge.load(studio.film)
        planned = filmforge.plan(project).steps["render/two/bear@5"]
        assert planned.record is not None
        blob = studio.folder / ".filmforge/blobs" / planned.record.outputs["main"].digest[:2]
        path = blob / planned.record.outputs["main"].digest
        path.chmod(0o644)
        path.unlink()
        assert studio.build().ran == {"render": 1}
        assert studio.ran == {"render/two/bear@5"}

    @pytest.mark.parametrize("damage", [b"", b"something else"])
    def test_damaged_output(self, studio: Studio, damage: bytes) -> None:
        """A delivered file that was damaged is delivered again: `cut` only."""
        first = studio.build().outputs[0]
        content = (studio.folder / first).read_bytes()
        (studio.folder / first).write_bytes(damage)
        assert studio.build().ran == {"cut": 1}
        assert (studio.folder / first).read_bytes() == content

    def test_deleted_output(self, studio: Studio) -> None:
        """A delivered file that was deleted is delivered again: `cut` only."""
        first = studio.build().outputs[0]
        (studio.folder / first).unlink()
        assert studio.build().ran == {"cut": 1}
