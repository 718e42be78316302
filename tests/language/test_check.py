"""What spans the parts of a film."""

from __future__ import annotations

import pytest

from .conftest import film_with, problems

HEAD = (
    "characters: {mira: {looks: a keeper}, otto: {looks: a fisherman}}\n"
    "styles: {storm: {prompt: rain}}\nplaces: {cliff: a cliff}\n"
    "models: {hero: {use: wan2.2-ti2v-5b}, later: {use: ltx-video, version: 0.9.7-dev}}\n"
)


def of_shots(*shots: str, top: str = HEAD) -> list[str]:
    """The problems of a film with these shots, each written as a flow mapping."""
    found = problems(film_with(top, "".join(f"      - {shot}\n" for shot in shots)))
    return [p.split(": ", 1)[1] for p in found]


LEARNED = HEAD.replace(
    "characters: {mira: {looks: a keeper}, otto: {looks: a fisherman}}",
    "characters: {mira: {lora: m.safetensors}, otto: {lora: o.safetensors}, ada: {lora: a.safetensors}, nils: a cat}",
)
BOTH = "{id: a, prompt: '{mira} and {otto} pat {nils}', lasts: 1s"
GOOD = "{id: good, prompt: a boat, lasts: 2s}"


class TestShots:
    """What a shot of each kind may say, and whom it may name."""

    @pytest.mark.parametrize(
        ("shot", "said"),
        [
            ("{id: a, prompt: x, still: y.png, lasts: 1s}", "this one has prompt and still"),
            ("{id: a, lasts: 1s}", "this one has none"),
            (
                "{id: a, prompt: x}",
                "scenes[0].shots[1].lasts: is missing: a generated shot needs to know how long",
            ),
            ("{id: a, still: y.png}", "lasts: is missing: a still needs"),
            (
                "{id: a, still: y.png, lasts: 1s, seed: 3}",
                "`seed` is for a generated shot, and this one is a still",
            ),
            ("{id: a, title: X, lasts: 1s, camera: pan}", "`camera` is for a generated shot"),
            ("{id: a, prompt: x, lasts: 1s, move: push in}", "`move` is for a still"),
            ("{id: a, prompt: x, lasts: 1s, sound: keep}", "`keep` is for the sound of a clip"),
            (
                "{id: a, prompt: '{mia} waves', lasts: 1s}",
                "there is no character called 'mia'; did you mean 'mira'?",
            ),
            ("{id: a, prompt: 'a { b', lasts: 1s}", "a { is not closed"),
            (
                "{id: a, prompt: x, lasts: 1s, model: her}",
                "there is no model called 'her'; did you mean 'hero'?",
            ),
            ("{id: a, prompt: x, lasts: 1s, style: strom}", "no style called 'strom'; did you mean 'storm'?"),
            ("{id: a, prompt: x, lasts: 1s, place: sea}", "no place called 'sea'; declare it under `places`"),
            (
                "{id: a, prompt: x, lasts: 1s, says: {mora: Hi}}",
                "no character called 'mora'; did you mean 'mira'?",
            ),
            ("{id: a, prompt: x, lasts: 1s, says: {mira: {at: 0s}}}", "says nothing"),
            (
                "{id: a, prompt: x, lasts: 1s, says: {mira: {text: Hi, at: 1s}}}",
                "begins after the shot has ended",
            ),
            ("{id: a, prompt: x, lasts: 1s, takes: [1, 2, 1]}", "seed 1 stands twice"),
            (
                "{id: a, prompt: x, lasts: 1s, takes: [1, 2], pick: 3}",
                "3 is not one of the shot's takes, which are 1, 2",
            ),
            ("{id: a, prompt: x, lasts: 1s, takes: [1, 2], seed: 3}", "seed 3 is not among the takes"),
            ("{id: good, prompt: x, lasts: 1s}", "has a shot 'good' on line 9 already"),
            (
                "{id: a, prompt: x, lasts: 1s, start: {from: god}}",
                "no shot called 'god'; did you mean 'good'?",
            ),
            ("{id: a, prompt: x, lasts: 1s, start: {from: b/good}}", "no shot called 'b/good'"),
            ("{id: a, prompt: x, lasts: 1s, start: {at: last}}", "give one of them"),
            ("{id: a, prompt: x, lasts: 1s, start: {image: y.png, at: 2f}}", "an image has but one"),
            (
                "{id: a, prompt: x, lasts: 1s, start: {from: good, at: 48f}}",
                "lasts 48 frames, so there is no frame 48",
            ),
            ("{id: a, prompt: x, lasts: 1s, trim: {from: 1s, to: 0.5s}}", "`to` comes after `from`"),
            (
                "{id: a, prompt: x, lasts: 1s, trim: {to: 2s}}",
                "trim.to: lies past the end of the shot, which lasts 1s",
            ),
            ("{id: a, prompt: x, lasts: 1s, trim: {from: 24f}}", "trim.from: lies past the end"),
            (
                "{id: a, prompt: x, lasts: 1s, join: {dissolve: 1s, fade: 1s}}",
                "this one has dissolve and fade",
            ),
            ("{id: a, prompt: x, lasts: 1s, join: {}}", "this one has none"),
            (
                "{id: a, prompt: x, lasts: 1s, join: {wipe: 25f}}",
                "a wipe of 25f is longer than this shot, which has 1s",
            ),
            (
                "{id: a, prompt: x, lasts: 3s, join: {fade: 2.5s}}",
                "longer than the shot before it, which has 2s",
            ),
            (
                "{id: a, prompt: x, lasts: 9s}",
                "pocket renders at most 25 (3.12s); shorten the shot, write `extend: true`, or make two of it: "
                "the second with `start: {from: a, at: last}`",
            ),
            (
                "{id: a, prompt: x, lasts: 60s, model: wan2.2-i2v-a14b, start: {image: a.png}, end: {image: b.png}}",
                "at most 81 (5.06s); shorten the shot, or make two of it: the second with `start: {from: a, at: last}`",
            ),
            (
                "{id: a, prompt: x, lasts: 60s, model: wan2.2-t2v-a14b}",
                "wan2.2-t2v-a14b renders at most 81 (5.06s); shorten the shot, make two of it with a cut between them, "
                "or name a model that can start from a picture",
            ),
            ("{id: a, prompt: x, lasts: 6s, model: hero}", "hero (wan2.2-ti2v-5b) renders at most 121"),
            (
                "{id: a, prompt: x, lasts: 1s, model: wan2.2-i2v-a14b}",
                "only renders from a picture; give the shot a `start`",
            ),
            (
                "{id: a, prompt: x, lasts: 1s, model: mochi-1, start: good}",
                "mochi-1 cannot start from a picture",
            ),
            (
                "{id: a, prompt: x, lasts: 1s, model: hunyuan-video, start: good}",
                "hunyuan-video cannot start from a picture; declare a model with `version: i2v`",
            ),
            (
                "{id: a, prompt: x, lasts: 9s, model: mochi-1, extend: true}",
                "a shot is continued from its last frame, and mochi-1 cannot start from a picture",
            ),
            (
                "{id: a, prompt: x, lasts: 999999999s, extend: true}",
                "a shot has at most 1000; make several of it",
            ),
            (
                "{id: a, prompt: x, lasts: 1s, start: good, end: good}",
                "pocket cannot be given its last frame; name another model",
            ),
            (
                "{id: a, prompt: x, lasts: 1s, model: ltx-video, start: good, end: good}",
                "ltx-video cannot be given its last frame; declare a model with `version: 0.9.5`",
            ),
            (
                "{id: a, prompt: x, lasts: 9s, model: later, end: good, extend: true}",
                "continued with `extend` cannot be given its last frame yet",
            ),
            (
                "{id: a, prompt: x, lasts: 1s, model: wan2.2-i2v-a14b, start: good, end: good}",
                "in 24f the shot would not come to the picture that it ends with; the nearest that reach it are 20f and 25f",
            ),
            (
                "{id: a, prompt: x, lasts: 9f, model: later, end: {from: good, image: y.png}}",
                "a shot ends either `from` a shot or with an `image`; give one of them",
            ),
            (
                "{id: a, prompt: x, lasts: 9f, model: later, end: {image: y.png, at: last}}",
                "an image has but one; remove it",
            ),
            ("{id: a, prompt: x, lasts: 9f, model: later, end: nobody}", "there is no shot called 'nobody'"),
            (
                "{id: a, prompt: x, lasts: 9f, model: later, end: {from: good, at: 48f}}",
                "so there is no frame 48",
            ),
            ("{id: a, title: x, lasts: 1s, end: good}", "`end` is for a generated shot"),
            ("{id: a, prompt: x, lasts: 1s, model: comfyui}", "comfyui renders with a workflow"),
        ],
    )
    def test_a_slip(self, shot: str, said: str) -> None:
        """Each has one message that names what is there instead."""
        found = of_shots(GOOD, shot)
        assert len(found) == 1, found
        assert said in found[0]

    @pytest.mark.parametrize(
        ("shot", "said"),
        [
            ("{id: a, still: y.png, lasts: 1s, apart: [mira, otto]}", "`apart` is for a generated shot"),
            (
                "{id: a, prompt: x, lasts: 1s, apart: left}",
                "apart: 'left' is not none; the characters with LoRAs",
            ),
            (f"{BOTH}, apart: [mira, mira]}}", "shots[1].apart[1]: 'mira' stands in two places"),
            (
                f"{BOTH}, apart: [mira, oto]}}",
                "apart[1]: there is no character called 'oto'; did you mean 'otto'?",
            ),
            (f"{BOTH}, apart: [otto, nils]}}", "apart[1]: 'nils' has no LoRA to keep to a part"),
            (f"{BOTH}, apart: [otto, ada]}}", "apart[1]: the prompt does not name 'ada'; write {ada} there"),
            (f"{BOTH}, apart: [otto]}}", "apart: mira left out, with a LoRA too; name all who have one"),
            (
                "{id: a, prompt: '{mira}', lasts: 1s, apart: [mira]}",
                "apart: there is nobody to keep apart from",
            ),
            (
                f"{BOTH}, model: mochi-1, apart: [mira, otto]}}",
                "apart: mochi-1 does not keep characters apart",
            ),
        ],
    )
    def test_an_order_from_left_to_right(self, shot: str, said: str) -> None:
        """`apart` names exactly the prompt's characters that have a LoRA."""
        found = of_shots(GOOD, shot, top=LEARNED)
        assert [problem for problem in found if said in problem] == found[:1] == found, found

    @pytest.mark.parametrize(
        "shot",
        [
            "{id: a, prompt: x, lasts: 9s, extend: true}",
            "{id: a, prompt: x, lasts: 9s, model: animatic, start: good}",
            "{id: a, clip: x.mp4, sound: keep, trim: {from: 1s}}",
            "{id: a, prompt: 'a {{brace}}', lasts: 1s, says: {narrator: Once upon a time}}",
            "{id: a, prompt: x, lasts: 1s, takes: [1, 2], seed: 2, pick: 1}",
            "{id: a, prompt: x, lasts: 1s, start: {from: sea/good, at: 47f}}",
            "{id: a, prompt: x, lasts: 1s, join: {dissolve: 1s}}",
        ],
    )
    def test_what_is_right(self, shot: str) -> None:
        """Nothing is said of it."""
        assert of_shots(GOOD, shot) == []

    def test_joins_of_the_first_shot(self) -> None:
        """A film may open out of black, but with nothing to melt from."""
        assert of_shots("{id: a, prompt: x, lasts: 1s, join: {fade: 1s}}") == []
        assert "only `fade` can open a film" in of_shots("{id: a, prompt: x, lasts: 1s, join: {wipe: 1s}}")[0]

    def test_joins_on_both_sides(self) -> None:
        """Together they may not be longer than the shot between."""
        shots = [
            GOOD,
            "{id: b, prompt: x, lasts: 1s, join: {wipe: 13f}}",
            "{id: c, prompt: x, lasts: 1s, join: {wipe: 12f}}",
        ]
        assert "this join and the next take" in of_shots(*shots)[0]
        assert of_shots(shots[0], shots[1].replace("13f", "12f"), shots[2]) == []

    def test_handles_count(self) -> None:
        """A model renders the handles too, so that they shorten what fits."""
        assert of_shots("{id: a, prompt: x, lasts: 3s}") == []
        assert (
            "3s with its handles is"
            in of_shots("{id: a, prompt: x, lasts: 3s}", top="handles: 12f\n" + HEAD)[0]
        )

    def test_an_unknown_name_is_reported_where_it_stands_in_a_long_prompt(self) -> None:
        """At its own line; once, however often it stands there; and a profile's prompt in the profile."""
        shot = "      - id: a\n        lasts: 1s\n        prompt: |\n          a boat\n          and {nobody}, {nobody}\n"
        said = "there is no character called 'nobody'; declare it under `characters`"
        assert problems(film_with("", shot)) == [f"9:15: scenes[0].shots[0].prompt: {said}"]
        profile = f"profiles:\n p:\n  scenes:\n   - id: sea\n     shots:\n{shot}"
        assert problems(film_with(profile), profile="p") == [
            f"11:15: profiles.p.scenes[0].shots[0].prompt: {said}"
        ]


