"""The ready-made scenarios, and those of a file."""

from pathlib import Path
from typing import Final

from holdfast.errors import ScenarioError
from holdfast.scenarios.declared import Scenario, parse_scenario

FOLDER: Final = Path(__file__).parent / "ready"


def ready_scenarios() -> list[Scenario]:
    """Every ready-made scenario, by name."""
    return [_read(path) for path in sorted(FOLDER.glob("*.toml"))]


def find_scenario(name: str) -> Scenario:
    """A ready-made scenario by its name, or the one in a file by its path (which ends in ``.toml``).

    Raises:
        ScenarioError: there is none, or it says something that cannot be.
    """
    path = Path(name) if name.endswith(".toml") else FOLDER / f"{name}.toml"
    if path.parent == FOLDER and path.name not in {one.name for one in FOLDER.glob("*.toml")}:
        known = ", ".join(sorted(one.stem for one in FOLDER.glob("*.toml")))
        raise ScenarioError(name, [f"expected one of {known}, or a file that ends in .toml, found neither"])
    return _read(path)


def _read(path: Path) -> Scenario:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ScenarioError(str(path), [f"the file cannot be read: {error}"]) from error
    return parse_scenario(text, path.stem)
