"""Where servers' values come from: this machine, Prometheus endpoints, Google Cloud Monitoring."""

from os.path import isfile
from pathlib import Path

from holdfast.errors import SettingsError
from holdfast.metrics.targets import LOCAL, Targets, parse_targets


def read_targets(setting: str | None) -> Targets:
    """The servers that METRICS_TARGETS names: itself a list, or a file that holds one; unset: this machine.

    Raises:
        SettingsError: an entry is not a target or comes twice, or the file cannot be read.
    """
    if setting is None or not setting.strip():
        return parse_targets(LOCAL)
    try:
        # Not Path.is_file: that raises for a list longer than a file's name may be.
        is_file = "\n" not in setting and isfile(setting.strip())
        return parse_targets(Path(setting.strip()).read_text(encoding="utf-8") if is_file else setting)
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"METRICS_TARGETS: the file cannot be read as text ({type(error).__name__})") from error
