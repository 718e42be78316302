"""Plans of memory: they stay within the budget, and change where parts wait but not a bit of the picture."""

from __future__ import annotations

import dataclasses
import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from filmforge.errors import FilmforgeError, UsageError
from filmforge.video_models import load_family
from filmforge.video_models.facts import FAMILIES, facts_of
from filmforge.video_models.memory import BUDGETS, MemoryPlan, advice, declared_budget, plan_for, plans
from filmforge.video_models.published import release_in, releases
from filmforge.video_models.weights import Weights, find

RELEASES = [
    pytest.param(facts.of_version(version), release, id=f"{facts.id} {version or ''}".strip())
    for facts in FAMILIES.values()
    for version, release in releases(facts).items()
]


def default(facts: Any) -> dict[str, Any]:
    return {"precision": facts.precision, "size": facts.size, "frames": facts.frames}


class TestPlans:
    @pytest.mark.parametrize(("facts", "release"), RELEASES)
    def test_a_plan_stays_within_its_budget(self, facts: Any, release: Any) -> None:
        """In every stage; a larger card never does worse; the quickest plan that fits is taken."""
        order = plans(facts, release, **default(facts))
        taken = [plan_for(facts, release, **default(facts), budget=budget) for budget in BUDGETS]
        places = [order.index(plan) if plan else len(order) for plan in taken]
        assert places == sorted(places, reverse=True)
        for budget, plan in zip(BUDGETS, taken, strict=True):
            if plan is None:
                assert all(other.peak > budget for other in order)
            else:
                assert max(plan.need.values()) <= budget
                assert all(other.peak > budget for other in order[: order.index(plan)])

    @pytest.mark.parametrize(("facts", "release"), RELEASES)
    def test_what_is_advised_fits(self, facts: Any, release: Any) -> None:
        """The precision and size that are named do what is said of them, and the size is legal."""
        for budget in BUDGETS:
            words = advice(facts, release, budget)
            if not words:
                continue
            asked = default(facts)
            if found := re.search(r"precision: (\w+)", words):
                asked["precision"] = found[1]
            if found := re.search(r"size: (\d+)x(\d+)", words):
                asked["size"] = (int(found[1]), int(found[2]))
            assert facts.legal_size(asked["size"])
            plan = plan_for(facts, release, **asked, budget=budget)
            assert plan is not None
            assert plan.slow is words.endswith("(fits slowly)")

    def test_smaller_asks_need_less(self) -> None:
        """Fewer pixels, fewer frames and smaller weights each bring the need of sampling down."""
        facts = facts_of("wan2.2-t2v-a14b")
        release = releases(facts)[None]
        whole = plans(facts, release, **default(facts))[0].need["sampling"]
        for change in ({"size": (640, 352)}, {"frames": 41}, {"precision": "fp8"}):
            assert plans(facts, release, **default(facts) | change)[0].need["sampling"] < whole

    def test_the_big_ones_fit_the_cards_that_their_authors_name(self) -> None:
        """24 GB for the 5B with the text encoder out of the way, 80 GB for both experts (Wan-Video/Wan2.2)."""
        for family, budget in (("wan2.2-ti2v-5b", 24), ("wan2.2-t2v-a14b", 80)):
            facts = facts_of(family)
            plan = plan_for(facts, releases(facts)[None], **default(facts), budget=budget)
            assert plan is not None
            assert not plan.slow

    def test_weights_in_a_folder_are_counted(self, pocket_folder: Path, pocket: Any) -> None:
        """By their headers, without loading them: as many parameters as the loaded model has."""
        release = release_in(pocket_folder)
        assert release.parts["transformer"].parameters == sum(
            p.numel() for p in pocket.transformer.parameters()
        )
        assert release.parts["vae"].parameters == sum(p.numel() for p in pocket.vae.parameters())


