"""Logins for Google Drive: a service account, one that acts for a user, or a user's OAuth; tokens by google-auth."""

import threading
import time
from datetime import UTC, datetime
from http.client import HTTPMessage
from typing import Any, Final

import google.auth.exceptions
import google.auth.transport
from google.oauth2 import credentials as user_credentials
from google.oauth2 import service_account

from holdfast.errors import HoldfastError, TransientError, VaultClosedError
from resources.drive.access import DriveAccess
from resources.drive.keys import read_key
from resources.drive.lines import Lines

# Folders that people made are not seen with less than this.
SCOPE: Final = "https://www.googleapis.com/auth/drive"
# A token is replaced this long before it ends: a request that is under way must not outlive it.
_EARLY_S: Final = 240.0
_LATER: Final = (408, 429)

_SERVICE_ACCOUNT: Final = {
    "invalid_grant": "Google does not take the service account's key: it was deleted, belongs to another account than "
    "GOOGLE_DRIVE_CLIENT_EMAIL, or this machine's clock is wrong. See the time here, then make a new key for the "
    "service account and set GOOGLE_DRIVE_PRIVATE_KEY to it",
    "unauthorized_client": "the service account may not act for GOOGLE_DRIVE_SUBJECT. In the Admin console, under "
    f"Security > API controls > Domain-wide delegation, allow its client id the scope {SCOPE}; that takes up to a day",
    "invalid_scope": f"Google refuses the scope {SCOPE}: allow it for the service account's client id in the Admin "
    "console, under Security > API controls > Domain-wide delegation",
}
_USER: Final = {
    "invalid_grant": "the refresh token is worth nothing any more: it was revoked, the password was changed, it was "
    'not used for 6 months, or the consent screen is in "Testing", where Google drops refresh tokens after 7 days. '
    "Publish the consent screen, log in again and set GOOGLE_DRIVE_REFRESH_TOKEN (docs/drive.md)",
    "invalid_client": "GOOGLE_DRIVE_CLIENT_ID and GOOGLE_DRIVE_CLIENT_SECRET are not those of an OAuth client, or the "
    "client was deleted. Set both to those of the client that the refresh token was made with",
    "unauthorized_client": "the refresh token was made with another OAuth client. Set GOOGLE_DRIVE_CLIENT_ID and "
    "GOOGLE_DRIVE_CLIENT_SECRET to that client's, or log in again",
    "invalid_scope": f"the refresh token was made without the scope {SCOPE}: log in again with it",
}


