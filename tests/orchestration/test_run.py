import socket
from pathlib import Path

import pytest

from holdfast.errors import PermanentError
from orchestration import run
from orchestration.first_pass import Outcome
from orchestration.settings import load
from orchestration.supervisor import Supervisor


def test_a_configured_password_is_in_no_file_of_the_state_folder(
    empty_database_url: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    published: dict[str, str] = {}
    monkeypatch.setattr(run, "publish", published.update)
    url = empty_database_url.replace("postgres@", "postgres:sesame@")
    settings = load({"HOLDFAST_HOME": str(home), "DATABASE_URL": url, "REDIS_ENABLED": "false"})
    with Supervisor(home, say=print) as supervisor:
        run._prepare(settings, supervisor)
        texts = [path.read_text() for path in home.rglob("*") if path.is_file()]
        assert (home / "run.json").stat().st_mode & 0o077 == 0
    assert texts
    assert not any("sesame" in text for text in texts)
    assert published["DAGSTER_DATABASE_URL"].startswith("postgresql+psycopg2://postgres:sesame@")


def test_a_free_port_is_free_and_a_taken_one_is_not() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        taken.listen()
        with pytest.raises(PermanentError, match=f"HOLDFAST_PORT={port + 1} make run"):
            run.check_port(port)
    run.check_port(port)


def test_a_folder_that_cannot_be_used_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(PermanentError, match="file/home: Not a directory; make it possible, or set HOLDFAST_HOME"):
        run.run(load({"HOLDFAST_HOME": str(tmp_path / "file" / "home")}), once=True, say=print)


@pytest.mark.parametrize(
    ("outcome", "says", "is_good"),
    [
        (Outcome(asset="a", seconds=0.5, rows=1, checks_passed=1), "1 row, 0.50 s, 1 check passed", True),
        (Outcome(asset="a", seconds=0.5, rows=12345), "12,345 rows, 0.50 s", True),
        (Outcome(asset="a", seconds=0.5, error="no room"), "FAILED, 0.50 s: no room", False),
        (Outcome(asset="a", seconds=0.5, checks_failed=["c"]), "0.50 s, check failed: c", True),
        (
            Outcome(asset="a", seconds=0.5, checks_failed=["c"], is_blocked=True, error="x"),
            "0.50 s, BLOCKING CHECK FAILED: c",
            False,
        ),
        (Outcome(asset="a", seconds=0, skipped="it has no partition yet"), "skipped: it has no partition yet", True),
    ],
)
def test_a_progress_line_says_what_happened(outcome: Outcome, says: str, is_good: bool) -> None:
    assert str(outcome).endswith(f"· {says}")
    assert outcome.is_good is is_good
