"""The configurations of the official weights: each part can be built, and is as large as its authors say."""

from __future__ import annotations

import warnings
from functools import cache
from typing import Any

import pytest

from filmforge.video_models.facts import FAMILIES
from filmforge.video_models.published import Part, Published, releases

RELEASES = {
    release.repo: (facts.of_version(version), release)
    for facts in FAMILIES.values()
    for version, release in releases(facts).items()
}


@cache
def parameters(kind: str, config: str) -> int:
    """The parameters of a part built from its configuration where nothing is allocated."""
    import ast

    import diffusers
    import torch
    import transformers

    library, name = kind.split(".")
    made: Any = getattr({"diffusers": diffusers, "transformers": transformers}[library], name)
    values = ast.literal_eval(config)
    with torch.device("meta"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = made.from_config(values) if library == "diffusers" else made(made.config_class(**values))
    return sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize("repo", RELEASES)
def test_every_part_has_the_parameters_on_record(repo: str) -> None:
    """What plans are made from is what diffusers and transformers build from the same configuration."""
    _, release = RELEASES[repo]
    for name, part in release.parts.items():
        assert parameters(part.kind, repr(dict(part.config))) == part.parameters, name
        assert part.source


@pytest.mark.parametrize("repo", RELEASES)
def test_transformers_are_as_large_as_published(repo: str) -> None:
    """To the billions that the authors round to."""
    _, release = RELEASES[repo]
    for part in release.experts.values():
        assert part.parameters == pytest.approx(release.transformer_parameters, rel=0.05)


def test_every_family_with_big_weights_is_on_record() -> None:
    """The default release and every version, under the hub id that the facts name."""
    for facts in FAMILIES.values():
        if facts.weights is not None:
            assert {None, *facts.versions} == set(releases(facts)), facts.id
    assert all(facts.weights == repo for repo, (facts, _) in RELEASES.items())


def test_configurations_fit_the_facts() -> None:
    """A record of another layout than its family's would make wrong plans: what a VAE and patches make of a size."""

    def multiple(release: Published) -> int:
        vae: Part = release.parts["vae"]
        kind = vae.kind.removeprefix("diffusers.")
        side = {"AutoencoderKLWan": vae.config.get("scale_factor_spatial", 8), "AutoencoderKLLTXVideo": 32}
        patch = release.parts["transformer"].config.get("patch_size", 2)
        return side.get(kind, 8) * (patch if isinstance(patch, int) else patch[-1])

    for facts, release in RELEASES.values():
        assert facts.size_multiple == multiple(release), release.repo