class Login:
    """Tokens of one login. Safe to use from several threads; one of them renews, the others wait for it."""

    def __init__(self, access: DriveAccess, lines: Lines) -> None:
        self._access = access
        self._lines = lines
        self._lock = threading.Lock()
        self._credentials: Any = None
        self._token = ""
        self._good_until_s = 0.0

    def token(self) -> str:
        """A token that is good for a while.

        Raises:
            VaultClosedError: the login is not (or no longer) good; what to do about it.
            TransientError: Google's token endpoint is away.
        """
        if time.monotonic() < self._good_until_s:
            return self._token
        with self._lock:
            if time.monotonic() >= self._good_until_s:
                self._renew()
            return self._token

    def renewed(self, stale: str) -> str:
        """Another token than ``stale``, which was refused.

        Raises:
            VaultClosedError, TransientError: as of ``token``.
        """
        with self._lock:
            if self._token == stale:
                self._renew()
            return self._token

    @property
    def secret(self) -> bytes:
        """What nobody has who has not this login; for keys that are derived from it.

        Raises:
            VaultClosedError: the private key is none.
        """
        access = self._access
        if access.is_user:
            return f"{access.client_secret}\n{access.refresh_token}".encode()
        return read_key(access.private_key).encode()

    def _renew(self) -> None:
        if self._credentials is None:
            self._credentials = self._made()
        refused: HoldfastError
        try:
            self._credentials.refresh(self._ask)
        except google.auth.exceptions.TransportError:
            refused = TransientError("Google Drive: the token endpoint is away; it is asked again later")
        except google.auth.exceptions.RefreshError as error:
            refused = self._refused(error)
        except (google.auth.exceptions.GoogleAuthError, ValueError) as error:
            refused = self._closed(f"no token can be made ({type(error).__name__}): look at the GOOGLE_DRIVE_ settings")
        else:
            self._token = str(self._credentials.token)
            self._good_until_s = time.monotonic() + self._life_s()
            return
        # Outside of the handler: what google-auth raised holds the answer it was given, and goes no further.
        raise refused

    def _life_s(self) -> float:
        expiry = self._credentials.expiry
        if expiry is None:
            return 0.0
        # google-auth keeps naive instants, in UTC.
        left_s = float((expiry.replace(tzinfo=UTC) - datetime.now(UTC)).total_seconds())
        return max(left_s - min(_EARLY_S, left_s / 10), 0.0)

    def _made(self) -> Any:
        access = self._access
        if access.is_user:
            missing = [
                name
                for name, value in (
                    ("GOOGLE_DRIVE_CLIENT_ID", access.client_id),
                    ("GOOGLE_DRIVE_CLIENT_SECRET", access.client_secret),
                )
                if not value
            ]
            if missing:
                raise self._closed(f"GOOGLE_DRIVE_REFRESH_TOKEN is set, {' and '.join(missing)} not: set all three")
            return user_credentials.Credentials(  # type: ignore[no-untyped-call]
                None,
                refresh_token=access.refresh_token,
                token_uri=access.tokens,
                client_id=access.client_id,
                client_secret=access.client_secret,
            )
        if not access.client_email:
            raise self._closed("GOOGLE_DRIVE_PRIVATE_KEY is set, GOOGLE_DRIVE_CLIENT_EMAIL not: set both")
        info = {
            "private_key": read_key(access.private_key),
            "private_key_id": access.private_key_id or None,
            "client_email": access.client_email,
            "client_id": access.client_id,
            "token_uri": access.tokens,
        }
        return service_account.Credentials.from_service_account_info(  # type: ignore[no-untyped-call]
            info, scopes=[SCOPE], subject=access.subject or None
        )

    def _ask(
        self, url: str, method: str = "GET", body: Any = None, headers: Any = None, **_: object
    ) -> google.auth.transport.Response:
        """One call of the token endpoint, for google-auth."""
        content = body.encode() if isinstance(body, str) else body or b""
        try:
            answer = self._lines.exchange(method, url, dict(headers or {}), [content] if content else [])
        except TransientError as error:
            if isinstance(error, VaultClosedError):
                raise
            raise google.auth.exceptions.TransportError(str(error)) from None  # type: ignore[no-untyped-call]
        if answer.status in _LATER or answer.status >= 500:
            # Told so, google-auth leaves it alone: how often it is tried again is not its to say.
            raise google.auth.exceptions.TransportError(str(answer.status))  # type: ignore[no-untyped-call]
        return _Answered(answer.status, answer.headers, answer.body)

    def _refused(self, error: Any) -> HoldfastError:
        code = _code(error.args)
        if getattr(error, "retryable", False) or code in (
            "internal_failure",
            "server_error",
            "temporarily_unavailable",
        ):
            return TransientError("Google Drive: the token endpoint is in trouble; it is asked again later")
        known = _USER if self._access.is_user else _SERVICE_ACCOUNT
        return self._closed(
            known.get(code) or f"Google refuses a token ({code or 'no reason given'}); see docs/drive.md"
        )

    def _closed(self, what: str) -> VaultClosedError:
        return VaultClosedError("drive", f"Google Drive, login as {self._access.who}: {what}", by="login")


class _Answered(google.auth.transport.Response):
    """An answer in google-auth's form."""

    def __init__(self, status: int, headers: HTTPMessage, data: bytes) -> None:
        self._all = (status, headers, data)

    @property
    def status(self) -> int:
        """HTTP status."""
        return self._all[0]

    @property
    def headers(self) -> HTTPMessage:
        """HTTP headers."""
        return self._all[1]

    @property
    def data(self) -> bytes:
        """The body."""
        return self._all[2]


def _code(args: tuple[Any, ...]) -> str:
    """OAuth's error code, out of whatever google-auth made of the answer; never its description."""
    for arg in args:
        if isinstance(arg, dict) and isinstance(arg.get("error"), str):
            return str(arg["error"])[:60]
    words = str(args[0]).partition(":")[0].strip("('\"") if args else ""
    return words if words.replace("_", "").isalpha() and len(words) <= 40 else ""
