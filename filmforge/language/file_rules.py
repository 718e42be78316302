"""The files that a film names: there, inside the project folder, and of the right sort."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path as FilePath
from typing import Final, Literal, NamedTuple

from filmforge.errors import FilmforgeError
from filmforge.language.checking import Checking
from filmforge.language.film import Film, LoraFile, LoraTraining, Sound
from filmforge.language.hub_rules import of_the_hub
from filmforge.language.models import ModelLora
from filmforge.language.reading import Path
from filmforge.language.scalars import shown

PHOTOS: Final = frozenset({".png", ".jpg", ".jpeg", ".webp"})
CLIPS: Final = frozenset({".mp4", ".mov", ".mkv", ".webm", ".gif"})

_PICTURES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF8", b"BM", b"II*\x00", b"MM\x00*")
_LARGEST_TEXT = 4_000_000
_LARGEST_HEADER = 100_000_000

Sort = Literal["image", "footage", "sound", "lut", "lora", "text", "workflow", "photos", "output"]
_WANTED: dict[Sort, str] = {
    "image": "a picture",
    "footage": "footage",
    "sound": "a sound file",
    "lut": "a .cube file",
    "lora": "a .safetensors file",
    "text": "a text file",
    "workflow": "a workflow in JSON",
    "photos": "a folder of images",
    "output": "a file to write",
}
_KINDS: dict[Sort, str] = {"image": "image", "footage": "video", "sound": "audio", "lut": "grade"}


class Named(NamedTuple):
    """A file as the film names it: the path to that place in the film, the file, and what it should be."""

    path: Path
    file: str
    sort: Sort


class Media(NamedTuple):
    """What a media file or a colour table is, and whether there is sound in it."""

    kind: Literal["image", "video", "audio", "grade"]
    sound: bool


def unfit(file: str, sort: Sort, media: Media) -> str:
    """Why `file` does not serve as a picture, footage, sound or colour table; empty where it does, or as something else."""
    if sort == "sound":
        return "" if media.sound else f"{file} has no sound in it; name another file, or remove it"
    if _KINDS.get(sort, media.kind) == media.kind:
        return ""
    found = next(one for one, kind in _KINDS.items() if kind == media.kind)
    return f"{file} is {_WANTED[found]} where {_WANTED[sort]} is wanted"


class _FileError(Exception):
    """What is wrong with a file."""


def check_files(checking: Checking, folder: FilePath, look_into: Callable[[FilePath], Media] | None) -> None:
    """Report files that are missing, outside `folder`, or not what they should be.

    `look_into` says what a media file is and raises FilmforgeError; without it only its first bytes are read.
    """
    looking = _Looking(folder, look_into)
    for named in files_of(checking.film):
        if checking.doubtful(named.path) or checking.doubtful((*named.path[:3], "hub")):
            continue
        wrong = looking.at(named.file, named.sort)
        if wrong and named.path[0] == "models" and not (folder / named.file).exists():
            wrong += of_the_hub(named.file, "lora", ".safetensors")
        if wrong:
            checking.fail(named.path, wrong)
    for path, _, shot in checking.shots():
        if shot.clip is not None and shot.sound == "keep" and not checking.doubtful((*path, "clip")):
            readable = not looking.at(shot.clip, "footage")
            if readable and (wrong := looking.at(shot.clip, "sound")):
                checking.fail((*path, "sound"), wrong)


def files_of(film: Film) -> Iterable[Named]:
    """Every file that the film names, in no particular order."""
    for name, model in film.models.items():
        if model.workflow is not None:
            yield Named(("models", name, "workflow"), model.workflow, "workflow")
        if model.lora is not None and model.lora.hub is None:
            yield from model_lora_files(name, model.lora)
    for who, character in film.characters.items():
        here: Path = ("characters", who)
        if character.photos is not None:
            yield Named((*here, "photos"), character.photos, "photos")
        yield from _lora_files((*here, "lora"), character.lora)
    for name, style in film.styles.items():
        if style.lut is not None:
            yield Named(("styles", name, "lut"), style.lut, "lut")
        yield from _lora_files(("styles", name, "lora"), style.lora)
    yield from _sound_files(("music",), film.music)
    for s, scene in enumerate(film.scenes):
        yield from _sound_files(("scenes", s, "music"), scene.music)
    for path, _, shot in film.placed_shots():
        if shot.clip is not None:
            yield Named((*path, "clip"), shot.clip, "footage")
        if shot.still is not None:
            yield Named((*path, "still"), shot.still, "image")
        if shot.start is not None and shot.start.image is not None:
            yield Named((*path, "start", "image"), shot.start.image, "image")
        if shot.end is not None and shot.end.image is not None:
            yield Named((*path, "end", "image"), shot.end.image, "image")
        if isinstance(shot.sound, Sound):
            yield from _sound_files((*path, "sound"), shot.sound)
        for who, line in shot.says.items():
            if line.audio is not None:
                yield Named((*path, "says", who, "audio"), line.audio, "sound")
    if film.credits is not None:
        yield Named(("credits", "text"), film.credits.text, "text")
    for name, delivery in film.deliver.items():
        yield Named(("deliver", name, "file"), delivery.file, "output")


def model_lora_files(name: str, lora: ModelLora) -> Iterable[Named]:
    """The files of the own LoRA of the model `name`: of the project, or of the repository that the LoRA is in."""
    for expert, file in lora.files.items():
        yield Named(("models", name, "lora", "file", *([expert] if expert else [])), file, "lora")


def _lora_files(path: Path, lora: LoraTraining | LoraFile | None) -> Iterable[Named]:
    if isinstance(lora, LoraFile):
        if isinstance(lora.file, str):
            yield Named((*path, "file"), lora.file, "lora")
        else:
            for model, file in lora.file.items():
                if isinstance(file, str) and file:
                    yield Named((*path, "file", model), file, "lora")


def _sound_files(path: Path, sound: Sound | None) -> Iterable[Named]:
    if sound is not None:
        yield Named((*path, "file"), sound.file, "sound")


class _Looking:
    """Looks at each file once, however many shots name it."""

    def __init__(self, folder: FilePath, look_into: Callable[[FilePath], Media] | None) -> None:
        self._folder = folder
        self._root = os.path.realpath(folder)
        self._look_into = look_into
        self._media: dict[FilePath, Media] = {}
        self._seen: dict[tuple[str, Sort], str] = {}

    def at(self, file: str, sort: Sort) -> str:
        """What is wrong with `file` as a file of that sort; nothing where all is well."""
        key = (file, sort)
        if key not in self._seen:
            try:
                self._look(file, sort)
                self._seen[key] = ""
            except _FileError as wrong:
                self._seen[key] = str(wrong)
            except (OSError, ValueError) as error:
                why = getattr(error, "strerror", None) or str(error)
                self._seen[key] = f"{shown(file)} cannot be read: {why}"
        return self._seen[key]

    def _look(self, file: str, sort: Sort) -> None:
        path = self._folder / file
        self._stay_inside(file)
        if sort == "output":
            if path.is_dir():
                raise _FileError(f"{shown(file)} is a folder; name a file to write")
            return
        if not path.exists():
            if path.is_symlink():
                raise _FileError(f"{shown(file)} is a link that leads nowhere; put the file itself there")
            raise _FileError(
                f"there is no {'folder' if sort == 'photos' else 'file'} {shown(file)}{self._alike(file)}"
            )
        if sort == "photos":
            self._look_at_photos(path, file)
            return
        if path.is_dir():
            raise _FileError(f"{shown(file)} is a folder; name {_WANTED[sort]}")
        if not path.is_file():
            raise _FileError(f"{shown(file)} is neither a file nor a folder")
        self._look_at_file(path, file, sort)
        if path in self._media and (wrong := unfit(file, sort, self._media[path])):
            raise _FileError(wrong)

    def _stay_inside(self, file: str) -> None:
        real = os.path.realpath(self._folder / file)
        if real != self._root and not real.startswith(self._root.rstrip("/") + "/"):
            raise _FileError(
                f"{shown(file)} leads out of the project folder through a link; copy the file into it"
            )

    def _alike(self, file: str) -> str:
        """The file of that folder that may have been meant."""
        from filmforge.language.nearest import nearest

        beside = self._folder / FilePath(file).parent
        try:
            names = sorted(one.name for one in beside.iterdir())[:1000]
        except OSError:
            return ""
        found = nearest(FilePath(file).name, names)
        return f"; did you mean '{(FilePath(file).parent / found).as_posix()}'?" if found else ""

    def _look_at_photos(self, folder: FilePath, file: str) -> None:
        if not folder.is_dir():
            raise _FileError(f"{shown(file)} is a file; photos are in a folder of their own")
        names = sorted(one.name for one in folder.iterdir() if not one.name.startswith("."))
        if not names:
            raise _FileError(f"the folder {shown(file)} is empty; put images of the character into it")
        photos = [name for name in names if FilePath(name).suffix.lower() in PHOTOS | CLIPS]
        if not photos:
            raise _FileError(f"the folder {shown(file)} holds no images (png, jpg, webp) and no clips")
        for name in photos:
            inside = f"{file.rstrip('/')}/{name}"
            self._stay_inside(inside)
            if (folder / name).is_dir():
                raise _FileError(f"{shown(inside)} is a folder; photos lie directly in {shown(file)}")
            image = FilePath(name).suffix.lower() in PHOTOS
            self._look_at_file(folder / name, inside, "image" if image else "footage")

    def _look_at_file(self, path: FilePath, file: str, sort: Sort) -> None:
        with path.open("rb") as opened:
            head = opened.read(512)
        if not head:
            raise _FileError(f"{shown(file)} is empty; {_WANTED[sort]} is wanted")
        if head.startswith(b"version https://git-lfs"):
            raise _FileError(f"{shown(file)} is a pointer of Git LFS and not the file; run `git lfs pull`")
        if sort == "image":
            self._look_at_image(path, file, head)
        elif sort in ("footage", "sound"):
            if _is_text(head):
                raise _FileError(f"{shown(file)} is text, not {_WANTED[sort]}")
            self._look_at_media(path, file)
        elif sort == "lut":
            if path.suffix.lower() != ".cube" or not _is_text(head):
                raise _FileError(f"{shown(file)} is not a .cube file, which is how a colour grade is written")
        elif sort == "lora":
            check_lora_file(path, file)
        else:
            self._look_at_text(path, file, sort)

    def _look_at_image(self, path: FilePath, file: str, head: bytes) -> None:
        is_picture = head.startswith(_PICTURES) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP")
        if not is_picture:
            what = "is text" if _is_text(head) else "holds something else"
            raise _FileError(f"{shown(file)} is not a picture: it {what}; a PNG, JPEG or WebP file is wanted")
        self._look_at_media(path, file)

    def _look_at_media(self, path: FilePath, file: str) -> None:
        if self._look_into is not None and path not in self._media:
            try:
                self._media[path] = self._look_into(path)
            except FilmforgeError as error:
                raise _FileError(" ".join(str(error).replace(str(path), file).split())) from None

    def _look_at_text(self, path: FilePath, file: str, sort: Sort) -> None:
        if path.stat().st_size > _LARGEST_TEXT:
            raise _FileError(
                f"{shown(file)} is larger than {_LARGEST_TEXT // 1_000_000} MB; {_WANTED[sort]} is wanted"
            )
        try:
            text = path.read_text(encoding="utf-8-sig")
        except UnicodeDecodeError:
            raise _FileError(f"{shown(file)} is not UTF-8 text; {_WANTED[sort]} is wanted") from None
        if "\x00" in text:
            raise _FileError(f"{shown(file)} is not text; {_WANTED[sort]} is wanted")
        if sort == "workflow":
            import json

            try:
                known = isinstance(json.loads(text), dict)
            except (ValueError, RecursionError):
                known = False
            if not known:
                raise _FileError(f"{shown(file)} is not a workflow; export it from ComfyUI in API format")


def check_lora_file(path: FilePath, name: str) -> None:
    """Refuse what is not a safetensors file: eight bytes of length, a JSON header, and all its data.

    The format: https://huggingface.co/docs/safetensors. Raises _FileError, which `check_files` reports.
    """
    import json  # only a film with such files needs it

    size = path.stat().st_size
    with path.open("rb") as opened:
        start = opened.read(9)
        length = int.from_bytes(start[:8], "little")
        if start[:2] in (b"PK", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05") and start[8:9] != b"{":
            raise _FileError(
                f"{shown(name)} is a pickle, which could run any program when it is read; "
                "convert it to safetensors"
            )
        if len(start) < 9 or start[8:9] != b"{" or not 2 <= length <= _LARGEST_HEADER:
            raise _FileError(f"{shown(name)} is not a safetensors file; a LoRA in that format is wanted")
        if length + 8 > size:
            raise _FileError(f"{shown(name)} is cut short: its header alone would be {length:,} bytes")
        raw = start[8:] + opened.read(length - 1)
    try:
        header = json.loads(raw)
        ends = [tensor["data_offsets"][1] for key, tensor in header.items() if key != "__metadata__"]
        end = max((int(e) for e in ends), default=0)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError):
        raise _FileError(f"{shown(name)} is not a safetensors file: its header cannot be read") from None
    if not ends:
        raise _FileError(f"{shown(name)} holds no weights")
    if end > size - 8 - length:
        raise _FileError(
            f"{shown(name)} is cut short: of {end:,} bytes of weights, {size - 8 - length:,} are there"
        )


def _is_text(head: bytes) -> bool:
    """Whether the first bytes of a file read as text."""
    if b"\x00" in head:
        return False
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError as wrong:
        if wrong.start < len(head) - 4:  # else the block ends within a character
            return False
        text = head[: wrong.start].decode("utf-8")
    return all(c.isprintable() or c in "\r\n\t\ufeff" for c in text)
