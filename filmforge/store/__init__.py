"""Everything a build keeps: results by content, records by key, locks, collection and verification."""

from filmforge.store.blobs import Blob
from filmforge.store.encoding import canonical, digest_of
from filmforge.store.garbage import GcReport
from filmforge.store.holder import Holder
from filmforge.store.leases import Lease
from filmforge.store.locks import Lock, LockBusy
from filmforge.store.records import Record
from filmforge.store.sources import SourceIndex
from filmforge.store.store import Store
from filmforge.store.verification import VerifyReport

__all__ = [
    "Blob",
    "GcReport",
    "Holder",
    "Lease",
    "Lock",
    "LockBusy",
    "Record",
    "SourceIndex",
    "Store",
    "VerifyReport",
    "canonical",
    "digest_of",
]