class TestRings:
    """Shots cannot start from one another in a ring."""

    def shot(self, name: str, start: str) -> str:
        return f"{{id: {name}, prompt: x, lasts: 1s, start: {start}}}"

    def test_a_ring_is_named(self) -> None:
        """In the order in which one starts from the next."""
        found = of_shots(self.shot("x", "y"), self.shot("y", "z"), self.shot("z", "y"))
        assert len(found) == 1
        assert "in a ring, sea/y -> sea/z -> sea/y;" in found[0]

    def test_a_shot_cannot_start_from_itself(self) -> None:
        """The smallest ring."""
        assert "in a ring, sea/x -> sea/x;" in of_shots(self.shot("x", "x"))[0]

    def test_through_a_last_frame(self) -> None:
        """A shot that ends with one which starts from it: each would need the other first."""
        between = "{id: x, prompt: x, lasts: 25f, model: wan2.2-i2v-a14b, start: good, end: y}"
        found = of_shots(GOOD, between, self.shot("y", "x"))
        assert len(found) == 1
        assert "shots start from, or end with, one another in a ring, sea/x -> sea/y -> sea/x;" in found[0]

    def test_between_two_shots_is_no_ring(self) -> None:
        """A shot may lead from one to another, in any order, and its neighbours start from one and the same."""
        between = (
            "{id: x, prompt: x, lasts: 25f, model: wan2.2-i2v-a14b, start: good, end: {from: y, at: first}}"
        )
        assert of_shots(between, self.shot("y", "good"), GOOD) == []

    def test_a_long_chain(self) -> None:
        """However long: a film may be one chain of shots."""
        shots = [self.shot(f"s{i}", f"s{i + 1}" if i < 1500 else "s0") for i in range(1501)]
        (found,) = of_shots(*shots)
        assert "in a ring, sea/s0 -> sea/s1" in found

    def test_a_chain_is_no_ring(self) -> None:
        """Many may start from one, in any order of the film."""
        assert (
            of_shots(self.shot("a", "b"), self.shot("b", "c"), GOOD.replace("good", "c"), self.shot("d", "c"))
            == []
        )


