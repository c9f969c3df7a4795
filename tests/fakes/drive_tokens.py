"""Logins of the fake Drive: the token endpoint, and whose token a request carries."""

import json
import secrets
import threading
import time
from base64 import urlsafe_b64decode
from functools import cache
from typing import Any
from urllib.parse import parse_qsl

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.fakes.drive_files import SERVICE_ACCOUNT, USER
from tests.fakes.drive_http import Response, answer

JWT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
GOOGLE_TOKENS = "https://oauth2.googleapis.com/token"
SCOPE = "https://www.googleapis.com/auth/drive"
CLIENT_ID = "1234567890-abc.apps.googleusercontent.com"


@cache
def _key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65_537, key_size=2048)


def private_key() -> str:
    """The service account's key, as its file has it."""
    form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return _key().private_bytes(serialization.Encoding.PEM, form, plain).decode()


class Tokens:
    """Who is who."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tokens: dict[str, tuple[str, float]] = {}
        self.client_secret = f"GOCSPX-{secrets.token_urlsafe(18)}"
        self.refresh_tokens = {f"1//0{secrets.token_urlsafe(30)}": USER}
        self.delegated = {USER}
        self.life_s = 3600.0
        # What the endpoint answers instead, e.g. (400, "invalid_grant", "Account not found").
        self.refuses: tuple[int, str, str] | None = None
        self.issued = 0

    @property
    def refresh_token(self) -> str:
        return next(iter(self.refresh_tokens))

    def expire(self) -> None:
        """No token that was issued is worth anything from now on."""
        with self._lock:
            self._tokens.clear()

    def principal(self, authorization: str) -> str | None:
        """Whose token this is; None where it is nobody's (any more)."""
        with self._lock:
            known = self._tokens.get(authorization.removeprefix("Bearer "))
        return known[0] if known and known[1] > time.time() else None

    def answer(self, body: bytes, url: str) -> Response:
        """One call of the token endpoint."""
        form = dict(parse_qsl(body.decode()))
        if self.refuses:
            return _refused(*self.refuses)
        if form.get("grant_type") == "refresh_token":
            return self._refreshed(form)
        if form.get("grant_type") == JWT:
            return self._asserted(form.get("assertion", ""), url)
        return _refused(400, "unsupported_grant_type", "Invalid grant_type")

    def _issue(self, principal: str) -> Response:
        token = f"ya29.{secrets.token_urlsafe(60)}"
        with self._lock:
            self._tokens[token] = (principal, time.time() + self.life_s)
            self.issued += 1
        return answer({"access_token": token, "expires_in": int(self.life_s), "token_type": "Bearer", "scope": SCOPE})

    def _refreshed(self, form: dict[str, str]) -> Response:
        if (form.get("client_id"), form.get("client_secret")) != (CLIENT_ID, self.client_secret):
            return _refused(401, "invalid_client", "The provided client secret is invalid.")
        principal = self.refresh_tokens.get(form.get("refresh_token", ""))
        if principal is None:
            return _refused(400, "invalid_grant", "Token has been expired or revoked.")
        return self._issue(principal)

    def _asserted(self, assertion: str, url: str) -> Response:
        try:
            head, claims, signature = assertion.split(".")
            signed = f"{head}.{claims}".encode()
            _key().public_key().verify(_decoded(signature), signed, padding.PKCS1v15(), hashes.SHA256())
        except (ValueError, InvalidSignature):
            return _refused(400, "invalid_grant", "Invalid JWT Signature.")
        told: dict[str, Any] = json.loads(_decoded(claims))
        if told["iss"] != SERVICE_ACCOUNT:
            return _refused(400, "invalid_grant", "Invalid grant: account not found")
        if told["aud"] not in (url, GOOGLE_TOKENS) or not told["iat"] - 300 <= time.time() <= told["exp"]:
            return _refused(400, "invalid_grant", "Invalid JWT: Token must be a short-lived token (60 minutes)")
        if SCOPE not in told.get("scope", "").split():
            return _refused(400, "invalid_scope", "Invalid OAuth scope or ID token audience provided.")
        if told.get("sub") and told["sub"] not in self.delegated:
            return _refused(
                401,
                "unauthorized_client",
                "Client is unauthorized to retrieve access tokens using this method, or client not authorized for any "
                "of the scopes requested.",
            )
        return self._issue(told.get("sub") or SERVICE_ACCOUNT)


def _decoded(part: str) -> bytes:
    return urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _refused(status: int, error: str, description: str) -> Response:
    return answer({"error": error, "error_description": description}, status)
