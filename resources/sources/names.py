"""Host names to addresses, for many servers at once."""

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from aiohttp.abc import AbstractResolver, ResolveResult

THREADS: Final = 64


class Names(AbstractResolver):
    """The system's resolver in threads of its own.

    The event loop's few threads are shared with everything else: a handful of names whose name server is silent
    would hold them all, and healthy servers would time out waiting for their turn.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS, "names")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """All addresses of ``host``.

        Raises:
            OSError: it has none, or its name server does not answer.
        """
        found = await asyncio.get_running_loop().run_in_executor(
            self._threads, lambda: socket.getaddrinfo(host, port, family, socket.SOCK_STREAM, 0, socket.AI_ADDRCONFIG)
        )
        flags = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
        return [
            ResolveResult(hostname=host, host=str(address[0]), port=port, family=kind, proto=proto, flags=flags)
            for kind, _, proto, _, address in found
        ]

    async def close(self) -> None:
        """Wait for nobody: a lookup cannot be interrupted and ends by itself."""
        self._threads.shutdown(wait=False, cancel_futures=True)
