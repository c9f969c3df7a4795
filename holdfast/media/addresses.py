"""Where media may be fetched from: hosts that are named, never a private address that is not.

Source: OWASP, "Server-Side Request Forgery Prevention Cheat Sheet": an allow list, every redirect checked again, and
the address that was checked is the one that is used.
"""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, Self
from urllib.parse import SplitResult, quote, urlsplit

from holdfast.errors import RefusedAddressError, SettingsError
from holdfast.media.items import printable_url

_PORTS: Final = {"https": 443, "http": 80}
_NAT64: Final = IPv6Network("64:ff9b::/96")
# Characters that a link may hold as they are; everything else is percent-encoded, as a browser would.
_AS_IS: Final = "/%:@!$&'()*+,;=~-._"


@dataclass(frozen=True, slots=True)
class Place:
    """Where one request goes.

    Attributes:
        target: path and query, as they are sent.
    """

    scheme: str
    host: str
    port: int
    target: str


@dataclass(frozen=True, slots=True)
class _Host:
    """One name of the list, with the scheme and port it is good for."""

    scheme: str
    name: str
    port: int

    def covers(self, place: Place) -> bool:
        is_named = place.host == self.name or place.host.endswith(f".{self.name}")
        return is_named and (place.scheme, place.port) == (self.scheme, self.port)


@dataclass(frozen=True, slots=True)
class AllowedHosts:
    """The hosts that media may be fetched from.

    Attributes:
        hosts: names; their subdomains are included.
        networks: addresses that may be used although they are not public.
        text: as it was written, for people.
    """

    hosts: tuple[_Host, ...]
    networks: tuple[IPv4Network | IPv6Network, ...]
    text: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``MEDIA_ALLOWED_HOSTS``: names, ``scheme://host:port``, addresses and networks, with commas.

        A name alone is good for https on port 443. An address that is named may be a private one.

        Raises:
            SettingsError: a part of it is none of these.
        """
        hosts: list[_Host] = []
        networks: list[IPv4Network | IPv6Network] = []
        for part in filter(None, (one.strip() for one in text.split(","))):
            network = _network(part)
            if network and network.num_addresses > 1:
                networks.append(network)
                continue
            host = _host(part)
            hosts.append(host)
            if named := _network(host.name):
                networks.append(named)
            elif host.name == "localhost":
                networks += (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"))
        return cls(tuple(hosts), tuple(networks), text)

    def place(self, url: str) -> Place:
        """Where a request for this URL goes.

        Raises:
            RefusedAddressError: it is no URL, or leads where nobody said that media may come from.
        """
        found = _place(url)
        if not any(host.covers(found) for host in self.hosts):
            raise RefusedAddressError(
                f"{printable_url(url)}: {found.scheme}://{found.host}:{found.port} is not among the hosts that media "
                f"may be fetched from ({self.text or 'none'}); nothing was asked of it. If it should be, add it to "
                "MEDIA_ALLOWED_HOSTS"
            )
        return found

    def check_address(self, url: str, address: str) -> None:
        """Whether a host of the list may be reached at this address.

        Raises:
            RefusedAddressError: the address is private, and not named.
        """
        parsed = ip_address(address.partition("%")[0])
        if any(parsed in network for network in self.networks if network.version == parsed.version):
            return
        if not _is_public(parsed):
            raise RefusedAddressError(
                f"{printable_url(url)}: its host leads to {parsed}, which is not a public address; nothing was asked "
                "of it. If that is meant, name the address in MEDIA_ALLOWED_HOSTS"
            )


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
        if address in _NAT64:
            inner = IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return _is_public(inner)
    return address.is_global and not address.is_multicast


def _place(url: str) -> Place:
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError as error:
        raise RefusedAddressError(f"{url[:100]!r} is no URL: {error}; nothing was asked of it") from None
    problem = _problem(parts)
    if problem:
        raise RefusedAddressError(
            f"{printable_url(url) if parts.hostname else repr(url[:100])}: {problem}; nothing was asked of it. "
            "Expected https://host/path"
        )
    target = quote(parts.path or "/", safe=_AS_IS)
    if parts.query:
        target += "?" + quote(parts.query, safe=_AS_IS + "?")
    host = str(parts.hostname).rstrip(".")
    return Place(parts.scheme, _ascii(host, url), port or _PORTS[parts.scheme], target)


def _problem(parts: SplitResult) -> str:
    if parts.scheme not in _PORTS:
        return f"its scheme is {parts.scheme or 'missing'!r}"
    if not parts.hostname:
        return "it has no host"
    if parts.username is not None or parts.password is not None:
        return "it holds a login"
    return ""


def _ascii(host: str, url: str) -> str:
    try:
        return host if ":" in host else host.encode("idna").decode("ascii").lower()
    except UnicodeError:
        raise RefusedAddressError(f"{printable_url(url)}: its host is no name; nothing was asked of it") from None


def _network(text: str) -> IPv4Network | IPv6Network | None:
    try:
        return ip_network(text.strip("[]"), strict=False)
    except ValueError:
        return None


def _host(part: str) -> _Host:
    url = part if "://" in part else f"https://{part.removeprefix('*').removeprefix('.')}"
    if ":" in part and "://" not in part and _network(part):
        url = f"https://[{part.strip('[]')}]"
    try:
        place = _place(url)
    except RefusedAddressError as error:
        raise SettingsError(f"MEDIA_ALLOWED_HOSTS: {part!r} is neither a host nor an address ({error})") from None
    return _Host(place.scheme, place.host, place.port)
