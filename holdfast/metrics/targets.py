"""Which servers to collect from: the text of METRICS_TARGETS, or of the file it names."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, urlsplit

from holdfast.errors import SettingsError

LOCAL: Final = "local"
SETTING: Final = "METRICS_TARGETS"
_NAMED: Final = re.compile(r"([^\s/?=#@]+)=(.+)$", re.DOTALL)
_COMMENT: Final = re.compile(r"(?:^|\s)#.*$")
_PORTS: Final = {"http": 80, "https": 443}
_EXPECTED: Final = "expected host:port, http://host:port/metrics, name=URL or the word local"


@dataclass(frozen=True, slots=True)
class Target:
    """One metrics page of one server.

    Attributes:
        server_id: the name its values are kept under.
        url: where its page is; may carry a login, so it is never printed.
    """

    server_id: str
    url: str

    def __repr__(self) -> str:
        return f"Target({self.server_id!r})"


@dataclass(frozen=True, slots=True)
class Targets:
    """All servers to collect from.

    Attributes:
        is_local: whether this machine is one of them.
        endpoints: the others, each ``server_id`` and each URL once.
    """

    is_local: bool
    endpoints: tuple[Target, ...]


def parse_targets(text: str) -> Targets:
    """Read a comma list, or lines with ``#`` comments, of ``host:9100``, a URL, ``name=URL`` or ``local``.

    Raises:
        SettingsError: an entry is none of these or comes twice, or there is none at all.
    """
    is_local, by_id, by_url = False, dict[str, Target](), dict[str, Target]()
    for entry in _entries(text):
        if entry == LOCAL:
            if is_local:
                raise SettingsError(f"{SETTING}: {LOCAL!r} comes twice; leave one")
            is_local = True
            continue
        target = parse_target(entry)
        twin = by_url.get(target.url)
        if twin is not None:
            raise SettingsError(f"{SETTING}: {target.server_id!r} is the same page as {twin.server_id!r}; leave one")
        if target.server_id in by_id:
            raise SettingsError(
                f"{SETTING}: two targets would be the server {target.server_id!r}; name one of them, as name=URL"
            )
        by_id[target.server_id] = by_url[target.url] = target
    if not is_local and not by_id:
        raise SettingsError(f"{SETTING}: no target found; {_EXPECTED}")
    return Targets(is_local, tuple(by_id.values()))


def parse_target(entry: str) -> Target:
    """Read one entry.

    Raises:
        SettingsError: it is not a target.
    """
    named = _NAMED.match(entry)
    name, address = (named[1], named[2]) if named else (None, entry)
    has_scheme = "://" in address
    try:
        parts = urlsplit(address if has_scheme else f"http://{address}")
        port = parts.port
    except ValueError as error:
        raise SettingsError(f"{SETTING}: {_shown(entry)} is not an address ({_reason(error)}); {_EXPECTED}") from None
    if parts.scheme not in _PORTS or not parts.hostname or re.search(r"\s", address):
        raise SettingsError(f"{SETTING}: {_shown(entry)} is not an HTTP address; {_EXPECTED}")
    if port is None and not has_scheme:
        # A bare word is more often a typo (of "local", of a file's name) than a server on port 80.
        raise SettingsError(f"{SETTING}: {_shown(entry)} has no port and is no file; {_EXPECTED}")
    url = parts._replace(path=parts.path if parts.path.strip("/") else "/metrics", fragment="").geturl()
    return Target(name or _host_port(parts), url)


def _entries(text: str) -> Iterator[str]:
    for line in text.splitlines():
        for entry in _COMMENT.sub("", line).split(","):
            if entry.strip():
                yield entry.strip()


def _host_port(parts: SplitResult) -> str:
    host = parts.hostname or ""
    return (
        f"[{host}]:{parts.port or _PORTS[parts.scheme]}"
        if ":" in host
        else f"{host}:{parts.port or _PORTS[parts.scheme]}"
    )


def _shown(entry: str) -> str:
    """The entry without what may be a secret: a login in front of ``@``, a query behind ``?``."""
    return repr(re.sub(r"[^/=]*@", "…@", entry.partition("?")[0])[:120])


def _reason(error: ValueError) -> str:
    return "its port is not a number of 0 to 65535" if "ort" in str(error) else "its host is malformed"
