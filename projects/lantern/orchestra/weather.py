"""What the place sounds like: a storm, thunder, a calm harbour with gulls, a foghorn and a bell.

Wind, rain and waves are noise in bands whose levels wander; nothing is recorded. Every function returns
float64 of shape (samples, 2) at RATE, peak at most 0.89.
"""

from __future__ import annotations

import numpy as np

from orchestra.instruments import RATE, Wave, bell, room

_EARS = 2


def _band(rng: np.random.Generator, count: int, low: float, high: float) -> Wave:
    """Noise between `low` and `high` Hz with soft skirts, RMS 1."""
    spectrum = np.fft.rfft(rng.standard_normal(count))
    frequency = np.maximum(np.fft.rfftfreq(count, 1 / RATE), 1.0)
    spectrum *= 1 / (1 + (low / frequency) ** 4) / (1 + (frequency / high) ** 4)
    out = np.fft.irfft(spectrum, count)
    return np.asarray(out / np.sqrt(np.mean(out**2)))


def _wander(rng: np.random.Generator, count: int, every: float, low: float, high: float) -> Wave:
    """A level that drifts between `low` and `high`, a new aim every `every` seconds."""
    aims = rng.uniform(low, high, int(count / RATE / every) + 4)
    at = np.arange(count) / RATE / every
    k = at.astype(int)
    f = at - k
    f = f * f * (3 - 2 * f)
    return np.asarray(aims[k] * (1 - f) + aims[k + 1] * f)


def _finished(wave: Wave, fade_in: float, fade_out: float, peak: float = 0.8) -> Wave:
    for seconds, part in ((fade_in, slice(None)), (fade_out, slice(None, None, -1))):
        n = int(seconds * RATE)
        wave[part][:n] *= np.sin(np.linspace(0, np.pi / 2, n))[:, None] ** 2
    return np.asarray(wave * (peak / np.max(np.abs(wave))))


def storm(seconds: float) -> Wave:
    """Wind that howls in gusts, rain, and waves against a cliff."""
    rng = np.random.default_rng(21)
    count = int(seconds * RATE)
    out = np.zeros((count, _EARS))
    gust = _wander(rng, count, 1.7, 0.25, 1.0)
    for ear in range(_EARS):
        out[:, ear] += _band(rng, count, 60, 260) * 0.30 * gust
        for centre in (320, 430, 560, 720, 930):  # narrow bands, each with its own gusts: the howl
            howl = _wander(rng, count, 0.9, -0.4, 1.0).clip(0) ** 2
            out[:, ear] += _band(rng, count, centre * 0.96, centre * 1.04) * 0.10 * howl * gust
        out[:, ear] += _band(rng, count, 2200, 7500) * 0.045 * _wander(rng, count, 0.6, 0.7, 1.0)  # rain
        drops = rng.random(count) < 90 / RATE
        patter = np.convolve(drops * rng.uniform(0.2, 1.0, count), np.exp(-np.arange(160) / 30), mode="full")[
            :count
        ]
        out[:, ear] += patter * _band(rng, count, 1500, 9000) * 0.16
    t = np.arange(count) / RATE
    surge = np.clip(np.sin(2 * np.pi * t / 4.3 - 0.8), 0, 1) ** 2  # a wave breaks every 4.3 seconds
    for ear in range(_EARS):
        out[:, ear] += (
            _band(rng, count, 90, 900) * 0.22 + _band(rng, count, 900, 3500) * 0.06 * surge
        ) * surge
    return _finished(out, 0.03, 0.8)


def thunder() -> Wave:
    """One clap some way off: a crack, then rolls that come back from the hills. 5 seconds."""
    rng = np.random.default_rng(34)
    count = 5 * RATE
    t = np.arange(count) / RATE
    out = np.zeros((count, _EARS))
    for at, level, decay, high in (
        (0.05, 0.9, 0.12, 1500),
        (0.12, 1.0, 0.5, 420),
        (0.75, 0.8, 0.8, 240),
        (1.5, 0.65, 1.0, 170),
        (2.4, 0.4, 1.0, 140),
    ):
        swell = np.where(
            t > at, (1 - np.exp(-(t - at).clip(0) / (decay * 0.12))) * np.exp(-(t - at).clip(0) / decay), 0
        )
        shared = _band(rng, count, 35, high)
        for ear in range(_EARS):
            own = _band(rng, count, 35, high)
            out[:, ear] += level * swell * (0.7 * shared + 0.5 * own) * _wander(rng, count, 0.11, 0.35, 1.0)
    return _finished(np.tanh(out * 0.7), 0.01, 1.0)


