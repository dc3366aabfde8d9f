"""How a member's requests and claims are answered: written in the member id, ``<AUTH>-<CLAIM>-<serial>``.

``A1-PAID-0001`` is certified in total and paid in full. A member id of any other shape is treated as A1 and PAID. It
never looks at anything else of a person.
"""

import re
from dataclasses import dataclass
from enum import StrEnum


class Authorization(StrEnum):
    """The answer to a 278 request."""

    A1 = "A1"  # certified in total
    A2 = "A2"  # certified in part: the first line is, the others are not
    A3 = "A3"  # not certified
    A6 = "A6"  # modified: about two thirds of what was asked
    PEND = "PEND"  # pended, certified later
    INFO = "INFO"  # pended until more information comes
    BUSY = "BUSY"  # the first time nobody can answer; asked again it is certified
    AAA = "AAA"  # the subscriber is not found, correct and send again
    NA = "NA"  # no certification needed
    CT = "CT"  # contact the payer
    X1 = "X1"  # a decision code that no list has
    R999 = "R999"  # the set is rejected by the 999
    LATE = "LATE"  # certified, but only after a while
    LOST = "LOST"  # accepted by the 999, never answered
    DUP = "DUP"  # the answer comes twice, byte for byte
    TWO = "TWO"  # the 999 and the answer come in one file


class Payment(StrEnum):
    """The answer to an 837P claim."""

    PAID = "PAID"
    PART = "PART"  # the first line is paid, the others are denied; of one line, fewer units
    D197 = "D197"  # denied: no authorization
    DENY50 = "DENY50"  # denied: not medically necessary
    R277 = "R277"  # the 277CA rejects the claim
    R999 = "R999"  # the 999 rejects the set that it is in
    REV = "REV"  # paid, later reversed and corrected: odd serials to more, even ones without the last line
    PLB = "PLB"  # paid beside an amount kept back (odd serial) or interest added (even serial)
    LATE = "LATE"  # paid, but only after a while
    LOST = "LOST"  # accepted, never paid or denied
    DUP = "DUP"  # the 835 comes twice, byte for byte
    TWO = "TWO"  # the 277CA and the 835 come in one file


@dataclass(frozen=True, slots=True)
class Scenario:
    authorization: Authorization = Authorization.A1
    payment: Payment = Payment.PAID
    serial: int = 1

    @property
    def odd(self) -> bool:
        return self.serial % 2 == 1


_SHAPE = re.compile(rf"({'|'.join(Authorization)})-({'|'.join(Payment)})-([0-9]+)")


def of(member_id: str) -> Scenario:
    """The scenario that a member id names; A1 and PAID where it names none."""
    named = _SHAPE.fullmatch(member_id)
    if named is None:
        return Scenario()
    return Scenario(Authorization(named[1]), Payment(named[2]), int(named[3]))
