"""`docs/traps.md`: which mistakes are known, where they are avoided, and which test fails when one is made again."""

from __future__ import annotations

from itertools import groupby

from traps.table import TRAPS

TITLES = {
    "1": "Alpha is lost, and a LoRA acts with another strength",
    "2": "A prefix is missing, and a LoRA does nothing",
    "3": "Two experts are taken for one, or for one another",
    "4": "The boundary of the experts is taken for a place in a schedule",
    "5": "Signs: Mochi's velocity and timesteps are the others' turned round",
    "6": "Hunyuan's embedded guidance is 1 in training and 6 in sampling",
    "7": "The length of a text, and what stands past its end",
    "8": "Latents are normalised in each family's own way",
    "9": "LTX: packed latents, positions in seconds, masked text, shifted levels",
    "10": "Frame rates",
    "11": "What must stay in fp32",
    "12": "LoRAs are trained in fp32",
    "13": "What a kept result is known by",
    "frames": "Lengths that a model cannot make",
    "size": "Sizes that a model cannot make",
    "shift": "Shifts of the noise levels",
    "targets": "Which modules a LoRA is put on",
    "dora": "Formats that are read in part",
    "start": "First frames that are given",
    "second": "The second pass of LTX-Video",
    "files": "Transformers from one file",
}

_INTRODUCTION = """# Traps

Models of this field go wrong silently: a sign, a scale or a prefix, and pictures are only worse. Each trap below is
avoided where the table says, and a test fails when it is fallen into again. The table proves itself:

```console
$ make traps                              # all of them: four minutes
$ .venv/bin/python -m traps 5 frames      # some
```

For each line a copy of filmforge is made, the trap put back by changing its source, and the test run. What is not
noticed ends it with status 1. The list is `traps/table.py`; this page is written from it by `make generated`.

The tests of direction (`test_samples_come_nearer`) train a LoRA on one clip for each family and expert, and sample with
the family's real pipeline: with it, samples are at most 0.55 as far from the clip as the base's at the same seeds, in the
autoencoder's own latents; with two experts, for each, 0.4. Their tiny models let noise through, as trained ones do
(`tests/video_models/teachable.py`).
"""


def page() -> str:
    """The page as Markdown."""
    parts = [_INTRODUCTION]
    for trap, those in groupby(TRAPS, key=lambda one: one.trap):
        name = f"{trap}. {TITLES[trap]}" if trap.isdigit() else TITLES[trap]
        lines = [f"## {name}\n", "| put back | avoided in | test that fails |", "| --- | --- | --- |"]
        for one in those:
            files = ", ".join(
                dict.fromkeys(f"`{edit.file.removeprefix('filmforge/')}`" for edit in one.edits)
            )
            tests = "<br>".join(f"`{_short(test)}`" for test in one.tests)
            lines.append(f"| {one.what} | {files} | {tests} |")
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def _short(test: str) -> str:
    file, _, name = test.partition("::")
    return f"{file.removeprefix('tests/')}::{name.rpartition('::')[2]}"
