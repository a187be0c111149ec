"""The spoilt line to S3: what is stored behind it is whole or not there, and each fault is what it says."""

from collections.abc import Iterator

import boto3.session
import pytest

from farm.errors import StorageFull
from farm.outages import Outage
from farm.storage import S3Storage
from farm.storage.s3 import connect
from tests.services.faulty_s3 import Faults, FaultyS3, running_faulty_s3
from tests.services.rgw import RgwServer

pytestmark = pytest.mark.needs_s3
BODY = bytes(range(256)) * 400


@pytest.fixture
def bucket(rgw: RgwServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    for name, value in rgw.credentials.items():
        monkeypatch.setenv(name, value)
    with rgw.bucket() as name:
        yield name


@pytest.fixture
def line(rgw: RgwServer) -> Iterator[FaultyS3]:
    with running_faulty_s3(rgw.endpoint_url) as line:
        yield line


def opened(bucket: str, url: str, outage: Outage | None = None) -> S3Storage:
    return S3Storage(bucket, client=connect(boto3.session.Session(), endpoint_url=url, outage=outage))


@pytest.mark.parametrize("faults", [Faults(), Faults(refused=0.3), Faults(cut=0.2)], ids=["none", "refused", "cut"])
def test_what_was_put_is_what_is_got(bucket: str, line: FaultyS3, rgw: RgwServer, faults: Faults) -> None:
    outage = Outage("the storage")
    storage, direct = opened(bucket, line.url, outage), opened(bucket, rgw.endpoint_url)
    line.faults = faults
    for number in range(8):
        storage.put(f"a/{number}", BODY + bytes([number]))
    for number in range(8):
        assert direct.get(f"a/{number}") == BODY + bytes([number])
    if faults != Faults():
        assert outage.refusals > 0, "each try that failed is heard of, although the request succeeded"
    line.faults = Faults()
    assert [storage.get(f"a/{number}")[-1] for number in range(8)] == list(range(8))
    assert len(list(storage.list("a/"))) == 8
    info = storage.head("a/0")
    assert info is not None
    assert info.size_bytes == len(BODY) + 1


def test_a_used_up_quota_is_a_full_storage_until_it_is_lifted(bucket: str, rgw: RgwServer) -> None:
    storage = opened(bucket, rgw.endpoint_url)
    storage.put("a", b"1")
    rgw.fill(bucket)
    with pytest.raises(StorageFull, match="QuotaExceeded"):
        storage.put("b", b"2")
    assert storage.get("a") == b"1"
    rgw.make_room(bucket)
    assert storage.put("b", b"2")
