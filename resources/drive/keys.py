"""A service account's private key, as people paste it."""

import re
from typing import Final

from cryptography.hazmat.primitives.serialization import load_pem_private_key

from holdfast.errors import VaultClosedError

_MARK: Final = re.compile(r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----")


def read_key(given: str) -> str:
    r"""The key with real line breaks, wherever they came from.

    Args:
        given: PEM; line breaks may be real ones or the two letters ``\n``, and quotes around it are no part of it.

    Raises:
        VaultClosedError: it is no key; the message says what was found, without any of it.
    """
    text = given.strip().strip("\"'").replace("\\r", "").replace("\\n", "\n").replace("\r", "").strip()
    problem = _problem(text)
    if problem:
        raise VaultClosedError(
            "drive",
            f"GOOGLE_DRIVE_PRIVATE_KEY is not a service account's private key: {problem}. Nothing was asked of Google "
            "Drive. Copy the value of private_key from the key file, from -----BEGIN to -----END, on one line with "
            r"\n for its line breaks or with real ones",
            by="login",
        )
    return text + "\n"


def _problem(text: str) -> str:
    """Why it is no key; empty where it is one."""
    size = f"{len(text)} characters"
    if text.startswith("{"):
        return f"found {size} of JSON, which looks like the whole key file"
    if not _MARK.match(text):
        return f"found {size} that do not begin with -----BEGIN PRIVATE KEY-----"
    if "-----END" not in text:
        return f"found {size} without an -----END line: it is cut off"
    if text.count("\n") < 2:
        return f"found {size} in {text.count(chr(10)) + 1} lines: its line breaks are lost"
    try:
        load_pem_private_key(text.encode(), password=None)
    except (ValueError, TypeError):
        return f"found {size} in {text.count(chr(10)) + 1} lines that begin well, but what is between is damaged"
    return ""
