"""The promise of an incremental build, row by row: build, edit, build, and count the steps that ran.

What runs is decided by the real language, planner, store and scheduler; see `studio.py` for who carries steps out.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

import filmforge
from filmforge.building import environment
from tests.building.studio import Edit, Studio, swap, write_cube
from tests.language.conftest import safetensors
from tests.media import write_clip, write_photo, write_sound

POCKET = Path(filmforge.__file__).parent / "weights/pocket"

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
    "lasts of a card": (
        swap("THE END}, lasts: 1s", "THE END}, lasts: 2s"),
        {"segment": 1, "mix": 1, "cut": 1},
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
    "id of a shot with a seed that another starts from": (
        lambda text: swap("from: wide", "from: far")(swap("id: wide", "id: far")(text)),
        {},
    ),
    "id of a shot without": (swap("id: free", "id: fox"), {"render": 1, "segment": 2, "cut": 1}),
    "film size": (swap("size: 64x36", "size: 128x72"), {"plate": 2, "segment": 9, "cut": 1}),
    "a model's steps": (
        swap("hero: {use: pocket}", "hero: {use: pocket, steps: 3}"),
        {"render": 6, "frame": 1, "segment": 6, "cut": 1},
    ),
    "camera": (
        swap('jumps", lasts', 'jumps", camera: slow pan, lasts'),
        {"render": 1, "segment": 2, "cut": 1},
    ),
    "a shot's negative": (
        swap('jumps", lasts', 'jumps", negative: rain, lasts'),
        {"render": 1, "segment": 2, "cut": 1},
    ),
    "reorder scenes": (
        lambda text: _scenes_swapped(text),
        # `wide` is no longer first and `gull` no longer after `many`: hard cuts, which touch no piece
        {"mix": 1, "cut": 1},
    ),
    "captions burnt, says text": (
        lambda text: swap("captions: file", "captions: burn")(swap("text: Hello.", "text: Goodbye.")(text)),
        {"segment": 1, "cut": 1},
    ),
    "a line's recording": (swap("audio: audio/line.wav", "audio: audio/theme.wav"), {"mix": 1, "cut": 1}),
    "a style's grade": (swap("heavy rain, lut: looks/storm.cube", "heavy rain"), {"segment": 4, "cut": 1}),
    "a style's words, not said by its grade": (
        swap("prompt: heavy rain, lut", "prompt: snow, lut"),
        {"render": 4, "frame": 1, "segment": 4, "cut": 1},  # wide, close, and both takes of many
    ),
    "delivered codec": (
        swap("captions: file", "captions: file\ndeliver: {main: {file: out/copy.mov, codec: prores}}"),
        {"segment": 9, "cut": 1},
    ),
    "a take added": (swap("takes: [1, 2]", "takes: [1, 2, 3]"), {"render": 1}),
    "a LoRA's weight": (
        swap("photos: photos/mira", "photos: photos/mira, lora: {weight: 0.5}"),
        {"render": 2, "frame": 1, "segment": 2, "cut": 1},
    ),
    "a model's guidance": (
        swap("hero: {use: pocket}", "hero: {use: pocket, guidance: 2.0}"),
        {"render": 6, "frame": 1, "segment": 6, "cut": 1},
    ),
    "a model's size": (
        swap("hero: {use: pocket}", "hero: {use: pocket, size: 128x96}"),
        {"render": 6, "frame": 1, "segment": 6, "cut": 1},
    ),
    "a model that renders nothing": (
        swap("spare: {use: pocket, steps: 4}", "spare: {use: pocket, steps: 5}"),
        {},
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


def _scenes_swapped(text: str) -> str:
    head, one, rest = re.split(r"(?=  - id: one\n)|(?=  - id: two\n)", text)
    two, tail = rest.split("music:", 1)
    return f"{head}{two}{one}music:{tail}"


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

    def test_sound_bytes(self, studio: Studio) -> None:
        """Other bytes in a sound: the mix, and no piece of the picture."""
        write_sound(studio.folder / "audio/line.wav", 0.5, hertz=500.0)
        studio.build()
        assert studio.kinds() == {"mix": 1, "cut": 1}

    def test_a_photos_caption(self, studio: Studio) -> None:
        """Words beside a photo are part of the training."""
        (studio.folder / "photos/mira/0.txt").write_text("mira from the side", encoding="utf-8")
        studio.build()
        assert studio.kinds() == {"lora": 1, "render": 2, "frame": 1, "segment": 2, "cut": 1}

    def test_touched(self, studio: Studio) -> None:
        """The same bytes with other times are the same file."""
        (studio.folder / "photos/mira/0.png").touch()
        assert studio.build().ran == {}


class TestLoraFiles:
    @pytest.fixture
    def worn(self, studio: Studio) -> Studio:
        """The film with a LoRA file in the style `plain`, which `free` wears; built."""
        (studio.folder / "loras").mkdir()
        (studio.folder / "loras/plain.safetensors").write_bytes(safetensors(("transformer.x.lora_A",)))
        studio.edit(
            swap("plain: {prompt: daylight}", "plain: {prompt: daylight, lora: loras/plain.safetensors}")
        )
        studio.build()
        assert studio.kinds() == {"render": 1, "segment": 2, "cut": 1}
        return studio

    def test_touched(self, worn: Studio) -> None:
        """Written again with the same bytes, or under another name, a LoRA file is the same LoRA."""
        file = worn.folder / "loras/plain.safetensors"
        file.write_bytes(file.read_bytes())
        worn.build()
        assert worn.ran == set()
        file.rename(file.with_name("day.safetensors"))
        worn.edit(swap("loras/plain.safetensors", "loras/day.safetensors"))
        worn.build()
        assert worn.ran == set()

    def test_other_bytes(self, worn: Studio) -> None:
        """Another LoRA in the same file renders what wears it."""
        file = worn.folder / "loras/plain.safetensors"
        file.write_bytes(safetensors(("transformer.x.lora_A", "transformer.x.lora_B")))
        worn.build()
        assert worn.kinds() == {"render": 1, "segment": 2, "cut": 1}

    def test_what_peft_wrote_beside_it(self, worn: Studio) -> None:
        """The alpha of peft's file stands beside it: another alpha renders what wears it, other words render nothing."""
        (worn.folder / "loras/plain.safetensors").write_bytes(safetensors(("base_model.model.x.lora_A",)))
        beside = worn.folder / "loras/adapter_config.json"
        beside.write_text('{"r": 1, "lora_alpha": 2}')
        worn.build()
        beside.write_text('{"r": 1, "lora_alpha": 2, "inference_mode": true}')
        worn.build()
        assert worn.ran == set()
        beside.write_text('{"r": 1, "lora_alpha": 4}')
        worn.build()
        assert worn.kinds() == {"render": 1, "segment": 2, "cut": 1}