class TestDeclarations:
    """What the top level of a film declares."""

    @pytest.mark.parametrize(
        ("top", "said"),
        [
            (
                "models: {m: {use: hunyuan-video, version: i2v, cache: first-block}}\n",
                "hunyuan-video i2v has no first-block: its pipeline does not name its passes",
            ),
            ("models: {m: {use: ltx-video, steps: 1}}\n", "ltx-video needs at least 2 steps"),
            ("models: {m: {use: animatic, cache: first-block}}\n", "animatic has no cache that works"),
            ("models: {m: {use: pocket, cache: last-block}}\n", "first-block"),
            (
                "models: {m: {use: pocket, cache: pyramid-attention}}\n",
                "pocket is asked for the prompt and the negative prompt in turn",
            ),
            ("models: {m: {use: pocket, cache: {kind: taylorseer, threshold: 0.1}}}\n", "has an `every`"),
            ("models: {m: {use: pocket, cache: {kind: first-block, every: 2}}}\n", "has a `threshold`"),
            (
                "models: {m: {use: pocket, cache: taylorseer, compile: true}}\n",
                "blocks under a cache are not compiled",
            ),
            ("models: {m: {use: mochi-1, compile: true}}\n", "mochi-1 has no blocks that can be compiled"),
            ("models: {m: {use: ltx-video, attention: sage}}\n", "cannot attend by sage; it can by native"),
            ("models: {m: {use: pocket, attention: flash}}\n", "is declared in fp32, and flash computes"),
            ("models: {m: {use: pocket, cache: {kind: first-block, threshold: 0}}}\n", "threshold"),
            (
                "models: {hero: {use: wan2.2-ti2v-5b, size: 1280x720}}",
                "models.hero.size: wan2.2-ti2v-5b cannot render 1280x720",
            ),
            ("models: {hero: {use: wan2.2-ti2v-5b, size: 1280x720}}", "the nearest it can is 1280x736"),
            ("models: {c: {use: comfyui}}", "models.c: comfyui renders with a workflow"),
            ("models: {c: {use: pocket, server: x}}", "models.c.server: `server` is for `use: comfyui`"),
            (
                "models: {m: {use: ltx-video, shift: 3.0}}",
                "models.m.shift: ltx-video has no shift to declare",
            ),
            ("models: {m: {use: mochi-1, shift: 3.0}}", "models.m.shift: mochi-1 has no shift to declare"),
            ("models: {m: {use: mochi-1, steps: 1}}", "models.m.steps: mochi-1 needs at least 2 steps"),
            ("models: {m: {use: pocket, version: x}}", "models.m.version: pocket has no version 'x'"),
            (
                "models: {m: {use: ltx-video, version: 0.9.6}}",
                "ltx-video has no version '0.9.6'; there are 0.9.5, 0.9.7-dev",
            ),
            (
                "models: {m: {use: ltx-video, version: 0.9.7-distilled, steps: 20}}",
                "models.m.steps: ltx-video 0.9.7-distilled is distilled for 8 steps",
            ),
            ("models: {m: {use: pocket, guidance_low: 3}}", "models.m.guidance_low: pocket has one expert"),
            (
                "models: {m: {use: wan2.2-t2v-a14b, guidance: 1, guidance_low: 3}}",
                "models.m.guidance: guidance 1 at high noise and 3 at low",
            ),
            ("model: pockt", "model: there is no model called 'pockt'; did you mean 'pocket'?"),
            ("style: storm", "style: there is no style called 'storm'; declare it under `styles`"),
            ("characters: {a: {}}", "characters.a: 'a' has neither looks, photos nor a LoRA"),
            ("characters: {a: {looks: x, lora: {rank: 4}}}", "has no photos to train a LoRA on"),
            ("characters: {a: {looks: x, likeness: 0.5}}", "likeness is measured against photos"),
            (
                "characters: {a: {looks: x, retry: 2}}",
                "retry: further seeds are tried when the likeness is low",
            ),
            ("characters: {a: {looks: x, lora: {file: {her: l.safetensors}}}}", "no model called 'her'"),
            ("deliver: {a: x.mp4, b: ./x.mp4}", "deliver.b.file: './x.mp4' is where 'a' goes too"),
            (
                "deliver: {a: out/x.mp4, b: Out/X.mp4}",
                "deliver.b.file: 'Out/X.mp4' is where 'a' goes too, on disks where capitals do not count",
            ),
            ("deliver: {a: x.mp4, b: s/../x.mp4}", "deliver.b.file: 's/../x.mp4' is where 'a' goes too"),
            (
                "deliver: {a: x.mp4/y.mp4, b: x.mp4}",
                "deliver.a.file: 'x.mp4/y.mp4' lies in 'x.mp4', which is",
            ),
            ("deliver: {a: x.mp4, b: ./x.srt/y.mp4}", "lies in 'x.srt', which is a file written for 'a'"),
            ("deliver: {a: .}", "deliver.a.file: '.' does not end in .mp4 or .m4v, as h264 does"),
            ("deliver: {a: out/.mp4}", "deliver.a.file: 'out/.mp4' has nothing before its suffix"),
            ("deliver: {a: {file: x.mp4, codec: prores}}", "does not end in .mov, as prores does"),
        ],
    )
    def test_a_slip(self, top: str, said: str) -> None:
        """Each has one message at its place."""
        found = problems(film_with(top + "\n"))
        assert len(found) == 1, found
        assert said in found[0]

    def test_a_lora_for_each_model(self) -> None:
        """A file by model has to be there for each that renders the character, unless it may be missing."""
        top = "characters: {a: {looks: x, lora: {file: {animatic: l.safetensors}}}}\n"
        shot = "      - {id: one, prompt: '{a} waves', lasts: 1s}\n"
        found = problems(film_with(top, shot))
        assert len(found) == 1
        assert "characters.a.lora: there is no file for model 'pocket', which renders sea/one" in found[0]
        assert problems(film_with(top.replace("}}}}", "}, missing: skip}}}"), shot)) == []

    def test_scenes_have_one_name_each(self) -> None:
        """The line of the first is told."""
        text = film_with() + "  - id: sea\n    shots: [{id: a, title: X, lasts: 1s}]\n"
        assert problems(text) == [
            "6:5: scenes[1].id: a scene 'sea' is on line 3 already; give this one another id"
        ]


