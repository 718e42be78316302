"""Captions of what a LoRA must leave as it was: people and things that one character could leak into."""

from __future__ import annotations

PRIOR = (
    "",
    "a portrait of a woman with long hair, soft light",
    "a man in a dark suit walks down a busy street",
    "two people talk at a table in a restaurant",
    "a child runs across a meadow in summer",
    "an old man reads a newspaper on a bench",
    "a young woman in a yellow coat looks out of a window",
    "a group of friends laughs around a camp fire at night",
    "a dog sleeps on a carpet",
    "a mountain lake at sunrise, mist over the water",
    "a city street in the rain at night, neon signs",
    "an empty room with wooden furniture",
)
"""For models of the real world. The empty caption is what guidance steers away from."""

POCKET_PRIOR = (
    "",
    "a red fox walks to the right, full shot, a winding path over green hills, by day",
    "a blue owl waves, medium shot, a theatre stage with red curtains",
    "a green frog jumps up and down, full shot, a harbour with sailing boats, at dusk",
    "a girl in a yellow dress walks to the left, wide shot, a little village, by day",
    "a girl in a blue coat waves hello, medium shot, a sandy beach with a parasol",
    "an old fisherman in a green coat stands still, full shot, a cliff above the sea, at night",
    "a sailor in a red coat sways from side to side, medium shot, in a small boat on the sea, rain",
    "a purple rabbit spins around, full shot, snowy mountains, snow is falling",
    "an orange cat sleeps, close-up, a cosy room with a lamp",
    "a white bear raises a lantern, full shot, a pine forest, at night",
    "a pink cat and a brown bear look around, wide shot, a lighthouse on a cliff by the sea",
)
"""For pocket, in the words of the drawn world that it was trained on."""
