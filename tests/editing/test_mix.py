"""The mix: to the sample, ducked, levelled, and silent where there is nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from filmforge.editing.mix import MixReport, Track, mix
from filmforge.errors import MediaError
from tests.editing.media import tone

RATE = 48_000


def mixed(
    tmp_path: Path, samples: int, *tracks: Track, **settings: Any
) -> tuple[NDArray[np.float64], MixReport]:
    """The samples of a mix, and its report."""
    report = mix(tmp_path / "mix.wav", samples=samples, tracks=tracks, subtype="FLOAT", **settings)
    data, rate = soundfile.read(tmp_path / "mix.wav")
    assert rate == RATE
    return data, report


def level(data: NDArray[np.float64], start: float, end: float) -> float:
    """RMS in dBFS between two times in seconds."""
    part = data[round(start * RATE) : round(end * RATE)]
    return float(10 * np.log10(np.mean(part**2) + 1e-20))


class TestMix:
    @pytest.mark.parametrize("samples", [1, 2002, 48000, 100_001])
    def test_has_the_samples_it_was_asked_for(self, tmp_path: Path, samples: int) -> None:
        """So many samples, whatever the tracks last."""
        data, report = mixed(tmp_path, samples, Track(tone(tmp_path / "a.wav", 1)))
        assert data.shape == (samples, 2)
        assert report.samples == samples

    def test_places_tracks_to_the_sample(self, tmp_path: Path) -> None:
        """A click is where it was put, at its gain."""
        click = np.zeros(100)
        click[10] = 0.5
        soundfile.write(tmp_path / "click.wav", click, RATE, subtype="FLOAT")
        data, _ = mixed(tmp_path, 9000, Track(tmp_path / "click.wav", at_sample=4321, gain_db=-6.0206))
        assert np.flatnonzero(np.abs(data[:, 0]) > 1e-6).tolist() == [4331]
        assert data[4331] == pytest.approx([0.25, 0.25], abs=1e-4)

    def test_begins_before_the_film(self, tmp_path: Path) -> None:
        """A track placed before the first frame is cut, not moved."""
        ramp = np.linspace(0, 0.5, 1000)
        soundfile.write(tmp_path / "ramp.wav", ramp, RATE, subtype="FLOAT")
        data, _ = mixed(tmp_path, 500, Track(tmp_path / "ramp.wav", at_sample=-200))
        assert data[:500, 0] == pytest.approx(ramp[200:700], abs=1e-5)

    def test_takes_a_part_with_soft_edges(self, tmp_path: Path) -> None:
        """A part from the middle of a recording neither starts nor ends with a click."""
        data, _ = mixed(tmp_path, 9600, Track(tone(tmp_path / "a.wav", 1), offset=1000, length=4800))
        assert np.abs(data[4800:]).max() == 0
        assert np.abs(data[:3]).max() < 0.01 > np.abs(data[4797:4800]).max()
        assert level(data, 0.01, 0.09) == pytest.approx(level(data, 0.03, 0.06), abs=0.5)

    def test_loops_to_the_end(self, tmp_path: Path) -> None:
        """Looped music fills the film; unlooped music ends."""
        music = tone(tmp_path / "a.wav", 0.25)
        looped, _ = mixed(tmp_path, RATE, Track(music, loop=True))
        once, _ = mixed(tmp_path, RATE, Track(music))
        assert level(looped, 0.8, 0.95) > -20
        assert level(once, 0.3, 0.95) < -100

    def test_fades(self, tmp_path: Path) -> None:
        """Fades rise and fall inside the length."""
        data, _ = mixed(tmp_path, RATE, Track(tone(tmp_path / "a.wav", 1), fade_in=9600, fade_out=9600))
        levels = [level(data, at / 20, (at + 1) / 20) for at in range(20)]
        assert levels[:5] == sorted(levels[:5])
        assert levels[-5:] == sorted(levels[-5:], reverse=True)
        assert levels[0] < levels[10] - 10 > levels[-1]

    def test_ducks_music_under_speech(self, tmp_path: Path) -> None:
        """Music goes down before the words, stays down in a short pause, and comes back without a step."""
        speech = np.zeros(round(1.2 * RATE))
        for first, last in ((0.0, 0.4), (0.6, 1.2)):
            at = np.arange(round(first * RATE), round(last * RATE))
            speech[at] = 0.2 * np.sin(at / 5)
        soundfile.write(tmp_path / "speech.wav", speech, RATE, subtype="FLOAT")
        music = Track(tone(tmp_path / "music.wav", 4, 100.0), role="music", duck_db=-12)
        said = Track(tmp_path / "speech.wav", at_sample=RATE, role="speech")
        both, _ = mixed(tmp_path, 4 * RATE, music, said)
        alone, _ = mixed(tmp_path, 4 * RATE, Track(tmp_path / "speech.wav", at_sample=RATE))
        left = both - alone
        before = level(left, 0.3, 0.8)
        for start, end in ((1.0, 1.1), (1.45, 1.55), (2.0, 2.2)):
            assert level(left, start, end) == pytest.approx(before - 12, abs=0.3)
        assert level(left, 3.0, 3.5) == pytest.approx(before, abs=0.1)
        steps = np.abs(np.diff(left[:, 0])).max()
        assert steps < 0.3 * 2 * np.pi * 100 / RATE * 1.1

    def test_does_not_duck_under_silence(self, tmp_path: Path) -> None:
        """A speech track in which nobody speaks leaves the music alone."""
        soundfile.write(tmp_path / "speech.wav", np.zeros(RATE), RATE)
        music = Track(tone(tmp_path / "music.wav", 1), role="music", duck_db=-12)
        data, _ = mixed(tmp_path, RATE, music, Track(tmp_path / "speech.wav", role="speech"))
        assert level(data, 0.1, 0.9) == pytest.approx(20 * np.log10(0.3) - 3.01, abs=0.05)

    @pytest.mark.parametrize(("target", "gain"), [(-16.0, -10.0), (-23.0, 12.0)])
    def test_reaches_the_loudness(self, tmp_path: Path, target: float, gain: float) -> None:
        """The mix measures what was asked for, from louder or quieter."""
        _, report = mixed(
            tmp_path, 3 * RATE, Track(tone(tmp_path / "a.wav", 3), gain_db=gain), loudness=target
        )
        assert report.lufs == pytest.approx(target, abs=0.15)
        assert report.true_peak <= -1.0

    def test_limits_what_would_clip(self, tmp_path: Path) -> None:
        """Peaks that the gain would push past -1 dBTP are held, and the truth about the loudness is told."""
        sparse = 0.001 * np.sin(np.arange(4 * RATE) / 9)
        sparse[::4800] = 0.9
        soundfile.write(tmp_path / "a.wav", sparse, RATE, subtype="FLOAT")
        data, report = mixed(tmp_path, 4 * RATE, Track(tmp_path / "a.wav"), loudness=-14.0)
        assert report.limited
        assert report.true_peak <= -0.5
        assert len(data) == 4 * RATE
        assert np.abs(data).max() < 10 ** (-1 / 20)

    def test_silence_stays_silence(self, tmp_path: Path) -> None:
        """A film without sound is digital silence, whatever loudness is asked for."""
        data, report = mixed(tmp_path, RATE, loudness=-16.0)
        assert not data.any()
        assert report.gain_db == 0

    def test_takes_any_codec_and_rate(self, tmp_path: Path, footage: Callable[..., Path]) -> None:
        """Footage's own sound, in AAC, and music at 44.1 kHz keep their pitch and place."""
        clip = footage(tone=480.0)
        data, _ = mixed(tmp_path, RATE, Track(clip, role="production"))
        spectrum = np.abs(np.fft.rfft(data[:, 0]))
        assert int(np.argmax(spectrum)) == 480
        high = tone(tmp_path / "a.wav", 1, 1000.0, rate=44100)
        data, _ = mixed(tmp_path, RATE, Track(high))
        assert int(np.argmax(np.abs(np.fft.rfft(data[:, 0])))) == 1000

    def test_same_input_same_bytes(self, tmp_path: Path) -> None:
        """Two mixes are one file."""
        track = Track(tone(tmp_path / "a.wav", 1, rate=44100), role="music", loop=True)
        for name in ("a1.wav", "a2.wav"):
            mix(tmp_path / name, samples=99_999, tracks=[track], loudness=-16)
        assert (tmp_path / "a1.wav").read_bytes() == (tmp_path / "a2.wav").read_bytes()

    def test_refuses_what_has_no_sound(self, tmp_path: Path, footage: Callable[..., Path]) -> None:
        """A clip without sound is named; so is an offset past the end; nothing is left behind."""
        clip = footage()
        with pytest.raises(MediaError, match=r"clip\.mp4: has no sound"):
            mix(tmp_path / "mix.wav", samples=100, tracks=[Track(clip)])
        with pytest.raises(MediaError, match=r"lasts 1\.00 s"):
            mix(tmp_path / "mix.wav", samples=100, tracks=[Track(tone(tmp_path / "a.wav", 1), offset=99_999)])
        assert sorted(p.name for p in tmp_path.iterdir()) == ["a.wav", "clip.mp4"]
