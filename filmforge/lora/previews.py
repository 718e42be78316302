"""Pictures by the way: what the LoRA draws so far, always of the same prompts and seeds.

One is of the caption of the last photo, which is held out where any is; one of a caption without the character, to see
that she does not leak into everybody else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from filmforge.lora.dataset import read, training_facts
from filmforge.video_models.lora_file import LoraUse
from filmforge.video_models.model import VideoModel
from filmforge.video_models.sampling import Frame

_STEPS = 8
"""Enough to see what it is, and little beside the training."""
_SEED = 1
_TIMES = 4
"""Into how many parts a training is divided by them."""


def one_picture(
    model: VideoModel, text: Mapping[str, Tensor], empty: Mapping[str, Tensor], seed: int
) -> Frame:
    """A picture at the size of the training, with the weights as they are; the same for the same weights and seed."""
    facts = model.facts
    latents = model.sample(
        positive=text,
        negative=empty,
        frames=facts.first,
        size=training_facts(facts).size,
        steps=max(facts.fewest_steps, min(_STEPS, facts.steps)),
        guidance=facts.guidance,
        shift=facts.shift,
        seed=seed,
    )
    first: Frame = model.decode(latents)[0]
    return first


@dataclass(slots=True)
class Previews:
    """The previews of one training, kept as pictures in `place`, so that one that was stopped has those from before.

    `captions` are the words of the photos, in the data set's order.
    """

    model: VideoModel
    dataset: Path
    captions: Sequence[str]
    place: Path
    prompts: list[str] = field(init=False)
    """What is drawn, in words."""
    room: bool = field(default=True, init=False)
    """Whether there was memory for them so far."""
    _texts: list[Mapping[str, Tensor]] = field(init=False)
    _empty: Mapping[str, Tensor] = field(init=False)

    def __post_init__(self) -> None:
        data = read(self.dataset)
        priors = training_facts(self.model.facts).prior_captions[: len(data.prior)]
        self.prompts = [self.captions[-1], *priors[:1]]
        self._texts = [data.items[-1].text, *(item.text for item in data.prior[:1])]
        self._empty = data.empty

    @property
    def meanwhile(self) -> bool:
        """Whether pictures can be drawn while the model is trained.

        Not where that takes more than the expert at hand, nor where decoding has the transformer leave the device.
        """
        model = self.model
        clears = model.memory is not None and model.memory.clear
        return model.facts.text_to_video and len(model.experts) == 1 and not clears

    def pass_by(self, step: int, steps: int) -> bool:
        """Draw, with the LoRA that is in memory, if it is time: at the start, and at every quarter passed."""
        quarters = [taken * _TIMES // steps for taken in self.taken()]
        if not self.meanwhile or step >= steps or step * _TIMES // steps in quarters:
            return False
        self._draw(step)
        return True

    def finish(self, lora: Path, kept: int) -> None:
        """Draw what is kept, and the model without it, through the renderer's own path."""
        if not self.model.facts.text_to_video:
            return
        try:
            if 0 not in self.taken():
                self.model.set_loras([])
                self._draw(0)
            self.model.set_loras([LoraUse(lora)])
            self._draw(kept)
        finally:
            self.model.set_loras([])

    def taken(self) -> list[int]:
        """The steps of which there are pictures."""
        return sorted({int(path.name.split("-")[1]) for path in self.place.glob("preview-*-0.png")})

    def pictures(self, step: int) -> list[Image.Image]:
        """The pictures of a step, one for each prompt."""
        return [
            Image.open(path).convert("RGB") for path in sorted(self.place.glob(f"preview-{step:08}-*.png"))
        ]

    def _draw(self, step: int) -> None:
        # The last first: a step counts as taken by its first picture.
        for number, text in reversed(list(enumerate(self._texts))):
            if not self.room:
                return
            try:
                frame = one_picture(self.model, text, self._empty, _SEED)
            except torch.OutOfMemoryError:
                self.room = False
                torch.cuda.empty_cache()
                return
            path = self.place / f"preview-{step:08}-{number}.png"
            passing = path.with_name(f".{path.name}")
            Image.fromarray(frame).save(passing, format="PNG")
            passing.replace(path)
