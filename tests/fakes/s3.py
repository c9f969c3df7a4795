"""A real S3 server (moto's) with a door in front that can be told to misbehave.

Also a process of its own: ``python -m tests.fakes.s3 --port 9000 --bucket media`` prints its address and serves until
it is ended.
"""

import argparse
import io
import re
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import boto3
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from moto.s3 import models
from werkzeug.serving import make_server

from resources.object_store import S3Access

# Tests cut files into small parts; S3 itself demands 5 MiB of all but the last.
LEAST_PART_BYTES = 1
_SLOW_BYTES = 1 << 18
KEY, SECRET = "key-of-tests", "secret-of-tests"
Environ = dict[str, Any]


@dataclass
class Fault:
    """What goes wrong with the next requests that it is about.

    Attributes:
        about: "PUT /media/a.mp4?partNumber=2…" has to match it from the beginning.
        times: how often.
        status, code: of the answer, where the request does not reach the server.
        headers: of that answer.
        flips: a byte of the request's body changes on the way.
        loses: the request is done, and its answer is lost with the line.
        cuts: the line breaks behind half of the answer's body.
        adds: headers to a good answer.
    """

    about: str
    times: int = 1
    status: int = 0
    code: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    flips: bool = False
    loses: bool = False
    cuts: bool = False
    adds: tuple[tuple[str, str], ...] = ()


@dataclass
class Door:
    """The application in front of moto's.

    Attributes:
        seen: every request.
        bytes_per_s: of each answer, where it is to be slow.
    """

    inner: Any
    faults: list[Fault] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)
    bytes_per_s: float = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        query = f"?{environ['QUERY_STRING']}" if environ.get("QUERY_STRING") else ""
        asked = f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}{query}"
        with self._lock:
            self.seen.append(asked)
            fault = next((one for one in self.faults if one.times and re.match(one.about, asked)), None)
            if fault:
                fault.times -= 1
        if fault is None:
            answer = self.inner(environ, start_response)
            return self._slowly(answer) if self.bytes_per_s else answer
        return self._misbehave(fault, environ, start_response)

    def _slowly(self, answer: Iterable[bytes]) -> Iterator[bytes]:
        for block in answer:
            for at in range(0, len(block), _SLOW_BYTES):
                yield block[at : at + _SLOW_BYTES]
                time.sleep(_SLOW_BYTES / self.bytes_per_s)

    def _misbehave(self, fault: Fault, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        if fault.flips:
            body = body[:-1] + bytes([body[-1] ^ 1])
        environ["wsgi.input"] = io.BytesIO(body)
        if fault.status:
            said = f"<Error><Code>{fault.code}</Code><Message>as a test asked</Message></Error>".encode()
            head = environ["REQUEST_METHOD"] == "HEAD"
            start_response(f"{fault.status} x", [("Content-Type", "application/xml"), *fault.headers])
            return [b"" if head else said]

        def adding(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            return start_response(status, [*headers, *fault.adds], *more)

        answer = list(self.inner(environ, adding))
        if fault.loses or fault.cuts:
            line: socket.socket = environ["werkzeug.socket"]
            if fault.cuts:
                whole = b"".join(answer)
                line.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(whole) + whole[: len(whole) // 2])
            line.shutdown(socket.SHUT_RDWR)
            return []
        return answer


@dataclass
class S3Server:
    """The server, and what tests do behind its back."""

    url: str
    door: Door

    def access(self, bucket: str = "media") -> S3Access:
        return S3Access(endpoint=self.url, access_key_id=KEY, secret_access_key=SECRET, bucket=bucket)

    def client(self) -> Any:
        return boto3.client(
            "s3", endpoint_url=self.url, region_name="us-east-1", aws_access_key_id=KEY, aws_secret_access_key=SECRET
        )

    def make_bucket(self, bucket: str = "media") -> None:
        self.client().create_bucket(Bucket=bucket)

    def flip(self, key: str, bucket: str = "media") -> None:
        """Damage an object where it lies: its checksum stays what it was."""
        for account in models.s3_backends.values():
            for backend in account.values():
                if bucket in backend.buckets:
                    found = backend.buckets[bucket].keys[key]
                    etag = found.etag
                    content = bytearray(found.value)
                    content[len(content) // 2] ^= 1
                    found.value = bytes(content)
                    found._etag = etag.strip('"')
                    return
        raise KeyError(key)


@contextmanager
def s3_server(port: int = 0) -> Iterator[S3Server]:
    """A server of this process until the block ends; buckets are shared by all of them."""
    models.S3_UPLOAD_PART_MIN_SIZE = LEAST_PART_BYTES
    door = Door(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", port, door, True, request_handler=_Quiet)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield S3Server(f"http://127.0.0.1:{server.server_port}", door)
    finally:
        server.shutdown()
        thread.join()


class _Quiet(MotoRequestHandler):
    protocol_version = "HTTP/1.1"

    def log(self, *_: Any, **__: Any) -> None: ...


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--bucket", default="media")
    given = parser.parse_args()
    with s3_server(given.port) as server:
        server.make_bucket(given.bucket)
        print(server.url, flush=True)  # noqa: T201  the address is what the caller waits for
        threading.Event().wait()


if __name__ == "__main__":
    main()
