"""A claim as far as an 835 is held against it: its lines, its charge, and who pays it. Holds nothing of the patient.

A whole ``Claim`` is one of these as it stands. ``Billed`` is the same without opening what is sealed: posting a
remittance of tens of thousands of claims could not afford that.
"""

from dataclasses import dataclass
from typing import Protocol

from gateway.domain.claim import Frequency, ServiceLine
from gateway.domain.parties import OtherCoverage


class BilledClaim(Protocol):
    """What the ledger asks of a claim."""

    @property
    def id(self) -> str: ...
    @property
    def organisation(self) -> str: ...
    @property
    def clinic(self) -> str: ...
    @property
    def control_number(self) -> str: ...
    @property
    def charge(self) -> int: ...
    @property
    def frequency(self) -> Frequency: ...
    @property
    def lines(self) -> tuple[ServiceLine, ...]: ...
    @property
    def sequence(self) -> str: ...
    @property
    def other_coverages(self) -> tuple[OtherCoverage, ...]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Billed:
    """A claim from what is kept in the clear of it. Its lines have no minutes, and it has no other coverages: where
    those matter (a bucket of minutes; CLP02 2, 3, 20, 21) the whole claim is opened instead."""

    id: str
    organisation: str
    clinic: str
    control_number: str
    charge: int
    lines: tuple[ServiceLine, ...]
    frequency: Frequency = Frequency.ORIGINAL
    sequence: str = "primary"
    other_coverages: tuple[OtherCoverage, ...] = ()
