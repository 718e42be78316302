"""A family of another package: the one that docs/how-to/add-a-model-family.md adds, exactly as it stands there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.video_models.tiny import save_pocket_like

PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "add-a-model-family.md"
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def install(folder: Path) -> Path:
    """The tutorial's package as an installer would leave it: modules, and metadata with the entry point."""
    blocks = _BLOCK.findall(PAGE.read_text(encoding="utf-8"))
    for code in (code for language, code in blocks if language == "python"):
        path = folder / code.splitlines()[0].removeprefix("# ")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(code, encoding="utf-8")
    project = tomllib.loads(next(code for language, code in blocks if language == "toml"))["project"]
    metadata = folder / f"filmforge_dollhouse-{project['version']}.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n", encoding="utf-8"
    )
    ((group, points),) = project["entry-points"].items()
    lines = [f"[{group}]", *(f"{name} = {value}" for name, value in points.items())]
    (metadata / "entry_points.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    film = next(code for language, code in blocks if language == "yaml")
    (folder / "film.yaml").write_text(film, encoding="utf-8")
    return folder


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(folder), str(Path.cwd())))}
    return subprocess.run(
        [sys.executable, "-m", "filmforge", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install(tmp_path_factory.mktemp("dollhouse"))


def test_its_facts_are_shown(folder: Path) -> None:
    """`filmforge models` lists it beside those that come with filmforge."""
    assert "dollhouse" in run(folder, "models").stdout
    assert "fps: 12" in run(folder, "models", "dollhouse").stdout


def test_films_are_checked_against_its_facts(folder: Path) -> None:
    """With the same sentences, and it may be named without a declaration under `models`."""
    text = (folder / "film.yaml").read_text(encoding="utf-8")
    (folder / "wrong.yaml").write_text(
        text.replace("weights: ./weights", "size: 40x32").replace("lasts: 8f", "lasts: 3s"), encoding="utf-8"
    )
    said = run(folder, "check", "wrong.yaml")
    assert said.returncode == 2
    assert "dollhouse cannot render 40x32: both sides are a multiple of 32" in said.stdout + said.stderr
    assert "dolls (dollhouse) renders at most 17" in said.stdout + said.stderr
    (folder / "bare.yaml").write_text(
        re.sub(r"models:\n.*\n", "", text).replace("model: dolls", "model: dollhouse"), encoding="utf-8"
    )
    assert run(folder, "check", "bare.yaml").returncode == 0


@pytest.mark.slow
def test_it_renders(folder: Path) -> None:
    """The film of the tutorial is built, with weights of the layout that its class is for."""
    import av

    save_pocket_like(folder / "weights")
    said = run(folder, "build", "film.yaml")
    assert said.returncode == 0, said.stdout + said.stderr
    with av.open(str(next((folder / "out").glob("*.mp4")))) as film:
        assert sum(1 for _ in film.decode(video=0)) == 8


def test_without_the_package_it_is_unknown(folder: Path, tmp_path: Path) -> None:
    """The film is refused with the families that there are."""
    said = run(tmp_path, "check", str(folder / "film.yaml"))
    assert said.returncode == 2
    assert "'dollhouse' is not one of pocket" in said.stdout + said.stderr
