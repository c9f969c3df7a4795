"""What an origin may do to us, over real HTTP."""

import socket
import time
from collections.abc import Iterator

import pytest

from holdfast.errors import (
    ImplausibleFileError,
    OriginGoneError,
    RefusedAddressError,
    ThrottledError,
    TransientError,
)
from holdfast.media.addresses import AllowedHosts
from resources.web.origin import Origin
from tests.fakes.origins import FakeOrigin
from tests.fakes.origins import origin as fake_origin

CONTENT = bytes(range(256)) * 4000


@pytest.fixture
def there() -> Iterator[FakeOrigin]:
    with fake_origin() as one:
        yield one


@pytest.fixture
def origin(there: FakeOrigin) -> Iterator[Origin]:
    one = Origin(AllowedHosts.parse(there.url))
    yield one
    one.close()


def read(origin: Origin, url: str, *, offset: int = 0, etag: str = "", at_once: int = 100_000) -> bytes:
    buffer, found = memoryview(bytearray(at_once)), bytearray()
    with origin.open(url, offset=offset, etag=etag) as received:
        while count := received.readinto(buffer):
            found += buffer[:count]
    return bytes(found)


@pytest.mark.parametrize("more", [{}, {"is_chunked": True}, {"has_length": False}])
def test_a_file_arrives_whole_however_it_is_sent(there: FakeOrigin, origin: Origin, more: dict[str, bool]) -> None:
    url = there.put("/a.mp4", CONTENT, **more)
    for at_once in (1_000, 65_536, 10_000_000):
        assert read(origin, url, at_once=at_once) == CONTENT
    assert read(origin, there.put("/empty", b"", **more)) == b""


def test_a_line_is_used_again_for_the_next_file(there: FakeOrigin, origin: Origin) -> None:
    urls = [there.put(f"/{n}", CONTENT) for n in range(5)]
    assert [read(origin, url) for url in urls] == [CONTENT] * 5
    assert there.lines == 1


def test_a_line_that_the_origin_closed_meanwhile_is_opened_anew(there: FakeOrigin, origin: Origin) -> None:
    url = there.put("/a", CONTENT)
    assert read(origin, url) == CONTENT
    for kept in origin._lines._kept().values():
        kept.sock.shutdown(socket.SHUT_RDWR)
    assert read(origin, url) == CONTENT


def test_a_part_is_asked_for_only_of_the_same_file(there: FakeOrigin, origin: Origin) -> None:
    url = there.put("/a", CONTENT, etag='"2"')
    assert read(origin, url, offset=1000, etag='"2"') == CONTENT[1000:]
    with origin.open(url, offset=1000, etag='"1"') as received:
        assert (received.offset, received.length, received.etag) == (0, len(CONTENT), '"2"')
    with origin.open(url, offset=1000, etag='"2"') as received:
        assert (received.offset, received.length) == (1000, len(CONTENT))


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_a_dead_link_is_told_as_dead(there: FakeOrigin, origin: Origin, status: int) -> None:
    url = there.put("/a.mp4?signature=secret".partition("?")[0], CONTENT, status=status) + "?signature=secret"
    with pytest.raises(OriginGoneError, match=rf"/a.mp4: its server answers {status} .*: the link is dead") as error:
        read(origin, url)
    assert "secret" not in str(error.value)
    assert origin.probe(url).state == "gone"


def test_what_may_pass_is_told_as_such(there: FakeOrigin, origin: Origin) -> None:
    with pytest.raises(ThrottledError) as throttled:
        read(origin, there.put("/busy", status=429, headers={"Retry-After": "7"}))
    assert throttled.value.wait_s == 7
    for status in (500, 502, 503, 400):
        with pytest.raises(TransientError, match=f"answers {status}"):
            read(origin, there.put("/down", status=status))
    assert origin.probe(there.url + "/down").state == "unclear"


def test_a_body_that_is_cut_off_says_how_much_is_missing(there: FakeOrigin, origin: Origin) -> None:
    for more in ({}, {"reset": True}):
        with pytest.raises(TransientError, match=r"cut off 500,000 bytes before its end of 1,024,000|the line broke"):
            read(origin, there.put("/cut", CONTENT, cut_at=524_000, **more))
    with pytest.raises(TransientError, match="the line broke"):
        read(origin, there.put("/cut", CONTENT, cut_at=524_000, is_chunked=True))


def test_packed_content_is_refused(there: FakeOrigin, origin: Origin) -> None:
    with pytest.raises(ImplausibleFileError, match="found it packed as gzip"):
        read(origin, there.put("/a", CONTENT, headers={"Content-Encoding": "gzip"}))


def test_redirects_are_followed_three_times_and_each_is_checked(there: FakeOrigin, origin: Origin) -> None:
    there.put("/end", CONTENT)
    for n, to in ((1, "/end"), (2, "/to1"), (3, f"{there.url}/to2"), (4, "to3")):
        there.put(f"/to{n}", status=302, headers={"Location": to})
    assert read(origin, there.url + "/to3") == CONTENT
    with pytest.raises(TransientError, match="more than 3 times"):
        read(origin, there.url + "/to4")
    for to in (
        "http://169.254.169.254/latest",
        f"http://127.0.0.1:{there.port + 1}/",
        "file:///etc/passwd",
        "http://[::1]/",
    ):
        with pytest.raises(RefusedAddressError, match="nothing was asked of it"):
            read(origin, there.put("/away", status=302, headers={"Location": to}))


def test_a_name_that_leads_to_a_private_address_is_not_asked(there: FakeOrigin) -> None:
    there.put("/a", CONTENT)
    # localhost resolves, and is allowed as a name of another kind: the address it leads to is what counts.
    named = AllowedHosts.parse(f"http://localhost:{there.port}")
    by_name_only = AllowedHosts(named.hosts, (), named.text)
    with pytest.raises(RefusedAddressError, match="not a public address"):
        read(Origin(by_name_only), f"http://localhost:{there.port}/a")
    assert there.log == []


def test_silence_ends_the_wait(there: FakeOrigin) -> None:
    url = there.put("/slow", CONTENT, drip_s=5)
    began = time.monotonic()
    with pytest.raises(TransientError, match="nothing came for"):
        read(Origin(AllowedHosts.parse(there.url), timeout_s=0.3), url)
    assert time.monotonic() - began < 3


def test_a_probe_asks_for_one_byte_where_head_is_not_allowed(there: FakeOrigin, origin: Origin) -> None:
    assert origin.probe(there.put("/a", CONTENT)).state == "answers"
    assert origin.probe(there.put("/b", CONTENT, head_status=405)).state == "answers"
    assert origin.probe(there.put("/c", CONTENT, head_status=403)).state == "answers"
    assert there.log[-1] == ("GET", "/c", "bytes=0-0")
    assert origin.probe(there.put("/page", b"<html>", content_type="text/html")).state == "unclear"
    assert origin.probe(there.url + "/none").state == "gone"
    assert origin.probe("https://elsewhere.example/").state == "unclear"
    assert origin.probe("http://127.0.0.1:1/").state == "unclear"


def test_an_origin_that_is_not_there_is_told_by_name(origin: Origin) -> None:
    away = Origin(AllowedHosts.parse("http://127.0.0.1:1,http://no-such-name.invalid:80"))
    with pytest.raises(TransientError, match=r"127.0.0.1:1/a: it is not reachable or broke off \(Connection refused\)"):
        read(away, "http://127.0.0.1:1/a")
    with pytest.raises(TransientError, match=r"the name no-such-name\.invalid has no address"):
        read(away, "http://no-such-name.invalid/a")
