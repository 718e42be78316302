"""The film as a value: frozen parts whose fields bear the names of the film language.

Times are whole frames at the film's own rate once a film is loaded; paths are as written, relative to the
film file. What is declared here is the shape of each part on its own; what spans parts (names that must
exist, cycles, files) is checked in `check.py` and `files.py`, with positions.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any, Final, Literal

from filmforge.language import scalars
from filmforge.language.kinds import (
    Duration,
    Either,
    Flag,
    Integer,
    ListOf,
    MapOf,
    Number,
    OneOf,
    Overlay,
    PartOf,
    Text,
    Written,
)
from filmforge.language.part import Part, reads
from filmforge.language.scalars import Size

FAMILIES: Final = (
    "pocket",
    "wan2.2-ti2v-5b",
    "wan2.2-t2v-a14b",
    "wan2.2-i2v-a14b",
    "hunyuan-video",
    "mochi-1",
    "ltx-video",
    "animatic",
    "comfyui",
)
"""The ids of families that `use` may name."""

_AN_ID = "an id: small letters, digits, - and _, beginning with a letter"

TEXT = Text()
WORDS = Text(filled=True)
ID = Text(scalars.ID, _AN_ID)
MODEL = Text(scalars.MODEL_NAME, "the name of a model: one of `models`, or a family's id")
SHOT_NAME = Text(scalars.SHOT_NAME, "the name of a shot: its id, or scene/id for one of another scene")
DURATION = Duration()
MOMENT = Duration(zero=True)
FILE = Written(scalars.path, {"type": "string", "minLength": 1}, "")
SEED = Integer(0, 2**63 - 1)
DECIBELS = Number(-60, 24)
WEIGHT = Number(-4, 4)
COLOR = Text(scalars.COLOR, "a colour; write it as '#rrggbb', in quotes")
_SIZE_SCHEMA = {"type": "string", "pattern": f"^{scalars.SIZE}$", "examples": ["1280x720"]}
SIZE = Written(scalars.size, _SIZE_SCHEMA, Size(16, 16))
FILM_SIZE = Written(scalars.delivered_size, _SIZE_SCHEMA, Size(1280, 720))
RATE = Written(
    scalars.rate,
    {
        "anyOf": [{"type": "number", "minimum": 1}, {"type": "string", "pattern": r"^\d{1,9}/\d{1,9}$"}],
        "examples": [24, "24000/1001"],
    },
    Fraction(24),
)

VERSION = Written(scalars.version, {"const": 1}, 1)

Move = Literal["none", "push in", "pull out", "pan left", "pan right", "tilt up", "tilt down"]


def _one_of(*keys: str) -> dict[str, Any]:
    """The JSON Schema's way of saying that exactly one of `keys` is given."""
    return {"oneOf": [{"required": [key]} for key in keys]}


class Model(Part):
    """How to render: a family, its weights, and what of its settings the film declares."""

    use: str = reads(OneOf(*FAMILIES), "the family of models")
    weights: str | None = reads(
        WORDS,
        "a hub id such as owner/name, or a folder; the family's official weights when absent",
        default=None,
    )
    revision: str | None = reads(
        WORDS, "the weights' branch, tag or commit; pinned in film.lock", default=None
    )
    steps: int | None = reads(
        Integer(1, 1000), "sampling steps; the family's default when absent", default=None
    )
    guidance: float | None = reads(Number(0, 100), "how strongly the prompt is followed", default=None)
    shift: float | None = reads(Number(0, 100, above=True), "the shift of the noise schedule", default=None)
    size: Size | None = reads(
        SIZE, "the size that is rendered, before it is conformed to the film's", default=None
    )
    precision: Literal["bf16", "fp16", "fp32", "fp8", "int8", "nf4"] | None = reads(
        OneOf("bf16", "fp16", "fp32", "fp8", "int8", "nf4"),
        "the precision of the weights; it changes pixels, so it is declared",
        default=None,
    )
    workflow: str | None = reads(FILE, "a ComfyUI workflow in API format; for `use: comfyui`", default=None)
    server: str | None = reads(WORDS, "the address of a ComfyUI server; for `use: comfyui`", default=None)


