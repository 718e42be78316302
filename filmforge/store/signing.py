"""Who vouches for a record: Ed25519 keys, one a person, and the list of those whose results a film accepts.

A blob proves itself by its digest, a record does not: whoever can write to a mirror could say that this key has that
result. So a record counts only with a signature over its every byte, by a key that the film's `film.trust` lists.
That file is under version control beside the film; who may change it may change the film as well.
"""

from __future__ import annotations

import base64
import binascii
import getpass
import hashlib
import os
import platform
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from filmforge.errors import UsageError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

KEY_ENVIRONMENT = "FILMFORGE_SIGNING_KEY"
_KEY_FILE = "signing-key"
_SECRET = "filmforge-signing-key"
_DOMAIN = (
    b"filmforge.signature/1\0"  # so that a signature made for anything else never passes for one of ours
)
_SPACES = re.compile(r"\s+")
_HEAD = """\
# Whose results this film accepts from its mirror (`store:`), one public key a line: ed25519 KEY NAME.
# `filmforge build --share` adds yours. Who is removed here is not believed any more.
"""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key that signatures are checked with: 32 bytes, and the name of whom it belongs to."""

    raw: bytes
    name: str = ""

    @property
    def id(self) -> str:
        """What the key is called where its records lie: the first 32 hex digits of its SHA-256."""
        return hashlib.sha256(self.raw).hexdigest()[:32]

    @property
    def line(self) -> str:
        """The key as `film.trust` has it."""
        return f"ed25519 {base64.b64encode(self.raw).decode()} {self.name}".rstrip()

    def signed(self, message: bytes, signature: bytes) -> bool:
        """Whether `signature` is this key's over `message`."""
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        try:
            Ed25519PublicKey.from_public_bytes(self.raw).verify(signature, _DOMAIN + message)
        except (InvalidSignature, ValueError):  # ValueError: no point of the curve
            return False
        return True


class SigningKey:
    """The secret half, which never leaves its file or variable."""

    def __init__(self, private: Ed25519PrivateKey, name: str) -> None:
        self._private = private
        self.public = PublicKey(private.public_key().public_bytes_raw(), name)

    def sign(self, message: bytes) -> bytes:
        """64 bytes that only the holder of the key can make."""
        return self._private.sign(_DOMAIN + message)


def trusted_keys(path: Path) -> tuple[PublicKey, ...]:
    """The keys that the file at `path` lists; none where there is no file.

    Raises UsageError, with the line, for what is no key: a list that is half understood must not be half believed.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"{path} cannot be read: {getattr(error, 'strerror', None) or 'not UTF-8'}; mend it, or restore it from git"
        ) from None
    keys = []
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split("#")[0].split(None, 2)
        if not words:
            continue
        raw = _decoded(words[1]) if len(words) > 1 and words[0] == "ed25519" else None
        if raw is None:
            raise UsageError(
                f"{path}:{number}: this is no public key; a line is `ed25519 KEY NAME`, as `filmforge build --share` "
                "writes it. After a merge, keep the lines of both sides and remove the markers"
            )
        keys.append(PublicKey(raw, words[2].strip() if len(words) > 2 else ""))
    return tuple({key.raw: key for key in keys}.values())


def with_key(path: Path, key: PublicKey) -> bytes:
    """The text of the list at `path` with `key` added."""
    try:
        before = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        before = _HEAD
    return (before + ("" if before.endswith("\n") else "\n") + key.line + "\n").encode()


def own_key(folder: Path, *, create: bool) -> SigningKey | None:
    """This user's key: from the environment, else from the file in `folder`, which is made if `create`.

    Raises UsageError where the key cannot be read, or cannot be made.
    """
    given = os.environ.get(KEY_ENVIRONMENT)
    if given:
        return _read_key(given, f"the variable {KEY_ENVIRONMENT}")
    path = folder / _KEY_FILE
    try:
        if create and not path.exists():
            _make_key(path)
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not a text file"
        raise UsageError(f"the signing key {path}: {reason}; make it readable, or move it away") from None
    return _read_key(text, str(path))


def _make_key(path: Path) -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    secret = base64.b64encode(Ed25519PrivateKey.generate().private_bytes_raw()).decode()
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(f"{_SECRET} {secret} {_my_name()}\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            path.hardlink_to(part)  # of two builds that make one at once, one wins and both use it
        except FileExistsError:
            return
    finally:
        part.unlink()


def _read_key(text: str, where: str) -> SigningKey:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    words = text.split(None, 2)
    raw = _decoded(words[1]) if len(words) > 1 and words[0] == _SECRET else None
    if raw is None:
        raise UsageError(
            f"{where} holds no signing key of filmforge; move it away, and the next --share makes one"
        )
    return SigningKey(
        Ed25519PrivateKey.from_private_bytes(raw), words[2].strip() if len(words) > 2 else _my_name()
    )


def _decoded(text: str) -> bytes | None:
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return raw if len(raw) == 32 else None


def _my_name() -> str:
    try:
        user = getpass.getuser()
    except (KeyError, OSError, ImportError):  # a container without users
        user = "someone"
    return _SPACES.sub("-", f"{user}@{platform.node() or 'somewhere'}").replace("#", "-")


def signer_names(keys: Iterable[PublicKey]) -> dict[str, str]:
    """The names of keys by their ids, for people."""
    return {key.id: key.name or key.id for key in keys}
