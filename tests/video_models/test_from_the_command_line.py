"""Every family through the whole path: a film with tiny weights is planned, encoded, sampled, decoded and cut."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import filmforge
from tests.crew import Crew, crew_of
from tests.video_models import tiny


@dataclass(frozen=True)
class Case:
    """What is rendered: the model as the film declares it, how long, and how many frames the model must make."""

    save: Callable[[Path], Path]
    model: str
    native: int
    start: bool = True
    text: bool = True
    lasts: str = "10f"


CASES = {
    "wan2.2-t2v-a14b": Case(tiny.save_a14b_like, "use: wan2.2-t2v-a14b, size: 32x16", native=9, start=False),
    "wan2.2-i2v-a14b": Case(
        lambda to: tiny.save_a14b_like(to, from_image=True),
        "use: wan2.2-i2v-a14b, size: 32x16",
        native=9,
        text=False,
    ),
    "hunyuan-video": Case(tiny.save_hunyuan_like, "use: hunyuan-video, size: 64x32", native=13, start=False),
    "hunyuan-video i2v": Case(
        lambda to: tiny.save_hunyuan_like(to, from_image=True),
        "use: hunyuan-video, version: i2v, size: 64x32",
        native=13,
        text=False,
    ),
    "mochi-1": Case(tiny.save_mochi_like, "use: mochi-1, size: 64x32", native=13, start=False),
    "ltx-video": Case(tiny.save_ltx_like, "use: ltx-video, size: 64x32", native=17),
    "ltx-video 0.9.7": Case(
        lambda to: tiny.save_ltx_like(to, conditioned=True),
        "use: ltx-video, version: 0.9.7-dev, size: 64x32",
        native=17,
    ),
}


def run(*arguments: object, **variables: str) -> tuple[int, str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **variables}
    done = subprocess.run(
        [sys.executable, "-m", "filmforge", *map(str, arguments)],
        capture_output=True,
        text=True,
        env=environment,
        timeout=590,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def write(folder: Path, case: Case) -> Path:
    from tests.media import write_photo

    write_photo(folder / "start.png", (200, 80, 30))
    shots = []
    if case.text:
        shots.append(f'{{id: one, prompt: "a red ball", lasts: {case.lasts}, seed: 1}}')
    if case.start:
        start = "from: one, at: last" if case.text else "image: start.png"
        shots.append(f'{{id: two, prompt: "it rolls", lasts: {case.lasts}, seed: 2, start: {{{start}}}}}')
    film = folder / "film.yaml"
    film.write_text(
        "filmforge: 1\nsize: 64x32\n"
        f"models: {{tiny: {{{case.model}, weights: ./weights, precision: fp32, steps: 2}}}}\n"
        "model: tiny\nscenes:\n  - id: a\n    shots:\n" + "".join(f"      - {shot}\n" for shot in shots),
        encoding="utf-8",
    )
    return film


def renders(film: Path, store: Path | None = None) -> dict[str, Any]:
    """The digest of every render, by step."""
    steps = filmforge.plan(filmforge.load(film, store=store)).steps
    return {
        n: p.record.outputs["main"].digest for n, p in steps.items() if p.record and n.startswith("render")
    }


@pytest.fixture(scope="module")
def crews(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Crew, Crew]]:
    """Of two stores, each with workers who go from family to family."""
    folder = tmp_path_factory.mktemp("families")
    with crew_of(folder / "plenty") as plenty, crew_of(folder / "scarce") as scarce:
        yield plenty, scarce


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_a_film(
    case: Case, crews: tuple[Crew, Crew], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The film has its frames, the renders as many as the family's rule says; texts and latents are kept. From another
    store every frame comes out the same, though its workers have next to no memory and stream all parts. Both sets of
    workers have rendered with the families before."""
    import av

    from filmforge.store import Store

    plenty, scarce = crews
    case.save(tmp_path / "weights")
    film = write(tmp_path, case)
    store = Store(plenty.root)
    before = Counter(record.kind for record in store.records)
    result = filmforge.build(filmforge.load(film, store=plenty.root), executor=plenty)
    assert result.ok, result.done
    assert result.done.ran["render"] == case.start + case.text
    made = renders(film, plenty.root)
    for digest in made.values():
        with av.open(str(store.blobs.path(digest))) as clip:
            assert sum(1 for _ in clip.decode(video=0)) == case.native
    with av.open(str(next((tmp_path / "out").glob("*.mp4")))) as delivered:
        assert sum(1 for _ in delivered.decode(video=0)) == int(case.lasts[:-1]) * len(made)
    kinds = Counter(record.kind for record in Store(plenty.root).records) - before
    assert kinds["latents"] == len(made)
    assert kinds["text"] >= len(made)

    monkeypatch.setenv("FILMFORGE_MEMORY", "1")
    again = filmforge.build(filmforge.load(film, store=scarce.root), executor=scarce)
    assert again.ok, again.done
    assert again.done.ran["render"] == len(made)
    assert renders(film, scarce.root) == made


