"""All benchmarks, one after the other, each in a process of its own: ``python -m benchmarks``, 50 minutes."""

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.report import say


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Run all benchmarks, print all tables.")
    parser.add_argument("--quick", action="store_true", help="small versions, to see that they work")
    parser.add_argument("--nab", type=Path, help="folder with NAB's points.parquet: storage also with real values")
    asked = parser.parse_args()
    failed = [" ".join(command) for command in _commands(asked.nab, is_quick=asked.quick) if not _runs(command)]
    if failed:
        sys.exit(f"did not run through: {', '.join(failed)}")


def _commands(nab: Path | None, *, is_quick: bool) -> list[list[str]]:
    quick = ["--quick"] if is_quick else []
    real = [["storage", "--nab", str(nab), *quick]] if nab else []
    names = (
        "storage",
        "queries",
        "merge",
        "redis_commands",
        "losses",
        "baselines",
        "learning",
        "scenarios",
        "consistency",
        "media",
        "media_kills",
        "media_queue",
    )
    return [*real, *([name, *quick] for name in names), ["scrape", *(["--targets", "100"] if is_quick else [])]]


def _runs(command: Sequence[str]) -> bool:
    say(f"python -m benchmarks.{' '.join(command)}")
    name, *arguments = command
    return subprocess.run([sys.executable, "-m", f"benchmarks.{name}", *arguments], check=False).returncode == 0


if __name__ == "__main__":
    main()
