"""Who has a port of this machine."""

import contextlib
import socket

import psutil


def holder(port: int) -> str | None:
    """Why nobody can listen on this port of 127.0.0.1, with the process that does, if the system tells; None: free."""
    with socket.socket() as probe:
        # As the UI's server does it: the last connections of one that just stopped are no hindrance.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            return f" ({error.strerror}{_process(port)})"
    return None


def _process(port: int) -> str:
    with contextlib.suppress(psutil.Error, OSError):
        for found in psutil.net_connections(kind="tcp"):
            if found.status == psutil.CONN_LISTEN and found.pid and tuple(found.laddr)[1:] == (port,):
                return f": {psutil.Process(found.pid).name()}, pid {found.pid}, listens there"
    return ""
