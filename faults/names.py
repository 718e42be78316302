"""Names and texts that mean something to shells, file systems and FFmpeg; footage that names other files or addresses."""

from __future__ import annotations

import json
import random
import shutil
import socket
import threading
from pathlib import Path

from faults import films
from faults.found import Found

SHORT, LONG = 2, 60
PIECES = (
    "../", "..\\", "\0", "\n", "\r", "'", '"', ":", "%{pts}", "%{eif\\:1}", "|", ";", "$(id)", "`id`", "{{", "}}", "[in]",
    ",", "\\", "-i ", "--", "\u202e", "\u200f", "\ufeff", "😀", "a" * 4000, " ", "\t", "file:", "http://127.0.0.1/", "NUL",
    "*", "?", "\x7f", "\x1b[31m", "é",
)  # fmt: skip
_NAMES = [piece for piece in PIECES if not set(piece) & set("/\0") and len(piece) < 200]
_FOOTAGE = {
    "playlist.mp4": "#EXTM3U\n#EXTINF:1,\n{url}a.ts\n",
    "concat.mp4": "ffconcat version 1.0\nfile '{url}a.mp4'\n",
    "outside.mov": "ffconcat version 1.0\nfile '/etc/hostname'\n",
    "dash.mp4": '<?xml version="1.0"?>\n<MPD><BaseURL>{url}</BaseURL></MPD>\n',
    "session.mkv": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\n",
    "smil.webm": '<smil><body><video src="{url}"/></body></smil>\n',
    "picture.mp4": '<svg xmlns="http://www.w3.org/2000/svg"><image href="{url}x.png"/></svg>\n',
}


def run(count: int, seed: int, folder: Path) -> Found:
    """`count` films whose every text is made of nasty pieces, whose still is called so, and whose clip is no footage."""
    found = Found(
        "names and texts with `../`, NUL, newline, `'`, `:`, `%{…}`, `|`, leading `-`, 4,000 characters, right-to-left "
        "marks; footage files that are playlists or name URLs",
        "refused with a sentence, or shown as text; nothing outside the project is opened or written, no address is asked",
        "films",
    )
    chance = random.Random(seed)
    with socket.create_server(("127.0.0.1", 0)) as server:
        asked: list[str] = []
        threading.Thread(target=_listen, args=(server, asked), daemon=True).start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        for number in range(count):
            place = folder / f"place{number}"
            (place / "project").mkdir(parents=True)
            film, still = _nasty(place / "project", chance)
            built, outside = _tried(film, place)
            found.check("Traceback" not in built[1], f"{built[1][-500:]}")
            found.check(
                built[0] in (0, 2), f"status {built[0]} for {film.read_text()[:500]}: {built[1][-300:]}"
            )
            found.check(not outside, f"written outside: {outside}")
            found.check(built[0] == 0, f"texts are texts, and {still!r} a name: {built[1][-400:]}")
            name, text = chance.choice(list(_FOOTAGE.items()))
            shutil.rmtree(place)
            (place / "project").mkdir(parents=True)
            (place / "project" / name).write_text(text.format(url=url), encoding="utf-8")
            shot = {"id": "one", "clip": name, "lasts": "4f"}
            film = _film(place / "project", {"scenes": [{"id": "a", "shots": [shot]}]})
            built, outside = _tried(film, place)
            found.check(
                built[0] == 2 and "Traceback" not in built[1], f"{name}: status {built[0]}: {built[1][-300:]}"
            )
            found.check(not outside, f"written outside: {outside}")
            shutil.rmtree(place)
            found.done += 2
        found.check(not asked, f"addresses were asked: {asked}")
    return found


def _nasty(folder: Path, chance: random.Random) -> tuple[Path, str]:
    from tests.media import write_photo

    def text() -> str:
        return "".join(chance.choices(PIECES, k=chance.randint(1, 4))).replace("\0", "") + "x"

    def plain(words: str) -> str:  # in a prompt a brace names a character
        return words.replace("{", "{{").replace("}", "}}")

    name = chance.choice(["", "-"]) + "".join(chance.choices(_NAMES, k=2)).strip()[:60] + "x.png"
    # Where the language forbids a character in a path, it says so: such a name is tried in `films` generated at random.
    name = "".join(c for c in name if c.isprintable() and c not in "\\\u202e\u200f\ufeff")
    write_photo(folder / name, (230, 220, 190), (60, 40))
    shots = [
        {"id": "one", "prompt": plain(text()), "lasts": "4f", "says": {"narrator": {"text": text()}}},
        {"id": "two", "title": {"text": text()[:300], "size": 8}, "lasts": "4f"},
        {"id": "three", "still": f"./{name}", "lasts": "4f"},
    ]
    return _film(folder, {"title": text(), "captions": "both", "scenes": [{"id": "a", "shots": shots}]}), name


def _film(folder: Path, body: dict[str, object]) -> Path:
    path = folder / "film.yaml"
    head = {"filmforge": 1, "size": "64x36", "fps": 12, "model": "animatic"}
    written = json.dumps(
        head | body, ensure_ascii=False
    )  # JSON would halve what lies beyond \\uffff, YAML does not
    escaped = "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in written)
    path.write_text(escaped, encoding="utf-8")
    return path


def _tried(film: Path, place: Path) -> tuple[tuple[int, str], list[str]]:
    """How a build ended and what it said; and what lies beside the project now."""
    process = films.start("build", film)
    said = process.communicate(timeout=300)[0]
    return (process.returncode, said), sorted(path.name for path in place.iterdir() if path.name != "project")


def _listen(server: socket.socket, asked: list[str]) -> None:
    while True:
        try:
            connection, _ = server.accept()
        except OSError:
            return
        with connection:
            asked.append(connection.recv(200).decode("latin-1"))
