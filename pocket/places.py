"""Eleven places of the theatre. Each is a function from the air to its layers, back to front."""

from __future__ import annotations

from collections.abc import Callable

import skia

from pocket.palette import CREAM, INK, RGB, argb, darker, mix
from pocket.paper import curve, fill, oval, poly, rrect, stroke
from pocket.scenery import (
    BOTTOM,
    GROUND,
    LEFT,
    RIGHT,
    TOP,
    Layer,
    boat,
    flat,
    foreground_grass,
    hills,
    house,
    lamp,
    lighthouse,
    pine,
    sheet,
    sky,
    tree,
    waves,
)
from pocket.stagelight import Air, draw_glow

SEA: RGB = (58, 128, 160)
GRASS: RGB = (122, 170, 84)
SAND: RGB = (236, 208, 150)
STONE: RGB = (140, 128, 122)
WOOD: RGB = (160, 108, 66)


def cliff(air: Air) -> list[Layer]:
    def sea(c: skia.Canvas) -> None:
        sheet(c, waves(56, 9, 0), air.tone(SEA))
        sheet(c, waves(63, 11, 5), air.tone(darker(SEA, 0.12)))

    def tower(c: skia.Canvas) -> None:
        sheet(
            c,
            curve(
                (92, 120),
                (94, 70, 100, 54, 112, 52),
                (140, 50, 200, 54, RIGHT, 50),
                (RIGHT, 90, RIGHT, 100, RIGHT, 130),
            ),
            air.tone(STONE, 0.3),
        )
        lighthouse(c, air, 130, 54, 0.95)

    def ground(c: skia.Canvas) -> None:
        sheet(
            c,
            poly((LEFT, 73), (20, 74), (96, 72), (RIGHT, 75), (RIGHT, BOTTOM), (LEFT, BOTTOM)),
            air.tone(GRASS, 0.6),
        )
        c.drawPath(poly((LEFT, 90), (RIGHT, 90), (RIGHT, BOTTOM), (LEFT, BOTTOM)), fill(air.tone(STONE)))

    return [
        Layer(0.0, sky(air, 40)),
        Layer(0.25, sea, 0.6),
        Layer(0.5, tower),
        Layer(1.0, ground),
        Layer(1.35, foreground_grass(air, darker(GRASS, 0.4))),
    ]


def path(air: Air) -> list[Layer]:
    def far(c: skia.Canvas) -> None:
        sheet(c, hills(52, 7, 34, 0.4), air.tone((132, 182, 130), 0.6))

    def mid(c: skia.Canvas) -> None:
        sheet(c, hills(63, 5, 26, 2.2), air.tone((104, 160, 88), 0.6))
        tree(c, air, 24, 62, 30, (84, 140, 66))
        tree(c, air, 146, 62, 26, (214, 150, 60))
        tree(c, air, -58, 62, 28, (84, 140, 66))
        tree(c, air, 226, 62, 30, (84, 140, 66))

    def ground(c: skia.Canvas) -> None:
        sheet(c, hills(74, 1.5, 30, 1.0), air.tone(GRASS, 0.6))
        c.drawPath(
            curve(
                (60, BOTTOM),
                (40, 92, 128, 86, 92, 73),
                (98, 72, 98, 73, 100, 73),
                (152, 88, 80, 96, 130, BOTTOM),
            ),
            fill(air.tone((232, 204, 150), 0.5)),
        )

    return [
        Layer(0.0, sky(air, 122)),
        Layer(0.2, far),
        Layer(0.5, mid),
        Layer(1.0, ground),
        Layer(1.35, foreground_grass(air, (70, 120, 60))),
    ]


def sea(air: Air) -> list[Layer]:
    def far(c: skia.Canvas) -> None:
        sheet(c, waves(50, 8, 0), air.tone((84, 150, 176)))
        boat(c, air, 34, 52, 0.6, (120, 70, 60), True)

    def mid(c: skia.Canvas) -> None:
        sheet(c, waves(64, 12, 4), air.tone(SEA))

    def near(c: skia.Canvas) -> None:
        sheet(
            c, curve((48, 74), (56, 98, 104, 98, 114, 72), (98, 77, 64, 77, 48, 74)), air.tone((186, 92, 58))
        )
        c.drawPath(
            curve((50, 78), (66, 82, 96, 82, 112, 76), (110, 80, 108, 82, 106, 84), (94, 87, 66, 87, 53, 83)),
            fill(air.tone(CREAM)),
        )

    def front(c: skia.Canvas) -> None:
        sheet(c, waves(89, 16, 6), air.tone(darker(SEA, 0.16)))

    return [
        Layer(0.0, sky(air, 118)),
        Layer(0.2, far, 0.5),
        Layer(0.6, mid, 1.0),
        Layer(1.01, near, 1.6),
        Layer(1.15, front, 1.2),
    ]


