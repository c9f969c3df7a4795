"""A bound on how long a server may be silent.

Its own timeouts do not help where the server is frozen, and the kernel keeps the line of a frozen process alive.
"""

import contextlib
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from holdfast.errors import TransientError


@contextmanager
def deadline(connection: psycopg.Connection[Any], seconds: float) -> Iterator[None]:
    """Cut the line if the block takes longer.

    Raises:
        TransientError: it did.
    """
    is_cut = threading.Event()
    with socket.socket(fileno=os.dup(connection.fileno())) as line:

        def cut() -> None:
            is_cut.set()
            with contextlib.suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)

        timer = threading.Timer(seconds, cut)
        timer.daemon = True
        timer.start()
        try:
            yield
        except psycopg.Error:
            if is_cut.is_set():
                raise TransientError(
                    f"Postgres took the connection and then did not answer within {seconds:g} s; the line was cut. "
                    "The server is frozen or overloaded: see how its machine is."
                ) from None
            raise
        finally:
            timer.cancel()
