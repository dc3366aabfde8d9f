"""What a partner sends to the simulator, written out by hand as text: no code of the gateway takes part."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.simulator.company import Company
from gateway.simulator.mailroom import Mailroom


class Clock:
    """An instant that only the test moves."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def forward(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def interchange(
    control_number: int, *groups: str, usage: str = "T", sender: str = "CLINICS", acknowledge: int = 0
) -> str:
    head = f"ISA*00*{'':10}*00*{'':10}*ZZ*{sender:15}*ZZ*{'PAYER':15}*260302*0930*^*00501*{control_number:09}"
    return f"{head}*{acknowledge}*{usage}*:~{''.join(groups)}IEA*{len(groups)}*{control_number:09}~"


def group(functional: str, version: str, *sets: str, number: int = 1) -> str:
    gs = f"GS*{functional}*CLINICS*PAYER*20260302*0930*{number}*X*{version}~"
    return f"{gs}{''.join(sets)}GE*{len(sets)}*{number}~"


def numbered(type_: str, version: str, body: str, number: int = 1) -> str:
    text = "".join(line.strip() + "~" for line in body.strip().splitlines() if line.strip())
    return f"ST*{type_}*{number:04}*{version}~{text}SE*{text.count('~') + 2}*{number:04}~"


def request(
    member: str,
    trace: str = "TRACE1",
    *,
    number: int = 1,
    kind: str = "I",
    previous: str = "",
    reference: str = "",
    delivery: str = "HSD*VS*12",
    lines: Sequence[str] = ("SV1*HC:97110:GP**UN*24", "SV1*HC:97140:GP**UN*12"),
    line_delivery: str = "",
    dependent: bool = False,
) -> str:
    """A 278 request set for one event."""
    levels = """
        HL*4*3*23*1
        NM1*QC*1*DOE*KIM
        DMG*D8*20150401*F
        INS*N*19
        """
    event = 5 if dependent else 4
    services = "".join(
        f"HL*{event + place}*{event}*SS*0\nTRN*1*{trace}L{place}*9CLINICS01\nDTP*472*RD8*20260302-20260601\n"
        f"{line}\n{line_delivery}\n"
        for place, line in enumerate(lines, 1)
    )
    body = f"""
        BHT*0007*13*REF{trace}*20260302*0930
        HL*1**20*1
        NM1*X3*2*ACME HEALTH*****PI*ACME1
        HL*2*1*21*1
        NM1*1P*2*BACK IN MOTION*****XX*1234567893
        HL*3*2*22*1
        NM1*IL*1*DOE*JO*Q***MI*{member}
        DMG*D8*19800201*M
        {levels if dependent else ""}
        HL*{event}*{event - 1}*EV*{1 if lines else 0}
        TRN*1*{trace}*9CLINICS01
        UM*HS*{kind}*PT*11:B**E
        {f"REF*BB*{previous}" if previous else ""}
        {f"REF*NT*{reference}" if reference else ""}
        DTP*AAH*RD8*20260302-20260601
        HI*ABK:M545*ABF:M6281
        {delivery}
        NM1*SJ*1*RAE*PAT****XX*1987654328
        PRV*PE*PXC*225100000X
        {services}
        """
    return numbered("278", "005010X217", body, number)


def requests(control_number: int, *sets: str, acknowledge: int = 0) -> str:
    return interchange(control_number, group("HI", "005010X217", *sets), acknowledge=acknowledge)


