"""Captions in natural words, with variations and dropped parts.

The order is the one in which filmforge composes prompts: size and subject with its action,
camera, place with light and weather, style.
"""

from __future__ import annotations

import numpy as np

from pocket.palette import COLOURS
from pocket.puppet import Puppet
from pocket.world import Player, Shot

ACTION_WORDS: dict[str, tuple[str, ...]] = {
    "walk left": ("walks to the left", "walks left", "strolls to the left", "walking to the left"),
    "walk right": ("walks to the right", "walks right", "strolls to the right", "walking to the right"),
    "jump": ("jumps", "jumps up and down", "hops for joy", "is jumping", "leaps into the air"),
    "wave": ("waves", "waves hello", "waves a hand", "is waving", "waves goodbye"),
    "spin": ("spins around", "turns around", "twirls", "is spinning around"),
    "sway": ("sways from side to side", "dances", "sways", "is dancing"),
    "lantern": (
        "raises a lantern",
        "lifts a glowing lantern",
        "holds up a lantern",
        "is holding up a lantern",
    ),
    "sleep": ("sleeps", "sits asleep", "is sleeping", "sits and sleeps", "sits with closed eyes"),
    "stand": ("stands still", "stands and waits", "looks around", "is standing", "waits"),
}
CAMERA_WORDS: dict[str, tuple[str, ...]] = {
    "static": ("static camera", "still camera", "the camera does not move", ""),
    "pan left": ("pan left", "the camera pans left", "slow pan to the left"),
    "pan right": ("pan right", "the camera pans right", "slow pan to the right"),
    "push in": ("push in", "slow push in", "the camera pushes in"),
    "pull out": ("pull out", "slow pull out", "the camera pulls out"),
    "crane up": ("crane up", "the camera cranes up", "the camera rises", "tilt up"),
}
SIZE_WORDS: dict[str, tuple[str, ...]] = {
    "wide": ("wide shot", "long shot", "far away"),
    "full": ("full shot", "full figure", ""),
    "medium": ("medium shot", "waist up"),
    "close": ("close-up", "close-up of the face", "close shot"),
}
PLACE_WORDS: dict[str, tuple[str, ...]] = {
    "cliff": (
        "a cliff with a lighthouse",
        "a grassy cliff, a white lighthouse in the distance",
        "a lighthouse on a cliff by the sea",
        "a cliff above the sea, a lighthouse",
    ),
    "path": ("a winding path over green hills", "a path through the hills", "a country path"),
    "sea": ("in a small boat on the sea", "a rowing boat on the sea", "on the open sea in a boat"),
    "village": ("a village street", "a little village", "a row of village houses"),
    "forest": ("a pine forest", "a forest of tall pines", "deep in the forest", "a forest"),
    "room": (
        "a cosy room with a lamp",
        "a room with a window and a bookshelf",
        "inside a small room, a hanging lamp",
    ),
    "harbour": ("a harbour with sailing boats", "a wooden pier in the harbour", "the harbour"),
    "beach": ("a sandy beach with a parasol", "a beach by the sea", "a beach with a parasol"),
    "mountain": ("snowy mountains", "high mountains with snowy peaks", "a mountain pass"),
    "lamp room": (
        "inside the lamp room of the lighthouse",
        "the lamp room at the top of the lighthouse",
        "the lantern room, a great lamp",
    ),
    "stage": ("a theatre stage with red curtains", "a stage between red curtains", "a stage"),
}
LIGHT_WORDS: dict[str, tuple[str, ...]] = {
    "day": ("by day", "in daylight", "on a bright day", "daytime"),
    "dusk": ("at dusk", "at sunset", "in the evening light"),
    "night": ("at night", "by night", "at night under the moon"),
}
WEATHER_WORDS: dict[str, tuple[str, ...]] = {
    "clear": ("", "", "clear sky"),
    "rain": ("in the rain", "rain", "stormy weather, rain", "rain is falling"),
    "snow": ("in the snow", "snow is falling", "snowfall"),
    "fog": ("in the fog", "fog", "in thick mist"),
}
STYLE_WORDS = (
    "paper cut-out animation",
    "paper theatre",
    "cut-out puppet film, paper theatre",
    "paper cut-out animation, warm stage light",
)
NEGATIVE = ""

_SYLLABLES = (
    "ba",
    "be",
    "bi",
    "bo",
    "da",
    "do",
    "fi",
    "fu",
    "ga",
    "go",
    "ha",
    "hi",
    "jo",
    "ka",
    "ke",
    "ki",
    "ko",
    "la",
    "le",
    "li",
    "lo",
    "lu",
    "ma",
    "me",
    "mi",
    "mo",
    "na",
    "ne",
    "ni",
    "no",
    "nu",
    "pa",
    "pe",
    "pi",
    "po",
    "ra",
    "re",
    "ri",
    "ro",
    "ru",
    "sa",
    "se",
    "si",
    "so",
    "ta",
    "te",
    "ti",
    "to",
    "tu",
    "va",
    "ve",
    "vi",
    "wa",
    "wo",
    "za",
    "ze",
    "zi",
    "zo",
)
_ENDS = ("", "", "", "n", "r", "s", "l", "x", "tt")
_PRINTED = {
    "stripes": "striped",
    "bars": "striped",
    "spots": "spotted",
    "checks": "chequered",
    "patches": "patched",
    "halves": "two-coloured",
    "slant": "striped",
    "band": "banded",
}
_HATS = {
    "cap": "a cap",
    "cone": "a pointed hat",
    "beanie": "a woolly hat",
    "top": "a top hat",
    "hood": "a hood",
    "captain": "a captain's hat",
    "bow": "a bow",
}


