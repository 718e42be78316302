"""The Lantern: that it is the film it sets out to be, and that its sounds and stills come out again."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from fractions import Fraction
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import soundfile
from PIL import Image
from tokenizers import Tokenizer

from filmforge.language.film import Film
from filmforge.language.load import load
from filmforge.language.prompt import compose_prompt, compose_strip
from filmforge.video_models.facts import FAMILIES

Part = Callable[[str], ModuleType]
LANTERN = Path(__file__).parents[2] / "projects" / "lantern"


@pytest.fixture(scope="module")
def film() -> Film:
    return load(LANTERN / "film.yaml")


@pytest.fixture(scope="module")
def part() -> Iterator[Part]:
    """Imports a module of the project, which is no package that is installed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(LANTERN)
        yield import_module


class TestFilm:
    def test_is_as_long_and_as_large_as_it_should_be(self, film: Film) -> None:
        """Three scenes, ten shots, thirty seconds without the credits, 1280x720 at 24 frames a second."""
        shots = [shot for _, shot in film.shots()]
        joins = [shot.join for shot in shots if shot.join is not None]
        frames = sum(shot.lasts or 0 for shot in shots) - sum(
            (j.dissolve or 0) + (j.wipe or 0) for j in joins
        )
        assert len(film.scenes) >= 3
        assert len(shots) >= 10
        assert frames >= 30 * 24
        assert (film.fps, film.size) == (Fraction(24), (1280, 720))

    def test_shows_what_filmforge_can_do(self, film: Film) -> None:
        """Two characters with photos, a continued shot, takes, a still, cards, joins, credits, ducking."""
        shots = {f"{scene.id}/{shot.id}": shot for scene, shot in film.shots()}
        assert sorted(film.characters) == ["mira", "otto"]
        assert all(who.photos for who in film.characters.values())
        assert any(s.start and s.start.from_ and s.start.at == "last" for s in shots.values())
        assert any(len(s.takes) == 3 and s.pick in s.takes for s in shots.values())
        assert any(s.still and s.move != "none" for s in shots.values())
        assert any(s.title for s in shots.values())
        assert any(s.join and s.join.dissolve for s in shots.values())
        assert any(s.join and s.join.fade for s in shots.values())
        assert any(line.audio and line.text for s in shots.values() for line in s.says.values())
        assert film.music is not None
        assert film.music.duck < 0
        assert film.credits is not None
        assert film.captions == "both"
        assert film.model == "pocket"

    def test_is_rendered_in_minutes(self, film: Film) -> None:
        """At most a dozen clips of at most three seconds, so that a build on two cores stays short."""
        rendered = [shot for _, shot in film.shots() if shot.prompt is not None]
        assert sum(max(1, len(shot.takes)) for shot in rendered) <= 12
        assert max(shot.lasts or 0 for shot in rendered) <= 3 * 24

    def test_every_prompt_is_read_to_its_end(self, film: Film) -> None:
        """Pocket reads a fixed number of tokens: words beyond them would be cut off in silence."""
        tokens = Tokenizer.from_file(str(files("filmforge") / "weights/pocket/tokenizer/tokenizer.json"))
        for scene, shot in film.shots():
            if shot.prompt is not None:
                whole = compose_prompt(film, scene, shot)
                named = whole.characters
                # Where two are kept apart, each part of the picture is told its own words, and nothing the whole.
                told = (
                    [compose_strip(film, scene, shot, who, named) for who in named]
                    if len(named) > 1
                    else [whole.text]
                )
                for prompt in told:
                    read = sum(tokens.encode(prompt).attention_mask)
                    assert read <= FAMILIES["pocket"].text_length, f"{scene.id}/{shot.id}: {prompt}"

    @pytest.mark.parametrize("who", ["mira", "otto"])
    def test_every_character_has_photos_with_captions(self, who: str) -> None:
        """Twelve to twenty pictures, each with a caption that begins with the trigger word."""
        photos = sorted((LANTERN / "characters" / who).glob("*.png"))
        assert 12 <= len(photos) <= 20
        for photo in photos:
            assert photo.with_suffix(".txt").read_text().startswith(f"{who}, ")
            with Image.open(photo) as image:
                image.load()

    def test_is_small(self) -> None:
        """What lies in git: sound at most 2.5 MB, photos 2 MB, the still 400 KB."""

        def weight(folder: str) -> int:
            return sum(file.stat().st_size for file in (LANTERN / folder).rglob("*") if file.is_file())

        assert weight("audio") <= 2_500_000
        assert weight("characters") <= 2_000_000
        assert weight("stills") <= 400_000


class TestFerry:
    @pytest.mark.parametrize("profile", [None, "draft", "animatic", "small"])
    def test_the_film_for_the_big_models_is_right_in_every_profile(self, profile: str | None) -> None:
        """The hero is Wan 2.2 TI2V 5B and the sketch LTX-Video."""
        film = load(LANTERN.parent / "ferry" / "film.yaml", profile=profile)
        assert film.models["hero"].use == "wan2.2-ti2v-5b"
        assert film.models["sketch"].use == "ltx-video"


