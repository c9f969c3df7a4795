"""Lines to origins: kept open, to the very address that was checked."""

import contextlib
import http.client
import socket
import ssl
import threading
from functools import cache
from typing import Final

from holdfast.errors import TransientError
from holdfast.media.addresses import AllowedHosts, Place
from holdfast.media.items import printable_url

_KEPT: Final = 8


class _PinnedConnection(http.client.HTTPConnection):
    """A connection to one address, whatever the name resolves to next time."""

    def __init__(self, place: Place, address: str, timeout_s: float) -> None:
        super().__init__(place.host, place.port, timeout=timeout_s)
        self._address = address
        self._is_secure = place.scheme == "https"

    def connect(self) -> None:
        line = socket.create_connection((self._address, self.port), timeout=self.timeout)
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock = _context().wrap_socket(line, server_hostname=self.host) if self._is_secure else line


class Lines:
    """Open connections to origins, a few per thread."""

    def __init__(self, allowed: AllowedHosts, timeout_s: float) -> None:
        self._allowed = allowed
        self._timeout_s = timeout_s
        self._local = threading.local()
        self._of_all: list[dict[tuple[str, str, int], http.client.HTTPConnection]] = []

    def request(self, url: str, place: Place, method: str, headers: dict[str, str]) -> http.client.HTTPResponse:
        """Ask, and read the answer's head; over a line of before where one is there.

        Raises:
            RefusedAddressError: the host leads to a private address.
            TransientError: it does not answer.
        """
        kept = self._kept().pop(_key(place), None)
        if kept is not None:
            # The origin may have closed it meanwhile: nothing is lost by asking again.
            with contextlib.suppress(OSError, http.client.HTTPException):
                return _ask(kept, place, method, headers)
            kept.close()
        connection = _PinnedConnection(place, self._resolve(url, place), self._timeout_s)
        try:
            return _ask(connection, place, method, headers)
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise TransientError(f"{printable_url(url)}: {_told(error, self._timeout_s)}; nothing was read") from error

    def give_back(self, place: Place, response: http.client.HTTPResponse) -> None:
        """Keep the line of an answer that was read to its end; any other is closed."""
        connection = getattr(response, "line", None)
        response.close()
        if connection is None:
            return
        kept = self._kept()
        if response.will_close or connection.sock is None or len(kept) >= _KEPT:
            connection.close()
        else:
            kept[_key(place)] = connection

    def drop(self, response: http.client.HTTPResponse) -> None:
        """Close the line of an answer that was not read to its end."""
        connection = getattr(response, "line", None)
        response.close()
        if connection is not None:
            connection.close()

    def close(self) -> None:
        """Close every line of every thread; none of them may be reading now."""
        for kept in self._of_all:
            for connection in kept.values():
                connection.close()
            kept.clear()

    def _kept(self) -> dict[tuple[str, str, int], http.client.HTTPConnection]:
        if not hasattr(self._local, "kept"):
            self._local.kept = {}
            self._of_all.append(self._local.kept)
        found: dict[tuple[str, str, int], http.client.HTTPConnection] = self._local.kept
        return found

    def _resolve(self, url: str, place: Place) -> str:
        """The first address of the host; every one of them has to be allowed, and this one is used."""
        try:
            found = socket.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise TransientError(
                f"{printable_url(url)}: the name {place.host} has no address ({error.strerror or error}); nothing "
                "was read"
            ) from error
        addresses = [str(entry[4][0]) for entry in found]
        for address in addresses:
            self._allowed.check_address(url, address)
        return addresses[0]


def _ask(
    connection: http.client.HTTPConnection, place: Place, method: str, headers: dict[str, str]
) -> http.client.HTTPResponse:
    connection.request(method, place.target, headers=headers)
    response = connection.getresponse()
    # An answer that closes its line takes it along: the connection has to outlive it.
    response.line = connection  # type: ignore[attr-defined]
    return response


def _key(place: Place) -> tuple[str, str, int]:
    return place.scheme, place.host, place.port


def _told(error: Exception, timeout_s: float) -> str:
    if isinstance(error, TimeoutError):
        return f"it did not answer within {timeout_s:g} s"
    if isinstance(error, ssl.SSLError):
        return f"its TLS certificate or handshake is not accepted ({error.reason or error})"
    said = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
    return f"it is not reachable or broke off ({said})"


@cache
def _context() -> ssl.SSLContext:
    return ssl.create_default_context()