class TestDeclared:
    def test_gigabytes(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A number of GB, or nothing."""
        monkeypatch.delenv("FILMFORGE_MEMORY", raising=False)
        assert declared_budget() is None
        monkeypatch.setenv("FILMFORGE_MEMORY", "11.5")
        assert declared_budget() == 11.5

    @pytest.mark.parametrize("text", ["12 GB", "-1", "nan", "inf", "0"])
    def test_nonsense(self, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """Is refused with an example."""
        monkeypatch.setenv("FILMFORGE_MEMORY", text)
        with pytest.raises(UsageError, match="such as 12"):
            declared_budget()


def made(family: str, folder: Path, memory: MemoryPlan | None, precision: str = "fp32") -> Any:
    """The frames of a short clip, with embeddings, latents and pixels all made under the plan."""
    facts = facts_of(family)
    weights = find(facts, str(folder), None, folder)
    model = load_family(facts, weights, precision=precision, device="cpu", threads=1, memory=memory)
    positive, negative = model.encode(["a red ball", ""])
    latents = model.sample(
        positive=positive, negative=negative, frames=5, size=(64, 32), steps=3,
        guidance=3.5, shift=facts.shift, seed=1,
    )  # fmt: skip
    return latents["latents"], model.decode(latents)


class TestNothingChanges:
    @pytest.mark.parametrize("plan", [
        MemoryPlan(stream_text=True, stream_transformers=False, clear=False, need={"text": 1.0}),
        MemoryPlan(stream_text=False, stream_transformers=False, clear=True, need={"text": 1.0}),
        MemoryPlan(stream_text=True, stream_transformers=True, clear=False, need={"text": 1.0}),
    ], ids=["text streamed", "cleared", "streamed"])  # fmt: skip
    def test_of_the_picture(self, plan: MemoryPlan, pocket_folder: Path) -> None:
        """Wherever the parts wait, latents and frames are the same to the bit."""
        plain, frames = made("pocket", pocket_folder, None)
        latents, again = made("pocket", pocket_folder, plan)
        assert latents.equal(plain)
        assert (frames == again).all()

    def test_in_main_memory(self, pocket_folder: Path) -> None:
        """Parts that leave a processor are forgotten, a LoRA's hold on them too: it acts on what is read again."""
        plan = MemoryPlan(stream_text=False, stream_transformers=False, clear=True, need={"text": 1.0})
        facts = facts_of("pocket")
        weights = find(facts, str(pocket_folder), None, pocket_folder)
        model = load_family(facts, weights, device="cpu", threads=1, memory=plan)
        model.encode(["a red ball"])
        before = model.transformer
        model.clear()
        assert model.transformer is not before
        assert not {"text_encoder"} & set(model._parts)

    def test_with_two_experts(self, tmp_path: Path) -> None:
        """Both are streamed, one after the other."""
        from tests.video_models.tiny import save_a14b_like

        folder = save_a14b_like(tmp_path / "m")
        plan = MemoryPlan(stream_text=True, stream_transformers=True, clear=False, need={"text": 1.0})
        assert made("wan2.2-t2v-a14b", folder, plan)[0].equal(made("wan2.2-t2v-a14b", folder, None)[0])


class TestQuantized:
    def test_fp8_stores_in_eight_bits(self, pocket_folder: Path) -> None:
        """Between uses; the picture is another one, which is why it is declared. It comes twice."""
        import torch

        facts = facts_of("pocket")
        weights = find(facts, str(pocket_folder), None, pocket_folder)
        model = load_family(facts, weights, precision="fp8", device="cpu", threads=1)
        kinds = {name: p.dtype for name, p in model.transformer.named_parameters()}
        assert kinds["blocks.0.attn1.to_q.weight"] == torch.float8_e4m3fn
        assert torch.float32 in kinds.values()
        small = made("pocket", pocket_folder, None, "fp8")[0]
        assert small.isfinite().all()
        assert small.equal(made("pocket", pocket_folder, None, "fp8")[0])
        assert not small.equal(made("pocket", pocket_folder, None, "bf16")[0])

    @pytest.mark.skipif(find_spec("bitsandbytes") is not None, reason="bitsandbytes is installed")
    @pytest.mark.parametrize("precision", ["int8", "nf4"])
    def test_a_missing_package_is_named(self, precision: str, pocket_folder: Path) -> None:
        """One sentence: what is missing, how to get it, and what works without."""
        with pytest.raises(
            FilmforgeError, match=f"precision {precision}.*pip install bitsandbytes.*declare fp8"
        ):
            made("pocket", pocket_folder, None, precision)


def test_a_plan_says_what_it_does() -> None:
    """In words, for the record of a render."""
    plan = MemoryPlan(
        stream_text=False, stream_transformers=True, clear=False, need={"text": 2.0, "sampling": 7.25}
    )
    assert plan.words == "transformers streamed; about 7.2 GB"
    assert dataclasses.replace(plan, stream_transformers=False).words.startswith("all parts whole")


class TestLoras:
    """LoRAs act on parts that are streamed or stored small as they do on others."""

    def clip(self, folder: Path, lora: Path | None, precision: str, memory: MemoryPlan | None) -> Any:
        from filmforge.video_models.lora_file import LoraUse

        facts = facts_of("pocket")
        weights = find(facts, str(folder), None, folder)
        model = load_family(facts, weights, precision=precision, device="cpu", threads=1, memory=memory)
        model.set_loras([LoraUse(lora)] if lora else [])
        positive = model.encode(["mira"])[0]
        return model.sample(
            positive=positive, negative=None, frames=1, size=(32, 32), steps=2, guidance=1.0, shift=3.0, seed=1
        )["latents"]  # fmt: skip

    @pytest.fixture
    def lora(self, pocket: Any, tmp_path: Path) -> Path:
        from tests.video_models.test_loras import state, written

        return written(tmp_path / "lora", state(pocket))

    def test_streamed(self, lora: Path, pocket_folder: Path) -> None:
        """To the bit."""
        plan = MemoryPlan(stream_text=False, stream_transformers=True, clear=False, need={"text": 1.0})
        whole = self.clip(pocket_folder, lora, "fp32", None)
        assert self.clip(pocket_folder, lora, "fp32", plan).equal(whole)
        assert not self.clip(pocket_folder, None, "fp32", None).equal(whole)

    def test_cleared(self, lora: Path, pocket_folder: Path) -> None:
        """A LoRA acts on parts that were forgotten and read again."""
        from filmforge.video_models.lora_file import LoraUse

        facts = facts_of("pocket")
        plan = MemoryPlan(stream_text=False, stream_transformers=False, clear=True, need={"text": 1.0})
        # The LoRA is made for the model without digest.
        weights = Weights(facts.id, pocket_folder)
        model = load_family(facts, weights, precision="fp32", device="cpu", threads=1, memory=plan)
        asked: dict[str, Any] = {
            "negative": None, "frames": 1, "size": (32, 32), "steps": 2, "guidance": 1.0, "shift": 3.0, "seed": 1
        }  # fmt: skip
        for _ in range(2):
            positive = model.encode(["mira"])[0]
            model.set_loras([LoraUse(lora)])
            latents = model.sample(positive=positive, **asked)
            assert latents["latents"].equal(self.clip(pocket_folder, lora, "fp32", None))
            model.decode(latents)

    def test_in_eight_bits(self, lora: Path, pocket_folder: Path) -> None:
        """The base is stored small; the LoRA changes the picture, and the same picture comes twice."""
        with_it = self.clip(pocket_folder, lora, "fp8", None)
        assert not self.clip(pocket_folder, None, "fp8", None).equal(with_it)
        assert self.clip(pocket_folder, lora, "fp8", None).equal(with_it)
