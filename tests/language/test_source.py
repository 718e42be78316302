"""The safe subset of YAML 1.2, and the places of values."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filmforge.errors import FilmError
from filmforge.language import nodes
from filmforge.language import source as module
from filmforge.language.source import Source, read_text


@pytest.fixture(params=["libyaml", "python"], autouse=True)
def composer(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything here holds for both composers."""
    if request.param == "python":
        monkeypatch.setattr(module, "COMPOSER", nodes.PythonComposer)


def said(text: str) -> str:
    """What is said of a text that is refused."""
    with pytest.raises(FilmError) as caught:
        Source("f", text)
    return str(caught.value)


class TestWords:
    """Scalars mean what YAML 1.2 says, which is what people expect."""

    @pytest.mark.parametrize(
        ("text", "value"),
        [
            ("no", "no"),
            ("on", "on"),
            ("off", "off"),
            ("y", "y"),
            ("Yes", "Yes"),
            ("true", True),
            ("False", False),
            ("null", None),
            ("~", None),
            ("1e-4", 1e-4),
            ("1.0e-4", 1e-4),
            (".5", 0.5),
            ("012", 12),
            ("0o14", 12),
            ("0x1f", 31),
            ("1_000", "1_000"),
            ("1:30", "1:30"),
            ("00:00:04:00", "00:00:04:00"),
            ("2026-11-23", "2026-11-23"),
            ("-7", -7),
            (".inf", ".inf"),
            ('"7"', "7"),
            ("'no'", "no"),
            ("4s", "4s"),
            ("24000/1001", "24000/1001"),
            ("-", None),
        ],
    )
    def test_a_scalar(self, text: str, value: Any) -> None:
        """One scalar, one meaning."""
        data = Source("f", f"a: {text}" if text != "-" else "a:").data["a"]
        assert data == value
        assert type(data) is type(value)


class TestRefused:
    """What the subset leaves out is refused with its place."""

    @pytest.mark.parametrize(
        ("text", "place", "words"),
        [
            ("a: !!str x", "f:1:4", "tags are not allowed"),
            ("a: !!python/object/apply:os.system [x]", "f:1:4", "tags are not allowed"),
            ("a: !x {b: 1}", "f:1:4", "tags are not allowed"),
            ("a: 1\nb: 2\na: 3", "f:3:1", "given twice, first on line 1"),
            ("a: {b: 1, b: 2}", "f:1:11", "given twice"),
            ("x: 1\n<<: {a: 1}", "f:2:1", "no merge key"),
            ("a: &a [*a]", "f:1:", "holds itself"),
            ("a: {mira} climbs", "f:1:11", "needs quotes"),
            ("a: b: c", "f:1:5", "put quotes around"),
            ("a:\n\tb: 1", "f:2:", "tab"),
            ("a: @x", "f:1:4", "cannot begin with '@'"),
            ("a: 'x", "f:1:", "never closed"),
            ("a: 1\n---\nb: 2", "f:2:1", "second document"),
            ("a: *x", "f:1:4", "undefined alias"),
            ("? [a]\n: b", "f:1:3", "a key must be a word"),
            ("", "f:1:1", "the file is empty"),
            ("# only a comment\n", "f:1:1", "the file is empty"),
            ("a: \x07", "f:1:4", "U+0007"),
            ("a: b\x00", "f:1:5", "U+0000"),
            ("- " * 3000, "f:1:1", "nested deeper"),
            ("[" * 3000, "f:1:1", "nested deeper"),
        ],
    )
    def test_a_text(self, text: str, place: str, words: str) -> None:
        """The message has line and column and says what to do."""
        message = said(text)
        assert message.startswith(place)
        assert words in message
        assert "\n" not in message

    def test_all_at_once(self) -> None:
        """Duplicates and tags of a file are all reported, not only the first."""
        message = said("a: 1\na: 2\nb: !t x\nc: {d: 1, d: 2}")
        assert [line.split(":")[1] for line in message.splitlines()] == ["2", "3", "4"]

    def test_a_billion_laughs(self) -> None:
        """Aliases that would fill the memory are refused before anything grows."""
        text = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n"
        text += "".join(f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 40))
        began = time.perf_counter()
        assert "aliases repeat more than" in said(text)
        assert time.perf_counter() - began < 0.5

    def test_too_many_values_are_reported_at_the_alias(self) -> None:
        """At the first that goes too far, and not at another, nor at what it repeats."""
        text = f"w: &w word\nb: &b [*w{', x' * 70_000}]\nc: [*b, *w, *b]\nd:\n  - *w\n  - *b\ne: *b\n"
        assert said(text).startswith("f:6:5: aliases repeat more than 200,000 values")

    def test_an_alias_is_allowed(self) -> None:
        """A value may be used again by an alias."""
        assert Source("f", "a: &x {b: [1]}\nc: *x").data == {"a": {"b": [1]}, "c": {"b": [1]}}


