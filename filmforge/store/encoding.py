"""One canonical encoding for everything that is hashed or sealed on the disk.

Two values have the same bytes exactly when they are the same JSON value of the same types: 1, 1.0, "1" and
True all differ, the order of a dict's keys does not matter. What has no such encoding is refused, since a
part that cannot be hashed must stop caching loudly rather than be left out of a key.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

_SCALARS = frozenset({str, int, float, bool, type(None)})
_encode = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"), check_circular=False
).encode


def canonical(value: object) -> bytes:
    """The one encoding of `value`: compact JSON, keys sorted, floats by `repr`, text as it stands.

    Lone surrogates keep their own bytes, so they cannot be mistaken for the character that a pair would form.
    Raises TypeError, naming the place, for anything but dict with str keys, list, str, int, finite float,
    bool and None: tuples, enums, numpy numbers and subclasses included.
    """
    _refuse_others(value, "value")
    try:
        return _encode(value).encode("utf-8", "surrogatepass")
    except ValueError as problem:  # NaN, infinities, and integers longer than Python will print
        raise TypeError(f"cannot be encoded for hashing: {problem}") from problem


def digest_of(kind: str, value: object) -> str:
    """SHA-256, as 64 hex digits, of `value` as a `kind`: equal values of two kinds have different digests."""
    if "\0" in kind:
        raise TypeError(f"a kind holds no NUL: {kind!r}")
    return hashlib.sha256(kind.encode("utf-8", "surrogatepass") + b"\0" + canonical(value)).hexdigest()


def _refuse_others(value: object, where: str) -> None:
    kind = type(value)
    if kind in _SCALARS:
        return
    if isinstance(value, dict) and kind is dict:
        for key, item in value.items():
            if type(key) is not str:
                raise TypeError(f"{where}: the key {key!r} is {type(key).__name__}, not str")
            if type(item) not in _SCALARS:
                _refuse_others(item, f"{where}.{key}")
    elif isinstance(value, list) and kind is list:
        for index, item in enumerate(value):
            if type(item) not in _SCALARS:
                _refuse_others(item, f"{where}[{index}]")
    else:
        raise TypeError(f"{where} is {kind.__name__}, which has no canonical encoding; give plain JSON data")


def seal(schema: str, value: object) -> bytes:
    """A JSON document that carries its schema and the SHA-256 of its body's bytes: see `unseal`."""
    body = canonical(value)
    return _head(schema, hashlib.sha256(body).hexdigest()) + body + b"}\n"


def unseal(schema: str, document: bytes) -> Any:
    """The value in a sealed document; None when it is damaged in any byte, or of another schema."""
    start = len(_head(schema, "0" * 64))
    body = document[start:-2]
    if not document.endswith(b"}\n") or document[:start] != _head(schema, hashlib.sha256(body).hexdigest()):
        return None
    try:
        return json.loads(body)
    except ValueError:  # the checksum was right: someone sealed nonsense by hand
        return None


def _head(schema: str, checksum: str) -> bytes:
    return f'{{"schema":"{schema}","checksum":"{checksum}","body":'.encode()
