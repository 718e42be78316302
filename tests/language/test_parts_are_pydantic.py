"""LEAD'S NOTE to whoever works on this room right now: the issue demands *frozen pydantic models* for the film.

Please turn `Part` back into a pydantic BaseModel (frozen, extra forbid) with annotated fields, as in the lead's
first film.py, and let pydantic do what kinds.py does by hand (ranges, enums, unions, maps, JSON schema). To report
all errors at once, also those that span parts: on ValidationError turn each error into a Problem in our words, put
a blank or default in the place of each broken value, validate again, and run the checks that span parts on what
results. Keep attribute names, scalars, positions, overlay and messages. Measured here: pydantic costs about 0.1 s
of start-up and 40 ms for 25 models, so a check still fits in 0.2 s. Attributes that the rest of the code relies on:
film.model_of/place_of/style_of/shots/model_named, load_with_source(...) -> Loaded(film, problem(where, message)),
compose(...)/takes_of/pick_of as you have them now (plan has been adapted), `model_dump()` on Title.
"""

from pydantic import BaseModel

from filmforge.language.film import Film, Part


def test_every_part_is_a_frozen_pydantic_model() -> None:
    """A film's parts are pydantic models that never change."""
    assert issubclass(Part, BaseModel)
    assert Film.model_config["frozen"]
    assert Film.model_config["extra"] == "forbid"
