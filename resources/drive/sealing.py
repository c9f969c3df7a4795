"""The address of an upload is as good as a key to it: what is kept of it is unreadable without the login."""

import base64
import json
import os
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from holdfast.errors import UploadLostError

_PREFIX: Final = b"drive1."
_INFO: Final = b"holdfast: addresses of Google Drive uploads"
_NONCE_BYTES: Final = 12


class Seal:
    """Seals small documents under a key that only the holder of a secret can make."""

    def __init__(self, secret: bytes) -> None:
        self._cipher = AESGCM(HKDF(algorithm=SHA256(), length=32, salt=None, info=_INFO).derive(secret))

    def seal(self, document: dict[str, Any]) -> bytes:
        """The document, unreadable; printable letters."""
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._cipher.encrypt(nonce, json.dumps(document).encode(), _PREFIX)
        return _PREFIX + base64.urlsafe_b64encode(nonce + sealed)

    def open(self, sealed: bytes) -> dict[str, Any]:
        """The document.

        Raises:
            UploadLostError: it was sealed by another login, or is damaged.
        """
        try:
            raw = base64.urlsafe_b64decode(bytes(sealed).removeprefix(_PREFIX))
            document = json.loads(self._cipher.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], _PREFIX))
        except (ValueError, InvalidTag):
            document = None
        if not isinstance(document, dict):
            raise UploadLostError(
                "Google Drive: what was kept of a half-sent file was made with another login, or is damaged; "
                "it is begun anew"
            )
        return document