def _pick(rng: np.random.Generator, words: tuple[str, ...]) -> str:
    return words[int(rng.integers(len(words)))]


def invented_name(rng: np.random.Generator) -> str:
    """A name nobody has heard of: two or three syllables."""
    n = 2 if rng.random() < 0.75 else 3
    return "".join(_pick(rng, _SYLLABLES) for _ in range(n)) + _pick(rng, _ENDS)


def colour_name(colour: tuple[int, int, int]) -> str:
    """The nearest of the eight, or grey, brown and black between them."""
    table = COLOURS | {
        "brown": (120, 76, 50),
        "grey": (130, 130, 130),
        "black": (40, 36, 44),
        "teal": (40, 150, 150),
    }
    return min(table, key=lambda n: sum((a - b) ** 2 for a, b in zip(table[n], colour, strict=True)))


def _looks_like(p: Puppet) -> str:
    if p.skin is not None:
        return "sailor" if p.beard is not None else "girl" if p.hair is not None else "person"
    by_ears = {
        "point": "fox" if p.muzzle == "snout" else "cat",
        "round": "bear",
        "long": "rabbit",
        "tuft": "owl",
        "eyeballs": "frog",
    }
    return by_ears.get(p.ears, "creature")


def stranger_words(p: Puppet, rng: np.random.Generator) -> str:
    """A loose description of a one-off, mostly with an invented name before it."""
    colour = colour_name(p.body)
    printed = _PRINTED.get(p.pattern, "") if rng.random() < 0.7 else ""
    noun = _pick(rng, ("puppet", _looks_like(p), _looks_like(p)))
    words = " ".join(w for w in (printed, colour, noun) if w)
    extras = []
    if p.hat in _HATS and rng.random() < 0.6:
        extras.append(f"{_HATS[p.hat]}")
    if p.scarf is not None and rng.random() < 0.6:
        extras.append(f"a {colour_name(p.scarf)} scarf")
    tail = f" with {' and '.join(extras)}" if extras else ""
    article = "an" if words[0] in "aeiou" else "a"
    roll = rng.random()
    if roll < 0.45:
        return f"{invented_name(rng)}"
    if roll < 0.8:
        return f"{invented_name(rng)}, {article} {words}{tail},"
    return f"{article} {words}{tail}"


def called(kind: str, colour: str) -> str:
    """The plainest name of a kind in a colour, for prompts that ask for it."""
    people = {"girl": f"a girl in a {colour} dress", "sailor": f"a sailor in a {colour} coat"}
    article = "an" if colour[0] in "aeiou" else "a"
    return people.get(kind, f"{article} {colour} {kind}")


def subject_words(player: Player, rng: np.random.Generator) -> str:
    """A noun phrase for the puppet."""
    if player.kind == "stranger":
        return stranger_words(player.puppet, rng)
    colour = player.colour
    if player.kind == "girl":
        return _pick(
            rng, (called("girl", colour), f"a little girl in a {colour} coat", f"a girl in {colour}")
        )
    if player.kind == "sailor":
        return _pick(
            rng,
            (called("sailor", colour), f"an old fisherman in a {colour} coat", f"a sailor in {colour}"),
        )
    return _pick(
        rng,
        (
            called(player.kind, colour),
            called(player.kind, colour),
            f"the {colour} {player.kind}",
            f"a little {colour} {player.kind}",
        ),
    )


def caption(shot: Shot, rng: np.random.Generator, still: bool = False) -> str:
    """One wording of the shot. Stills never name a camera move and rarely an action's direction."""
    parts: list[str] = []
    subject = " and ".join(
        f"{subject_words(p, rng)} {_pick(rng, ACTION_WORDS[p.action])}" for p in shot.players
    )
    if still and len(shot.players) == 1 and rng.random() < 0.3:
        subject = subject_words(shot.players[0], rng).rstrip(",")
    size = _pick(rng, SIZE_WORDS[shot.size])
    if size and rng.random() < 0.35:
        subject = f"{size} of {subject}" if size.endswith("shot") else f"{size}, {subject}"
        size = ""
    parts.append(subject)
    camera = "" if still else _pick(rng, CAMERA_WORDS[shot.camera])
    for words, kept in ((size, 0.9), (camera, 0.95)):
        if words and rng.random() < kept:
            parts.append(words)
    if rng.random() < 0.93:
        place = [_pick(rng, PLACE_WORDS[shot.place])]
        if rng.random() < 0.9:
            place.append(_pick(rng, LIGHT_WORDS[shot.light]))
        weather = _pick(rng, WEATHER_WORDS[shot.weather])
        text = " ".join(place)
        parts.append(f"{text}, {weather}" if weather else text)
    if rng.random() < 0.6:
        parts.append(_pick(rng, STYLE_WORDS))
    joint = ", " if rng.random() < 0.6 else ". "
    return joint.join(parts)
