"""Archives from strangers: the good one is opened, every bad one is refused with one clear error."""

import io
import zipfile
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farm.errors import CascadeInvalid
from tests.workers.cascade.tiny import random_objects
from workers.cascade.archive import open_archive
from workers.cascade.container import cascade_digest

Objects = dict[str, bytes]
Entries = Sequence[tuple[str, bytes]]


@pytest.fixture(scope="module")
def objects() -> Objects:
    return random_objects()


def packed(entries: Entries, *, compression: int = zipfile.ZIP_STORED) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", compression) as archive:
        for name, body in entries:
            archive.writestr(zipfile.ZipInfo(name), body, compress_type=compression)
    return target.getvalue()


def test_a_good_archive_gives_the_digest_and_the_objects(objects: Objects) -> None:
    digest, found = open_archive(packed(list(objects.items())))
    assert digest == cascade_digest(objects["cascade.json"])
    assert found == objects


def encrypted(objects: Objects) -> bytes:
    """The first entry's encryption flag set in both of its headers."""
    body = bytearray(packed(list(objects.items())))
    body[6] |= 1
    body[body.index(b"PK\x01\x02") + 8] |= 1
    return bytes(body)


BAD: dict[str, Callable[[Objects], bytes]] = {
    "cannot be read": lambda o: b"not a zip at all",
    "the archive cannot be read": lambda o: packed(list(o.items()))[:-30],
    "Bad CRC-32": lambda o: packed(list(o.items())).replace(o["cascade.json"][-40:], b"x" * 40),
    "'../cascade.json'": lambda o: packed([*o.items(), ("../cascade.json", b"")]),
    "'/etc/passwd'": lambda o: packed([*o.items(), ("/etc/passwd", b"")]),
    "'sub/0-base.safetensors'": lambda o: packed([*o.items(), ("sub/0-base.safetensors", b"")]),
    "'weights.pt'": lambda o: packed([*o.items(), ("weights.pt", b"")]),
    "'\\uff10-base.safetensors'": lambda o: packed([*o.items(), ("\uff10-base.safetensors", b"")]),
    "holds 7-upscaler.safetensors, which": lambda o: packed([*o.items(), ("7-upscaler.safetensors", b"")]),
    "compressed or encrypted": lambda o: packed(list(o.items()), compression=zipfile.ZIP_DEFLATED),
    "or encrypted": encrypted,
    "cascade.json is missing": lambda o: packed([(k, v) for k, v in o.items() if k != "cascade.json"]),
    "0-base.safetensors is missing": lambda o: packed([("cascade.json", o["cascade.json"])]),
}


@pytest.mark.parametrize("told", BAD)
def test_every_bad_archive_is_refused_by_name(told: str, objects: Objects) -> None:
    with pytest.raises(CascadeInvalid) as caught:
        open_archive(BAD[told](objects))
    assert told.encode("ascii", "backslashreplace").decode().replace("\\\\", "\\") in str(caught.value) or (
        told in ascii(str(caught.value))
    )


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_twice_is_refused(objects: Objects) -> None:
    with pytest.raises(CascadeInvalid, match="twice"):
        open_archive(packed([*objects.items(), ("cascade.json", b"{}")]))


@given(st.data())
@settings(max_examples=25, deadline=None)
def test_no_damaged_byte_goes_unnoticed_in_what_is_loaded(objects: Objects, data: st.DataObject) -> None:
    """Any one byte changed.

    either it is refused, or the same cascade comes out (zip's own dates and rights may change).
    """
    body = bytearray(packed(list(objects.items())))
    position = data.draw(st.integers(0, len(body) - 1))
    body[position] ^= data.draw(st.integers(1, 255))
    try:
        digest, found = open_archive(bytes(body))
    except CascadeInvalid:
        return
    assert digest == cascade_digest(objects["cascade.json"])
    assert found == objects