def claim(
    member: str,
    number: str = "CLAIM1",
    *,
    charge: str = "150",
    frequency: str = "1",
    authorization: str = "AU1",
    original: str = "",
    lines: Sequence[str] = ("HC:97110:GP*100*UN*2", "HC:97140:GP*50*UN*1"),
    dependent: bool = False,
    level: int = 2,
) -> str:
    """The levels of one subscriber with one claim; HL01 begins at ``level``."""
    patient = f"""
        HL*{level + 1}*{level}*23*0
        PAT*19
        NM1*QC*1*DOE*KIM
        N3*2 ELM ST
        N4*SPRINGFIELD*IL*62701
        DMG*D8*20150401*F
        """
    services = "".join(
        f"LX*{place}\nSV1*{line}***1:2\nDTP*472*D8*2026030{place}\nREF*6R*{number}L{place}\n"
        for place, line in enumerate(lines, 1)
    )
    return f"""
        HL*{level}*1*22*{1 if dependent else 0}
        SBR*P*{"" if dependent else "18"}*******CI
        NM1*IL*1*DOE*JO*Q***MI*{member}
        N3*2 ELM ST
        N4*SPRINGFIELD*IL*62701
        DMG*D8*19800201*M
        NM1*PR*2*ACME HEALTH*****PI*ACME1
        {patient if dependent else ""}
        CLM*{number}*{charge}***11:B:{frequency}*Y*A*Y*Y
        {f"REF*G1*{authorization}" if authorization else ""}
        {f"REF*F8*{original}" if original else ""}
        HI*ABK:M545*ABF:M6281
        NM1*82*1*RAE*PAT****XX*1987654328
        PRV*PE*PXC*225100000X
        {services}
        """


def claims(control_number: int, *levels: str, reference: str = "BATCH1") -> str:
    """An 837P interchange: one billing provider, and the levels that ``claim`` wrote."""
    body = f"""
        BHT*0019*00*{reference}*20260302*0930*CH
        NM1*41*2*CLINICS INC*****46*CLINICS
        PER*IC*ANN*TE*2175550101
        NM1*40*2*PAYER*****46*PAYER
        HL*1**20*1
        PRV*BI*PXC*225100000X
        NM1*85*2*BACK IN MOTION*****XX*1234567893
        N3*1 OAK ST
        N4*SPRINGFIELD*IL*627010001
        REF*EI*371234567
        {"".join(levels)}
        """
    return interchange(control_number, group("HC", "005010X222A1", numbered("837", "005010X222A1", body)))


class Bench:
    """A mailroom on a folder, driven by hand."""

    def __init__(self, folder: Path, company: Company | None = None) -> None:
        self.folder, self.clock = folder, Clock()
        self.company = company or Company()
        self.mailroom = Mailroom(folder, self.company, self.clock)
        self.documents = 0

    def restart(self) -> None:
        self.mailroom.close()
        self.mailroom = Mailroom(self.folder, self.company, self.clock)

    def send(self, document: str) -> dict[str, str]:
        """Uploads a document and gives back what lies in outbound afterwards: name to text. Empties outbound."""
        self.documents += 1
        (self.mailroom.inbound / f"sent_{self.documents}.x12").write_bytes(document.encode())
        self.mailroom.beat()
        return self.fetch()

    def later(self, seconds: float) -> dict[str, str]:
        self.clock.forward(seconds)
        self.mailroom.beat()
        return self.fetch()

    def fetch(self) -> dict[str, str]:
        found = {}
        for path in sorted(self.mailroom.outbound.iterdir()):
            found[path.name] = path.read_text("latin-1")
            path.unlink()
        return found


class Killed(BaseException):
    """The process is gone."""


@contextmanager
def killed_at(step: int, touches: Sequence[tuple[type, str]]) -> Iterator[None]:
    """Ends whatever runs before or after the step-th call of one of these methods, which touch files or records."""
    count = 0
    patch = pytest.MonkeyPatch()

    def touch() -> None:
        nonlocal count
        count += 1
        if count == step:
            raise Killed

    def around(owner: type, name: str) -> None:
        real = getattr(owner, name)

        def touched(self: object, *values: object, **more: object) -> object:
            touch()
            result = real(self, *values, **more)
            touch()
            return result

        patch.setattr(owner, name, touched)

    for owner, name in touches:
        around(owner, name)
    try:
        yield
    finally:
        patch.undo()
