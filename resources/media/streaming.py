"""The bytes of a copy, over as many lines as that takes."""

import threading
from collections.abc import Generator
from typing import Final

from holdfast.errors import StoppedError, ThrottledError, TransientError, VaultClosedError
from holdfast.media.vaults import MediaVault
from holdfast.retries import Backoff

BACKOFF: Final = Backoff(attempts=5, first_s=0.5, most_s=16)
_BLOCK_BYTES: Final = 1 << 20


def blocks(
    vault: MediaVault, remote_id: str, *, offset: int = 0, stop: threading.Event, backoff: Backoff = BACKOFF
) -> Generator[memoryview, None, None]:
    """The bytes of a copy from ``offset`` on; a line that breaks is opened anew where it broke.

    Each block is the same buffer: it is used before the next is asked for.

    Raises:
        NotInVaultError: there is no such file.
        TransientError: the vault is away, again and again without a byte in between.
        StoppedError: ``stop`` was set.
    """
    buffer, delays_s = memoryview(bytearray(_BLOCK_BYTES)), backoff.delays_s()
    while True:
        try:
            with vault.read(remote_id, offset=offset) as content:
                while count := content.readinto(buffer):
                    offset += count
                    delays_s = backoff.delays_s()
                    yield buffer[:count]
                    _pause(stop, 0, vault, remote_id)
        except (VaultClosedError, StoppedError):
            raise
        except TransientError as error:
            wait_s = next(delays_s, None)
            if wait_s is None:
                raise
            asked_s = error.wait_s or 0.0 if isinstance(error, ThrottledError) else 0.0
            _pause(stop, max(wait_s, asked_s), vault, remote_id)
        else:
            return


def _pause(stop: threading.Event, seconds: float, vault: MediaVault, remote_id: str) -> None:
    if stop.wait(seconds) if seconds else stop.is_set():
        raise StoppedError(f"{vault.label}: {remote_id}: the run ends before all of it was read")
