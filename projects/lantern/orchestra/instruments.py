"""The instruments that the tune is played on, and the room that they stand in.

Each instrument is a function from (frequency in Hz, seconds, loudness 0..1) to mono float64 samples at RATE,
built from partials whose ratios and decays are those of the real thing (Fletcher & Rossing, "The Physics of
Musical Instruments": bars, plucked strings, free reeds, bells).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

RATE = 48000
"""Samples a second of music and weather: what films are mixed at."""

Wave = NDArray[np.float64]

_STEPS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}


def pitch(name: str) -> float:
    """Hz of a note such as `A4`, `Bb3`, `F#5`; A4 is 440, twelve even steps to the octave."""
    step = _STEPS[name[0]] + name.count("#") - name.count("b")
    return float(440.0 * 2 ** ((step - 9) / 12 + int(name[-1]) - 4))


def _clock(seconds: float) -> Wave:
    return np.arange(int(seconds * RATE)) / RATE


def _partial(out: Wave, frequency: float, amount: float, decay: float, phase: float = 0.0) -> None:
    """Adds one sine that dies away over `decay` seconds, for as long as it is heard (nine decays: -78 dB).

    A dying sine is a geometric series: 512 powers of its step, times powers of the 512th. Quicker than sines.
    """
    count = min(len(out), int(9 * min(decay, 60.0) * RATE))
    step = (2j * np.pi * frequency - 1 / decay) / RATE
    within = np.exp(step * np.arange(512) + 1j * phase)
    across = np.exp(step * 512 * np.arange(count // 512 + 1))
    out[:count] += amount * np.outer(across, within).imag.ravel()[:count]


def _released(wave: Wave, seconds: float) -> Wave:
    """`wave` with its last `seconds` faded, so that no note ends in a click."""
    n = min(int(seconds * RATE), len(wave))
    wave[len(wave) - n :] *= np.cos(np.linspace(0, np.pi / 2, n)) ** 2
    return wave


def music_box(frequency: float, seconds: float, loud: float) -> Wave:
    """A steel tine plucked by a pin: nearly a sine that rings, and a glassy knock at the start."""
    t = _clock(seconds)
    ring = 1.5 * (600.0 / frequency) ** 0.5
    partials = (
        (1.0, 1.0, ring),
        (1.0015, 0.35, ring * 0.8),
        (2.0, 0.16, ring * 0.45),
        (3.01, 0.05, ring * 0.25),
        (5.42, 0.14 * loud, 0.11),
        (8.93, 0.05 * loud, 0.05),
    )  # a bar's overtones die at once
    out = np.zeros_like(t)
    for ratio, amount, decay in partials:
        if frequency * ratio < RATE / 2.2:
            _partial(out, frequency * ratio, amount, decay)
    out *= 1 - np.exp(-t / 0.0012)
    return _released(out * loud, 0.08)


def plucked(frequency: float, seconds: float, loud: float) -> Wave:
    """A gut string plucked near a fifth of its length: high partials die first, and are a little sharp."""
    t = _clock(seconds)
    out = np.zeros_like(t)
    for n in range(1, int(min(28, 9000 / frequency)) + 1):
        sharp = frequency * n * np.sqrt(1 + 0.00012 * n * n)
        amount = np.sin(np.pi * n * 0.21) / n * np.exp(-n * (0.16 - 0.10 * loud))
        decay = 1.3 * (196.0 / frequency) ** 0.4 / (1 + 0.22 * (n - 1))
        _partial(out, sharp, amount, decay, 0.4 * n)
    out *= 1 - np.exp(-t / 0.0025)
    return _released(out * loud * 1.3, 0.06)


def harmonium(frequency: float, seconds: float, loud: float) -> Wave:
    """Two free reeds, a hair apart, on one bellows: slow to speak, and breathing."""
    t = _clock(seconds)
    bellows = 1 + 0.07 * np.sin(2 * np.pi * 0.9 * t) + 0.03 * np.sin(2 * np.pi * 4.6 * t + 1.0)
    out = np.zeros_like(t)
    for detune in (0.9987, 1.0016):
        for n in range(1, int(min(18, 5200 / frequency)) + 1):
            body = 1.0 / (1 + ((frequency * n - 700) / 900) ** 2) + 0.25
            _partial(out, frequency * detune * n, 0.5 * body / n**1.15, 1e6, 0.9 * n * n)
    speak = min(0.35, seconds / 3)
    envelope = np.clip(t / speak, 0, 1)
    envelope = envelope * envelope * (3 - 2 * envelope)
    return _released(out * bellows * envelope * loud * 0.55, min(0.5, seconds / 3))


def bell(frequency: float, seconds: float, loud: float) -> Wave:
    """A small bronze bell. `frequency` is the note one hears, an octave above the hum."""
    t = _clock(seconds)
    partials = (
        (0.5, 0.35, 3.2),
        (1.0, 0.6, 2.0),
        (1.003, 0.3, 1.8),
        (1.19, 0.55, 1.5),
        (1.5, 0.25, 1.0),
        (2.0, 0.7, 1.1),
        (2.51, 0.25, 0.6),
        (2.66, 0.2, 0.5),
        (3.01, 0.3, 0.45),
        (4.17, 0.2, 0.25),
        (5.43, 0.12, 0.15),
    )
    out = np.zeros_like(t)
    for ratio, amount, decay in partials:
        _partial(out, frequency * ratio, amount, decay, ratio)
    out *= 1 - np.exp(-t / 0.001)
    return _released(out * loud * 0.4, 0.3)


def convolve(wave: Wave, response: Wave) -> Wave:
    """Full convolution by FFT; the result is len(wave) + len(response) - 1 long."""
    count = len(wave) + len(response) - 1
    size = 1 << (count - 1).bit_length()
    return np.asarray(np.fft.irfft(np.fft.rfft(wave, size) * np.fft.rfft(response, size), size)[:count])


def room(dry: Wave, seconds: float, wet: float, seed: int, rate: int = RATE) -> Wave:
    """`dry`, of shape (samples, 2), in a wooden room that rings for `seconds`, its tail added.

    The room is noise that dies away, its highs sooner than its lows, other noise for each ear.
    """
    rng = np.random.default_rng(seed)
    t = np.arange(int(seconds * rate)) / rate
    out = np.zeros((len(dry) + len(t) - 1, 2))
    for ear in range(2):
        tail = np.zeros_like(t)
        for low, high, share in ((120, 900, 1.0), (900, 3000, 0.7), (3000, 7000, 0.4)):
            spectrum = np.fft.rfft(rng.standard_normal(len(t)))
            frequency = np.fft.rfftfreq(len(t), 1 / rate)
            spectrum[(frequency < low) | (frequency >= high)] = 0
            tail += np.fft.irfft(spectrum, len(t)) * 10 ** (-3 * t / (seconds * share))
        tail *= np.clip((t - 0.012) / 0.02, 0, 1)
        tail /= np.sqrt(np.sum(tail**2))
        out[:, ear] = convolve(dry[:, ear], tail) * wet
    out[: len(dry)] += dry
    return out
