"""A mirror of results: what is believed, what is repaired, and that nothing it does or fails to do stops a build."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from filmforge.store import Record, Store
from filmforge.store.mirror import Mirror
from filmforge.store.remote import Remote, refusal
from filmforge.store.signing import PublicKey, SigningKey, own_key
from tests.store.conftest import made

Open = Callable[..., Mirror]


@pytest.fixture
def anna(tmp_path: Path) -> SigningKey:
    key = own_key(tmp_path / "anna", create=True)
    assert key is not None
    return key


@pytest.fixture
def mallory(tmp_path: Path) -> SigningKey:
    key = own_key(tmp_path / "mallory", create=True)
    assert key is not None
    return key


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """The address of a server on this machine that speaks S3, with a bucket `films`."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        patch.setenv("AWS_ACCESS_KEY_ID", "anyone")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "anything")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        import s3fs

        s3fs.S3FileSystem().mkdir("films")
        yield f"http://{host}:{port}"
        s3fs.S3FileSystem.clear_instance_cache()
    server.stop()


@pytest.fixture(params=["folder", "memory", "s3"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "folder":
        yield "mirror"
        return
    if request.param == "s3":
        request.getfixturevalue("s3")
        yield f"s3://films/{tmp_path.name}"
        return
    import fsspec

    yield "memory://lantern/results"
    fsspec.filesystem("memory").store.clear()


@pytest.fixture
def other(tmp_path: Path, anna: SigningKey, warnings: list[str]) -> Store:
    """The store of another machine, whose film trusts Anna."""
    return Store(tmp_path / "other", warn=warnings.append, trusted={anna.public.id})


def opened(
    url: str, store: Store, warnings: list[str], *trusted: PublicKey, key: SigningKey | None = None
) -> Mirror:
    return Mirror(
        Remote(url, store.root.parent), store, trusted=trusted, key=key, warn=warnings.append, patience=10.0
    )


def fill(url: str, store: Store, key: SigningKey, *records: Record) -> Mirror:
    said: list[str] = []
    mirror = opened(url, store, said, key=key)
    for record in records:
        mirror.share(record)
    mirror.finish()
    assert said == []
    return mirror


def fetch(mirror: Mirror, *keys: str, within: float = 20.0) -> dict[str, bool]:
    for key in keys:
        mirror.ask(key)
    known: dict[str, bool] = {}
    until = time.monotonic() + within
    while len(known) < len(set(keys)):
        assert time.monotonic() < until, "the mirror held up the build"
        known |= mirror.answers()
        time.sleep(0.002)
    mirror.finish()
    return known


class TestResults:
    def test_come_whole_to_another_machine(
        self, store: Store, other: Store, url: str, anna: SigningKey, warnings: list[str]
    ) -> None:
        """What one store shared is in the other: record, provenance and every byte, and who signed it."""
        records = [made(store, f"shot {n}", bytes([n]) * 3_000_000) for n in range(3)]
        assert fill(url, store, anna, *records).filled == 3
        mirror = opened(url, other, warnings, anna.public)
        assert fetch(mirror, *(r.key for r in records)) == {r.key: True for r in records}
        for record in records:
            here = other.records.find(record.key)
            assert here is not None and here.signer == anna.public.id
            assert here.provenance == record.provenance
            assert here.outputs == record.outputs
            assert other.blobs.verify(record.outputs["clip"].digest)
        assert warnings == []
        assert list((other.root / "tmp").iterdir()) == []

    def test_what_it_lacks_is_a_miss(
        self, other: Store, url: str, store: Store, anna: SigningKey, warnings: list[str]
    ) -> None:
        """A key that nobody shared is answered with no, without a word."""
        fill(url, store, anna, made(store, "a"))
        assert fetch(opened(url, other, warnings, anna.public), "0" * 64) == {"0" * 64: False}
        assert warnings == []

    def test_only_read_unless_one_shares(
        self, store: Store, tmp_path: Path, anna: SigningKey, warnings: list[str]
    ) -> None:
        """Without a key nothing is written, not even a folder."""
        mirror = opened("mirror", store, warnings, anna.public)
        mirror.share(made(store, "a"))
        mirror.finish()
        assert not (tmp_path / "mirror").exists()

    def test_what_came_from_others_is_not_passed_on(
        self, store: Store, other: Store, url: str, anna: SigningKey, mallory: SigningKey, warnings: list[str]
    ) -> None:
        """One signs what one made; nobody vouches for the results of another by having them."""
        record = made(store, "a")
        fill(url, store, anna, record)
        fetch(opened(url, other, warnings, anna.public), record.key)
        here = other.records.find(record.key)
        assert here is not None
        assert fill("memory://onward", other, mallory, here).filled == 0

    def test_is_shared_once(self, store: Store, url: str, anna: SigningKey) -> None:
        """What is there already is not sent again."""
        record = made(store, "a")
        assert fill(url, store, anna, record).filled == 1
        assert fill(url, store, anna, record).filled == 0


class TestBelief:
    def test_strangers_do_not_count(
        self, store: Store, other: Store, url: str, anna: SigningKey, mallory: SigningKey, warnings: list[str]
    ) -> None:
        """Who can write to the mirror and is not trusted by the film can plant nothing."""
        record = made(store, "a", b"planted")
        fill(url, store, mallory, record)
        assert fetch(opened(url, other, warnings, anna.public), record.key) == {record.key: False}
        assert other.records.get(record.key) is None

    @pytest.mark.parametrize("how", ["in her name", "flipped", "emptied", "of another step", "unsigned"])
    def test_planted(
        self,
        store: Store,
        other: Store,
        tmp_path: Path,
        anna: SigningKey,
        mallory: SigningKey,
        warnings: list[str],
        how: str,
    ) -> None:
        """A record under a trusted name that she did not sign for this key is a miss, with one warning."""
        record, another = made(store, "a"), made(store, "b")
        fill("mirror", store, anna, record, another)
        places = {
            r.key: next((tmp_path / f"mirror/records/{r.key[:2]}/{r.key}").iterdir())
            for r in (record, another)
        }
        place = places[record.key]
        data = place.read_bytes()
        if how == "in her name":
            place.write_bytes(mallory.sign(data[64:]) + data[64:])
        elif how == "flipped":
            place.write_bytes(data[:200] + bytes([data[200] ^ 1]) + data[201:])
        elif how == "emptied":
            place.write_bytes(b"")
        elif how == "of another step":
            place.write_bytes(places[another.key].read_bytes())
        else:
            place.write_bytes(data[64:])
        assert fetch(opened("mirror", other, warnings, anna.public), record.key) == {record.key: False}
        assert len(warnings) == 1
        assert "did not sign" in warnings[0]

    @pytest.mark.parametrize("how", ["flipped", "truncated", "emptied", "longer", "deleted"])
    def test_damaged_on_arrival(
        self, store: Store, other: Store, tmp_path: Path, anna: SigningKey, warnings: list[str], how: str
    ) -> None:
        """A blob that is not what its name says is never stored; it is sent anew when the step was made again."""
        record = made(store, "a", b"pictures" * 1000)
        fill("mirror", store, anna, record)
        digest = record.outputs["clip"].digest
        place = tmp_path / f"mirror/blobs/{digest[:2]}/{digest}"
        data = place.read_bytes()
        if how == "deleted":
            place.unlink()
        else:
            changed = {
                "flipped": b"P" + data[1:],
                "truncated": data[:-1],
                "emptied": b"",
                "longer": data + bytes(5_000_000),
            }
            place.write_bytes(changed[how])
        mirror = opened("mirror", other, warnings, anna.public, key=anna)
        assert fetch(mirror, record.key) == {record.key: False}
        assert len(warnings) == (how != "deleted")
        assert list(other.blobs) == []
        assert list((other.root / "tmp").iterdir()) == []
        mirror.share(made(other, "a", data))
        mirror.finish()
        assert place.read_bytes() == data

    def test_trust_that_ends(
        self, store: Store, other: Store, url: str, anna: SigningKey, warnings: list[str]
    ) -> None:
        """What came from one who is not trusted any more, or not by this film, is as if it were not here."""
        record = made(store, "a")
        fill(url, store, anna, record)
        fetch(opened(url, other, warnings, anna.public), record.key)
        assert Store(other.root, trusted={anna.public.id}).records.find(record.key) is not None
        assert Store(other.root).records.find(record.key) is None


class TestBucket:
    def test_damaged_on_arrival(
        self, store: Store, other: Store, s3: str, anna: SigningKey, warnings: list[str]
    ) -> None:
        """In a bucket too: what is not what its name says is never stored, and is put right by who makes it again."""
        import s3fs

        record = made(store, "a", b"pictures" * 1000)
        fill("s3://films/damaged", store, anna, record)
        digest = record.outputs["clip"].digest
        bucket = s3fs.S3FileSystem(skip_instance_cache=True, use_listings_cache=False)
        place = f"films/damaged/blobs/{digest[:2]}/{digest}"
        bucket.pipe(place, b"P" * 8000)
        mirror = opened("s3://films/damaged", other, warnings, anna.public, key=anna)
        assert fetch(mirror, record.key) == {record.key: False}
        assert len(warnings) == 1
        mirror.share(made(other, "a", b"pictures" * 1000))
        mirror.finish()
        assert bucket.cat(place) == b"pictures" * 1000

    def test_that_nobody_made(self, other: Store, s3: str, anna: SigningKey, warnings: list[str]) -> None:
        """A bucket that is not there is one warning, and no failure."""
        mirror = opened("s3://nobody/results", other, warnings, anna.public)
        assert fetch(mirror, "0" * 64) == {"0" * 64: False}
        assert len(warnings) <= 1


class Slow(Remote):
    """A mirror that hangs, creeps, or fails."""

    def __init__(self, base: Path, how: str) -> None:
        super().__init__("mirror", base)
        self.how, self.asked, self.over = how, 0, threading.Event()

    def read(self, name: str, most: int) -> bytes:
        self.asked += 1
        if self.how == "hangs":
            self.over.wait(60)
        if self.how == "fails":
            raise PermissionError("AccessDenied: no such luck\nand more lines")
        return super().read(name, most)

    def pieces(self, name: str) -> Iterator[bytes]:
        for piece in super().pieces(name):
            for start in range(0, len(piece), 100):
                self.over.wait(0.05)
                yield piece[start : start + 100]


class TestOutage:
    @pytest.mark.parametrize(
        ("how", "says"),
        [
            ("hangs", "does not answer"),
            ("creeps", "too slow"),
            ("fails", "cannot be used: AccessDenied: no such luck;"),
        ],
    )
    def test_is_one_warning(
        self, store: Store, other: Store, anna: SigningKey, warnings: list[str], how: str, says: str
    ) -> None:
        """A mirror that hangs, creeps or fails costs a moment and one warning; then it is not asked any more."""
        records = [made(store, f"{n}", bytes([n]) * 400_000) for n in range(12)]
        fill("mirror", store, anna, *records)
        remote = Slow(other.root.parent, how)
        patience = (
            60 if how == "fails" else 0.5
        )  # what fails is told apart from what is slow, on a busy machine too
        mirror = Mirror(
            remote, other, trusted=[anna.public], key=None, warn=warnings.append, patience=patience
        )
        began = time.monotonic()
        assert fetch(mirror, *(r.key for r in records)) == {r.key: False for r in records}
        assert time.monotonic() - began < 30
        assert [says in warning for warning in warnings] == [True]
        asked = remote.asked
        assert fetch(mirror, "0" * 64) == {"0" * 64: False}
        assert remote.asked == asked
        remote.over.set()

    def test_a_folder_that_is_not_there(self, other: Store, anna: SigningKey, warnings: list[str]) -> None:
        """A folder that nobody made, or a share that is not mounted, is one warning that says what to do."""
        assert fetch(opened("nowhere", other, warnings, anna.public), "0" * 64) == {"0" * 64: False}
        assert ["--share` makes it" in warning for warning in warnings] == [True]

    def test_sharing_into_what_cannot_be_written(
        self, store: Store, tmp_path: Path, anna: SigningKey, warnings: list[str]
    ) -> None:
        """A mirror that takes nothing is one warning."""
        (tmp_path / "mirror").write_text("a file, no folder")
        mirror = opened("mirror", store, warnings, key=anna)
        for n in range(6):
            mirror.share(made(store, f"{n}"))
        mirror.finish()
        assert len(warnings) == 1


class TestAddress:
    @pytest.mark.parametrize(
        ("url", "says"),
        [
            ("s3://bucket/lantern", "pip install s3fs"),
            ("simplecache::s3://bucket", "cannot be a mirror"),
            ("reference://x", "cannot be a mirror"),
            ("github://a:b@/", "cannot be a mirror"),
            ("nonsense://x", "cannot be a mirror"),
            ("s3://key:secret@bucket/x", "holds a name or a password"),
        ],
    )
    def test_refused(self, url: str, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """What is no plain storage, needs a package that is missing, or shows a password is refused with a sentence."""
        monkeypatch.setattr("filmforge.store.remote.find_spec", lambda name: None)
        found = refusal(url)
        assert found is not None and says in found
        assert "secret" not in found

    @pytest.mark.parametrize("url", ["../shared", "/mnt/shared", "file:///mnt/shared", "memory://x"])
    def test_taken(self, url: str) -> None:
        """Folders, by path or address, need nothing that filmforge does not bring."""
        assert refusal(url) is None
