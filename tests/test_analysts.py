"""Every example in docs/analysts.md runs, as the role it is written for."""

import logging
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from holdfast.metrics.cycles import Reading
from orchestration.local import binary
from resources.baselines.learner import learn_due
from resources.metrics.compaction import compact_day
from resources.metrics.merge import merge_readings
from resources.metrics.rollups import roll_up
from resources.postgres import Postgres
from tests.resources.metrics.cycles import MIDNIGHT_S

DOCUMENT = (Path(__file__).parent.parent / "docs" / "analysts.md").read_text()
SQL = re.findall(r"```sql\n(.*?)```", DOCUMENT, re.DOTALL)
PYTHON = re.findall(r"```python\n(.*?)```", DOCUMENT, re.DOTALL)
# These ask for faults, and this history has none.
EMPTY = ("metrics_gaps", "sample_count < 114")
TROUBLE = (
    """
    insert into holdfast.storage_health (probed_at, store, mode, is_available, problem, latency_p50_ms, breaker_state,
        breaker_is_forced, breaker_failures, breaker_reason, severity, advice)
    values (now(), 'primary', 'full', true, '', 1.2, 'closed', false, 0, '', 'ok', '{}')
    """,
    """
    insert into holdfast.incidents (incident_id, opened_at, last_finding_at, severity, score, root_server_id,
        root_metric, sentence, server_ids, paged_at, page_count)
    select 1, s.last_sampled_at - interval '1 hour', s.last_sampled_at, 'warning', 0.7, 'web1', 'cpu_pct', 'odd',
        '{web1}', s.last_sampled_at, 1
    from holdfast.servers as s where s.server_id = 'web1'
    """,
    """
    insert into holdfast.metric_anomalies (server_id, metric, started_at, severity, score, incident_id, rule, is_root,
        sentence, last_finding_at)
    select root_server_id, root_metric, opened_at, severity, score, incident_id, 'statistics', true, sentence,
        last_finding_at
    from holdfast.incidents
    """,
    """
    insert into holdfast.scenario_execution_log (name, seed, parameters, fleet, started_at, ended_at, played_from,
        played_until, affected_servers, failures, detected, false_pages, false_pages_a_server_day, results,
        false_page_details)
    values ('spike', 1, '{}', 'sample', now(), now(), now(), now() + interval '1 hour', '{web1}', 1, 1, 0, 0,
        '[{"kind": "spike", "server": "web1", "started_s": 0, "ended_s": 300, "detected_s": 600, "delay_s": 600,
           "missed": false}]', '[]')
    """,
    """
    insert into holdfast.consistency_reports (run_id, round, round_at, table_name, mode, status, reason, started_at,
        ended_at, rows_a, rows_b, only_in_a, only_in_b, mismatched, form_only, in_flux, by_column, rate, severity,
        is_complete, share, notes, seconds, bytes_received, finding_count, is_truncated)
    values ('r1', 'window 24 h', now(), 'Story', 'window', 'differs', '', now(), now(), 100, 100, 0, 0, 1, 0, 0,
        '{"title": 1}', 0.01, 'warning', true, 1, '{}', 1.2, 4096, 1, false)
    """,
    # An application's table, as its owner lets analysts read it.
    """
    create table gen_videos (id int primary key, generation_model text, upscale_video_url text, file_size bigint,
        upscale_file_size bigint, backup_status text, backup_error text, created_at timestamptz default now());
    grant select on gen_videos to holdfast_analyst;
    insert into gen_videos values (1, 'veo-3', 'https://fal.media/1', 4, 200, 'failed', 'drive: 403', now()),
        (2, 'veo-3', 'https://fal.media/2', 4, 200, 'verified', null, now())
    """,
    """
    insert into holdfast.media_items (source_table, source_id, media_class, kind, url, url_key, created_at, deadline_at)
    values ('gen_videos', '1', 'upscale', 'video', 'https://fal.media/1', 'https://fal.media/1', now(), now())
    """,
    """
    insert into holdfast.media_copies (item_id, vault, media_class, deadline_at, state, attempts, problem)
    select item_id, 'drive', media_class, deadline_at, 'failed', 8, '403' from holdfast.media_items
    """,
    """
    insert into holdfast.media_transfers (item_id, vault, run, started_at, verdict, sent_bytes, problem)
    select item_id, 'drive', 'r1', now(), 'failed', 100, '403' from holdfast.media_items
    """,
    """
    insert into holdfast.consistency_findings (report_id, finding_no, table_name, kind, key, key_parts, columns,
        values_a, values_b, first_seen_at)
    select report_id, 1, 'Story', 'mismatched', '7', '{7}', '{title}', '{"title": "old"}', '{"title": "new"}', now()
    from holdfast.consistency_reports
    """,
)


@pytest.fixture
def history(database_url: str) -> str:
    """Two days that are over, one of them in chunks, and today, of two servers; rolled up."""
    postgres, now = Postgres(database_url), datetime.now(UTC)
    codes = {"cpu_pct": 4200, "memory_pct": 6100, "disk_pct": 3000, "load_1m": 150}
    instants = [*range(MIDNIGHT_S - 172_800, MIDNIGHT_S, 30), MIDNIGHT_S]
    with postgres.transaction() as db:
        merge_readings(db, [Reading(server, at_s, codes) for at_s in instants for server in ("web1", "db1")])
    for at_s in (MIDNIGHT_S - 172_800, MIDNIGHT_S - 86_400):
        day = datetime.fromtimestamp(at_s, UTC).date()
        roll_up(postgres, "hourly", day, now)
        roll_up(postgres, "daily", day, now)
    compact_day(postgres, datetime.fromtimestamp(MIDNIGHT_S - 172_800, UTC).date())
    learn_due(postgres, now, log=logging.getLogger(__name__))
    with psycopg.connect(database_url, autocommit=True) as connection:
        for statement in TROUBLE:
            connection.execute(statement.encode())
    return database_url


def test_every_sql_example_answers_an_analyst(history: str) -> None:
    assert len(SQL) >= 7
    for statement in SQL:
        argv = [str(binary("psql")), history, "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1"]
        script = f"set role holdfast_analyst;\n{statement}"
        done = subprocess.run(argv, input=script, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{statement}\n{done.stderr}"
        assert bool(done.stdout.strip()) is not any(word in statement for word in EMPTY), statement


def test_the_pandas_example_gives_a_table_of_servers(history: str, capsys: pytest.CaptureFixture[str]) -> None:
    (script,) = PYTHON
    names: dict[str, object] = {"database_url": history}
    exec(compile(script, "docs/analysts.md", "exec"), names)
    printed = capsys.readouterr().out
    assert "web1" in printed
    assert "42.0" in printed


def test_an_analyst_reads_what_the_document_names_and_nothing_else(history: str) -> None:
    named = {
        name
        for line in DOCUMENT.splitlines()
        if line.startswith("| `")
        for name in re.findall(r"`holdfast\.(\w+)`", line)
    }
    with psycopg.connect(history, autocommit=True) as connection:
        relations = {
            row[0]
            for row in connection.execute(
                "select relname from pg_class "
                "where relnamespace = 'holdfast'::regnamespace and relkind in ('r', 'p', 'v')"
            )
        }
        readable = {
            name
            for name in relations
            if connection.execute(
                "select has_table_privilege('holdfast_analyst', %s, 'select')", (f"holdfast.{name}",)
            ).fetchone()
            == (True,)
        }
        connection.execute("set role holdfast_analyst")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("delete from holdfast.metrics_gaps")
    assert readable - {"dashboard_snapshot"} == named
