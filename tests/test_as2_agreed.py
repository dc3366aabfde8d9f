"""What was agreed with a partner over AS2 is resolved in one place; a certificate that fails is told by its place."""

import json
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from as2_server import PAST, site, tls_keys
from cms_keys import NOW, Made, made
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption
from cryptography.hazmat.primitives.serialization.pkcs12 import serialize_key_and_certificates
from cryptography.x509 import load_pem_x509_certificate
from test_as2_settings import BARE, OWN, agree
from test_settings import House

from gateway.cli import run
from gateway.errors import Finding, SettingsInvalid, Severity
from gateway.flow import as2_agreed
from gateway.settings import Settings
from gateway.transport.as2.terms import Terms

US, NEXT, THEM = "rsa-northside", "rsa-northside2", "rsa-exampleclear"


class Companies(House):
    """A house whose files of certificates and keys exist."""

    def put(self, place: str, keys: Made) -> None:
        self.write(f"{place}.pem", keys.certificate_pem)
        self.write(f"{place}.key", keys.key_pem)

    def key(self, name: str, more: str = "") -> None:
        """One more key of our identity."""
        self.put(f"conf/{name}", made(name))
        text = (self.folder / "conf/gateway.toml").read_text()
        added = f'\n[[as2.identities.keys]]\ncertificate = "file:{name}.pem"\nkey = "file:{name}.key"\n{more}\n'
        self.write("conf/gateway.toml", text + added)

    def found(self, at: datetime = NOW) -> list[Finding]:
        settings = self.load()
        return as2_agreed.findings(settings, settings.partners["simulated"], at)


@pytest.fixture
def house(tmp_path: Path) -> Companies:
    companies = Companies(tmp_path)
    companies.write("conf/gateway.toml", BARE + OWN)
    companies.put("conf/us", made(US))
    companies.put("trading_partners/sign", made(THEM))
    companies.put("trading_partners/encrypt", made(THEM))
    agree(companies)
    return companies


def terms(house: Companies, at: datetime = NOW) -> Terms:
    settings = house.load()
    return as2_agreed.terms(settings, settings.partners["simulated"], at)


def test_terms_hold_what_both_files_say(house: Companies) -> None:
    agree(
        house,
        'sign = "sha384"\nsignature = "pss"\nencrypt = "aes128-gcm"\nkey_transport = "oaep-sha256"\n'
        'compress = "after"\nmdn = "async"\nallow = ["sha1", "3des"]\nsubject = "Claims"\nfile_name = false\n'
        'least_digest = "sha384"\nleast_key_bits = 256\nrequire_encryption = false\nillegal_names = "clean"\n'
        'transfer_encoding = "base64"',
    )
    house.spoil("conf/gateway.toml", 'listen = "127.0.0.1"', 'listen = "127.0.0.1"\nbody_max = "5MB"\nparts_max = 7')
    found = terms(house)
    assert (found.partner, found.us, found.them) == ("simulated", "NORTHSIDE", "SIMCLEAR")
    assert (found.sign, found.pss, found.encrypt, found.key_transport) == ("sha384", True, "aes128-gcm", "oaep-sha256")
    assert (found.compress, found.transfer_encoding, found.send_names, found.subject) == (
        "after",
        "base64",
        False,
        "Claims",
    )
    assert (found.mdn, found.mdn_signed, found.mdn_url) == ("async", True, "https://edi.example:4443/as2")
    assert (found.require_signature, found.require_encryption, found.allow) == (
        True,
        False,
        frozenset(("sha1", "3des")),
    )
    assert (found.least_digest, found.least_key_bits, found.illegal_names) == ("sha384", 256, "clean")
    assert (found.limits.body_max, found.limits.parts_max, found.limits.header_bytes_max) == (5 * 10**6, 7, 16_000)
    assert [each.certificate for each in found.our_signers] == [made(US).certificate]
    assert list(found.their_signers) == list(found.their_encryption) == [made(THEM).certificate]
    agree(house)
    assert terms(house).mdn_url == "", "a synchronous receipt comes by itself"


