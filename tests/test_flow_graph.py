"""The graph around any identifier, and the pack that proves when a case was sent and answered."""

import io
import json
import zipfile
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from conftest import Clock
from flow_stage import Stage, claim_json, claim_status, on_sqlite, on_stage, payment, request_json

from gateway.cli.tracing import show_trace, write_evidence
from gateway.domain import decision
from gateway.errors import GatewayError
from gateway.flow.evidence import pack
from gateway.flow.graph import Graph, graph
from gateway.store import Store
from gateway.x12.excerpt import excerpt


@pytest.fixture
def stage(store: Store, clock: Clock, tmp_path: Path) -> Stage:
    return on_stage(store, clock, tmp_path)


@pytest.fixture
def paid(stage: Stage) -> Stage:
    """Two families that went out and were answered in the same files."""
    for number in (1, 2):
        stage.submit(request_json(number))
    stage.work()
    for number in (1, 2):
        review = decision.Review(code="A1", number=f"CERT{number:04}")
        stage.arrive(stage.decided(number, review=review))
        stage.submit(claim_json(number))
    stage.work()
    stage.arrive(stage.received())
    stage.arrive(stage.acknowledged(stage.claim().id))
    stage.arrive(stage.paid(*(payment(stage.claim(number)) for number in (1, 2))))
    return stage


def _graph(stage: Stage, value: str) -> Graph:
    with stage.reading() as tx:
        return graph(tx, value)


@pytest.mark.parametrize("by", ["id", "client_ref", "clm01", "6r", "set", "gs06", "isa13", "bht03", "authorization"])
def test_a_claim_is_found_by_each_of_its_numbers_with_its_whole_family(by: str, paid: Stage) -> None:
    claim, request = paid.claim(), paid.request()
    numbers = paid.numbers_of(claim.id)
    value = claim.id if by == "id" else numbers[by][0]
    found = _graph(paid, value)
    assert found.found[claim.id if by != "authorization" else request.id] in (by, "id")
    kinds = {each.kind for each in found.nodes.values()}
    assert kinds >= {"claim", "authorization", "document"}
    assert request.id in found.nodes
    links = {(each.source, each.target): each for each in found.links}
    assert links[claim.id, request.id].key == "g1"
    assert links[claim.id, request.id].value == request.number


@pytest.mark.parametrize("by", ["trn02", "hcr02", "client_ref"])
def test_an_authorization_is_found_by_each_of_its_numbers(by: str, paid: Stage) -> None:
    request = paid.request()
    found = _graph(paid, paid.numbers_of(request.id)[by][0])
    assert request.id in found.found
    assert paid.claim().id in found.nodes


@on_sqlite
def test_a_clearinghouse_s_number_is_kept_and_found(paid: Stage) -> None:
    claim = paid.claim(2)
    status = claim_status(claim.claim.control_number, "A1", "19", "WQ")
    (provider,) = status.providers
    named = replace(provider, claims=tuple(replace(each, clearinghouse_number="D9-77") for each in provider.claims))
    paid.arrive(paid.says(replace(status, providers=(named,))))
    assert _graph(paid, "D9-77").found == {claim.id: "clearinghouse_number"}


def test_a_check_number_leads_to_its_remittance_and_every_claim_in_it(paid: Stage) -> None:
    found = _graph(paid, "CHK0001")
    kinds = [found.nodes[each].kind for each in found.found]
    assert "remittance" in kinds
    claims = {each.id for each in found.nodes.values() if each.kind == "claim"}
    assert claims == {paid.claim(1).id, paid.claim(2).id}


@on_sqlite
def test_every_link_says_what_it_was_matched_on_and_how_sure_that_is(paid: Stage) -> None:
    for each in _graph(paid, paid.claim().id).links:
        assert each.key
        assert 0 < each.confidence <= 100


@on_sqlite
def test_too_much_is_left_off_and_said(paid: Stage) -> None:
    with paid.reading() as tx:
        found = graph(tx, "CHK0001", limit=3)
    assert len(found.nodes) == 3
    assert found.left_off > 0


def test_a_number_that_nobody_has_leads_nowhere(stage: Stage) -> None:
    assert _graph(stage, "NOBODY") == Graph(found={}, nodes={}, links=())
    assert _graph(stage, "") == Graph(found={}, nodes={}, links=())


