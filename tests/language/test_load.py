"""From a film file to a film, with every problem at once."""

from __future__ import annotations

import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest

from filmforge.errors import FilmError, MediaError, UsageError
from filmforge.language.film import Delivery, Film, LoraFile, LoraTraining, Shot, Size, Sound
from filmforge.language.load import load, load_text, load_with_source, parsed
from filmforge.language.models import Cache, Model, ModelLora, Upscale
from filmforge.language.part import Part
from filmforge.language.shape import keys_of
from filmforge.language.source import written

from .conftest import EXAMPLE, SCENES, film_with, problems, read

SHOT_KEYS, FILM_KEYS = (", ".join(keys_of(part)) for part in (Shot, Film))


class TestTheExample:
    """The film of the language page, with everything in it."""

    def test_it_loads(self, example: Path) -> None:
        """Every value arrives, durations as frames."""
        film = load(example)
        assert (film.title, film.size, film.fps) == ("The Lantern", Size(1280, 720), Fraction(24))
        assert [f"{scene.id}/{shot.id}" for scene, shot in film.shots()] == [
            "arrival/wide",
            "arrival/close",
            "arrival/gull",
            "arrival/letter",
            "end/card",
        ]
        _, close = film.shots()[1]
        assert close.lasts == 72
        assert close.takes == (11, 12, 13)
        assert close.join is not None and close.join.dissolve == 12
        assert close.says["mira"].at == 12
        assert close.start is not None and (close.start.from_, close.start.at) == ("wide", "last")
        assert film.credits is not None and film.credits.roll == 288
        mira, otto = film.characters["mira"].lora, film.characters["otto"].lora
        assert isinstance(mira, LoraTraining) and mira.learning_rate == 1e-4
        assert isinstance(otto, LoraFile) and otto.path_for("hero") == "loras/otto.safetensors"
        assert otto.path_for("sketch") is None

    @pytest.mark.parametrize("profile", ["draft", "animatic"])
    def test_each_profile_loads(self, example: Path, profile: str) -> None:
        """A profile's model renders every generated shot, whatever the shot names."""
        film = load(example, profile=profile)
        models = {film.model_of(scene, shot) for scene, shot in film.shots()}
        assert models == {"sketch" if profile == "draft" else "animatic"}

    def test_without_a_profile_each_shot_has_its_own_model(self, example: Path) -> None:
        """The shot's model, else the scene's, else the film's."""
        film = load(example)
        assert {film.model_of(scene, shot) for scene, shot in film.shots()} == {"hero"}

    def test_it_never_changes(self, example: Path) -> None:
        """Parts are frozen, and compared by value."""
        film = load(example)
        with pytest.raises(ValueError, match="frozen"):
            film.title = "Another"
        assert film == load(example)
        assert all(isinstance(part, Part) for part in (film, *film.scenes, *film.models.values()))


class TestShorthands:
    """Plain text stands for a part where it can only mean one thing."""

    def test_text_for_a_part(self) -> None:
        """What a part is mostly about need not be named."""
        film = read(
            "filmforge: 1\nmodels: {quick: pocket}\nmodel: animatic\ncharacters: {otto: an old man}\n"
            "music: a.wav\ndeliver: {main: a.mp4}\n" + SCENES + "      - {id: a, title: THE END, lasts: 1s}\n"
            '      - {id: b, prompt: "{otto} waves", lasts: 1s, start: a, '
            "says: {otto: Hello}, sound: sea.wav}\n"
        )
        (_, card), (_, shot) = film.shots()
        assert card.title is not None and card.title.text == "THE END"
        assert shot.says["otto"].text == "Hello"
        assert shot.start is not None and shot.start.from_ == "a"
        assert isinstance(shot.sound, Sound)
        assert film.models["quick"].use == "pocket"
        assert film.characters["otto"].looks == "an old man"
        assert film.deliver["main"].file == "a.mp4"


