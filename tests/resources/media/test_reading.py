"""Reading a file over lines that break, hang and drip."""

import threading
from collections.abc import Iterator

import pytest

from holdfast.errors import ChangedError, OriginGoneError, StoppedError, TransientError
from holdfast.media.addresses import AllowedHosts
from holdfast.retries import Backoff
from resources.media.reading import Reading
from resources.web.origin import Origin
from tests.fakes.origins import FakeOrigin
from tests.fakes.origins import origin as fake_origin

CONTENT = bytes(range(256)) * 8000
QUICK = Backoff(attempts=3, first_s=0.01)


@pytest.fixture
def there() -> Iterator[FakeOrigin]:
    with fake_origin() as one:
        yield one


@pytest.fixture
def origin(there: FakeOrigin) -> Iterator[Origin]:
    one = Origin(AllowedHosts.parse(there.url), timeout_s=5)
    yield one
    one.close()


def reading(origin: Origin, url: str, stop: threading.Event | None = None, slow_after_s: float = 60) -> Reading:
    return Reading(
        lambda offset, etag: origin.open(url, offset=offset, etag=etag),
        "a film",
        stop=stop or threading.Event(),
        backoff=QUICK,
        slow_after_s=slow_after_s,
    )


def read(one: Reading, at_once: int = 300_000) -> bytes:
    found, buffer = bytearray(), memoryview(bytearray(at_once))
    with one:
        while count := one.fill(buffer):
            found += buffer[:count]
    return bytes(found)


def test_a_line_that_breaks_is_taken_up_where_it_broke(there: FakeOrigin, origin: Origin) -> None:
    assert read(reading(origin, there.put("/a", CONTENT, cut_at=1_000_000, faults=2))) == CONTENT
    asked = [part for _, _, part in there.log]
    assert asked == ["", "bytes=1000000-", "bytes=1000000-"]


def test_a_line_that_always_breaks_is_given_up(there: FakeOrigin, origin: Origin) -> None:
    with pytest.raises(TransientError, match="cut off"):
        read(reading(origin, there.put("/a", CONTENT, cut_at=1_000_000)))
    assert len(there.log) == 3


def test_a_file_that_is_another_one_now_is_not_gone_on_with(there: FakeOrigin, origin: Origin) -> None:
    url = there.put("/a", CONTENT, cut_at=1_000_000, faults=1)
    with reading(origin, url) as one:
        one.fill(memoryview(bytearray(900_000)))
        there.put("/a", CONTENT[::-1], etag='"2"')
        with pytest.raises(ChangedError, match="changed while it was read"):
            one.fill(memoryview(bytearray(900_000)))


def test_a_link_that_dies_in_the_middle_is_told_as_dead(there: FakeOrigin, origin: Origin) -> None:
    url = there.put("/a", CONTENT, cut_at=1_000_000, faults=1)
    with reading(origin, url) as one:
        one.fill(memoryview(bytearray(900_000)))
        del there.files["/a"]
        with pytest.raises(OriginGoneError):
            one.fill(memoryview(bytearray(900_000)))


def test_a_slow_drip_does_not_hold_a_worker(there: FakeOrigin, origin: Origin) -> None:
    with pytest.raises(TransientError, match=r"a film: only [\d,]+ bytes came in 0 s"):
        read(reading(origin, there.put("/a", CONTENT, drip_s=0.02), slow_after_s=0.3))


def test_a_run_that_ends_stops_reading(there: FakeOrigin, origin: Origin) -> None:
    stop = threading.Event()
    with reading(origin, there.put("/a", CONTENT), stop) as one:
        one.fill(memoryview(bytearray(1000)))
        stop.set()
        with pytest.raises(StoppedError):
            one.fill(memoryview(bytearray(1000)))
