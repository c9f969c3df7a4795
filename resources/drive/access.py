"""How Google Drive is reached: which login, which folder."""

from dataclasses import dataclass, field
from typing import Final

GOOGLE: Final = "https://www.googleapis.com"
GOOGLE_TOKENS: Final = "https://oauth2.googleapis.com/token"


@dataclass(frozen=True, slots=True, kw_only=True)
class DriveAccess:
    r"""One login for Drive and the folder that files go into; the names are those of a service account's key.

    Attributes:
        private_key: PEM; line breaks may be real ones or the two letters ``\n``.
        subject: user to act as (domain-wide delegation).
        refresh_token, client_secret: a user's OAuth instead of a service account, with ``client_id``.
        api_endpoint, token_uri: other endpoints, for tests and private gateways. Empty: Google's.
    """

    project_id: str = ""
    private_key_id: str = ""
    private_key: str = field(default="", repr=False)
    client_email: str = ""
    client_id: str = ""
    folder_id: str = ""
    subject: str = ""
    refresh_token: str = field(default="", repr=False)
    client_secret: str = field(default="", repr=False)
    api_endpoint: str = ""
    token_uri: str = ""

    @property
    def endpoint(self) -> str:
        """Where Drive is asked, without a slash at its end."""
        return (self.api_endpoint or GOOGLE).rstrip("/").removesuffix("/drive/v3")

    @property
    def tokens(self) -> str:
        """Where tokens come from."""
        return self.token_uri or GOOGLE_TOKENS

    @property
    def is_user(self) -> bool:
        """Whether a user's OAuth is the login; it goes before a service account where both are configured."""
        return bool(self.refresh_token)

    @property
    def owns_storage(self) -> bool:
        """Whether who logs in can own files: a service account that acts for nobody cannot."""
        return self.is_user or bool(self.subject)

    @property
    def who(self) -> str:
        """Who logs in, for people."""
        if self.is_user:
            return "the user whose refresh token it is"
        if self.subject:
            return f"{self.subject} (through {self.client_email or 'the service account'})"
        return self.client_email or "the service account"
