"""A folder or bucket that several machines reach, by fsspec: whole small files, and large ones piece by piece.

Only plain storage is taken: fsspec also knows file systems that wrap others, run commands or read archives, and none
of those is a place for results.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from filmforge.store.files import CHUNK, chunks

OnBytes = Callable[[int], None]

#: What each protocol needs: the module, and the package that has it.
PROTOCOLS: Mapping[str, tuple[str, str]] = {
    "file": ("fsspec", "fsspec"),
    "memory": ("fsspec", "fsspec"),
    "s3": ("s3fs", "s3fs"),
    "gs": ("gcsfs", "gcsfs"),
    "az": ("adlfs", "adlfs"),
    "abfs": ("adlfs", "adlfs"),
    "hf": ("huggingface_hub", "huggingface-hub"),
    "sftp": ("paramiko", "paramiko"),
    "smb": ("smbprotocol", "smbprotocol"),
}
_IN_PLACE = frozenset({"file", "sftp", "smb", "memory"})  # a file being written there can be seen half done


def protocol_of(url: str) -> str:
    """The protocol of a mirror's address; `file` for a folder."""
    return url.split("://", 1)[0] if "://" in url else "file"


def refusal(url: str) -> str | None:
    """Why `url` cannot be a mirror on this machine, with the remedy; None where it can. Opens nothing."""
    protocol = protocol_of(url)
    if "::" in url or protocol not in PROTOCOLS:
        known = ", ".join(f"{name}://" for name in PROTOCOLS if name not in ("file", "memory"))
        return f"'{url}' cannot be a mirror of results; name a folder, or one of {known}"
    if "@" in url.split("://", 1)[-1].split("/")[0] and protocol not in ("sftp", "smb", "abfs"):
        return (
            f"the address of the mirror ({protocol}://) holds a name or a password; leave it to the storage's own "
            "settings (variables, configuration files), and name bucket and folder only"
        )
    module, package = PROTOCOLS[protocol]
    if find_spec(module) is None:
        return f"the mirror '{url}' needs a package that is not installed: pip install {package}"
    return None


class Remote:
    """The files under `url` by their names. A relative folder is one beside the film, in `base`.

    Whatever the storage's own package raises comes through; FileNotFoundError means that there is no such file.
    """

    def __init__(self, url: str, base: Path) -> None:
        self.url = url
        self._protocol = protocol_of(url)
        self._base = base
        self._opened: tuple[Any, str] | None = None

    def reachable(self) -> bool:
        """Whether the folder of a mirror in a folder is there; True elsewhere, where only asking tells."""
        return self._protocol != "file" or Path(self._root()[1]).is_dir()

    def read(self, name: str, most: int) -> bytes:
        """The whole of a small file; ValueError where it is larger than `most` bytes."""
        system, root = self._root()
        with system.open(f"{root}/{name}", "rb") as file:
            data: bytes = file.read(most + 1)
        if len(data) > most:
            raise ValueError(f"{name} has more than {most} bytes")
        return data

    def size(self, name: str) -> int | None:
        """The bytes of a file; None where there is none."""
        system, root = self._root()
        try:
            return int(system.info(f"{root}/{name}")["size"])
        except FileNotFoundError:
            return None

    def pieces(self, name: str) -> Iterator[bytes]:
        """The bytes of a large file."""
        system, root = self._root()
        with system.open(f"{root}/{name}", "rb") as file:
            while data := file.read(CHUNK):
                yield data

    def send(self, path: Path, name: str, on_bytes: OnBytes) -> None:
        """Put a file there under `name`, whole or not at all."""
        from fsspec.callbacks import Callback

        system, root = self._root()
        if self._protocol in _IN_PLACE:
            self._in_place(chunks(path), name, on_bytes)
            return

        class Sent(Callback):  # type: ignore[misc]
            def relative_update(self, inc: int = 1) -> None:
                on_bytes(inc)

        system.makedirs(f"{root}/{name}".rpartition("/")[0], exist_ok=True)
        system.put_file(str(path), f"{root}/{name}", callback=Sent())

    def write(self, name: str, data: bytes) -> None:
        """Put a small file there, whole or not at all."""
        system, root = self._root()
        if self._protocol in _IN_PLACE:
            self._in_place(iter([data]), name, lambda count: None)
            return
        system.makedirs(f"{root}/{name}".rpartition("/")[0], exist_ok=True)
        system.pipe_file(f"{root}/{name}", data)

    def _in_place(self, data: Iterator[bytes], name: str, on_bytes: OnBytes) -> None:
        """Written aside and renamed, where a file shows while it is written."""
        system, root = self._root()
        part, target = f"{root}/tmp/{secrets.token_hex(12)}", f"{root}/{name}"
        for folder in (f"{root}/tmp", target.rpartition("/")[0]):
            system.makedirs(folder, exist_ok=True)
        try:
            with system.open(part, "wb") as file:
                for chunk in data:
                    file.write(chunk)
                    on_bytes(len(chunk))
            system.mv(part, target)
        except BaseException:
            if system.exists(part):
                system.rm_file(part)
            raise

    def _root(self) -> tuple[Any, str]:
        """The file system and the path of the mirror in it. Opened on the first use: it may take a while."""
        if self._opened is None:
            import fsspec

            # What others put there must be seen: no listing is remembered, no instance shared.
            fresh = {"skip_instance_cache": True, "use_listings_cache": False}
            system = fsspec.filesystem(self._protocol, **({} if self._protocol == "memory" else fresh))
            if self._protocol == "file":
                place = self.url.removeprefix("file://")
                root = str((self._base / Path(place).expanduser()).resolve())
            else:
                root = str(system._strip_protocol(self.url))
            self._opened = system, root.rstrip("/")
        return self._opened
