"""Who is alive: processes here by the operating system, those elsewhere by their silence."""

from __future__ import annotations

import dataclasses
import os
import platform
import subprocess
import sys

import pytest

from filmforge.store.holder import SILENCE, Holder, decoded, is_dead, myself, tag, tag_is_dead


def never() -> float:
    raise AssertionError("the operating system knows")


def test_comes_back_from_its_file() -> None:
    """What is written down is read back; anything else, cut off anywhere, is nobody."""
    me = myself("token")
    document = me.encoded()
    assert decoded(document) == me
    assert me.is_me()
    assert all(decoded(document[:length]) is None for length in range(len(document)))


def test_names_itself_for_people() -> None:
    """Who waits is told the process, the machine and since when."""
    me = myself()
    assert str(me) == f"process {os.getpid()} on {platform.node()}, since {me.since}"


class TestIsDead:
    def test_knows_this_process_to_be_alive(self) -> None:
        """However long it has been silent: a laptop may have slept."""
        assert not is_dead(myself(), never)

    def test_knows_an_ended_process_to_be_dead(self) -> None:
        """At once, and also while its parent has not asked for its exit status (a zombie)."""
        child = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(60)"])
        holder = dataclasses.replace(myself(), pid=child.pid, started=tag(child.pid).rpartition(".")[2])
        tag.cache_clear()
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert is_dead(holder, never)
        child.wait()
        assert is_dead(holder, never)

    def test_is_not_taken_in_by_a_number_used_again(self) -> None:
        """The same process number with another start is another process."""
        assert is_dead(dataclasses.replace(myself(), started="1"), never)

    @pytest.mark.parametrize("field", ["host", "space"])
    def test_judges_others_by_their_silence(self, field: str) -> None:
        """Another machine, or a container of this one: alive while it is heard of."""
        other: Holder = dataclasses.replace(myself(), **{field: "elsewhere"})
        assert not is_dead(other, lambda: SILENCE - 1)
        assert is_dead(other, lambda: SILENCE + 1)

    def test_reclaims_what_was_held_before_a_restart(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A lock from before this machine started is dead at once; a namesake that is heard of is not."""
        monkeypatch.setattr("filmforge.store.holder._up_for", lambda: 20.0)
        before = dataclasses.replace(myself(), boot="an earlier one")
        assert is_dead(before, lambda: 21.0)
        assert not is_dead(before, lambda: 4.0)


class TestTag:
    def test_tells_files_of_dead_processes(self) -> None:
        """The tag of a live process, or of another machine, is never called dead."""
        mine = tag(os.getpid())
        machine = mine.partition(".")[0]
        assert not tag_is_dead(f"{mine}.7.mp4")
        assert tag_is_dead(f"{machine}.999999999.5.7.mp4")
        assert not tag_is_dead("00000000.999999999.5.7")
        assert not tag_is_dead("step-abc")
        assert not tag_is_dead("")