def village(air: Air) -> list[Layer]:
    def far(c: skia.Canvas) -> None:
        sheet(c, hills(54, 5, 40, 1.0), air.tone((136, 170, 140), 0.6))

    def row(c: skia.Canvas) -> None:
        walls: tuple[RGB, ...] = (
            (240, 214, 170),
            (222, 150, 120),
            (240, 226, 196),
            (160, 190, 190),
            (236, 196, 120),
        )
        roofs: tuple[RGB, ...] = (
            (176, 76, 60),
            (90, 100, 130),
            (190, 100, 60),
            (150, 66, 66),
            (100, 110, 110),
        )
        for i, x in enumerate(range(-92, 270, 36)):
            house(c, air, x, 74, 27 + (i % 3) * 3, 27 + (i * 5) % 9, walls[i % 5], roofs[i % 5])

    def ground(c: skia.Canvas) -> None:
        sheet(c, flat(72), air.tone((196, 176, 150), 0.7))
        for i in range(-12, 28):
            c.drawPath(
                oval(i * 11 + (i % 2) * 4, 79 + (i % 3) * 6, 4, 1.6), fill(air.tone((174, 152, 128), 0.5))
            )

    return [Layer(0.0, sky(air, 30)), Layer(0.2, far), Layer(0.55, row), Layer(1.0, ground)]


def forest(air: Air) -> list[Layer]:
    def far(c: skia.Canvas) -> None:
        for i, x in enumerate(range(-100, 270, 20)):
            pine(c, air, x, 70, 44 + (i * 7) % 16, (112, 160, 130))

    def mid(c: skia.Canvas) -> None:
        for i, x in enumerate(range(-92, 270, 37)):
            pine(c, air, x, 76, 66 + (i * 5) % 14, (58, 116, 88))

    def ground(c: skia.Canvas) -> None:
        sheet(c, hills(74, 1.2, 22, 0.0), air.tone((112, 128, 70), 0.6))

    def front(c: skia.Canvas) -> None:
        for x in (-50, 4, 160, 214):
            sheet(
                c, poly((x - 7, TOP), (x + 7, TOP), (x + 9, BOTTOM), (x - 9, BOTTOM)), air.tone((92, 62, 50))
            )

    return [Layer(0.0, sky(air, 80)), Layer(0.2, far), Layer(0.5, mid), Layer(1.0, ground), Layer(1.3, front)]


def room(air: Air) -> list[Layer]:
    def wall(c: skia.Canvas) -> None:
        tone = air.lamplit((226, 172, 128))
        c.drawRect(skia.Rect.MakeLTRB(LEFT, TOP, RIGHT, BOTTOM), fill(tone))
        for x in range(-108, 270, 16):
            c.drawRect(skia.Rect.MakeXYWH(x, TOP, 7, 250), fill(mix(tone, CREAM, 0.16)))

    def things(c: skia.Canvas) -> None:
        top, low = air.sky()
        sheet(c, rrect(20, 22, 52, 54, 2), air.lamplit((244, 232, 208)))
        c.drawPath(rrect(23, 25, 49, 51, 1), fill(mix(top, low, 0.4)))
        c.drawCircle(
            42,
            32,
            4,
            fill({"day": (255, 226, 120), "dusk": (255, 190, 110), "night": (250, 240, 200)}[air.light]),
        )
        c.drawLine(36, 25, 36, 51, stroke(air.lamplit((244, 232, 208)), 2))
        c.drawLine(23, 38, 49, 38, stroke(air.lamplit((244, 232, 208)), 2))
        brown = air.lamplit(WOOD)
        sheet(c, rrect(112, 34, 146, 76, 1.5), brown)
        for y in (36, 50, 64):
            c.drawRect(skia.Rect.MakeXYWH(114, y, 30, 11), fill(darker(brown, 0.45)))
            for k, book in enumerate(((200, 70, 60), (70, 120, 160), (236, 190, 90), (96, 140, 90))):
                c.drawRect(
                    skia.Rect.MakeXYWH(116 + k * 6, y + 2 + k % 2, 4.4, 9 - k % 2), fill(air.lamplit(book))
                )
        lamp(c, 82, 10)

    def floor(c: skia.Canvas) -> None:
        tone = air.lamplit((168, 110, 74))
        sheet(c, flat(74), tone)
        sheet(c, oval(80, 86, 56, 6.5), air.lamplit((190, 70, 66)))

    return [Layer(0.3, wall), Layer(0.55, things), Layer(1.0, floor)]