class TestPosition:
    """Each value has the place of its key, or its own in a list."""

    TEXT = "a: 1\nb:\n  - id: x\n    c: {d: 4x}\n  - y\n"

    @pytest.mark.parametrize(
        ("path", "place"),
        [
            ((), (1, 1)),
            (("a",), (1, 1)),
            (("b", 0), (3, 5)),
            (("b", 0, "c"), (4, 5)),
            (("b", 0, "c", "d"), (4, 9)),
            (("b", 1), (5, 5)),
            (("b", 0, "missing", "deeper"), (3, 5)),
            (("b", 9), (2, 1)),
        ],
    )
    def test_a_path(self, path: tuple[str | int, ...], place: tuple[int, int]) -> None:
        """What is not there has the place of what would hold it."""
        assert Source("f", self.TEXT).position(path) == place

    @pytest.mark.parametrize(
        ("text", "at"),
        [
            ("prompt: a {b}", (1, 11)),
            ("prompt: 'it''s {b}'", (1, 16)),
            ('prompt: "a\\n{b}"', (1, 13)),
            ("prompt: a\n  boat {b}", (2, 8)),
            ("prompt: 'a\n\n  boat {b}'", (3, 8)),
            ("prompt: |\n  a\n\n  boat {b}\n# {c}\n", (4, 8)),
            ("prompt: |- # {c}\n  a {b}", (2, 5)),
            ("prompt: >2\n   a\r\n  boat {b}", (3, 8)),
            ("prompt: {text: 'a {b}'}", (1, 1)),
            ('prompt: "a \\x7bb}"', (1, 1)),
        ],
    )
    def test_of_a_sign_within_a_text(self, text: str, at: tuple[int, int]) -> None:
        """However the text is written; the key's, where the sign is not in the file as such."""
        source = Source("f", text)
        value = source.data["prompt"]
        problem = source.problem(("prompt",), "", at=value.index("{") if isinstance(value, str) else 0)
        assert (problem.line, problem.column) == at


class TestReadText:
    """What is no text, or no file, is said so."""

    def test_it_is_missing(self, tmp_path: Path) -> None:
        """There is a way to make one."""
        with pytest.raises(FilmError, match="no such file"):
            read_text(tmp_path / "film.yaml", "film.yaml")

    def test_it_is_a_folder(self, tmp_path: Path) -> None:
        """The film file is named instead."""
        with pytest.raises(FilmError, match=r"film\.yaml"):
            read_text(tmp_path, "here")

    def test_it_is_not_utf8(self, tmp_path: Path) -> None:
        """The first wrong byte has line and column."""
        (tmp_path / "f").write_bytes(b"a: 1\nb: \xff\xfe")
        with pytest.raises(FilmError, match=r"f:2:4: not UTF-8 text: byte 0xff"):
            read_text(tmp_path / "f", "f")

    def test_it_is_too_large(self, tmp_path: Path) -> None:
        """A film file has a few megabytes at most."""
        (tmp_path / "f").write_bytes(b"#" * (module.MOST_BYTES + 1))
        with pytest.raises(FilmError, match="larger than 8 MB"):
            read_text(tmp_path / "f", "f")

    def test_a_byte_order_mark_is_no_text(self, tmp_path: Path) -> None:
        """Editors that write one do no harm."""
        (tmp_path / "f").write_bytes(b"\xef\xbb\xbfa: 1")
        assert read_text(tmp_path / "f", "f") == "a: 1"


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet="ab:{}[]-&*!|>'\"#%@,?\n\t é~<0", max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    """Whatever is written, there is data, or there are problems with places."""
    try:
        data = Source("f", text).data
    except FilmError as error:
        assert all(p.line >= 1 and p.column >= 1 and p.message for p in error.problems)
        return
    assert type(data) in (dict, list, str, int, float, bool, type(None))


@pytest.mark.parametrize("sign", ["\x85", "\u2028", "\u2029"])
def test_lines_are_those_of_editors(sign: str) -> None:
    """A sign that YAML 1.1 takes for the end of a line ends none here, so that places are where an editor has them."""
    source = Source("f", f"# a{sign}\ntitle: b\nscenes: [{{id: c}}]\n")
    assert source.position(("title",)) == (2, 1)
    assert source.position(("scenes", 0, "id")) == (3, 11)
    assert (
        said(f"# a{sign}\ntitle: b\ntitle: c\n")
        == "f:3:1: 'title' is given twice, first on line 2; keep one of them"
    )
    assert said(f"# a{sign}\ntitle: [b\n").startswith("f:3:1: the bracket that opens on line 2 is not closed")
