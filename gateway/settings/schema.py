"""The schema of every configuration file: what may stand in it, in which shape, and what holds if it is left out.

Says nothing of other files; what must agree between places is in ``agreement``. Knows no transport and no rule: it
only names their keys.
"""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field

from gateway.settings import names
from gateway.settings.as2 import As2, As2Transport
from gateway.settings.mailboxes import DirectoryTransport, SftpTransport
from gateway.settings.parts import (
    Delimiter,
    Digits,
    EnvelopeId,
    Flag,
    Id,
    NonEmpty,
    Npi,
    PathHere,
    Qualifier,
    Seconds,
    Section,
    Taxonomy,
    mistake,
)
from gateway.settings.secrets import Secret

Transaction = Literal["278", "837"]
Stage = Literal["test", "live"]


def _template(value: str) -> str:
    what, fix = names.fault(value)
    if what:
        raise mistake(what, fix)
    return value


# conf/gateway.toml


class Address(Section):
    line: NonEmpty
    line2: str = ""
    city: NonEmpty
    state: Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
    postal_code: Annotated[str, Field(pattern=r"^[0-9]{5}([0-9]{4})?$")]


class Contact(Section):
    """Whom a payer may call. Phone and fax are ten digits."""

    name: NonEmpty
    phone: Digits | Literal[""] = ""
    fax: Digits | Literal[""] = ""
    email: str = ""


class Clinic(Section):
    """A place that treats and bills. ``tax_id`` is its EIN (or SSN) of nine digits."""

    id: Id
    name: Annotated[str, Field(min_length=1, max_length=60)]
    npi: Npi
    tax_id: Annotated[str, Field(pattern=r"^[0-9]{9}$")]
    tax_id_kind: Literal["ein", "ssn"] = "ein"
    taxonomy: Taxonomy = ""
    address: Address
    phone: Digits | Literal[""] = ""


class Organisation(Section):
    """Who submits for its clinics. ``submitter_id`` goes before the partner's own submitter id where it is given."""

    id: Id
    name: NonEmpty
    submitter_name: Annotated[str, Field(max_length=60)] = ""
    submitter_id: Annotated[str, Field(max_length=80)] = ""
    contact: Contact
    clinics: Annotated[tuple[Clinic, ...], Field(min_length=1)]


class Intake(Section):
    """Where files are dropped. ``results`` is the folder for the answers; None puts each beside its file."""

    folder: PathHere | None = None
    every_s: Annotated[float, Field(gt=0)] = 5.0
    results: PathHere | None = None


class Work(Section):
    threads: Annotated[int, Field(strict=True, ge=1, le=64)] = 4
    lease_s: Annotated[int, Field(strict=True, ge=5)] = 60
    poll_s: Annotated[float, Field(gt=0)] = 0.5
    batch_max: Annotated[int, Field(strict=True, ge=1, le=5000)] = 100  # Records in one interchange.


class Log(Section):
    model_config = ConfigDict(populate_by_name=True)

    level: Literal["debug", "info", "warning", "error"] = "info"
    json_lines: Flag = Field(default=True, alias="json")


class GatewayFile(Section):
    """``conf/gateway.toml``. What is left out lies under ``data``."""

    node: Id = "gateway-1"
    data: PathHere
    database: Secret | None = None
    payloads: str = ""
    key_file: PathHere | None = None
    partners: str
    intake: Intake = Intake()
    as2: As2 | None = None
    work: Work = Work()
    log: Log = Log()
    organisations: Annotated[tuple[Organisation, ...], Field(min_length=1)]


# trading_partners/*.toml


class Delimiters(Section):
    element: Delimiter = "*"
    component: Delimiter = ":"
    repetition: Delimiter = "^"
    terminator: Delimiter = "~"
    line_end: Literal["", "\n", "\r\n"] = ""


