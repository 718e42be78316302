"""The plan of memory that a step is given: the quickest that fits, and after a failure the next that needs less."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from filmforge.steps.memory import leaner, out_of_memory, plan_of
from filmforge.steps.work import Session, Work
from filmforge.video_models.facts import facts_of
from filmforge.video_models.memory import plans
from filmforge.video_models.published import published

RELEASE = published("wan2.2-t2v-a14b")
assert RELEASE is not None


def step(lacked: dict[str, float] | None = None) -> Work:
    """A shot on a model whose weights are far larger than any card's memory."""
    work: Any = Work.__new__(Work)
    work.params = {
        "model": {"family": "wan2.2-t2v-a14b", "weights": "w", "precision": "bf16"},
        "size": [1280, 720],
        "frames": 81,
    }
    work.hints = {"lacked": {"w": lacked}} if lacked else {}
    work.session, work.stage = Session(), ""
    return work


def held(work: Work, stage: str) -> Work:
    """The step at `stage`, with the model loaded as its plan says."""
    work.session.held |= {"release": RELEASE, "model": SimpleNamespace(memory=plan_of(work, RELEASE))}
    work.stage = stage
    return work


@pytest.fixture(autouse=True)
def card(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FILMFORGE_MEMORY", "80")


class TestNextLeaner:
    @pytest.mark.parametrize("stage", ["text", "sampling", "decoding"])
    def test_needs_less_where_it_failed(self, stage: str) -> None:
        """And is what the step gets when it is tried again. In the end nothing is leaner."""
        lacked: dict[str, float] = {}
        needs = []
        for _ in range(8):
            work = held(step(lacked), stage)
            plan = work.session.held["model"].memory
            needs.append(plan.need[stage])
            further = leaner(work)
            if further is None:
                break
            lacked = further["lacked"]["w"]
            again = plan_of(step(lacked), RELEASE)
            assert again is not None
            assert further["words"] == again.words
        else:
            pytest.fail("there is always something leaner")
        assert needs == sorted(needs, reverse=True)
        assert len(set(needs)) == len(needs) > 1
        facts = facts_of("wan2.2-t2v-a14b")
        every = plans(facts, RELEASE, precision="bf16", size=(1280, 720), frames=81)
        assert needs[-1] == min(plan.need[stage] for plan in every)  # type: ignore[index]

    def test_remembers_other_stages(self) -> None:
        """What lacked in one stage still does when another fails."""
        first = leaner(held(step(), "sampling"))
        assert first is not None
        second = leaner(held(step(first["lacked"]["w"]), "text"))
        assert second is not None
        assert set(second["lacked"]["w"]) == {"sampling", "text"}

    def test_of_other_weights(self) -> None:
        """What lacked for them does not count."""
        work = step()
        work.hints = {"lacked": {"others": {"sampling": 1.0}}}
        assert plan_of(work, RELEASE) == plan_of(step(), RELEASE)

    def test_on_a_processor(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """All parts stay, without a plan; after a failure each stage has its own parts alone; then nothing is leaner."""
        from filmforge.video_models import runtime

        monkeypatch.delenv("FILMFORGE_MEMORY")
        monkeypatch.setattr(runtime, "device_memory", lambda device: None)
        assert plan_of(step(), RELEASE) is None
        further = leaner(held(step(), "sampling"))
        assert further is not None
        work = held(step(further["lacked"]["w"]), "sampling")
        assert work.session.held["model"].memory.clear
        assert leaner(work) is None

    def test_where_no_model_works(self) -> None:
        """Encoding a video needs no plan."""
        assert leaner(held(step(), "")) is None


def test_the_message() -> None:
    """Says when, under which plan, and what to do."""
    said = out_of_memory(held(step(), "sampling"))
    assert said.startswith("out of memory while sampling (")
    assert "GB); declare a smaller size" in said
    work = step()
    work.params = {"of": "card"}
    assert "--jobs" in out_of_memory(work)
