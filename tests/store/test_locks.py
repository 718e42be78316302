"""Locks: never held twice, never kept by the dead, never waited for without a name."""

from __future__ import annotations

import dataclasses
import errno
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

from filmforge.store import Holder, LockBusy, Store
from filmforge.store.files import Files
from filmforge.store.holder import myself
from filmforge.store.locks import Heartbeat

KEY = "ab" * 32


def script(store: Store, body: str) -> subprocess.Popen[str]:
    """Another process with `store` opened."""
    head = "import time\nfrom pathlib import Path\nfrom filmforge.store import Store\n"
    head += f"store = Store(Path({str(store.root)!r}))\n"
    return subprocess.Popen(
        [sys.executable, "-c", head + textwrap.dedent(body)], stdout=subprocess.PIPE, text=True
    )


def write(store: Store, content: bytes) -> Path:
    """A lock as somebody else left it."""
    with store.lock("any"):
        pass
    path = store.root / "locks" / KEY
    path.write_bytes(content)
    return path


class TestLock:
    def test_is_held_by_one(self, store: Store) -> None:
        """While it is held nobody else gets it, not even another thread or store of the same process."""
        with store.lock(KEY) as lock:
            assert lock.is_ours()
            assert store.locks.holder(KEY) == lock.holder
            with pytest.raises(LockBusy) as busy, Store(store.root).lock(KEY, wait=False):
                pass
            assert busy.value.holder == lock.holder
            assert str(os.getpid()) in str(busy.value)
        assert store.locks.holder(KEY) is None
        with store.lock(KEY, wait=False):
            pass
        assert list((store.root / "locks").glob("[!.]*")) == list((store.root / "tmp").iterdir()) == []

    def test_is_given_back_after_a_failure(self, store: Store) -> None:
        """A step that fails leaves no lock."""
        with pytest.raises(ZeroDivisionError), store.lock(KEY):
            raise ZeroDivisionError
        with store.lock(KEY, wait=False):
            pass

    def test_waits_as_long_as_told(self, store: Store) -> None:
        """A number of seconds is waited, the holder named once, and then given up on."""
        named: list[Holder] = []
        with store.lock(KEY) as lock:
            began = time.monotonic()
            with pytest.raises(LockBusy), store.lock(KEY, wait=0.2, on_wait=named.append):
                pass
            assert 0.2 <= time.monotonic() - began < 2
        assert named == [lock.holder]

    def test_is_passed_on_when_given_back(self, store: Store) -> None:
        """Ten threads at once: each gets it, no two together."""
        inside: list[int] = []

        def work(number: int) -> None:
            with store.lock(KEY):
                inside.append(number)
                assert inside == [number]
                time.sleep(0.002)
                inside.remove(number)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert inside == []

    def test_works_without_hard_links(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        """A shared folder that knows no links has locks all the same."""

        def refused(*_: object) -> None:
            raise OSError(errno.EPERM, "no links here")

        monkeypatch.setattr(Files, "link", refused)
        with store.lock(KEY), pytest.raises(LockBusy), store.lock(KEY, wait=False):
            pass
        with store.lock(KEY, wait=False):
            pass


class TestTakeover:
    @pytest.mark.parametrize("content", [b"", b"{", b"\0" * 300, b'{"pid": 1}', b"text"])
    def test_of_an_empty_or_malformed_lock_is_at_once(self, store: Store, content: bytes) -> None:
        """A lock that names nobody is held by nobody."""
        write(store, content)
        with store.lock(KEY, wait=False):
            pass

    def test_of_a_dead_process_is_at_once(self, store: Store) -> None:
        """A lock of a process of this machine that is gone is taken over without waiting."""
        write(store, dataclasses.replace(myself("t"), pid=999999999).encoded())
        assert store.locks.holder(KEY) is None
        with store.lock(KEY, wait=False):
            pass

    def test_of_this_process_is_at_once_if_it_was_not_given_back(self, store: Store) -> None:
        """A program that replaced itself (exec) must not wait for itself for ever."""
        write(store, myself("forgotten").encoded())
        with store.lock(KEY, wait=False):
            pass

    def test_of_this_process_is_at_once_if_taking_it_was_broken_off(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Ctrl-C between the lock's coming to be and its being handed over: nobody holds it, and nobody waits for it."""

        def broken_off(self: Files, path: Path) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(Files, "discard", broken_off)
            with pytest.raises(KeyboardInterrupt), store.lock(KEY):
                pass
        assert (store.root / "locks" / KEY).exists()
        with store.lock(KEY, wait=False):
            pass

    def test_of_another_machine_needs_a_minute_of_silence(self, store: Store) -> None:
        """Named while its heartbeat is young, taken over when it is old."""
        elsewhere = dataclasses.replace(myself("t"), host="elsewhere")
        path = write(store, elsewhere.encoded())
        with pytest.raises(LockBusy) as busy, store.lock(KEY, wait=False):
            pass
        assert busy.value.holder == elsewhere
        os.utime(path, (time.time() - 61, time.time() - 61))
        with store.lock(KEY, wait=False):
            pass

    def test_of_another_machine_does_not_trust_its_clock(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A heartbeat from next year that we watched standing still is old too."""
        monkeypatch.setattr("filmforge.store.holder.SILENCE", 0.3)
        path = write(store, dataclasses.replace(myself("t"), host="elsewhere").encoded())
        os.utime(path, (time.time() + 3e7, time.time() + 3e7))
        began = time.monotonic()
        with store.lock(KEY, wait=5):
            assert time.monotonic() - began > 0.3

    def test_is_by_one_of_many(self, store: Store) -> None:
        """Eight threads find the same dead lock; at no time do two of them hold it."""
        for _ in range(20):
            write(store, dataclasses.replace(myself("t"), pid=999999999).encoded())
            inside: list[int] = []
            together: list[bool] = []

            def work(inside: list[int] = inside, together: list[bool] = together) -> None:
                with Store(store.root).lock(KEY):
                    inside.append(1)
                    together.append(len(inside) > 1)
                    time.sleep(0.0005)
                    inside.pop()

            threads = [threading.Thread(target=work) for _ in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert together == [False] * 8

    def test_leaves_the_lock_of_whoever_came_next(self, store: Store) -> None:
        """Whoever lost its lock to another (having slept) does not remove the other's."""
        with store.lock(KEY) as lock:
            lock.path.unlink()
            taken = dataclasses.replace(myself("t"), host="elsewhere")
            lock.path.write_bytes(taken.encoded())
            assert not lock.is_ours()
        assert store.locks.holder(KEY) == taken


class TestProcesses:
    def test_contend_and_never_meet(self, store: Store, tmp_path: Path) -> None:
        """Three processes count in one file under one lock: no count is lost."""
        count = tmp_path / "count"
        count.write_text("0")
        body = f"""
            count = Path({str(count)!r})
            for _ in range(40):
                with store.lock({KEY!r}):
                    count.write_text(str(int(count.read_text()) + 1))
        """
        workers = [script(store, body) for _ in range(3)]
        for worker in workers:
            worker.communicate(timeout=60)
        assert [worker.returncode for worker in workers] == [0, 0, 0]
        assert count.read_text() == "120"

    def test_killed_while_holding_is_taken_over_at_once(self, store: Store) -> None:
        """SIGKILL leaves the lock file; the next to ask gets the lock, having been told of nobody."""
        body = f"""
            with store.lock({KEY!r}):
                print("held", flush=True)
                time.sleep(60)
        """
        with script(store, body) as worker:
            assert worker.stdout is not None and worker.stdout.readline() == "held\n"
            with pytest.raises(LockBusy) as busy, store.lock(KEY, wait=False):
                pass
            assert busy.value.holder.pid == worker.pid
            named: list[Holder] = []
            threading.Timer(0.2, worker.send_signal, [signal.SIGKILL]).start()
            with store.lock(KEY, on_wait=named.append):
                assert (store.root / "locks" / KEY).exists()
            assert [holder.pid for holder in named] == [worker.pid]


class TestHeartbeat:
    def test_touches_what_is_held_and_then_stops(self, tmp_path: Path) -> None:
        """A held file's time moves on; its thread ends when nothing is held, and starts again."""
        path = tmp_path / "held"
        path.touch()
        heartbeat = Heartbeat(Files(), every=0.02)
        for _ in range(2):
            os.utime(path, (1, 1))
            heartbeat.add(path)
            until = time.monotonic() + 5
            while path.stat().st_mtime == 1 and time.monotonic() < until:
                time.sleep(0.005)
            assert path.stat().st_mtime > 1
            heartbeat.drop(path)
            while heartbeat._thread is not None:
                assert time.monotonic() < until + 10
                time.sleep(0.005)