class TestWhatFollows:
    """One slip, one message: what hangs on a value that could not be read is not reported."""

    @pytest.mark.parametrize(
        ("top", "where"),
        [
            ("characters: {mira: {looks: x, photos: /etc, likeness: 0.5, lora: {rank: 4}}}", "photos"),
            ("characters: {mira: {looks: x, photos: p, likeness: {a: 1}, retry: 2}}", "likeness"),
            ("deliver: {main: {file: out/a.mov, codec: ''}}", "codec"),
            ("models: x\nmodel: hero\nstyles: {a: {lora: {file: {hero: a.safetensors}}}}", "models"),
            ("models: {Hero: pocket}\nmodel: hero", "models.Hero"),
            ("models: {hero: 7}\nmodel: hero", "models.hero"),
            ("styles: storm\nstyle: storm", "styles"),
            ("models: {a: {use: wan2.2-t2v-a14b, guidance: x, guidance_low: 1}}", "guidance"),
            ("models: {a: {use: hunyuan-video, version: 2, steps: 1}}", "version"),
            ("models: {a: {use: wan2.2-ti2v-5b, cache: {kind: x, every: 2}}}", "cache.kind"),
            ("models: {a: {use: pocket, lora: {file: a.safetensors, hub: 7, revision: x}}}", "hub"),
        ],
    )
    def test_from_the_top_level(self, top: str, where: str) -> None:
        """Whatever else in the film speaks of the value, or of the name."""
        (found,) = problems(film_with(f"{top}\n"))
        assert f"{where}: " in found

    @pytest.mark.parametrize(
        ("shots", "where"),
        [
            (["{id: a, prompt: x, lasts: 1s, takes: [11, true, 13], pick: 12}"], "takes[1]"),
            (["{id: a, prompt: x, lasts: 1s, takes: [11, true], seed: 12}"], "takes[1]"),
            (["{id: Wide, prompt: x, lasts: 1s}", "{id: b, prompt: x, lasts: 1s, start: wide}"], "id"),
            (["{id: Wide, prompt: x, lasts: 1s}", "{id: b, prompt: x, lasts: 1s, start: sea/wide}"], "id"),
            (["{prompt: x, lasts: 1s}", "{id: b, prompt: x, lasts: 1s, start: wide}"], "id"),
            (["{id: a, prompt: 7, clip: a.mp4, camera: pan}"], "prompt"),
            (["{id: a, prompt: x, lasts: 9s, extend: maybe}"], "extend"),
            (["{id: a, prompt: x, lasts: 9s, model: [hero]}"], "model"),
            (["{id: a, prompt: x, duration: 2s}"], "duration"),
            (["{id: a, text: a fox, lasts: 2s}"], "text"),
        ],
    )
    def test_from_a_shot(self, shots: list[str], where: str) -> None:
        """Neither in that shot, nor in one that refers to it."""
        (found,) = problems(film_with("", "".join(f"      - {shot}\n" for shot in shots)))
        assert f"{where}: " in found

    @pytest.mark.parametrize("fps", ["59.94", "fast"])
    def test_from_the_rate(self, fps: str) -> None:
        """Neither of a time, nor of two that cannot be compared."""
        shots = (
            "      - {id: a, prompt: x, lasts: '00:00:01:59'}\n"
            "      - {id: b, clip: b.mp4, lasts: 36f, trim: {from: 1s, to: 2s}, join: {dissolve: 1s}}\n"
            "      - {id: c, title: x, lasts: 30f, says: {narrator: {text: Hi, at: 1s}}, join: {wipe: 1s}}\n"
            "      - {id: d, prompt: x, lasts: 1s, start: {from: c, at: 1s}}\n"
        )
        (found,) = problems(film_with(f"fps: {fps}\n", shots))
        assert found.startswith("2:1: fps: ")

    def test_what_stands_by_itself_is_reported(self) -> None:
        """A name that is declared nowhere, beside values that are wrong for reasons of their own."""
        text = film_with(
            "models: {hero: {use: pocket, steps: 0}}\nmodel: heroo\nfps: fast\n",
            "      - {id: a, prompt: x, lasts: 4x, start: wide}\n      - {id: b, prompt: x, lasts: 1s, seed: -1}\n",
        )
        assert [problem.split(": ")[1] for problem in problems(text)] == [
            "models.hero.steps",
            "model",
            "fps",
            "scenes[0].shots[0].lasts",
            "scenes[0].shots[0].start.from",
            "scenes[0].shots[1].seed",
        ]
