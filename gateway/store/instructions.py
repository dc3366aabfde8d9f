"""What people told of authorizations (certifications, corrections, transfers), each once by the clinic's number of it.

The record is sealed with its evidence; what it did stands in the units book. Nothing changes one once it is taken.
"""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from gateway.domain.instruction import Instruction
from gateway.store.records import Added, Records, Statements
from gateway.store.schema import instructions
from gateway.store.session import Row, Scoped, Session


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredInstruction:
    """``kind`` is certification, correction or transfer; ``authorization`` our id of the one that it is about."""

    id: str
    organisation: str
    clinic: str
    client_ref: str
    kind: str
    authorization: str
    document: str
    instruction: Instruction
    version: int
    created_at: datetime
    changed_at: datetime


_STATEMENTS = Statements(instructions)
_PLAIN = ("id", "organisation", "clinic", "kind", "authorization", "document", "version", "created_at", "changed_at")
_OF_AUTHORIZATION = Scoped(
    sa.select(instructions)
    .where(instructions.c.authorization == sa.bindparam("of_authorization"))
    .order_by(instructions.c.created_at, instructions.c.id),
    instructions,
)


class Instructions(Records[Instruction]):
    """What people told."""

    def __init__(self, session: Session) -> None:
        super().__init__(session, _STATEMENTS, Instruction)

    def add(
        self, instruction: Instruction, *, digest: str, authorization: str, member_id: str, document: str = ""
    ) -> Added:
        """Store one under its own id. ``digest`` is of the record as submitted: "same" or "conflict"."""
        return self._add(
            instruction,
            instruction.id or self._session.new_id("is"),
            instruction.client_ref,
            digest,
            (instruction.organisation, instruction.clinic),
            kind=instruction.kind,
            patient_key=self._patient_key(member_id),
            authorization=authorization,
            document=document,
        )

    def known(self, instruction: Instruction, digest: str) -> Added | None:
        """What adding it would come to where its number is taken: "same" or "conflict"; None where it is new."""
        keys = self._session.keys
        known = {
            "of_organisation": instruction.organisation,
            "of_clinic": instruction.clinic,
            "of_client_key": keys.fingerprint("client_ref", instruction.client_ref),
        }
        row = self._session.within(_STATEMENTS.known, known).first()
        if row is None:
            return None
        same = row.digest == keys.fingerprint("digest", digest)
        return Added(row.id, "same" if same else "conflict", existing=row.id)

    def get(self, instruction: str) -> StoredInstruction:
        """Raises NotInStore where there is none in this scope."""
        return _stored(*self._one(instruction, lock=False))

    def of(self, authorization: str) -> list[StoredInstruction]:
        """What was told of an authorization, the oldest first."""
        rows = self._session.within(_OF_AUTHORIZATION, {"of_authorization": authorization}).all()
        return [_stored(row, instruction) for row, instruction in self._opened(rows)]


def _stored(row: Row, instruction: Instruction) -> StoredInstruction:
    columns = {name: row._mapping[name] for name in _PLAIN}
    return StoredInstruction(**columns, client_ref=instruction.client_ref, instruction=instruction)
