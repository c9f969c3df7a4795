"""Google Drive v3 over real HTTP: logins, files, folders, shared drives, listings, uploads, and what goes wrong.

In a test::

    with FakeDrive() as drive:
        vault = DriveVault(DriveAccess(**drive.login("shared_drive")))

As a process of its own, for benchmarks and for tests that kill the client::

    python -m tests.fakes.drive --port 0 --discard --latency-ms 250

prints one line of JSON with ``url`` and ``logins``, and is asked and told things under ``/_fake/``:
``GET log`` (``?calls=1``: every call), ``GET files``, ``GET content?id=``, ``POST set`` (see ``FakeDrive.set``).
"""

import argparse
import dataclasses
import json
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from tests.fakes.drive_api import ANSWERS, Api, name_of
from tests.fakes.drive_errors import refusal
from tests.fakes.drive_faults import Fault, Faults
from tests.fakes.drive_files import SERVICE_ACCOUNT, USER, File, RefusedError
from tests.fakes.drive_http import GoneError, Request, Response, Server, answer
from tests.fakes.drive_queries import BadQueryError
from tests.fakes.drive_tokens import CLIENT_ID, Tokens, private_key
from tests.fakes.drive_uploads import Uploads
from tests.fakes.drive_world import World

LOGINS = ("shared_drive", "delegation", "oauth", "my_drive")
# Source: Drive, "Usage limits" (May 2026): quota units of each method.
UNITS = {"files.list": 100, "files.create": 50, "files.update": 50, "files.delete": 50, "files.read": 200}
UNITS |= {
    "upload.multipart": 50,
    "upload.media": 50,
    "upload.start": 50,
    "upload.chunk": 0,
    "upload.status": 0,
    "token": 0,
}


@dataclasses.dataclass(frozen=True)
class Call:
    """One request that came; ``at_s`` is monotonic."""

    name: str
    method: str
    path: str
    status: int
    received_bytes: int
    at_s: float
    principal: str = ""
    line: str = ""


class FakeDrive:
    """One Drive. Everything about it may be changed while it runs."""

    def __init__(self, *, port: int = 0, tls: tuple[str, str] | None = None) -> None:
        self.world = World()
        self.tokens = Tokens()
        self.faults = Faults()
        self.uploads = Uploads(self.world)
        self.latency_s = 0.0
        self._api = Api(self.world, self.uploads)
        self.calls: list[Call] = []
        self._server = Server(self._handle, port=port, tls=tls)
        self._stopped = threading.Event()

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._server.close()

    @property
    def url(self) -> str:
        return self._server.url

    @property
    def lines(self) -> int:
        """Connections that were accepted."""
        return self._server.accepted

    def drop_lines(self) -> None:
        """Close every line that is open."""
        self._server.drop_lines()

    def login(self, kind: str = "shared_drive") -> dict[str, str]:
        """The fields of a ``DriveAccess``: ``shared_drive``, ``delegation``, ``oauth``, or the one that cannot work."""
        given = {"api_endpoint": self.url, "token_uri": f"{self.url}/token"}
        given["folder_id"] = self.world.shared_folder if kind == "shared_drive" else self.world.my_folder
        if kind == "oauth":
            secret = {"refresh_token": self.tokens.refresh_token, "client_secret": self.tokens.client_secret}
            return given | secret | {"client_id": CLIENT_ID}
        given |= {"client_email": SERVICE_ACCOUNT, "private_key": private_key(), "private_key_id": "0123456789abcdef"}
        given |= {"project_id": "acme-media", "client_id": "1122334455"}
        return given | ({"subject": USER} if kind == "delegation" else {})

    def counts(self) -> Counter[str]:
        """How often each call was made."""
        return Counter(call.name for call in list(self.calls))

    def units(self) -> int:
        """What all calls cost, in quota units."""
        return sum(UNITS.get(name, 5) * count for name, count in self.counts().items())

    def stored(self) -> list[File]:
        """Files (no folders) that are not in the bin."""
        with self.world.lock:
            files = list(self.world.files.values())
        return [file for file in files if not file.is_folder and not self.world.is_binned(file)]

    def set(self, **wanted: Any) -> None:
        """Change how it behaves.

        Keys: ``latency_ms``, ``faults`` (share) with ``seed`` and ``kinds``, ``fault`` (one ``Fault`` as a mapping, or
        several), ``clear_faults``, ``clear_log``, ``expire_tokens``, ``drop_lines``, ``list_lag_s``, ``quota_bytes``,
        ``item_limit``, ``hidden_sha256``, ``discard``, ``token_life_s``.
        """
        for key, value in wanted.items():
            if key not in ("seed", "kinds"):
                _SETTERS[key](self, value, wanted)

    # -- requests -------------------------------------------------------------------------------------------------

    def _handle(self, request: Request) -> Response:
        if request.path.startswith("/_fake/"):
            return self._admin(request)
        name = name_of(request)
        at_s = time.monotonic()
        status = 0
        try:
            response = self._answer(name, request)
            status = response.status
        finally:
            self.calls.append(
                Call(name, request.method, request.path, status, request.body.received, at_s, request.principal)
            )
        return response

    def _answer(self, name: str, request: Request) -> Response:
        fault = self.faults.due(name)
        if self.latency_s:
            time.sleep(self.latency_s)
        if fault and fault.kind == "hang":
            self._stopped.wait(fault.hang_s)
            raise GoneError
        if fault and fault.kind == "reset_before":
            raise GoneError
        if fault and fault.kind == "expire":
            self.tokens.expire()
        if fault and fault.kind in ("refuse", "html"):
            request.body.drain()
            return fault.response()
        response = self._served(name, request, fault)
        if fault and fault.kind == "reset_after":
            raise GoneError
        return refusal(503, "backendError") if fault and fault.kind == "error_after" else response

    def _served(self, name: str, request: Request, fault: Fault | None) -> Response:
        if name == "token":
            return self.tokens.answer(bytes(request.body.read_all()), f"{self.url}/token")
        try:
            self._identify(name, request)
            return ANSWERS[name](self._api, request, fault)
        except RefusedError as refused:
            return refused.response
        except BadQueryError as bad:
            return refusal(400, "invalidParameter", f"Invalid field selection or value {bad}")
        except KeyError as missing:
            return refusal(400, "required", f"Required parameter: {missing}")

    def _identify(self, name: str, request: Request) -> None:
        given = request.headers.get("authorization", "")
        # The address of a session is all that a part of it needs.
        if not given and name in ("upload.chunk", "upload.status", "upload.cancel"):
            return
        principal = self.tokens.principal(given)
        if principal is None:
            raise RefusedError(
                refusal(401, "authError", headers={"WWW-Authenticate": 'Bearer realm="https://accounts"'})
            )
        request.principal = principal

    # -- for tests in another process -----------------------------------------------------------------------------

    def _admin(self, request: Request) -> Response:
        what = request.path.removeprefix("/_fake/")
        if what == "set":
            self.set(**json.loads(bytes(request.body.read_all())))
            return answer({"set": True})
        if what == "files":
            return answer([self._told(file) for file in self.stored()])
        if what == "content":
            return Response(200, self.world.files[request.query["id"]].whole(), "application/octet-stream")
        return answer(self._log(is_whole="calls" in request.query))

    def _told(self, file: File) -> dict[str, Any]:
        told = {key: getattr(file, key) for key in ("id", "name", "mime", "size", "md5", "sha256", "app_properties")}
        return told | {"path": self.world.path(file)}

    def _log(self, *, is_whole: bool) -> dict[str, Any]:
        calls = list(self.calls)
        told: dict[str, Any] = {
            "counts": self.counts(),
            "units": self.units(),
            "lines": self.lines,
            "received_bytes": sum(call.received_bytes for call in calls),
            "upload_bytes": sum(call.received_bytes for call in calls if call.name.startswith("upload.")),
            "violations": self.uploads.violations,
            "faults": self.faults.happened,
        }
        return told | ({"calls": [dataclasses.asdict(call) for call in calls]} if is_whole else {})


