"""The mirror that a film names: opened for a build, with whom the film trusts and, where it shares, this user's key."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from filmforge.errors import FilmforgeError, UsageError
from filmforge.places import settings_folder, trust_of
from filmforge.store import Store
from filmforge.store.mirror import PATIENCE, Mirror
from filmforge.store.remote import Remote
from filmforge.store.signing import own_key, trusted_keys, with_key


def open_mirror(
    url: str | None,
    film: Path,
    store: Store,
    *,
    share: bool,
    locked: bool,
    note: Callable[[str], None],
    patience: float = PATIENCE,
) -> Mirror | None:
    """The mirror at `url`, for a film at `film`; None where the film names none, or trusts nobody whose results count.

    `share`: what the film is made of goes there as well, under this user's key, which is made on the first use and
    added to `film.trust`. Raises UsageError where that cannot be: no mirror, or `locked` and the key is not listed.
    """
    if url is None:
        if share:
            raise UsageError(
                "--share: the film names no mirror; add `store: FOLDER` or `store: s3://...` to it"
            )
        return None
    trust = trust_of(film)
    key = own_key(settings_folder(), create=True) if share else None
    trusted = trusted_keys(trust)
    if key is not None and key.public.raw not in {known.raw for known in trusted}:
        if locked:
            raise UsageError(
                f"{trust.name} does not list the key of this build, and --locked forbids changing it; add the line: "
                f"{key.public.line}"
            )
        _add(trust, with_key(trust, key.public))
        note(f"{trust.name} lists your key now; commit it, so that others believe what you share")
        trusted = trusted_keys(trust)
        store.trust(known.id for known in trusted)
    if not trusted:
        note(
            f"{trust.name} lists nobody, so nothing is taken from the mirror {url}; `filmforge build --share` by one "
            "who has results adds a key"
        )
        return None
    return Mirror(
        Remote(url, film.parent.absolute()), store, trusted=trusted, key=key, warn=note, patience=patience
    )


def _add(trust: Path, text: bytes) -> None:
    from filmforge.store.files import write_atomically

    try:
        write_atomically(trust, text)
    except OSError as error:
        raise FilmforgeError(f"{trust} cannot be written: {error.strerror}") from None
