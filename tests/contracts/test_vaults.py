"""What every vault promises; real ones and fakes pass alike."""

import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from holdfast.errors import NotInVaultError, PermanentError
from holdfast.vaults import LONGEST_NAME, Vault, check_name
from resources.folder import FolderVault
from resources.object_store import S3Vault
from tests.fakes.s3 import s3_server

# Makes a vault; made again from the same place, it holds the same.
Open = Callable[[], Vault]


@pytest.fixture(params=["folder", "s3"])
def reopen(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    if request.param == "folder":
        yield lambda: FolderVault(tmp_path / "vault")
    else:
        with s3_server() as server:
            # moto's buckets outlive its server.
            bucket = f"documents-{secrets.token_hex(4)}"
            server.make_bucket(bucket)
            yield lambda: S3Vault(server.access(bucket))


@pytest.fixture
def vault(reopen: Open) -> Vault:
    return reopen()


def test_what_was_put_comes_back_to_the_last_byte_and_after_a_restart(reopen: Open) -> None:
    content = bytes(range(256)) * 5000
    reopen().put("baselines/a b.json.gz", content)
    assert reopen().get("baselines/a b.json.gz") == content


def test_nothing_is_a_content_too(vault: Vault) -> None:
    vault.put("empty", b"")
    assert vault.get("empty") == b""
    assert vault.names() == ["empty"]


def test_a_second_put_replaces_the_first(vault: Vault) -> None:
    vault.put("cat.jpg", b"a longer content")
    vault.put("cat.jpg", b"new")
    assert vault.get("cat.jpg") == b"new"
    assert vault.names() == ["cat.jpg"]


def test_names_are_those_of_a_prefix_in_order(vault: Vault) -> None:
    assert vault.names() == []
    for name in ("b/2", "b/1", "a/1", "b/10"):
        vault.put(name, b"x")
    assert vault.names("b/") == ["b/1", "b/10", "b/2"]
    assert vault.names() == ["a/1", "b/1", "b/10", "b/2"]
    assert vault.names("nothing") == []


def test_a_name_that_is_not_there_says_what_is(vault: Vault) -> None:
    vault.put("baselines/2026-11-20", b"x")
    with pytest.raises(NotInVaultError, match=r"there is no baselines/none; it has baselines/2026-11-20\. Nothing was"):
        vault.get("baselines/none")
    with pytest.raises(NotInVaultError, match="nothing of this kind"):
        vault.get("media/none")
    with pytest.raises(NotInVaultError):
        vault.get("baselines")


def test_what_is_removed_is_gone_and_removing_it_again_is_no_error(vault: Vault) -> None:
    vault.put("a/b", b"x")
    vault.remove("a/b")
    vault.remove("a/b")
    assert vault.names() == []


ESCAPES = [
    "",
    "/",
    "/etc/passwd",
    "../up",
    "a/../b",
    "a//b",
    "a/",
    ".hidden",
    "a/.b",
    "a\\b",
    "a\x00b",
    "a\nb",
    "c:x",
    "ä",
]


@pytest.mark.parametrize("name", [*ESCAPES, "x" * (LONGEST_NAME + 1), "a ", "a.", "a /b"])
def test_a_name_that_leads_elsewhere_is_refused(vault: Vault, name: str, tmp_path: Path) -> None:
    for attempt in (lambda: vault.put(name, b"x"), lambda: vault.get(name), lambda: vault.remove(name)):
        with pytest.raises(PermanentError, match="is no name for the vault"):
            attempt()
    assert vault.names() == []


@given(st.text(st.sampled_from("ab./\\ ~-_"), max_size=12))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_an_allowed_name_stays_inside_and_every_other_is_refused(tmp_path: Path, name: str) -> None:
    try:
        check_name(name)
    except PermanentError:
        return
    inside = (tmp_path / name).resolve()
    assert inside.is_relative_to(tmp_path.resolve())
    assert inside != tmp_path.resolve()
    assert inside == tmp_path.resolve() / name


def test_a_folder_that_cannot_be_written_says_so_and_keeps_what_it_has(tmp_path: Path) -> None:
    (tmp_path / "vault").write_text("a file where the folder should be")
    vault = FolderVault(tmp_path / "vault")
    with pytest.raises(PermanentError, match=r"what was there before stays\. Make the folder readable"):
        vault.put("a", b"x")


def test_what_a_kill_left_behind_is_no_content(tmp_path: Path) -> None:
    vault = FolderVault(tmp_path / "vault")
    vault.put("a/b", b"x")
    (tmp_path / "vault" / "a" / ".partial-0123").write_bytes(b"hal")
    assert vault.names() == ["a/b"]


def test_a_write_that_fails_leaves_the_content_before_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault = FolderVault(tmp_path / "vault")
    vault.put("a", b"before")

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(Exception, match="the disk is full; a: what was there before stays"):
        vault.put("a", b"after")
    assert vault.get("a") == b"before"
    assert [path.name for path in (tmp_path / "vault").iterdir()] == ["a"]
