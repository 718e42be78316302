"""The data set: photos and clips read right, captions made right, everything prepared once."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from filmforge.errors import LoraError, MediaError
from filmforge.lora.dataset import Example, caption_for, prepare, prepare_prior, read
from filmforge.lora.pictures import bucket, read_clips
from filmforge.video_models.facts import LoraFacts, facts_of
from filmforge.video_models.wan import WanModel

POCKET = facts_of("pocket")
FIVE = facts_of("wan2.2-ti2v-5b")


def training(family: str) -> LoraFacts:
    found = facts_of(family).lora
    assert found
    return found


class TestCaptions:
    def test_a_written_caption_counts_and_bears_the_trigger(self, tmp_path: Path) -> None:
        """NAME.txt beside NAME.png; the trigger word goes in front where it is not in it."""
        photo = tmp_path / "a.png"
        assert caption_for(photo, "mira", "a girl in red") == "mira, a girl in red"
        assert caption_for(photo, "mira", "") == "mira"
        photo.with_suffix(".txt").write_text("waving,\n from behind\n")
        assert caption_for(photo, "mira", "a girl in red") == "mira, waving, from behind"
        photo.with_suffix(".txt").write_text("Mira waves")
        assert caption_for(photo, "mira", "a girl in red") == "Mira waves"
        photo.with_suffix(".txt").write_text("  \n")
        assert caption_for(photo, "mira", "a girl") == "mira, a girl"


class TestPictures:
    def test_a_photo_is_turned_upright_and_cropped(self, tmp_path: Path) -> None:
        """EXIF rotation is obeyed, transparency stands on white, the crop is about the centre."""
        image = Image.new("RGB", (96, 160), "blue")
        image.paste("red", (0, 0, 48, 160))
        exif = Image.Exif()
        exif[0x0112] = 6  # turn by a quarter, clockwise, to stand upright
        image.save(tmp_path / "a.jpg", exif=exif, quality=95)
        (clip,) = read_clips(tmp_path / "a.jpg", POCKET, training("pocket"))
        assert clip.shape == (1, 96, 160, 3)
        assert clip[0, 10, 80, 0] > 200  # red is on top now
        assert clip[0, 90, 80, 2] > 200
        Image.new("RGBA", (160, 96), (0, 0, 0, 0)).save(tmp_path / "b.png")
        assert read_clips(tmp_path / "b.png", POCKET, training("pocket"))[0].min() == 255

    @pytest.mark.parametrize("mode", ["L", "P", "CMYK", "I;16", "1"])
    def test_any_kind_of_picture_becomes_rgb(self, mode: str, tmp_path: Path) -> None:
        """Grey, palette, print, deep and black-and-white pictures are read."""
        path = tmp_path / ("a.tif")
        Image.new(mode, (160, 96)).save(path)
        assert read_clips(path, POCKET, training("pocket"))[0].shape == (1, 96, 160, 3)

    @given(st.tuples(st.integers(1, 5000), st.integers(1, 5000)))
    def test_buckets_keep_the_shape_and_never_scale_up(self, size: tuple[int, int]) -> None:
        """A bucket is legal, no larger than the training area, and no larger than the picture."""
        facts = training("wan2.2-ti2v-5b")
        found = bucket(size, FIVE, facts)
        assert FIVE.legal_size(found)
        unit = FIVE.size_multiple
        for side, own in zip(found, size, strict=True):
            assert side <= own or side == unit
        if min(found) > unit:
            assert found[0] * found[1] <= facts.size[0] * facts.size[1]
            assert abs(np.log(found[0] / found[1]) - np.log(size[0] / size[1])) < 0.7

    def test_a_family_of_one_size_has_one_bucket(self) -> None:
        """pocket knows 160x96 and nothing else; the 5B trains a tall photo tall."""
        assert bucket((3000, 4000), POCKET, training("pocket")) == (160, 96)
        assert bucket((3000, 4000), FIVE, training("wan2.2-ti2v-5b")) == (384, 544)
        assert bucket((640, 352), FIVE, training("wan2.2-ti2v-5b")) == (640, 352)


class TestClips:
    def clip(self, path: Path, frames: int, fps: int) -> Path:
        """A clip whose frame number is its brightness."""
        with av.open(str(path), "w") as container:
            stream = container.add_stream("ffv1", rate=fps)
            stream.width, stream.height, stream.pix_fmt = 160, 96, "bgr0"
            for number in range(frames):
                grey = np.full((96, 160, 3), number, dtype=np.uint8)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(grey, format="rgb24")))
            container.mux(stream.encode())
        return path

    def test_a_clip_is_sampled_at_the_family_s_rate(self, tmp_path: Path) -> None:
        """Trap 10: from 24 fps, every third frame for a model of 8 fps; no more than the training length."""
        path = self.clip(tmp_path / "a.mkv", 48, 24)
        clips = read_clips(path, POCKET, replace(training("pocket"), frames=9))
        assert [clip[:, 0, 0, 0].tolist() for clip in clips] == [list(range(0, 27, 3))]
        assert POCKET.fps == Fraction(8)

    def test_a_long_clip_gives_several_and_a_short_one_what_it_has(self, tmp_path: Path) -> None:
        """Windows one after another, all of a legal length."""
        path = self.clip(tmp_path / "a.mkv", 12, 8)
        facts = replace(training("pocket"), frames=5)
        assert [len(clip) for clip in read_clips(path, POCKET, facts)] == [5, 5]
        short = self.clip(tmp_path / "b.mkv", 3, 8)
        assert [len(clip) for clip in read_clips(short, POCKET, facts)] == [1, 1, 1]

    @pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.mp4", "a"])
    def test_what_is_neither_is_refused(self, name: str, tmp_path: Path) -> None:
        """A text that is called a picture, an empty file, a cut JPEG, a playlist."""
        path = tmp_path / name
        for content in (b"hello", b"", b"#EXTM3U\nhttp://example.com/x.ts\n"):
            path.write_bytes(content)
            with pytest.raises(MediaError, match=name):
                read_clips(path, POCKET, training("pocket"))
        Image.effect_noise((200, 200), 50).save(tmp_path / "whole.jpg")
        path.write_bytes((tmp_path / "whole.jpg").read_bytes()[:3000])
        with pytest.raises(MediaError, match=name):
            read_clips(path, POCKET, training("pocket"))


class TestPrepare:
    def test_it_holds_what_training_needs(self, pocket: WanModel, dataset: Path) -> None:
        """An item a photo, prior samples without her, the empty caption; and whose latents they are."""
        data = read(dataset)
        assert (data.trigger, data.family, data.base_digest) == ("mira", "pocket", pocket.weights.digest)
        assert (len(data.items), len(data.prior)) == (4, 3)
        assert {tuple(item.latents.shape) for item in data.items} == {(16, 1, 4, 8)}
        assert {tuple(item.latents.shape) for item in data.prior} == {(16, 3, 4, 8)}  # moving: nine frames
        assert data.empty["embeds"].shape == (64, 32)

    def test_latents_are_normalised_as_the_pipeline_does(
        self, pocket: WanModel, dataset: Path, photos: list[Path]
    ) -> None:
        """Trap 8: (x - mean) / std by channel, of the most likely latents."""
        (clip,) = read_clips(photos[0], pocket.facts, pocket.facts.lora)  # type: ignore[arg-type]
        latents = read(dataset).items[0].latents
        assert latents.equal(pocket.encode_frames(clip))
        import torch

        video = torch.tensor(clip).permute(3, 0, 1, 2)[None].float() / 127.5 - 1
        raw = pocket.vae.encode(video).latent_dist.mode()[0]
        config = pocket.vae.config
        for channel in range(16):
            expected = (raw[channel] - config.latents_mean[channel]) / config.latents_std[channel]
            assert torch.allclose(latents[channel], expected, atol=1e-5)

    def test_equal_photos_give_equal_bytes(
        self, pocket: WanModel, photos: list[Path], dataset: Path, tmp_path: Path
    ) -> None:
        """And another caption another data set: a cache that forgot it would be wrong (trap 13)."""
        seen: list[tuple[int, int]] = []
        for name, caption in (("same", "mira, a fox"), ("other", "mira, an owl")):
            prepare(
                pocket,
                [Example(path, caption) for path in photos],
                tmp_path / name,
                trigger="mira",
                on_step=lambda done, total: seen.append((done, total)),
            )
        assert (tmp_path / "same").read_bytes() == dataset.read_bytes()
        assert (tmp_path / "other").read_bytes() != dataset.read_bytes()
        assert seen[:4] == [(n, 4) for n in range(1, 5)]

    def test_prior_samples_serve_every_character(
        self, pocket: WanModel, photos: list[Path], dataset: Path, tmp_path: Path
    ) -> None:
        """Made once for a model, they give the bytes that a data set with its own has; without a model at work again."""
        seen: list[tuple[int, int]] = []
        prepare_prior(pocket, tmp_path / "prior", on_step=lambda done, of: seen.append((done, of)))
        assert seen == [(n, 3) for n in range(1, 4)]
        examples = [Example(path, "mira, a fox") for path in photos]
        prepare(pocket, examples, tmp_path / "d", trigger="mira", prior=tmp_path / "prior")
        assert (tmp_path / "d").read_bytes() == dataset.read_bytes()

    def test_nothing_to_train_on(self, pocket: WanModel, tmp_path: Path) -> None:
        """No photos, and a file that is no data set."""
        with pytest.raises(LoraError, match="no photos"):
            prepare(pocket, [], tmp_path / "d", trigger="mira")
        (tmp_path / "x").write_text("hello")
        with pytest.raises(LoraError, match="cannot be read"):
            read(tmp_path / "x")
