"""Where a file can be had: the origin while it answers, then the vaults; links are asked, but not too often."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import combinations, product
from pathlib import Path
from typing import Any

import psycopg
import pytest

from holdfast.media.addresses import AllowedHosts
from resources.media.links import access_url, ask_links
from resources.media.sample_files import FILES
from resources.media.sample_origin import SampleOrigin
from resources.migrations import migrate
from resources.postgres import Postgres
from resources.web.origin import Origin
from tests.resources.media.linked import NOW, add_copy, add_item
from tests.resources.media.origins import served as served_files

VAULTS = ("drive", "folder", "s3")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def connection(database_url: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(database_url, autocommit=True) as opened:
        yield opened


def served(connection: psycopg.Connection[Any]) -> dict[str, tuple[str | None, str | None]]:
    rows = connection.execute("select source_id, served_by, url from public.media_access_url").fetchall()
    return {source_id: (served_by, url) for source_id, served_by, url in rows}


def expected(state: str, deadline_at: datetime, checked_at: datetime | None, copies: tuple[str, ...]) -> str | None:
    """Who serves a file, said the plain way."""
    if state in ("unknown", "answers") and deadline_at > NOW:
        return "origin"
    is_fresh = checked_at is not None and deadline_at <= checked_at and NOW - checked_at < 2 * HOUR
    if state == "answers" and is_fresh:
        return "origin"
    if copies:
        return copies[0]
    return None if state == "gone" else "origin"


def test_the_origin_serves_while_it_answers_and_then_the_vaults_in_order(
    connection: psycopg.Connection[Any],
) -> None:
    some = [copies for most in range(4) for copies in combinations(VAULTS, most)]
    states = ("unknown", "answers", "gone", "unclear")
    deadlines = (NOW - 3 * HOUR, NOW + 5 * DAY)
    checks = (None, NOW - 5 * HOUR, NOW - 2.5 * HOUR, NOW - timedelta(minutes=30))
    cases = list(product(states, deadlines, checks, some))
    with connection.transaction():
        for number, (state, deadline_at, checked_at, copies) in enumerate(cases):
            add_item(
                connection,
                number,
                origin_state=state,
                deadline_at=deadline_at,
                origin_checked_at=checked_at,
                copies={vault: f"https://{vault}.example/{number}" for vault in copies},
            )
    found = served(connection)
    assert len(found) == len(cases) == 256
    for number, case in enumerate(cases):
        by = expected(*case)
        url = {None: None, "origin": f"http://origin.example/{number}.mp4"}.get(by, f"https://{by}.example/{number}")
        assert found[str(number)] == (by, url), case


def test_a_copy_serves_only_while_it_is_verified_and_there(connection: psycopg.Connection[Any]) -> None:
    gone = {"origin_state": "gone", "copies": {"folder": "file:///v/1.mp4"}}
    for number in range(3):
        add_item(connection, number, **gone)
    connection.execute("update holdfast.media_copies set missing_at = now() where item_id = 1")
    connection.execute("update holdfast.media_copies set state = 'pending' where item_id = 2")
    assert served(connection) == {"0": (None, None), "1": (None, None), "2": ("folder", "file:///v/1.mp4")}


def test_a_file_that_its_row_names_no_more_is_not_in_the_view(connection: psycopg.Connection[Any]) -> None:
    add_item(connection, 1, is_current=False)
    add_item(connection, 1, url="http://origin.example/new.mp4")
    assert served(connection) == {"1": ("origin", "http://origin.example/new.mp4")}


def test_a_row_is_served_its_most_valuable_file_that_can_be_had(
    connection: psycopg.Connection[Any], database_url: str
) -> None:
    add_item(connection, 1, media_class="regular", url="http://origin.example/regular.mp4")
    add_item(connection, 1, media_class="upscale", url="http://origin.example/upscale.mp4")

    def asked(*arguments: str) -> tuple[str | None, str | None]:
        marks = ", ".join(["%s"] * len(arguments))
        (by_sql,) = connection.execute(f"select holdfast.media_url({marks})".encode(), arguments).fetchone() or (0,)
        link = access_url(Postgres(database_url), *arguments)  # type: ignore[arg-type]
        return by_sql, link.url if link else None

    def same(url: str | None) -> tuple[str | None, str | None]:
        return url, url

    assert asked("gen_videos", "1") == same("http://origin.example/upscale.mp4")
    assert asked("gen_videos", "1", "regular") == same("http://origin.example/regular.mp4")
    connection.execute(
        "update holdfast.media_items set origin_state = 'gone', origin_gone_at = now() where media_class = 'upscale'"
    )
    assert asked("gen_videos", "1") == same("http://origin.example/regular.mp4")
    assert asked("gen_videos", "1", "upscale") == same(None)
    assert asked("gen_videos", "2") == same(None)
    assert asked("gen_images", "1") == same(None)


def test_who_may_ask(connection: psycopg.Connection[Any]) -> None:
    add_item(connection, 1)
    question = "select holdfast.media_url('gen_videos', '1'), url from public.media_access_url"
    connection.execute("set role holdfast_analyst")
    assert connection.execute(question).fetchall() == [("http://origin.example/1.mp4",) * 2]
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("select url from holdfast.media_items")
    connection.execute("reset role")
    public = "select has_function_privilege('public', p.oid, 'execute') from pg_proc p where p.proname = 'media_url'"
    assert connection.execute(public).fetchone() == (False,)


def test_a_servers_web_interface_is_given_nothing(empty_database_url: str) -> None:
    with psycopg.connect(empty_database_url, autocommit=True) as connection:
        connection.execute("create role anon")
        try:
            connection.execute("alter default privileges in schema public grant all on tables to anon")
            migrate(Postgres(empty_database_url))
            asked = "select has_table_privilege('anon', 'public.media_access_url', 'select')"
            assert connection.execute(asked).fetchone() == (False,)
        finally:
            connection.execute("drop owned by anon")
            connection.execute("drop role anon")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SampleOrigin]:
    with served_files(tmp_path / "origin") as started:
        yield started


@pytest.fixture
def origin(server: SampleOrigin) -> Iterator[Origin]:
    opened = Origin(AllowedHosts.parse(server.url), timeout_s=5)
    yield opened
    opened.close()


def states(connection: psycopg.Connection[Any]) -> dict[str, tuple[str, int, bool]]:
    rows = connection.execute(
        "select source_id, origin_state, origin_gone_count, origin_gone_at is null from holdfast.media_items"
    ).fetchall()
    return {source_id: (state, count, is_null) for source_id, state, count, is_null in rows}


def age(connection: psycopg.Connection[Any], by: timedelta) -> None:
    """Let time pass for the books."""
    connection.execute(
        "update holdfast.media_items set origin_checked_at = origin_checked_at - %(by)s, "
        "origin_gone_at = origin_gone_at - %(by)s",
        {"by": by},
    )


def test_links_are_asked_and_what_they_say_is_kept(
    connection: psycopg.Connection[Any], database_url: str, server: SampleOrigin, origin: Origin
) -> None:
    alive, dead = FILES[0].path, FILES[2].path
    (server.folder / f"{dead}.gone").touch()
    add_item(connection, 1, url=f"{server.url}/{alive}")
    add_item(connection, 2, url=f"{server.url}/{dead}", copies={"folder": "file:///v/2.mp4"})
    add_item(connection, 3, url="https://elsewhere.example/3.mp4")
    add_item(connection, 4, url=f"{server.url}/{dead}", is_current=False)
    report = ask_links(Postgres(database_url), origin)
    assert report.asked == {"answers": 1, "gone": 1, "unclear": 1}
    assert states(connection) == {
        "1": ("answers", 0, True),
        "2": ("gone", 1, False),
        "3": ("unclear", 0, True),
        "4": ("unknown", 0, True),
    }
    assert report.served == {("regular", "folder"): 1, ("regular", "origin"): 2}
    (switched,) = report.switched
    assert (switched.source_id, switched.served_by, switched.url) == ("2", "folder", "file:///v/2.mp4")
    assert "410" in switched.problem
    again = ask_links(Postgres(database_url), origin)
    assert sum(again.asked.values()) == 0
    assert not again.has_more
    assert sum(ask_links(Postgres(database_url), origin, again=True).asked.values()) == 3


def test_a_dead_link_is_asked_again_after_ten_minutes_and_given_up_after_a_week(
    connection: psycopg.Connection[Any], database_url: str, server: SampleOrigin, origin: Origin
) -> None:
    postgres = Postgres(database_url)
    marker = server.folder / f"{FILES[0].path}.gone"
    marker.touch()
    add_item(connection, 1, url=f"{server.url}/{FILES[0].path}")
    seen = []
    for wait in (timedelta(0), timedelta(minutes=9), timedelta(minutes=2), HOUR, DAY, 8 * DAY):
        age(connection, wait)
        seen.append(ask_links(postgres, origin).asked["gone"])
    assert seen == [1, 0, 1, 0, 1, 0]
    assert states(connection)["1"] == ("gone", 3, False)
    (nobody,) = ask_links(postgres, origin).unreachable
    assert (nobody.source_id, nobody.served_by) == ("1", "")


def test_a_link_is_asked_anew_once_a_copy_was_proven(
    connection: psycopg.Connection[Any], database_url: str, server: SampleOrigin, origin: Origin
) -> None:
    item_id = add_item(connection, 1, url=f"{server.url}/{FILES[0].path}")
    postgres = Postgres(database_url)
    asked = [ask_links(postgres, origin).asked["answers"]]
    add_copy(connection, item_id, "folder", "file:///v/1.mp4")
    asked += [ask_links(postgres, origin).asked["answers"] for _ in range(2)]
    assert asked == [1, 1, 0]


def test_a_link_that_comes_back_is_alive(
    connection: psycopg.Connection[Any], database_url: str, server: SampleOrigin, origin: Origin
) -> None:
    marker = server.folder / f"{FILES[0].path}.gone"
    marker.touch()
    add_item(connection, 1, url=f"{server.url}/{FILES[0].path}", copies={"drive": "https://drive.example/1"})
    ask_links(Postgres(database_url), origin)
    assert served(connection)["1"][0] == "drive"
    marker.unlink()
    age(connection, timedelta(minutes=11))
    ask_links(Postgres(database_url), origin)
    assert states(connection)["1"] == ("answers", 0, True)
    assert served(connection)["1"][0] == "origin"


def test_the_most_pressing_links_are_asked_first_and_no_more_than_told(
    connection: psycopg.Connection[Any], database_url: str, server: SampleOrigin, origin: Origin
) -> None:
    url = f"{server.url}/{FILES[0].path}"
    days = {"1": 5.0, "2": 0.5, "3": -1.0, "4": 3.0}
    for number, left in days.items():
        add_item(connection, int(number), url=url, deadline_at=NOW + left * DAY)
    order = []
    for most in (2, 1, 5):
        before = states(connection)
        report = ask_links(Postgres(database_url), origin, most=most)
        order.append({one for one, state in states(connection).items() if state != before[one]})
        assert report.has_more == (len(order) < 3)
    assert order == [{"2", "3"}, {"4"}, {"1"}]


def test_no_link_is_asked_when_the_time_is_up(
    connection: psycopg.Connection[Any], database_url: str, origin: Origin
) -> None:
    add_item(connection, 1)
    report = ask_links(Postgres(database_url), origin, seconds=0)
    assert sum(report.asked.values()) == 0
    assert report.has_more


def test_a_row_that_got_another_link_while_it_was_asked_keeps_what_it_has(
    connection: psycopg.Connection[Any], database_url: str, server: SampleOrigin
) -> None:
    item_id = add_item(connection, 1, url=f"{server.url}/{FILES[0].path}")

    class Slow(Origin):
        def probe(self, url: str) -> Any:
            said = super().probe(url)
            connection.execute("update holdfast.media_items set url = url || '?v=2' where item_id = %s", (item_id,))
            return said

    slow = Slow(AllowedHosts.parse(server.url))
    ask_links(Postgres(database_url), slow)
    slow.close()
    assert states(connection)["1"] == ("unknown", 0, True)


@pytest.mark.parametrize(
    ("state", "count", "left", "every"),
    [
        ("answers", 0, 3 * DAY, DAY),
        ("unknown", 0, 23 * HOUR, 3 * HOUR),
        ("answers", 0, -HOUR, HOUR),
        ("answers", 0, -96 * DAY, 2 * DAY),
        ("gone", 1, DAY, timedelta(minutes=10)),
        ("gone", 2, DAY, DAY),
        ("unclear", 0, 9 * DAY, HOUR),
    ],
)
def test_the_nearer_a_deadline_the_oftener_its_link_is_asked(
    state: str, count: int, left: timedelta, every: timedelta, connection: psycopg.Connection[Any]
) -> None:
    asked = "select holdfast.media_probe_every(%s, %s, %s, %s)"
    assert connection.execute(asked, (state, count, NOW + left, NOW)).fetchone() == (every,)
