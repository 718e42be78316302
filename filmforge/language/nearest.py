"""The known name nearest to a mistyped one, for the messages of errors."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

_LASTS = ("lasts", "roll")
_SYNONYMS: Final[Mapping[str, tuple[str, ...]]] = {
    **dict.fromkeys(("duration", "length", "seconds", "frames", "num_frames"), _LASTS),
    **dict.fromkeys(("resolution", "width", "height"), ("size",)),
    **dict.fromkeys(("image", "picture", "photo", "images"), ("still", "image", "photos")),
    **dict.fromkeys(("video", "footage", "movie"), ("clip",)),
    "audio": ("sound", "music", "file"),
    "text": ("prompt", "title", "says", "looks"),
    "caption": ("says", "captions", "text"),
    "dialogue": ("says",),
    "description": ("prompt", "looks"),
    "name": ("id", "title"),
    "negative_prompt": ("negative",),
    "frame_rate": ("fps",),
    "guidance_scale": ("guidance",),
    "num_inference_steps": ("steps",),
    "transition": ("join",),
    "volume": ("gain",),
}
"""What other tools, and filmmakers, call what has a key of another name here. The part decides which it is."""
_LONGEST = 60
_MOST = 400
_MOST_LISTED = 12


def keys_meant(word: str, known: Collection[str]) -> list[str]:
    """The keys among `known` that say what `word` says elsewhere, else the nearest one, if any."""
    synonyms = _SYNONYMS.get(word.lower().replace("-", "_"), ())
    if meant := [key for key in synonyms if key in known]:
        return meant
    near = nearest(word, known)
    return [near] if near else []


def did_you_mean(names: Sequence[str]) -> str:
    """`; did you mean 'prompt' or 'title'?`, or nothing where there are no names."""
    quoted = [f"'{name}'" for name in names]
    listed = " or ".join(filter(None, (", ".join(quoted[:-1]), *quoted[-1:])))
    return f"; did you mean {listed}?" if listed else ""


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The name among `known` that `word` most likely stands for, or None where none is near."""
    if not word or len(word) > _LONGEST:
        return None
    alike = [name for name in known if abs(len(name) - len(word)) <= 3]
    if len(alike) > _MOST:
        # Comparing is slow; in a film of thousands of shots only those that begin alike are looked at.
        alike = [name for name in alike if name[:1] == word[:1]][:_MOST]
    # Imported here: it is needed only when something is wrong, and it takes time to import.
    from difflib import get_close_matches

    found = get_close_matches(word.lower(), alike, n=1, cutoff=0.6)
    return found[0] if found else None


def instead(word: str, known: Collection[str], there_are: str = "there are") -> str:
    """`; did you mean 'wide'?`, or where no known name is near, the first of them; nothing where there is none."""
    near = nearest(word, known)
    if near:
        return f"; did you mean '{near}'?"
    listed = ", ".join(list(known)[:_MOST_LISTED]) + (", ..." if len(known) > _MOST_LISTED else "")
    return f"; {there_are} {listed}" if known else ""