def test_the_web_side_holds_pins_logins_and_client_certificates(
    house: Companies, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = tls_keys("our client"), tls_keys("server")
    house.write("trading_partners/client.pem", ours.certificate)
    house.write("trading_partners/client.key", ours.sealed_key)
    house.write("trading_partners/server.pem", theirs.certificate)
    monkeypatch.setenv("AS2_PASSPHRASE", "open sesame")
    pin = "SHA256:" + "AB" * 32
    agree(
        house,
        f'tls_certificates = ["{pin}", "file:server.pem"]\nusername = "us"\npassword = "env:AS2_PASSPHRASE"\n'
        "timeout_s = 7\nrestart = true\n"
        '[[transport.tls_client]]\ncertificate = "file:client.pem"\nkey = "file:client.key"\n'
        'key_passphrase = "env:AS2_PASSPHRASE"',
    )
    settings = house.load()
    web = as2_agreed.web(settings, settings.partners["simulated"], NOW)
    assert web.pins == (pin.replace("AB", "ab"), theirs.fingerprint)
    assert (web.url, web.username, web.password, web.timeout_s, web.restart) == (
        "https://as2.example/in", "us", "open sesame", 7.0, True,
    )  # fmt: skip
    shown = web.client(NOW)
    assert shown is not None
    assert shown.certificate.fingerprint == ours.fingerprint
    assert web.spool == house.folder / "var" / "spool"
    assert "open sesame" not in repr(web)


def test_one_key_of_ours_takes_the_place_of_another_on_its_day(house: Companies) -> None:
    house.key(NEXT, "sign_from = 2026-12-01")
    before, after = datetime(2026, 11, 30, 23, 59, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)
    assert [each.certificate for each in terms(house, before).our_signers] == [made(US).certificate]
    assert [each.certificate for each in terms(house, after).our_signers] == [
        made(NEXT).certificate,
        made(US).certificate,
    ]
    assert len(terms(house, before).our_decryptors) == 2, "the partner may encrypt for the next one at once"
    house.key("rsa-northside3", f'sign_from = {date(2027, 1, 1)}\nuse = ["sign"]')
    later = terms(house, datetime(2027, 2, 1, tzinfo=UTC))
    assert later.our_signers[0].certificate == made("rsa-northside3").certificate
    assert len(later.our_decryptors) == 2


def test_certificates_of_the_partner_overlap(house: Companies) -> None:
    house.put("trading_partners/next", made("rsa-next"))
    house.put("trading_partners/old", made("expired-old"))
    agree(house, 'signing_certificates = ["file:old.pem", "file:sign.pem", "file:next.pem"]')
    assert len(terms(house).their_signers) == 3
    (told,) = house.found()
    assert (told.severity, told.where) == (Severity.WARN, "simulated.toml, transport.signing_certificates[0]")
    assert "it expired on 2021-01-01" in told.what


@pytest.mark.parametrize(
    ("name", "keys", "place", "words"),
    [
        (
            "trading_partners/sign",
            "expired-a",
            "simulated.toml, transport.signing_certificates[0]",
            "it expired on 2021-01-01",
        ),
        ("trading_partners/sign", "early-a", "transport.signing_certificates[0]", "it is not valid before 2030-01-01"),
        (
            "trading_partners/sign",
            "encryptonly-a",
            "transport.signing_certificates[0]",
            "its key usage leaves out signing",
        ),
        ("trading_partners/sign", "small-a", "transport.signing_certificates[0]", "has 1024 bits, fewer than 2048"),
        ("trading_partners/encrypt", "expired-a", "transport.encryption_certificates[0]", "it expired"),
        ("trading_partners/encrypt", "ecdsa-a", "transport.encryption_certificates[0]", "under RSA keys only"),
        ("trading_partners/encrypt", "signonly-a", "transport.encryption_certificates[0]", "leaves out encrypting"),
        (
            "conf/us",
            "expired-a",
            "simulated.toml, transport.us",
            "no key of our AS2 name NORTHSIDE that signs is valid",
        ),
        (
            "conf/us",
            "ecdsa-a",
            "simulated.toml, transport.us",
            "no key of our AS2 name NORTHSIDE that decrypts is valid",
        ),
        ("conf/us", "small-a", "gateway.toml, as2.identities[0].keys[0]", "has 1024 bits"),
    ],
)
def test_a_certificate_that_cannot_be_used_is_told_by_its_place(
    house: Companies, name: str, keys: str, place: str, words: str
) -> None:
    house.put(name, made(keys))
    told = [each for each in house.found() if place in str(each.where) and words in each.what]
    assert told, house.found()
    assert told[0].severity is Severity.BLOCK
    assert told[0].fix
    with pytest.raises(SettingsInvalid) as caught:
        terms(house)
    assert told[0] in caught.value.findings


@pytest.mark.parametrize(
    ("file", "text", "words"),
    [
        (
            "trading_partners/sign.pem",
            "-----BEGIN CERTIFICATE-----\nno\n-----END CERTIFICATE-----",
            "it cannot be read",
        ),
        (
            "trading_partners/sign.pem",
            made(US).certificate_pem + made(THEM).certificate_pem,
            "more than one certificate",
        ),
        ("trading_partners/encrypt.pem", "hello", "it cannot be read"),
        ("conf/us.pem", made(THEM).certificate_pem, "the private key does not belong to certificate SHA256:"),
        ("conf/us.key", "hello", "the private key cannot be read"),
    ],
)
def test_a_file_that_is_something_else_is_told_by_its_place(house: Companies, file: str, text: str, words: str) -> None:
    house.write(file, text)
    assert any(words in each.what and each.severity is Severity.BLOCK for each in house.found()), house.found()


def test_a_key_and_its_certificate_may_come_in_one_file(house: Companies, monkeypatch: pytest.MonkeyPatch) -> None:
    us = made(US)
    sealed = serialize_key_and_certificates(
        b"northside",
        us.identity.key,
        load_pem_x509_certificate(us.certificate_pem.encode()),
        None,
        BestAvailableEncryption(b"open sesame"),
    )
    (house.folder / "conf" / "us.p12").write_bytes(sealed)
    house.spoil("conf/gateway.toml", 'certificate = "file:us.pem"', 'key_passphrase = "env:AS2_PASSPHRASE"')
    house.spoil("conf/gateway.toml", 'key = "file:us.key"', 'pkcs12 = "file:us.p12"')
    monkeypatch.setenv("AS2_PASSPHRASE", "open sesame")
    assert [each.certificate for each in terms(house).our_signers] == [us.certificate]
    monkeypatch.setenv("AS2_PASSPHRASE", "wrong")
    assert any("the passphrase is wrong" in each.what for each in house.found()), house.found()


def test_a_small_key_counts_where_the_file_allows_it(house: Companies) -> None:
    house.put("trading_partners/sign", made("small-a"))
    agree(house, 'allow = ["rsa1024"]')
    assert house.found() == []


def test_the_last_certificate_that_ends_is_told_a_month_before(house: Companies) -> None:
    soon, month = datetime(2035, 12, 12, tzinfo=UTC), datetime(2035, 12, 1, tzinfo=UTC)
    assert house.found(month) == []
    told = house.found(soon)
    assert [(str(each.where), each.severity) for each in told] == [
        ("simulated.toml, transport.signing_certificates", Severity.WARN),
        ("simulated.toml, transport.encryption_certificates", Severity.WARN),
    ]
    assert all("the last valid certificate ends on 2036-01-01, in 20 days" in each.what for each in told)
    own = as2_agreed.own_findings(house.load(), soon)
    assert len(own) == 2
    assert all(each.severity is Severity.WARN for each in own)
    assert as2_agreed.own_findings(house.load(), month) == []


def test_what_the_listener_shows_is_judged_by_host(house: Companies, tmp_path: Path) -> None:
    late, fine = tls_keys("late", ends=PAST), tls_keys("fine")
    for name, keys in (("late", late), ("fine", fine)):
        keys.files(house.folder / "conf", name)
    tables = "".join(
        f'[[as2.tls]]\nhosts = ["{host}"]\ncertificate = "file:{name}.pem"\nkey = "file:{key}.key"\n'
        for host, name, key in (
            ("a.example", "late", "late"),
            ("a.example", "fine", "fine"),
            ("b.example", "late", "late"),
            ("c.example", "fine", "late"),
        )
    )
    house.spoil("conf/gateway.toml", "[[as2.identities]]", f"{tables}\n[[as2.identities]]")
    told = as2_agreed.own_findings(house.load(), NOW)
    assert [(str(each.where), each.severity) for each in told] == [
        ("gateway.toml, as2.tls[3]", Severity.BLOCK),
        ("gateway.toml, as2.tls[0]", Severity.WARN),
        ("gateway.toml, as2.tls[2]", Severity.BLOCK),
    ]
    assert "the private key does not belong" in told[0].what


def test_a_client_certificate_and_a_pin_are_judged_too(house: Companies) -> None:
    late = tls_keys("late", ends=PAST)
    late.files(house.folder / "trading_partners", "late")
    client = 'tls_client = [{ certificate = "file:late.pem", key = "file:late.key" }]'
    agree(house, f'{client}\ntls_certificates = ["file:late.pem"]')
    assert [(str(each.where), each.severity) for each in house.found()] == [
        ("simulated.toml, transport.tls_client[0]", Severity.BLOCK),
        ("simulated.toml, transport.tls_certificates[0]", Severity.BLOCK),
    ]
    agree(house, f'tls_certificates = ["file:late.pem", "SHA256:{"ab" * 32}"]')
    assert [each.severity for each in house.found()] == [Severity.WARN]


def test_the_doctor_tells_of_every_certificate(house: Companies, capsys: pytest.CaptureFixture[str]) -> None:
    agree(house, 'url = "http://127.0.0.1:9/"')
    config = str(house.folder / "conf/gateway.toml")
    run(["doctor", "--json", "--config", config])
    shown = json.loads(capsys.readouterr().out)
    assert [each["ok"] for each in shown if each["check"] == "certificates"] == [True]
    house.put("trading_partners/sign", made("expired-a"))
    run(["doctor", "--json", "--config", config])
    whole = json.loads(capsys.readouterr().out)
    shown = [each for each in whole if each["check"] in ("certificates", "partner simulated")]
    assert [(each["ok"], each["what"].split(":")[0]) for each in shown] == [
        (False, "simulated.toml, transport.signing_certificates[0]")
    ] * 2
    house.put("trading_partners/sign", made(THEM))
    house.write("conf/us.key", made(THEM).key_pem)
    run(["doctor", "--json", "--config", config])
    shown = [each for each in json.loads(capsys.readouterr().out) if each["check"] == "certificates"]
    assert [each["what"].split(":")[0] for each in shown] == ["gateway.toml, as2.identities[0].keys[0]"], "once"


def test_a_test_of_the_partner_says_each_step(house: Companies, capsys: pytest.CaptureFixture[str]) -> None:
    config = str(house.folder / "conf/gateway.toml")
    with site() as there:
        agree(house, f'url = "{there.url}"')
        there.then(lambda each: each.answer(404, close=True))
        assert run(["partner", "test", "simulated", "--json", "--config", config]) == 1
        shown = json.loads(capsys.readouterr().out)
    assert [(each["step"], each["ok"]) for each in shown] == [
        ("certificates", True),
        ("connect", True),
        ("tls", True),
        ("message", False),
    ]
    assert "correct url in its file" in shown[-1]["words"]
    house.put("trading_partners/encrypt", made("expired-a"))
    assert run(["partner", "test", "simulated", "--config", config]) == 2
    assert capsys.readouterr().err.count("transport.encryption_certificates[0]: it expired on 2021-01-01") == 1
    assert run(["partner", "list", "--config", config]) == 0
    assert "as2 http://127.0.0.1" in capsys.readouterr().out.replace("\n", "")


def test_settings_are_frozen_with_their_identity(house: Companies) -> None:
    settings: Settings = house.load()
    assert [each.name for each in as2_agreed.as2_partners(settings)] == ["simulated"]
    house.spoil("trading_partners/simulated.toml", "stage =", "enabled = false\nstage =")
    assert list(as2_agreed.as2_partners(house.load())) == []
