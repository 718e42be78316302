"""Suggestions for mistyped names."""

from filmforge.language.nearest import nearest


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
