"""Every number that a record is known by, ours, the payer's or the clinic's, so that an answer finds what it is about.

Our own numbers and envelope numbers are kept as text. Any other value (a clinic's account number, a member id) is kept
as a keyed hash with the sealed value beside it, so that it can be found and shown, but not read off the disk.
"""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert  # Its ON CONFLICT compiles for SQLite, too.

from gateway.store.schema import identifiers
from gateway.store.session import Row, Scoped, Session

PLAIN_KINDS = frozenset(
    {
        "isa13", "gs06", "st02", "bht03", "trn02", "clm01", "6r", "set", "document", "authorization", "claim",
        "remittance", "hcr02", "certification", "administrative_reference", "nt", "bb", "payer_trace", "g1", "f8", "1k",
        "payer_claim_number", "clearinghouse_number", "check",
    }
)  # fmt: skip
"""Kinds whose values we issued ourselves, or a payer or a clearinghouse did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identifier:
    subject: str
    kind: str
    value: str
    partner: str
    document: str
    recorded_at: datetime


_ADD = insert(identifiers).on_conflict_do_nothing()
_ALL = sa.select(identifiers).order_by(identifiers.c.seq)
_OF = Scoped(_ALL.where(identifiers.c.subject == sa.bindparam("wanted")), identifiers)
_NAMED = sa.select(identifiers.c.subject).where(
    identifiers.c.kind == sa.bindparam("of_kind"), identifiers.c.value == sa.bindparam("wanted")
)
_FIND = Scoped(_NAMED.order_by(identifiers.c.seq), identifiers)
_FIND_PARTNER = Scoped(
    _NAMED.where(identifiers.c.partner == sa.bindparam("of_partner")).order_by(identifiers.c.seq), identifiers
)
_ANY = Scoped(_ALL.where(identifiers.c.value.in_([sa.bindparam("wanted"), sa.bindparam("hashed")])), identifiers)


class Identifiers:
    """Which record a number means."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, subject: str, kind: str, value: str, *, partner: str = "", document: str = "") -> None:
        """Say that ``subject`` is known by this number; saying it again is harmless. An empty value is none."""
        if not value:
            return
        session = self._session
        organisation, clinic = session.owner_of(subject)
        looked_up = self._looked_up(kind, value)
        sealed = None if looked_up == value else session.keys.seal(value.encode(), f"identifiers/{looked_up}")
        values = {
            "organisation": organisation,
            "clinic": clinic,
            "subject": subject,
            "kind": kind,
            "value": looked_up,
            "sealed": sealed,
            "partner": partner,
            "document": document,
            "recorded_at": session.now,
        }
        session.run(_ADD, values)

    def find(self, kind: str, value: str, *, partner: str | None = None) -> list[str]:
        """The subjects that are known by this number, in the order in which they were recorded."""
        values = {"of_kind": kind, "wanted": self._looked_up(kind, value)}
        if partner is None:
            rows = self._session.within(_FIND, values)
        else:
            rows = self._session.within(_FIND_PARTNER, {**values, "of_partner": partner})
        return list(dict.fromkeys(rows.scalars()))

    def of(self, subject: str) -> list[Identifier]:
        """Every number of a subject."""
        return [self._read(row) for row in self._session.within(_OF, {"wanted": subject})]

    def find_any(self, value: str) -> list[Identifier]:
        """Everything that is known by this number, whatever kind it is."""
        hashed = self._session.keys.fingerprint("identifier", value)
        return [self._read(row) for row in self._session.within(_ANY, {"wanted": value, "hashed": hashed})]

    def _looked_up(self, kind: str, value: str) -> str:
        return value if kind in PLAIN_KINDS else self._session.keys.fingerprint("identifier", value)

    def _read(self, row: Row) -> Identifier:
        value = row.value
        if row.sealed is not None:
            value = self._session.keys.unseal(row.sealed, f"identifiers/{row.value}").decode()
        return Identifier(
            subject=row.subject,
            kind=row.kind,
            value=value,
            partner=row.partner,
            document=row.document,
            recorded_at=row.recorded_at,
        )
