"""The film as a value: frozen pydantic models."""

from __future__ import annotations

import pickle

import pytest
from pydantic import BaseModel, ValidationError

from filmforge.language.film import Delivery, Film, LoraFile, Sound
from filmforge.language.models import FAMILIES
from filmforge.language.part import Part
from filmforge.video_models.facts import FAMILIES as KNOWN

from .conftest import EXAMPLE, read


def test_every_part_is_a_frozen_pydantic_model() -> None:
    """A film's parts are pydantic models that never change and know no other keys."""
    assert issubclass(Part, BaseModel)
    assert Film.model_config["frozen"]
    assert Film.model_config["extra"] == "forbid"
    with pytest.raises(ValidationError):
        Delivery(file="a.mp4").file = "b.mp4"


def test_the_families_are_those_with_facts() -> None:
    """What `use` may name is what there are facts of, and nothing else."""
    assert set(FAMILIES) == set(KNOWN)


def test_a_lora_file_for_each_model() -> None:
    """One path is for every model; paths by model are for those named."""
    assert LoraFile(file="a.safetensors").path_for("hero") == "a.safetensors"
    assert LoraFile(file={"hero": "a.safetensors"}).path_for("sketch") is None


def test_parts_made_in_python_take_frames_as_they_are() -> None:
    """Durations are written only in files."""
    assert Sound(file="a.wav", fade_in=24).fade_in == 24


def test_a_film_survives_being_sent_to_another_process() -> None:
    """Workers and caches pickle what they are given."""
    film = read(EXAMPLE)
    assert pickle.loads(pickle.dumps(film)) == film
