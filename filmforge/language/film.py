"""The film as a value: frozen models whose fields bear the names of the film language.

Times are whole frames at the film's own rate once a film is loaded; paths are as written, relative to the
film file. What is declared here is the shape of each part on its own; what spans parts (names that must
exist, cycles, files) is checked in `check.py`, with positions.
"""

# No `from __future__ import annotations` here: pydantic would have to compile each annotation again, at every start.
from collections.abc import Iterator
from fractions import Fraction
from typing import Annotated, Any, Final, Literal

from pydantic import ConfigDict, Discriminator, Field, Tag

from filmforge.language.kinds import (
    Color,
    Decibels,
    FilmSize,
    FrameOfShot,
    Frames,
    Id,
    ModelName,
    Moment,
    Number,
    Path,
    Rate,
    Seed,
    ShotName,
    Version,
    Weight,
    Words,
    shorthand,
)
from filmforge.language.models import Model
from filmforge.language.part import Part
from filmforge.language.scalars import Size

Move = Literal["none", "push in", "pull out", "pan left", "pan right", "tilt up", "tilt down"]


# An empty list is reported by `check`: pydantic would call one empty whose every item is wrong.
_FILLED: Final = {"minItems": 1}


def _one_of(*keys: str) -> dict[str, Any]:
    """The JSON Schema's way of saying that exactly one of `keys` is given."""
    return {"oneOf": [{"required": [key]} for key in keys]}


class LoraTraining(Part):
    """The settings of a LoRA that the build trains. What is absent is the family's default; alpha = rank."""

    rank: Annotated[int, Field(ge=1, le=1024)] | None = Field(
        default=None, description="the LoRA's rank, and its alpha"
    )
    steps: Annotated[int, Field(ge=1, le=1_000_000)] | None = Field(
        default=None, description="training steps"
    )
    learning_rate: Annotated[Number, Field(gt=0, le=1)] | None = Field(
        default=None, description="the learning rate, such as 1e-4"
    )
    weight: Weight = Field(default=1.0, description="how strongly the LoRA is applied")
    seed: Seed | None = Field(default=None, description="the seed of the training")


def _path_or_paths(given: Any) -> str:
    return "<by model>" if isinstance(given, dict) else "<path>"


class LoraFile(Part):
    """A LoRA made elsewhere: one file, or one for each model by name."""

    file: Annotated[
        Annotated[Path, Tag("<path>")] | Annotated[dict[ModelName, Path], Tag("<by model>")],
        Discriminator(_path_or_paths),
    ] = Field(description="a .safetensors file, or one for each model by its name")
    weight: Weight = Field(default=1.0, description="how strongly the LoRA is applied")
    missing: Literal["error", "skip"] = Field(
        default="error", description="what to do for a model that the file was not made for"
    )

    def path_for(self, model: str) -> str | None:
        """The file that goes with the model named `model`, or None where there is none for it."""
        return self.file if isinstance(self.file, str) else self.file.get(model)


_LoraFileOrPath = Annotated[LoraFile, shorthand("file", LoraFile)]


def _training_or_file(given: Any) -> str:
    file = isinstance(given, (str, LoraFile)) or (isinstance(given, dict) and "file" in given)
    return "<file>" if file else "<training>"


class Character(Part):
    """Somebody (or something) that keeps its looks from shot to shot."""

    looks: str = Field(
        default="", description="what the character looks like; part of every prompt that names it"
    )
    photos: Path | None = Field(
        default=None,
        description="a folder of images or short clips, each with an optional caption in NAME.txt",
    )
    lora: (
        Annotated[
            Annotated[LoraTraining, Tag("<training>")] | Annotated[_LoraFileOrPath, Tag("<file>")],
            Discriminator(_training_or_file),
        ]
        | None
    ) = Field(
        default=None, description="how the character's LoRA is trained, or a file that was made elsewhere"
    )
    trigger: Words | None = Field(
        default=None, description="the word that stands for the character; its id when absent"
    )
    likeness: Annotated[Number, Field(ge=0, le=1)] | None = Field(
        default=None, description="warn when a shot's likeness falls under this"
    )
    retry: Annotated[int, Field(ge=0, le=100)] = Field(
        default=0, description="how many further seeds to render when the likeness is low"
    )


