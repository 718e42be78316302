"""What runs, what waits, what is cached, and why: in memory, with no store and no film."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from filmforge.planning import reasons
from filmforge.planning.resolve import Resolution, digests_of, resolve
from filmforge.planning.step import Made, Source, Step
from filmforge.store import Blob, Record


def digest(text: str) -> str:
    import hashlib

    return hashlib.sha256(text.encode()).hexdigest()


def render(name: str, **params: Any) -> Step:
    inputs = params.pop("inputs", {})
    return Step("render", f"render/{name}", {"frames": 9, "steps": 4, **params}, inputs)


class Results:
    """A store in memory: carries steps out by hashing what they are made of."""

    def __init__(self) -> None:
        self.records: dict[str, Record] = {}
        self.lost: set[str] = set()

    def find(self, key: str) -> Record | None:
        return None if key in self.lost else self.records.get(key)

    def resolve(self, steps: list[Step], last: dict[str, str] | None = None) -> Resolution:
        return resolve(steps, self.find, self.records.get, last or {})

    def build(self, steps: list[Step], *, same: str = "") -> dict[str, str]:
        """Carry out all steps; `same` makes that step's output equal whatever goes in. Returns keys by name."""
        made: dict[str, Record] = {}
        for step in steps:
            digests = digests_of(step, lambda m: made[m.step].outputs[m.output].digest)
            key = step.key(digests)
            content = step.name if step.name == same else key
            outputs = {"main": Blob(digest(content), 1)}
            made[step.name] = Record(
                key,
                step.kind,
                step.name,
                dict(step.params),
                digests,
                outputs,
                {},
                1.0,
                "2026-01-01T00:00:00Z",
            )
            self.records.setdefault(key, made[step.name])
            self.lost.discard(key)
        return {name: record.key for name, record in made.items()}


def chain(prompt: str = "a") -> list[Step]:
    return [
        render("a", prompt=prompt),
        Step("frame", "frame/b", {"frame": 3}, {"picture": Made("render/a")}),
        render("b", prompt="b", inputs={"start": Made("frame/b")}),
    ]


def states(resolution: Resolution) -> dict[str, str]:
    return {name: planned.state for name, planned in resolution.steps.items()}


class TestStates:
    def test_never_made_runs(self) -> None:
        """Before the first build every step runs, since it was never made."""
        resolution = Results().resolve(chain())
        assert set(states(resolution).values()) == {"run"}
        assert resolution.steps["render/b"].because == (reasons.NEVER_MADE,)

    def test_nothing_changed(self) -> None:
        """After a build nothing runs."""
        results = Results()
        last = results.build(chain())
        assert set(states(results.resolve(chain(), last)).values()) == {"cached"}

    def test_behind_a_stale_step_waits(self) -> None:
        """What rests on a stale step waits, and says for what; the stale one says what changed."""
        results = Results()
        last = results.build(chain())
        resolution = results.resolve(chain("c"), last)
        assert states(resolution) == {"render/a": "run", "frame/b": "waits", "render/b": "waits"}
        assert resolution.steps["render/a"].because == ("prompt: 'a' -> 'c'",)
        assert resolution.steps["render/b"].because == ("start: waits for frame/b",)

    def test_early_cutoff(self) -> None:
        """A step whose inputs came out byte-equal is found again, although what they are made from changed."""
        results = Results()
        results.build(chain())
        results.build(chain()[:1] and chain("c"), same="frame/b")
        before = results.build(chain("d"), same="frame/b")
        changed = chain("d")
        assert results.resolve(changed, before).steps["render/b"].state == "cached"

    def test_lost_result(self) -> None:
        """A result that is lost is made again, and the reason says that it was lost."""
        results = Results()
        last = results.build(chain())
        results.lost.add(last["render/a"])
        planned = results.resolve(chain(), last).steps["render/a"]
        assert (planned.state, planned.because) == ("run", (reasons.LOST,))

    def test_older_version_is_found(self) -> None:
        """Going back to what was built before runs nothing."""
        results = Results()
        results.build(chain("old"))
        last = results.build(chain("new"))
        assert set(states(results.resolve(chain("old"), last)).values()) == {"cached"}


class TestReasons:
    def test_input_that_changed_is_named(self) -> None:
        """A changed file is named by its path."""
        results = Results()
        old = Step("plate", "plate/x", {}, {"still": Source("stills/x.png", digest("1"))})
        last = results.build([old])
        new = replace(old, inputs={"still": Source("stills/x.png", digest("2"))})
        assert results.resolve([new], last).steps["plate/x"].because == ("still: stills/x.png changed",)

    def test_nested_params_by_path(self) -> None:
        """A param inside another is named by its path."""
        results = Results()
        last = results.build(
            [render("a", model={"family": "pocket", "weights": "1"}, loras=[{"who": "m", "weight": 1.0}])]
        )
        now = render("a", model={"family": "pocket", "weights": "2"}, loras=[{"who": "m", "weight": 0.5}])
        because = results.resolve([now], last).steps["render/a"].because
        assert because == ("model.weights: '1' -> '2'", "loras[0].weight: 1.0 -> 0.5")


class TestKeys:
    def test_path_does_not_enter(self) -> None:
        """A key depends on a file's bytes and not on its name."""
        one = Step("plate", "plate/x", {"a": 1}, {"still": Source("a.png", "0" * 64)})
        two = Step("plate", "plate/y", {"a": 1}, {"still": Source("b.png", "0" * 64)})
        assert one.key({"still": "0" * 64}) == two.key({"still": "0" * 64})

    @given(
        st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5) | st.booleans(), max_size=4)
    )
    def test_params_enter(self, params: dict[str, Any]) -> None:
        """Two steps have one key only if their params are equal."""
        one, two = Step("mix", "mix", params), Step("mix", "mix", {**params, "more": 1})
        assert one.key({}) == Step("mix", "other", dict(reversed(params.items()))).key({})
        assert one.key({}) != two.key({})
