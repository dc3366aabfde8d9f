"""One submitted record as its reader found it, before anything is judged."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gateway.errors import Finding
from gateway.flow.intake_words import JsonPath


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """``raw`` is what JSON would hold; ``where`` names a place of it as the clinic sees it in its file.

    ``findings`` are what the reader has already found: then the record is rejected, whatever else is in it.
    """

    raw: Any
    where: Callable[[JsonPath], str]
    findings: tuple[Finding, ...] = ()
