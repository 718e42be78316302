"""Seeds that are drawn, and the takes of a shot."""

from __future__ import annotations

from filmforge.language.seeds import drawn, drawn_seeds, further, seeds_of

from .conftest import film_with, read


def test_a_drawn_seed_never_changes() -> None:
    """The same on every machine and in every version: films are rendered with it."""
    assert drawn(2026, "arrival/wide") == 1998681702


def test_seeds_differ_by_film_shot_and_take() -> None:
    """Nothing is drawn twice without reason."""
    seeds = {drawn(film, name, take) for film in range(5) for name in ("a/b", "a/c") for take in range(5)}
    assert len(seeds) == 50


def test_takes_and_picks() -> None:
    """The pick, else the shot's own seed, else the first take; without any, the one drawn."""
    film = read(
        film_with(
            "seed: 5\n",
            "      - {id: a, prompt: x, lasts: 1s, takes: [3, 4, 5], pick: 4}\n"
            "      - {id: b, prompt: x, lasts: 1s, takes: [3, 4]}\n"
            "      - {id: c, prompt: x, lasts: 1s, takes: [3, 4], seed: 4}\n"
            "      - {id: d, prompt: x, lasts: 1s, seed: 9}\n"
            "      - {id: e, prompt: x, lasts: 1s}\n"
            "      - {id: f, title: X, lasts: 1s}\n",
        )
    )
    own = drawn(5, "sea/e")
    found = [seeds_of(film, scene, shot) for scene, shot in film.shots()[:5]]
    assert found == [(4, (3, 4, 5)), (3, (3, 4)), (4, (3, 4)), (9, (9,)), (own, (own,))]
    assert drawn_seeds(film) == {"sea/e": own}


def test_a_further_seed_never_changes() -> None:
    """It comes from the take's own seed alone, so that a renamed shot tries the same ones."""
    assert further(7, 1) == 543314089
    assert len({further(seed, number) for seed in range(10) for number in range(1, 10)}) == 90