def harbour(air: Air) -> list[Layer]:
    def far(c: skia.Canvas) -> None:
        for i, x in enumerate(range(-90, 270, 30)):
            house(
                c,
                air,
                x,
                54,
                16,
                11 + (i * 3) % 6,
                ((232, 200, 160), (206, 140, 120), (150, 176, 180))[i % 3],
                (150, 76, 66),
            )
        sheet(c, waves(53, 8, 0), air.tone(SEA))

    def boats(c: skia.Canvas) -> None:
        boat(c, air, 34, 63, 1.15, (196, 74, 56), True)
        boat(c, air, 130, 62, 1.0, (60, 104, 140), True)
        boat(c, air, -62, 63, 1.1, (90, 130, 90), True)
        boat(c, air, 226, 63, 1.1, (196, 74, 56), True)
        sheet(c, waves(66, 11, 3), air.tone(darker(SEA, 0.12)))

    def pier(c: skia.Canvas) -> None:
        for x in range(-96, 270, 44):
            sheet(c, rrect(x - 3.4, 62, x + 3.4, 110, 1.4), air.tone(darker(WOOD, 0.3)))
        sheet(c, flat(76), air.tone(WOOD, 0.5))
        for x in range(-108, 270, 13):
            c.drawLine(x, 77, x, BOTTOM, stroke(air.tone(darker(WOOD, 0.25)), 0.9))

    return [Layer(0.0, sky(air, 84)), Layer(0.25, far), Layer(0.5, boats, 1.0), Layer(1.0, pier)]


def beach(air: Air) -> list[Layer]:
    def far(c: skia.Canvas) -> None:
        sheet(c, waves(50, 9, 0), air.tone((70, 160, 176)))
        sheet(c, waves(59, 12, 4), air.tone((110, 190, 196)))

    def mid(c: skia.Canvas) -> None:
        sheet(c, poly((126, 76), (128, 34), (130, 34), (129, 76)), air.tone(CREAM))
        for k, col in enumerate(((214, 76, 60), CREAM, (214, 76, 60), CREAM)):
            a, b = 102 + k * 13.5, 115.5 + k * 13.5
            c.drawPath(
                curve(
                    (a, 46),
                    (a + 2, 34, 122, 28, 129, 27),
                    (130, 28, b - 2, 34, b, 46),
                    (b - 4, 43, a + 4, 43, a, 46),
                ),
                fill(air.tone(col)),
            )

    def ground(c: skia.Canvas) -> None:
        sheet(c, hills(73, 1.0, 30, 0.5), air.tone(SAND, 0.4))
        for x, y in ((22, 88), (56, 92), (140, 89), (-30, 90), (190, 91)):
            c.drawPath(oval(x, y, 3, 1.8), fill(air.tone((240, 150, 130))))

    return [Layer(0.0, sky(air, 36)), Layer(0.25, far, 0.7), Layer(0.8, mid), Layer(1.0, ground)]


def mountain(air: Air) -> list[Layer]:
    def peaks(c: skia.Canvas) -> None:
        for x, h, w in ((-70, 48, 46), (20, 56, 46), (82, 40, 36), (140, 58, 48), (226, 50, 46)):
            sheet(c, poly((x - w, 78), (x, 74 - h), (x + w, 78)), air.tone((126, 140, 166), 0.3))
            c.drawPath(
                poly(
                    (x - w * 0.3, 75 - h * 0.7),
                    (x, 74 - h),
                    (x + w * 0.3, 75 - h * 0.7),
                    (x + w * 0.1, 76 - h * 0.58),
                    (x - w * 0.08, 74 - h * 0.72),
                ),
                fill(air.tone((248, 248, 250))),
            )

    def mid(c: skia.Canvas) -> None:
        sheet(c, hills(67, 4, 28, 0.6), air.tone((96, 124, 120), 0.5))
        for x in (-50, -8, 8, 148, 164, 214):
            pine(c, air, x, 70, 22, (52, 96, 84))

    def ground(c: skia.Canvas) -> None:
        sheet(c, hills(75, 1.4, 20, 1.0), air.tone((168, 160, 150), 0.7))
        for x, y in ((12, 90), (50, 88), (136, 91), (172, 88), (-40, 90)):
            c.drawPath(oval(x, y, 5, 2.6), fill(air.tone((138, 128, 122))))

    return [Layer(0.0, sky(air, 112)), Layer(0.2, peaks), Layer(0.5, mid), Layer(1.0, ground)]


