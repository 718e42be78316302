"""What is wrong with photos is named, and what is right with them is left alone."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageOps

from filmforge.photos.judging import ALIKE, BLURRED, Judgement, blur_of, hash_of, judge
from filmforge.photos.reading import read_photo
from filmforge.video_models.facts import facts_of
from tests.photos.scenes import photo, scene, soft

LANTERN = Path(__file__).parents[2] / "projects" / "lantern" / "characters"


def kinds(judgement: Judgement) -> dict[str, list[str]]:
    return {name: [fault.what for fault in faults] for name, faults in judgement.each.items() if faults}


@pytest.mark.parametrize("who", ["mira", "otto"])
def test_good_photos_have_no_faults(who: str) -> None:
    """The Lantern's: sharp, captioned, each of another place, trained by pocket at half their size."""
    seen = [read_photo(path) for path in sorted((LANTERN / who).glob("*.png"))]
    lora = facts_of("pocket").lora
    assert lora
    found = judge(seen, {"pocket": lora})
    assert (kinds(found), found.together, found.in_short()) == ({}, (), [])


class TestBlurred:
    def test_grows_with_the_blur(self) -> None:
        """And says so from three pixels on, at the size looked at; a sharp picture is far from it."""
        for number in range(4):
            blurs = [blur_of(np.asarray(soft(scene(number), by))) for by in (0, 1, 3, 6)]
            assert all(blur is not None for blur in blurs)
            values = [float(blur or 0) for blur in blurs]
            assert values == sorted(values)
            assert values[0] < 0.35
            assert values[2] > BLURRED
            (faults,) = judge([photo(soft(scene(number), 3))], {}).each.values()
            assert [fault.what for fault in faults] == ["blurred"]

    def test_a_soft_background_is_no_blurred_photo(self) -> None:
        """A portrait: sharp in the middle third, out of focus around it."""
        image = scene(1)
        portrait = soft(image, 6)
        box = (160, 107, 320, 213)
        portrait.paste(image.crop(box), box[:2])
        assert (blur_of(np.asarray(portrait)) or 0) < BLURRED

    def test_what_has_no_edges_is_not_judged(self) -> None:
        """A plain wall, a fog, a picture of a few pixels."""
        fog = np.linspace(100, 120, 480 * 320 * 3).reshape(320, 480, 3).astype(np.uint8)
        for flat in (np.full((320, 480, 3), 90, np.uint8), fog, np.zeros((8, 8, 3), np.uint8)):
            assert blur_of(flat) is None
            assert kinds(judge([photo(Image.fromarray(flat))], {})) == {}


class TestNearDuplicates:
    def variants(self, image: Image.Image) -> list[Image.Image]:
        small = io.BytesIO()
        image.resize((240, 160)).save(small, "JPEG", quality=40)
        return [
            Image.open(small).convert("RGB"),
            ImageEnhance.Brightness(image).enhance(1.2),
            ImageOps.grayscale(image).convert("RGB"),
        ]

    def test_the_same_once_more_is_found(self) -> None:
        """Smaller and re-encoded, brighter, without colours, mirrored."""
        for number in range(4):
            image = scene(number)
            for other in self.variants(image):
                found = judge([photo(image, "a.png"), photo(other, "b.png")], {})
                assert kinds(found) == {"b.png": ["near-duplicate"]}
                assert found.each["b.png"][0].words == "nearly the same as a.png"
            mirrored = judge([photo(image, "a.png"), photo(ImageOps.mirror(image), "b.png")], {})
            assert mirrored.each["b.png"][0].words == "nearly the mirror image of a.png"

    def test_other_pictures_are_not(self) -> None:
        """However many there are: their hashes are far apart."""
        hashes = [hash_of(np.asarray(scene(number))) for number in range(12)]
        for number, one in enumerate(hashes):
            assert all(np.count_nonzero(one != other) > ALIKE for other in hashes[:number])

    def test_each_is_said_once(self) -> None:
        """Of three alike, the second and the third are said to be the first."""
        seen = [photo(scene(1), name) for name in ("a.png", "b.png", "c.png")]
        found = judge(seen, {})
        assert [len(faults) for faults in found.each.values()] == [0, 1, 1]
        assert found.in_short() == ["b.png, c.png: near-duplicate"]


class TestTiny:
    def test_by_what_the_model_is_trained_at(self) -> None:
        """Under half of the area; one that knows a single size has to cover it with both sides."""
        five, pocket = facts_of("wan2.2-ti2v-5b").lora, facts_of("pocket").lora
        assert five
        assert pocket
        seen = [
            photo(scene(n, size), str(size))
            for n, size in enumerate(((640, 352), (320, 300), (170, 100), (300, 60)))
        ]
        assert kinds(judge(seen, {"hero": five})) == {
            "(320, 300)": ["tiny"],
            "(170, 100)": ["tiny"],
            "(300, 60)": ["tiny"],
        }
        found = judge(seen, {"pocket": pocket})
        assert kinds(found) == {"(300, 60)": ["tiny"]}
        assert found.each["(300, 60)"][0].words == "tiny: 300x60, and 'pocket' is trained at 160x96"


class TestTogether:
    def test_one_background_for_all_is_said(self) -> None:
        """The same wall behind other things, however brightly lit in one of them; four are needed to say so."""
        walls = [photo(scene(number, ground="#c8b090"), f"{number}.png") for number in range(5)]
        walls[2] = photo(ImageEnhance.Brightness(scene(2, ground="#c8b090")).enhance(1.03), "2.png")
        found = judge(walls, {})
        assert [fault.what for fault in found.together][:1] == ["same background"]
        assert found.together[0].words.startswith("all photos have the same background")
        assert not judge(walls[:3], {}).together

    def test_most_of_them_is_enough_and_half_is_not(self) -> None:
        """Eight of ten have it; with five others it is no longer what she is learned with."""
        wall = [photo(scene(number, ground="#c8b090"), f"w{number}", f"{number}") for number in range(8)]
        others = [photo(scene(number), f"o{number}", f"o{number}") for number in range(20, 25)]
        assert judge(wall + others[:2], {}).together[0].words.startswith("8 of 10 photos")
        assert not judge(wall + others, {}).together

    def test_captions(self) -> None:
        """None is said of each photo; the same one for all, whoever wrote it, of all of them."""
        seen = [photo(scene(number), f"{number}.png", None) for number in range(4)]
        assert set(kinds(judge(seen, {}))) == {"0.png", "1.png", "2.png", "3.png"}
        assert judge(seen, {}).in_short() == ["0.png, 1.png, 2.png and 1 more: no caption"]
        trained = judge(seen, {}, captions=["mira, a girl"] * 4)
        assert kinds(trained) == {}
        assert [fault.what for fault in trained.together] == ["same caption"]
        assert not judge(seen, {}, captions=["a", "b", "a", "a"]).together
