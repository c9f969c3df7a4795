"""One backup in a process of its own, as ``holdfast media run`` makes it; prints what it cost as one line of JSON."""

import argparse
import json
import resource
import sys
import time
from dataclasses import replace
from pathlib import Path

from holdfast.media.addresses import AllowedHosts
from holdfast.media.backups import Ask
from resources.drive.access import DriveAccess
from resources.media.backup import Backup
from resources.media.queue import LEASE_S, Queue
from resources.media.vaults import VaultsAccess, open_vaults
from resources.media.waiting import BACKOFF, Patience
from resources.postgres import Postgres
from resources.web.origin import Origin


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--database-url", required=True)
    parser.add_argument("--login", type=Path, required=True)
    parser.add_argument("--origin", required=True)
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--lease-s", type=float, default=LEASE_S, help="how long a killed run holds what it had")
    parser.add_argument("--first-wait-s", type=float, default=BACKOFF.first_s, help="wait after a vault's first error")
    asked = parser.parse_args()
    vaults = open_vaults(VaultsAccess(drive=DriveAccess(**json.loads(asked.login.read_text()))))
    queue = Queue(Postgres(asked.database_url), owner="benchmark", lease_s=asked.lease_s)
    # The login and the first line are everyone's cost, and no peer's is counted.
    vaults["drive"].space()
    backoff = replace(BACKOFF, first_s=asked.first_wait_s)
    origin = Origin(AllowedHosts.parse(asked.origin))
    backup = Backup(queue, origin, vaults, say=lambda _: None, patience=lambda stop: Patience(stop, backoff))
    print("ready", flush=True)
    idle_mb, idle_cpu_s, began_s = peak_mb(), cpu_s(), time.perf_counter()
    report = backup.run(Ask(workers=asked.workers))
    print(
        json.dumps(
            {
                "seconds": time.perf_counter() - began_s,
                "cpu_s": cpu_s() - idle_cpu_s,
                "grown_mb": peak_mb() - idle_mb,
                "verified": report.copies["verified"],
                "bytes": report.saved_bytes,
            }
        )
    )
    if report.problems:
        sys.exit(str(report.problems[0]))


def peak_mb() -> float:
    """Largest memory so far, in 10^6 bytes; that of this program, not of what it was started from."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024 / 1e6


def cpu_s() -> float:
    """Processor time of this process, in seconds."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
