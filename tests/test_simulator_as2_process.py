"""The agreement as a file, and the simulator with AS2 as a process of its own."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from as2_partner import (
    SIGNED_SYNC,
    Keys,
    Receiver,
    Reply,
    encrypt,
    entity,
    fields,
    halves,
    make_keys,
    post,
    receipt,
    sign,
)
from simulator_partner import request, requests

from gateway.simulator.as2.agreement import Agreement, load
from gateway.simulator.as2.faults import Fault, Faults
from gateway.simulator.company import Company, CompanyInvalid
from gateway.simulator.company import load as load_company


@pytest.fixture(scope="module")
def partner(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    return make_keys(tmp_path_factory.mktemp("partner"), "partner")


def write(folder: Path, partner: Keys, text: str) -> Path:
    (folder / "partner.pem").write_bytes(partner.certificate.read_bytes())
    path = folder / "company.toml"
    path.write_text(f'seed = 7\n[as2]\npartner_certificates = ["partner.pem"]\n{text}')
    return path


def test_an_agreement_is_read(tmp_path: Path, partner: Keys) -> None:
    path = write(
        tmp_path,
        partner,
        'name = "PAYER ONE"\nencrypt = "aes128-cbc"\nmdn = "async"\nlate_s = 1\n'
        '[as2.faults]\nbusy = 30\nattempts = 1\nincoming = ["busy - wrong_mic", ""]\noutgoing = ["duplicate"]\n'
        '[as2.faults.messages]\n"<a@b>" = "slow"\n',
    )
    agreement = load(path)
    assert agreement is not None
    assert (agreement.name, agreement.encrypt, agreement.mdn, agreement.late_s) == (
        "PAYER ONE",
        "aes128-cbc",
        "async",
        1,
    )
    assert agreement.faults == Faults(
        seed=7,
        chances={Fault.BUSY: 30},
        attempts=1,
        incoming=("busy - wrong_mic", ""),
        outgoing=("duplicate",),
        messages={"<a@b>": "slow"},
    )
    assert agreement.recipient == agreement.partner_certificates[0]
    assert load_company(path, Company()).seed == 7


def test_without_a_table_there_is_no_as2(tmp_path: Path) -> None:
    (tmp_path / "company.toml").write_text("seed = 7\n")
    assert load(tmp_path / "company.toml") is None


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("nome = 1", "nobody knows the key nome; known are body_max,"),
        ("port = 'x'", "port must be of type int"),
        ("tls = 1", "tls must be of type bool"),
        ("sign = 'md5'", "sign must be one of '', 'sha256'"),
        ("mdn = 'never'", "mdn must be one of 'sync', 'async', 'none'"),
        ("tls_trust = 'gone.pem'", "there is no file gone.pem"),
        ("encrypt_to = 'company.toml'", "company.toml is no certificate"),
        ("encrypt_to = 1", "there is no file 1"),
        ("url = 'ftp://127.0.0.1/'", "url must begin with http:// or https://"),
        ("url = 'https://'", "url must begin with http:// or https://"),
        ("faults = 1", "faults must be a table"),
        ("[as2.faults]\nbusy = 'x'", "busy must be of type int"),
        ("[as2.faults]\nlazy = 1", "nobody knows the fault lazy; known are busy, cut_request"),
        ("[as2.faults]\nincoming = ['duplicate']", "a fault is one of -, busy"),
        ("[as2.faults]\nincoming = 'busy'", "expected is a list of texts"),
        ("[as2.faults]\nbusy = 600\nslow = 600", "the chances of faults sum to 1000 at most"),
        ("[as2.faults]\nduplicate = -1", "the chances of faults sum to 1000 at most"),
    ],
)
def test_mistakes_of_an_agreement_are_named(tmp_path: Path, partner: Keys, text: str, told: str) -> None:
    with pytest.raises(CompanyInvalid) as error:
        load(write(tmp_path, partner, text))
    assert told in str(error.value)


def test_an_agreement_needs_the_certificates_that_it_lives_on(tmp_path: Path) -> None:
    path = tmp_path / "company.toml"
    path.write_text("[as2]\n")
    with pytest.raises(CompanyInvalid, match="partner_certificates must name"):
        load(path)
    path.write_text('[as2]\nrequire_signature = false\nmdn_signed = false\nurl = "http://127.0.0.1/"\n')
    with pytest.raises(CompanyInvalid, match="encrypt_to must be a certificate"):
        load(path)
    path.write_text('[as2]\nrequire_signature = false\nmdn_signed = false\nencrypt = ""\nurl = "http://127.0.0.1/"\n')
    assert load(path) == Agreement(require_signature=False, mdn_signed=False, encrypt="", url="http://127.0.0.1/")


def test_options_of_as2_need_an_agreement(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "gateway.simulator", "--folder", str(tmp_path / "far"), "--as2-port", "1"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "table [as2]" in ended.stderr


@contextmanager
def running(folder: Path, config: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    command = [sys.executable, "-m", "gateway.simulator", "--folder", str(folder), "--config", str(config), *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        with process.stdout as stdout:
            yield process, json.loads(stdout.readline())
    finally:
        process.kill()
        process.wait()


def test_killed_before_its_answer_is_receipted_it_sends_the_same_message_again(tmp_path: Path, partner: Keys) -> None:
    receiver, far = Receiver(), tmp_path / "far"

    def receipting() -> Reply:
        came = receiver.came[-1]
        _, mic = came.opened(partner, far / "as2" / "certificate.pem", tmp_path)
        head, content = halves(sign(receipt(came.headers["Message-ID"], mic), partner))
        return 200, dict(head.items()), content

    receiver.replies = [lambda: (500, {}, b"")]
    try:
        config = write(tmp_path, partner, f'url = "{receiver.url}"\ntls = true\nconnections = 1\nretry_s = 0.1\n')
        with running(far, config) as (process, ready):
            assert ready["as2_url"] == f"https://127.0.0.1:{ready['as2_port']}/as2"
            assert Path(ready["as2_key"]).stat().st_mode & 0o777 == 0o600
            certificate = Path(ready["as2_certificate"])
            document = requests(1, request("TWO-PAID-0001")).encode()
            whole = encrypt(sign(entity(document), partner), certificate)
            head = fields("<one@gateway.example>", whole, SIGNED_SYNC)
            answer = post(ready["as2_port"], head, halves(whole)[1], trusted=certificate)
            assert answer.report["Disposition"].endswith("; processed")
            receiver.wait_for(1)
            process.send_signal(signal.SIGKILL)
            process.wait(10)
        count = len(receiver.came)
        receiver.replies = [receipting]
        with running(far, config, "--as2-port", str(ready["as2_port"])) as (process, again):
            assert again == {**ready, "port": again["port"]}
            receiver.wait_for(count + 1)
            process.terminate()
            assert process.wait(20) == 0
    finally:
        receiver.close()
    assert len({came.headers["Message-ID"] for came in receiver.came}) == 1
    assert list((far / "sftp" / "outbound").iterdir()) == []
    deeds = [json.loads(line)["did"] for line in (far / "journal.jsonl").read_text().splitlines()]
    assert (deeds.count("as2_received"), deeds.count("as2_receipted"), deeds[-1]) == (1, 1, "as2_receipted")
