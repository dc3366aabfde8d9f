"""What a payer paid and why not the rest: an 835. All amounts are cents; nothing here is forced to balance."""

from dataclasses import dataclass
from datetime import date

from gateway.domain.parties import Payer

REVERSAL = "22"  # CLP02


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjustment:
    """One trio of a CAS: group (CO OA PI PR), reason (CARC), amount, and the quantity as sent."""

    group: str
    reason: str
    amount: int
    quantity: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaidLine:
    """SVC. ``units_paid`` is SVC05 as sent; blank means 1 (005010X221A1). ``control_number`` is the REF*6R echoed."""

    procedure: str
    charge: int
    paid: int
    modifiers: tuple[str, ...] = ()
    units_paid: str = ""
    original_procedure: str = ""
    original_modifiers: tuple[str, ...] = ()
    original_units: str = ""
    served_on: date | None = None
    served_to: date | None = None
    control_number: str = ""
    authorization: str = ""
    allowed: int | None = None  # AMT*B6
    adjustments: tuple[Adjustment, ...] = ()
    remarks: tuple[str, ...] = ()  # LQ*HE


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimPayment:
    """CLP and what belongs to it. ``control_number`` is CLP01, our CLM01; ``status`` CLP02; 22 is a reversal."""

    control_number: str
    status: str
    charge: int
    paid: int
    patient_responsibility: int | None = None
    filing: str = ""
    payer_claim_number: str = ""
    place_of_service: str = ""
    frequency: str = ""
    patient_last: str = ""
    patient_first: str = ""
    member_id: str = ""
    authorization: str = ""
    received_on: date | None = None
    adjustments: tuple[Adjustment, ...] = ()
    remarks: tuple[str, ...] = ()  # MOA03 to MOA07
    lines: tuple[PaidLine, ...] = ()

    @property
    def is_reversal(self) -> bool:
        return self.status == REVERSAL


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderAdjustment:
    """One pair of a PLB. A positive amount takes money away from the provider."""

    provider: str
    period_ends_on: date
    reason: str
    amount: int
    reference: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remittance:
    """One 835. Known by ``payer_id`` (TRN03), ``check_number`` (TRN02) and ``paid_on`` (BPR16)."""

    amount: int
    check_number: str
    payer_id: str
    paid_on: date
    direction: str = "C"  # BPR03
    method: str = "CHK"  # BPR04
    produced_on: date | None = None
    payer: Payer | None = None
    payer_contact_name: str = ""
    payer_contact_phone: str = ""
    payer_address_line: str = ""
    payer_city: str = ""
    payer_state: str = ""
    payer_postal_code: str = ""
    payee_name: str = ""
    payee_npi: str = ""
    claims: tuple[ClaimPayment, ...] = ()
    provider_adjustments: tuple[ProviderAdjustment, ...] = ()
