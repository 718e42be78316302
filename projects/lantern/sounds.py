"""Makes every sound of the film: `python projects/lantern/sounds.py` writes them all into audio/.

Music, weather and voices are computed here from nothing, with numpy; soundfile writes them. The same command
gives the same sounds, so they could be left out of git; they are in it so that the film builds at once.
Another folder may be named: `python projects/lantern/sounds.py DIR`.
"""

from __future__ import annotations

import sys
from pathlib import Path

import soundfile
from orchestra import tune, voice, weather
from orchestra.instruments import RATE, Wave

# Who speaks. Mira's mouth is smaller and her voice higher; Otto's is rough and slow.
MIRA = voice.Speaker(tract=1.15, pitch=222, breath=0.022, tilt=1900, open=0.62, pace=1.08)
OTTO = voice.Speaker(tract=1.03, pitch=106, breath=0.015, tilt=1700, rough=0.010, pace=1.12)

# What they say: ARPAbet sounds, each NAME*long!loud@semitones. The tune of a line is in its semitones.
PROMISED = (
    "HH*1.1!0.6 IY@3 P!1.1 R AA*1.15!1.2@7 M IH@4 S*0.8 T*0.5!0.5 "  # He promised
    "HH*0.7!0.4 IY*0.7@2 D*0.6!0.8 B IY*0.8@3 B AE*1.2!1.15@1 K*0.7!0.8@-4"  # he'd be back.
)
SAW = "AY*0.85!0.9@1 S AO*1.2!1.1@5 Y UH*0.7@3 R L*1.3 AY*1.0!1.2@4 T*0.65!0.7@-4"  # I saw your light.


def write_ogg(path: Path, wave: Wave, quality: float) -> None:
    """Vorbis. The stream number is set to 1: the library draws one at random, so bytes would differ."""
    with soundfile.SoundFile(
        path, "w", RATE, wave.shape[1], format="OGG", subtype="VORBIS", compression_level=1.0 - quality
    ) as out:
        for first in range(0, len(wave), RATE):  # the encoder overflows its stack on one long block
            out.write(wave[first : first + RATE])
    path.write_bytes(_with_stream_number(path.read_bytes(), 1))


def _with_stream_number(data: bytes, number: int) -> bytes:
    """An Ogg file's pages with their serial number and checksums set anew (RFC 3533, section 6)."""
    out, at = bytearray(data), 0
    table = [_crc_of_byte(byte) for byte in range(256)]
    while at < len(out):
        segments = out[at + 26]
        end = at + 27 + segments + sum(out[at + 27 : at + 27 + segments])
        out[at + 14 : at + 18] = number.to_bytes(4, "little")
        out[at + 22 : at + 26] = bytes(4)
        crc = 0
        for byte in out[at:end]:
            crc = (crc << 8 & 0xFFFFFFFF) ^ table[crc >> 24 ^ byte]
        out[at + 22 : at + 26] = crc.to_bytes(4, "little")
        at = end
    return bytes(out)


def _crc_of_byte(byte: int) -> int:
    crc = byte << 24
    for _ in range(8):
        crc = (crc << 1 ^ (0x04C11DB7 if crc & 0x80000000 else 0)) & 0xFFFFFFFF
    return crc


def make_all(folder: Path) -> list[Path]:
    """Writes every sound into `folder`, and returns their paths. About fifteen seconds of one core."""
    folder.mkdir(parents=True, exist_ok=True)
    sounds = {
        "theme.ogg": (tune.tune, 0.45),
        "storm.ogg": (lambda: weather.storm(16.0), 0.3),
        "thunder.ogg": (weather.thunder, 0.3),
        "harbour.ogg": (lambda: weather.harbour(11.0), 0.3),
        "foghorn.ogg": (weather.foghorn, 0.3),
        "bell.ogg": (weather.harbour_bell, 0.4),
    }
    for name, (make, quality) in sounds.items():
        write_ogg(folder / name, make(), quality)
    lines = {"mira-promised.flac": (PROMISED, MIRA, 3), "otto-saw.flac": (SAW, OTTO, 4)}
    for name, (notation, who, seed) in lines.items():
        soundfile.write(
            folder / name, voice.speak(voice.line(notation), who, seed), voice.RATE, subtype="PCM_16"
        )
    return [folder / name for name in (*sounds, *lines)]


if __name__ == "__main__":
    for made in make_all(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "audio"):
        print(f"{made}  {made.stat().st_size / 1024:.0f} KiB")