@pytest.mark.slow
def test_a_shot_past_the_limit(tmp_path: Path) -> None:
    """`extend` adds clips to the one that was there, which is not sampled again, and the colour does not jump between
    them: the mean step at the seam is at most the largest inside the clips."""
    import numpy as np

    from filmforge.editing.frames import read_frames
    from filmforge.editing.seam import colour_steps
    from filmforge.store import Store

    tiny.save_pocket_like(tmp_path / "weights")
    film = tmp_path / "film.yaml"
    top = (
        "filmforge: 1\nsize: 64x32\nfps: 8\n"
        "models: {tiny: {use: pocket, weights: ./weights, steps: 2, size: 32x32}}\nmodel: tiny\n"
    )
    shot = "scenes:\n  - id: a\n    shots:\n      - {id: one, prompt: a ball, seed: 1, "
    film.write_text(f"{top}{shot}lasts: 25f}}\n", encoding="utf-8")
    status, said = run("build", film)
    assert status == 0, said
    film.write_text(f"{top}{shot}lasts: 30f, extend: true}}\n", encoding="utf-8")
    status, said = run("build", film, "--json")
    assert status == 0, said
    assert json.loads(said.strip().splitlines()[-1])["ran"]["render"] == 1
    store = Store(tmp_path / ".filmforge")
    assert [record.kind for record in store.records].count("latents") == 2
    (digest,) = renders(film).values()
    frames = np.stack(list(read_frames(store.blobs.path(digest))))
    assert len(frames) == 25 + 8  # a clip of 9 adds 8
    steps = colour_steps(frames)
    assert steps[24] <= np.delete(steps, 24).max()


@pytest.mark.slow
def test_between_two_pictures(tmp_path: Path) -> None:
    """A shot with both its frames given, on a model with a cache: planned, rendered, and told of."""
    from tests.media import write_photo

    tiny.save_a14b_like(tmp_path / "weights", from_image=True)
    write_photo(tmp_path / "start.png", (200, 80, 30))
    write_photo(tmp_path / "end.png", (20, 80, 230))
    film = tmp_path / "film.yaml"
    film.write_text(
        "filmforge: 1\nsize: 64x32\nfps: 16\n"
        "models: {tiny: {use: wan2.2-i2v-a14b, weights: ./weights, precision: fp32, steps: 2, size: 32x16,"
        " cache: first-block}}\n"
        "model: tiny\nscenes:\n  - id: a\n    shots:\n"
        "      - {id: one, prompt: it rolls, lasts: 9f, seed: 2, start: {image: start.png}, end: {image: end.png}}\n",
        encoding="utf-8",
    )
    status, said = run("build", film)
    assert status == 0, said
    status, said = run("show", film, "a/one@2", "--json")
    assert status == 0, said
    (take,) = json.loads(said)["steps"]
    assert take["settings"]["first_block_cache"] == 0.05
    assert take["end"] != take["start"]


@pytest.mark.slow
def test_two_characters(tmp_path: Path) -> None:
    """Kept apart and added up are different pictures of one seed, and so is another order; from a picture, too. A second
    build renders nothing."""
    import torch

    from filmforge.video_models import tensors
    from tests.media import write_photo

    orders = ("[mira, otto]", "[otto, mira]", "none")
    tiny.save_5b_like(tmp_path / "weights")
    for seed, name in enumerate(("mira", "otto")):
        dice = torch.Generator().manual_seed(seed)
        held = {
            f"transformer.blocks.0.attn1.to_q.lora_{side}.weight": torch.randn(*shape, generator=dice)
            for side, shape in (("A", (2, 24)), ("B", (24, 2)))
        }
        tensors.save(tmp_path / f"{name}.safetensors", held, {})
    write_photo(tmp_path / "start.png", (200, 80, 30))
    shots = "".join(
        f'      - {{id: s{n}, prompt: "{{mira}} waves and {{otto}} sleeps", lasts: 5f, seed: 2, apart: {order}, '
        "start: {image: start.png}}\n"
        for n, order in enumerate(orders)
    )
    film = tmp_path / "film.yaml"
    film.write_text(
        "filmforge: 1\nsize: 64x32\n"
        "models: {tiny: {use: wan2.2-ti2v-5b, size: 64x32, weights: ./weights, precision: fp32, steps: 2}}\n"
        "model: tiny\ncharacters: {mira: {lora: mira.safetensors}, otto: {lora: otto.safetensors}}\n"
        f"scenes:\n  - id: a\n    shots:\n{shots}",
        encoding="utf-8",
    )
    first = filmforge.build(filmforge.load(film), kinds=("render",))
    assert first.ok
    assert len(set(renders(film).values())) == len(orders)
    assert not filmforge.build(filmforge.load(film), kinds=("render",)).done.ran
