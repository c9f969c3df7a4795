"""Every error this project raises on purpose.

HoldfastError
├── TransientError          another attempt may succeed (the resource retries, or the next tick does)
└── PermanentError          another attempt cannot succeed (nobody retries)
    ├── SettingsError       a setting is misspelt or has a value that is not allowed
    ├── MalformedEntryError bytes that are not what their format says; the bytes are kept
    ├── TargetError         a server answered with something that is not its metrics
    └── VerificationError   what was written does not equal what was meant; nothing was committed
"""


class HoldfastError(Exception):
    """Root of all errors that Holdfast raises on purpose."""


class TransientError(HoldfastError):
    """Another attempt may succeed."""


class PermanentError(HoldfastError):
    """Another attempt cannot succeed."""


class SettingsError(PermanentError):
    """A setting is misspelt or has a value that is not allowed."""


class MalformedEntryError(PermanentError):
    """Bytes are not what their format says they are."""


class TargetError(PermanentError):
    """A server answered with something that is not its metrics."""


class VerificationError(PermanentError):
    """What was written does not equal what was meant to be written."""
