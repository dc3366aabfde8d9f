"""Who this payer is, what it pays, and how long it takes: constants of another company, or a TOML file of them.

Everything it makes up (certification numbers, claim numbers) follows from the seed and from what it was sent, so that
the same input brings the same answers. It never draws a random number.
"""

import base64
import hashlib
import tomllib
from dataclasses import dataclass, fields, replace
from datetime import UTC, date, datetime, time
from pathlib import Path

from gateway.simulator.wire import Marks


class CompanyInvalid(Exception):
    """The file says something that no company here understands: which file, which key, and what is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Company:
    """``delay_scale`` stretches every delay; ``today`` fixes the date of all documents; ``interchange_id``: ISA08 that
    is served, "" for any. Shares are in per cent of the amount before."""

    name: str = "SIMULATED HEALTH PLAN"
    tax_id: str = "1999999999"  # TRN03 of its payments and traces: ten characters, a 1 and the EIN
    street: str = "1 LOOPBACK WAY"
    city: str = "SPRINGFIELD"
    state: str = "IL"
    postal_code: str = "627010001"
    contact: str = "EDI SUPPORT"
    phone: str = "2175550100"
    interchange_id: str = ""
    username: str = "gateway"
    line_end: str = ""
    seed: int = 0
    today: date | None = None
    delay_scale: float = 1.0
    late_s: float = 4.0
    pended_s: float = 3.0
    reversed_s: float = 3.0
    allowed_percent: int = 80
    coinsurance_percent: int = 20
    copay_cents: int = 2500

    @property
    def marks(self) -> Marks:
        return Marks(line_end=self.line_end)

    def token(self, prefix: str, *source: str, length: int = 10) -> str:
        """An opaque number: the same for the same seed and source, and for no other in practice."""
        text = "\x00".join((str(self.seed), prefix, *source))
        return prefix + base64.b32encode(hashlib.sha256(text.encode()).digest()).decode()[:length]

    def stamp(self, now: datetime) -> datetime:
        """The instant that documents carry: the clock's, or noon of the fixed date."""
        return datetime.combine(self.today, time(12), UTC) if self.today else now


def load(path: Path, company: Company) -> Company:
    """A company as a TOML file describes it, over the one given; CompanyInvalid for an unknown key or a wrong type."""
    try:
        given = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise CompanyInvalid(f"{path}: {error}") from error
    given.pop("as2", None)  # What was agreed with an AS2 partner has a reader of its own.
    known = {each.name: each for each in fields(Company)}
    for key, value in given.items():
        if key not in known:
            raise CompanyInvalid(f"{path}: nobody knows the key {key}; known are {', '.join(sorted(known))}")
        wanted = type(getattr(Company(), key)) if key != "today" else date
        if not isinstance(value, (int, float) if wanted is float else wanted) or isinstance(value, bool):
            raise CompanyInvalid(f"{path}: {key} must be of type {wanted.__name__}")
    return replace(company, **given)
