"""Memos: small documents by name, None when in doubt."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from filmforge.store import Store
from tests.store.conftest import DAMAGES, damage


def test_gives_back_what_was_put_last(store: Store) -> None:
    """By name, for every process; nothing for another name; nothing is made by asking."""
    assert store.memo.get("lantern") is None
    assert not store.root.exists()
    store.memo.put("lantern", {"made": {}})
    store.memo.put("lantern", {"made": {"cut": "ab"}})
    assert Store(store.root).memo.get("lantern") == {"made": {"cut": "ab"}}
    assert store.memo.get("other") is None


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(name=st.text(max_size=300))
def test_takes_any_text_for_a_name(store: Store, name: str) -> None:
    """Slashes, dots, NUL, upper case, emptiness and length neither lead out of the folder nor clash."""
    store.memo.put(name, {"name": name})
    assert store.memo.get(name) == {"name": name}
    assert all(path.parent == store.root / "films" for path in store.root.glob("films/**/*"))


@pytest.mark.parametrize("how", DAMAGES)
def test_is_none_when_damaged(store: Store, warnings: list[str], how: str) -> None:
    """A harmed memo is as good as none, with one warning."""
    store.memo.put("lantern", {"made": {}})
    damage(store.root / "films" / "lantern.json", how)
    assert store.memo.get("lantern") is store.memo.get("lantern") is None
    assert len(warnings) == (0 if how == "deleted" else 1)
    store.memo.put("lantern", {"made": {}})
    assert store.memo.get("lantern") == {"made": {}}
