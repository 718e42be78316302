"""The promise of an incremental build, row by row: build, edit, build, and count the steps that ran.

What runs is decided by the real language, planner, store and scheduler; see `studio.py` for who carries steps out.
"""

from __future__ import annotations

from pathlib import Path

import pytest

import filmforge
from tests.building.studio import Edit, Studio, swap, write_cube
from tests.media import write_clip, write_photo

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
