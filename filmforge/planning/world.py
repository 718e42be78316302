"""What a film's steps ask of the project's files: their digests, lengths, captions, and the models' weights.

Every answer that costs reading is remembered by content, so that a second plan opens nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from filmforge.errors import FilmError, LoraError, MediaError, Problem, WeightsError
from filmforge.language.file_rules import CLIPS, PHOTOS, Media, Sort, model_lora_files, unfit
from filmforge.language.file_rules import files_of as files_of_film
from filmforge.language.film import Film
from filmforge.language.hub_rules import of_the_hub
from filmforge.language.load import Loaded
from filmforge.language.reading import Path as Where
from filmforge.planning.lock import Lock, files_of, lora_of, upscaler_of
from filmforge.planning.models import Pinned, ResolvedModel, resolve_model
from filmforge.planning.step import Source
from filmforge.store import Store
from filmforge.video_models.embedder_weights import (
    OFFICIAL,
    SHIPPED,
    FoundEmbedder,
    find_embedder,
    ships_for,
)
from filmforge.video_models.facts import Facts, facts_of
from filmforge.video_models.hub_files import HubFiles, find_files, with_companions

if TYPE_CHECKING:
    from filmforge.planning.checkpoints import Named
    from filmforge.video_models.checkpoint import Checkpoint
    from filmforge.video_models.lora_file import LoraHeader

_MEDIA = "media"
_BROKEN: Mapping[str, Any] = {"kind": "broken", "seconds": "1", "sound": True}

Probe = Callable[[Path], Mapping[str, Any]]
"""Reads a media file or a colour table: {"kind", "seconds": "a/b" or None, "sound": bool}; raises MediaError."""


@dataclass(slots=True)
class World:
    """The files around one film. `probe` is asked once for each content; weights are looked for `beside`."""

    loaded: Loaded
    folder: Path
    store: Store
    lock: Lock
    probe: Probe
    beside: Path
    notes: list[str] = field(default_factory=list)
    broken: list[Problem] = field(default_factory=list)
    read: dict[str, str] = field(default_factory=dict)
    folders: set[str] = field(default_factory=set)
    embedders: dict[str, FoundEmbedder] = field(default_factory=dict)
    """Those that measure likeness in this film, by what it calls them."""
    _models: dict[str, ResolvedModel] = field(default_factory=dict)
    # LoRAs of the hub, by what they are called: the files that they are of, and the name there.
    _hub: dict[str, tuple[HubFiles, str]] = field(default_factory=dict)
    # A LoRA may be on every shot, and taking its keys apart takes a while.
    _headers: dict[str, LoraHeader | None] = field(default_factory=dict)
    _misfits: dict[tuple[str, str, str | None], str | None] = field(default_factory=dict)
    _configs: dict[str, dict[str, Any] | None] = field(default_factory=dict)
    _media: dict[str, Any] | None = None
    _changed: bool = False

    @property
    def film(self) -> Film:
        return self.loaded.film

    def source(self, path: str) -> Source:
        """The file at `path`, by content."""
        if path in self._hub:
            files, name = self._hub[path]
            here = files.paths.get(name)
            return Source(path, files.identity(name), str(here) if here else None)
        where = self.folder / path
        if path not in self.read:
            self.read[path] = self.store.sources.digest(where)
        return Source(path, self.read[path])

    def length(self, path: str) -> Fraction:
        """The duration of a media file in seconds; 1 for a picture, which `fits` refuses."""
        return Fraction(str(self._about(path).get("seconds") or 1))

    def fits(self, path: str, sort: Sort, where: Where) -> None:
        """Refuse at `where` a file that is not a picture, footage or colour table, or has no sound, as is wanted there."""
        about = self._about(path)
        if about["kind"] != "broken" and (wrong := unfit(path, sort, Media(about["kind"], about["sound"]))):
            self.refuse(where, wrong)

    def photos(self, folder: str) -> list[tuple[Source, str | None]]:
        """The photos and clips of a folder, each with the words of NAME.txt beside it, in order of names."""
        self.folders.add(folder)
        found = []
        for path in sorted((self.folder / folder).iterdir()):
            if path.suffix.lower() not in PHOTOS | CLIPS or path.name.startswith("."):
                continue
            name = f"{folder}/{path.name}"
            self._about(name)
            caption = path.with_suffix(".txt")
            words = self.text(f"{folder}/{caption.name}") if caption.is_file() else None
            found.append((self.source(name), words))
        if not found:
            self.refuse_file(
                folder, f"{folder} holds no photos; put PNG, JPEG or WebP pictures or short clips there"
            )
        return found

    def text(self, path: str) -> str:
        """The words in a text file, which enter params and so keys; read as UTF-8."""
        try:
            self.source(path)
            return (self.folder / path).read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            what = (
                "is not a text file in UTF-8"
                if isinstance(error, UnicodeDecodeError)
                else str(error.strerror)
            )
            self.refuse_file(path, f"{path}: {what}; save it as UTF-8")
            return ""

    def model(self, name: str) -> ResolvedModel:
        """The model of the film called `name`, with its weights pinned as far as they can be."""
        if name not in self._models:
            self._models[name] = resolve_model(
                self.film, name, self._pin(name), self._pin_upscaler(name), self._find_lora(name)
            )
        return self._models[name]

    @property
    def models(self) -> Mapping[str, ResolvedModel]:
        """The models asked for so far."""
        return self._models

    def lora_misfit(self, path: str, model: ResolvedModel, expert: str | None = None) -> str | None:
        """Why the LoRA file at `path` does not fit `model`, or that `expert` of it; None where it fits."""
        asked = (path, model.name, expert)
        if asked not in self._misfits:
            self._misfits[asked] = self._misfit(path, model, expert)
        return self._misfits[asked]

    def _misfit(self, path: str, model: ResolvedModel, expert: str | None) -> str | None:
        from filmforge.video_models.lora_file import PEFT_CONFIG, mismatch
        from filmforge.video_models.weights import Weights

        if (header := self._header(path)) is None:
            return None
        if header.lacks_config and not self._place(path).with_name(PEFT_CONFIG).is_file():
            if path not in self._hub:
                self.folders.add(str(PurePosixPath(path).parent))  # so that one put there is noticed
            return f"{path}: peft keeps its alpha in {PEFT_CONFIG}, which is not beside it; put it there"
        pin = model.weights
        folder = Path(pin.folder) if pin.folder else None
        found = mismatch(
            header, model.facts, Weights(model.facts.id, folder, pin.repo, pin.commit, pin.digest), expert
        )
        return found and found.replace(str(self._place(path)), path)

    def lora_config(self, path: str) -> dict[str, Any] | None:
        """What peft wrote beside the LoRA file at `path` of its scale, if the file does not say it itself."""
        if path not in self._configs:
            self._configs[path] = self._config(path)
        return self._configs[path]

    def _config(self, path: str) -> dict[str, Any] | None:
        from filmforge.video_models.lora_file import PEFT_CONFIG

        if (header := self._header(path)) is None or not header.lacks_config:
            return None
        if path in self._hub:
            return self._read_config(path)
        beside = str(PurePosixPath(path).with_name(PEFT_CONFIG))
        if not (self.folder / beside).resolve().is_relative_to(self.folder.resolve()):
            self.refuse_file(path, f"{beside} leads out of the project folder; put the file itself there")
            return None
        self.source(beside)  # so that a change of it is noticed
        return self._read_config(path)

    def _read_config(self, path: str) -> dict[str, Any] | None:
        from filmforge.video_models.lora_file import peft_config

        place = self._place(path)
        try:
            return peft_config(place)
        except LoraError as error:
            beside = str(error).removeprefix(f"{place.parent}/")
            self.refuse_file(path, f"{path.rpartition('/')[0]}/{beside}".removeprefix("/"))
            return None

    def _place(self, path: str) -> Path:
        """Where a LoRA file lies: in the project, or in the hub's cache."""
        files, name = self._hub.get(path, (None, ""))
        return files.paths[name] if files is not None else self.folder / path

    def _header(self, path: str) -> LoraHeader | None:
        """What the LoRA file at `path` says of itself; None where it is not here, or where it is none and refused."""
        from filmforge.video_models.lora_file import read_header

        if path in self._hub and self._hub[path][1] not in self._hub[path][0].paths:
            return None
        if path not in self._headers:
            place = self._place(path)
            try:
                self._headers[path] = read_header(place)
            except LoraError as error:
                self._headers[path] = None
                self.refuse_file(path, str(error).replace(str(place), path))
        return self._headers[path]

    def embedder(self, model: ResolvedModel) -> FoundEmbedder:
        """What compares the pictures of `model`: the film's embedder, else the one that knows what the model draws."""
        name = self.film.embedder or (SHIPPED if ships_for(model.facts.id) else OFFICIAL)
        if name not in self.embedders:
            locked = self.lock.weights.get(name)
            commit = locked.commit if locked else None
            try:
                found = find_embedder(name, self.beside, commit=commit, hasher=self.store.sources.digest)
            except WeightsError as error:
                self.refuse("embedder", str(error))
                found = FoundEmbedder(name, None)
            if found.digest is None and locked is not None and locked.digest:
                # What was measured elsewhere holds, though nothing can be measured here.
                found = replace(found, digest=locked.digest)
            self.embedders[name] = found
        return self.embedders[name]

    def refuse(self, where: str | Where, message: str) -> None:
        """Note something wrong at `where` in the film; all such are raised together when the outline is done."""
        self.broken.append(self.loaded.problem(where, message))

    def refuse_file(self, path: str, message: str) -> None:
        """Note something wrong with a file, at every place where the film names it, or the folder of photos it is in.

        One that is named nowhere is told of at the film's beginning: no error is lost.
        """
        for where in list(self._places(path)) or [()]:
            self.refuse(where, message)

    def _places(self, path: str) -> Iterator[Where]:
        if path in self._hub:
            hub, called = self._hub[path]
            for name, model in self.film.models.items():
                if model.lora is not None and model.lora.hub == hub.repo:
                    yield from (
                        named.path for named in model_lora_files(name, model.lora) if named.file == called
                    )
            return
        folder = path.rpartition("/")[0]
        for named in files_of_film(self.film):
            if named.file == path or (named.sort == "photos" and named.file == folder):
                yield named.path

    def remember(self) -> None:
        """Keep what was learned of media, for the next plan."""
        if self._changed and self._media is not None:
            self.store.memo.put(_MEDIA, self._media)
            self._changed = False

    def _about(self, path: str) -> Mapping[str, Any]:
        source = self.source(path)
        if self._media is None:
            self._media = dict(self.store.memo.get(_MEDIA) or {})
        if source.digest not in self._media:
            try:
                self._media[source.digest] = dict(self.probe(self.folder / path))
            except MediaError as error:
                self.refuse_file(path, str(error).replace(str(self.folder / path), path))
                return _BROKEN
            self._changed = True
        known: Mapping[str, Any] = self._media[source.digest]
        return known

    def _pin(self, name: str) -> Pinned:
        from filmforge.planning.checkpoints import named_in

        declared = self.film.model_named(name)
        facts = facts_of(declared.use).of_version(declared.version)
        if facts.id in ("animatic", "comfyui"):
            return Pinned(digest=facts.id)
        named = named_in(declared, name, facts, self.beside, self.loaded.problem)
        return self._pinned(name, facts, named, declared.revision, declared.version)

    def _pin_upscaler(self, name: str) -> Pinned | None:
        from filmforge.planning.checkpoints import Named

        declared = self.film.model_named(name)
        facts = facts_of(declared.use).of_version(declared.version)
        if declared.upscale is None or facts.upscaler is None:
            return None
        own = replace(facts, weights=facts.upscaler, revision=None)
        return self._pinned(
            upscaler_of(name), own, Named(declared.upscale.weights), declared.upscale.revision
        )

    def _find_lora(self, name: str) -> HubFiles | None:
        """The files of a model's own LoRA, where they are of a repository on the hub."""
        declared = self.film.model_named(name)
        lora, facts = declared.lora, facts_of(declared.use)
        if lora is None or lora.hub is None:
            return None
        where, names = f"models.{name}.lora", with_companions(lora.files.values())
        found = self._of_hub(lora_of(name), facts.id, lora.hub, lora.revision, names, where)
        self._hub |= {found.called(file): (found, file) for file in names}
        return found

    def _of_hub(
        self, entry: str, family: str, repo: str, revision: str | None, names: Iterable[str], where: str
    ) -> HubFiles:
        """What the lock calls `entry`: files of `repo`, at the commit that it pins for that `revision`."""
        locked = self.lock.weights.get(entry)
        pin = locked if locked and locked.pins(family, repo, revision) else None
        commit, known = (pin.commit, pin.files) if pin else (None, None)
        try:
            hasher = self.store.sources.digest
            return find_files(repo, names, revision, commit=commit, known=known, hasher=hasher)
        except WeightsError as error:
            raise FilmError([self.loaded.problem(where, str(error))]) from error

    def _pinned(
        self, name: str, facts: Facts, named: Named, declared: str | None, version: str | None = None
    ) -> Pinned:
        """What the lock calls `name`: these weights, at the commit that it pins for that `declared` revision."""
        from filmforge.planning.checkpoints import found_files, held_against
        from filmforge.video_models.checkpoint import digest_with
        from filmforge.video_models.weights import find

        hasher, refused = self.store.sources.digest, self.loaded.problem
        locked = self.lock.weights.get(name)
        revision = declared
        if locked and locked.pins(facts.id, named.base or facts.weights, declared):
            revision = locked.commit
        files: dict[str, Checkpoint] = {}
        hub = None
        if named.hub is not None:
            names, where = [source for source, _ in named.files.values()], f"models.{name}.weights"
            hub = self._of_hub(files_of(name), facts.id, named.hub, named.revision, names, where)
        apart = tuple(named.files)
        try:
            files = found_files(named, facts, self.beside, refused, hub)
            found = find(facts, named.base, revision, self.beside, without=apart, hasher=hasher)
        except WeightsError as error:
            pins = dict(locked.files or {}) if locked else {}
            here = {component: hasher(checkpoint.path) for component, checkpoint in files.items()}
            same = set(pins) == set(named.files) and here.items() <= pins.items()
            if locked and locked.family == facts.id and locked.digest and same:
                self.notes.append(str(error))
                return Pinned(locked.digest, locked.repo, locked.commit, None, file_digests=pins, apart=apart)
            if not named.base and not named.files:
                raise
            remedy = "name a folder of diffusers' layout, a hub id, or a .safetensors or .gguf file"
            if len(named.files) == 1 and named.hub is None:
                ((source, _),) = named.files.values()
                remedy += of_the_hub(source, "weights", ".gguf")
            raise FilmError([self.loaded.problem(f"models.{name}.weights", f"{error}; {remedy}")]) from error
        own = held_against(files, named, facts, version, found.folder, refused, hasher)
        if hub is not None:  # of those that are not here, what the lock has
            sources = {component: source for component, (source, _) in named.files.items()}
            own |= {part: hub.digests[source] for part, source in sources.items() if source in hub.digests}
        digest = digest_with(found.digest, own) if own and found.digest else found.digest
        if len(own) < len(named.files):
            digest = None
        elif digest is None and locked and locked.commit == found.commit and (locked.files or {}) == own:
            digest = locked.digest
        return Pinned(
            digest,
            found.repo,
            found.commit,
            str(found.folder) if found.folder else None,
            {component: str(checkpoint.path) for component, checkpoint in files.items()},
            own,
            any(checkpoint.gguf for checkpoint in files.values())
            or any(name.endswith(".gguf") for name in (hub.names if hub else ())),
            apart,
            hub,
        )
