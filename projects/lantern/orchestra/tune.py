"""The tune: "Keep the light", for music box, harmonium and plucked strings, in D minor and then in D major.

Twenty bars of 6/8, two seconds each, laid along the film: the title (bar 0), the storm and the letter
(1 to 4), the sea and the lamp (5 to 8, climbing), the moment Otto sees the light (9, at 0:18, where D minor
turns to D major), the harbour in the morning (10 to 14), and a coda for the credits (15 to 19).
"""

from __future__ import annotations

import numpy as np

from orchestra.instruments import RATE, Wave, harmonium, music_box, pitch, plucked, room

BAR = 2.0
"""Seconds a bar; a sixth of it is an eighth note, in which the notes below count."""

# The melody, a bar a line: notes with their eighths. "-" rests.
MELODY = """
- 3, A4 1, D5 1, E5 1
F5 3, E5 2, D5 1
A5 3, F5 2, D5 1
Bb4 2, D5 1, G5 2, F5 1
E5 3, C#5 1, D5 1, E5 1
F5 2, G5 1, A5 3
G5 2, F5 1, E5 2, C#5 1
D5 1, F5 1, A5 1, Bb5 3
E5 1, G5 1, Bb5 1, C6 3
D6 4, A5 1, E5 1
F#5 3, E5 2, D5 1
A5 3, F#5 2, D5 1
B4 2, D5 1, G5 2, F#5 1
E5 3, C#5 1, D5 1, E5 1
F#5 2, G5 1, A5 2, B5 1
A5 2, F#5 1, E5 3
D5 6
B5 3, A5 2, G5 1
F#5 3, E5 3
D5 6
"""

# Harmony, a bar each: the bass, then the chord from low to high.
HARMONY = (
    ("D3", "A3 D4"), ("D3", "A3 D4 F4"), ("F3", "A3 D4 F4"), ("G3", "Bb3 D4 G4"), ("A2", "A3 C#4 E4"),
    ("D3", "A3 D4 F4"), ("C#3", "A3 C#4 E4"), ("Bb2", "Bb3 D4 F4"), ("C3", "Bb3 C4 E4"), ("D3", "A3 D4 F#4"),
    ("D3", "A3 D4 F#4"), ("B2", "B3 D4 F#4"), ("G2", "B3 D4 G4"), ("A2", "A3 C#4 E4"), ("B2", "B3 D4 F#4"),
    ("A2", "A3 C#4 G4"), ("D3", "A3 D4 F#4"), ("G2", "B3 D4 G4"), ("A2", "A3 C#4 G4"), ("D3", "A3 D4 F#4"),
)  # fmt: skip

# How loud each instrument plays, a bar each: the shape of the film.
BOX = (60, 80, 80, 75, 70, 72, 72, 80, 90, 100, 95, 95, 90, 85, 90, 85, 75, 65, 55, 50)
REEDS = (22, 24, 30, 36, 40, 50, 58, 70, 85, 90, 62, 62, 60, 58, 62, 56, 46, 36, 30, 26)
STRINGS = (0, 0, 26, 34, 38, 60, 66, 78, 90, 80, 66, 66, 66, 62, 68, 60, 48, 40, 30, 0)

BROKEN = (0, 1, 2, 3, 2, 1)
"""The order in which the strings break a chord: the bass, up, and down again, an eighth each."""


def tune() -> Wave:
    """The whole tune, mixed and in its room: float64 of shape (samples, 2), peak 0.89 (-1 dBFS)."""
    eighth = BAR / 6
    out = np.zeros((int((BAR * len(HARMONY) + 3.0) * RATE), 2))

    def play(wave: Wave, at: float, side: float) -> None:
        """Adds `wave` from `at` seconds; `side` from -1 (left) to 1 (right), at even power."""
        first = int(at * RATE)
        part = wave[: len(out) - first]
        angle = (side + 1) * np.pi / 4
        out[first : first + len(part), 0] += part * np.cos(angle)
        out[first : first + len(part), 1] += part * np.sin(angle)

    for bar, (line, (bass, chord)) in enumerate(zip(MELODY.strip().splitlines(), HARMONY, strict=True)):
        start, notes = bar * BAR, chord.split()
        # The last bars slow down, each note later by a hair more: the spring of the box is spent.
        spent = 0.06 * max(0, bar - 17)
        now = 0.0
        for word in line.split(","):
            name, eighths = word.split()
            if name != "-":
                at = start + now * eighth * (1 + spent)
                play(music_box(pitch(name), 3.2, 0.30 * BOX[bar] / 100), at, 0.15)
                if 9 <= bar < 16 and float(eighths) >= 2:  # in the major the box doubles itself, an octave up
                    play(music_box(2 * pitch(name), 2.5, 0.07 * BOX[bar] / 100), at + 0.012, 0.45)
            now += float(eighths)
        last = bar == len(HARMONY) - 1
        for i, name in enumerate([bass, *notes]):
            held = BAR + (1.6 if last else 0.35)
            play(
                harmonium(pitch(name), held, 0.055 * REEDS[bar] / 100),
                start - 0.12 * (bar > 0),
                -0.5 + 0.25 * i,
            )
        strings = [bass, *notes, notes[-1]]
        for step, which in enumerate(BROKEN):
            loud = STRINGS[bar] / 100 * (1.0 if step in (0, 3) else 0.72)
            if loud:
                play(plucked(pitch(strings[which]), 2.0, 0.26 * loud), start + step * eighth, -0.35)
        if bar >= 5 and STRINGS[bar]:
            play(plucked(pitch(bass) / 2, 2.6, 0.34 * STRINGS[bar] / 100), start, 0.0)
    # Where the light arrives: a run up two octaves on the box, over the turn to D major.
    for i, name in enumerate(("D5", "F#5", "A5", "D6", "F#6", "A6", "D7")):
        play(music_box(pitch(name), 2.6, 0.13), 9 * BAR + i * 0.085, -0.6 + 0.2 * i)
    play(music_box(pitch("D7"), 3.0, 0.05), 19 * BAR + 3 * eighth, 0.5)
    play(music_box(pitch("A6"), 3.0, 0.05), 19 * BAR + 2 * eighth, 0.3)
    wet = room(out, 1.7, 0.34, seed=5)[: len(out)]
    wet[-RATE:] *= np.cos(np.linspace(0, np.pi / 2, RATE))[:, None] ** 2
    return np.asarray(wet * (0.89 / np.max(np.abs(wet))))
