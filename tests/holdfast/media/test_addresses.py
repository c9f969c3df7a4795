"""Where media may be fetched from."""

import pytest

from holdfast.errors import RefusedAddressError, SettingsError
from holdfast.media.addresses import AllowedHosts, Place

FAL = AllowedHosts.parse("fal.media")


def test_a_named_host_and_its_subdomains_are_allowed_by_https_only() -> None:
    assert FAL.place("https://v3.fal.media/files/a.mp4?x=1") == Place("https", "v3.fal.media", 443, "/files/a.mp4?x=1")
    assert FAL.place("https://FAL.media./a") == Place("https", "fal.media", 443, "/a")
    for url in (
        "http://fal.media/a",
        "https://fal.media:8443/a",
        "https://notfal.media/a",
        "https://fal.media.evil.io/a",
    ):
        with pytest.raises(RefusedAddressError, match="is not among the hosts that media may be fetched from"):
            FAL.place(url)


@pytest.mark.parametrize(
    "url",
    ["file:///etc/passwd", "ftp://fal.media/a", "https://user:secret@fal.media/a", "//fal.media/a", "", "https://", "https://fal.media:x/"],
)  # fmt: skip
def test_what_is_no_plain_link_is_refused_and_no_login_is_told(url: str) -> None:
    with pytest.raises(RefusedAddressError) as error:
        FAL.place(url)
    assert "secret" not in str(error.value)


def test_what_people_type_into_a_path_is_sent_as_a_browser_would() -> None:
    assert FAL.place("https://fal.media/a b/ü'\"🎬.mp4#part").target == "/a%20b/%C3%BC'%22%F0%9F%8E%AC.mp4"
    assert FAL.place("https://fal.media/a%20b").target == "/a%20b"
    assert "\n" not in FAL.place("https://fal.media/a\nHost: evil").target


PRIVATE = [
    "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0", "100.64.0.1", "224.0.0.1",
    "255.255.255.255", "::1", "::", "fe80::1", "fc00::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe", "2002:7f00:0001::", "ff02::1", "fe80::1%eth0",
]  # fmt: skip


@pytest.mark.parametrize("address", PRIVATE)
def test_a_host_that_leads_to_a_private_address_is_refused(address: str) -> None:
    with pytest.raises(RefusedAddressError, match="which is not a public address; nothing was asked of it"):
        FAL.check_address("https://fal.media/a", address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "64:ff9b::808:808"])
def test_public_addresses_are_fine(address: str) -> None:
    FAL.check_address("https://fal.media/a", address)


def test_a_private_address_is_allowed_where_it_is_named() -> None:
    allowed = AllowedHosts.parse("fal.media, http://127.0.0.1:8080,10.0.0.0/8, http://[::1]:9, http://localhost:7")
    assert allowed.place("http://127.0.0.1:8080/x").port == 8080
    assert allowed.place("http://[::1]:9/x").host == "::1"
    for address in ("127.0.0.1", "10.9.9.9", "::1"):
        allowed.check_address("https://fal.media/a", address)
    with pytest.raises(RefusedAddressError):
        allowed.check_address("https://fal.media/a", "192.168.0.1")
    with pytest.raises(RefusedAddressError):
        allowed.place("http://127.0.0.1:8081/x")


def test_a_setting_that_is_no_list_of_hosts_says_which_part() -> None:
    with pytest.raises(SettingsError, match="'https://a:b:c' is neither a host nor an address"):
        AllowedHosts.parse("fal.media, https://a:b:c")
    with pytest.raises(RefusedAddressError, match=r"\(none\)"):
        AllowedHosts.parse("").place("https://fal.media/")
