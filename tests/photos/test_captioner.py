"""A captioning model from a folder: a real one of transformers, tiny and with random weights."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
import transformers
from click.testing import CliRunner

from filmforge.cli.train import train
from filmforge.errors import FilmforgeError, WeightsError
from filmforge.photos.captioner import load_captioner
from filmforge.photos.captioning import write_captions
from tests.photos.scenes import scene

WORDS = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "[MASK]",
    "a",
    "girl",
    "fox",
    "boat",
    "red",
    "sea",
    "waves",
    "on",
    "the",
]


@pytest.fixture(scope="module")
def blip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """BLIP with one layer of each kind, that knows a handful of words."""
    folder = tmp_path_factory.mktemp("blip")
    (folder / "vocab.txt").write_text("\n".join(WORDS))
    tokenizer = transformers.BertTokenizer(str(folder / "vocab.txt"))
    small = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    torch.manual_seed(3)
    config = transformers.BlipConfig(
        text_config={
            **small, "vocab_size": len(WORDS), "encoder_hidden_size": 16, "projection_dim": 16,
            "bos_token_id": 2, "eos_token_id": 3, "sep_token_id": 3, "pad_token_id": 0, "max_position_embeddings": 80,
        },
        vision_config={**small, "image_size": 32, "patch_size": 16, "projection_dim": 16},
        projection_dim=16, image_text_hidden_size=16,
    )  # fmt: skip
    model = transformers.BlipForConditionalGeneration(config).eval()
    with torch.no_grad():
        for (
            name,
            parameter,
        ) in model.named_parameters():  # what comes of the picture outweighs what was said before
            if "crossattention" in name or "patch_embedding" in name or "predictions.decoder" in name:
                parameter.normal_(std=2.0)
        model.text_decoder.cls.predictions.bias[:5] = -1e4  # nothing but words is said
    model.save_pretrained(folder)
    images = transformers.BlipImageProcessor(size={"height": 32, "width": 32})
    transformers.BlipProcessor(images, tokenizer).save_pretrained(folder)
    return folder


def test_a_sentence_for_each_picture(blip: Path, tmp_path: Path) -> None:
    """Words of the model, the same ones for the same picture, and not the same for every picture."""
    describe = load_captioner(blip)
    said = []
    for number in range(6):
        colours = ("red", "white", "blue", "black", "yellow", "green")
        scene(number, ground=colours[number]).save(tmp_path / f"{number}.png")
        said.append(describe(tmp_path / f"{number}.png"))
    assert all(set(sentence.split()) <= set(WORDS) for sentence in said)
    assert len(set(said)) > 1
    assert load_captioner(blip)(tmp_path / "0.png") == said[0]


def test_a_model_that_says_nothing(blip: Path, tmp_path: Path) -> None:
    """No caption is made of nothing."""
    scene(1).save(tmp_path / "a.png")
    with pytest.raises(FilmforgeError, match=r"a\.png: the captioning model says nothing"):
        write_captions(
            [tmp_path / "a.png"], "{trigger}, {caption}", trigger="mira", looks="", describe=lambda _: ""
        )
    assert not (tmp_path / "a.txt").exists()


def test_from_the_command_line(blip: Path, tmp_path: Path) -> None:
    """What it sees stands after the trigger word, beside the photo, to be read and mended."""
    (tmp_path / "photos").mkdir()
    scene(1).save(tmp_path / "photos" / "a.png")
    (tmp_path / "film.yaml").write_text(
        "filmforge: 1\nsize: 160x96\nfps: 8\nmodel: pocket\ncharacters: {mira: {looks: x, photos: photos}}\n"
        "scenes: [{id: a, shots: [{id: one, title: x, lasts: 8f}]}]\n"
    )
    arguments = [str(tmp_path / "film.yaml"), "mira", "--photos", "--captioner", str(blip), "--json"]
    ended = CliRunner().invoke(train, arguments, catch_exceptions=False)
    found = json.loads(ended.output)
    assert found["captions_written"] == ["a.txt"]
    words = (tmp_path / "photos" / "a.txt").read_text()
    assert words == f"mira, {load_captioner(blip)(tmp_path / 'photos' / 'a.png')}\n"
    assert found["photos"][0]["caption"] == words.strip()


class TestRefusals:
    def test_weights_that_are_pickled(self, blip: Path, tmp_path: Path) -> None:
        """A pickle runs code as it is read: only safetensors are."""
        for file in blip.iterdir():
            if file.suffix != ".safetensors":
                (tmp_path / file.name).write_bytes(file.read_bytes())
        torch.save({}, tmp_path / "pytorch_model.bin")
        with pytest.raises(WeightsError, match="no weights as safetensors"):
            load_captioner(tmp_path)

    def test_code_in_the_folder_is_not_run(self, blip: Path, tmp_path: Path) -> None:
        """A folder that brings a class of its own is read with the class of transformers, if there is one."""
        for file in blip.iterdir():
            (tmp_path / file.name).write_bytes(file.read_bytes())
        mark = tmp_path / "ran"
        (tmp_path / "evil.py").write_text(f"open({str(mark)!r}, 'w')\nclass Evil: pass\n")
        config = json.loads((tmp_path / "config.json").read_text())
        auto = {"AutoConfig": "evil.Evil", "AutoModelForImageTextToText": "evil.Evil"}
        (tmp_path / "config.json").write_text(json.dumps(config | {"auto_map": auto}))
        load_captioner(tmp_path)
        assert not mark.exists()

    def test_another_kind_of_model_and_none_at_all(self, tmp_path: Path) -> None:
        """Each in one sentence, before torch is even looked at."""
        with pytest.raises(WeightsError, match="no such folder"):
            load_captioner(tmp_path / "none")
        with pytest.raises(WeightsError, match=r"no config\.json"):
            load_captioner(tmp_path)
        (tmp_path / "config.json").write_text('{"model_type": "llava"}')
        with pytest.raises(WeightsError, match="kind 'llava'"):
            load_captioner(tmp_path)
        (tmp_path / "config.json").write_text('{"model_type": "blip"}')
        (tmp_path / "model.safetensors").write_bytes(b"nothing")
        with pytest.raises(WeightsError, match="cannot be loaded"):
            load_captioner(tmp_path)
