"""Who and what the generated X12 files speak of: made-up people, clinics and payers, real codes of therapy.

Everything comes from one seeded source of chance. The people are samples, and none of
them is anybody.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import count
from typing import TypeVar

T = TypeVar("T")
Segment = tuple[str | tuple[str, ...], ...]  # Tag and elements; a composite is a tuple of its components.

FIRST_NAMES = ("ANNA", "BRUNO", "CLARA", "DARIO", "EMMA", "FELIX", "GRETA", "HUGO", "IDA", "JONAS", "KLARA", "LEO")
LAST_NAMES = ("MUSTER", "BEISPIEL", "SAMPLE", "EXEMPLE", "PROBE", "VAN DER MODEL", "O'TEST", "DEMO-SAMPLE", "ESEMPIO")
STREETS = ("SHORE ROAD", "ELM STREET", "MILL LANE", "STATION SQ", "ORCHARD WAY", "HARBOUR ST")
TOWNS = (
    ("SPRINGFIELD", "IL", "627010001"),
    ("COLUMBUS", "OH", "432150002"),
    ("AUSTIN", "TX", "787010003"),
    ("DENVER", "CO", "802020004"),
    ("ATLANTA", "GA", "303030005"),
    ("SEATTLE", "WA", "981010006"),
)
CLINICS = ("LAKESIDE THERAPY", "NORTHGATE REHAB PC", "HARBOUR HAND CENTER", "VALLEY SPEECH & SWALLOWING")
HOSPITALS = ("LAKESIDE HOSPITAL", "ST EXAMPLE MEDICAL CENTER")
PAYERS = (("EXAMPLE HEALTH PLAN", "EX001"), ("SECOND PLAN", "EX002"), ("SAMPLE MUTUAL", "EX003"))
PLACES_OF_SERVICE = ("11", "11", "11", "12", "22", "62")  # CMS place of service codes; most therapy is in the office.
FILING_INDICATORS = ("CI", "BL", "HM", "MB", "MC")  # X12 data element 1032
REFERRERS = ("207Q00000X", "207X00000X", "208100000X")  # NUCC: family medicine, orthopaedics, physiatry

# Injuries and conditions that therapists treat, ICD-10-CM without the dot.
DIAGNOSES = (
    "M5450", "M542", "M25561", "M25511", "M1711", "M7501", "M6281", "S134XXA", "S83511D", "R262", "R2689", "Z96651",
    "G8191", "I69351", "R1310", "R4701", "F802",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Discipline:
    """A kind of therapy: its modifier (CMS 100-04, ch. 5), assistant's modifier, taxonomy (NUCC), charges in cents."""

    modifier: str
    assistant: str
    taxonomy: str
    timed: Sequence[tuple[str, int]]  # CPT of 15 minutes, charge of one unit
    untimed: Sequence[tuple[str, int]]


DISCIPLINES = (
    Discipline(
        modifier="GP",
        assistant="CQ",
        taxonomy="225100000X",
        timed=(("97110", 6250), ("97112", 6480), ("97116", 5405), ("97140", 5995), ("97530", 7015), ("97035", 2710)),
        untimed=(("97161", 14850), ("97162", 14850), ("97164", 10200), ("97150", 3345), ("G0283", 2105)),
    ),
    Discipline(
        modifier="GO",
        assistant="CO",
        taxonomy="225X00000X",
        timed=(("97530", 7015), ("97535", 6320), ("97110", 6250), ("97760", 8100)),
        untimed=(("97165", 14900), ("97168", 10250)),
    ),
    Discipline(
        modifier="GN",
        assistant="",
        taxonomy="235Z00000X",
        timed=(),
        untimed=(("92507", 9875), ("92526", 10830), ("92523", 29940)),
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One service of a claim; ``charge`` is cents for all its units."""

    procedure: tuple[str, ...]  # HC, the code, its modifiers
    units: int
    charge: int
    day: date


class Cast:
    """Draws people, providers and services. The same seed draws the same ones in the same order."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        self._serial: Iterator[int] = count(1)

    def one(self, of: Sequence[T]) -> T:
        return of[int(self._chance.random() * len(of))]

    def some(self, of: Sequence[T], most: int) -> list[T]:
        """One to ``most`` different ones."""
        return self._chance.sample(of, self.number(1, most))

    def happens(self, share: float) -> bool:
        return self._chance.random() < share

    def number(self, least: int, most: int) -> int:
        return least + int(self._chance.random() * (most - least + 1))

    def digits(self, length: int) -> str:
        return str(self.number(10 ** (length - 1), 10**length - 1))

    def serial(self) -> int:
        """Never twice the same."""
        return next(self._serial)

    def day(self) -> date:
        """A day of the year before the files' own date."""
        return date(2025, 3, 1) + timedelta(days=self.number(0, 300))

    def before(self, day: date) -> date:
        return day - timedelta(days=self.number(1, 60))

    def birthday(self) -> str:
        return wire(date(1935, 1, 1) + timedelta(days=self.number(0, 31_000)))

    def npi(self) -> str:
        """Ten digits, the last a check digit by Luhn with the prefix 80840 (CMS, 45 CFR 162.406)."""
        base = "1" + self.digits(8)
        total = 24  # What the prefix adds.
        for place, digit in enumerate(reversed(base)):
            value = int(digit) * (2 - place % 2)
            total += value - 9 if value > 9 else value
        return f"{base}{-total % 10}"

    def person(self) -> tuple[str, str, str]:
        """Last name, first name, middle initial or ""."""
        return self.one(LAST_NAMES), self.one(FIRST_NAMES), self.one("ABCDEF") if self.happens(0.4) else ""

    def member_id(self) -> str:
        return f"EXM{self.digits(9)}"

    def phone(self) -> str:
        return f"{self.number(201, 989)}55501{self.number(0, 99):02}"  # 555-01xx is nobody's.

    def address(self) -> Iterator[Segment]:
        town, state, postal_code = self.one(TOWNS)
        yield (
            "N3",
            f"{self.number(1, 999)} {self.one(STREETS)}",
            f"SUITE {self.number(1, 99)}" if self.happens(0.2) else "",
        )
        yield "N4", town, state, postal_code

    def services(self, discipline: Discipline, most: int = 4) -> list[Service]:
        """One visit's services: one to ``most`` lines on one day."""
        day = self.day()
        lines = []
        for _ in range(self.number(1, most)):
            timed = bool(discipline.timed) and self.happens(0.8)
            code, price = self.one(discipline.timed if timed else discipline.untimed)
            units = self.number(1, 4) if timed else 1
            procedure = ["HC", code, discipline.modifier]
            if discipline.assistant and timed and self.happens(0.15):
                procedure.append(discipline.assistant)
            if self.happens(0.2):
                procedure.append("KX")  # The therapy threshold is passed, and it is necessary.
            if self.happens(0.1):
                procedure.append("59")
            lines.append(Service(procedure=tuple(procedure), units=units, charge=price * units, day=day))
        return lines


def money(cents: int) -> str:
    """An amount as X12 data type R has it: no zeros that say nothing."""
    whole, rest = divmod(abs(cents), 100)
    fraction = f".{rest:02}".rstrip("0") if rest else ""
    amount = f"{whole or ''}{fraction}" if fraction else str(whole)
    return f"-{amount}" if cents < 0 else amount


def wire(day: date) -> str:
    """CCYYMMDD."""
    return f"{day.year}{day.month:02}{day.day:02}"
