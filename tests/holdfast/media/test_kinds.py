"""A whole file of its kind is taken however it is cut into blocks; anything else is refused, in words."""

from collections.abc import Iterable
from time import process_time

import hypothesis.strategies as st
import pytest
from hypothesis import given

from holdfast.errors import ImplausibleFileError
from holdfast.media.items import Kind
from holdfast.media.kinds import FileCheck
from tests.holdfast.media.files import (
    FILES,
    box,
    element,
    ftyp,
    gif,
    heif,
    jpeg,
    mp4,
    png,
    riff,
    splits,
    svg,
    webm,
    whole_files,
)


def judged(
    blocks: Iterable[bytes], kind: Kind = "video", *, declared_bytes: int | None = None, declared_type: str = ""
) -> str:
    check = FileCheck(kind, declared_bytes=declared_bytes, declared_type=declared_type)
    for block in blocks:
        check.feed(memoryview(block))
    content_type = check.finish()
    assert content_type == check.content_type
    return content_type


def refused(blocks: Iterable[bytes], kind: Kind = "video", **declared: object) -> str:
    with pytest.raises(ImplausibleFileError) as caught:
        judged(blocks, kind, **declared)  # type: ignore[arg-type]
    return str(caught.value)


def kind_of(content_type: str) -> Kind:
    return "video" if content_type.startswith("video/") else "image"


@pytest.mark.parametrize("name", FILES)
def test_a_whole_file_is_what_its_bytes_say(name: str) -> None:
    content_type, build = FILES[name]
    data = build(b"some content")
    kind = kind_of(content_type)
    assert judged([data], kind) == content_type
    assert judged([data], kind, declared_bytes=len(data), declared_type="text/html") == content_type
    assert judged([bytes([byte]) for byte in data], kind) == content_type


@given(st.data(), whole_files())
def test_blocks_may_cut_a_file_anywhere(data: st.DataObject, file: tuple[str, bytes]) -> None:
    content_type, whole = file
    assert judged(data.draw(splits(whole)), kind_of(content_type)) == content_type


@given(st.data(), whole_files())
def test_a_file_that_is_cut_off_is_refused_however_it_comes(data: st.DataObject, file: tuple[str, bytes]) -> None:
    content_type, whole = file
    cut = whole[: data.draw(st.integers(0, len(whole) - 1))]
    blocks = data.draw(splits(cut))
    refused(blocks, kind_of(content_type))
    refused(blocks, kind_of(content_type), declared_bytes=len(cut))
    refused(blocks, kind_of(content_type), declared_bytes=len(whole))


@given(whole_files(), st.integers(1, 9))
def test_fewer_or_more_bytes_than_announced_are_refused(file: tuple[str, bytes], by: int) -> None:
    content_type, whole = file
    kind = kind_of(content_type)
    assert "were announced" in refused([whole], kind, declared_bytes=len(whole) + by)
    refused([whole], kind, declared_bytes=len(whole) - by)


@given(st.binary(max_size=5000), st.sampled_from(["video", "image"]))
def test_no_bytes_make_it_fall_over(data: bytes, kind: Kind) -> None:
    refused([data], kind)


def boxes_of(data: bytes) -> list[bytes] | None:
    """The names of a file's boxes, read the plain way from all of it; None where they do not add up."""
    names, at = [], 0
    while at < len(data):
        size, head = int.from_bytes(data[at : at + 4], "big"), 8
        if size == 1:
            size, head = int.from_bytes(data[at + 8 : at + 16], "big"), 16
        if size == 0:
            size = len(data) - at
        if size < head or at + max(size, head) > len(data):
            return None
        names.append(data[at + 4 : at + 8])
        at += size
    return names


pieces = st.builds(
    box, st.sampled_from([b"moov", b"mdat", b"free", b"uuid"]), st.binary(max_size=30), wide=st.booleans()
) | st.sampled_from([b"\0\0\0\0mdat", b"\0\0\0\7free", b"\0\0\0\1mdat\0\0", b"mo"])


@given(st.data(), st.lists(pieces, max_size=6))
def test_boxes_are_read_as_by_a_reader_that_has_all_of_them(data: st.DataObject, some: list[bytes]) -> None:
    whole = ftyp(b"isom", b"mp42") + b"".join(some)
    names = boxes_of(whole)
    blocks = data.draw(splits(whole))
    if names is None or not {b"moov", b"mdat"} <= set(names):
        refused(blocks)
    else:
        assert judged(blocks) == "video/mp4"


