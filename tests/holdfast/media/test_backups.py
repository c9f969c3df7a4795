"""How a run is told."""

from datetime import timedelta

from holdfast.media.backups import Report, duration, megabytes, spare_bytes
from holdfast.media.work import Result
from tests.holdfast.media.test_naming import item
from tests.holdfast.media.test_verdicts import CLAIM


def test_a_report_counts_what_transfers_say() -> None:
    report = Report(media_class="upscale", due_items=4, due_bytes=4_000_000)
    assert report.lines() == ["Nothing was due."]
    report.claimed_items = 3
    report.add(item(), [Result(claim=CLAIM, verdict="verified", size_bytes=1_000_000)])
    report.add(item(), [Result(claim=CLAIM, verdict="verified", size_bytes=500_000, is_adopted=True)])
    report.add(item("9"), [Result(claim=CLAIM, verdict="again", problem="cut off", remedy="wait")])
    report.sent_bytes, report.seconds = 2_000_000, 4.0
    assert report.copies == {"verified": 2, "again": 1}
    assert (report.saved_bytes, report.adopted_copies, report.rate_mb_s) == (1_500_000, 1, 0.5)
    assert str(report.problems[0]) == "gen_videos/9 to drive: cut off. wait"
    assert report.progress(4.0, 3) == "3 of 4 files, 1.5 MB of 4.0 MB safe, 0.5 MB/s, about 5.0 s left"
    assert report.lines()[0] == (
        "2 copies made and proven (1.5 MB), 1 of them found in the vault already; 0.5 MB/s over 4.0 s."
    )
    assert report.lines()[1] == "1 did not work and are tried again."


def test_a_report_keeps_no_more_problems_than_a_person_reads() -> None:
    report = Report(media_class=None)
    for _ in range(500):
        report.add(item(), [Result(claim=CLAIM, verdict="failed", problem="x")])
    assert report.copies["failed"] == 500
    assert len(report.problems) == 50


def test_numbers_read_well() -> None:
    assert [megabytes(n) for n in (0, 999, 12_345_678, 5_960_000_000)] == ["0 kB", "1 kB", "12.3 MB", "5.96 GB"]
    assert [duration(timedelta(**at).total_seconds()) for at in ({"seconds": 48}, {"minutes": 12}, {"hours": 3.5})] == [
        "48 s",
        "12 min",
        "3.5 h",
    ]


def test_a_twentieth_of_a_small_vault_stays_free_and_a_gigabyte_of_a_large_one() -> None:
    assert spare_bytes(None) == 1_000_000_000
    assert spare_bytes(15_000_000_000) == 750_000_000
    assert spare_bytes(10**13) == 1_000_000_000
