"""How Google Drive is reached: which login, which folder."""

from dataclasses import dataclass, field


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