class LoraTraining(Part):
    """The settings of a LoRA that the build trains. What is absent is the family's default; alpha = rank."""

    rank: int | None = reads(Integer(1, 1024), "the LoRA's rank, and its alpha", default=None)
    steps: int | None = reads(Integer(1, 1_000_000), "training steps", default=None)
    learning_rate: float | None = reads(
        Number(0, 1, above=True), "the learning rate, such as 1e-4", default=None
    )
    weight: float = reads(WEIGHT, "how strongly the LoRA is applied", default=1.0)
    seed: int | None = reads(SEED, "the seed of the training", default=None)


class LoraFile(Part):
    """A LoRA made elsewhere: one file, or one for each model by name."""

    file: str | Mapping[str, str] = reads(
        Either(
            lambda given: int(isinstance(given, dict)),
            FILE,
            MapOf(FILE, scalars.MODEL_NAME, "the name of a model", filled=True),
        ),
        "a .safetensors file, or one for each model by its name",
    )
    weight: float = reads(WEIGHT, "how strongly the LoRA is applied", default=1.0)
    missing: Literal["error", "skip"] = reads(
        OneOf("error", "skip"), "what to do for a model that the file was not made for", default="error"
    )

    def path_for(self, model: str) -> str | None:
        """The file that goes with the model named `model`, or None where there is none for it."""
        return self.file if isinstance(self.file, str) else self.file.get(model)


LORA_FILE = PartOf(LoraFile, short="file")


class Character(Part):
    """Somebody (or something) that keeps its looks from shot to shot."""

    looks: str = reads(TEXT, "what the character looks like; part of every prompt that names it", default="")
    photos: str | None = reads(
        FILE, "a folder of images or short clips, each with an optional caption in NAME.txt", default=None
    )
    lora: LoraTraining | LoraFile | None = reads(
        Either(
            lambda given: int(isinstance(given, str) or (isinstance(given, dict) and "file" in given)),
            PartOf(LoraTraining),
            LORA_FILE,
        ),
        "how the character's LoRA is trained, or a file that was made elsewhere",
        default=None,
    )
    trigger: str | None = reads(
        WORDS, "the word that stands for the character; its id when absent", default=None
    )
    likeness: float | None = reads(Number(0, 1), "warn when a shot's likeness falls under this", default=None)
    retry: int = reads(
        Integer(0, 100), "how many further seeds to render when the likeness is low", default=0
    )


class Style(Part):
    """Words, a colour grade and a LoRA that shots share."""

    prompt: str = reads(TEXT, "words that end every prompt in this style", default="")
    negative: str = reads(TEXT, "what pictures in this style are kept from", default="")
    lut: str | None = reads(FILE, "a colour grade, a .cube file", default=None)
    lora: LoraFile | None = reads(LORA_FILE, "a LoRA that was made elsewhere", default=None)


class Start(Part):
    """The first frame of a shot: a frame of another shot, or a picture. Exactly one of `from` and `image`."""

    rules = _one_of("from", "image")

    from_: str | None = reads(
        SHOT_NAME, "the shot whose frame this one begins with", default=None, key="from"
    )
    at: Literal["first", "last"] | int = reads(
        Duration("first", "last", zero=True), "which frame of that shot", default="last"
    )
    image: str | None = reads(FILE, "a picture to begin with", default=None)


class Trim(Part):
    """What of a shot's picture the cut uses: from frame `from` up to, not including, frame `to`."""

    from_: int = reads(MOMENT, "the first moment that is used", default=0, key="from")
    to: int | None = reads(DURATION, "the moment up to which it is used; the end when absent", default=None)


class Join(Part):
    """How a shot joins the one before it. Exactly one is set; without a join it is a hard cut."""

    rules = _one_of("dissolve", "wipe", "fade")

    dissolve: int | None = reads(DURATION, "overlap the two shots, one melting into the other", default=None)
    wipe: int | None = reads(DURATION, "overlap the two shots, one wiped away by the other", default=None)
    fade: int | None = reads(DURATION, "go through black, half in each shot", default=None)


class Line(Part):
    """A line: `audio` is heard, `text` is captioned. `at` counts from the start of the shot in the cut."""

    text: str = reads(TEXT, "the words, as they are captioned", default="")
    audio: str | None = reads(FILE, "a recording of the line", default=None)
    at: int = reads(MOMENT, "when the line begins, counted from the start of the shot in the cut", default=0)
    lasts: int | None = reads(DURATION, "how long the caption stands", default=None)
    gain: float = reads(DECIBELS, "level in dB", default=0.0)