class Style(Part):
    """Words, a colour grade and a LoRA that shots share."""

    prompt: str = Field(default="", description="words that end every prompt in this style")
    negative: str = Field(default="", description="what pictures in this style are kept from")
    lut: Path | None = Field(default=None, description="a colour grade, a .cube file")
    lora: _LoraFileOrPath | None = Field(default=None, description="a LoRA that was made elsewhere")


class Start(Part):
    """The first frame of a shot: a frame of another shot, or a picture. Exactly one of `from` and `image`."""

    model_config = ConfigDict(json_schema_extra=_one_of("from", "image"))

    from_: ShotName | None = Field(
        default=None, alias="from", description="the shot whose frame this one begins with"
    )
    at: FrameOfShot = Field(default="last", description="which frame of that shot")
    image: Path | None = Field(default=None, description="a picture to begin with")


class End(Part):
    """The last frame of a shot: a frame of another shot, or a picture. Exactly one of `from` and `image`."""

    model_config = ConfigDict(json_schema_extra=_one_of("from", "image"))

    from_: ShotName | None = Field(
        default=None, alias="from", description="the shot whose frame this one ends with"
    )
    at: FrameOfShot = Field(default="first", description="which frame of that shot")
    image: Path | None = Field(default=None, description="a picture to end with")


class Trim(Part):
    """What of a shot's picture the cut uses: from frame `from` up to, not including, frame `to`."""

    from_: Moment = Field(default=0, alias="from", description="the first moment that is used")
    to: Frames | None = Field(
        default=None, description="the moment up to which it is used; the end when absent"
    )


class Join(Part):
    """How a shot joins the one before it. Exactly one is set; without a join it is a hard cut."""

    model_config = ConfigDict(json_schema_extra=_one_of("dissolve", "wipe", "fade"))

    dissolve: Frames | None = Field(
        default=None, description="overlap the two shots, one melting into the other"
    )
    wipe: Frames | None = Field(
        default=None, description="overlap the two shots, one wiped away by the other"
    )
    fade: Frames | None = Field(default=None, description="go through black, half in each shot")


class Line(Part):
    """A line: `audio` is heard, `text` is captioned. `at` counts from the start of the shot in the cut."""

    text: str = Field(default="", description="the words, as they are captioned")
    audio: Path | None = Field(default=None, description="a recording of the line")
    at: Moment = Field(
        default=0, description="when the line begins, counted from the start of the shot in the cut"
    )
    lasts: Frames | None = Field(default=None, description="how long the caption stands")
    gain: Decibels = Field(default=0.0, description="level in dB")


class Title(Part):
    """A card: white text on black unless it says otherwise. `size` is in pixels at the delivered size."""

    text: Words = Field(description="the words on the card")
    size: Annotated[int, Field(ge=4, le=2000)] = Field(
        default=72, description="the height of the letters in pixels of the film"
    )
    color: Color = Field(default="#ffffff", description="the colour of the letters, '#rrggbb'")
    background: Color = Field(default="#000000", description="the colour of the card, '#rrggbb'")


class Sound(Part):
    """Music or atmosphere. Levels in dB; times in frames of the film."""

    file: Path = Field(description="a sound file")
    gain: Decibels = Field(default=0.0, description="level in dB")
    fade_in: Moment = Field(default=0, description="how long it takes to come up")
    fade_out: Moment = Field(default=0, description="how long it takes to go down")
    duck: Annotated[Number, Field(ge=-60, le=0)] = Field(
        default=0.0, description="how far it goes down under speech, in dB"
    )
    at: Moment = Field(default=0, description="when it begins")


_Sound = Annotated[Sound, shorthand("file", Sound)]


def _word_or_sound(given: Any) -> str:
    file = isinstance(given, (dict, Sound)) or (isinstance(given, str) and "." in given)
    return "<sound>" if file else "<word>"


def _word_or_names(given: Any) -> str:
    return "<names>" if isinstance(given, (list, tuple)) else "<word>"


