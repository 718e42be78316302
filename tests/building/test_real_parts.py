"""The whole path with nothing replaced: real diffusers pipelines on tiny weights, a real LoRA, real FFmpeg, real
processes. (That they may be killed at any moment is shown by `faults/kills.py`.)"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from faults.films import trained


def filmforge(*arguments: object, **options: Any) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "filmforge", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        # A shell may have had this run's SIGINT ignored, as it does for what runs in its background.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        **options,
    )


def build(film: Path) -> tuple[int, list[dict[str, Any]]]:
    process = filmforge("build", film, "--json")
    out, _ = process.communicate(timeout=400)
    return process.returncode, [json.loads(line) for line in out.splitlines() if line.startswith("{")]


def digests(film: Path) -> dict[str, str]:
    """The digest of every step's main output, by step."""
    process = filmforge("plan", film, "--all", "--json")
    out, _ = process.communicate(timeout=60)
    assert all(step["state"] == "cached" for step in json.loads(out)["steps"]), out
    import filmforge as library

    steps = library.plan(library.load(film)).steps
    return {name: p.record.outputs["main"].digest for name, p in steps.items() if p.record}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("real")
    trained(folder)
    return folder


@pytest.fixture(scope="module")
def undisturbed(project: Path) -> dict[str, str]:
    """The film, built without disturbance: digests by step."""
    status, events = build(project / "film.yaml")
    assert status == 0, events[-3:]
    assert events[-1]["ran"]["lora"] == 1
    assert events[-1]["ran"]["render"] == 2
    return digests(project / "film.yaml")


@pytest.mark.slow
class TestWhole:
    def test_delivered_film(self, project: Path, undisturbed: dict[str, str]) -> None:
        """The film has exactly the frames it adds up to, and picture and sound are equally long to a frame."""
        import av

        with av.open(str(project / "out/film.mp4")) as film:
            video, audio = film.streams.video[0], film.streams.audio[0]
            assert sum(1 for packet in film.demux(video) if packet.size) == 24 + 24 - 6 + 12
            assert abs(float(audio.duration * audio.time_base) - 54 / 24) <= 1 / 24
            assert (video.codec_context.name, video.codec_context.pix_fmt) == ("h264", "yuv420p")
            assert audio.codec_context.sample_rate == 48_000

    def test_the_lora_goes_out_and_comes_back(
        self, project: Path, undisturbed: dict[str, str], tmp_path: Path
    ) -> None:
        """`train --export` trains nothing anew; what `lora --to filmforge` makes of the export is the stored file."""
        film, out = project / "film.yaml", tmp_path / "out"
        said, _ = (
            process := filmforge("train", film, "mira", "--export", "comfyui", "--into", out)
        ).communicate()
        assert process.returncode == 0, said
        exported = out / "mira@tiny.comfyui.safetensors"
        assert f"written: {exported}" in said
        said, _ = (process := filmforge("lora", exported, "--to", "filmforge")).communicate(timeout=200)
        assert process.returncode == 0, said
        back = hashlib.sha256((out / "mira@tiny.film.safetensors").read_bytes()).hexdigest()
        assert back == undisturbed["lora/mira@tiny"]

    def test_renders_are_equal_when_made_again(
        self, project: Path, undisturbed: dict[str, str], tmp_path: Path
    ) -> None:
        """From an empty store every step comes out byte-equal: training, renders, sound and film."""
        again = copy_of(project, tmp_path)
        assert build(again / "film.yaml")[0] == 0
        assert digests(again / "film.yaml") == undisturbed


@pytest.mark.slow
def test_interrupted(project: Path, tmp_path: Path) -> None:
    """Ctrl-C ends the build with status 130 and leaves no process behind; the next build goes on."""
    again = copy_of(project, tmp_path)
    process = filmforge("build", again / "film.yaml")
    workers = workers_of(process)
    os.kill(process.pid, signal.SIGINT)
    out, _ = process.communicate(timeout=20)
    assert process.returncode == 130, out
    assert "kept" in out
    _, alive = psutil.wait_procs(workers, timeout=10)
    assert not alive
    assert build(again / "film.yaml")[0] == 0


def workers_of(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """The workers of a running build, as soon as there is one that has begun to work."""
    for _ in range(2400):
        found = psutil.Process(process.pid).children(recursive=True)
        if any(worker.cpu_times().user > 0.2 for worker in found):
            return found
        time.sleep(0.05)
    process.kill()
    raise AssertionError("the build started no worker in two minutes")


def copy_of(project: Path, where: Path) -> Path:
    """The project under the same name, without its store."""
    return Path(
        shutil.copytree(
            project, where / project.name, ignore=shutil.ignore_patterns(".filmforge", "out", "film.lock")
        )
    )
