"""What is S3's own: links over real HTTP, wrong keys, servers that do not answer or answer half."""

import contextlib
import socket
import socketserver
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import boto3.session
import pytest
from botocore.exceptions import ClientError

from farm.errors import InvalidInput, NotFound, StorageUnavailable
from farm.settings import load_settings
from farm.storage import S3Storage, Storage, open_storage
from farm.storage.s3 import connect
from tests.services.process import free_ports
from tests.services.rgw import RgwServer

pytestmark = pytest.mark.needs_s3


def test_a_link_reads_the_object_over_http(s3_storage: Storage) -> None:
    s3_storage.put("portraits/ab/c.png", b"picture")
    with urllib.request.urlopen(s3_storage.url("portraits/ab/c.png", expires_s=60), timeout=10) as answer:
        assert answer.read() == b"picture"
        assert answer.headers["Content-Type"] == "image/png"


@pytest.mark.parametrize("tamper", [("c.png", "d.png"), ("X-Amz-Expires=60", "X-Amz-Expires=6000")])
def test_a_tampered_link_is_refused(s3_storage: Storage, tamper: tuple[str, str]) -> None:
    s3_storage.put("c.png", b"picture")
    s3_storage.put("d.png", b"another")
    url = s3_storage.url("c.png", expires_s=60)
    assert tamper[0] in url
    assert _status(url.replace(*tamper)) == 403


def test_a_link_expires(s3_storage: Storage) -> None:
    s3_storage.put("a", b"x")
    url = s3_storage.url("a", expires_s=1)
    time.sleep(2.1)
    assert _status(url) == 403


def test_no_link_reads_without_a_signature(s3_storage: Storage) -> None:
    s3_storage.put("a", b"x")
    assert _status(s3_storage.url("a", expires_s=60).partition("?")[0]) == 403


def test_a_link_longer_than_the_protocol_allows_is_refused(s3_storage: Storage) -> None:
    with pytest.raises(InvalidInput, match="604800"):
        s3_storage.url("a", expires_s=604_801)


def test_links_name_the_public_endpoint(s3_storage: Storage, s3_environment: dict[str, str], rgw: RgwServer) -> None:
    """Given browsers that know the server as localhost and a farm that knows it as 127.0.0.1."""
    public = rgw.endpoint_url.replace("127.0.0.1", "localhost")
    storage = _opened(s3_environment, FARM_S3_PUBLIC_ENDPOINT_URL=public)
    storage.put("a", b"seen from outside")
    url = storage.url("a", expires_s=60)
    assert url.startswith(public + "/")
    assert _status(url) == 200
    assert _status(url.replace("localhost", "127.0.0.1")) == 403  # a signature holds for one name


def test_two_prefixes_of_one_bucket_do_not_see_each_other(s3_environment: dict[str, str], s3_storage: Storage) -> None:
    bucket_url = s3_environment["FARM_STORAGE_URL"].rpartition("/some/")[0]
    neighbour = _opened(s3_environment, FARM_STORAGE_URL=f"{bucket_url}/some/prefix-two/")
    s3_storage.put("a", b"1")
    neighbour.put("a", b"2")
    assert [info.key for info in s3_storage.list("")] == ["a"]
    assert [info.key for info in neighbour.list("")] == ["a"]
    assert [info.key for info in _opened(s3_environment, FARM_STORAGE_URL=bucket_url).list("some/")] == [
        "some/prefix-two/a",
        "some/prefix/a",
    ]


def test_keys_of_others_in_the_bucket_are_not_listed(s3_environment: dict[str, str], s3_storage: Storage) -> None:
    client = connect(boto3.session.Session(), endpoint_url=s3_environment["FARM_S3_ENDPOINT_URL"])
    bucket = s3_environment["FARM_STORAGE_URL"].split("/")[2]
    for name in ("some/prefix/my notes.txt", "some/prefix/ünï", "some/prefix/a//b"):
        client.put_object(Bucket=bucket, Key=name, Body=b"mine")
    s3_storage.put("a/b", b"1")
    assert [info.key for info in s3_storage.list("")] == ["a/b"]


