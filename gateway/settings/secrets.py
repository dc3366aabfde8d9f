"""Secrets by reference: ``env:NAME`` or ``file:path``. The value is read when asked for, never kept or shown."""

import os
import re
from pathlib import Path
from typing import Any

from pydantic import GetCoreSchemaHandler, ValidationInfo
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from gateway.errors import SettingsInvalid

_ENVIRONMENT_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Secret:
    """Where a secret lies. ``folder`` is what a relative ``file:`` path starts from."""

    __slots__ = ("_folder", "reference")

    def __init__(self, reference: str, folder: Path = Path()) -> None:
        self.reference = reference
        self._folder = folder

    def __repr__(self) -> str:
        return f"Secret({self.reference})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and (self.reference, self._folder) == (other.reference, other._folder)

    def __hash__(self) -> int:
        return hash((self.reference, self._folder))

    def problem(self) -> str:
        """Why the secret can't be read at present; "" where it can."""
        kind, _, place = self.reference.partition(":")
        if kind == "env":
            return "" if os.environ.get(place) else f"the environment has no {place}, or it is empty"
        try:
            return "" if self._path(place).read_text().strip("\r\n") else f"the file {place} is empty"
        except ValueError:
            return f"the file {place} is not text, or can't be a file's name"
        except OSError as error:
            return f"the file {place} can't be read ({error.strerror})"

    def reveal(self) -> str:
        """The secret itself, without the line end of its file. Raises SettingsInvalid where it can't be read."""
        problem = self.problem()
        if problem:
            raise SettingsInvalid(
                problem, where=self.reference, fix="Put the secret there, readable by the gateway only"
            )
        kind, _, place = self.reference.partition(":")
        return os.environ[place] if kind == "env" else self._path(place).read_text().strip("\r\n")

    def _path(self, place: str) -> Path:
        return self._folder / place

    @classmethod
    def parse(cls, value: Any, folder: Path = Path()) -> "Secret":
        """The reference in ``value``; a PydanticCustomError that does not repeat it where it is none."""
        kind, _, place = value.partition(":") if isinstance(value, str) else ("", "", "")
        if kind == "file" and place:
            return cls(value, folder)
        if kind == "env" and _ENVIRONMENT_NAME.fullmatch(place):
            return cls(value, folder)
        raise PydanticCustomError(
            "mend",
            "{what}",
            {
                "what": "this must be a reference to a secret, and never the secret itself",
                "fix": "Write env:NAME or file:path, and if a secret stood here, change it: it may have been copied",
            },
        )

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        def check(value: Any, info: ValidationInfo) -> Secret:
            return cls.parse(value, (info.context or {}).get("folder", Path()))

        return core_schema.with_info_plain_validator_function(check)