class TestVoice:
    def test_a_line_is_the_same_every_time(self, part: Part) -> None:
        """One seed, one line, one speaker: the same samples."""
        voice = part("orchestra.voice")
        who = voice.Speaker(tract=1.1, pitch=200)
        first, again = (voice.speak(voice.line("HH IY@2 L OW@-2"), who, seed=3) for _ in range(2))
        assert np.array_equal(first, again)
        assert np.max(np.abs(first)) == pytest.approx(0.9)

    def test_a_line_says_length_loudness_and_pitch_of_each_sound(self, part: Part) -> None:
        """`NAME*long!loud@semitones`, each mark only where it is wanted."""
        voice = part("orchestra.voice")
        assert voice.line("AA*1.5!0.8@-3 S") == [voice.Sound("AA", 1.5, 0.8, -3.0), voice.Sound("S")]

    def test_an_unknown_sound_is_refused(self, part: Part) -> None:
        """A sound that is no phoneme does not pass in silence."""
        voice = part("orchestra.voice")
        with pytest.raises(KeyError, match="QX"):
            voice.line("HH QX")

    def test_vowels_have_the_formants_that_were_asked_for(self, part: Part) -> None:
        """EE is strong near its F2 of 2.3 kHz, where AH is weak; and the other way at 1.2 kHz."""
        voice = part("orchestra.voice")
        who = voice.Speaker(tract=1.0, pitch=110)

        def share(sound: str, low: float, high: float) -> float:
            wave = voice.speak(voice.line(f"{sound}*3"), who, seed=1)
            power = np.abs(np.fft.rfft(wave)) ** 2
            frequency = np.fft.rfftfreq(len(wave), 1 / voice.RATE)
            return float(power[(frequency > low) & (frequency < high)].sum() / power[frequency < 4000].sum())

        assert share("IY", 2100, 2500) > 5 * share("AA", 2100, 2500)
        assert share("AA", 1000, 1300) > 5 * share("IY", 1000, 1300)


class TestTune:
    def test_every_bar_is_full(self, part: Part) -> None:
        """Six eighths in each of the twenty bars, and a level for each instrument in each."""
        tune = part("orchestra.tune")
        bars = tune.MELODY.strip().splitlines()
        assert [sum(float(note.split()[1]) for note in bar.split(",")) for bar in bars] == [6.0] * 20
        assert {len(tune.HARMONY), len(tune.BOX), len(tune.REEDS), len(tune.STRINGS)} == {20}

    def test_notes_are_in_tune(self, part: Part) -> None:
        """A4 is 440 Hz, and an octave doubles."""
        pitch = part("orchestra.instruments").pitch
        assert pitch("A4") == 440.0
        assert pitch("Bb3") == pytest.approx(pitch("A#3"))
        assert pitch("D6") == pytest.approx(4 * pitch("D4"))


class TestGrade:
    @pytest.mark.parametrize("name", ["storm", "warm"])
    def test_black_stays_black_and_white_stays_white(self, name: str) -> None:
        """A cube of 17 points a side, red fastest, within 0..1."""
        lines = (LANTERN / "looks" / f"{name}.cube").read_text().splitlines()
        assert lines[0] == "LUT_3D_SIZE 17"
        rows = np.array([[float(v) for v in line.split()] for line in lines[3:]])
        assert rows.shape == (17**3, 3)
        assert rows.min() >= 0
        assert rows.max() <= 1
        assert np.allclose(rows[0], 0)
        assert np.allclose(rows[-1], 1)
        assert rows[1][0] > rows[1][2]


@pytest.mark.slow
def test_sounds_come_out_the_same_again(tmp_path: Path) -> None:
    """`sounds.py` makes what is in audio/: to the byte in one environment, to the ear in any."""
    subprocess.run([sys.executable, LANTERN / "sounds.py", tmp_path], check=True, capture_output=True)
    kept = sorted(file.name for file in (LANTERN / "audio").iterdir())
    assert sorted(file.name for file in tmp_path.iterdir()) == kept
    for name in kept:
        old, rate = soundfile.read(LANTERN / "audio" / name, always_2d=True)
        new, new_rate = soundfile.read(tmp_path / name, always_2d=True)
        assert (new.shape, new_rate) == (old.shape, rate)
        assert np.sqrt(np.mean((new - old) ** 2)) < 0.02 * np.sqrt(np.mean(old**2)), name
        assert 0.3 < np.max(np.abs(new)) < 1.0, f"{name} is faint, or clips"


@pytest.mark.slow
def test_stills_come_out_the_same_again(tmp_path: Path) -> None:
    """`stills.py` makes what is in stills/ and looks/."""
    subprocess.run([sys.executable, LANTERN / "stills.py", tmp_path], check=True, capture_output=True)
    for cube in ("storm.cube", "warm.cube"):
        assert (tmp_path / "looks" / cube).read_text() == (LANTERN / "looks" / cube).read_text()
    with (
        Image.open(tmp_path / "stills" / "letter.jpg") as new,
        Image.open(LANTERN / "stills" / "letter.jpg") as old,
    ):
        assert np.mean(np.abs(np.asarray(new, float) - np.asarray(old, float))) < 1.5