class Envelope(Section):
    """ISA05 to ISA08, GS02 and GS03, ISA14. The group's ids are those of the interchange where they are left out.

    ``check_receiver`` wants ISA08 of what comes in to be ``sender``; false for a partner that writes other ids there.
    """

    sender_qualifier: Qualifier = "ZZ"
    sender: EnvelopeId
    receiver_qualifier: Qualifier = "ZZ"
    receiver: EnvelopeId
    gs_sender: EnvelopeId | Literal[""] = ""
    gs_receiver: EnvelopeId | Literal[""] = ""
    delimiters: Delimiters = Delimiters()
    acknowledgment_requested: Flag = False
    check_receiver: Flag = True

    def model_post_init(self, context: Any, /) -> None:
        # The group's ids fall back here, so that nobody who builds a group has to know that they may.
        object.__setattr__(self, "gs_sender", self.gs_sender or self.sender)
        object.__setattr__(self, "gs_receiver", self.gs_receiver or self.receiver)


class Party(Section):
    """One end of the 837P's 1000A and 1000B loops: NM103 and NM109."""

    name: Annotated[str, Field(min_length=1, max_length=60)]
    id: Annotated[str, Field(min_length=2, max_length=80)]


class Schedule(Section):
    poll_every_s: Annotated[float, Field(gt=0)] = 300.0


class Rest(Section):
    """When a partner at which nothing works is left alone: after how many failures in a row, and for how long.

    ``first`` and ``longest`` are seconds; each rest is twice as long as the one before it.
    """

    after: Annotated[int, Field(strict=True, ge=2, le=1000)] = 5
    first: Seconds = 60
    longest: Seconds = 900


class Expectations(Section):
    """Seconds within which the far side must have answered; None where it never does. Written as "15m" or "14d"."""

    ta1: Seconds | None = None
    group_acknowledgment: Seconds | None = Field(default=None, alias="999")
    claim_acknowledgment: Seconds | None = Field(default=None, alias="277ca")
    decision: Seconds | None = Field(default=None, alias="278")
    remittance: Seconds | None = Field(default=None, alias="835")

    def within_s(self, answer: Literal["ta1", "999", "277ca", "278", "835"]) -> int | None:
        """The seconds for one kind of answer, by the name that it has in the file."""
        seconds = {
            "ta1": self.ta1,
            "999": self.group_acknowledgment,
            "277ca": self.claim_acknowledgment,
            "278": self.decision,
            "835": self.remittance,
        }
        return seconds[answer]


class Acknowledge(Section):
    """What goes back for what the partner sends: TA1 for an interchange, 999 for a group.

    ``requested`` follows ISA14 of what came in; ``errors`` and ``always`` do not ask what it says.
    """

    ta1: Literal["never", "requested", "errors", "always"] = "requested"
    group: Literal["never", "errors", "always"] = Field(default="never", alias="999")


class PayerServed(Section):
    """A payer that is reached through this partner. ``id`` is the one by which the partner knows it."""

    id: Annotated[str, Field(min_length=2, max_length=80)]
    name: Annotated[str, Field(min_length=1, max_length=60)]
    transactions: Annotated[tuple[Transaction, ...], Field(min_length=1)] = ("278", "837")


class Partner(Section):
    """``trading_partners/NAME.toml``. ``trace_assigner`` is TRN03: a 1 and our EIN, or a 9 and a number."""

    name: Id
    description: str = ""
    enabled: Flag = True
    stage: Stage
    trace_assigner: Annotated[str, Field(pattern=r"^[0-9A-Z]{10}$")]
    name_template: Annotated[str, AfterValidator(_template)] = "{type}_{isa13}.edi"
    name_max: Annotated[int, Field(strict=True, ge=9, le=200)] = names.NAME_LENGTH_MAX
    envelope: Envelope
    submitter: Party
    receiver: Party
    transport: Annotated[DirectoryTransport | SftpTransport | As2Transport, Field(discriminator="kind")]
    schedule: Schedule = Schedule()
    rest: Rest = Rest()
    expectations: Expectations = Expectations()
    acknowledge: Acknowledge = Acknowledge()
    payers: Annotated[tuple[PayerServed, ...], Field(min_length=1)]

    @property
    def usage(self) -> Literal["T", "P"]:
        """ISA15: it follows the stage, so that no test file is ever marked as production."""
        return "P" if self.stage == "live" else "T"

    def payer(self, payer_id: str) -> PayerServed | None:
        """The payer that this partner knows by the id; None where it serves no such payer."""
        return next((each for each in self.payers if each.id == payer_id), None)