@given(st.data(), whole_files())
def test_damage_is_refused_or_overlooked_but_never_more(data: st.DataObject, file: tuple[str, bytes]) -> None:
    content_type, whole = file
    at = data.draw(st.integers(0, len(whole) - 1))
    damaged = whole[:at] + bytes([data.draw(st.integers(0, 255))]) + whole[at + 1 :]
    blocks = data.draw(splits(damaged))
    try:
        judged([damaged], kind_of(content_type))
    except ImplausibleFileError:
        refused(blocks, kind_of(content_type))
    else:
        judged(blocks, kind_of(content_type))


@pytest.mark.parametrize(
    ("page", "words"),
    [
        (b"", "no bytes at all"),
        (b"<!DOCTYPE html><html><title>403 Forbidden</title>", "an HTML page: «<!DOCTYPE html><html><title>403"),
        (b"\xef\xbb\xbf \r\n\t<HTML lang=en>", "an HTML page"),
        (b"<!-- cached --><!doctype  html>\n<body>Sorry", "an HTML page"),
        ("<!doctype html><p>Nicht gefunden – tut uns leid".encode("utf-16"), "an HTML page"),
        (b"<html>" + b"x" * 9000, "an HTML page"),
        (b'{"detail": "Not Found"}', 'JSON: «{"detail": "Not Found"}»'),
        (b"  [1, 2]", "JSON"),
        (b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', "XML: «<?xml"),
        (b"upstream timed out", "plain text: «upstream timed out»"),
        (b"ok", "plain text: «ok»"),
        (b" \n \n", "nothing but white space"),
        (b"\x1f\x8b\x08\0" + b"\xfa" * 40, "gzip-compressed data"),
        (b"\0" * 40, "bytes of no format that is known here (00 00"),
    ],
)
@pytest.mark.parametrize("kind", ["video", "image"])
def test_a_page_with_status_200_is_no_file(page: bytes, words: str, kind: Kind) -> None:
    for blocks in ([page], [page[:1], page[1:3], page[3:]]):
        message = refused(blocks, kind, declared_type="video/mp4")
        assert words in message
        assert "the server calls it video/mp4" in message
        assert "tried again" in message


def test_a_page_is_refused_before_it_has_ended() -> None:
    check = FileCheck("video", declared_bytes=None, declared_type="")
    with pytest.raises(ImplausibleFileError, match="an HTML page"):
        check.feed(memoryview(b"<html>" + b"x" * 5000))


def test_what_is_shown_of_a_page_holds_no_secret() -> None:
    page = (
        b"<html>go to https://a.example/login?token=abc123&sig=xyz or use api_key=hunter22 Bearer: s3cr3t "
        b"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0"
    )
    message = refused([page])
    assert not [word for word in ("abc123", "xyz", "hunter22", "s3cr3t", "eyJ") if word in message]
    assert "https://a.example/login?…" in message


@pytest.mark.parametrize("name", FILES)
def test_a_picture_is_no_video_and_a_video_no_picture(name: str) -> None:
    content_type, build = FILES[name]
    wrong: Kind = "image" if kind_of(content_type) == "video" else "video"
    message = refused([build(b"content")], wrong)
    assert f"({content_type})" in message
    assert ("expected a picture, found a video" if wrong == "image" else "expected a video, found a picture") in message


def test_the_kind_is_known_within_the_first_4_kilobytes() -> None:
    for content_type, build in FILES.values():
        whole = build(b"c" * 9000)
        check = FileCheck(kind_of(content_type), declared_bytes=None, declared_type="")
        check.feed(memoryview(whole[:4096]))
        assert check.content_type == content_type


def test_a_file_that_claims_more_than_was_announced_is_refused_at_its_head() -> None:
    whole = mp4(b"x" * 100_000)
    check = FileCheck("video", declared_bytes=50_000, declared_type="video/mp4")
    with pytest.raises(
        ImplausibleFileError, match=r"it is cut off: by its own account it has 100,\d\d\d bytes or more"
    ):
        check.feed(memoryview(whole[:200]))


def test_a_sound_is_no_video() -> None:
    assert "found a sound file (audio/mp4)" in refused([mp4(brand=b"M4A ")])


def test_a_video_needs_its_table_and_its_frames() -> None:
    assert "needs boxes moov and mdat, found moov" in refused([ftyp(b"isom") + box(b"moov")])
    assert "needs boxes moov and mdat, found mdat" in refused([ftyp(b"isom") + box(b"mdat", b"x")])
    assert "needs boxes meta and mdat, found neither" in refused([ftyp(b"avif")], "image")
    assert "no cluster" in refused([element(0x1A45DFA3, b"webm") + element(0x18538067, b"")])


def test_a_fragment_needs_its_frames() -> None:
    whole = ftyp(b"iso5") + box(b"moov") + box(b"moof") + box(b"mdat", b"x")
    assert judged([whole, whole[-17:], box(b"mfra")]) == "video/mp4"
    assert "the frames of its last fragment are missing" in refused([whole, box(b"moof"), box(b"free")])


def test_lists_and_elements_may_follow() -> None:
    assert judged([riff(b"AVI ", b"frames") + riff(b"AVIX", b"more") + b"JUNK\0\0\0\0"]) == "video/x-msvideo"
    assert judged([webm() + element(0xEC, b"\0" * 3)]) == "video/webm"
    assert judged([svg() + b"\n<!-- made by a tool -->\n"], "image") == "image/svg+xml"


def test_a_list_of_odd_length_may_be_padded() -> None:
    odd = b"RIFF\x0b\0\0\0WEBPVP8L123"
    assert judged([odd], "image") == judged([odd, b"\0"], "image") == "image/webp"
    refused([odd, b"x"], "image")


def test_a_last_box_may_go_on_to_the_end() -> None:
    to_the_end = ftyp(b"isom") + box(b"moov") + b"\0\0\0\0mdat" + b"frames" * 9
    assert judged([to_the_end]) == "video/mp4"
    assert judged([to_the_end, b"more"], declared_bytes=len(to_the_end) + 4) == "video/mp4"
    refused([ftyp(b"isom") + b"\0\0\0\0mdat" + b"frames"])


def test_a_live_recording_leaves_its_sizes_open() -> None:
    assert judged([webm(is_open=True)]) == "video/webm"


def test_bytes_after_the_last_box_are_refused() -> None:
    refused([mp4() + b"\0" * 16])
    refused([mp4() + b"<html>gateway error"])
    refused([riff(b"WEBP", b"VP8L1234") + b"and more"], "image")


@pytest.mark.parametrize("build", [png, jpeg, gif])
def test_what_follows_the_end_of_a_picture_is_not_judged(build: object) -> None:
    whole = build()  # type: ignore[operator]
    assert judged([whole + b"\0" * 99, b"\0"], "image") == judged([whole], "image")


def test_the_end_mark_of_a_thumbnail_is_not_the_end() -> None:
    whole = jpeg(b"x" * 50)
    refused([whole[: whole.index(b"tiny") + 7]], "image")
    refused([whole[:-2] + b"\xff\0"], "image")


def test_a_drawing_is_recognised_by_its_first_tag() -> None:
    assert judged([svg(b"x" * 9000)], "image") == "image/svg+xml"
    assert "an HTML page" in refused([b"<html><svg></svg>"], "image")
    assert "its last tag is missing" in refused([svg()[:60]], "image")


@pytest.mark.parametrize(
    "broken",
    [
        ftyp(b"isom") + b"\0\0\0\3moov",
        ftyp(b"isom") + b"\0\0\0\1moov" + b"\0" * 7 + b"\5",
        ftyp(b"isom") + b"\0\0\0\x10\0\1\2\3" + b"\0" * 8,
        element(0x1A45DFA3, b"webm") + b"\0\0\0\0\0",
        element(0x1A45DFA3, b"webm") + b"\xec\0\0\0\0",
        element(0x1A45DFA3, b"webm") + b"\xec\xff\0\0\0",
    ],
)
def test_a_broken_structure_is_said(broken: bytes) -> None:
    assert "it is damaged" in refused([broken])


def test_a_file_of_a_gigabyte_costs_next_to_nothing() -> None:
    block = memoryview(bytes(8 << 20))
    head = ftyp(b"isom") + box(b"moov") + (8 + (1 << 30)).to_bytes(4, "big") + b"mdat"
    check = FileCheck("video", declared_bytes=len(head) + (1 << 30), declared_type="video/mp4")
    started = process_time()
    check.feed(memoryview(head))
    for _ in range(128):
        check.feed(block)
    assert check.finish() == "video/mp4"
    assert process_time() - started < 0.1


def test_heic_is_a_picture() -> None:
    assert judged([heif(b"heix")], "image") == "image/heic"
