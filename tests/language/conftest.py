"""The example film of the language, whole: its text, and a project folder with every file that it names."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from filmforge.errors import FilmError
from filmforge.language.film import Film
from filmforge.language.load import load_text

EXAMPLE = """\
# yaml-language-server: $schema=../../schemas/film.schema.json
filmforge: 1
title: The Lantern
size: 1280x720            # the delivered picture
fps: 24
seed: 2026                # a shot without a seed draws its own from this and its name
negative: blurry, watermark, text

models:                   # name -> how to render
  sketch: {use: ltx-video, steps: 12, size: 768x448}
  hero:
    use: wan2.2-ti2v-5b
    weights: Wan-AI/Wan2.2-TI2V-5B-Diffusers
    revision: main        # pinned to a commit in film.lock
    steps: 40
    guidance: 5.0
    size: 1280x704
    precision: bf16
model: hero               # the default: a name from models, or a family's id

profiles:
  draft: {model: sketch}
  animatic: {model: animatic}

characters:
  mira:
    looks: a young lighthouse keeper in a red raincoat
    photos: characters/mira
    lora: {rank: 16, steps: 1500, learning_rate: 1.0e-4}
    trigger: mira
    likeness: 0.55
    retry: 3
  otto:
    looks: an old fisherman with a white beard
    lora: {file: {hero: loras/otto.safetensors}, weight: 0.8, missing: skip}

styles:
  storm:
    prompt: 35mm film, teal and amber, heavy rain
    lut: looks/storm.cube
    lora: {file: {hero: loras/rain.safetensors}, weight: 0.5, missing: skip}

places:
  cliff: a stormy cliff at dusk, a white lighthouse in the distance

scenes:
  - id: arrival
    place: cliff
    style: storm
    music: {file: audio/storm.flac, gain: -14, fade_in: 1s}
    shots:
      - id: wide
        prompt: "{mira} climbs the path to the lighthouse"
        camera: slow dolly in
        lasts: 4s
        seed: 7
        model: hero                      # a shot, or a scene, may name its own
      - id: close
        prompt: "{mira} lifts the lantern and looks out to sea"
        start: {from: wide, at: last}
        lasts: 3s
        takes: [11, 12, 13]              # seeds; every take is rendered
        pick: 12                         # the one in the cut
        says: {mira: {text: "He promised he'd be back.", audio: audio/mira-1.wav, at: 0.5s}}
        join: {dissolve: 12f}
      - id: gull
        clip: footage/gull.mp4
        trim: {from: 2s, to: 4.5s}
        sound: keep
      - id: letter
        still: stills/letter.png
        move: push in
        lasts: 2s
  - id: end
    shots:
      - id: card
        title: {text: "THE END", size: 72}
        lasts: 2s
        join: {fade: 1s}

music: {file: audio/theme.flac, gain: -16, duck: -10}
credits: {text: credits.txt, roll: 12s}
loudness: -16
captions: both
handles: 0f
store: s3://bucket/lantern

deliver:
  main: {file: out/lantern.mp4, codec: h264, quality: 18}
  master: {file: out/lantern.mov, codec: prores}
"""

PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 32


def safetensors(keys: tuple[str, ...] = ("lora",)) -> bytes:
    """The bytes of a file that is laid out like safetensors, with four bytes of weights a key."""
    header = {
        key: {"dtype": "F32", "shape": [1], "data_offsets": [4 * i, 4 * i + 4]} for i, key in enumerate(keys)
    }
    raw = json.dumps(header).encode()
    return struct.pack("<Q", len(raw)) + raw + b"\x00" * 4 * len(keys)


@pytest.fixture
def example(tmp_path: Path) -> Path:
    """The film file of the example, in a folder with everything that it names."""
    files = {
        "film.yaml": EXAMPLE.encode(),
        "characters/mira/one.png": PNG,
        "characters/mira/one.txt": b"mira by the door",
        "characters/mira/two.jpg": b"\xff\xd8\xff\xe0" + b"\x00" * 16,
        "loras/otto.safetensors": safetensors(),
        "loras/rain.safetensors": safetensors(),
        "looks/storm.cube": b"LUT_3D_SIZE 2\n",
        "audio/storm.flac": b"fLaC\x00\x00",
        "audio/theme.flac": b"fLaC\x00\x00",
        "audio/mira-1.wav": b"RIFF\x00\x00\x00\x00WAVE",
        "footage/gull.mp4": b"\x00\x00\x00\x18ftypmp42",
        "stills/letter.png": PNG,
        "credits.txt": "Mira … herself\n".encode(),
    }
    for name, content in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return tmp_path / "film.yaml"


Problems = Callable[..., list[str]]

SHOT = "      - {id: one, prompt: a boat, lasts: 1s}\n"
SCENES = "scenes:\n  - id: sea\n    shots:\n"


def film_with(top: str = "", shots: str = SHOT) -> str:
    """A small film: one scene `sea` with `shots`, each indented by six, below the keys `top`."""
    return "filmforge: 1\n" + top + SCENES + shots


def read(text: str, **options: object) -> Film:
    """The film in `text`; no files are looked at."""
    return load_text(text, "film.yaml", **options).film  # type: ignore[arg-type]


def problems(text: str, **options: object) -> list[str]:
    """Every problem of the film in `text`, as it is shown, without the file's name in front."""
    try:
        read(text, **options)
    except FilmError as error:
        return [str(problem).removeprefix("film.yaml:") for problem in error.problems]
    return []