class Shot(Part):
    """A shot: its content (what decides pixels) and its edit (what decides the cut)."""

    model_config = ConfigDict(json_schema_extra=_one_of("prompt", "clip", "still", "title"))

    id: Id = Field(description="every shot has an id, its name within the scene")
    prompt: Words | None = Field(
        default=None, description="what a generated shot shows; {mira} names a character"
    )
    clip: Path | None = Field(default=None, description="a shot that was filmed")
    still: Path | None = Field(default=None, description="a picture")
    title: Annotated[Title, shorthand("text", Title)] | None = Field(
        default=None, description="a card with words on it"
    )

    camera: str = Field(default="", description="what the camera does, in words for the model")
    negative: str = Field(default="", description="what the picture is kept from")
    model: ModelName | None = Field(
        default=None, description="the model that renders it; the scene's or the film's when absent"
    )
    style: Id | None = Field(default=None, description="the style; the scene's or the film's when absent")
    place: Id | None = Field(default=None, description="the place; the scene's when absent")
    seed: Seed | None = Field(
        default=None, description="the seed; drawn from the film's seed and the shot's name when absent"
    )
    takes: Annotated[tuple[Seed, ...], Field(strict=False)] = Field(
        default=(), description="seeds; every take is rendered"
    )
    pick: Seed | None = Field(default=None, description="the take in the cut; the first when absent")
    start: Annotated[Start, shorthand("from", Start)] | None = Field(
        default=None, description="what the shot begins with"
    )
    end: Annotated[End, shorthand("from", End)] | None = Field(
        default=None, description="what the shot ends with, where its model can be given that"
    )
    extend: bool = Field(
        default=False, description="continue past the model's longest clip from the last frame"
    )
    apart: (
        Annotated[
            Annotated[Literal["none"], Tag("<word>")]
            | Annotated[tuple[Id, ...], Field(strict=False), Tag("<names>")],
            Discriminator(_word_or_names),
        ]
        | None
    ) = Field(
        default=None,
        description="the characters with LoRAs from left to right, each kept to a strip of the picture; none: their "
        "LoRAs are added up; when absent, as the prompt names them on pocket, added up on others",
    )
    move: Move = Field(default="none", description="how the camera moves over a still")

    lasts: Frames | None = Field(default=None, description="how long the shot's picture is")
    trim: Trim | None = Field(default=None, description="what of the picture the cut uses")
    join: Join | None = Field(
        default=None, description="how the shot joins the one before it; a hard cut when absent"
    )
    says: dict[Id, Annotated[Line, shorthand("text", Line)]] = Field(
        default_factory=dict, description="who says what; a character's id, or narrator"
    )
    sound: (
        Annotated[
            Annotated[Literal["keep", "drop"], Tag("<word>")] | Annotated[_Sound, Tag("<sound>")],
            Discriminator(_word_or_sound),
        ]
        | None
    ) = Field(default=None, description="the clip's own sound (keep or drop), or a sound file for the shot")
    fit: Literal["fill", "fit"] = Field(
        default="fill", description="fill the film's picture and lose the edges, or fit into it with bars"
    )

    @property
    def kind(self) -> Literal["prompt", "clip", "still", "title"]:
        """What the shot's picture comes from; exactly one is set in a checked film."""
        if self.prompt is not None:
            return "prompt"
        return "clip" if self.clip is not None else "still" if self.still is not None else "title"


class Scene(Part):
    """Shots that share a place, a style, a model or a sound."""

    id: Id = Field(description="every scene has an id, its name within the film")
    place: Id | None = Field(default=None, description="where the scene plays, one of `places`")
    style: Id | None = Field(default=None, description="the style of its shots, one of `styles`")
    model: ModelName | None = Field(default=None, description="the model that renders its shots")
    negative: str = Field(default="", description="what the scene's pictures are kept from")
    music: _Sound | None = Field(default=None, description="music under the scene")
    shots: Annotated[tuple[Shot, ...], Field(strict=False, json_schema_extra=_FILLED)] = Field(
        description="the shots, in the order of the film"
    )


class Credits(Part):
    """Rolling credits after the last shot: a text file, and how long the roll lasts."""

    text: Path = Field(description="a text file")
    roll: Frames = Field(description="how long the credits roll")
    size: Annotated[int, Field(ge=4, le=500)] = Field(
        default=36, description="the height of the letters in pixels of the film"
    )


