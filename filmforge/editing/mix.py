"""Mixes a film's sound: tracks at their samples, music ducked under speech, at the loudness asked for."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from filmforge.editing.loudness import TRUE_PEAK, Loudness, limited, measured
from filmforge.editing.sound import RATE, Samples, decode_sound
from filmforge.errors import MediaError

Role = Literal["music", "speech", "effect", "production"]

_BLOCK = RATE
"""Samples mixed at once."""

# Ducking works on a grid of 10 ms. Speech counts from -50 dBFS, is bridged over pauses, and is seen coming.
_HOP = RATE // 100
_PRESENT = 10 ** (-50 / 20)
_ATTACK, _RELEASE, _BRIDGE = 0.15, 0.40, 0.50

# A recording that is cut in its middle starts and ends within 2 ms, not in a click.
_EDGE = RATE // 500

# Within this of the target, a mix is at the target (EBU R 128 allows 0.5 LU for programmes).
_CLOSE = 0.1


@dataclass(frozen=True, slots=True)
class Track:
    """A piece of sound in the mix. All positions and lengths are in samples at 48 kHz.

    It sounds from `at_sample` (before 0: its beginning is cut off), beginning `offset` samples into the file,
    for `length` (None: to the file's end; with `loop`, to the film's). `gain_db` and `duck_db` are in dB;
    `duck_db` is negative, and holds while any track of role 'speech' sounds. `fade_in` and `fade_out` lie
    inside the length.
    """

    path: Path
    at_sample: int = 0
    gain_db: float = 0.0
    fade_in: int = 0
    fade_out: int = 0
    offset: int = 0
    length: int | None = None
    loop: bool = False
    duck_db: float = 0.0
    role: Role = "effect"


@dataclass(frozen=True, slots=True)
class MixReport:
    """What came out: loudness (LUFS) and true peak (dBTP) as measured, and the gain that led there."""

    lufs: float
    true_peak: float
    gain_db: float
    limited: bool
    samples: int

    def to_json(self) -> dict[str, float | bool | int]:
        """The same as plain data."""
        return asdict(self)


def mix(
    out: Path,
    *,
    samples: int,
    tracks: Sequence[Track],
    loudness: float | None = None,
    subtype: str = "PCM_24",
    on_block: Callable[[int, int], None] | None = None,
) -> MixReport:
    """Write exactly `samples` of 48 kHz stereo to the WAV file `out`.

    With `loudness` (LUFS) the mix gets the one gain that brings it there, and a limiter only where true peaks
    would pass -1 dBTP; silence stays silence. Memory does not grow with the length (temporary files beside
    `out` do). Raises MediaError for a track without sound or that cannot be decoded.
    """
    if samples < 1:
        raise ValueError("a mix has at least one sample")
    with tempfile.TemporaryDirectory(prefix="mix-", dir=out.parent) as temporary:
        folder = Path(temporary)
        placed = _place(tracks, samples, folder)
        duck = _ducking(placed, samples) if any(p.track.duck_db for p in placed) else None
        raw = folder / "mix.f32"
        with raw.open("wb") as file:
            for start in range(0, samples, _BLOCK):
                count = min(_BLOCK, samples - start)
                block = np.zeros((count, 2), np.float64)
                for part in placed:
                    part.add_to(block, start, duck)
                file.write(block.astype(np.float32).tobytes())
                if on_block is not None:
                    on_block(start + count, samples)
        raw, report = _levelled(raw, loudness, samples, folder)
        _write_wav(raw, out, report.gain_db if not report.limited else 0.0, samples, subtype, folder)
        return report


class _Placed:
    """A track with its sound decoded and its place in the film worked out."""

    def __init__(self, track: Track, source: Samples, samples: int) -> None:
        self.track = track
        self._source = source[track.offset :] if track.offset >= 0 else source
        held = len(self._source)
        wanted = (
            track.length if track.length is not None else (samples - track.at_sample if track.loop else held)
        )
        self._repeats = track.loop and held > 0
        self.first = track.at_sample
        self.count = max(0, wanted if self._repeats else min(wanted, held))
        # Cut inside the recording: its edges are rounded off even when no fade was asked for.
        cut_in = track.offset > 0
        cut_out = self._repeats or self.count < held
        self._fade_in = max(track.fade_in, _EDGE if cut_in else 0)
        self._fade_out = max(track.fade_out, _EDGE if cut_out else 0)
        self._gain = 10 ** (track.gain_db / 20)

    def read(self, start: int, count: int) -> tuple[int, NDArray[np.float64]]:
        """What sounds within `count` film samples from `start`: where it begins there, and the samples."""
        first = max(start, self.first)
        last = min(start + count, self.first + self.count)
        if last <= first:
            return 0, np.zeros((0, 2))
        at = np.arange(first, last) - self.first
        if self._repeats:
            piece = np.take(self._source, at % len(self._source), axis=0).astype(np.float64)
        else:
            piece = self._source[at[0] : at[-1] + 1].astype(np.float64)
        np.nan_to_num(piece, copy=False, posinf=0.0, neginf=0.0)
        piece *= self._gain
        if self._fade_in and at[0] < self._fade_in:
            piece *= _curve((at + 0.5) / self._fade_in)
        left = self.count - at
        if self._fade_out and left[-1] <= self._fade_out:
            piece *= _curve((left - 0.5) / self._fade_out)
        return first - start, piece

    def add_to(self, block: NDArray[np.float64], start: int, duck: NDArray[np.float32] | None) -> None:
        """Add what sounds of this track to the film samples from `start`."""
        where, piece = self.read(start, len(block))
        if not len(piece):
            return
        if duck is not None and self.track.duck_db:
            grid = (start + where + np.arange(len(piece))) / _HOP
            share = np.interp(grid, np.arange(len(duck)), duck)
            piece *= 10 ** (self.track.duck_db * share / 20)[:, None]
        block[where : where + len(piece)] += piece


def _curve(at: NDArray[np.float64]) -> NDArray[np.float64]:
    """A fade that starts and ends without a corner: a raised cosine from 0 to 1."""
    return (0.5 - 0.5 * np.cos(np.pi * np.clip(at, 0.0, 1.0)))[:, None]


def _place(tracks: Sequence[Track], samples: int, folder: Path) -> list[_Placed]:
    """Decode every file once, no further than any track needs."""
    until: dict[Path, int | None] = {}
    for track in tracks:
        needed = min(track.length, samples) if track.length is not None else samples - min(0, track.at_sample)
        end = None if track.loop else track.offset + max(0, needed - min(0, track.at_sample)) + _EDGE
        before = until.get(track.path, 0)
        until[track.path] = None if end is None or before is None else max(before, end)
    sources = {
        path: decode_sound(path, folder / f"track{number}.f32", limit)
        for number, (path, limit) in enumerate(until.items())
    }
    for track in tracks:
        if track.offset and track.offset >= len(sources[track.path]):
            raise MediaError(
                f"{track.path}: its sound lasts {len(sources[track.path]) / RATE:.2f} s, and "
                f"{track.offset / RATE:.2f} s into it was asked for"
            )
    return [_Placed(track, sources[track.path], samples) for track in tracks]


def _ducking(placed: Sequence[_Placed], samples: int) -> NDArray[np.float32]:
    """How far music is ducked, 0 to 1, every 10 ms: down before speech sounds, up again after it."""
    speech = [part for part in placed if part.track.role == "speech"]
    hops = samples // _HOP + 2
    present = np.zeros(hops, bool)
    for start in range(0, samples, _HOP * 100):
        block = np.zeros((min(_HOP * 100, samples - start), 2))
        for part in speech:
            part.add_to(block, start, None)
        power = np.square(block).mean(axis=1)
        padded = np.pad(power, (0, -len(power) % _HOP)).reshape(-1, _HOP)
        at = start // _HOP
        present[at : at + len(padded)] = np.sqrt(padded.mean(axis=1)) > _PRESENT
    heard = np.flatnonzero(present)
    share = np.zeros(hops)
    if len(heard):
        # Distance to the nearest speech: ahead of it the music goes down, behind it waits, then comes up.
        position = np.searchsorted(heard, np.arange(hops))
        following = np.where(position < len(heard), heard[np.minimum(position, len(heard) - 1)], hops * 10)
        preceding = np.where(position > 0, heard[np.maximum(position - 1, 0)], -hops * 10)
        preceding = np.where(present, np.arange(hops), preceding)
        ahead = (following - np.arange(hops)) / (_ATTACK * 100)
        behind = (np.arange(hops) - preceding) / 100
        bridged = (following - preceding) / 100 <= _BRIDGE
        share = np.maximum(1 - ahead, 1 - (behind - 0.1) / _RELEASE)
        share = np.where(bridged, 1.0, np.clip(share, 0.0, 1.0))
    return (0.5 - 0.5 * np.cos(np.pi * share)).astype(np.float32)


def _levelled(raw: Path, target: float | None, samples: int, folder: Path) -> tuple[Path, MixReport]:
    """The mix at `target` LUFS: the same file and a gain to apply, or a limited copy."""
    before = measured(raw, folder)
    if target is None and before.true_peak <= TRUE_PEAK:
        return raw, MixReport(before.lufs, before.true_peak, 0.0, False, samples)
    if before.silent:
        return raw, MixReport(before.lufs, before.true_peak, 0.0, False, samples)
    gain = target - before.lufs if target is not None else 0.0
    if before.true_peak + gain <= TRUE_PEAK:
        after = Loudness(before.lufs + gain, before.true_peak + gain)
        return raw, MixReport(round(after.lufs, 2), round(after.true_peak, 2), round(gain, 4), False, samples)
    held = folder / "limited.f32"
    # What the limiter takes away is given back, as far as it goes: three rounds, then the truth is reported.
    for _ in range(3):
        limited(raw, held, gain, folder)
        after = measured(held, folder)
        short = target - after.lufs if target is not None else 0.0
        if abs(short) <= _CLOSE or gain + short > (target or 0.0) - before.lufs + 6.0:
            break
        gain += short
    return held, MixReport(after.lufs, after.true_peak, round(gain, 4), True, samples)


def _write_wav(raw: Path, out: Path, gain_db: float, samples: int, subtype: str, folder: Path) -> None:
    import soundfile

    gain = 10 ** (gain_db / 20)
    whole = folder / "mix.wav"
    # A WAV's lengths are 32 bits wide; past 4 GB (four hours at 24 bits) RF64 is the same with 64.
    form = "WAV" if samples * 8 < 4_000_000_000 else "RF64"
    done = 0
    try:
        with raw.open("rb") as source, soundfile.SoundFile(whole, "w", RATE, 2, subtype, format=form) as wav:
            while chunk := source.read(_BLOCK * 8):
                block = np.frombuffer(chunk, np.float32).reshape(-1, 2)
                wav.write(np.clip(block * np.float64(gain), -1.0, 1.0))
                done += len(block)
        whole.replace(out)
    except (OSError, soundfile.LibsndfileError) as reason:
        raise MediaError(f"{out}: cannot be written: {reason}") from None
    if done != samples or not math.isfinite(gain):
        raise MediaError(
            f"{out.name}: {done} samples were written where {samples} were due; please report it"
        )
