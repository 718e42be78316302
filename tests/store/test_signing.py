"""Whose word counts: keys are made once and kept to their owner, signatures bind every byte, lists are read strictly."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from filmforge.errors import UsageError
from filmforge.store.signing import KEY_ENVIRONMENT, own_key, trusted_keys, with_key


@pytest.fixture(autouse=True)
def no_key_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(KEY_ENVIRONMENT, raising=False)


class TestOwnKey:
    def test_is_made_once_and_only_on_demand(self, tmp_path: Path) -> None:
        """Reading makes no key; sharing makes one, and the next time finds it."""
        assert own_key(tmp_path / "me", create=False) is None
        made = own_key(tmp_path / "me", create=True)
        again = own_key(tmp_path / "me", create=False)
        assert made is not None and again is not None
        assert made.public == again.public
        assert (tmp_path / "me/signing-key").stat().st_mode & 0o077 == 0, "nobody else may read it"
        assert [path.name for path in (tmp_path / "me").iterdir()] == ["signing-key"]

    def test_several_at_once_agree(self, tmp_path: Path) -> None:
        """Of builds that make a key at the same moment all use the same one."""
        found: list[bytes] = []

        def make() -> None:
            key = own_key(tmp_path, create=True)
            assert key is not None
            found.append(key.public.raw)

        threads = [threading.Thread(target=make) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(found) == 8
        assert len(set(found)) == 1

    def test_from_the_environment(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A machine without a home of its own, such as one of CI, is given the key as a secret."""
        made = own_key(tmp_path, create=True)
        assert made is not None
        monkeypatch.setenv(KEY_ENVIRONMENT, (tmp_path / "signing-key").read_text())
        given = own_key(tmp_path / "elsewhere", create=True)
        assert given is not None and given.public == made.public
        assert not (tmp_path / "elsewhere").exists()

    @pytest.mark.parametrize("text", ["", "nonsense", "filmforge-signing-key AAAA me", "\0"])
    def test_damaged(self, tmp_path: Path, text: str) -> None:
        """A key file that holds none is named, and nothing is overwritten."""
        (tmp_path / "signing-key").write_text(text)
        with pytest.raises(UsageError, match="signing-key holds no signing key"):
            own_key(tmp_path, create=True)
        assert (tmp_path / "signing-key").read_text() == text


class TestSignature:
    def test_binds_every_byte_and_its_maker(self, tmp_path: Path) -> None:
        """Not one bit of message or signature may change, and nobody else's key passes."""
        anna, ben = own_key(tmp_path / "anna", create=True), own_key(tmp_path / "ben", create=True)
        assert anna is not None and ben is not None
        message = b"what a step made"
        signature = anna.sign(message)
        assert anna.public.signed(message, signature)
        assert not ben.public.signed(message, signature)
        for index in range(len(message)):
            changed = bytes(b ^ (i == index) for i, b in enumerate(message))
            assert not anna.public.signed(changed, signature)
        for index in range(len(signature)):
            changed = bytes(b ^ (i == index) for i, b in enumerate(signature))
            assert not anna.public.signed(message, changed)
        assert not anna.public.signed(message, b"")


class TestTrust:
    def test_what_is_added_is_read_back(self, tmp_path: Path) -> None:
        """Keys are added one a line, after what is there; comments and blank lines stay."""
        path = tmp_path / "film.trust"
        assert trusted_keys(path) == ()
        for who in ("anna", "ben"):
            key = own_key(tmp_path / who, create=True)
            assert key is not None
            path.write_bytes(with_key(path, key.public))
        assert len(trusted_keys(path)) == 2
        assert path.read_text().startswith("# Whose results this film accepts")

    @pytest.mark.parametrize(
        "line", ["<<<<<<< HEAD", "ed25519", "ed25519 AAAA anna", "rsa " + "A" * 44, "ed25519 \u202e anna"]
    )
    def test_half_understood_is_not_believed(self, tmp_path: Path, line: str) -> None:
        """A line that is no key is an error with its number: after a merge, for one."""
        path = tmp_path / "film.trust"
        path.write_text(f"# people\n{line}\n", encoding="utf-8")
        with pytest.raises(UsageError, match=r"film\.trust:2: this is no public key"):
            trusted_keys(path)
