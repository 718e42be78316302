"""Which steps are made already, which run, which wait, and why: the outline held against the store.

The outline is walked in order: a step's key is known once its inputs' digests are. A step behind a stale one
waits, since that may come out byte-equal; it runs for certain only if something of its own changed too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from filmforge.planning import reasons
from filmforge.planning.step import Made, Source, Step
from filmforge.store.records import Record

State = Literal["cached", "run", "waits"]
Find = Callable[[str], Record | None]
Refused = Callable[[Step, Record], str | None]
Found = Callable[[Record], Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class Planned:
    """A step and what is to become of it. `key` is None while an input's digest is not known yet."""

    step: Step
    state: State
    because: tuple[str, ...] = ()
    key: str | None = None
    record: Record | None = None
    anew: bool = False
    """Whether it is to be made although its result is there: it came from another environment."""

    def to_json(self) -> dict[str, Any]:
        return {
            "step": self.step.name,
            "kind": self.step.kind,
            "state": self.state,
            "because": list(self.because),
            "inputs": self.step.made_from(),
        }


@dataclass(slots=True)
class Resolution:
    """Every step of an outline by name, in order, with its state."""

    steps: dict[str, Planned] = field(default_factory=dict)
    spared: set[str] = field(default_factory=set)
    """Steps that are needless: what they were to be better than is good enough."""

    def stale(self) -> list[Planned]:
        return [p for p in self.steps.values() if p.state != "cached"]

    def counts(self, state: State) -> dict[str, int]:
        """How many steps of each kind are in `state`."""
        return dict(Counter(p.step.kind for p in self.steps.values() if p.state == state))


def digests_of(step: Step, output_of: Callable[[Made], str | None]) -> dict[str, str]:
    """The content digest of each input that is known by now, by role."""
    known: dict[str, str] = {}
    for role, given in step.inputs.items():
        digest = given.digest if isinstance(given, Source) else output_of(given)
        if digest is not None:
            known[role] = digest
    return known


def resolve(
    steps: Iterable[Step],
    find: Find,
    peek: Find,
    last: Mapping[str, str],
    refused: Refused = lambda step, record: None,
    found: Found = lambda record: {},
) -> Resolution:
    """Decide the state of each of `steps`, given in an order in which each follows what it is made from.

    `find` gives the record of a key whose outputs are all in the store; `peek` gives a record even if they are
    not. `last` maps a step's name to the key under which it was made last, for the reasons. `refused` says why a
    result that is there does not count, if it does not; its step is made anew. `found` reads the record of a
    `likeness` step: a step that is needless by what was found is left out, also of what others are made from.
    """
    result = Resolution()

    def output_of(made: Made) -> str | None:
        planned = result.steps[made.step]
        return planned.record.outputs[made.output].digest if planned.record else None

    for step in steps:
        if result.spared.intersection(step.made_from()) or step.unless is not None:
            step = without(step, result.spared)
            needless = _needless(step, result, found)
            if needless:
                result.spared.add(step.name)
                continue
            if needless is None:
                result.steps[step.name] = Planned(step, "waits", tuple(_doubts(step, result)))
                continue
        known = digests_of(step, output_of)
        before = last.get(step.name)
        if len(known) == len(step.inputs):
            key = step.key(known)
            record = find(key)
            reason = refused(step, record) if record is not None else None
            if record is not None and reason is not None:
                result.steps[step.name] = Planned(step, "run", (reason,), key, anew=True)
            elif record is not None:
                result.steps[step.name] = Planned(step, "cached", (), key, record)
            else:
                because = _because(step, known, before, peek, key)
                result.steps[step.name] = Planned(step, "run", tuple(because), key)
            continue
        own = _because(step, known, before, peek, None)
        was = peek(before) if before is not None else None
        reason = refused(step, was) if was is not None else None
        if reason is not None:
            own.append(reason)
        stale = {name for name in step.made_from() if result.steps[name].state != "cached"}
        waits = reasons.waiting(step, stale)
        state: State = "run" if own else "waits"
        result.steps[step.name] = Planned(
            step, state, (*own, *([] if own == [reasons.NEVER_MADE] else waits)), anew=reason is not None
        )
    return result


def without(step: Step, spared: Collection[str]) -> Step:
    """The step, made from what is left of its inputs when those are spared."""
    inputs = {r: i for r, i in step.inputs.items() if not (isinstance(i, Made) and i.step in spared)}
    return replace(step, inputs=inputs)


def _needless(step: Step, result: Resolution, found: Found) -> bool | None:
    """Whether the step is spared; None where that is not known yet."""
    if step.unless is None:
        return False
    records = [result.steps[name].record for name in step.unless.measured if name not in result.spared]
    if len(records) < len(step.unless.measured):
        return True  # one before it was spared, and so is this one
    if any(record is not None and step.unless.reached(found(record)) for record in records):
        return True
    return None if None in records else False


def _doubts(step: Step, result: Resolution) -> Iterator[str]:
    assert step.unless is not None
    for name in step.unless.measured:
        if result.steps[name].record is None:
            yield f"only if {name} falls short"


def _because(
    step: Step, known: Mapping[str, str], before: str | None, peek: Find, key: str | None
) -> list[str]:
    if before is None:
        return [reasons.NEVER_MADE]
    if before == key:
        return [reasons.LOST]
    record = peek(before)
    if record is None:
        return [reasons.FORGOTTEN]
    found = reasons.differences(step, record.params, record.inputs, known)
    return list[str](found) or ([reasons.LOST] if key is not None else [])
