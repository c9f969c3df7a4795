"""What files are called in a vault."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from holdfast.media.items import MediaItem, printable_url
from holdfast.media.naming import vault_name
from holdfast.vaults import check_name

AT = datetime(2026, 11, 20, tzinfo=UTC)


def item(source_id: str = "7", url: str = "https://fal.media/a.mp4", **more: object) -> MediaItem:
    told = {
        "item_id": 1, "source_table": "gen_videos", "source_id": source_id, "media_class": "upscale", "kind": "video",
        "url": url, "created_at": AT, "deadline_at": AT,
    }  # fmt: skip
    return MediaItem(**(told | more))  # type: ignore[arg-type]


def test_a_name_says_class_month_and_id() -> None:
    name = vault_name(item("0d6c0a4e-7a9f-4a3d-9d0e-111111111111"), "video/mp4")
    assert name.startswith("upscale/2026-11/0d6c0a4e-7a9f-4a3d-9d0e-111111111111-")
    assert name.endswith(".mp4")


@given(st.text(max_size=400), st.sampled_from(["video/mp4", "image/webp", "application/x-unknown"]))
def test_any_id_gives_a_name_that_every_vault_takes(source_id: str, content_type: str) -> None:
    name = vault_name(item(source_id), content_type)
    assert check_name(name) == name
    assert name.isascii()
    assert len(name) <= 110


@given(st.text(max_size=20), st.text(max_size=20))
def test_two_ids_never_share_a_name_and_one_always_has_the_same(one: str, other: str) -> None:
    assert (vault_name(item(one), "video/mp4") == vault_name(item(other), "video/mp4")) == (one == other)


def test_another_link_has_another_name_and_another_signature_has_not() -> None:
    plain, signed = item(url="https://fal.media/a.mp4"), item(url="https://fal.media/a.mp4?sig=2#t=1")
    assert vault_name(plain, "video/mp4") == vault_name(signed, "video/mp4")
    assert vault_name(plain, "video/mp4") != vault_name(item(url="https://fal.media/b.mp4"), "video/mp4")


def test_a_url_for_people_has_no_secrets() -> None:
    assert printable_url("https://u:pw@fal.media:8443/a b.mp4?sig=secret#x") == "https://fal.media:8443/a b.mp4"
    assert printable_url("https://[bad") == "a URL that cannot be read"
    assert len(printable_url("https://fal.media/" + "x" * 1000)) == 300
