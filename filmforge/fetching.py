"""What a film needs of the hub and this machine lacks: how large that is, under which licence, and its download."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filmforge.errors import WeightsError

if TYPE_CHECKING:
    from filmforge.planning.models import Pinned, ResolvedModel
    from filmforge.project import Plan
    from filmforge.video_models.facts import Facts
    from filmforge.video_models.hub import Listing
    from filmforge.video_models.hub_files import HubFiles


@dataclass(frozen=True, slots=True)
class Missing:
    """Weights that a film needs and that are not on this machine.

    `what` they are to the film, `where` on the hub they lie, under which `licence`, in words. `bytes` are to come; None
    where the hub could not be asked, and `guess` then says what is known. `get` downloads them, and gives their commit.
    """

    what: str
    where: str
    licence: str
    bytes: int | None
    guess: str
    get: Callable[[], str]

    def to_json(self) -> dict[str, Any]:
        """All but the download; `guess` is None where the `bytes` are known."""
        guess = self.guess if self.bytes is None else None
        return {
            "what": self.what,
            "where": self.where,
            "licence": self.licence,
            "bytes": self.bytes,
            "guess": guess,
        }


def missing(planned: Plan, *, guess: bool = False) -> list[Missing]:
    """What `planned` needs of the hub. WeightsError where that cannot be asked, unless a `guess` will do."""
    found: dict[tuple[str, int | None], Missing] = {}
    for one in _each(planned, guess):  # two models may have the same weights
        same = found.get((one.where, one.bytes))
        found[one.where, one.bytes] = replace(one, what=f"{same.what}, {one.what}") if same else one
    return list(found.values())


def _each(planned: Plan, guess: bool) -> Iterator[Missing]:
    for model in planned.world.models.values():
        yield from _of_model(planned, model, guess)
    for embedder in planned.world.embedders.values():
        if embedder.folder is None and embedder.repo:
            yield _embedder(embedder.repo, embedder.commit, guess)


def refuse_too_much(wanted: Sequence[Missing]) -> None:
    """Raise WeightsError, before anything is downloaded, where the disk has no room for it all."""
    from filmforge.video_models.hub import free_space
    from filmforge.video_models.weights import hub_cache

    total, free = sum(one.bytes or 0 for one in wanted), free_space()
    if total > free:
        raise WeightsError(
            f"{in_words(total)} are to be downloaded, and {in_words(free)} are free where they go, {hub_cache()}. Make "
            "room there, or let HF_HOME name a folder on a larger disk"
        )


def in_words(size: int) -> str:
    """Bytes as people say them."""
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{max(size / 1e6, 0.1):.1f} MB"


def _of_model(planned: Plan, model: ResolvedModel, guess: bool) -> Iterator[Missing]:
    declared, pin = planned.project.film.model_named(model.name), model.weights
    if pin.folder is None and pin.repo:
        yield _weights(model.name, model.facts, pin, declared.revision, guess, _estimate(model))
    for what, files in ((model.name, pin.hub), (f"LoRA of {model.name}", model.lora_hub)):
        if files is not None and files.absent:
            yield _files(what, files, guess)
    if model.upscale and not model.upscale.weights.folder and model.upscale.weights.repo:
        revision = declared.upscale.revision if declared.upscale else None
        yield _weights(f"upscaler of {model.name}", model.facts, model.upscale.weights, revision, guess)


def _weights(
    what: str, facts: Facts, pin: Pinned, declared: str | None, guess: bool, estimate: str = ""
) -> Missing:
    from filmforge.video_models.hub import download, listing, model_files
    from filmforge.video_models.weights import lacking

    assert pin.repo is not None
    repo, revision = pin.repo, pin.commit or declared or facts.revision or "main"

    def get(there: Listing, names: Sequence[str]) -> str:
        folder = download(there, names, revision)
        if lacks := lacking(folder, facts.variant, pin.apart):
            raise WeightsError(f"{facts.id}: {repo} {lacks}")
        return folder.name

    licence = ""
    if repo in (facts.weights, facts.upscaler):
        licence = f"licence {facts.licence}" + (f" ({facts.licence_note})" if facts.licence_note else "")

    def ask() -> Missing:
        there = listing(repo, revision)
        names = model_files(there, variant=facts.variant, without=pin.apart)
        known = licence or _licence(there.licence)
        return Missing(what, repo, known, there.bytes_of(names), "", lambda: get(there, names))

    return _asked(ask, _unknown(what, repo, licence, estimate), guess)


def _embedder(repo: str, commit: str | None, guess: bool) -> Missing:
    from filmforge.video_models.embedder_weights import embedder_files, refuse_other
    from filmforge.video_models.hub import download, listing

    revision = commit or "main"

    def get(there: Listing, names: Sequence[str]) -> str:
        folder: Path = download(there, names, revision)
        refuse_other(repo, folder)
        return folder.name

    def ask() -> Missing:
        there = listing(repo, revision)
        names = embedder_files(there.files)
        licence = _licence(there.licence)
        return Missing("embedder", repo, licence, there.bytes_of(names), "", lambda: get(there, names))

    return _asked(ask, _unknown("embedder", repo), guess)


def _files(what: str, files: HubFiles, guess: bool) -> Missing:
    from filmforge.video_models.hub_files import about_files, fetch_files

    where = ", ".join(files.absent)

    def ask() -> Missing:
        about = about_files(files)
        return Missing(what, where, _licence(about.licence), about.bytes, "", lambda: fetch_files(files))

    return _asked(ask, _unknown(what, where), guess)


def _unknown(what: str, where: str, licence: str = "", estimate: str = "") -> Missing:
    return Missing(what, where, licence or "licence unknown", None, estimate or "of unknown size", str)


def _asked(ask: Callable[[], Missing], unknown: Missing, guess: bool) -> Missing:
    """What the hub says; where it says nothing and a guess will do, `unknown` with the reason."""
    try:
        return ask()
    except WeightsError as error:
        if not guess:
            raise
        return replace(unknown, guess=f"{unknown.guess} ({error})")


def _licence(named: str | None) -> str:
    return f"licence {named}" if named else "no licence is named on its page"


def _estimate(model: ResolvedModel) -> str:
    """How large an official release is about, at sixteen bits a parameter, as nearly all are published."""
    from filmforge.video_models.published import published

    release = published(model.facts.id, model.version)
    if release is None or release.repo != model.weights.repo:
        return ""
    parts = [part for name, part in release.parts.items() if name not in model.weights.apart]
    return f"about {sum(part.parameters for part in parts) * 2 / 1e9:.0f} GB"
