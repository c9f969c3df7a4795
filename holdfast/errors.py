"""Every error this project raises on purpose.

HoldfastError
├── TransientError          another attempt may succeed (the resource retries, or the next tick does)
└── PermanentError          another attempt cannot succeed (nobody retries)
    ├── SettingsError       a setting is misspelt or has a value that is not allowed
    ├── MalformedEntryError bytes that are not what their format says; the bytes are kept
    ├── TargetError         a server answered with something that is not its metrics
    ├── TemplatesError      a file of declared servers that says something that cannot be; the templates stay
    ├── ScenarioError       a failure scenario that says something that cannot be; nothing was played
    ├── VerificationError   what was written does not equal what was meant; nothing was committed
    ├── NotInVaultError     the vault holds nothing under this name
    ├── DamagedBaselineError    bytes or a document of a learned baseline that are not whole
    └── BaselineVersionError    a learned baseline in the format of another version of Holdfast
"""

from collections.abc import Sequence


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


class TemplatesError(PermanentError):
    """A file of declared servers says something that cannot be.

    Attributes:
        problems: one sentence for each mistake.
    """

    def __init__(self, source: str, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        mistakes = "1 mistake" if len(problems) == 1 else f"{len(problems)} mistakes"
        lines = "".join(f"\n  {problem}" for problem in problems)
        super().__init__(
            f"{source}: {mistakes}; nothing was changed, the templates stay as they are. Correct the file:{lines}"
        )


class ScenarioError(PermanentError):
    """A failure scenario says something that cannot be.

    Attributes:
        problems: one sentence for each mistake.
    """

    def __init__(self, source: str, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        mistakes = "1 mistake" if len(problems) == 1 else f"{len(problems)} mistakes"
        lines = "".join(f"\n  {problem}" for problem in problems)
        super().__init__(f"scenario {source}: {mistakes}; nothing was played. Correct it:{lines}")


class VerificationError(PermanentError):
    """What was written does not equal what was meant to be written."""


class NotInVaultError(PermanentError):
    """The vault holds nothing under this name."""


class DamagedBaselineError(PermanentError):
    """Bytes or a document of a learned baseline are not whole."""


class BaselineVersionError(PermanentError):
    """A learned baseline is in the format of another version of Holdfast."""
