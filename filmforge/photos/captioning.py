"""Captions for photos that have none: from a template, or from a model that one names, written beside them.

They are files so that one can read and mend them, and so that a build depends on words and not on a model.
"""

from __future__ import annotations

import string
from collections.abc import Callable, Sequence
from pathlib import Path

from filmforge.errors import FilmforgeError, UsageError
from filmforge.photos.reading import caption_file, written_caption

WORDS = ("trigger", "looks", "name", "caption")
"""What a template may name in braces; `caption` is what a model sees in the picture."""

Describe = Callable[[Path], str]
"""What a model says of the picture at a path."""


def check_template(template: str, *, described: bool) -> None:
    """UsageError unless the template names only known words, and `{caption}` just where a model writes it."""
    try:
        fields = [field for _, field, spec, how in string.Formatter().parse(template) if field is not None]
        plain = all(not spec and not how for _, _, spec, how in string.Formatter().parse(template))
    except ValueError as error:
        raise UsageError(f"--caption {template!r}: {error}; `{{{{` writes a brace") from None
    for field in fields:
        if field not in WORDS or not plain:
            raise UsageError(
                f"--caption {template!r}: there is no {{{field}}}; "
                f"there are {', '.join(f'{{{word}}}' for word in WORDS)}"
            )
    if described and "caption" not in fields:
        raise UsageError(f"--caption {template!r} has no {{caption}} for what --captioner sees")
    if not described and "caption" in fields:
        raise UsageError(
            f"--caption {template!r}: {{caption}} takes a model; name its folder with --captioner"
        )


def write_captions(
    photos: Sequence[Path], template: str, *, trigger: str, looks: str, describe: Describe | None = None
) -> dict[Path, str]:
    """Write `NAME.txt` beside each of `photos` that has no words yet; what was written, by file.

    Nothing that is there is written over. FilmforgeError where a file cannot be written, or the
    model says nothing.
    """
    from filmforge.store.files import write_atomically

    written: dict[Path, str] = {}
    for photo in photos:
        if written_caption(photo) is not None:
            continue
        said = describe(photo) if describe is not None else ""
        if describe is not None and not said:
            raise FilmforgeError(
                f"{photo.name}: the captioning model says nothing of it; write {photo.stem}.txt"
            )
        words = template.format(trigger=trigger, looks=looks, name=photo.stem, caption=said)
        words = " ".join(words.split()).strip(" ,")
        if not words:
            raise FilmforgeError(f"{photo.name}: the caption came out empty; give another --caption")
        target = caption_file(photo)
        try:
            write_atomically(target, f"{words}\n".encode())
        except OSError as error:
            raise FilmforgeError(f"{target} cannot be written: {error.strerror}") from None
        written[target] = words
    return written
