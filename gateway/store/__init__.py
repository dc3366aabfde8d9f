"""What survives: the database, sealed payloads and keys. The only door to SQLAlchemy."""

from gateway.store.appointments import StoredVisit
from gateway.store.as2_messages import As2Message
from gateway.store.authorizations import StoredAuthorization
from gateway.store.claims import BilledLine, StoredClaim
from gateway.store.control_numbers import ControlNumber, ControlNumberTaken
from gateway.store.database import Store, Transaction, utc_now
from gateway.store.documents import Document
from gateway.store.events import Event
from gateway.store.identifiers import Identifier
from gateway.store.inputs import Input
from gateway.store.instructions import StoredInstruction
from gateway.store.jobs import Job
from gateway.store.keys import Keyring, SealBroken
from gateway.store.payments import StoredPayment
from gateway.store.records import Added
from gateway.store.reference import StoredRelease, StoredRow
from gateway.store.remittances import StoredRemittance
from gateway.store.session import ChangedMeanwhile, Ids, NotInStore, Scope, StoreUnavailable
from gateway.store.tasks import Task

__all__ = [
    "Added",
    "As2Message",
    "BilledLine",
    "ChangedMeanwhile",
    "ControlNumber",
    "ControlNumberTaken",
    "Document",
    "Event",
    "Identifier",
    "Ids",
    "Input",
    "Job",
    "Keyring",
    "NotInStore",
    "Scope",
    "SealBroken",
    "Store",
    "StoreUnavailable",
    "StoredAuthorization",
    "StoredClaim",
    "StoredInstruction",
    "StoredPayment",
    "StoredRelease",
    "StoredRemittance",
    "StoredRow",
    "StoredVisit",
    "Task",
    "Transaction",
    "utc_now",
]
