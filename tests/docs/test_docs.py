"""The documents are true: their examples run, their commands exist, their links lead somewhere, no key is left out."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from filmforge.cli.main import COMMANDS
from filmforge.language.load import load_text
from filmforge.language.models import FAMILIES
from filmforge.language.part import Part
from filmforge.video_models.facts import facts_of

ROOT = Path(__file__).resolve().parents[2]
DOCS = sorted((ROOT / "docs").rglob("*.md"))
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *DOCS]
FROM_PYTHON = ROOT / "docs" / "how-to" / "from-python.md"
LANGUAGE = ROOT / "docs" / "language.md"

_FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`([^`\n]+)`")
_COMMAND = re.compile(
    r"(?:^\s*(?:\$ )?(?:[A-Z_]+=\S+ )*|\$\()(?:\S*/)?filmforge ([a-z][a-z-]*)", re.MULTILINE
)
_LINK = re.compile(r"""\[[^\]\n]*\]\(([^()\s]+)\)|(?:src|href)=["']([^"']+)["']""")


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def blocks(page: Path, language: str) -> list[str]:
    return [code for _, named, code in _FENCE.findall(text_of(page)) if named == language]


def prose(page: Path) -> str:
    """The page without its blocks of code."""
    return _FENCE.sub("", text_of(page))


def commands_in(page: Path) -> Iterator[str]:
    for _, language, code in _FENCE.findall(text_of(page)):
        if language != "python":
            yield from _COMMAND.findall(code)
    for span in _SPAN.findall(prose(page)):
        yield from _COMMAND.findall(span)


def anchors(page: Path) -> set[str]:
    """The names under which a page's headings can be linked to, made as the usual hosts make them."""
    headings = re.findall(r"^#+ +(.+?)\s*$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def all_parts(base: type[Part] = Part) -> Iterator[type[Part]]:
    for part in base.__subclasses__():
        yield part
        yield from all_parts(part)


def test_python_examples_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The examples of docs/how-to/from-python.md run one after another in an empty folder, and deliver a film."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FILMFORGE_STORE", raising=False)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))  # for workers, where filmforge is not installed
    names: dict[str, object] = {"__name__": "example"}
    for number, code in enumerate(blocks(FROM_PYTHON, "python"), 1):
        exec(compile(code, f"from-python.md, example {number}", "exec"), names)
    assert list((tmp_path / "out").glob("*.mp4"))
    assert "cut/main ran" in capsys.readouterr().out


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_commands_exist(page: Path) -> None:
    """Every `filmforge COMMAND` that a page names is one."""
    assert [name for name in commands_in(page) if name not in COMMANDS] == []


def test_every_command_is_told_of() -> None:
    """Each command is used in a document that somebody wrote, and not in the generated list alone."""
    told = {name for page in DOCS if page.name != "commands.md" for name in commands_in(page)}
    assert [name for name in COMMANDS if name not in told] == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    """Relative links lead to files that are there, and to headings that those have."""
    broken = []
    for link in (one or other for one, other in _LINK.findall(prose(page))):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_films_in_the_documents_are_right(page: Path) -> None:
    """Every block of YAML that is a whole film passes the checks that need no files."""
    for code in blocks(page, "yaml"):
        if code.startswith("filmforge:"):
            load_text(code, name_of(page))


def test_the_reference_is_complete() -> None:
    """docs/language.md has every key of every part of a film, and every family."""
    told = set(re.findall(r"[\w.-]+", " ".join(_SPAN.findall(prose(LANGUAGE)))))
    missing = [
        f"{part.__name__}.{field.alias or name}"
        for part in all_parts()
        if part.__module__.startswith("filmforge.language.")
        for name, field in part.model_fields.items()
        if (field.alias or name) not in told
    ]
    assert missing + [family for family in FAMILIES if family not in told] == []


@pytest.mark.parametrize("family", FAMILIES)
def test_the_reference_says_which_families_render(family: str) -> None:
    """As the families' facts have it."""
    row = re.search(rf"^\| `{re.escape(family)}` \| (yes|not yet)", text_of(LANGUAGE), re.MULTILINE)
    assert row is not None
    assert (row[1] == "yes") == facts_of(family).renders


def test_every_dependency_has_its_reason() -> None:
    """What filmforge requires is imported by it, or a page of docs/decisions/ says why it is there."""
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    modules = {"pillow": "PIL", "pyyaml": "yaml"}
    code = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "filmforge").rglob("*.py"))
    reasons = "\n".join(text_of(page) for page in DOCS if page.parent.name == "decisions")
    without = []
    for requirement in wanted:
        name = re.split(r"[^\w.-]", requirement)[0]
        module = modules.get(name, name.replace("-", "_"))
        if not re.search(rf"^\s*(import|from) {module}\b", code, re.MULTILINE) and name not in reasons:
            without.append(name)
    assert without == []
