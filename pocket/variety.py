"""Pictures of everything: what the VAE must have seen beyond the theatre.

Random shapes, patterns, gradients, faces and paper in every colour, as stills and as short
clips in which they drift, turn and grow. A VAE that has only seen the eight colours of the world
cannot draw a newcomer (measured: 22.7 dB on an unseen teal and pink one).
"""

from __future__ import annotations

import numpy as np
import skia

from pocket.cast import stranger
from pocket.palette import any_colour, argb
from pocket.paper import fill, oval, poly, rrect, shadow, stroke
from pocket.pattern import TRAINING_PATTERNS, UNSEEN_PATTERNS, paint_pattern
from pocket.puppet import Pose, draw_puppet
from pocket.world import HEIGHT, WIDTH

_PRINTS = TRAINING_PATTERNS + UNSEEN_PATTERNS


def _shape(rng: np.random.Generator) -> skia.Path:
    """A closed outline of radius about 20 around the origin."""
    kind = int(rng.integers(5))
    if kind == 0:
        return oval(0, 0, 8 + 16 * rng.random(), 8 + 16 * rng.random())
    if kind == 1:
        w, h = 8 + 16 * rng.random(), 8 + 16 * rng.random()
        return rrect(-w, -h, w, h, 8 * rng.random())
    n = int(rng.integers(3, 9))
    angle = np.sort(rng.random(n)) * 2 * np.pi
    radius = 8 + 18 * rng.random(n)
    points = [(float(r * np.cos(a)), float(r * np.sin(a))) for a, r in zip(angle, radius, strict=True)]
    if kind in (2, 3):
        return poly(*points)
    path = skia.Path()
    mids = [
        ((a[0] + b[0]) / 2, (a[1] + b[1]) / 2) for a, b in zip(points, points[1:] + points[:1], strict=True)
    ]
    path.moveTo(*mids[-1])
    for point, mid in zip(points, mids, strict=True):
        path.quadTo(*point, *mid)
    path.close()
    return path


def _gradient(rng: np.random.Generator) -> skia.Paint:
    ends = [skia.Point(*(float(v) for v in rng.random(2) * (WIDTH, HEIGHT))) for _ in range(2)]
    paint = skia.Paint()
    paint.setShader(skia.GradientShader.MakeLinear(ends, [argb(any_colour(rng)), argb(any_colour(rng))]))
    return paint


def _face(c: skia.Canvas, rng: np.random.Generator) -> None:
    for x in (-7, 7):
        c.drawCircle(x, -4, 5, fill((255, 255, 255)))
        c.drawCircle(x + rng.uniform(-1.5, 1.5), -4 + rng.uniform(-1.5, 1.5), 2.6, fill((30, 26, 34)))
    path = skia.Path()
    path.moveTo(-6, 7)
    path.quadTo(0, float(rng.uniform(4, 14)), 6, 7)
    c.drawPath(path, stroke((30, 26, 34), 1.6))


def _item(rng: np.random.Generator) -> skia.Picture:
    """One thing of paper, recorded around the origin."""
    recorder = skia.PictureRecorder()
    c = recorder.beginRecording(skia.Rect.MakeLTRB(-80, -100, 80, 100))
    pick = rng.random()
    if pick < 0.3:
        c.translate(0, 30)
        draw_puppet(
            c,
            stranger(rng),
            Pose(
                arms=(float(rng.uniform(0, 120)), float(rng.uniform(0, 120))),
                legs=(float(rng.uniform(-30, 30)), float(rng.uniform(-30, 30))),
                head_tilt=float(rng.uniform(-12, 12)),
                face=1.0 if rng.random() < 0.5 else -1.0,
                eyes="closed" if rng.random() < 0.15 else "open",
            ),
        )
    else:
        shape = _shape(rng)
        c.saveLayer(paint=shadow(float(rng.uniform(0.5, 2))))
        if rng.random() < 0.3:
            c.drawPath(shape, stroke(any_colour(rng), float(rng.uniform(1, 4))))
        c.drawPath(shape, fill(any_colour(rng)))
        if rng.random() < 0.7:
            paint_pattern(
                c,
                shape,
                _PRINTS[int(rng.integers(len(_PRINTS)))],
                any_colour(rng),
                (0, 0),
                float(rng.uniform(0.5, 1.6)),
            )
        if rng.random() < 0.25:
            _face(c, rng)
        c.restore()
    return recorder.finishRecordingAsPicture()


def variety(rng: np.random.Generator, frames: int) -> np.ndarray:
    """Random paper things, ``(frames, 96, 160, 3)`` uint8; they move when frames > 1."""
    out = np.empty((frames, HEIGHT, WIDTH, 4), np.uint8)
    back = _gradient(rng)
    ground = _PRINTS[int(rng.integers(len(_PRINTS)))] if rng.random() < 0.35 else ""
    ground_colour = any_colour(rng)
    ground_scale = float(rng.uniform(0.8, 3.0))
    things = []
    for _ in range(int(rng.integers(3, 12))):
        things.append(
            (
                _item(rng),
                rng.random(2) * (WIDTH, HEIGHT),
                rng.normal(0, 2.2, 2),
                float(rng.uniform(0.5, 1.7)),
                float(rng.normal(0, 12)),
                float(rng.normal(0, 2.5)),
                float(rng.normal(0, 0.015)),
            )
        )
    grain = rng.normal(0, 1, (HEIGHT, WIDTH, 1)) * float(rng.choice([0, 0, 1.0, 2.5]))
    for i in range(frames):
        surface = skia.Surface.MakeRasterDirect(
            skia.ImageInfo.Make(WIDTH, HEIGHT, skia.kRGBA_8888_ColorType, skia.kPremul_AlphaType), out[i]
        )
        c = surface.getCanvas()
        c.drawPaint(back)
        if ground:
            whole = skia.Path().addRect(skia.Rect.MakeLTRB(-100, -100, 260, 196))
            paint_pattern(c, whole, ground, ground_colour, (80, 48), ground_scale)
        for picture, start, speed, size, angle, turn, grow in things:
            c.save()
            c.translate(*(float(v) for v in start + speed * i))
            c.scale(size * (1 + grow) ** i, size * (1 + grow) ** i)
            c.rotate(angle + turn * i)
            c.drawPicture(picture)
            c.restore()
        surface.flushAndSubmit()
    pixels = out[..., :3].astype(np.float32) + grain
    return np.clip(pixels, 0, 255).astype(np.uint8)