def _gull(rng: np.random.Generator, start: float) -> Wave:
    """One cry: a note that leaps up and falls, rough, with its overtones."""
    seconds = rng.uniform(0.28, 0.42)
    t = np.arange(int(seconds * RATE)) / RATE
    x = t / seconds
    tune = start * (0.72 + 0.42 * np.sin(np.pi * x**0.6) - 0.18 * x)
    phase = 2 * np.pi * np.cumsum(tune * (1 + 0.012 * np.sin(2 * np.pi * 38 * t))) / RATE
    cry = sum(a * np.sin(n * phase) for n, a in ((1, 0.5), (2, 1.0), (3, 0.6), (4, 0.3), (5, 0.12)))
    return np.asarray(
        cry * np.sin(np.pi * x) ** 0.6 * (0.85 + 0.15 * rng.standard_normal(len(t)).cumsum() / 90)
    )


def harbour(seconds: float) -> Wave:
    """A calm morning: small waves at a quay, and gulls that have seen the boats come in."""
    rng = np.random.default_rng(55)
    count = int(seconds * RATE)
    t = np.arange(count) / RATE
    out = np.zeros((count, _EARS))
    for ear in range(_EARS):
        lap = 0.35 + 0.65 * (0.5 + 0.5 * np.sin(2 * np.pi * t / 3.1 + 0.7 * ear)) ** 3
        out[:, ear] += _band(rng, count, 180, 1100) * 0.05 * lap + _band(rng, count, 1500, 5000) * 0.012 * lap
    gulls = np.zeros((count, _EARS))
    for at, notes, side, level in (
        (0.5, 3, 0.7, 0.11),
        (2.6, 2, 0.2, 0.06),
        (4.4, 4, 0.45, 0.09),
        (7.6, 3, 0.8, 0.07),
    ):
        now, base = at, rng.uniform(820, 1000)
        for _ in range(notes):
            cry = _gull(rng, base) * level
            first = int(now * RATE)
            part = cry[: max(0, count - first)]
            gulls[first : first + len(part), 0] += part * np.cos(side * np.pi / 2)
            gulls[first : first + len(part), 1] += part * np.sin(side * np.pi / 2)
            now += rng.uniform(0.40, 0.55)
            base *= 0.97
    out += room(gulls, 1.4, 0.5, seed=8)[:count]
    return _finished(out, 0.8, 1.0, 0.6)


def foghorn() -> Wave:
    """The boat's horn, far out: two notes a third apart, with the air around them. 4 seconds."""
    t = np.arange(int(2.2 * RATE)) / RATE
    envelope = np.clip(t / 0.18, 0, 1) * np.clip((2.2 - t) / 0.35, 0, 1)
    horn = np.zeros_like(t)
    for frequency, share in ((116.5, 1.0), (146.8, 0.7)):
        for n in range(1, 14):
            horn += (
                share
                * np.sin(2 * np.pi * frequency * n * t + n)
                / n**0.9
                * np.exp(-((frequency * n / 900) ** 2))
            )
    dry = np.stack([horn * envelope * 0.8, horn * envelope], axis=1) * 0.2
    dry = np.pad(dry, ((0, int(1.8 * RATE)), (0, 0)))
    return _finished(room(dry, 2.2, 0.9, seed=13)[: len(dry)], 0.02, 0.8, 0.7)


def harbour_bell() -> Wave:
    """Two strokes of the bell on the quay. 4.5 seconds."""
    dry = np.zeros((int(4.5 * RATE), _EARS))
    for at, loud in ((0.03, 1.0), (0.86, 0.7)):
        stroke = bell(587.3, 3.4, loud)
        first = int(at * RATE)
        dry[first : first + len(stroke)] += stroke[: len(dry) - first, None] * np.array([0.9, 1.0])
    return _finished(room(dry, 1.6, 0.3, seed=3)[: len(dry)], 0.001, 1.0, 0.7)