class TestWeights:
    def test_the_same_elsewhere(self, studio: Studio) -> None:
        """Weights are known by their content: a copy of them in another folder renders nothing."""
        shutil.copytree(POCKET, studio.folder / "weights", symlinks=True)
        studio.edit(swap("hero: {use: pocket}", "hero: {use: pocket, weights: ./weights}"))
        studio.build()
        assert studio.ran == set()

    def test_others(self, studio: Studio) -> None:
        """Other weights train and render all that they are used for, and nothing else."""
        shutil.copytree(POCKET, studio.folder / "weights")
        config = studio.folder / "weights/transformer/config.json"
        config.write_text(config.read_text(encoding="utf-8") + "\n", encoding="utf-8")
        studio.edit(swap("hero: {use: pocket}", "hero: {use: pocket, weights: ./weights}"))
        studio.build()
        assert studio.kinds() == {"lora": 2, "render": 6, "frame": 1, "segment": 6, "cut": 1}


class TestRate:
    @pytest.mark.parametrize("same", [True, False])
    def test_fps(self, studio: Studio, same: bool) -> None:
        """Another rate of the film renders only what needs another number of the model's frames: here, nothing.

        The first frame of `close` is looked for anew. It is the same moment: were it another picture, `close`, and
        only `close`, would render.
        """
        cutoff = ("frame/one/close",) if same else ()
        studio.edit(swap("{mira} walks", "{mira} strolls"))
        studio.build(cutoff)
        studio.edit(swap("size: 64x36", "size: 64x36\nfps: 12"))
        studio.build(cutoff)
        expected = {"frame": 1, "plate": 2, "segment": 9, "mix": 1, "cut": 1}
        assert studio.kinds() == (expected if same else expected | {"render": 1})


class TestTheMachine:
    def test_jobs(self, studio: Studio) -> None:
        """How many steps run at once is no part of any."""
        studio.build(jobs=7)
        assert studio.ran == set()

    def test_a_store_that_moved(self, studio: Studio, tmp_path: Path) -> None:
        """A store is used wherever it lies; an empty one has nothing."""
        (studio.folder / ".filmforge").rename(tmp_path / "store")
        studio.build(store=tmp_path / "store")
        assert studio.ran == set()
        studio.build(store=tmp_path / "empty")
        assert studio.kinds() == {
            "lora": 2,
            "render": 6,
            "frame": 1,
            "plate": 3,
            "segment": 9,
            "mix": 1,
            "cut": 1,
        }

    def test_an_upgrade(self, studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
        """Other versions of everything run nothing; see `test_environment.py` for what is said of them."""
        monkeypatch.setattr(filmforge, "__version__", "99.0")
        monkeypatch.setattr(environment, "versions_here", lambda: {"filmforge": "99.0", "torch": "99.0"})
        studio.build()
        assert studio.ran == set()


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
