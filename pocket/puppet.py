"""One cut-out puppet: what it is made of, how it is posed, and how it is drawn.

Puppet units: feet at (0, 0), y grows downwards, the figure is about 60 units tall; the caller
scales. Every part is a sheet of paper with a cream rim and a soft shadow on the sheets below.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import skia

from pocket.palette import CREAM, INK, RGB, darker, lighter
from pocket.paper import Sheets, curve, fill, oval, poly, rrect, shadow, stroke
from pocket.pattern import paint_pattern


@dataclass(frozen=True)
class Puppet:
    """What a puppet is made of. Every combination of parts is a possible character."""

    body: RGB
    belly: RGB = CREAM
    accent: RGB = CREAM
    skin: RGB | None = None  # None: the head has the colour of the body (animals)
    shape: str = "pear"  # pear, box, round, bell, tall, drop, tri
    head: str = "round"  # round, wide, box, egg, drop
    ears: str = "none"  # none, point, round, long, tuft, eyeballs, horn, leaf, floppy, antenna
    muzzle: str = "none"  # none, snout, beak, broad, nose, tusks, duck, mask
    tail: str = "none"  # none, brush, thin, puff, fin
    hat: str = "none"  # none, cap, cone, beanie, top, hood, captain, crown, bow, sou
    hair: RGB | None = None
    beard: RGB | None = None
    scarf: RGB | None = None
    scarf_stripe: RGB | None = None
    hat_colour: RGB = INK
    pattern: str = "plain"
    pattern_colour: RGB = CREAM
    head_pattern: str = "plain"
    glasses: bool = False
    bib: bool = True  # the pale belly sheet


@dataclass(frozen=True)
class Pose:
    """How it stands in one frame. Angles in degrees; 0 is down for limbs, upright for the rest."""

    lift: float = 0.0
    tilt: float = 0.0
    head_tilt: float = 0.0
    legs: tuple[float, float] = (0.0, 0.0)
    arms: tuple[float, float] = (18.0, 18.0)
    face: float = 1.0  # horizontal scale: 1 faces right, -1 left, 0 edge on
    squash: float = 1.0
    eyes: str = "open"  # open, closed
    glow: float = 0.0  # light of the lantern held in the front hand, 0 for none
    sit: float = 0.0  # 0 stands, 1 sits on the ground


_BODIES = {
    "pear": lambda: curve(
        (0, -38), (9, -38, 14, -18, 14, -12), (14, -5, -14, -5, -14, -12), (-14, -18, -9, -38, 0, -38)
    ),
    "box": lambda: rrect(-12, -36, 12, -7, 4),
    "round": lambda: oval(0, -21, 15, 15),
    "bell": lambda: curve(
        (0, -40), (6, -40, 9, -22, 17, -7), (8, -4, -8, -4, -17, -7), (-9, -22, -6, -40, 0, -40)
    ),
    "tall": lambda: rrect(-9, -38, 9, -7, 8),
    "drop": lambda: curve(
        (0, -42), (4, -30, 17, -24, 16, -14), (14, -4, -14, -4, -16, -14), (-17, -24, -4, -30, 0, -42)
    ),
    "tri": lambda: poly((0, -44), (18, -7), (-18, -7)),
}
_HEADS = {
    "round": lambda: oval(0, 0, 15, 14),
    "wide": lambda: oval(0, 0, 18, 12.5),
    "box": lambda: rrect(-14, -13, 14, 13, 5),
    "egg": lambda: oval(0, -1, 13, 16),
    "drop": lambda: curve(
        (0, -19), (8, -12, 16, -4, 15, 3), (14, 17, -14, 17, -15, 3), (-16, -4, -8, -12, 0, -19)
    ),
}


def _ears(p: Puppet, head: RGB) -> list[tuple[skia.Path, RGB]]:
    inner = p.accent
    out: list[tuple[skia.Path, RGB]] = []
    for side in (-1, 1):
        s = float(side)
        if p.ears == "point":
            out += [
                (poly((s * 3, -10), (s * 13, -24), (s * 15, -4)), head),
                (poly((s * 8, -11), (s * 12, -19), (s * 13, -8)), inner),
            ]
        elif p.ears == "round":
            out += [(oval(s * 12, -12, 6.5, 6.5), head), (oval(s * 12, -12, 3.5, 3.5), inner)]
        elif p.ears == "long":
            out += [(oval(s * 7, -24, 4.6, 14), head), (oval(s * 7, -23, 2.2, 10), inner)]
        elif p.ears == "tuft":
            out += [(poly((s * 4, -11), (s * 17, -20), (s * 15, -2)), head)]
        elif p.ears == "eyeballs":
            out += [(oval(s * 9, -12, 7, 7), head)]
        elif p.ears == "horn":
            out += [
                (
                    curve(
                        (s * 5, -11),
                        (s * 6, -20, s * 10, -22, s * 17, -24),
                        (s * 15, -18, s * 13, -12, s * 11, -8),
                    ),
                    inner,
                )
            ]
        elif p.ears == "leaf":
            out += [
                (
                    curve(
                        (s * 8, -8),
                        (s * 10, -20, s * 22, -20, s * 26, -14),
                        (s * 22, -6, s * 14, -4, s * 8, -8),
                    ),
                    head,
                )
            ]
        elif p.ears == "floppy":
            out += [(oval(s * 15, -1, 4.5, 11), darker(head, 0.3))]
        elif p.ears == "antenna":
            out += [
                (poly((s * 4, -12), (s * 5, -12), (s * 11, -23), (s * 9, -24)), head),
                (oval(s * 10, -24, 3, 3), inner),
            ]
    return out


def _tail(canvas: skia.Canvas, p: Puppet) -> None:
    sheets = Sheets()
    if p.tail == "brush":
        sheets.add(curve((-8, -10), (-16, -8, -30, -12, -30, -30), (-24, -32, -14, -24, -8, -14)), p.body)
        sheets.add(
            curve(
                (-30, -30),
                (-31, -24, -29, -20, -28, -18),
                (-24, -20, -22, -24, -22, -28),
                (-24, -32, -28, -32, -30, -30),
            ),
            p.belly,
        )
    elif p.tail == "thin":
        path = skia.Path()
        path.moveTo(-9, -11)
        path.cubicTo(-24, -8, -18, -26, -26, -30)
        canvas.drawPath(path, stroke(CREAM, 5.0))
        canvas.drawPath(path, stroke(p.body, 3.6))
    elif p.tail == "puff":
        sheets.add(oval(-15, -12, 5, 5), p.belly)
    elif p.tail == "fin":
        sheets.add(poly((-8, -12), (-26, -24), (-24, -8)), p.accent)
    sheets.lay(canvas)


def _limb(
    canvas: skia.Canvas,
    x: float,
    y: float,
    angle: float,
    length: float,
    width: float,
    colour: RGB,
    end: RGB,
) -> None:
    canvas.save()
    canvas.translate(x, y)
    canvas.rotate(-angle)
    sheets = Sheets()
    sheets.add(rrect(-width / 2, -1, width / 2, length, width / 2), colour)
    sheets.add(oval(0, length - 0.8, width * 0.62, width * 0.55), end)
    sheets.lay(canvas)
    canvas.restore()


def _muzzle(canvas: skia.Canvas, p: Puppet) -> None:
    def lay(*parts: tuple[skia.Path, RGB]) -> None:
        for path, colour in parts:
            canvas.drawPath(path, fill(colour))

    if p.muzzle == "snout":
        lay((oval(4, 5.5, 8, 5.6), p.belly), (oval(9, 3, 2.6, 2.1), INK))
    elif p.muzzle == "beak":
        lay((poly((1, 1), (9, 1), (5.5, 10)), p.accent))
    elif p.muzzle == "duck":
        lay((oval(8, 5, 8.5, 3.4), p.accent))
    elif p.muzzle == "broad":
        lay((oval(3, 6, 9.5, 6), p.belly), (oval(4, 2.6, 3.6, 2.2), INK))
    elif p.muzzle == "nose":
        lay((oval(5, 3.5, 3.4, 3), darker(p.skin or p.body, 0.22)))
    elif p.muzzle == "tusks":
        lay(
            (oval(3, 6, 10, 5.5), p.belly),
            (poly((-3, 9), (0, 9), (-1.5, 17)), CREAM),
            (poly((6, 9), (9, 9), (7.5, 17)), CREAM),
            (oval(4, 2.6, 3.4, 2.2), INK),
        )
    elif p.muzzle == "mask":
        lay((oval(2, -1, 13, 6), p.belly), (oval(5, 5, 2.4, 2), INK))
    if p.muzzle in ("none", "nose", "mask"):
        path = skia.Path()
        path.moveTo(-1, 8)
        path.quadTo(3, 11, 7, 8)
        canvas.drawPath(path, stroke(INK, 1.3))


def _eyes(canvas: skia.Canvas, p: Puppet, state: str) -> None:
    if p.ears == "eyeballs":
        places = ((-8.5, -12.5), (9.5, -12.5))
        r = 4.8
    elif p.muzzle == "beak" or p.head == "wide":
        places = ((-5.5, -3.0), (8.0, -3.0))
        r = 5.2
    else:
        places = ((-4.0, -3.0), (8.0, -3.0))
        r = 3.7
    for x, y in places:
        if state == "closed":
            path = skia.Path()
            path.moveTo(x - 3, y)
            path.quadTo(x, y + 3, x + 3, y)
            canvas.drawPath(path, stroke(INK, 1.5))
        else:
            canvas.drawPath(oval(x, y, r, r * 1.08), fill((255, 255, 255)))
            canvas.drawPath(oval(x + 0.9, y + 0.2, r * 0.56, r * 0.62), fill(INK))
    if p.glasses:
        for x, y in places:
            canvas.drawPath(oval(x, y, r + 1.4, r + 1.4), stroke(p.accent, 1.3))


def _hat(p: Puppet) -> list[tuple[skia.Path, RGB]]:
    c = p.hat_colour
    band = p.accent
    table: dict[str, list[tuple[skia.Path, RGB]]] = {
        "cap": [(curve((-14, -8), (-13, -22, 13, -22, 14, -8)), c), (rrect(6, -11, 21, -7, 2), c)],
        "cone": [(poly((-11, -9), (11, -9), (1, -32)), c), (oval(1, -32, 3.2, 3.2), band)],
        "beanie": [
            (curve((-14, -6), (-14, -23, 14, -23, 14, -6)), c),
            (rrect(-15, -10, 15, -5, 2.4), band),
            (oval(0, -21, 4, 4), band),
        ],
        "top": [
            (rrect(-10, -29, 10, -9, 1.5), c),
            (rrect(-16, -11, 16, -7.5, 1.5), c),
            (rrect(-10, -15, 10, -11, 0.5), band),
        ],
        "captain": [
            (curve((-17, -16), (-15, -26, 15, -26, 17, -16), (12, -11, -12, -11, -17, -16)), CREAM),
            (rrect(-13, -14.5, 13, -9, 2), c),
            (rrect(2, -10, 18, -6.5, 2), INK),
            (oval(0, -16, 2.6, 2.6), (240, 196, 60)),
        ],
        "crown": [(poly((-12, -8), (-14, -23), (-6, -15), (0, -25), (6, -15), (14, -23), (12, -8)), c)],
        "bow": [
            (poly((0, -14), (-11, -21), (-11, -8)), c),
            (poly((0, -14), (11, -21), (11, -8)), c),
            (oval(0, -14, 3, 3), band),
        ],
        "sou": [
            (curve((-13, -10), (-11, -27, 11, -27, 13, -10)), c),
            (curve((-21, -6), (-14, -15, 14, -15, 18, -10), (14, -8.5, -14, -7, -21, -6)), c),
        ],
        "leaf": [(curve((0, -12), (-4, -24, 8, -30, 16, -28), (16, -20, 8, -12, 0, -12)), c)],
    }
    return table.get(p.hat, [])


def _draw_head(canvas: skia.Canvas, p: Puppet, pose: Pose) -> None:
    head = p.skin or p.body
    sheets = Sheets()
    if p.hair is not None:
        sheets.add(curve((-16, 8), (-22, -20, 22, -20, 15, 4), (8, 12, -8, 14, -16, 8)), p.hair)
    if p.hat == "hood":
        sheets.add(
            curve((0, -24), (14, -20, 22, -4, 18, 8), (10, 19, -10, 19, -18, 8), (-22, -4, -14, -20, 0, -24)),
            p.hat_colour,
        )
    for path, colour in _ears(p, head):
        if p.hat != "hood":
            sheets.add(path, colour)
    shape = sheets.add(_HEADS[p.head](), head)
    sheets.lay(canvas)
    if p.head_pattern != "plain":
        paint_pattern(canvas, shape, p.head_pattern, p.pattern_colour, (0, 0))
    if p.hair is not None:
        fringe = curve((-14, -3), (-14, -18, 14, -18, 14, -5), (6, -9, 2, -10, -14, -3))
        canvas.drawPath(fringe, fill(p.hair))
    if p.beard is not None:
        beard = curve((-14, 1), (-12, 22, 14, 24, 15, 1), (10, 6, -8, 6, -14, 1))
        canvas.drawPath(beard, fill(p.beard))
    canvas.drawPath(oval(-8.5, 5.5, 2.6, 1.8), fill((238, 120, 110), 0.5))
    _muzzle(canvas, p)
    _eyes(canvas, p, pose.eyes)
    top = Sheets()
    for path, colour in _hat(p):
        top.add(path, colour)
    top.lay(canvas, 1.0)


def _draw_scarf(canvas: skia.Canvas, p: Puppet) -> None:
    if p.scarf is None:
        return
    sheets = Sheets()
    band = sheets.add(rrect(-11.5, -33, 11.5, -24.5, 3.6), p.scarf)
    end = sheets.add(rrect(-10.5, -30, -4, -11, 1.6), p.scarf)
    sheets.lay(canvas, 1.0)
    if p.scarf_stripe is not None:
        for path, gap in ((band, "bars"), (end, "rungs")):
            paint_pattern(canvas, path, gap, p.scarf_stripe, (0, -29))


def _draw_lantern(canvas: skia.Canvas, x: float, y: float) -> None:
    canvas.drawPath(poly((x - 3, y + 1), (x, y - 3), (x + 3, y + 1), closed=False), stroke(INK, 1.0))
    canvas.drawPath(rrect(x - 4, y + 1, x + 4, y + 11, 1.6), fill((255, 226, 120)))
    canvas.drawPath(rrect(x - 4.6, y, x + 4.6, y + 2.4, 0.8), fill(INK))
    canvas.drawPath(rrect(x - 4.6, y + 10, x + 4.6, y + 12.2, 0.8), fill(INK))


def hand_of(pose: Pose) -> tuple[float, float]:
    """Where the front hand is, in unflipped puppet units (the lantern hangs there)."""
    a = math.radians(pose.arms[1])
    return 9.5 + 15 * math.sin(a), -30 + 15 * math.cos(a)


def draw_puppet(canvas: skia.Canvas, p: Puppet, pose: Pose) -> None:
    """Draw the puppet with its feet at the origin of ``canvas``."""
    canvas.save()
    sink = 7.0 * pose.sit
    canvas.translate(0, -pose.lift + sink)
    canvas.rotate(pose.tilt)
    flip = pose.face if abs(pose.face) > 0.08 else 0.08
    canvas.scale(flip / math.sqrt(pose.squash), pose.squash)
    sleeve = p.body
    foot = darker(p.body, 0.35) if p.skin is None else darker(p.hat_colour, 0.2)
    paw = p.skin if p.skin is not None else darker(p.body, 0.2)

    canvas.saveLayer(paint=shadow())
    _tail(canvas, p)
    _limb(canvas, -9.5, -30, -pose.arms[0], 14, 5.6, darker(sleeve, 0.14), paw)
    spread = 70.0 * pose.sit
    leg = darker(sleeve, 0.28)
    _limb(canvas, -5.5, -11, pose.legs[0] - spread, 10.5, 6.2, leg, foot)
    _limb(canvas, 5.5, -11, pose.legs[1] + spread, 10.5, 6.2, leg, foot)
    body = Sheets()
    shape = body.add(_BODIES[p.shape](), p.body)
    body.lay(canvas)
    if p.bib:
        canvas.save()
        canvas.clipPath(shape, doAntiAlias=True)
        canvas.drawPath(oval(1.5, -15, 8.5, 12), fill(p.belly))
        canvas.restore()
    if p.pattern != "plain":
        paint_pattern(canvas, shape, p.pattern, p.pattern_colour, (0, -21))
    canvas.restore()

    canvas.saveLayer(paint=shadow())
    _draw_scarf(canvas, p)
    canvas.restore()
    canvas.saveLayer(paint=shadow(1.2))
    canvas.save()
    canvas.translate(1.0, -43)
    canvas.rotate(pose.head_tilt)
    _draw_head(canvas, p, pose)
    canvas.restore()
    canvas.restore()

    canvas.saveLayer(paint=shadow())
    _limb(canvas, 9.5, -30, pose.arms[1], 14, 5.6, lighter(sleeve, 0.08), paw)
    if pose.glow > 0:
        _draw_lantern(canvas, *hand_of(pose))
    canvas.restore()
    canvas.restore()


def recoloured(p: Puppet, body: RGB) -> Puppet:
    """The same puppet in another main colour."""
    return replace(p, body=body)
