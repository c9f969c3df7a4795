"""Memories to the vault and back: a total loss costs nothing, and nothing wrong is taken."""

from datetime import timedelta
from pathlib import Path

import pytest

from holdfast.errors import DamagedBaselineError, NotInVaultError
from resources.baselines.learner import learn_due
from resources.baselines.vaulting import KEEP_DAYS, export_baselines, forget_old, import_baselines, nightly_name
from resources.folder import FolderVault
from resources.postgres import Postgres
from tests.resources.baselines.history import DAY_S, END_S, NOW, everything, learned, memories, store_history
from tests.resources.baselines.test_learner import CPU, LOG, change, damage
from tests.resources.metrics.cycles import at, rows

NAME = nightly_name(NOW.date())
TABLES = "holdfast.baseline_memories, holdfast.baseline_versions, holdfast.baseline_progress"


@pytest.fixture
def vault(tmp_path: Path) -> FolderVault:
    return FolderVault(tmp_path / "vault")


@pytest.fixture
def postgres(database_url: str) -> Postgres:
    store_history(database_url, ["web1", "db1"], 2, metrics=["cpu_pct", "load_1m"])
    postgres = Postgres(database_url)
    learn_due(postgres, NOW, log=LOG)
    return postgres


def test_after_a_total_loss_an_import_gives_back_the_same_bits(
    postgres: Postgres, database_url: str, vault: FolderVault
) -> None:
    export_baselines(postgres, vault, NAME)
    before, versions = memories(database_url), learned(database_url)
    change(database_url, f"truncate {TABLES}")
    plan = import_baselines(postgres, vault, NAME, renames={}, now=NOW, apply=True)
    assert set(plan.replacements.values()) == {"new"}
    assert memories(database_url) == before
    assert learned(database_url) == versions
    first = vault.get(NAME)
    export_baselines(postgres, vault, NAME)
    assert vault.get(NAME) == first
    assert learn_due(postgres, NOW, log=LOG).folded_blocks == 0


def test_baselines_come_home_before_their_servers_do(
    postgres: Postgres, empty_database_url: str, vault: FolderVault
) -> None:
    from resources.migrations import migrate

    export_baselines(postgres, vault, NAME)
    migrate(Postgres(empty_database_url))
    import_baselines(Postgres(empty_database_url), vault, NAME, renames={"web1": "web9"}, now=NOW, apply=True)
    assert {server for server, _ in learned(empty_database_url)} == {"db1", "web9"}
    store_history(empty_database_url, ["web9"], 1, until_s=END_S + DAY_S)
    done = learn_due(Postgres(empty_database_url), NOW + timedelta(days=1), log=LOG)
    assert done.folded_blocks == 4
    assert learned(empty_database_url)["web9", "cpu_pct"] == ("learned", 12)


def test_a_plan_changes_nothing(postgres: Postgres, database_url: str, vault: FolderVault) -> None:
    export_baselines(postgres, vault, NAME)
    change(database_url, "delete from holdfast.baseline_memories where server_id = 'web1'")
    before = everything(database_url)
    plan = import_baselines(postgres, vault, NAME, renames={}, now=NOW, apply=False)
    assert str(plan) == "4 series: 2 new, 2 same"
    assert everything(database_url) == before


def test_an_older_export_replaces_what_is_newer_and_the_history_brings_it_up_to_date(
    postgres: Postgres, database_url: str, vault: FolderVault
) -> None:
    export_baselines(postgres, vault, NAME)
    store_history(database_url, ["web1"], 1, until_s=END_S + DAY_S, metrics=["cpu_pct", "load_1m"])
    later = NOW + timedelta(days=1)
    learn_due(postgres, later, log=LOG)
    newest = memories(database_url)
    plan = import_baselines(postgres, vault, NAME, renames={}, now=later, apply=True)
    assert plan.replacements[CPU] == "older"
    assert learned(database_url)[CPU] == ("learned", 13)
    assert memories(database_url) != newest
    learn_due(postgres, later, log=LOG)
    assert memories(database_url) == newest
    kept = rows(database_url, "select distinct status from holdfast.baseline_versions where set_aside is not null")
    assert kept == [("reset: replaced by an import",)]


def test_a_damaged_memory_is_left_out_of_the_export_and_can_be_imported_over(
    postgres: Postgres, database_url: str, vault: FolderVault
) -> None:
    export_baselines(postgres, vault, NAME)
    before = memories(database_url)
    damage(database_url)
    assert export_baselines(postgres, vault, "baselines/now.json.gz").left_out == (CPU,)
    import_baselines(postgres, vault, NAME, renames={}, now=NOW, apply=True)
    assert memories(database_url) == before


def test_a_damaged_file_or_another_resolution_changes_nothing(
    postgres: Postgres, database_url: str, vault: FolderVault
) -> None:
    export_baselines(postgres, vault, NAME)
    vault.put("baselines/half.json.gz", vault.get(NAME)[:-100])
    before = everything(database_url)
    with pytest.raises(DamagedBaselineError, match=r"baselines/half.json.gz: .* Nothing was changed"):
        import_baselines(postgres, vault, "baselines/half.json.gz", renames={}, now=NOW, apply=True)
    with pytest.raises(NotInVaultError, match="it has baselines/"):
        import_baselines(postgres, vault, "baselines/none.json.gz", renames={}, now=NOW, apply=True)
    change(database_url, "update holdfast.metric_catalog set per_unit = 10 where per_unit = 100")
    plan = import_baselines(postgres, vault, NAME, renames={}, now=NOW, apply=True)
    assert set(plan.replacements.values()) == {"unit"}
    assert everything(database_url) == before


def test_the_newest_fourteen_nights_stay_and_what_was_exported_by_hand(vault: FolderVault) -> None:
    for day in range(20):
        vault.put(nightly_name(at(END_S + day * DAY_S).date()), b"x")
    vault.put("baselines/before-the-move.json.gz", b"x")
    removed = forget_old(vault)
    assert len(removed) == 20 - KEEP_DAYS
    assert removed == sorted(removed)
    assert len(vault.names()) == KEEP_DAYS + 1
    assert forget_old(vault) == []


def test_an_export_is_small(postgres: Postgres, vault: FolderVault) -> None:
    done = export_baselines(postgres, vault, NAME)
    assert done.series == 4
    assert done.bytes < 4 * 20_000
