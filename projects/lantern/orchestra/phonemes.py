"""What each sound of English asks of the mouth: formants, voicing and noise, for a man of middle age.

Vowels after Hillenbrand et al., "Acoustic characteristics of American English vowels" (JASA 97, 1995);
consonants after the tables of Klatt, "Software for a cascade/parallel formant synthesizer" (JASA 67, 1980).
Names of sounds are those of ARPAbet. `voice.py` scales the formants to a speaker.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["vowel", "glide", "nasal", "fricative", "stop", "breath", "pause"]


@dataclass(frozen=True)
class Noise:
    """The hiss of one place of the mouth: resonances as (Hz, bandwidth in Hz, gain), and a level."""

    peaks: tuple[tuple[float, float, float], ...]
    level: float


@dataclass(frozen=True)
class Phoneme:
    """One sound. `formants` are F1 to F3 in Hz, at the start and, where they glide, at the end."""

    kind: Kind
    ms: float
    formants: tuple[float, float, float]
    end: tuple[float, float, float] | None = None
    widths: tuple[float, float, float] = (70.0, 90.0, 130.0)
    voiced: float = 1.0
    noise: Noise | None = None
    breath: float = 0.0  # aspiration, 0..1; of a stop, how strong the puff after its release is
    vot: float = 0.0  # of a stop: ms from release to voice
    reach: float = 45.0  # ms that the transition to a neighbour takes
    nasal: bool = False


# Hiss by place. Lips and teeth: weak and flat. Ridge: high. Behind the ridge: broad and lower.
LIPS = Noise(((1300.0, 900.0, 0.5), (4200.0, 3500.0, 0.6), (7000.0, 3000.0, 0.6)), 0.045)
TEETH = Noise(((1500.0, 900.0, 0.3), (5200.0, 3000.0, 0.6), (7300.0, 2500.0, 0.8)), 0.05)
RIDGE = Noise(((4700.0, 900.0, 0.5), (6000.0, 1100.0, 1.0), (7300.0, 1200.0, 0.9)), 0.17)
PALATE = Noise(((2700.0, 420.0, 1.0), (3700.0, 700.0, 0.8), (5200.0, 1500.0, 0.45)), 0.20)
BURST_P = Noise(((900.0, 700.0, 1.0), (1800.0, 1600.0, 0.5), (4200.0, 3000.0, 0.2)), 0.22)
BURST_T = Noise(((3900.0, 1100.0, 1.0), (5600.0, 1800.0, 0.8)), 0.32)
BURST_K = Noise(((2350.0, 380.0, 1.0), (4300.0, 1200.0, 0.35)), 0.30)
BURST_K_BACK = Noise(((1350.0, 320.0, 1.0), (3600.0, 1200.0, 0.25)), 0.30)


def _vowel(ms: float, *formants: tuple[float, float, float]) -> Phoneme:
    return Phoneme("vowel", ms, formants[0], formants[1] if len(formants) > 1 else None, reach=55.0)


def _stop(
    ms: float, formants: tuple[float, float, float], noise: Noise, vot: float, voiced: float
) -> Phoneme:
    return Phoneme("stop", ms, formants, voiced=voiced, noise=noise, breath=0.0 if voiced else 0.8, vot=vot)


PHONEMES: dict[str, Phoneme] = {
    "IY": _vowel(120, (300, 2300, 3000), (280, 2350, 3050)),
    "IH": _vowel(80, (420, 2000, 2600)),
    "EY": _vowel(150, (500, 1950, 2600), (330, 2250, 2750)),
    "EH": _vowel(100, (560, 1820, 2550)),
    "AE": _vowel(150, (640, 1900, 2550), (690, 1700, 2500)),
    "AA": _vowel(140, (750, 1180, 2550)),
    "AO": _vowel(150, (620, 920, 2550)),
    "OW": _vowel(150, (540, 1020, 2450), (400, 820, 2400)),
    "UH": _vowel(80, (460, 1120, 2400)),
    "UW": _vowel(130, (340, 1050, 2350), (310, 900, 2300)),
    "AH": _vowel(95, (640, 1220, 2500)),
    "AX": _vowel(60, (510, 1450, 2500)),
    "ER": _vowel(130, (480, 1330, 1700)),
    "AY": _vowel(190, (730, 1200, 2500), (380, 2050, 2650)),
    "AW": _vowel(190, (720, 1280, 2500), (440, 950, 2400)),
    "OY": _vowel(200, (550, 900, 2450), (380, 2000, 2600)),
    "R": Phoneme("glide", 70, (330, 1080, 1450), widths=(70.0, 100.0, 120.0), voiced=0.75, reach=65.0),
    "L": Phoneme("glide", 75, (330, 1150, 2900), widths=(60.0, 110.0, 200.0), voiced=0.5, reach=32.0),
    "W": Phoneme("glide", 70, (310, 650, 2200), widths=(60.0, 90.0, 120.0), voiced=0.65, reach=75.0),
    "Y": Phoneme("glide", 65, (280, 2150, 3000), widths=(50.0, 220.0, 400.0), voiced=0.7, reach=70.0),
    "M": Phoneme(
        "nasal", 75, (300, 1050, 2150), widths=(70.0, 220.0, 220.0), voiced=0.55, reach=28.0, nasal=True
    ),
    "N": Phoneme(
        "nasal", 70, (300, 1500, 2500), widths=(70.0, 300.0, 300.0), voiced=0.55, reach=30.0, nasal=True
    ),
    "NG": Phoneme(
        "nasal", 80, (300, 2000, 2650), widths=(70.0, 300.0, 300.0), voiced=0.5, reach=45.0, nasal=True
    ),
    "F": Phoneme("fricative", 105, (340, 1100, 2080), voiced=0.0, noise=LIPS),
    "V": Phoneme("fricative", 65, (260, 1150, 2150), voiced=0.45, noise=LIPS),
    "TH": Phoneme("fricative", 100, (330, 1350, 2550), voiced=0.0, noise=TEETH),
    "DH": Phoneme("fricative", 50, (300, 1350, 2550), voiced=0.5, noise=TEETH, reach=35.0),
    "S": Phoneme("fricative", 110, (330, 1600, 2600), voiced=0.0, noise=RIDGE),
    "Z": Phoneme("fricative", 80, (270, 1600, 2600), voiced=0.4, noise=RIDGE),
    "SH": Phoneme("fricative", 115, (320, 1900, 2650), voiced=0.0, noise=PALATE),
    "HH": Phoneme("breath", 65, (480, 1500, 2500), widths=(260.0, 160.0, 200.0), voiced=0.0, breath=1.0),
    "P": _stop(85, (320, 950, 2150), BURST_P, 45, 0.0),
    "T": _stop(80, (330, 1750, 2650), BURST_T, 50, 0.0),
    "K": _stop(85, (330, 2050, 2500), BURST_K, 55, 0.0),
    "KO": _stop(85, (330, 1300, 2200), BURST_K_BACK, 55, 0.0),  # a K or G before a vowel from the back
    "B": _stop(70, (230, 950, 2150), BURST_P, 6, 0.16),
    "D": _stop(60, (240, 1750, 2650), BURST_T, 10, 0.16),
    "G": _stop(65, (240, 2050, 2500), BURST_K, 16, 0.16),
    "SIL": Phoneme("pause", 120, (500, 1500, 2500), voiced=0.0),
}
"""Every sound this voice can make. Durations are those of unstressed, unhurried speech, in milliseconds."""
