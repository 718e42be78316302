"""Draws shots of the paper theatre: a description in, frames out. Deterministic.

``render`` returns ``uint8`` arrays of shape (frames, height, width, 3); a clip is 160x96 at
8 drawings a second, a photo the same stage drawn natively at a multiple of that size.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
import skia

from pocket.action import ACTIONS, FPS, stance
from pocket.camera import MOVES, SIZES, view
from pocket.cast import KINDS, kind_puppet, stranger
from pocket.palette import COLOURS, vary
from pocket.places import GROUND, INDOORS, PLACES
from pocket.puppet import Puppet, draw_puppet, hand_of
from pocket.scenery import Layer
from pocket.stagelight import (
    LIGHTS,
    WEATHERS,
    Air,
    draw_fog,
    draw_footlights,
    draw_glow,
    draw_weather,
)

WIDTH, HEIGHT = 160, 96
PUPPET_SCALE = 0.95
REACH = {"wide": 1.0, "full": 1.0, "medium": 0.7, "close": 0.45}
"""How large gestures are, of what they could be: near the camera they would cross half the picture."""


@dataclass(frozen=True)
class Player:
    """A puppet on its mark."""

    puppet: Puppet
    kind: str  # one of KINDS, or "stranger"
    colour: str  # one of COLOURS, or "" for strangers
    action: str = "stand"
    mark: float = 80.0
    facing: float = 1.0
    phase: float = 0.0


@dataclass(frozen=True)
class Shot:
    """Everything a clip shows."""

    players: tuple[Player, ...]
    place: str
    light: str = "day"
    weather: str = "clear"
    camera: str = "static"
    size: str = "full"
    seed: int = 0

    @property
    def air(self) -> Air:
        return Air(self.light, self.weather)

    @property
    def aim(self) -> float:
        """Where the camera looks, across: towards a single player who stays on the spot."""
        if len(self.players) != 1 or self.players[0].action.startswith("walk"):
            return 80.0
        return 80.0 + (self.players[0].mark - 80.0) * 0.7


@cache
def _paper(width: int, height: int) -> np.ndarray:
    """The grain of the sheet everything is printed on: smooth, still and faint. (H, W, 1)."""
    rng = np.random.default_rng(11)
    coarse = rng.normal(0, 1, (HEIGHT // 4 + 2, WIDTH // 4 + 2)).astype(np.float32)
    ys = np.linspace(0, coarse.shape[0] - 2, height)
    xs = np.linspace(0, coarse.shape[1] - 2, width)
    yi, xi = ys.astype(int), xs.astype(int)
    fy, fx = (ys - yi)[:, None], (xs - xi)[None, :]
    top = coarse[yi][:, xi] * (1 - fx) + coarse[yi][:, xi + 1] * fx
    low = coarse[yi + 1][:, xi] * (1 - fx) + coarse[yi + 1][:, xi + 1] * fx
    return (1.0 + 0.012 * (top * (1 - fy) + low * fy))[:, :, None].astype(np.float32)


def _record(layer: Layer) -> skia.Picture:
    recorder = skia.PictureRecorder()
    layer.draw(recorder.beginRecording(skia.Rect.MakeLTRB(-130, -100, 290, 200)))
    return recorder.finishRecordingAsPicture()


def _place(canvas: skia.Canvas, offset: tuple[float, float, float]) -> None:
    dx, dy, zoom = offset
    canvas.translate(80, 48)
    canvas.scale(zoom, zoom)
    canvas.translate(-80 - dx, -48 - dy)


def render(shot: Shot, frames: int = 17, scale: int = 1, start: float = 0.0) -> np.ndarray:
    """Draw ``frames`` drawings of ``shot`` from ``start`` seconds; ``scale`` times 160x96."""
    air = shot.air
    layers = [(layer, _record(layer)) for layer in PLACES[shot.place](air)]
    width, height = WIDTH * scale, HEIGHT * scale
    out = np.empty((frames, height, width, 4), np.uint8)
    aim = shot.aim
    outdoors = shot.place not in INDOORS
    tint = air.puppet_filter(not outdoors)
    for i in range(frames):
        seconds = start + i / FPS
        look = view(shot.size, shot.camera, seconds, aim)
        surface = skia.Surface.MakeRasterDirect(
            skia.ImageInfo.Make(width, height, skia.kRGBA_8888_ColorType, skia.kPremul_AlphaType), out[i]
        )
        canvas = surface.getCanvas()
        canvas.scale(scale, scale)
        swell = math.sin(2 * math.pi * seconds / 2.4)
        drawn = False
        for n, (layer, picture) in enumerate(layers):
            if layer.depth > 1.0 and not drawn:
                _draw_players(canvas, shot, seconds, look.at_depth(1.0), tint, swell)
                drawn = True
            canvas.save()
            _place(canvas, look.at_depth(layer.depth))
            canvas.translate(0, layer.rock * swell)
            canvas.drawPicture(picture)
            canvas.restore()
            if outdoors and n in (1, 2):
                draw_fog(canvas, air, 0.75 - 0.2 * n, 5 * seconds)
        if not drawn:
            _draw_players(canvas, shot, seconds, look.at_depth(1.0), tint, swell)
        if outdoors:
            draw_weather(canvas, air, seconds, shot.seed)
        draw_footlights(canvas, air, WIDTH, HEIGHT)
        surface.flushAndSubmit()
    pixels = out[..., :3].astype(np.float32) * _paper(width, height)
    return np.clip(pixels + 0.5, 0, 255).astype(np.uint8)


def figures(shot: Shot, frames: int = 17, start: float = 0.0) -> np.ndarray:
    """Where the players are: ``(frames, 12, 20)`` bool, a cell for every 8x8 pixels of ``render``."""
    aim = shot.aim
    out = np.zeros((frames, HEIGHT, WIDTH, 4), np.uint8)
    for i in range(frames):
        seconds = start + i / FPS
        look = view(shot.size, shot.camera, seconds, aim)
        surface = skia.Surface.MakeRasterDirect(
            skia.ImageInfo.Make(WIDTH, HEIGHT, skia.kRGBA_8888_ColorType, skia.kPremul_AlphaType), out[i]
        )
        swell = math.sin(2 * math.pi * seconds / 2.4)
        _draw_players(surface.getCanvas(), shot, seconds, look.at_depth(1.0), None, swell)
        surface.flushAndSubmit()
    solid = out[..., 3] > 128
    return solid.reshape(frames, HEIGHT // 8, 8, WIDTH // 8, 8).any((2, 4))


def _draw_players(
    canvas: skia.Canvas,
    shot: Shot,
    seconds: float,
    offset: tuple[float, float, float],
    tint: skia.ColorFilter | None,
    swell: float,
) -> None:
    for player in shot.players:
        now = stance(player.action, seconds, player.phase, player.facing, REACH[shot.size])
        x = player.mark + now.dx
        y = GROUND + (1.6 * swell if shot.place == "sea" else 0.0)
        canvas.save()
        _place(canvas, offset)
        canvas.translate(x, y)
        canvas.scale(PUPPET_SCALE, PUPPET_SCALE)
        if shot.place != "sea":
            ground = skia.Paint(
                AntiAlias=True,
                Color=0x38201828,
                MaskFilter=skia.MaskFilter.MakeBlur(skia.kNormal_BlurStyle, 1.2),
            )
            width = 15 - 0.25 * now.pose.lift
            canvas.drawOval(skia.Rect.MakeLTRB(-width, -2.0, width, 3.0), ground)
        if tint is not None:
            canvas.saveLayer(paint=skia.Paint(ColorFilter=tint))
        draw_puppet(canvas, player.puppet, now.pose)
        if tint is not None:
            canvas.restore()
        if now.pose.glow > 0:
            hx, hy = hand_of(now.pose)
            dark = {"day": 0.35, "dusk": 0.6, "night": 0.85}[shot.light]
            draw_glow(canvas, hx * player.facing, hy + 6, 30 * now.pose.glow, dark)
        canvas.restore()


def sample_player(rng: np.random.Generator, place: str, strangers: float, mark: float) -> Player:
    """A random puppet with something to do; ``strangers`` is the share of one-offs."""
    actions = [a for a in ACTIONS if place != "sea" or not a.startswith("walk")]
    action = actions[int(rng.integers(len(actions)))]
    facing = 1.0 if rng.random() < 0.6 else -1.0
    phase = float(rng.random()) if action not in ("lantern",) else 0.0
    if rng.random() < strangers:
        return Player(stranger(rng), "stranger", "", action, mark, facing, phase)
    kind = KINDS[int(rng.integers(len(KINDS)))]
    colour = list(COLOURS)[int(rng.integers(len(COLOURS)))]
    return Player(kind_puppet(kind, vary(rng, COLOURS[colour], 8)), kind, colour, action, mark, facing, phase)


def sample_shot(rng: np.random.Generator, strangers: float = 0.4, pairs: float = 0.08) -> Shot:
    """A random shot of the training world."""
    place = list(PLACES)[int(rng.integers(len(PLACES)))]
    light = LIGHTS[int(rng.integers(3))]
    weather = "clear"
    if place not in INDOORS and rng.random() < 0.4:
        weather = WEATHERS[1 + int(rng.integers(3))]
    size = SIZES[int(rng.choice(4, p=[0.14, 0.46, 0.24, 0.16]))]
    camera = MOVES[int(rng.choice(6, p=[0.3, 0.14, 0.14, 0.14, 0.14, 0.14]))]
    seed = int(rng.integers(4))
    if rng.random() < pairs and size in ("wide", "full", "medium"):
        gap = 20.0 if size != "medium" else 16.0
        left = sample_player(rng, place, strangers, 80 - gap)
        right = sample_player(rng, place, strangers, 80 + gap)
        return Shot((left, right), place, light, weather, camera, size, seed)
    spread = 14.0 if size in ("full", "wide") else 5.0
    player = sample_player(rng, place, strangers, 80 + float(rng.uniform(-spread, spread)))
    return Shot((player,), place, light, weather, camera, size, seed)
