"""`filmforge lora`: what is in a LoRA file, and the same LoRA in another tool's format."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from filmforge.cli.options import json_option, print_json

if TYPE_CHECKING:
    from filmforge.lora.export import Lora
    from filmforge.video_models import lora_bases
    from filmforge.video_models.lora_file import LoraHeader

_file = click.Path(path_type=Path)


@click.command()
@click.argument("file", type=_file)
@click.option(
    "--low", type=_file, help="The part for low noise, where FILE is that for high noise (Wan 2.2 A14B)."
)
@click.option(
    "--to", type=click.Choice(["comfyui", "diffusers", "filmforge"]), help="Write it in this format."
)
@click.option("--into", type=_file, metavar="DIR", help="The folder to write to; that of FILE if absent.")
@click.option("--family", metavar="ID", help="The family it is for, where the file does not tell.")
@json_option
def lora(file: Path, low: Path | None, to: Any, into: Path | None, family: str | None, as_json: bool) -> None:
    """Say what is in a LoRA FILE, made here or elsewhere, and for which model it was made.

    With --to, write the same LoRA in another format: for ComfyUI, for diffusers, or, as filmforge's own, for a film.
    Two files for two experts become one for a film with --low.
    """
    from filmforge.errors import LoraError, UsageError
    from filmforge.video_models.facts import is_family
    from filmforge.video_models.lora_file import EXPERT, read_header

    if family is not None and not is_family(family):
        raise UsageError(f"there is no family of models called '{family}'; see filmforge models")
    if low is not None and to is None:
        raise UsageError("--low joins two files in one: say in which format, --to filmforge for a film")
    try:
        header = read_header(file)
        if to is None:
            told, written = _told(header), []
        else:
            from filmforge.lora.export import opened, write

            read = opened(file, low, family=family)
            told = _told(header) | _scaled(read)
            stem = file.name.removesuffix(".safetensors")
            apart = ("_high_noise", "_low_noise") if low or EXPERT in header.metadata else ()
            for end in (*apart, ".comfyui", ".diffusers"):
                stem = stem.removesuffix(end)
            written = write(read, to, into or file.parent, f"{stem}.film" if to == "filmforge" else stem)
    except LoraError as error:
        raise UsageError(str(error)) from None
    if as_json:
        print_json(told | {"written": [str(path) for path in written]})
        return
    for key, value in told.items():
        click.echo(
            f"{key.replace('_', ' ')}: {', '.join(map(str, value)) if isinstance(value, list) else value}"
        )
    for path in written:
        click.echo(f"written: {path}")


def _told(header: LoraHeader) -> dict[str, Any]:
    """What a header tells, without reading the tensors."""
    from filmforge.video_models import lora_bases
    from filmforge.video_models.lora_names import LAYOUTS

    ranks = sorted({header.shapes[name][0] for name, key in header.keys.items() if key.side == "down"})
    base: str | None = header.family
    if base is None:
        bases = {
            found.title
            for name in lora_bases.layouts_of(header.keys)
            for width in lora_bases.widths(header.shapes, header.keys, LAYOUTS[name])
            if (found := _base(header, name, width))
        }
        declared = header.metadata.get("modelspec.architecture")
        base = declared or ", or ".join(sorted(bases)) or lora_bases.title_of(header.shapes) or "not known"
    told = {
        "file": str(header.path),
        "made_by": "filmforge" if header.made_here else "another tool",
        "made_for": base,
        "weights": header.base_digest and f"{header.base_digest[:12]} {header.base_revision or ''}".strip(),
        "ranks": ranks,
        "alpha": header.alpha,
        "trigger": header.trigger,
        "steps": header.steps,
        "modules": sum(key.side == "down" for key in header.keys.values()),
        "experts": sorted({key.expert for key in header.keys.values() if key.expert}),
    }
    return {key: value for key, value in told.items() if value not in (None, "", [])}


def _base(header: LoraHeader, layout: str, width: int) -> lora_bases.Base | None:
    from filmforge.video_models import lora_bases
    from filmforge.video_models.lora_names import LAYOUTS

    blocks = lora_bases.depths(lora_bases.modules_of(header.keys.values(), LAYOUTS[layout]))
    return lora_bases.known(layout, width, blocks) or lora_bases.known(layout, width)


def _scaled(lora: Lora) -> dict[str, Any]:
    """How strongly the modules of a LoRA that was read count: alpha / rank."""
    pairs = [pair for part in lora.parts.values() for pair in part.values()]
    return {"scales": sorted({round(pair.scale, 6) for pair in pairs})}
