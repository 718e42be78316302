"""Draws the stand-ins for photos of Ines, marked as such: `python projects/ferry/stand_ins.py`."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageDraw

WHERE = Path(__file__).parent / "characters" / "ines"
# Each: its caption, the background, and how large and how far to the side the figure stands.
VIEWS = (
    ("close-up, facing the camera, overcast light", (120, 130, 138), 1.7, 0),
    ("half figure, facing the camera, on a ferry deck", (96, 116, 108), 1.15, -20),
    ("full figure, in front of a river, morning", (148, 158, 160), 0.75, 30),
    ("close-up, looking to the right, evening light", (176, 132, 92), 1.6, 24),
)


def stand_in(background: tuple[int, int, int], size: float, aside: int) -> Image.Image:
    """A cardboard figure with grey hair and a navy coat, 512x512, marked as a stand-in."""
    image = Image.new("RGB", (1024, 1024), background)
    draw = ImageDraw.Draw(image)

    def oval(x: float, y: float, rx: float, ry: float, colour: tuple[int, int, int]) -> None:
        cx, cy = 512 + 2 * aside + x * size, 470 + y * size
        draw.ellipse((cx - rx * size, cy - ry * size, cx + rx * size, cy + ry * size), fill=colour)

    oval(0, 330, 210, 230, (34, 44, 74))  # coat
    oval(0, 20, 122, 142, (150, 152, 156))  # hair
    oval(8, 46, 98, 118, (206, 168, 142))  # face
    oval(8, 142, 120, 44, (28, 36, 62))  # collar
    for side in (-1, 1):
        oval(14 + side * 40, 34, 11, 9, (48, 42, 44))
    draw.line(
        [(512 + 2 * aside - 24 * size, 570), (512 + 2 * aside + 50 * size, 570)], fill=(120, 78, 70), width=9
    )
    draw.rectangle((0, 944, 1024, 1024), fill=(20, 22, 26))
    draw.text((40, 956), "STAND-IN, NOT A PHOTO", fill=(240, 236, 226), font_size=46)
    return image.resize((512, 512), Image.Resampling.LANCZOS)


if __name__ == "__main__":
    WHERE.mkdir(parents=True, exist_ok=True)
    for number, (caption, background, size, aside) in enumerate(VIEWS, start=1):
        path = WHERE / f"ines-{number:02d}.png"
        stand_in(background, size, aside).quantize(64).save(path, optimize=True)
        path.with_suffix(".txt").write_text(f"ines, a ferrywoman of sixty with short grey hair, {caption}\n")
