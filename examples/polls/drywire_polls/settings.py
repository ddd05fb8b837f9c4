"""The configuration file, TOML or YAML, and its values as the application gets them: checked, with a name each."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

__all__ = ["Settings", "SettingsError", "load_config"]

SQLITE: Final = "sqlite:"
POSTGRESQL: Final = ("postgresql://", "postgres://")


class SettingsError(Exception):
    """What is wrong with the settings, for whoever has written them. It never tells the database's password."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the application can be told; see config/polls.toml."""

    host: str = "127.0.0.1"
    port: int = 8080
    database: str = "sqlite:polls.sqlite3"
    """``sqlite:FILE`` or ``postgresql://...``, as libpq has it."""
    connections: int = 4
    """Connections to the database, at the most."""
    sample_data: bool = True
    """Whether a database without questions gets some."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            # The type itself: True is an int, too.
            if type(value).__name__ != field.type:
                raise SettingsError(f"{field.name} must be {field.type}, not {type(value).__name__}")
        if not 0 <= self.port <= 65535:
            raise SettingsError(f"port must be from 0 to 65535, not {self.port}")
        if not 1 <= self.connections <= 100:
            raise SettingsError(f"connections must be from 1 to 100, not {self.connections}")
        if not self.database.startswith((SQLITE, *POSTGRESQL)):
            raise SettingsError("database must begin with sqlite: or postgresql://")
        if self.database == SQLITE:
            raise SettingsError("database names no file: sqlite:FILE")

    @classmethod
    def from_file(cls, path: Path, **changes: Any) -> Settings:
        """Return what the file at `path` says, but for `changes`. Raises SettingsError."""
        config = load_config(path)
        unknown = config.keys() - {field.name for field in fields(cls)}
        if unknown:
            raise SettingsError(f"{path}: nothing is called {', '.join(sorted(map(str, unknown)))}")
        database = config.get("database")
        if isinstance(database, str) and database.startswith(SQLITE) and database != SQLITE:
            config["database"] = SQLITE + str((path.parent / database.removeprefix(SQLITE)).resolve())
        try:
            return cls(**{**config, **changes})
        except SettingsError as error:
            raise SettingsError(f"{path}: {error}") from None


def load_config(path: str | Path) -> dict[str, Any]:
    """Return what a file in TOML says, or in YAML where its name ends so. Raises SettingsError."""
    path = Path(path)
    try:
        text = path.read_text("utf-8")
        config = _load_yaml(text) if path.suffix in (".yaml", ".yml") else tomllib.loads(text)
    except OSError as error:
        raise SettingsError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise SettingsError(f"cannot read {path}: {error}") from error
    if not isinstance(config, dict):
        raise SettingsError(f"{path}: this is a {type(config).__name__}, not names with values")
    return config


def _load_yaml(text: str) -> Any:
    try:
        import yaml
    except ImportError:
        raise SettingsError("a configuration in YAML needs PyYAML: pip install PyYAML; TOML needs nothing") from None
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error
