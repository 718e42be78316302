"""Small named JSON documents: what a film remembers between builds, none of it ever needed."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from filmforge.store.encoding import seal, unseal
from filmforge.store.files import Files, on_disk
from filmforge.store.quarantine import Quarantine

_SCHEMA = "filmforge.memo/1"
_PLAIN = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}").fullmatch


class Memo:
    """Documents by name; any text is a name. Losing one costs an explanation, never a result."""

    def __init__(
        self,
        root: Path,
        files: Files,
        *,
        quarantine: Quarantine,
        ensure: Callable[[], None],
        temporary: Callable[[], Path],
    ) -> None:
        self._root = root
        self._files = files
        self._quarantine = quarantine
        self._ensure = ensure
        self._temporary = temporary

    def get(self, name: str) -> dict[str, Any] | None:
        """The document last put under `name`; None when there is none, or it is damaged."""
        path = self._path(name)
        try:
            value = unseal(_SCHEMA, path.read_bytes())
        except OSError:
            return None
        if not isinstance(value, dict):
            self._quarantine.take(path, "is damaged")
            return None
        return value

    def put(self, name: str, value: dict[str, Any]) -> None:
        """Replace the document in one step. StoreError when the disk refuses, TypeError as `canonical`."""
        document = seal(_SCHEMA, value)
        self._ensure()
        with on_disk("keep the film's state", self._root):
            self._files.replace(self._path(name), document, self._temporary())

    def _path(self, name: str) -> Path:
        plain = name if _PLAIN(name) else hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
        return self._root / f"{plain}.json"
