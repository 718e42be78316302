"""What each step made, by its key: a small file each, and a journal that makes ten thousand look-ups quick.

The record files are the truth: JSON that carries its schema and its own checksum, put there in one rename
after the blobs that it names. The journal holds copies of them under the record file's signature; a copy is
believed only while `stat` says that the file is the same, or, in a snapshot, its folder. So a journal that is
lost, damaged, or that others write to at the same moment costs time and never a wrong answer.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filmforge.store.blobs import Blob, Blobs
from filmforge.store.encoding import canonical, seal, unseal
from filmforge.store.files import Files, on_disk, signature
from filmforge.store.journal import Journal
from filmforge.store.quarantine import Quarantine
from filmforge.store.snapshot import Snapshot

SCHEMA = "filmforge.record/1"
_decode = json.JSONDecoder().raw_decode
_HEAD = ("environment", "outputs", "signer")
_KEY = re.compile(r"[0-9a-f]{64}").fullmatch


@dataclass(frozen=True)
class Record:
    """What one step made. `key` in 64 hex digits; `params` and `provenance` plain JSON data.

    `inputs`: role -> digest, `outputs`: role -> blob. `seconds`: how long the step took. `made_at`: UTC in
    ISO form. `environment`: a short name for what it ran in (versions, device), not part of the key, kept
    where it can be compared without reading all of the provenance. `signer`: whose word it is, where it came from
    a mirror (the id of a key); empty for what was made in this store.
    """

    key: str
    kind: str
    step: str
    params: dict[str, Any]
    inputs: dict[str, str]
    outputs: dict[str, Blob]
    provenance: dict[str, Any]
    seconds: float
    made_at: str
    # no defaults on the class: they would hide that a field has not been read yet
    environment: str = field(default_factory=str)
    signer: str = field(default_factory=str)

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            # A record out of the journal is taken apart when it is first asked for something; what a plan of ten
            # thousand steps asks of each stands in front, the rest is asked for a few times only.
            copy = self.__dict__.get("_copy")
            if copy is None or name not in type(self).__dataclass_fields__:
                raise AttributeError(name)
            _, head, document = copy.split(b"\t", 2)
            if name in _HEAD:
                environment, outputs, *signer = _decode(head.decode("utf-8", "surrogatepass"))[0]
                self.__dict__.update(
                    outputs={role: Blob(digest, size) for role, (digest, size) in outputs.items()},
                    environment=environment,
                    signer="".join(signer),  # lines of before there were mirrors have none
                )
            else:
                self.__dict__.update(from_document(document + b"\n").__dict__)
                del self.__dict__["_copy"]
            return self.__dict__[name]


class Records:
    """The records of one store, under `records/ab/<key>.json`."""

    def __init__(
        self,
        root: Path,
        files: Files,
        *,
        blobs: Blobs,
        journal: Journal,
        quarantine: Quarantine,
        ensure: Callable[[], None],
        temporary: Callable[[], Path],
        trusted: Callable[[str], bool] = lambda signer: False,
    ) -> None:
        self._prefix = f"{root}/"
        self._trusted = trusted
        self._root = root
        self._files = files
        self._blobs = blobs
        self._journal = journal
        self._quarantine = quarantine
        self._ensure = ensure
        self._temporary = temporary
        self._known: dict[str, tuple[bytes, Record]] = {}

    def get(self, key: str) -> Record | None:
        """The record of a key; None when there is none, or it is damaged. Says nothing about its blobs."""
        found, new = self._look(key, self._journal.get)
        if new is not None:
            self._journal.put(key, new)
        return found

    def find(self, key: str) -> Record | None:
        """The record of a key if all its outputs are here and undamaged (see `Blobs.has`), else None.

        None also for what came from a mirror under the name of somebody who is not trusted here: several films may
        share a store, and one may trust whom another does not.
        """
        record = self.get(key)
        return record if record is not None and self._counts(record) else None

    def snapshot(self) -> Snapshot:
        """All records as they are now, for who asks for many of them: see there."""
        return Snapshot(
            self._root,
            self._journal,
            place=self._place,
            look=lambda key: self._look(key, self._journal.peek),
            unpack=_copied,
            counts=self._counts,
        )

    def put(self, record: Record) -> None:
        """File a record, its blobs being stored already; on the disk when this returns. It replaces an older.

        Raises StoreError when the disk refuses, TypeError when params or provenance are not plain JSON data,
        ValueError when the key is none.
        """
        if not _KEY(record.key):
            raise ValueError(f"a record's key is 64 hex digits, not {record.key!r}")
        document = to_document(record)
        self._ensure()
        place = self._place(record.key)
        with on_disk("keep a record", self._root):
            self._files.replace(Path(place), document, self._temporary())
            now = signature(Path(place).stat())
        self._known[record.key] = (now, record)
        self._journal.put(record.key, _line(now, record, document))

    def forget(self, key: str) -> None:
        """Remove a record: its step will run again. Nothing happens when there is none."""
        self._known.pop(key, None)
        self._ensure()
        with on_disk("forget a record", self._root):
            try:
                self._files.remove(Path(self._place(key)))
            except FileNotFoundError:
                return
            self._files.sync_dir(Path(self._place(key)).parent)

    def keys(self) -> Iterator[str]:
        """The keys of all record files, readable or not."""
        for folder in sorted(self._root.glob("??")):
            yield from sorted(path.stem for path in folder.glob("*.json") if _KEY(path.stem))

    def __iter__(self) -> Iterator[Record]:
        """All records that can be read."""
        return (record for key in self.keys() if (record := self.get(key)) is not None)

    def path(self, key: str) -> Path:
        """Where the record of a key is, or would be."""
        return Path(self._place(key))

    def forget_all_but(self, keys: Iterable[str]) -> None:
        """Drop what the journal holds of records that are gone."""
        self._journal.rewrite(keys, self._temporary())

    def read(self, key: str) -> Record | None:
        """The record as its file has it, whatever the journal says; None when missing or damaged."""
        found = self._read(Path(self._place(key)))
        return found[2] if found is not None else None

    def _counts(self, record: Record) -> bool:
        if record.signer and not self._trusted(record.signer):
            return False
        return all(map(self._blobs.has, [blob.digest for blob in record.outputs.values()]))

    def _look(self, key: str, line_of: Callable[[str], bytes | None]) -> tuple[Record | None, bytes | None]:
        """The record, and the line to add to the journal when it did not have it."""
        place = self._place(key)
        try:
            now = signature(os.stat(place))  # noqa: PTH116 - asked 10,000 times
        except OSError:
            return None, None
        known = self._known.get(key)
        if known is not None and known[0] == now:
            return known[1], None
        line = line_of(key)
        if line is not None and line.startswith(now + b"\t"):
            return self._unpacked(key, line), None
        found = self._read(Path(place))
        if found is None:
            return None, None
        self._known[key] = (found[0], found[2])
        return found[2], _line(found[0], found[2], found[1])

    def _unpacked(self, key: str, line: bytes) -> Record:
        """The record that a line of the journal is the copy of."""
        now = line[: line.index(b"\t")]
        known = self._known.get(key)
        if known is not None and known[0] == now:
            return known[1]
        record = _copied(key, line)
        self._known[key] = (now, record)
        return record

    def _read(self, path: Path) -> tuple[bytes, bytes, Record] | None:
        """Signature, document and record of a file; a damaged one is set aside."""
        try:
            with path.open("rb", buffering=0) as file:
                status = os.fstat(file.fileno())
                document = file.readall()
        except FileNotFoundError:
            return None
        except OSError as problem:
            self._quarantine.take(path, f"cannot be read ({problem.strerror})")
            return None
        record = from_document(document)
        if record is None or record.key != path.stem:
            self._quarantine.take(path, "is damaged", status.st_ino)
            return None
        return signature(status), document, record

    def _place(self, key: str) -> str:
        return f"{self._prefix}{key[:2]}/{key}.json"


def _copied(key: str, line: bytes) -> Record:
    """The record that a line of the journal is the copy of, to be taken apart when it is asked for something."""
    record = Record.__new__(Record)
    record.__dict__.update(key=key, _copy=line)
    return record


def to_document(record: Record) -> bytes:
    """The JSON that stands in a record's file, sealed by its checksum."""
    value = {name: getattr(record, name) for name in Record.__dataclass_fields__}
    value["outputs"] = {role: [blob.digest, blob.size] for role, blob in record.outputs.items()}
    return seal(SCHEMA, value)


def from_document(document: bytes) -> Record | None:
    """The record in a document; None where it is damaged, or no record."""
    value = unseal(SCHEMA, document)
    if value is None:
        return None
    try:
        value["outputs"] = {role: Blob(digest, size) for role, (digest, size) in value["outputs"].items()}
        return Record(**value)
    except (KeyError, TypeError, ValueError, AttributeError):  # sealed by something else
        return None


def _line(now: bytes, record: Record, document: bytes) -> bytes:
    # Canonical JSON has neither raw tabs nor newlines: inside texts they are escaped.
    outputs = {role: [blob.digest, blob.size] for role, blob in record.outputs.items()}
    return b"\t".join((now, canonical([record.environment, outputs, record.signer]), document[:-1]))
