"""Ten shots built by filmforge, against the shortest loop over diffusers that makes the same ten clips.

Both are whole processes that end with the clips on the disk: Python's start, imports, loading the model once,
prompts, sampling, decoding, files. The frames are compared, so that both are known to have done the same.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import filmforge
from benchmarks.measuring import Row, environment, in_turn, run, say, scratch, seconds

TIMES = 2
GOAL = 1.05
FRAMES = 17
STEPS = 4
"""Of sampling, a quarter of what pocket takes by itself: whatever filmforge adds weighs four times as much."""
SUBJECTS = (
    "a red fox jumps", "a lighthouse at night", "a girl in a red coat walks", "an old bear sits", "a boat at sea",
    "a tree in the wind", "a white gull flies", "a lantern glows", "a blue house in the rain", "a dog runs",
)  # fmt: skip

_LOOP = """\
import sys
import torch
from diffusers import WanPipeline
from diffusers.utils import export_to_video

pipeline = WanPipeline.from_pretrained(sys.argv[1], torch_dtype=torch.float32)  # else text is embedded in bf16
pipeline.set_progress_bar_config(disable=True)
for seed, prompt in enumerate(sys.argv[3:]):
    frames = pipeline(
        prompt, "", height={height}, width={width}, num_frames={frames}, num_inference_steps={steps},
        guidance_scale={guidance}, max_sequence_length={text}, generator=torch.Generator().manual_seed(seed),
    ).frames[0]
    export_to_video(frames, f"{{sys.argv[2]}}/{{seed}}.mp4", fps=8)
"""
_KEEP = '    __import__("numpy").save(f"{sys.argv[2]}/{seed}.npy", frames)\n'

_BUILD = """\
import sys
import filmforge

assert filmforge.build(filmforge.load(sys.argv[1]), kinds=["render"]).ok
"""


def measure() -> list[Row]:
    """One row: the ten renders of a build from an empty store, against the loop."""
    from filmforge.video_models.facts import facts_of
    from filmforge.video_models.weights import find

    with scratch() as folder:
        facts = facts_of("pocket")
        weights = str(find(facts, None, None, folder).required())
        width, height = facts.size
        # Without advice on threads, either would take the machine's cores as it sees fit; offline, as a build.
        env = environment(folder, HF_HUB_OFFLINE="1")
        film = _film(folder)
        (folder / "build.py").write_text(_BUILD, encoding="utf-8")
        loop = _LOOP.format(
            height=height, width=width, frames=FRAMES, steps=STEPS, guidance=facts.guidance,
            text=facts.text_length,
        )  # fmt: skip
        (folder / "loop.py").write_text(loop, encoding="utf-8")
        (folder / "keep.py").write_text(loop + _KEEP, encoding="utf-8")
        (folder / "clips").mkdir()
        rounds = 0

        def build() -> float:
            shutil.rmtree(folder / ".filmforge", ignore_errors=True)
            return run([sys.executable, "build.py", str(film)], folder=folder, env=env)

        def by_hand() -> float:
            nonlocal rounds
            rounds += 1  # the first does not count: it keeps its frames to be compared
            script = "keep.py" if rounds == 1 else "loop.py"
            return run([sys.executable, script, weights, "clips", *SUBJECTS], folder=folder, env=env)

        say(f"render: {len(SUBJECTS)} clips of {FRAMES} frames, {TIMES} rounds and one before")
        took = in_turn(TIMES, {"loop": by_hand, "filmforge": build})
        same = _compared(film, folder / "clips")
    return [
        Row(
            f"{len(SUBJECTS)} clips of {FRAMES} frames with pocket in {STEPS} steps, on the disk",
            seconds(took["filmforge"]),
            f"a loop over diffusers {seconds(took['loop'])}",
            took["filmforge"] / took["loop"],
            GOAL,
            same,
        )
    ]


def _film(folder: Path) -> Path:
    lines = ["filmforge: 1", "title: Ten", "fps: 8", "captions: none"]
    lines += [f"models: {{quick: {{use: pocket, steps: {STEPS}}}}}", "model: quick", "scenes:"]
    lines += ["  - id: all", "    shots:"]
    for seed, prompt in enumerate(SUBJECTS):
        lines += [f"      - {{id: s{seed}, prompt: {prompt}, lasts: {FRAMES}f, seed: {seed}}}"]
    path = folder / "film.yaml"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def _compared(film: Path, clips: Path) -> str:
    """How far the two are apart, in words."""
    import numpy as np

    from filmforge.editing.frames import read_frames

    planned = filmforge.plan(filmforge.load(film))
    furthest = 0
    for seed in range(len(SUBJECTS)):
        record = planned.steps[f"render/all/s{seed}@{seed}"].record
        assert record is not None
        ours = np.stack(list(read_frames(planned.store.blobs.path(record.outputs["main"].digest))))
        theirs = np.rint(np.load(clips / f"{seed}.npy") * 255).astype(np.uint8)
        assert ours.shape == theirs.shape == (FRAMES, *ours.shape[1:])
        furthest = max(furthest, int(np.abs(ours.astype(int) - theirs).max()))
    return "all frames equal" if furthest == 0 else f"frames differ by up to {furthest} of 255"