def test_a_pack_holds_what_is_of_this_case_and_of_nobody_else(paid: Stage) -> None:
    mine, other = paid.claim(1), paid.claim(2)
    with paid.reading() as tx:
        case, content = pack(paid.house, tx, mine.control_number)
        assert (case, content) == pack(paid.house, tx, mine.id)
    assert case == mine.id
    with zipfile.ZipFile(io.BytesIO(content)) as opened:
        files = {name: opened.read(name) for name in opened.namelist()}
    manifest = json.loads(files["manifest.json"])
    assert manifest["files"] == {
        name: sha256(each).hexdigest() for name, each in files.items() if name != "manifest.json"
    }
    everything = b"".join(files.values())
    assert mine.control_number.encode() in everything
    assert other.control_number.encode() not in everything
    assert paid.numbers_of(other.id)["client_ref"][0].encode() not in everything
    kinds = {(each["direction"], each["kind"]) for each in manifest["documents"] if "file" in each}
    assert {("out", "837"), ("in", "x12")} <= kinds
    whole = {each["sha256"] for each in manifest["documents"]}
    assert {sha256(each).hexdigest() for each in paid.written() if mine.control_number.encode() in each} <= whole
    timeline = files["timeline.csv"].decode().splitlines()
    assert timeline[0].startswith("at,case,what,document")
    assert any("case.sent" in line for line in timeline)
    assert any("277CA" in line and "accepted" in line for line in timeline)


@on_sqlite
def test_a_pack_is_about_one_case(paid: Stage, tmp_path: Path) -> None:
    with pytest.raises(GatewayError, match="no authorization or claim"):
        write_evidence(paid.house, "NOBODY", tmp_path, as_json=True)
    with paid.reading() as tx, pytest.raises(GatewayError, match="2 cases have this number"):
        pack(paid.house, tx, paid.numbers_of(paid.request().id)["isa13"][0])


@on_sqlite
def test_the_commands(paid: Stage, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    claim = paid.claim()
    assert write_evidence(paid.house, claim.id, tmp_path, as_json=False) == 0
    written = tmp_path / f"evidence-{claim.id}.zip"
    assert written.stat().st_mode & 0o777 == 0o600
    with pytest.raises(GatewayError, match="cannot be written"):
        write_evidence(paid.house, claim.id, tmp_path, as_json=False)
    capsys.readouterr()
    assert show_trace(paid.house, "CHK0001", as_json=False) == 0
    shown = capsys.readouterr().out
    assert "matched on" in shown
    assert "remittance" in shown


SETS = {
    "999": b"AK1*HC*7*005010X222A1~AK2*837*0001~IK5*A~AK2*837*0002~IK3*CLM*22**8~IK5*R*5~AK9*P*2*2*1~",
    "277": b"BHT*0085*08*1*20260302*1200*TH~HL*1**20*1~NM1*PR*2*PAYER~HL*2*1*21*1~NM1*41*2*US~TRN*2*B~HL*3*2*19*1~"
    b"HL*4*3*PT~NM1*QC*1*ONE~TRN*2*C1~STC*A1:20~HL*5*3*PT~NM1*QC*1*TWO~TRN*2*C2~STC*A3:21~",
    "835": b"BPR*I*3*C*CHK~TRN*1*K~LX*1~CLP*C1*1*1*1~SVC*HC:97110*1*1~REF*6R*L1~CLP*C2*1*2*2~NM1*QC*1*TWO~"
    b"PLB*1*20261231*WO:C2*1~",
}


@pytest.mark.parametrize(
    ("kind", "numbers", "there", "absent"),
    [
        ("999", {"7/0001"}, [b"AK2*837*0001", b"AK9"], [b"0002", b"IK3"]),
        ("999", {"8/0001"}, [], [b"AK2"]),
        ("277", {"C2"}, [b"HL*1**20", b"TWO", b"STC*A3"], [b"ONE", b"C1"]),
        ("835", {"C1"}, [b"BPR", b"TRN*1*K", b"CLP*C1", b"L1"], [b"C2", b"TWO"]),
        ("835", {"L1"}, [b"CLP*C1"], [b"CLP*C2"]),
        ("835", {"WO", "C2"}, [b"CLP*C2", b"PLB"], [b"CLP*C1"]),
        ("835", {"C3"}, [], [b"CLP"]),
    ],
)
def test_an_excerpt(kind: str, numbers: set[str], there: list[bytes], absent: list[bytes]) -> None:
    isa = b"ISA*00*          *00*          *ZZ*A              *ZZ*B              *260302*1200*^*00501*000000009*0*T*:~"
    body = b"ST*%s*0009~" % kind.encode() + SETS[kind] + b"SE*1*0009~"
    whole = isa + b"GS*FA*A*B*20260302*1200*1*X*005010~" + body + b"GE*1*1~IEA*1*000000009~"
    cut = excerpt(whole, numbers)
    assert bool(cut) == bool(there)
    for each in there:
        assert each in cut
    for each in absent:
        assert each not in cut
    assert excerpt(isa + b"TA1*000000004*260302*1200*A*000~IEA*0*000000009~", (), {"000000004"}).count(b"TA1") == 1
