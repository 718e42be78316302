"""A small talking machine: phonemes and a tune in, a puppet's voice out.

A source-filter synthesizer after Klatt (JASA 67, 1980; the glottal pulse after Klatt & Klatt, JASA 87, 1990):
a buzz and a breath run through a chain of resonances that move as the mouth would, and hisses and bursts are
added beside it. No recording, no trained voice. All arithmetic is float64 and seeded: the same line always
gives the same samples.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orchestra.phonemes import PHONEMES, Noise, Phoneme

RATE = 16000
"""Samples a second. The resonances above 8 kHz that speech could do with are not missed in a puppet."""

Track = NDArray[np.float64]


@dataclass(frozen=True)
class Speaker:
    """Whose mouth it is. `tract` multiplies all formants (a shorter tract: above 1), `pitch` is in Hz."""

    tract: float
    pitch: float
    breath: float = 0.02  # breath mixed into the buzz, 0..1
    tilt: float = 2600.0  # Hz above which the buzz grows softer: lower is a darker voice
    open: float = 0.6  # share of a period with the glottis open
    rough: float = 0.004  # how far periods stray from even, as a share
    pace: float = 1.0  # above 1: slower


@dataclass(frozen=True)
class Sound:
    """One sound of a line: its phoneme, how long (of the phoneme's own time), how loud, and its pitch.

    `pitch` is in semitones above the speaker's own and holds at the middle of the sound; None glides between
    its neighbours'.
    """

    name: str
    long: float = 1.0
    loud: float = 1.0
    pitch: float | None = None


def line(text: str) -> list[Sound]:
    """A line from its notation: sounds apart by spaces, each `NAME[*long][!loud][@semitones]`.

    `HH IY@2 P R AA*1.2@5` is "he pro…" with a rise. Raises KeyError for a sound that PHONEMES does not have.
    """
    sounds = []
    for word in text.split():
        name, marks, parts = "", {"*": 1.0, "!": 1.0, "@": math.nan}, word
        for mark in "@!*":
            parts, found, value = parts.partition(mark)
            if found:
                marks[mark] = float(value)
        name = parts
        PHONEMES[name]
        sounds.append(Sound(name, marks["*"], marks["!"], None if math.isnan(marks["@"]) else marks["@"]))
    return sounds


def speak(sounds: list[Sound], who: Speaker, seed: int) -> Track:
    """The line as mono samples at RATE, peak 0.9, with 60 ms of silence before and 120 ms after it."""
    rng = np.random.default_rng(seed)
    cast = [PHONEMES[s.name] for s in sounds]
    spans = _spans(sounds, cast, who)
    count = int((spans[-1][1] + 0.12) * RATE)
    voicing, breath = _source_levels(sounds, cast, spans, count)
    pitch = _pitch(sounds, spans, who, count)
    buzz = _buzz(pitch, who, rng)
    hiss = _softened(rng.standard_normal(count), 1600.0, RATE) * 1.7
    # Breath comes in puffs while the glottis swings: half of it follows the buzz.
    wave = buzz * voicing + hiss * (breath * 0.085 + voicing * who.breath * (0.3 + np.abs(buzz)))
    formants, widths = _mouth(sounds, cast, spans, who, count)
    out = _chain(wave, formants, widths, _nose(cast, spans, count), who)
    out += _hisses(sounds, cast, spans, count, rng)
    out = out - np.mean(out)
    return np.asarray(out * (0.9 / np.max(np.abs(out))))


def _spans(sounds: list[Sound], cast: list[Phoneme], who: Speaker) -> list[tuple[float, float]]:
    """From when to when each sound lasts, in seconds."""
    now, spans = 0.06, []
    for sound, phoneme in zip(sounds, cast, strict=True):
        length = phoneme.ms * sound.long * who.pace / 1000 + phoneme.vot / 1000
        spans.append((now, now + length))
        now += length
    return spans


def _ramped(points: list[tuple[float, float]], count: int) -> Track:
    """Straight lines through (seconds, value), then rounded so that nothing has corners."""
    times, values = zip(*points, strict=True)
    track = np.interp(np.arange(count) / RATE, times, values)
    kernel = np.hanning(int(0.012 * RATE))
    padded = np.pad(track, len(kernel) // 2, mode="edge")
    return np.convolve(padded, kernel / kernel.sum(), mode="valid")[:count]


def _source_levels(
    sounds: list[Sound], cast: list[Phoneme], spans: list[tuple[float, float]], count: int
) -> tuple[Track, Track]:
    """How strong buzz and breath are at each sample."""
    voice: list[tuple[float, float]] = [(0.0, 0.0)]
    breath: list[tuple[float, float]] = [(0.0, 0.0)]
    for i, (sound, phoneme, (start, end)) in enumerate(zip(sounds, cast, spans, strict=True)):
        edge = min(0.012, (end - start) / 4)
        level = phoneme.voiced * sound.loud
        release = end - phoneme.vot / 1000
        puff = phoneme.breath * sound.loud
        if phoneme.kind == "stop":
            held = release - 0.004
            voice += [(start + edge, level), (held, level), (end - 0.002, level), (end, level)]
            last = i + 1 == len(cast) or cast[i + 1].kind == "pause"
            puff *= 0.45 if last else 1.0
            breath += [
                (start, 0.0),
                (release, 0.0),
                (release + 0.008, puff),
                (end - 0.006, puff * 0.6),
                (end, 0.0),
            ]
        else:
            voice += [(start + edge, level), (end - edge, level)]
            breath += [(start, 0.0), (start + edge, puff), (end - edge, puff), (end, 0.0)]
    voice += [(spans[-1][1] + 0.03, 0.0)]
    return _ramped(voice, count), _ramped(breath, count)


def _pitch(sounds: list[Sound], spans: list[tuple[float, float]], who: Speaker, count: int) -> Track:
    """The tune in Hz: through the pitches given, a little downhill, with the flutter of a living throat."""
    marks = [((a + b) / 2, s.pitch) for s, (a, b) in zip(sounds, spans, strict=True) if s.pitch is not None]
    times = np.arange(count) / RATE
    if marks:
        points, semitones = zip(*marks, strict=True)
        tune = np.interp(times, points, semitones)
    else:
        tune = np.zeros(count)
    kernel = np.hanning(int(0.09 * RATE))
    tune = np.convolve(np.pad(tune, len(kernel) // 2, mode="edge"), kernel / kernel.sum(), mode="valid")[
        :count
    ]
    flutter = sum(np.sin(2 * np.pi * f * times + f) for f in (12.7, 7.1, 4.7)) / 3
    return np.asarray(who.pitch * 2 ** (tune / 12) * (1 + 0.012 * flutter))


def _softened(wave: Track, corner: float, rate: int) -> Track:
    """`wave` less its highs: a one-pole low-pass at `corner` Hz, as the convolution it amounts to."""
    keep = math.exp(-2 * math.pi * corner / rate)
    reach = keep ** np.arange(int(rate / corner) * 2 + 16)
    return np.asarray(np.convolve(wave, reach * (1 - keep))[: len(wave)])


def _buzz(pitch: Track, who: Speaker, rng: np.random.Generator) -> Track:
    """The flow through the glottis, differentiated: a pulse a period, at four times RATE, then thinned."""
    fine = np.repeat(pitch, 4)
    stray = np.repeat(rng.standard_normal(len(pitch) // 64 + 2), 256)[: len(fine)]
    phase = np.cumsum(fine * (1 + who.rough * stray) / (4 * RATE)) % 1.0
    x = phase / who.open
    pulse = np.where(x < 1.0, 2 * x - 3 * x * x, 0.0)
    # A one-pole low-pass twice: the voice's own softness. Then a windowed sinc against aliasing.
    for corner in (who.tilt, 2 * who.tilt):
        pulse = _softened(pulse, corner, 4 * RATE)
    taps = np.arange(-48, 49)
    sinc = np.sinc(taps / 4.4) * np.hamming(len(taps))
    pulse = np.convolve(pulse, sinc / sinc.sum(), mode="same")[::4]
    return np.asarray(pulse / np.sqrt(np.mean(pulse**2)) * 0.35)


def _neighbour_aware(cast: list[Phoneme], i: int) -> tuple[Track, Track]:
    """Formants at the start and the end of sound i: a consonant leans towards the vowels beside it."""
    start = np.array(cast[i].formants, dtype=float)
    end = np.array(cast[i].end or cast[i].formants, dtype=float)
    if cast[i].kind in ("vowel", "glide"):
        return start, end
    lean = {"breath": 0.9, "stop": 0.3, "fricative": 0.2, "nasal": 0.2, "pause": 0.0}[cast[i].kind]
    if i + 1 < len(cast) and cast[i + 1].kind in ("vowel", "glide"):
        after = np.array(cast[i + 1].formants, dtype=float)
        end[1:] += lean * (after - end)[1:]
        start[1:] += lean * 0.6 * (after - start)[1:]
        if cast[i].kind == "breath":
            start = end = start + 0.9 * (after - start)
    if i > 0 and cast[i - 1].kind in ("vowel", "glide"):
        before = np.array(cast[i - 1].end or cast[i - 1].formants, dtype=float)
        start[1:] += lean * 0.6 * (before - start)[1:]
    return start, end


def _mouth(
    sounds: list[Sound], cast: list[Phoneme], spans: list[tuple[float, float]], who: Speaker, count: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """F1 to F3 and their bandwidths in Hz, each of shape (3, count)."""
    times: list[float] = [0.0]
    at: list[Track] = [_neighbour_aware(cast, 0)[0]]
    width: list[Track] = [np.array(cast[0].widths)]
    for i, (phoneme, (start, end)) in enumerate(zip(cast, spans, strict=True)):
        before = max(phoneme.reach, cast[i - 1].reach if i else 0.0) / 2000
        after = max(phoneme.reach, cast[i + 1].reach if i + 1 < len(cast) else 0.0) / 2000
        if phoneme.kind in ("stop", "nasal", "fricative"):
            before, after = before * 0.3, after * 0.3  # the tongue is in place before the sound is heard
        if i and cast[i - 1].kind in ("stop", "nasal", "fricative"):
            before *= 1.5
        if i + 1 < len(cast) and cast[i + 1].kind in ("stop", "nasal", "fricative"):
            after *= 1.5
        room = (end - start) * 0.44
        first, last = _neighbour_aware(cast, i)
        held = end - phoneme.vot / 1000 if phoneme.kind == "stop" else end - min(after, room)
        times += [start + min(before, room), max(held, start + min(before, room) + 1e-4)]
        at += [first, last]
        width += [np.array(phoneme.widths)] * 2
    grid = np.arange(count) / RATE
    kernel = np.hanning(int(0.02 * RATE))
    kernel /= kernel.sum()

    def smooth(values: Track) -> Track:
        line_ = np.interp(grid, times, values)
        return np.convolve(np.pad(line_, len(kernel) // 2, mode="edge"), kernel, mode="valid")[:count]

    formants = np.stack([smooth(np.array([a[k] for a in at])) for k in range(3)]) * who.tract
    return formants, np.stack([smooth(np.array([w[k] for w in width])) for k in range(3)])


def _nose(cast: list[Phoneme], spans: list[tuple[float, float]], count: int) -> Track:
    """How open the way through the nose is, 0..1; it opens a little before a nasal, and closes after."""
    points: list[tuple[float, float]] = [(0.0, 0.0)]
    for phoneme, (start, end) in zip(cast, spans, strict=True):
        if phoneme.nasal:
            points += [(start - 0.05, 0.0), (start, 1.0), (end, 1.0), (end + 0.04, 0.0)]
    return _ramped(sorted(points), count)


def _resonator(frequency: float, bandwidth: float) -> tuple[float, float, float]:
    """Coefficients of y[n] = a x[n] + b y[n-1] + c y[n-2] with gain 1 at 0 Hz (Klatt 1980, eq. 2)."""
    c = -math.exp(-2 * math.pi * bandwidth / RATE)
    b = 2 * math.exp(-math.pi * bandwidth / RATE) * math.cos(2 * math.pi * frequency / RATE)
    return 1 - b - c, b, c


def _chain(wave: Track, formants: Track, widths: Track, nose: Track, who: Speaker) -> Track:
    """The mouth and the nose as resonances one after another; coefficients change every 2 ms."""
    samples = wave.tolist()
    step = RATE // 500
    fixed = [(3550.0, 220.0), (4600.0, 300.0), (5700.0, 450.0), (6700.0, 600.0)]
    for k in range(3 + len(fixed)):
        y1 = y2 = 0.0
        a = b = c = 0.0
        for n in range(len(samples)):
            if n % step == 0:
                if k < 3:
                    a, b, c = _resonator(min(formants[k, n], 7000.0), widths[k, n])
                elif n == 0:
                    a, b, c = _resonator(min(fixed[k - 3][0] * who.tract, 7700.0), fixed[k - 3][1])
            y = a * samples[n] + b * y1 + c * y2
            y2, y1 = y1, y
            samples[n] = y
    # The nose: a pole that stays and a zero that leaves it while the way is open.
    x1 = x2 = y1 = y2 = 0.0
    pole = _resonator(270.0, 100.0)
    a = b = c = 0.0
    for n in range(len(samples)):
        if n % step == 0:
            a, b, c = _resonator(270.0 + 210.0 * nose[n], 100.0)
        x = samples[n]
        zeroed = (x - b * x1 - c * x2) / a
        x2, x1 = x1, x
        y = pole[0] * zeroed + pole[1] * y1 + pole[2] * y2
        y2, y1 = y1, y
        samples[n] = y
    return np.array(samples)


def _hiss(noise: Noise, count: int, rng: np.random.Generator) -> Track:
    """Noise coloured as one place of the mouth colours it, RMS equal to the place's level."""
    spectrum = np.fft.rfft(rng.standard_normal(count))
    frequency = np.fft.rfftfreq(count, 1 / RATE)
    shape = np.zeros_like(frequency)
    for centre, width, gain in noise.peaks:
        shape += gain / (1 + ((frequency - centre) / (width / 2)) ** 2)
    shape *= np.clip(frequency / 500.0, 0.0, 1.0) ** 2
    out = np.fft.irfft(spectrum * shape, count)
    return np.asarray(out / np.sqrt(np.mean(out**2)) * noise.level)


def _hisses(
    sounds: list[Sound],
    cast: list[Phoneme],
    spans: list[tuple[float, float]],
    count: int,
    rng: np.random.Generator,
) -> Track:
    """Fricatives for as long as they last, and the bursts of stops at their release."""
    out = np.zeros(count)
    for sound, phoneme, (start, end) in zip(sounds, cast, spans, strict=True):
        if phoneme.noise is None:
            continue
        if phoneme.kind == "stop":
            release = end - phoneme.vot / 1000
            points = [
                (0.0, 0.0),
                (release - 0.001, 0.0),
                (release, 1.0),
                (release + 0.006, 0.8),
                (release + 0.006 + phoneme.vot / 2500, 0.0),
                (count / RATE, 0.0),
            ]
            times, values = zip(*points, strict=True)
            envelope = np.interp(np.arange(count) / RATE, times, values)
        else:
            edge = min(0.03, (end - start) / 3)
            weak = 0.5 if phoneme.voiced else 1.0
            envelope = weak * _ramped(
                [
                    (0.0, 0.0),
                    (start - 0.005, 0.0),
                    (start + edge, 1.0),
                    (end - edge, 1.0),
                    (end + 0.005, 0.0),
                ],
                count,
            )
        out += _hiss(phoneme.noise, count, rng) * envelope * sound.loud
    return out
