"""The known name nearest to a mistyped one, for the messages of errors."""

from __future__ import annotations

from collections.abc import Collection, Iterable

_LONGEST = 60
_MOST = 400
_MOST_LISTED = 12


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
