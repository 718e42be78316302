"""The environment that a result was made in: the versions and the device that may decide its bits.

It never enters a key. It is recorded, so that a plan can name what another environment made, and `--refresh` can
make just that anew. Versions are read from the packages' metadata: nothing is imported for it.
"""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping, Set
from functools import cache
from typing import Any

from filmforge.planning.resolve import Planned
from filmforge.planning.step import DEVICE_KINDS, Step
from filmforge.store import Record, Store

DECIDING = ("filmforge", "torch", "diffusers", "transformers", "peft")
"""The packages whose version may decide the bits of a render or a LoRA."""
_DEVICES = "devices"


@cache
def versions_here() -> Mapping[str, str]:
    """The versions of Python and of the deciding packages that are installed, by name."""
    from importlib.metadata import PackageNotFoundError, version

    from filmforge import __version__

    found = {"python": platform.python_version(), "filmforge": __version__}
    for name in DECIDING[1:]:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def environment_of(provenance: Mapping[str, Any]) -> str:
    """One line for the environment that a provenance tells of, such as `torch 2.6.0, device cpu`; empty if of none."""
    versions = provenance.get("versions") or {}
    parts = [f"{name} {versions[name]}" for name in DECIDING if name in versions]
    device = provenance.get("device_name") or provenance.get("device")
    if device:
        parts.append(f"device {str(device).replace(',', ' ')}")
    return ", ".join(parts)


def recorded(record: Record) -> str:
    """The environment that a record was made in; empty where it is not known."""
    return record.environment or environment_of(record.provenance)


def here(store: Store) -> dict[str, str]:
    """This machine's environment by name. The device is known once a build here has used one."""
    known = {name: version for name, version in versions_here().items() if name in DECIDING}
    device = (store.memo.get(_DEVICES) or {}).get(platform.node())
    return known | ({"device": device} if device else {})


def remember_device(store: Store, environment: str) -> None:
    """Keep which device a step of this machine ran on, for later plans."""
    device = _parsed(environment).get("device")
    known = store.memo.get(_DEVICES) or {}
    if device and known.get(platform.node()) != device:
        store.memo.put(_DEVICES, known | {platform.node(): device})


def differences(environment: str, now: Mapping[str, str]) -> list[str]:
    """What differs between a recorded environment and `now`, such as `torch 2.5.0 -> 2.6.0`.

    Only what both tell of is compared: of the rest nothing is known.
    """
    there = _parsed(environment)
    return [
        f"{name} {there[name]} -> {now[name]}"
        for name in (*DECIDING, "device")
        if name in there and name in now and there[name] != now[name]
    ]


class Elsewhere:
    """What came from another environment than this machine's, and what of it is to be made anew.

    `anew` holds what the steps that are to be made anew are about; None: no step is.
    """

    def __init__(self, store: Store, anew: Set[str] | None) -> None:
        self._store, self._anew = store, anew
        self._here: dict[str, str] | None = None

    def differs(self, step: Step, record: Record) -> list[str]:
        """What differs between the environment that made a render or a LoRA and this one; nothing of other steps."""
        if not step.device:
            return []
        if self._here is None:
            self._here = here(self._store)
        return differences(recorded(record), self._here)

    def refused(self, step: Step, record: Record) -> str | None:
        """Why the result does not count, where it is to be made anew."""
        if self._anew is None or step.subject not in self._anew:
            return None
        differs = self.differs(step, record)
        return f"environment: {', '.join(differs)}" if differs else None

    def named(self, planned: Iterable[Planned]) -> dict[str, list[str]]:
        """The steps that are up to date and came from another environment, with what differs there."""
        made = ((p.step, p.record) for p in planned if p.step.kind in DEVICE_KINDS)
        found = {step.name: self.differs(step, record) for step, record in made if record is not None}
        return {name: differs for name, differs in found.items() if differs}


def _parsed(environment: str) -> dict[str, str]:
    pairs = (part.partition(" ") for part in environment.split(", ") if part)
    return {name: value for name, _, value in pairs}
