"""The demo as a user starts it: every scene ends as it must, and no patient's value is written where anybody reads."""

from collections.abc import Iterator
from datetime import UTC, datetime

from played import Played, played

from gateway.cli.demo_cast import SCENES, records

__all__ = ["played"]


def test_every_scene_ends_as_it_must(played: Played) -> None:
    shown = played.shown
    assert list(shown["scenarios"]) == [each.name for each in SCENES]
    assert not [each for each in shown["scenarios"].values() if each.startswith("failed")]
    assert shown["authorizations"] == len(SCENES)
    assert shown["claims"] == len([each for each in SCENES if each.claim])
    assert shown["remittances"] > 0
    assert shown["ledger_balanced"] is True


def _values() -> Iterator[str]:
    """Every value of every patient of the demo, as written and as X12 writes it, and the clinic's own numbers."""
    for _, request, claim in records(datetime.now(UTC).date()):
        for record in (each for each in (request, claim) if each):
            patient = record["patient"]
            yield from (patient["last_name"], patient["first_name"], patient["born"], patient["member_id"])
            yield patient["born"].replace("-", "")
            yield patient["last_name"].upper()
            yield record["client_ref"]
            for diagnosis in record["diagnoses"]:
                yield from (diagnosis, diagnosis.replace(".", ""))
            if "address" in patient:
                yield patient["address"]["line"]


def test_no_patients_value_is_in_the_logs(played: Played) -> None:
    logs = [played.folder / "gateway.log", played.folder / "payer.log"]
    written = "\n".join(each.read_text() for each in logs)
    assert "gateway.ready" in written, "the log was written at all"
    assert [each for each in sorted(set(_values())) if each in written] == []
    assert [each for each in sorted(set(_values())) if each in played.said] == []


def test_no_patients_value_lies_open_in_the_database_or_the_payloads(played: Played) -> None:
    values = {each.encode() for each in _values() if len(each) > 4}
    files = [each for each in (played.folder / "var").rglob("*") if each.is_file()]
    assert any(each.suffix == ".db" for each in files)
    found = {(each.name, value) for each in files for value in values if value in each.read_bytes()}
    assert found == set()
