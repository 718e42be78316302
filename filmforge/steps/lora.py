"""`lora`: a character's photos made into a LoRA, proven to change the picture before it counts as made."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from filmforge.steps.models import loaded_model
from filmforge.steps.work import Work

if TYPE_CHECKING:
    from filmforge.lora.curve import Curve
    from filmforge.lora.previews import Previews


SECONDS_A_PAGE = 20.0
"""How old the page in the window may become."""


def run(work: Work) -> None:
    """Outputs `main`, the LoRA as safetensors; `report`: losses, held-out losses, likeness, what is kept and why, and the
    proof, as JSON; and `page`: the same as a picture with previews, which lies in the window while the step runs.
    """
    from filmforge.lora.dataset import FORMAT, PRIOR_FORMAT, Example, prepare, prepare_prior, training_facts
    from filmforge.lora.held_out import held_out_count
    from filmforge.lora.previews import Previews
    from filmforge.lora.proof import prove
    from filmforge.lora.resemblance import resemblance
    from filmforge.lora.train import settings_for, train

    params = work.params
    photos = work.several("photo.")
    captions: list[str] = params["captions"]
    _warn_of_photos(work, photos, captions)
    model = loaded_model(work)
    training = training_facts(model.facts)
    model.set_loras([])
    prior = {
        "format": PRIOR_FORMAT,
        "model": params["model"],
        "captions": list(training.prior_captions),
        "frames": training.prior_frames,
        "size": list(training.size),
    }
    value = {
        "format": FORMAT,
        "prior": prior,  # the model and the size among it
        "photos": [work.digests[role] for role in sorted(work.digests)],
        "captions": captions,
        "trigger": params["trigger"],
        "frames": training.frames,
    }
    total = params["steps"]
    examples = [Example(path, caption) for path, caption in zip(photos, captions, strict=True)]

    def prepared(to: Path) -> None:
        samples = work.kept(
            "prior",
            prior,
            ".safetensors",
            lambda out: prepare_prior(
                model,
                out,
                on_step=lambda done, of: work.progress(
                    0, total, f"making prior sample {done} of {of}, once for all characters"
                ),
            ),
        )
        prepare(
            model,
            examples,
            to,
            trigger=params["trigger"],
            prior=samples,
            on_step=lambda done, of: work.progress(0, total, f"preparing photo {done} of {of}"),
        )

    dataset = work.kept("dataset", value, ".safetensors", prepared)
    settings = settings_for(
        model.facts,
        rank=params["rank"],
        steps=total,
        learning_rate=params["learning_rate"],
        seed=params["seed"],
    )
    main = work.out("main", ".safetensors")
    previews = Previews(model, dataset, captions, work.scratch)
    held_out = held_out_count(len(photos))
    page = _Page(work, previews, photos[-1] if held_out else None)
    so_far: dict[str, Curve] = {}

    def on_curve(expert: str, curve: Curve) -> None:
        so_far[expert] = curve
        if previews.pass_by(len(curve.losses), curve.steps) or page.is_old:
            page.show(so_far)

    def on_step(step: int, of: int, loss: float) -> None:
        measured = [m for curve in so_far.values() for m in curve.measured]
        beside = f", {measured[-1].mean:.3f} held out" if measured else ""
        work.progress(step, of, f"training, loss {loss:.3f}{beside}")

    curves = train(
        model,
        dataset,
        settings,
        trigger=params["trigger"],
        scratch=work.scratch,
        out=main,
        preview=work.scratch / "preview.safetensors",
        resemblance=resemblance(model, dataset, photos),
        photos=[work.digests[role] for role in sorted(work.digests)],
        on_step=on_step,
        on_curve=on_curve,
    )
    work.progress(total, total, "proving that it changes the picture")
    proof = prove(model, main, dataset, preview=work.scratch / "preview.safetensors")
    previews.finish(main, max(curve.kept for curve in curves.values()))
    page.show(curves, work.out("page", ".png"))
    _say(work, curves)
    report = {
        "experts": {expert: curve.to_json() for expert, curve in curves.items()},
        "held_out": [work.digests[role] for role in sorted(work.digests)][len(photos) - held_out :],
        "losses": [round(loss, 6) for curve in curves.values() for loss in curve.losses],
        "proof": vars(proof),
    }
    work.out("report", ".json").write_text(json.dumps(report, sort_keys=True), encoding="utf-8")
    kept = {expert: curve.to_json()["kept"] for expert, curve in curves.items()}
    work.provenance |= {"device": str(model.device), "kept": kept}


def _warn_of_photos(work: Work, photos: list[Path], captions: list[str]) -> None:
    """Say what is wrong with the photos while there is still time to stop."""
    from filmforge.photos.judging import judge
    from filmforge.photos.reading import read_photo
    from filmforge.video_models.facts import facts_for

    facts = facts_for(work.params["model"])
    seen = [read_photo(path) for path in photos]
    training = {facts.id: facts.lora} if facts.lora is not None else {}
    said = judge(seen, training, captions=captions).in_short()
    if said:
        who = work.name.removeprefix("lora/").partition("@")[0]
        work.warn(f"{'; '.join(said)} (filmforge train FILM {who} --photos shows them)")


def _say(work: Work, curves: Mapping[str, Curve]) -> None:
    """Say which weights are kept, where they are not the last, and whether anything was learned for other pictures."""
    for expert, curve in curves.items():
        which = f"{expert}: " if len(curves) > 1 else ""
        if curve.kept != curve.steps:
            work.warn(f"{which}kept is {curve.reason}")
        if curve.in_vain:
            work.warn(
                f"{which}the photos held out are no nearer than without the LoRA: give more, and more varied, photos"
            )


def _title(step: int, likeness: float | None, kept: bool) -> str:
    parts = [f"step {step}", *([f"likeness {likeness:.2f}"] if likeness is not None else [])]
    return ", ".join([*parts, *(["kept"] if kept else [])])


class _Page:
    """The page in the window, drawn anew now and then: a training of a minute must not wait for its plot."""

    def __init__(self, work: Work, previews: Previews, held_out: Path | None) -> None:
        self.title, self.previews, self.held_out = work.name, previews, held_out
        self.window = work.window / f"{work.name.removeprefix('lora/')}.png"
        self.drawn = time.monotonic()

    @property
    def is_old(self) -> bool:
        return time.monotonic() - self.drawn > SECONDS_A_PAGE

    def show(self, curves: Mapping[str, Curve], out: Path | None = None) -> None:
        """Put the page into the window and, where it is the last, to `out`."""
        from PIL import Image

        from filmforge.lora.page import Column, draw_page
        from filmforge.photos.reading import read_photo

        kept = {curve.kept for curve in curves.values()} if out is not None else set()
        like = {m.step: curve.likeness(m) for curve in curves.values() for m in curve.measured}
        columns = [
            Column(_title(step, like.get(step), step in kept), self.previews.pictures(step))
            for step in self.previews.taken()
        ]
        if self.held_out is not None and columns:
            photo = Image.fromarray(read_photo(self.held_out).picture)
            columns.insert(0, Column("the photo, held out", [photo]))
        drawn = draw_page(self.title, curves, self.previews.prompts, columns)
        if out is not None:
            drawn.save(out, format="PNG")
        self.window.parent.mkdir(parents=True, exist_ok=True)
        passing = self.window.with_name(
            f".{self.window.name}.{os.getpid()}.part"
        )  # viewers see it change whole
        drawn.save(passing, format="PNG")
        passing.replace(self.window)
        self.drawn = time.monotonic()