class Title(Part):
    """A card: white text on black unless it says otherwise. `size` is in pixels at the delivered size."""

    text: str = reads(WORDS, "the words on the card")
    size: int = reads(Integer(4, 2000), "the height of the letters in pixels of the film", default=72)
    color: str = reads(COLOR, "the colour of the letters, '#rrggbb'", default="#ffffff")
    background: str = reads(COLOR, "the colour of the card, '#rrggbb'", default="#000000")


class Sound(Part):
    """Music or atmosphere. Levels in dB; times in frames of the film."""

    file: str = reads(FILE, "a sound file")
    gain: float = reads(DECIBELS, "level in dB", default=0.0)
    fade_in: int = reads(MOMENT, "how long it takes to come up", default=0)
    fade_out: int = reads(MOMENT, "how long it takes to go down", default=0)
    duck: float = reads(Number(-60, 0), "how far it goes down under speech, in dB", default=0.0)
    at: int = reads(MOMENT, "when it begins", default=0)


SOUND = PartOf(Sound, short="file")


class Shot(Part):
    """A shot: its content (what decides pixels) and its edit (what decides the cut)."""

    rules = _one_of("prompt", "clip", "still", "title")

    id: str = reads(ID, "every shot has an id, its name within the scene")
    prompt: str | None = reads(WORDS, "what a generated shot shows; {mira} names a character", default=None)
    clip: str | None = reads(FILE, "a shot that was filmed", default=None)
    still: str | None = reads(FILE, "a picture", default=None)
    title: Title | None = reads(PartOf(Title, short="text"), "a card with words on it", default=None)

    camera: str = reads(TEXT, "what the camera does, in words for the model", default="")
    negative: str = reads(TEXT, "what the picture is kept from", default="")
    model: str | None = reads(
        MODEL, "the model that renders it; the scene's or the film's when absent", default=None
    )
    style: str | None = reads(ID, "the style; the scene's or the film's when absent", default=None)
    place: str | None = reads(ID, "the place; the scene's when absent", default=None)
    seed: int | None = reads(
        SEED, "the seed; drawn from the film's seed and the shot's name when absent", default=None
    )
    takes: tuple[int, ...] = reads(ListOf(SEED), "seeds; every take is rendered", default=())
    pick: int | None = reads(SEED, "the take in the cut; the first when absent", default=None)
    start: Start | None = reads(PartOf(Start, short="from"), "what the shot begins with", default=None)
    extend: bool = reads(Flag(), "continue past the model's longest clip from the last frame", default=False)
    move: Move = reads(
        OneOf("none", "push in", "pull out", "pan left", "pan right", "tilt up", "tilt down"),
        "how the camera moves over a still",
        default="none",
    )

    lasts: int | None = reads(DURATION, "how long the shot's picture is", default=None)
    trim: Trim | None = reads(PartOf(Trim), "what of the picture the cut uses", default=None)
    join: Join | None = reads(
        PartOf(Join), "how the shot joins the one before it; a hard cut when absent", default=None
    )
    says: Mapping[str, Line] = reads(
        MapOf(PartOf(Line, short="text")), "who says what; a character's id, or narrator", default={}
    )
    sound: Literal["keep", "drop"] | Sound | None = reads(
        Either(
            lambda given: int(isinstance(given, dict) or (isinstance(given, str) and "." in given)),
            OneOf("keep", "drop"),
            SOUND,
        ),
        "the clip's own sound (keep or drop), or a sound file to go with the shot",
        default=None,
    )
    fit: Literal["fill", "fit"] = reads(
        OneOf("fill", "fit"),
        "fill the film's picture and lose the edges, or fit into it with bars",
        default="fill",
    )

    @property
    def kind(self) -> Literal["prompt", "clip", "still", "title"]:
        """What the shot's picture comes from; exactly one is set in a checked film."""
        if self.prompt is not None:
            return "prompt"
        return "clip" if self.clip is not None else "still" if self.still is not None else "title"


class Scene(Part):
    """Shots that share a place, a style, a model or a sound."""

    id: str = reads(ID, "every scene has an id, its name within the film")
    place: str | None = reads(ID, "where the scene plays, one of `places`", default=None)
    style: str | None = reads(ID, "the style of its shots, one of `styles`", default=None)
    model: str | None = reads(MODEL, "the model that renders its shots", default=None)
    negative: str = reads(TEXT, "what the scene's pictures are kept from", default="")
    music: Sound | None = reads(SOUND, "music under the scene", default=None)
    shots: tuple[Shot, ...] = reads(ListOf(PartOf(Shot), filled=True), "the shots, in the order of the film")


