"""The canonical encoding: one value, one encoding; other values, other encodings."""

from __future__ import annotations

import enum
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filmforge.store.encoding import canonical, digest_of, seal, unseal

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters())  # lone surrogates included
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def typed(value: Any) -> Any:
    """The value with its types spelt out, so that 1, 1.0 and True compare unequal, as do 0.0 and -0.0."""
    if isinstance(value, dict):
        return ("dict", tuple(sorted((key, typed(item)) for key, item in value.items())))
    if isinstance(value, list):
        return ("list", tuple(typed(item) for item in value))
    return (type(value).__name__, repr(value))


class TestCanonical:
    @settings(deadline=None)
    @given(values, values)
    def test_is_equal_exactly_for_equal_values_of_equal_types(self, one: Any, other: Any) -> None:
        """Two values share an encoding if and only if they are the same JSON value of the same types."""
        assert (canonical(one) == canonical(other)) == (typed(one) == typed(other))

    @settings(deadline=None)
    @given(values)
    def test_can_be_read_back(self, value: Any) -> None:
        """Nothing is lost in the encoding: reading it gives the value, types and all."""
        assert typed(json.loads(canonical(value))) == typed(value)

    @settings(deadline=None)
    @given(st.dictionaries(st.text(), scalars, min_size=2))
    def test_does_not_depend_on_the_order_of_keys(self, value: dict[str, Any]) -> None:
        """A dict written the other way round is the same dict."""
        assert canonical(dict(reversed(value.items()))) == canonical(value)

    def test_tells_numbers_texts_and_booleans_apart(self) -> None:
        """1, 1.0, "1" and True are four values, and so are 0.0 and -0.0."""
        assert len({canonical(value) for value in (1, 1.0, "1", True)}) == 4
        assert canonical(0.0) != canonical(-0.0)

    def test_does_not_take_two_halves_for_a_character(self) -> None:
        """A pair of lone surrogates and the character it would form are different texts."""
        assert canonical("\ud83d" + "\ude00") != canonical("\U0001f600")

    def test_keeps_texts_as_they_are(self) -> None:
        """Composed and decomposed letters are different texts: nothing is normalised."""
        assert canonical("é") != canonical("e\u0301")

    @pytest.mark.parametrize(
        "value",
        [
            (1, 2),
            {1: "a"},
            {None: "a"},
            {"a": {2.5: "b"}},
            b"bytes",
            {1, 2},
            float("nan"),
            float("inf"),
            [float("-inf")],
            object(),
            enum.IntEnum("Take", ["ONE"]).ONE,
            enum.StrEnum("Kind", ["SHOT"]).SHOT,
            10**5000,
        ],
        ids=lambda value: type(value).__name__,
    )
    def test_refuses_what_has_no_encoding(self, value: Any) -> None:
        """Tuples, enums, NaN and the like stop the build instead of being left out of a key."""
        with pytest.raises(TypeError):
            canonical(value)

    def test_says_where_the_refused_value_is(self) -> None:
        """The message names the path to it."""
        with pytest.raises(TypeError, match=r"value\.shots\[1\]\.size is tuple"):
            canonical({"shots": [{}, {"size": (160, 96)}]})


class TestDigestOf:
    def test_tells_kinds_apart(self) -> None:
        """The same params as a render and as a segment have different digests of 64 hex digits."""
        assert digest_of("render", {"a": 1}) != digest_of("segment", {"a": 1})
        assert len(bytes.fromhex(digest_of("render", {}))) == 32

    def test_is_the_same_in_every_version(self) -> None:
        """A pinned digest: changing the encoding would make every film ever built stale."""
        value = {"prompt": "Ada é", "seed": 7, "guidance": 5.0, "size": [160, 96], "loop": False, "lut": None}
        assert (
            digest_of("render", value) == "ab723cb1b426a22ff2b11d7e8473092ff6e4065ee0c5f782c8fa9c217d7b67eb"
        )


class TestSeal:
    @settings(deadline=None)
    @given(values)
    def test_holds_any_value(self, value: Any) -> None:
        """What is sealed can be unsealed, and is valid JSON with its schema in front."""
        document = seal("test/1", value)
        assert typed(unseal("test/1", document)) == typed(value)
        assert json.loads(document)["schema"] == "test/1"

    def test_is_broken_by_any_change_of_any_byte(self) -> None:
        """Cut off at any byte, or with any byte changed, it is not believed."""
        document = seal("test/1", {"a": [1, 2.5, None], "b": "text"})
        for at in range(len(document)):
            assert unseal("test/1", document[:at]) is None
            for bit in (1, 128):
                changed = document[:at] + bytes([document[at] ^ bit]) + document[at + 1 :]
                assert unseal("test/1", changed) is None
        assert unseal("test/1", document + b"\n") is None

    def test_of_another_schema_is_not_believed(self) -> None:
        """A memo put in the place of a record is no record."""
        assert unseal("test/2", seal("test/1", {})) is None
