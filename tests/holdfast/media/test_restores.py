"""Which files are brought back, under which names, and what proves them."""

import hashlib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.errors import PermanentError
from holdfast.media.etags import whole_etag
from holdfast.media.items import MediaItem
from holdfast.media.naming import vault_name
from holdfast.media.proofs import Proof
from holdfast.media.restores import Choice, Source, Wanted, days, merged, safe_name, told_apart
from holdfast.vaults import check_name


def md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def etag(content: bytes, part_bytes: int) -> str:
    """As S3 does it: cut, hash, hash the hashes."""
    parts = [content[at : at + part_bytes] for at in range(0, len(content), part_bytes)] or [b""]
    return whole_etag([md5(part) for part in parts])


@given(st.binary(max_size=200), st.integers(1, 50), st.lists(st.integers(1, 60), max_size=10), st.data())
def test_a_proof_tells_a_file_from_every_other(
    content: bytes, part_bytes: int, cuts: list[int], data: st.DataObject
) -> None:
    proofs = [
        Proof(size_bytes=len(content), sha256=hashlib.sha256(content).digest()),
        Proof(size_bytes=len(content), md5=bytes.fromhex(md5(content))),
        Proof(size_bytes=len(content), etag=etag(content, part_bytes), part_bytes=part_bytes),
    ]
    other = data.draw(st.binary(max_size=200))
    for proof in proofs:
        assert proof.is_checksum
        for candidate in (content, other):
            comparison, rest = proof.begin(), candidate
            for cut in cuts:
                comparison.feed(rest[:cut])
                rest = rest[cut:]
            comparison.feed(rest)
            assert comparison.is_whole() == (candidate == content)
            assert bool(comparison.difference()) == (candidate != content)


def test_a_size_alone_is_no_checksum() -> None:
    proof = Proof(size_bytes=4)
    comparison = proof.begin()
    comparison.feed(b"meow")
    assert comparison.is_whole()
    assert not proof.is_checksum
    # Another tool cut its parts in another size.
    assert not Proof(size_bytes=100, etag=etag(b"x" * 100, 30), part_bytes=60).is_checksum


@pytest.mark.parametrize(
    ("text", "since", "until"),
    [
        ("2026-11-20", datetime(2026, 11, 20, tzinfo=UTC), datetime(2026, 11, 21, tzinfo=UTC)),
        ("2026-11", datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)),
        ("2026-12", datetime(2026, 12, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)),
        ("2024-02-29", datetime(2024, 2, 29, tzinfo=UTC), datetime(2024, 3, 1, tzinfo=UTC)),
    ],
)
def test_a_day_or_a_month_is_half_open(text: str, since: datetime, until: datetime) -> None:
    assert days(text) == (since, until)


@pytest.mark.parametrize("text", ["yesterday", "2026", "2026-13", "2026-11-31", ""])
def test_what_is_neither_day_nor_month_is_refused(text: str) -> None:
    with pytest.raises(PermanentError, match="neither a day"):
        days(text)


@given(st.text(max_size=80))
def test_a_name_in_a_vault_is_found_by_the_id_that_it_was_made_of(source_id: str) -> None:
    at = datetime(2026, 11, 5, tzinfo=UTC)
    item = MediaItem(
        item_id=1, source_table="gen_videos", source_id=source_id, media_class="upscale", kind="video",
        url="https://v3.fal.media/x", created_at=at, deadline_at=at,
    )  # fmt: skip
    name = vault_name(item, "video/mp4")
    since, until = days("2026-11")
    assert Choice(id=source_id).names(name)
    assert Choice(id=source_id, media_class="upscale", since=since, until=until).names(name)
    assert not Choice(media_class="images").names(name)
    assert not Choice(since=days("2026-10")[0], until=days("2026-10")[1]).names(name)
    assert Choice().names(name)


def test_no_name_tells_a_day() -> None:
    since, until = days("2026-11-20")
    with pytest.raises(PermanentError, match=r"Choose the month \(2026-11\)"):
        _ = Choice(since=since, until=until).month


@given(st.text(max_size=300))
def test_every_name_becomes_one_that_stays_inside_the_folder(name: str) -> None:
    assert check_name(safe_name(name))


def wanted(name: str, remote_id: str, vault: str = "drive", size_bytes: int = 4) -> Wanted:
    source = Source(vault=vault, remote_id=remote_id, proof=Proof(size_bytes=size_bytes))
    return Wanted(title=name, name=name, sources=(source,))


def test_two_files_of_one_name_get_two_names() -> None:
    found = told_apart([wanted("a/b.mp4", "1"), wanted("a/b.mp4", "2"), wanted("a/b.mp4", "3")])
    assert len({one.name for one in found}) == 3
    assert found[0].name == "a/b.mp4"
    assert all(one.name.startswith("a/b") and one.name.endswith(".mp4") for one in found)


def test_a_file_of_two_vaults_is_one_file_with_two_sources() -> None:
    drive = [wanted("a", "1"), wanted("b", "2"), wanted("c", "3"), wanted("c", "4")]
    s3 = [wanted("a", "a", "s3"), wanted("b", "b", "s3", size_bytes=9), wanted("d", "d", "s3")]
    found = merged([drive, s3])
    sources = [[f"{source.vault} {source.remote_id}" for source in one.sources] for one in found]
    assert sorted(sources) == [["drive 1", "s3 a"], ["drive 2"], ["drive 3"], ["drive 4"], ["s3 b"], ["s3 d"]]
    assert len({one.name for one in found}) == 6
