"""`filmforge init`: a new film project that builds at once."""

from __future__ import annotations

from pathlib import Path

import click

_FILM = """\
# yaml-language-server: $schema=./film.schema.json
filmforge: 1
title: {title}
size: 1280x720
fps: 24
seed: 1                    # shots without a seed of their own draw theirs from this and their names

model: pocket              # ships with filmforge, runs on any machine; see: filmforge models

places:
  stage: on a puppet theatre stage
  forest: in a pine forest at night

scenes:
  - id: opening
    shots:
      - id: title
        title: {{text: {quoted}, size: 96}}
        lasts: 2s
      - id: hello
        prompt: a red fox waves
        place: stage
        lasts: 2s
        join: {{fade: 1s}}
      - id: walk
        prompt: a blue rabbit walks to the right
        place: forest
        camera: slow pan right
        lasts: 2s
        join: {{dissolve: 12f}}
        says: {{narrator: Change one word here and build again.}}
"""

_IGNORE = """\
# what filmforge makes, and can make again
.filmforge/
out/
"""

_ATTRIBUTES = """\
*.png  binary
*.jpg  binary
*.jpeg binary
*.webp binary
*.wav  binary
*.flac binary
*.ogg  binary
*.mp4  binary
*.mov  binary
*.safetensors binary
film.lock linguist-generated
"""


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
def init(folder: Path) -> None:
    """Make a new film project in FOLDER: a short film that builds at once, and what git needs to know."""
    import json

    from filmforge.errors import FilmforgeError, UsageError
    from filmforge.language.schema import json_schema

    film = folder / "film.yaml"
    if film.exists():
        raise UsageError(f"{film} is there already; name another folder")
    name = folder.resolve().name or "film"
    title = " ".join(name.replace("-", " ").replace("_", " ").split()).capitalize() or "Film"
    quoted = json.dumps(title, ensure_ascii=False)
    files = {
        "film.yaml": _FILM.format(title=quoted, quoted=quoted),
        ".gitignore": _IGNORE,
        ".gitattributes": _ATTRIBUTES,
        "film.schema.json": json.dumps(json_schema(), ensure_ascii=False, indent=2) + "\n",
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for relative, text in files.items():
            if not (folder / relative).exists():
                (folder / relative).write_text(text, encoding="utf-8")
    except (FileExistsError, NotADirectoryError):
        raise UsageError(f"{folder} leads through a file, and a project is a folder; name another") from None
    except OSError as error:
        raise FilmforgeError(f"{folder}: the project cannot be written: {error.strerror}") from None
    click.echo(f"{film} is ready. Next:\n  filmforge build {film}")