class Credits(Part):
    """Rolling credits after the last shot: a text file, and how long the roll lasts."""

    text: str = reads(FILE, "a text file")
    roll: int = reads(DURATION, "how long the credits roll")
    size: int = reads(Integer(4, 500), "the height of the letters in pixels of the film", default=36)


class Delivery(Part):
    """A delivered file. `quality` is the codec's constant quality: x264's CRF, 0 (lossless) to 51."""

    file: str = reads(FILE, "where the delivered film goes")
    codec: Literal["h264", "prores"] = reads(OneOf("h264", "prores"), "how it is encoded", default="h264")
    quality: int = reads(Integer(0, 51), "constant quality of h264; less is better and larger", default=18)


class Film(Part):
    """A film as declared, with the profile laid over it and times in frames."""

    filmforge: Literal[1] = reads(VERSION, "write `filmforge: 1`, the version of the language")
    title: str = reads(TEXT, "the film's title", default="")
    size: Size = reads(FILM_SIZE, "the delivered picture, such as 1280x720", default=Size(1280, 720))
    fps: Fraction = reads(RATE, "frames a second, such as 24 or 24000/1001", default=Fraction(24))
    seed: int = reads(SEED, "shots without a seed draw theirs from this and their names", default=0)
    negative: str = reads(TEXT, "what every picture is kept from", default="")
    models: Mapping[str, Model] = reads(
        MapOf(PartOf(Model, short="use")), "names, and how each renders", default={}
    )
    model: str = reads(
        MODEL, "the model that renders: a name from models, or a family's id", default="pocket"
    )
    characters: Mapping[str, Character] = reads(
        MapOf(PartOf(Character, short="looks")), "those who keep their looks from shot to shot", default={}
    )
    styles: Mapping[str, Style] = reads(
        MapOf(PartOf(Style, short="prompt")), "looks that shots share", default={}
    )
    style: str | None = reads(ID, "the style of shots that name none", default=None)
    places: Mapping[str, str] = reads(MapOf(TEXT), "where scenes play, in words for the model", default={})
    scenes: tuple[Scene, ...] = reads(
        ListOf(PartOf(Scene), filled=True), "the scenes, in the order of the film"
    )
    music: Sound | None = reads(SOUND, "music under the whole film", default=None)
    credits: Credits | None = reads(PartOf(Credits), "rolling credits after the last shot", default=None)
    loudness: float | None = reads(
        Number(-70, -5), "LUFS of the delivered mix; null leaves it as it is", default=-16.0, nullable=True
    )
    captions: Literal["burn", "file", "both", "none"] = reads(
        OneOf("burn", "file", "both", "none"), "where captions go", default="file"
    )
    handles: int = reads(
        MOMENT, "further frames rendered on both sides of each shot, for the editor", default=0
    )
    store: str | None = reads(
        WORDS, "a mirror of results, shared with others: a folder, or s3://...", default=None
    )
    deliver: Mapping[str, Delivery] = reads(
        MapOf(PartOf(Delivery, short="file")), "the delivered files", default={}
    )
    profiles: Mapping[str, Mapping[str, Any]] = reads(
        MapOf(Overlay()), "names, and what each lays over the film", default={}
    )

    def shots(self) -> list[tuple[Scene, Shot]]:
        """Every shot with its scene, in film order."""
        return [(scene, shot) for scene in self.scenes for shot in scene.shots]

    def model_named(self, name: str) -> Model:
        """The model called `name`: one of `models`, or a family by its id with nothing declared."""
        return self.models.get(name) or Model(use=name)

    def model_of(self, scene: Scene, shot: Shot) -> str:
        """The name of the model that renders `shot`: its own, its scene's, or the film's."""
        return shot.model or scene.model or self.model

    def style_of(self, scene: Scene, shot: Shot) -> str | None:
        """The name of the shot's style: its own, its scene's, or the film's."""
        return shot.style or scene.style or self.style

    def place_of(self, scene: Scene, shot: Shot) -> str | None:
        """The name of the place where `shot` plays: its own, or its scene's."""
        return shot.place or scene.place
