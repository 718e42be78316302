"""Whatever is wrong, the user gets one clear message with the place and the remedy, the right exit status, and no
traceback; and nothing that was made is lost."""

from __future__ import annotations

import errno
import json
import os
import struct
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Run
from tests.conftest import WriteFilm
from tests.media import write_clip, write_photo, write_sound

SHOTS = "scenes: [{id: a, shots: [%s]}]\n"
CARD = "{id: one, title: {text: x}, lasts: 4f}"


def bomb() -> str:
    """A billion laughs: ten aliases of ten aliases, nine deep."""
    lines = ["a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    return "\n".join(lines) + "\n"


WRONG: dict[str, tuple[str, str]] = {
    "not YAML": ("scenes: [}\n", "film.yaml:2:"),
    "a tag": ("title: !!python/object/apply:os.system [ls]\n" + SHOTS % CARD, "tag"),
    "an alias bomb": (bomb() + SHOTS % CARD, "film.yaml:"),
    "an unknown key": ("titel: x\n" + SHOTS % CARD, "did you mean 'title'?"),
    "a key given twice": ("title: x\ntitle: y\n" + SHOTS % CARD, "twice"),
    "two shots with one name": (SHOTS % f"{CARD}, {CARD}", "has a shot 'one'"),
    "a character nobody declared": (SHOTS % '{id: one, prompt: "{mira} waves", lasts: 1s}', "mira"),
    "a duration that is none": (
        SHOTS % "{id: one, title: x, lasts: 4x}",
        "'4x' is not a duration; write 4s, 96f",
    ),
    "a ring of starts": (
        SHOTS
        % "{id: p, prompt: x, lasts: 1s, start: {from: q}}, {id: q, prompt: y, lasts: 1s, start: {from: p}}",
        "a/p -> a/q -> a/p",
    ),
    "no such photo folder": (
        "characters: {mira: {looks: x, photos: nowhere}}\n"
        + SHOTS % '{id: one, prompt: "{mira}", lasts: 1s}',
        "nowhere",
    ),
    "a path out of the project": (SHOTS % "{id: one, still: ../secret.png, lasts: 1s}", "../secret.png"),
    "an absolute path": (SHOTS % "{id: one, still: /etc/passwd, lasts: 1s}", "/etc/passwd"),
    "a clip longer than the model's limit": (SHOTS % "{id: one, prompt: x, lasts: 60s}", "at most 25"),
    "a size that is not legal": (
        "models: {m: {use: pocket, size: 161x97}}\nmodel: m\n" + SHOTS % "{id: one, prompt: x, lasts: 1s}",
        "160x96",
    ),
}


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize("command", ["check", "build"])
def test_wrong_film(write_film: WriteFilm, run: Run, name: str, command: str) -> None:
    """A mistake in the film file: exit status 2, and a message that says where and what."""
    text, said = WRONG[name]
    film = write_film(text)
    ended = run(command, film)
    assert ended.status == 2
    assert said in ended.err
    assert "film.yaml" in ended.err or "weights" in ended.err
    assert not (film.parent / "out").exists()


@pytest.mark.parametrize("command", ["plan", "build"])
def test_weights_that_are_not_there(write_film: WriteFilm, run: Run, command: str) -> None:
    """Weights in a folder that is not there are named. They belong to the machine, so that `check` accepts the film."""
    film = write_film(
        "models: {m: {use: pocket, weights: ./nowhere}}\nmodel: m\n"
        + SHOTS % "{id: one, prompt: x, lasts: 1s}"
    )
    ended = run(command, film)
    assert ended.status == 2
    assert "nowhere" in ended.err
    assert run("check", film).status == 0


def test_weights_of_the_hub_without_network(
    write_film: WriteFilm, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Weights that were not downloaded: the film is planned, and building says how to get them. Cards are made."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    film = write_film("model: wan2.2-ti2v-5b\n" + SHOTS % f"{{id: p, prompt: x, lasts: 1s}}, {CARD}")
    assert run("plan", film).status == 0
    ended = run("build", film)
    assert ended.status == 2
    assert "filmforge fetch" in ended.err
    ended = run("build", film, "--keep-going")
    assert ended.status == 1
    assert "Wan-AI/Wan2.2-TI2V-5B-Diffusers" in ended.out
    assert "segment/a/one done" in ended.out


def test_every_error_at_once(write_film: WriteFilm, run: Run) -> None:
    """All mistakes of a file are reported together, in the order of the file, whatever their sort."""
    film = write_film(
        "titel: x\nscenes:\n  - id: a\n    shots:\n      - {id: one, prompt: '{nobody}', lasts: 4x}\n"
    )
    lines = run("check", film).err.splitlines()
    assert [line.split(":")[1] for line in lines] == ["2", "6", "6"]


class TestFiles:
    @pytest.fixture(autouse=True)
    def folder(self, tmp_path: Path) -> None:
        self.tmp = tmp_path

    def status(self, run: Run, write_film: WriteFilm, text: str, *said: str) -> None:
        ended = run("build", write_film(text))
        assert ended.status == 2, ended
        for words in said:
            assert words in ended.err

    def with_photo(self, name: str, data: bytes) -> str:
        (self.tmp / "photos").mkdir(exist_ok=True)
        (self.tmp / "photos" / name).write_bytes(data)
        return (
            "characters: {mira: {looks: x, photos: photos}}\n"
            + SHOTS % '{id: one, prompt: "{mira}", lasts: 1s}'
        )

    def test_empty_photo_folder(self, write_film: WriteFilm, run: Run) -> None:
        """An empty folder of photos is an error that says so."""
        (self.tmp / "photos").mkdir()
        film = (
            "characters: {mira: {looks: x, photos: photos}}\n"
            + SHOTS % '{id: one, prompt: "{mira}", lasts: 1s}'
        )
        self.status(run, write_film, film, "photos")

    def test_text_called_png(self, write_film: WriteFilm, run: Run) -> None:
        """A text file called .png is named."""
        self.status(run, write_film, self.with_photo("a.png", b"this is no picture"), "a.png")

    def test_truncated_jpeg(self, write_film: WriteFilm, run: Run) -> None:
        """A JPEG that ends too early is named, by `check` too."""
        write_photo(self.tmp / "whole.jpg", (200, 10, 10), (640, 480))
        data = (self.tmp / "whole.jpg").read_bytes()
        text = self.with_photo("a.jpg", data[: len(data) // 2])
        self.status(run, write_film, text, "a.jpg")
        assert run("check", write_film(text)).status == 2

    def test_footage_that_is_not(self, write_film: WriteFilm, run: Run) -> None:
        """A text file, a playlist and an empty file are no footage."""
        for data in (
            b"hello",
            b"#EXTM3U\nhttp://example.com/x.ts\n",
            b"",
            b"ffconcat version 1.0\nfile /etc/passwd\n",
        ):
            (self.tmp / "a.mp4").write_bytes(data)
            self.status(run, write_film, SHOTS % "{id: one, clip: a.mp4}", "a.mp4")

    def test_footage_without_sound(self, write_film: WriteFilm, run: Run) -> None:
        """`sound: keep` of footage that has none is an error that says so."""
        write_clip(self.tmp / "a.mp4", 24, 24)
        self.status(run, write_film, SHOTS % "{id: one, clip: a.mp4, sound: keep}", "a.mp4", "sound")

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            (
                "{id: one, clip: a.mp4, sound: keep}",
                "2:49: scenes[0].shots[0].sound: a.mp4 has no sound in it",
            ),
            ("{id: one, clip: a.png}", "2:36: scenes[0].shots[0].clip: a.png is a picture where footage is"),
            ("{id: one, clip: s.wav}", "2:36: scenes[0].shots[0].clip: s.wav is a sound file where footage"),
            ("{id: one, clip: cut.mp4}", "2:36: scenes[0].shots[0].clip: cut.mp4: is not a video or audio"),
            (CARD + "]}]\nmusic: a.png\n", "3:1: music.file: a.png has no sound in it"),
        ],
    )
    def test_checked_as_planned(self, write_film: WriteFilm, run: Run, text: str, said: str) -> None:
        """`check` looks into media files, and says of them what `plan` says."""
        write_clip(self.tmp / "a.mp4", 24, 24)
        (self.tmp / "cut.mp4").write_bytes((self.tmp / "a.mp4").read_bytes()[:200])
        write_photo(self.tmp / "a.png", (200, 10, 10))
        write_sound(self.tmp / "s.wav", 1.0)
        film = write_film((SHOTS % text).removesuffix("]}]\n") if "]}]" in text else SHOTS % text)
        checked, planned = run("check", film), run("plan", film)
        assert (checked.status, planned.status) == (2, 2)
        assert checked.err == planned.err
        assert checked.err.startswith(f"{film}:{said}")

    def test_media_that_will_do(self, write_film: WriteFilm, run: Run) -> None:
        """Footage with sound may be music too, and a picture a still: `check` has nothing to say."""
        write_clip(self.tmp / "a.mp4", 24, 24, sound=True)
        write_photo(self.tmp / "a.png", (200, 10, 10))
        shots = "{id: one, clip: a.mp4, sound: keep}, {id: two, still: a.png, lasts: 4f}"
        film = write_film("music: a.mp4\n" + SHOTS % shots)
        assert run("check", film).status == 0

    def test_footage_that_is_too_short(self, write_film: WriteFilm, run: Run) -> None:
        """A shot that asks for more than its footage holds is an error that says how much there is."""
        write_clip(self.tmp / "a.mp4", 24, 24)
        for shot in ("lasts: 2s", "trim: {from: 0s, to: 2s}", "trim: {from: 1s}"):
            self.status(
                run, write_film, SHOTS % f"{{id: one, clip: a.mp4, {shot}}}", "film.yaml:2:", "24 frames"
            )

    def test_sound_as_footage(self, write_film: WriteFilm, run: Run) -> None:
        """A sound file is no footage."""
        write_sound(self.tmp / "a.mp4.wav", 1.0)
        (self.tmp / "a.mp4.wav").rename(self.tmp / "a.mp4")
        self.status(run, write_film, SHOTS % "{id: one, clip: a.mp4}", "a.mp4")

    def test_pickle_in_disguise(self, write_film: WriteFilm, run: Run) -> None:
        """A pickle called .safetensors is refused, and never loaded."""
        import pickle

        (self.tmp / "a.safetensors").write_bytes(pickle.dumps({"x": 1}))
        text = (
            "characters: {o: {looks: x, lora: {file: a.safetensors}}}\n"
            + SHOTS % '{id: one, prompt: "{o}", lasts: 1s}'
        )
        self.status(run, write_film, text, "a.safetensors")

    def test_lora_of_another_model(self, write_film: WriteFilm, run: Run) -> None:
        """A LoRA made for another base is refused, naming both; with `missing: skip` it is left out, and said so."""
        write_lora(self.tmp / "a.safetensors", {"filmforge.base.family": "mochi-1"})
        text = (
            "characters: {o: {looks: x, lora: {file: a.safetensors}}}\n"
            + SHOTS % '{id: one, prompt: "{o}", lasts: 1s}'
        )
        self.status(run, write_film, text, "pocket")
        ended = run("plan", write_film(text.replace("a.safetensors}", "a.safetensors, missing: skip}")))
        assert ended.status == 0
        assert "without a LoRA" in ended.out

    def test_lora_of_peft_alone(self, write_film: WriteFilm, run: Run) -> None:
        """Without the file that peft writes beside it, its strength is not known; one that is no table is named."""
        write_lora(self.tmp / "a.safetensors", {}, prefix="base_model.model.")
        text = (
            "characters: {o: {looks: x, lora: {file: a.safetensors}}}\n"
            + SHOTS % '{id: one, prompt: "{o}", lasts: 1s}'
        )
        self.status(run, write_film, text, "keeps its alpha in adapter_config.json")
        (self.tmp / "adapter_config.json").write_text("[]")
        write_lora(self.tmp / "a.safetensors", {}, prefix="base_model.model.", width=192)
        self.status(run, write_film, text, "peft's configuration of the LoRA cannot be read")


def write_lora(
    path: Path, metadata: dict[str, str], *, prefix: str = "transformer.", width: int = 3072
) -> None:
    """A LoRA file of one module, whose shapes fit no model of ours unless it is as wide."""
    shape = [4, width]
    size = 4 * shape[0] * shape[1]
    header: dict[str, Any] = {"__metadata__": {"rank": "4", "alpha": "4", **metadata}}
    for index, name in enumerate(("lora_A", "lora_B")):
        sides = shape if index == 0 else shape[::-1]
        key = f"{prefix}blocks.0.attn1.to_q.{name}.weight"
        header[key] = {"dtype": "F32", "shape": sides, "data_offsets": [index * size, (index + 1) * size]}
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"\0" * (2 * size))


NASTY = "it's \"q\": %{pts} drawtext=text='x':[in]|;\\ 100% \N{PARTY POPPER} \u202eright\u202c\n-i /etc/passwd\t{{brace}}"

IN_PROMPT = NASTY.replace("{", "{{").replace("}", "}}")


def test_nasty_words_are_words(write_film: WriteFilm, run: Run) -> None:
    """Quotes, newlines, emoji and FFmpeg's own syntax in prompts, cards and captions are drawn as text."""
    words, prompt = (json.dumps(text, ensure_ascii=False) for text in (NASTY, IN_PROMPT))
    film = write_film(
        "model: animatic\nsize: 64x36\ncaptions: both\nscenes: [{id: a, shots: [\n"
        f"  {{id: one, prompt: {prompt}, lasts: 4f, says: {{narrator: {words}}}}},\n"
        f"  {{id: two, title: {{text: {words}, size: 8}}, lasts: 4f}}]}}]\n"
    )
    ended = run("build", film)
    assert ended.status == 0, ended
    assert "cut" in ended.out


class TestCommands:
    def test_no_such_film(self, tmp_path: Path, run: Run) -> None:
        """A film that is not there is named."""
        ended = run("build", tmp_path / "nowhere.yaml")
        assert ended.status == 2
        assert "nowhere.yaml" in ended.err

    def test_no_such_command(self, run: Run) -> None:
        """A mistyped command is answered with the nearest one."""
        ended = run("biuld", "film.yaml")
        assert ended.status == 2
        assert "build" in ended.err

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (("--profile", "draft"), "no profile called 'draft'; it has none"),
            (("--only", "a/oen"), "no shot or scene 'a/oen' in the film; did you mean 'a/one'?"),
            (("--only", "zz"), "no shot or scene 'zz' in the film; there are a, a/one"),
            (("--refresh", "zz"), "no shot, scene or LoRA 'zz' in the film; there are a, a/one"),
            (("--set", "titel=x"), "did you mean 'title'?"),
            (("--on", "ray://x:1"), "only this machine"),
        ],
    )
    def test_unknown_words(
        self, write_film: WriteFilm, run: Run, arguments: tuple[str, ...], said: str
    ) -> None:
        """A profile, shot or key that is not in the film is an error of the command, which names those that are."""
        ended = run("build", write_film(SHOTS % CARD), *arguments)
        assert ended.status == 2
        assert said in ended.err

    def test_no_such_family(self, run: Run) -> None:
        """`models` of a family that there is not names those there are."""
        ended = run("models", "nope")
        assert ended.status == 2
        assert ended.err.startswith("there is no family of models called 'nope'; there are: pocket")

    def test_a_project_within_a_file(self, run: Run, tmp_path: Path) -> None:
        """`init` of a folder that would lie in a file is refused with the remedy."""
        (tmp_path / "file").write_text("")
        ended = run("init", tmp_path / "file" / "sub")
        assert ended.status == 2
        assert "file/sub leads through a file, and a project is a folder; name another" in ended.err

    def test_unknown_name(self, write_film: WriteFilm, run: Run) -> None:
        """`why` of something that is not in the film names the nearest that is."""
        ended = run("why", write_film(SHOTS % CARD), "a/onw")
        assert ended.status == 2
        assert "a/one" in ended.err