def _faults(drive: FakeDrive, value: Any, _: Any) -> None:
    for fault in value if isinstance(value, list) else [value]:
        drive.faults.add(Fault(**fault))


def _chance(drive: FakeDrive, value: Any, wanted: Any) -> None:
    drive.faults.by_chance(value, wanted.get("seed", 0), tuple(wanted.get("kinds", ())))


_SETTERS: dict[str, Callable[[FakeDrive, Any, Any], object]] = {
    "latency_ms": lambda drive, value, _: setattr(drive, "latency_s", value / 1000),
    "faults": _chance,
    "fault": _faults,
    "clear_faults": lambda drive, *_: drive.faults.clear(),
    "clear_log": lambda drive, *_: drive.calls.clear(),
    "expire_tokens": lambda drive, *_: drive.tokens.expire(),
    "drop_lines": lambda drive, *_: drive.drop_lines(),
    "list_lag_s": lambda drive, value, _: setattr(drive.world, "list_lag_s", value),
    "quota_bytes": lambda drive, value, _: drive.world.quota_bytes.update({USER: value}),
    "item_limit": lambda drive, value, _: setattr(drive.world.drives[drive.world.shared_drive], "item_limit", value),
    "hidden_sha256": lambda drive, value, _: setattr(drive.world, "hidden_sha256", value),
    "discard": lambda drive, value, _: setattr(drive.uploads, "keep", not value),
    "token_life_s": lambda drive, value, _: setattr(drive.tokens, "life_s", value),
}


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--discard", action="store_true", help="hash contents and keep nothing of them")
    parser.add_argument("--folder", type=Path, help="keep contents in files there instead of in memory")
    parser.add_argument("--latency-ms", type=float, default=0.0, help="added to every API call")
    parser.add_argument("--faults", type=float, default=0.0, help="share of calls that go wrong")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--tls", nargs=2, metavar=("CERT", "KEY"))
    given = parser.parse_args()
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    with FakeDrive(port=given.port, tls=tuple(given.tls) if given.tls else None) as drive:
        drive.uploads.keep = given.folder or not given.discard
        drive.set(latency_ms=given.latency_ms, faults=given.faults, seed=given.seed)
        logins = {kind: drive.login(kind) for kind in LOGINS}
        folders = {"shared_drive": drive.world.shared_drive, "my_drive": drive.world.my_drive}
        sys.stdout.write(json.dumps({"url": drive.url, "logins": logins, "tops": folders}) + "\n")
        sys.stdout.flush()
        stopped.wait()


if __name__ == "__main__":
    main()