class TestProblems:
    """Every problem is reported at once, with its place and in words for filmmakers."""

    def test_a_duration(self) -> None:
        """The example of the issue: place, path, and what to write."""
        text = EXAMPLE.replace(
            'title: {text: "THE END", size: 72}\n        lasts: 2s', "title: THE END\n        lasts: 4x"
        )
        assert (
            "78:9: scenes[1].shots[0].lasts: '4x' is not a duration; write 4s, 96f or 00:00:04:00"
            in problems(text)
        )

    @pytest.mark.parametrize(
        ("shot", "said"),
        [
            (
                "{id: a, promt: x, lasts: 1s}",
                "5:17: scenes[0].shots[0].promt: unknown key 'promt'; did you mean 'prompt'?",
            ),
            (
                "{id: a, title: x, lasts: 1s, duration: 2f}",
                "5:38: scenes[0].shots[0].duration: unknown key 'duration'; did you mean 'lasts'?",
            ),
            ("{id: a, title: x, lasts: 1s, text: b}", "did you mean 'prompt', 'title' or 'says'?"),
            ("{id: a, title: x, lasts: 1s, bogus: b}", f"unknown key 'bogus'; there are {SHOT_KEYS}"),
            ("{id: a, title: x, lasts: 0x10f}", "lasts: 0x10f is not a duration; write 4s"),
            (
                "{id: a, title: {text: 012}, lasts: 1s}",
                '012 is a number where text is wanted; put quotes around it: "012"',
            ),
            ("{id: A, prompt: x, lasts: 1s}", "5:10: scenes[0].shots[0].id: 'A' is not an id; "),
            (
                "{id: a, prompt: x, lasts: 4}",
                "5:28: scenes[0].shots[0].lasts: 4 is not a duration; write 4s, 96f or",
            ),
            ("{id: a, prompt: x, lasts: 1s, seed: -1}", "seed: -1 is out of range; it is at least 0"),
            ("{id: a, prompt: x, lasts: 1s, seed: 1.5}", "seed: 1.5 is not a whole number"),
            (
                "{id: a, prompt: 7, lasts: 1s}",
                'prompt: 7 is a number where text is wanted; put quotes around it: "7"',
            ),
            ("{id: a, prompt: {mira: }, lasts: 1s}", "text that begins with { needs quotes"),
            ('{id: a, prompt: "\\ud83d\\ude00", lasts: 1s}', "this escape is half of a character"),
            ("{id: a, prompt: '', lasts: 1s}", "prompt: is empty; write some text"),
            ("{prompt: x, lasts: 1s}", "5:9: scenes[0].shots[0].id: is missing; every shot has an id"),
            ("{id: a, still: x.png, lasts: 1s, move: push on}", "'push on' is not one of none, push in"),
            ("{id: a, prompt: x, lasts: 1s, extend: no}", "extend: 'no' is neither true nor false"),
            ("{id: a, prompt: x, lasts: 1s, takes: 7}", "takes: 7 is not a list"),
            ("{id: a, prompt: x, lasts: 1s, takes: [7, x]}", "takes[1]: 'x' is not a whole number"),
            (
                "{id: a, prompt: x, lasts: 1s, says: hello}",
                "says: 'hello' is not a mapping; write `name: value`",
            ),
            (
                "{id: a, prompt: x, lasts: 1s, trim: 4s}",
                "trim: '4s' is not a mapping; write keys such as from, to",
            ),
            ("{id: a, clip: ../x.mp4}", "clip: '../x.mp4' leaves the project folder"),
            (
                "{id: a, prompt: x, lasts: 1s, start: {from: b c}}",
                "start.from: 'b c' is not the name of a shot",
            ),
            ("{id: a, prompt: x, lasts: 1s, start: {from: b, at: end}}", "or one of the words first, last"),
            (
                "{id: a, title: {text: x, color: red}, lasts: 1s}",
                "color: 'red' is not a colour; write it as '#rrggbb'",
            ),
            (
                "{id: a, clip: x.mp4, sound: kep}",
                "sound: 'kep' is not one of keep, drop; did you mean 'keep'?",
            ),
            (
                "{id: a, title: , lasts: 1s}",
                "exactly one of prompt, clip, still and title; this one has none",
            ),
            ("nothing", "5:9: scenes[0].shots[0]: 'nothing' is not a mapping; write keys such as id, prompt"),
        ],
    )
    def test_of_a_shot(self, shot: str, said: str) -> None:
        """Each slip has one message that says what to do."""
        found = problems("filmforge: 1\n" + SCENES + f"      - {shot}\n")
        assert len(found) == 1
        assert said in found[0]

    @pytest.mark.parametrize(
        ("top", "said"),
        [
            ("filmforg: 1\n", "unknown key 'filmforg'; did you mean 'filmforge'?"),
            ("bogus: 1\n", f"unknown key 'bogus'; there are {FILM_KEYS}"),
            ("1: x\n", f"unknown key '1'; there are {FILM_KEYS}"),
            ("'': x\n", f"unknown key ''; there are {FILM_KEYS}"),
            ("resolution: 64x36\n", "unknown key 'resolution'; did you mean 'size'?"),
            ("<x: 1\n", "<x: unknown key '<x'"),
            ("<path>: 1\n", "<path>: unknown key '<path>'"),
            ("models: {<x>: {use: pocket}}\n", "models.<x>: '<x>' is not an id"),
            ("fps: 29.97\n", "fps: 29.97 is not exact; write 30000/1001"),
            ("size: 1281x720\n", "write 1282x720"),
            ("size: 0x720\n", "size: 0x720 is not a size; write width and height"),
            ("seed: 1.50\n", "seed: 1.50 is not a whole number"),
            ("profiles: {a: {size: 0x720}}\n", "profiles.a.size: 0x720 is not a size"),
            ("captions: yes\n", "captions: 'yes' is not one of burn, file, both, none"),
            ("models: {hero: {use: wan}}\n", "models.hero.use: 'wan' is not one of pocket, wan2.2-ti2v-5b"),
            ("models: {Hero: {use: pocket}}\n", "models.Hero: 'Hero' is not an id"),
            ("models: {hero: {steps: 4}}\n", "models.hero.use: is missing; the family of models"),
            ("models: {hero: {use: pocket, guidance: .nan}}\n", "guidance: '.nan' is not a number"),
            (
                "characters: {a: {looks: x, lora: {rank: 0}}}\n",
                "lora.rank: 0 is out of range; it is at least 1",
            ),
            ("styles: {a: {lora: {file: {}}}}\n", "lora.file: names no file"),
            ("deliver: {a: {file: a.avi}}\n", "does not end in .mp4"),
            ("loudness: loud\n", "loudness: 'loud' is not a number"),
            ("profiles: {a: 1}\n", "profiles.a: 1 is not a mapping"),
            (
                "profiles: {a: {modell: x}}\n",
                "profiles.a.modell: unknown key 'modell'; did you mean 'model'?",
            ),
            ("profiles: {a: {model: her}}\n", "profiles.a.model: there is no model called 'her'"),
            ("profiles: {a: {profiles: {}}}\n", "profiles.a.profiles: a profile cannot lay over `profiles`"),
            ("profiles: {a: {fps: 4s}}\n", "profiles.a.fps: '4s' is not a rate"),
        ],
    )
    def test_of_the_top_level(self, top: str, said: str) -> None:
        """Each slip has one message at its line."""
        found = problems(film_with(top))
        assert len(found) == 1
        assert found[0].startswith("2:")
        assert said in found[0]

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("filmforge: 2\n", "version 2 of the language"),
            ("filmforge: true\nscenes: []\n", "true is not a version"),
            ("title: x\n", "filmforge: is missing; write `filmforge: 1`"),
            ("- a\n", "a film is a mapping"),
            ("just words\n", "a film is a mapping"),
        ],
    )
    def test_of_what_is_no_film(self, text: str, said: str) -> None:
        """A file that is something else is told so."""
        assert said in "\n".join(problems(text))

    def test_all_at_once(self) -> None:
        """Shapes, names, rings and profiles of one file are reported together, in its order."""
        text = (
            "filmforge: 1\nfsp: 24\nmodel: heroo\nmodels: {hero: {use: pocket, steps: 0}}\n"
            "profiles: {draft: {size: big}}\nscenes:\n  - id: a\n    place: nowhere\n    shots:\n"
            "      - {id: x, prompt: '{mia}', lasts: 4x}\n"
            "      - {id: y, prompt: y, lasts: 1s, start: {from: z}}\n"
            "      - {id: y, still: s.png, seed: 1, lasts: 1s}\n"
        )
        found = problems(text)
        assert [p.split(": ")[1] for p in found] == [
            "fsp",
            "model",
            "models.hero.steps",
            "profiles.draft.size",
            "scenes[0].place",
            "scenes[0].shots[0].prompt",
            "scenes[0].shots[0].lasts",
            "scenes[0].shots[1].start.from",
            "scenes[0].shots[2].id",
            "scenes[0].shots[2].seed",
        ]

    def test_the_file_is_named_as_it_was_given(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A relative path stays relative, so that editors find it."""
        (tmp_path / "film.yaml").write_text("filmforge: 1\nscenes: []\n")
        monkeypatch.chdir(tmp_path)
        with pytest.raises(FilmError) as caught:
            load("film.yaml")
        assert str(caught.value) == "film.yaml:2:1: scenes: is empty; a film has at least one scene"


class TestProfiles:
    """A profile is laid over the film key by key: lists replaced, mappings merged."""

    TOP = (
        "seed: 5\nmodels:\n  hero: {use: pocket, steps: 9}\nmodel: hero\n"
        "profiles:\n  fast: {models: {hero: {steps: 2}}}\n  all: {model: animatic, seed: 6}\n"
    )

    def test_mappings_are_merged(self) -> None:
        """What the profile does not name stays."""
        film = read(film_with(self.TOP), profile="fast")
        assert (film.models["hero"].steps, film.models["hero"].use, film.seed) == (2, "pocket", 5)

    @pytest.mark.parametrize(
        ("base", "over", "value"),
        [
            (
                "styles: {x: heavy rain}",
                "styles: {x: {negative: text}}",
                lambda film: (film.styles["x"].prompt, film.styles["x"].negative) == ("heavy rain", "text"),
            ),
            (
                "characters: {x: an old man}",
                "characters: {x: {trigger: otto}}",
                lambda film: (
                    (film.characters["x"].looks, film.characters["x"].trigger) == ("an old man", "otto")
                ),
            ),
            (
                "models: {x: pocket}",
                "models: {x: {steps: 3}}",
                lambda film: (film.models["x"].use, film.models["x"].steps) == ("pocket", 3),
            ),
            (
                "models: {x: {use: wan2.2-ti2v-5b, cache: taylorseer, lora: a.safetensors}}",
                "models: {x: {cache: {every: 4}, lora: {weight: 2}}}",
                lambda film: (
                    film.models["x"].cache == Cache(kind="taylorseer", every=4)
                    and film.models["x"].lora == ModelLora(file="a.safetensors", weight=2.0)
                ),
            ),
            (
                "models: {x: {use: ltx-video, version: 0.9.7-dev, upscale: a/b}}",
                "models: {x: {upscale: {strength: 0.5}}}",
                lambda film: film.models["x"].upscale == Upscale(weights="a/b", strength=0.5),
            ),
            (
                "characters: {x: {lora: a.safetensors}}",
                "characters: {x: {lora: {weight: 0.5}}}",
                lambda film: film.characters["x"].lora == LoraFile(file="a.safetensors", weight=0.5),
            ),
            (
                "styles: {x: {lora: a.safetensors}}",
                "styles: {x: {lora: {weight: 0.5}}}",
                lambda film: film.styles["x"].lora == LoraFile(file="a.safetensors", weight=0.5),
            ),
            ("music: s.wav", "music: {gain: -3}", lambda film: film.music == Sound(file="s.wav", gain=-3.0)),
            (
                "deliver: {x: a.mp4}",
                "deliver: {x: {quality: 30}}",
                lambda film: film.deliver["x"] == Delivery(file="a.mp4", quality=30),
            ),
        ],
    )
    def test_keys_are_laid_over_what_plain_text_stands_for(
        self, base: str, over: str, value: Callable[[Film], bool]
    ) -> None:
        """What the text says stays, and nothing is said against it, whether the profile is chosen or not."""
        text = film_with(f"{base}\nprofiles: {{look: {{{over}}}}}\n")
        assert problems(text) == []
        assert value(read(text, profile="look"))

    def test_plain_text_replaces_a_whole_part(self) -> None:
        """Settings that were made for one model, or one piece of music, are not carried over to another."""
        film = read(
            film_with(
                "models: {hero: {use: pocket, steps: 9}}\nmusic: {file: s.wav, gain: -3}\n"
                "profiles: {other: {models: {hero: animatic}, music: o.wav}}\n"
            ),
            profile="other",
        )
        assert film.models["hero"] == Model(use="animatic")
        assert film.music == Sound(file="o.wav")

    def test_a_training_replaces_a_file(self) -> None:
        """A LoRA is one or the other: settings of a training are not laid over a file."""
        film = read(
            film_with(
                "characters: {mira: {photos: p, lora: a.safetensors}}\n"
                "profiles: {own: {characters: {mira: {lora: {rank: 4, weight: 0.5}}}}}\n"
            ),
            profile="own",
        )
        assert film.characters["mira"].lora == LoraTraining(rank=4, weight=0.5)

    @pytest.mark.parametrize("profile", [None, "look"])
    def test_problems_over_plain_text_stand_where_they_were_written(self, profile: str | None) -> None:
        """What the profile says in the profile, and what the text says at the text."""
        text = film_with("models:\n  x: pokcet\nprofiles:\n  look:\n    models: {x: {steps: 0}}\n")
        assert [problem.partition(";")[0][:40] for problem in problems(text, profile=profile)] == [
            "3:3: models.x.use: 'pokcet' is not one of pocket"[:40],
            "6:18: profiles.look.models.x.steps: 0 is out of range"[:40],
        ]

    def test_lists_are_replaced(self) -> None:
        """A profile with scenes has those scenes only."""
        top = "profiles:\n  short:\n    scenes: [{id: x, shots: [{id: y, title: Z, lasts: 1s}]}]\n"
        assert [scene.id for scene in read(film_with(top), profile="short").scenes] == ["x"]

    def test_its_model_renders_every_shot(self) -> None:
        """Models that shots and scenes name give way."""
        shots = "      - {id: one, prompt: a boat, lasts: 1s, model: hero}\n"
        film = read(film_with(self.TOP, shots), profile="all")
        ((scene, shot),) = film.shots()
        assert film.model_of(scene, shot) == "animatic"

    def test_an_unknown_one(self) -> None:
        """Those there are, are named."""
        with pytest.raises(UsageError, match="no profile called 'fats'; did you mean 'fast'"):
            read(film_with(self.TOP), profile="fats")
        with pytest.raises(UsageError, match="it has fast, all"):
            read(film_with(self.TOP), profile="summer")

    def test_a_problem_in_the_one_chosen_is_reported_where_it_stands(self) -> None:
        """Not where the film says something else."""
        text = film_with("seed: 1\nprofiles:\n  p: {seed: -1}\n")
        expected = ["4:7: profiles.p.seed: -1 is out of range; it is at least 0"]
        assert problems(text, profile="p") == expected
        assert problems(text) == expected

    def test_limits_are_those_of_its_model(self) -> None:
        """A shot that the film's model can render may be too long for the profile's."""
        shots = "      - {id: one, prompt: a boat, lasts: 5s}\n"
        text = film_with("model: wan2.2-ti2v-5b\nprofiles: {draft: {model: pocket}}\n", shots)
        assert problems(text) == []
        assert "pocket renders at most 25" in problems(text, profile="draft")[0]


class TestOverrides:
    """`--set key.path=value` changes one value."""

    SHOTS = "      - {id: one, prompt: a boat, lasts: 1s}\n      - {id: card, title: THE END, lasts: 1s}\n"

    @pytest.mark.parametrize(
        ("override", "value"),
        [
            ("seed=9", lambda film: film.seed == 9),
            ("title=2001", lambda film: film.title == "2001"),
            ("title='a: b'", lambda film: film.title == "a: b"),
            (
                "scenes[0].shots[0].prompt=a: {mast}} = b",
                lambda film: "mast" in film.scenes[0].shots[0].prompt,
            ),
            ("scenes.sea.shots.one.prompt=a ship", lambda film: film.scenes[0].shots[0].prompt == "a ship"),
            ("sea/one.lasts=48f", lambda film: film.scenes[0].shots[0].lasts == 48),
            ("sea/one.takes=[1, 2]", lambda film: film.scenes[0].shots[0].takes == (1, 2)),
            ("sea/card.title.size=9", lambda film: film.scenes[0].shots[1].title.text == "THE END"),
            ("models.quick={use: pocket}", lambda film: film.models["quick"].use == "pocket"),
            ("deliver.main.file=b.mp4", lambda film: film.deliver["main"].file == "b.mp4"),
            ("loudness=null", lambda film: film.loudness is None),
        ],
    )
    def test_a_value(self, override: str, value: object) -> None:
        """A path leads through keys, indices and ids."""
        text = film_with("characters: {mast: a mast}\ndeliver: {main: a.mp4}\n", self.SHOTS)
        if "mast" in override:
            override = override.replace("{mast}}", "{mast}")
        assert value(read(text, overrides=[override]))  # type: ignore[operator]

    @pytest.mark.parametrize(
        ("override", "said"),
        [
            ("sede=1", "the film has no 'sede'; did you mean 'seed'?"),
            ("sea/oen.lasts=1s", "has no 'oen'; did you mean 'one'?"),
            ("scenes[3].id=x", "has no '3'"),
            ("seed", "write --set key.path=value"),
            ("=1", "write --set key.path=value"),
            ("seed.x=1", "seed has no 'x'"),
            ("sea/one.takes=[1", "--set"),
        ],
    )
    def test_a_path_that_leads_nowhere(self, override: str, said: str) -> None:
        """The nearest name is offered."""
        with pytest.raises(UsageError) as caught:
            read(film_with(shots=self.SHOTS), overrides=[override])
        assert said in str(caught.value)

    def test_a_value_that_does_not_fit(self) -> None:
        """The problem names the override, not the file."""
        with pytest.raises(FilmError) as caught:
            read(film_with(), overrides=["fps=fast"])
        assert caught.value.problems[0].file == "--set fps=fast"


class TestLoaded:
    """What was loaded can say where it stands."""

    def test_a_problem_found_later(self, example: Path) -> None:
        """A plan may report where a model was declared."""
        loaded = load_with_source(example)
        problem = loaded.problem("models.hero.precision", "no")
        assert (problem.line, problem.column, problem.where) == (18, 5, "models.hero.precision")
        assert loaded.position("scenes[0].shots[1].join") == (65, 9)

    def test_paths_are_written_and_parsed(self) -> None:
        """`parsed` is the inverse of `written`."""
        path = ("scenes", 1, "shots", 0, "start", "from")
        assert parsed(written(path)) == path

    def test_media_are_looked_into_by_whom_the_caller_names(self, example: Path) -> None:
        """The language itself opens no media file; what is said of one is reported in its place."""

        def refuse(path: Path) -> None:
            raise MediaError(f"{path} ends in the middle")

        with pytest.raises(FilmError) as caught:
            load(example, look_into=refuse)
        assert "stills/letter.png ends in the middle" in str(caught.value)

    def test_a_film_of_thousands_of_shots(self) -> None:
        """Length is no obstacle."""
        shots = "".join(
            f'      - id: s{i}\n        prompt: "a boat, {i}"\n        lasts: 1s\n        seed: 7\n'
            for i in range(3_000)
        )
        began = time.perf_counter()
        loaded = load_text(film_with(shots=shots), "film.yaml")
        assert len(loaded.film.shots()) == 3_000
        assert time.perf_counter() - began < 15


def test_a_number_of_an_option_is_quoted_as_written() -> None:
    """As one of the file is."""
    (said,) = problems(film_with(), overrides=["size=0x720"])
    assert "0x720 is not a size; write width and height" in said
