"""A character's photos looked at before training: captions made where asked, faults found, the sheet drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filmforge.language.film import Character
from filmforge.photos.captioner import load_captioner
from filmforge.photos.captioning import check_template, write_captions
from filmforge.photos.judging import NOT_JUDGED, Judgement, judge
from filmforge.photos.reading import Photo, read_photo
from filmforge.photos.sheet import draw_sheet
from filmforge.planning.training import caption_of
from filmforge.video_models.family import LoraFacts


@dataclass(frozen=True, slots=True)
class Review:
    """What was found. `captions` are what each photo is trained with; `written` the caption files made just now."""

    who: str
    folder: str
    photos: Sequence[Photo]
    captions: Mapping[str, str]
    judgement: Judgement
    written: Mapping[Path, str]
    sheet: Path

    def to_json(self) -> dict[str, Any]:
        return {
            "character": self.who,
            "folder": self.folder,
            "sheet": str(self.sheet),
            "photos": [
                {
                    "file": photo.name,
                    "size": list(photo.size),
                    "caption": self.captions[photo.name],
                    "written": photo.caption is not None,
                    "faults": [fault.to_json() for fault in self.judgement.each[photo.name]],
                }
                for photo in self.photos
            ],
            "faults": [fault.to_json() for fault in self.judgement.together],
            "not_judged": [NOT_JUDGED],
            "captions_written": [path.name for path in self.written],
        }


def review(
    who: str,
    character: Character,
    photos: Sequence[Path],
    training: Mapping[str, LoraFacts],
    sheet: Path,
    *,
    template: str | None = None,
    captioner: Path | None = None,
) -> Review:
    """Look at `photos` of a character, caption those without words where told how, and draw the sheet to `sheet`.

    `training` is how the models that she is trained on are trained, by their names. UsageError for a template that
    cannot be filled in, WeightsError for a captioner that is none, MediaError for what is neither photo nor clip.
    """
    trigger = character.trigger or who
    written: Mapping[Path, str] = {}
    if template is not None or captioner is not None:
        words = template or "{trigger}, {caption}"
        check_template(words, described=captioner is not None)
        describe = load_captioner(captioner) if captioner is not None else None
        written = write_captions(photos, words, trigger=trigger, looks=character.looks, describe=describe)
    seen = [read_photo(path) for path in photos]
    captions = {photo.name: caption_of(photo.caption, trigger, character.looks) for photo in seen}
    judgement = judge(seen, training)
    sheet.parent.mkdir(parents=True, exist_ok=True)
    passing = sheet.with_name(f".{sheet.name}.part")
    draw_sheet(f"{who}: {len(seen)} photos", seen, captions, judgement).save(passing, format="PNG")
    passing.replace(sheet)
    return Review(who, character.photos or "", seen, captions, judgement, written, sheet)