def test_a_wrong_secret_is_told_in_the_servers_words(s3_storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    storage = open_storage(load_settings())
    for verb in _verbs(storage):
        with pytest.raises(StorageUnavailable, match=r"refused \((SignatureDoesNotMatch|403)"):
            verb()


def test_missing_credentials_are_told(s3_storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in RgwServer.credentials:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/no/such")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/no/such")
    storage = open_storage(load_settings())
    with pytest.raises(StorageUnavailable, match="credentials"):
        storage.get("a")
    with pytest.raises(StorageUnavailable, match="credentials"):
        storage.url("a", expires_s=60)


def test_a_missing_bucket_is_unavailable_not_absent(s3_environment: dict[str, str], s3_storage: Storage) -> None:
    storage = _opened(s3_environment, FARM_STORAGE_URL="s3://no-such-bucket")
    with pytest.raises(StorageUnavailable, match="NoSuchBucket"):
        storage.put("a", b"x")
    with pytest.raises(StorageUnavailable, match="NoSuchBucket"):
        storage.get("a")
    with pytest.raises(StorageUnavailable, match="NoSuchBucket"):
        list(storage.list(""))


def test_a_server_that_does_not_listen_is_unavailable_within_seconds(
    s3_environment: dict[str, str], s3_storage: Storage
) -> None:
    storage = _opened(s3_environment, FARM_S3_ENDPOINT_URL=f"http://127.0.0.1:{free_ports(1)[0]}")
    started_s = time.monotonic()
    with pytest.raises(StorageUnavailable, match="Could not connect"):
        storage.put("a", b"x")
    assert time.monotonic() - started_s < 20


@pytest.mark.parametrize("url", ["not a url", "http://", "ftp://host"])
def test_an_endpoint_that_is_none_is_told(s3_environment: dict[str, str], s3_storage: Storage, url: str) -> None:
    with pytest.raises(StorageUnavailable):
        _opened(s3_environment, FARM_S3_ENDPOINT_URL=url).get("a")


def test_an_answer_cut_in_half_is_asked_for_again(s3_storage: Storage, rgw: RgwServer) -> None:
    """Given a line that breaks twice in the middle of a body, When reading, Then the third attempt brings it whole."""
    s3_storage.put("a", b"x" * 500_000)
    with _unreliable_line(rgw, breaks=2) as (url, broken):
        storage = open_storage(load_settings().model_copy(update={"s3_endpoint_url": url}))
        assert storage.get("a") == b"x" * 500_000
        assert len(broken) == 2


def test_an_answer_always_cut_in_half_is_unavailable(s3_storage: Storage, rgw: RgwServer) -> None:
    s3_storage.put("a", b"x" * 500_000)
    with _unreliable_line(rgw, breaks=100) as (url, broken):
        storage = open_storage(load_settings().model_copy(update={"s3_endpoint_url": url}))
        with pytest.raises(StorageUnavailable, match="reading a"):
            storage.get("a")
        assert len(broken) >= 3


@pytest.mark.parametrize(("conflicts", "wrote"), [(3, True), (100, None)])
def test_a_conflict_of_conditional_writes_is_tried_again(
    s3_environment: dict[str, str], s3_storage: Storage, conflicts: int, wrote: bool | None
) -> None:
    """AWS answers 409 while two conditional writes meet; RGW never does, so the answer is made up inside the client."""
    client = connect(boto3.session.Session(), endpoint_url=s3_environment["FARM_S3_ENDPOINT_URL"])
    asked: list[str] = []

    def refuse(**details: Any) -> None:
        asked.append("put")
        if len(asked) <= conflicts:
            code = "ConditionalRequestConflict"
            raise ClientError({"Error": {"Code": code, "Message": "try again"}}, "PutObject")

    client.meta.events.register("before-call.s3.PutObject", refuse)
    storage = S3Storage(s3_environment["FARM_STORAGE_URL"].split("/")[2], client=client)
    if wrote:
        assert storage.put("a", b"x")
        assert len(asked) == conflicts + 1
    else:
        with pytest.raises(StorageUnavailable, match="ConditionalRequestConflict"):
            storage.put("a", b"x")
        assert len(asked) == 6


def _opened(environment: dict[str, str], **changes: str) -> Storage:
    return open_storage(load_settings({**environment, **changes}))


def _verbs(storage: Storage) -> list[Callable[[], object]]:
    return [
        lambda: storage.put("a", b"x"),
        lambda: storage.get("a"),
        lambda: storage.head("a"),
        lambda: storage.delete("a"),
        lambda: list(storage.list("")),
    ]


def _status(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


@contextlib.contextmanager
def _unreliable_line(rgw: RgwServer, *, breaks: int) -> Iterator[tuple[str, list[int]]]:
    """A forwarder to the server that cuts the first `breaks` answers after 100,000 bytes; and the list of cuts."""
    broken: list[int] = []
    target = ("127.0.0.1", int(rgw.endpoint_url.rpartition(":")[2]))

    class Forward(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with socket.create_connection(target, timeout=10) as server:
                request = self.request.recv(65_536)
                # The connection ends with the answer, so that "all of it" is easy to know.
                server.sendall(request.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1))
                sent = 0
                while chunk := server.recv(50_000):
                    self.request.sendall(chunk)
                    sent += len(chunk)
                    if sent > 100_000 and len(broken) < breaks:
                        broken.append(sent)
                        return

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        allow_reuse_address = True

    with Server(("127.0.0.1", 0), Forward) as line:
        thread = threading.Thread(target=line.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{line.server_address[1]}", broken
        finally:
            line.shutdown()
            thread.join()


def test_get_of_an_absent_object_names_it(s3_storage: Storage) -> None:
    with pytest.raises(NotFound, match=r"portraits/ab/c\.png"):
        s3_storage.get("portraits/ab/c.png")
