"""Enlarging small drawn pictures."""

from __future__ import annotations

import numpy as np
import pytest

from filmforge.editing.enlarge import FACTOR, enlarged


class TestEnlarged:
    def test_leaves_flat_colour_alone(self) -> None:
        """Where there is no edge nothing changes."""
        flat = np.full((12, 20, 3), (200, 40, 90), np.uint8)
        assert np.array_equal(enlarged(flat), np.full((12 * FACTOR, 20 * FACTOR, 3), (200, 40, 90), np.uint8))

    def test_narrows_an_edge_where_it_is(self) -> None:
        """An edge comes out steeper than resampling alone makes it, in the same place, without halos."""
        from PIL import Image

        small = np.zeros((24, 40, 3), np.uint8)
        small[:, 20:] = 200
        plain = np.asarray(
            Image.fromarray(small).resize((40 * FACTOR, 24 * FACTOR), Image.Resampling.LANCZOS)
        )
        row, soft = enlarged(small)[48, :, 0].astype(int), plain[48, :, 0].astype(int)
        between = [int(((line > 20) & (line < 180)).sum()) for line in (row, soft)]
        assert between[0] < between[1]
        assert abs(int(np.argmax(row > 100)) - 20 * FACTOR) <= 1
        assert row.max() <= soft.max()

    @pytest.mark.parametrize("size", [(1, 1), (2, 3), (5, 1)])
    def test_takes_the_smallest_pictures(self, size: tuple[int, int]) -> None:
        """Even a single pixel can be enlarged."""
        noise = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
        assert enlarged(noise).shape == (size[0] * FACTOR, size[1] * FACTOR, 3)

    def test_is_the_same_every_time(self) -> None:
        """The same picture gives the same bytes."""
        noise = np.random.default_rng(0).integers(0, 256, (24, 40, 3), dtype=np.uint8)
        assert np.array_equal(enlarged(noise), enlarged(noise))