def lamp_room(air: Air) -> list[Layer]:
    """Inside the top of the lighthouse: glass all around and the great lamp."""

    def view(c: skia.Canvas) -> None:
        sheet(c, waves(62, 8, 0), air.tone(SEA))

    def glass(c: skia.Canvas) -> None:
        iron = stroke(air.tone((70, 76, 84)), 3.0)
        for x in range(-100, 270, 36):
            c.drawLine(x, TOP, x, 80, iron)
        c.drawLine(LEFT, 34, RIGHT, 34, iron)
        sheet(c, flat(66), air.tone((206, 70, 56)))

    def great_lamp(c: skia.Canvas) -> None:
        draw_glow(c, 122, 40, 64, 0.7)
        sheet(c, rrect(112, 58, 132, 80, 2), air.tone((110, 116, 124)))
        sheet(c, curve((112, 58), (104, 48, 108, 26, 122, 24), (136, 26, 140, 48, 132, 58)), (255, 226, 130))
        for y in (32, 40, 48):
            c.drawLine(111, y, 133, y, stroke((240, 170, 70), 1.4))
        sheet(c, poly((110, 25), (122, 15), (134, 25)), air.tone((90, 96, 104)))

    def floor(c: skia.Canvas) -> None:
        sheet(c, flat(76), air.tone((150, 140, 134)))
        for x in range(-108, 270, 18):
            c.drawLine(x, 77, x - 8, BOTTOM, stroke(air.tone((124, 114, 110)), 0.9))

    return [
        Layer(0.0, sky(air, 36)),
        Layer(0.15, view, 0.5),
        Layer(0.5, glass),
        Layer(0.8, great_lamp),
        Layer(1.0, floor),
    ]


def stage(air: Air) -> list[Layer]:
    """The theatre itself: a painted cloud drop between red curtains."""

    def drop(c: skia.Canvas) -> None:
        top, low = air.sky()
        c.drawRect(skia.Rect.MakeLTRB(LEFT, TOP, RIGHT, BOTTOM), fill(mix(top, low, 0.45)))
        ray = fill(mix(mix(top, low, 0.45), CREAM, 0.22))
        for k in range(-9, 10, 2):
            c.drawPath(poly((80, 78), (80 + k * 40, TOP), (80 + k * 40 + 40, TOP)), ray)

    def curtains(c: skia.Canvas) -> None:
        red = air.lamplit((176, 40, 44))
        for x, side in ((8, -1), (152, 1)):
            for k in range(4):
                left = x + side * k * 9 - 6
                shade = red if k % 2 == 0 else darker(red, 0.22)
                sheet(c, rrect(left, TOP, left + 12, 77, 2), shade)
            sheet(
                c,
                poly((x + side * 26, TOP), (x + side * 160, TOP), (x + side * 160, 78), (x + side * 26, 78)),
                darker(red, 0.3),
            )
        for x in range(-106, 270, 22):
            sheet(c, oval(x, 2, 13, 10), red)
        c.drawRect(skia.Rect.MakeLTRB(LEFT, TOP, RIGHT, 1), fill(red))

    def boards(c: skia.Canvas) -> None:
        tone = air.lamplit((186, 128, 78))
        sheet(c, flat(75), tone)
        for y in (81, 88, 96):
            c.drawLine(LEFT, y, RIGHT, y, stroke(darker(tone, 0.2), 0.8))

    return [Layer(0.3, drop), Layer(0.7, curtains), Layer(1.0, boards)]


PLACES: dict[str, Callable[[Air], list[Layer]]] = {
    "cliff": cliff,
    "path": path,
    "sea": sea,
    "village": village,
    "forest": forest,
    "room": room,
    "harbour": harbour,
    "beach": beach,
    "mountain": mountain,
    "lamp room": lamp_room,
    "stage": stage,
}
INDOORS = frozenset({"room", "stage", "lamp room"})

__all__ = ["GROUND", "INDOORS", "INK", "PLACES", "argb"]
