"""Suggestions for mistyped names."""

from filmforge.language.nearest import instead, nearest


def test_a_slip_is_recognised() -> None:
    """A letter too few, too many or exchanged still finds the name."""
    known = ["prompt", "camera", "lasts"]
    assert nearest("promt", known) == "prompt"
    assert nearest("Lasts", known) == "lasts"
    assert nearest("camrea", known) == "camera"


def test_what_is_not_near_is_not_suggested() -> None:
    """A wild guess helps nobody."""
    assert nearest("sunshine", ["prompt", "lasts"]) is None
    assert nearest("", ["a"]) is None
    assert nearest("x" * 500, ["x" * 499]) is None


def test_a_film_of_many_shots_is_searched_quickly() -> None:
    """Ten thousand names are no reason to wait."""
    assert nearest("shot70O0", [f"shot{i}" for i in range(10_000)]) is not None


def test_where_nothing_is_near_the_known_ones_are_named() -> None:
    """As many as one reads; and nothing is said where there is none."""
    assert instead("oen", ["one", "two"]) == "; did you mean 'one'?"
    assert instead("zz", ["one", "two"]) == "; there are one, two"
    assert instead("zz", [f"s{i}" for i in range(20)], "it has").endswith(", s10, s11, ...")
    assert instead("zz", []) == ""
