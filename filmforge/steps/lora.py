"""`lora`: a character's photos made into a LoRA, proven to change the picture before it counts as made."""

from __future__ import annotations

import json

from filmforge.steps.models import loaded_model
from filmforge.steps.work import Work


def run(work: Work) -> None:
    """Outputs `main`, the LoRA as safetensors, and `report`: losses and proof as JSON."""
    from filmforge.lora.dataset import Example, prepare, training_facts
    from filmforge.lora.proof import prove
    from filmforge.lora.train import settings_for, train

    params = work.params
    model = loaded_model(work)
    photos = work.several("photo.")
    captions: list[str] = params["captions"]
    training = training_facts(model.facts)
    model.set_loras([])
    value = {
        "model": params["model"],
        "photos": [work.digests[role] for role in sorted(work.digests)],
        "captions": captions,
        "trigger": params["trigger"],
        "seed": params["seed"],
        "size": list(training.size),
        "frames": training.frames,
    }
    examples = [Example(path, caption) for path, caption in zip(photos, captions, strict=True)]
    total = params["steps"]
    dataset = work.kept(
        "dataset",
        value,
        ".safetensors",
        lambda to: prepare(
            model,
            examples,
            to,
            trigger=params["trigger"],
            seed=params["seed"],
            on_step=lambda done, of: work.progress(0, total, f"preparing photo {done} of {of}"),
        ),
    )
    settings = settings_for(
        model.facts,
        rank=params["rank"],
        steps=total,
        learning_rate=params["learning_rate"],
        seed=params["seed"],
    )
    main = work.out("main", ".safetensors")
    losses = train(
        model,
        dataset,
        settings,
        trigger=params["trigger"],
        scratch=work.scratch,
        out=main,
        preview=work.scratch / "preview.safetensors",
        photos=[work.digests[role] for role in sorted(work.digests)],
        on_step=lambda step, of, loss: work.progress(step, of, f"training, loss {loss:.3f}"),
    )
    work.progress(total, total, "proving that it changes the picture")
    proof = prove(model, main, dataset, preview=work.scratch / "preview.safetensors")
    work.out("report", ".json").write_text(
        json.dumps({"losses": [round(loss, 6) for loss in losses], "proof": vars(proof)}, sort_keys=True),
        encoding="utf-8",
    )
    work.provenance |= {"device": str(model.device)}