class TestStore:
    def test_store_that_cannot_be_made(self, write_film: WriteFilm, run: Run, tmp_path: Path) -> None:
        """A store in a place where none can be is an error with the place; no traceback."""
        (tmp_path / "file").write_text("")
        ended = run("build", write_film(SHOTS % CARD), "--store", tmp_path / "file" / "store")
        assert ended.status == 1
        assert str(tmp_path / "file") in ended.err

    @pytest.mark.parametrize("command", ["plan", "build"])
    def test_store_that_is_no_folder(
        self, write_film: WriteFilm, run: Run, command: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A file that is named as the store is an error of the command, which says where it was named."""
        film = write_film(SHOTS % CARD)
        for store in (film, Path("/dev/null")):
            ended = run(command, film, "--store", store)
            assert ended.status == 2
            assert ended.err == f"{store} is not a folder, and a store is one; name another with --store\n"
        monkeypatch.setenv("FILMFORGE_STORE", str(film))
        ended = run(command, film)
        assert ended.status == 2
        assert "name another with FILMFORGE_STORE" in ended.err

    def test_no_space_left(self, write_film: WriteFilm, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        """With a full disk the build fails with one message, keeps what was finished, and goes on when there is room."""
        film = write_film("size: 64x36\n" + SHOTS % f"{CARD}, {{id: two, title: {{text: y}}, lasts: 4f}}")
        from filmforge.store import files

        whole, written = files.Files.replace, 0

        def full(self: object, target: Path, data: bytes, temporary: Path, **options: Any) -> None:
            nonlocal written
            written += "records" in str(target)
            if written > 2:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(target))
            whole(self, target, data, temporary, **options)  # type: ignore[arg-type]

        with monkeypatch.context() as patch:
            patch.setattr(files.Files, "replace", full)
            ended = run("build", film)
        assert ended.status == 1
        assert "space" in ended.out + ended.err
        ended = run("build", film, "--json")
        assert ended.status == 0
        done = json.loads(ended.out.splitlines()[-1])
        assert sum(done["cached"].values()) >= 2