class Delivery(Part):
    """A delivered file. `quality` is the codec's constant quality: x264's CRF, 1 (best) to 51."""

    file: Path = Field(description="where the delivered film goes")
    codec: Literal["h264", "prores"] = Field(default="h264", description="how it is encoded")
    quality: Annotated[int, Field(ge=1, le=51)] = Field(
        default=18, description="constant quality of h264; less is better and larger"
    )


class Film(Part):
    """A film as declared, with the profile laid over it and times in frames."""

    filmforge: Version = Field(description="write `filmforge: 1`, the version of the language")
    title: str = Field(default="", description="the film's title")
    size: FilmSize = Field(default=Size(1280, 720), description="the delivered picture, such as 1280x720")
    fps: Rate = Field(default=Fraction(24), description="frames a second, such as 24 or 24000/1001")
    seed: Seed = Field(default=0, description="shots without a seed draw theirs from this and their names")
    negative: str = Field(default="", description="what every picture is kept from")
    models: dict[Id, Annotated[Model, shorthand("use", Model)]] = Field(
        default_factory=dict, description="names, and how each renders"
    )
    model: ModelName = Field(
        default="pocket", description="the model that renders: a name from models, or a family's id"
    )
    characters: dict[Id, Annotated[Character, shorthand("looks", Character)]] = Field(
        default_factory=dict, description="those who keep their looks from shot to shot"
    )
    embedder: Words | None = Field(
        default=None,
        description="what compares pictures for likeness: pocket, arcface, or a folder or hub id of DINO or CLIP",
    )
    styles: dict[Id, Annotated[Style, shorthand("prompt", Style)]] = Field(
        default_factory=dict, description="looks that shots share"
    )
    style: Id | None = Field(default=None, description="the style of shots that name none")
    places: dict[Id, str] = Field(
        default_factory=dict, description="where scenes play, in words for the model"
    )
    scenes: Annotated[tuple[Scene, ...], Field(strict=False, json_schema_extra=_FILLED)] = Field(
        description="the scenes, in the order of the film"
    )
    music: _Sound | None = Field(default=None, description="music under the whole film")
    credits: Credits | None = Field(default=None, description="rolling credits after the last shot")
    loudness: Annotated[Number, Field(ge=-70, le=-5)] | None = Field(
        default=-16.0, description="LUFS of the delivered mix; null leaves it as it is"
    )
    captions: Literal["burn", "file", "both", "none"] = Field(default="file", description="where captions go")
    handles: Moment = Field(
        default=0, description="further frames rendered on both sides of each shot, for the editor"
    )
    store: Words | None = Field(
        default=None, description="a mirror of results, shared with others: a folder, or s3://..."
    )
    deliver: dict[Id, Annotated[Delivery, shorthand("file", Delivery)]] = Field(
        default_factory=dict, description="the delivered files"
    )
    profiles: dict[Id, dict[str, Any]] = Field(
        default_factory=dict, description="names, and what each lays over the film"
    )

    def shots(self) -> list[tuple[Scene, Shot]]:
        """Every shot with its scene, in film order."""
        return [(scene, shot) for scene in self.scenes for shot in scene.shots]

    def placed_shots(self) -> Iterator[tuple[tuple[str | int, ...], Scene, Shot]]:
        """Every shot with its path in the film and its scene, in film order."""
        for s, scene in enumerate(self.scenes):
            for i, shot in enumerate(scene.shots):
                yield ("scenes", s, "shots", i), scene, shot

    def model_named(self, name: str) -> Model:
        """The model called `name`: one of `models`, or a family by its id with nothing declared."""
        return self.models.get(name) or Model.model_construct(use=name)

    def model_of(self, scene: Scene, shot: Shot) -> str:
        """The name of the model that renders `shot`: its own, its scene's, or the film's."""
        return shot.model or scene.model or self.model

    def style_of(self, scene: Scene, shot: Shot) -> str | None:
        """The name of the shot's style: its own, its scene's, or the film's."""
        return shot.style or scene.style or self.style

    def place_of(self, scene: Scene, shot: Shot) -> str | None:
        """The name of the place where `shot` plays: its own, or its scene's."""
        return shot.place or scene.place
