"""``[as2]`` and partners of kind ``as2``: what is agreed is read, and every mistake is told with its place and cure."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_settings import EXAMPLE, GATEWAY, PARTNER, House

from gateway.errors import Finding, SettingsInvalid
from gateway.settings import As2Transport, CertificateSource

PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
SHIPPED = "trading_partners/simulated.toml"
OWN = """
[as2]
listen = "127.0.0.1"
url = "https://edi.example:4443/as2"

[[as2.identities]]
name = "NORTHSIDE"

[[as2.identities.keys]]
certificate = "file:us.pem"
key = "file:us.key"
"""
AGREED = """kind = "as2"
url = "https://as2.example/in"
us = "NORTHSIDE"
them = "SIMCLEAR"
signing_certificates = ["file:sign.pem"]
encryption_certificates = ["file:encrypt.pem"]
"""


SAMPLE_STARTS, SAMPLE_ENDS = "# Who we are over AS2", "# What the workers do."
BARE = GATEWAY[: GATEWAY.index(SAMPLE_STARTS)] + GATEWAY[GATEWAY.index(SAMPLE_ENDS) :]


def uncommented(text: str, start: str, end: str) -> str:
    """The sample that stands in comments between two lines, without its marks, but for the prose."""
    part = text[text.index(start) : text.index(end)]
    lines = [line.removeprefix("# ") for line in part.splitlines() if line.startswith("# ")]
    return "\n".join(line for line in lines if line.startswith("[") or " = " in line.split("#")[0])


def agree(house: House, changes: str = "", *, without: str = "", name: str = "simulated") -> None:
    """Writes a partner that is reached over AS2; ``changes`` are lines that take the place of those of their keys."""
    keys = {line.split(" =")[0] for line in (changes + "\n" + without).splitlines()}
    kept = [line for line in AGREED.splitlines() if line.split(" =")[0] not in keys]
    before, after = PARTNER.split("[transport]")[0], PARTNER[PARTNER.index("[schedule]") :]
    house.write(f"trading_partners/{name}.toml", "\n".join([before, "[transport]", *kept, changes, after]))


@pytest.fixture
def house(tmp_path: Path) -> House:
    made = House(tmp_path)
    made.write("conf/gateway.toml", BARE + OWN)
    for each in ("conf/us.pem", "trading_partners/sign.pem", "trading_partners/encrypt.pem"):
        made.write(each, PEM)
    made.write("conf/us.key", "a key")
    agree(made)
    return made


def test_what_was_agreed_is_read_with_its_defaults(house: House) -> None:
    loaded = house.load()
    assert loaded.as2 is not None
    assert (loaded.as2.port, loaded.as2.body_max, loaded.as2.header_max) == (4443, 2 * 10**9, 16_000)
    assert loaded.spool == house.folder / "var" / "spool"
    (key,) = loaded.as2.identities[0].keys
    assert key.certificate is not None
    assert (key.use, key.sign_from, key.certificate.read()) == (("sign", "decrypt"), None, PEM.encode())
    agreed = loaded.partners["simulated"].transport
    assert isinstance(agreed, As2Transport)
    assert (agreed.sign, agreed.encrypt, agreed.mdn, agreed.mdn_signed) == ("sha256", "aes256-cbc", "sync", True)
    assert (agreed.require_signature, agreed.require_encryption, agreed.allow) == (True, True, ())
    assert (agreed.mdn_within, agreed.mdn_resends, agreed.timeout_s) == (1800, 3, 60.0)


def test_without_the_table_nobody_listens(tmp_path: Path) -> None:
    assert House(tmp_path).load().as2 is None


def test_what_the_samples_show_of_as2_is_valid_but_for_files_and_secrets(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = uncommented(GATEWAY, SAMPLE_STARTS, SAMPLE_ENDS)
    own = own.replace('pkcs12 = "file:keys/northside.p12"', "")  # In place of the two before it.
    house.write("conf/gateway.toml", GATEWAY + "\n" + own)
    agreed = uncommented(EXAMPLE, '# [transport]\n# kind = "as2"', "[schedule]")
    before, after = EXAMPLE.split("[transport]")[0], EXAMPLE[EXAMPLE.index("[schedule]") :]
    house.write("trading_partners/example.toml", f"{before}\n{agreed}\n{after}")
    for each in ("EDI_TLS", "NORTHSIDE_AS2", "NORTHSIDE_CLIENT"):
        monkeypatch.setenv(f"{each}_PASSPHRASE", "x")
    monkeypatch.setenv("EXAMPLE_AS2_PASSWORD", "x")
    told = house.mistakes()
    files = ["edi_tls.pem", "edi_tls.key", "northside_as2.pem", "northside_as2.key", "clearinghouse_sign.pem"]
    files += ["clearinghouse_encrypt.pem", "northside_client.pem", "northside_client.key"]
    missing = [each for each in told if "can't be read" in each]
    assert told == missing
    assert [each for each in files if not any(f"keys/{each} can't" in line for line in missing)] == []
    assert len(missing) == len(files)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ('us = "SOUTHSIDE"', "transport.us: this is none of our AS2 names. Write one of ours (NORTHSIDE)"),
        ('us = "northside"', "this is none of our AS2 names"),
        ('them = " SIM"', "this is no AS2 name"),
        ('them = "SÍM"', "this is no AS2 name"),
        (f'them = "{"x" * 129}"', "this is no AS2 name"),
        ('url = "ftp://as2.example/in"', "no URL of a web server"),
        ('url = "https://"', "no URL of a web server"),
        ('url = "https://as2.example:99999/"', "this is no URL"),
        ('url = "https://me:secret@as2.example/"', "a login or a fragment stands in the URL"),
        ('url = "https://as2.example/a b"', "no URL of a web server"),
        ('encrypt = "3des"', "3des is weak, and this partner's file does not allow it. Ask the partner for a better"),
        ('sign = "sha1"', "sha1 is weak"),
        ('key_transport = "oaep-sha1"', "oaep-sha1 is weak"),
        ('allow = ["sha1"]\nencrypt = "3des"', "3des is weak"),
        ('sign = "md5"', '"sha1", "sha256", "sha384" or "sha512"'),
        ('encrypt = "rc2"', "none of the values that are possible here"),
        ('allow = ["md5"]', "none of the values that are possible here"),
        ('url = "http://as2.example/in"\nencrypt = ""', "patients' data would travel in the clear"),
        ('url = "http://as2.example/in"\nusername = "a"\npassword = "env:HOME"', "the password would travel"),
        ('url = "http://127.0.0.1/in"\ntls_certificates = ["file:sign.pem"]', "this URL uses none"),
        ('username = "a"', "needs a username and a password"),
        ('password = "env:HOME"', "needs a username and a password"),
        ('password = "secret"', "this must be a reference to a secret"),
        ("signing_certificates = []", "signing_certificates: what comes in must be signed, and no certificate"),
        ("signing_certificates = []\nrequire_signature = false", "signed receipts are asked for, and no certificate"),
        ("encryption_certificates = []", "what goes out is encrypted, and no certificate of the partner's is named"),
        ('signing_certificates = ["sign.pem"]', "this is no certificate. Write file:path"),
        ('signing_certificates = ["file:"]', "this is no certificate"),
        ('signing_certificates = ["SHA256:00"]', "this is no certificate"),
        ("signing_certificates = [5]", "this is no certificate"),
        ('signing_certificates = ["file:gone.pem"]', "the file gone.pem can't be read (No such file or directory)"),
        ('signing_certificates = ["file:empty.pem"]', "the file empty.pem is empty"),
        ('signing_certificates = ["file:huge.pem"]', "too large for a certificate"),
        ('signing_certificates = ["file:\\u0000"]', "can't be a file's name"),
        ('tls_certificates = ["SHA256:00:11"]', "this is no fingerprint of a certificate"),
        ('client_certificates = ["MD5:00:11"]', "this is no certificate"),
        ('tls_client = [{ certificate = "file:sign.pem", key = "file:gone.key" }]', "tls_client[0].key: the file gone"),
        ('tls_client = [{ certificate = "file:sign.pem" }]', "tls_client[0].key: this key is missing"),
        ('content_type = "edi; charset=x"', "this is no content type"),
        ('subject = "a\\r\\nb"', "this cannot stand in a header"),
        ('mdn = "later"', '"sync", "async" or "none"'),
        ('mdn_within = "soon"', "this is no duration"),
        ("mdn_resends = -1", "the number is out of range"),
        ('sing = "sha256"', "Did you mean sign?"),
    ],
)
def test_a_mistake_in_what_was_agreed_is_told(house: House, changes: str, words: str) -> None:
    house.write("trading_partners/empty.pem", "\n")
    house.write("trading_partners/huge.pem", "x" * 70_000)
    agree(house, changes)
    told = house.mistakes()
    assert any(words in each and each.startswith(f"{SHIPPED}, line") for each in told), told
    assert not any("secret@" in each for each in told)


@pytest.mark.parametrize(
    "changes",
    [
        'url = "http://as2.example/in"',  # Encrypted within.
        'url = "http://[::1]:8080/in"\nencrypt = ""',
        'url = "http://localhost/in"\nencrypt = ""\nusername = "a"\npassword = "env:HOME"',
        'allow = ["3des", "sha1"]\nencrypt = "3des"\nsign = "sha1"',
        'signing_certificates = []\nrequire_signature = false\nmdn = "none"',
        "signing_certificates = []\nrequire_signature = false\nmdn_signed = false",
        'encryption_certificates = []\nencrypt = ""',
        f"signing_certificates = ['''{PEM}''']",
        f'tls_certificates = ["SHA256:{"0a:" * 31}0A", "SHA256:{"0a" * 32}", "file:sign.pem"]',
        'mdn = "async"',
    ],
)
def test_what_two_companies_may_agree_on_is_no_mistake(house: House, changes: str) -> None:
    agree(house, changes)
    assert house.load().partners["simulated"].transport.kind == "as2"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('name = "NORTHSIDE"', 'name = ""', "this is no AS2 name"),
        ("[[as2.identities.keys]]", "[[as2.identities.kyes]]", "keys: this key is missing"),
        ('key = "file:us.key"', 'key = "file:no.key"', "as2.identities[0].keys[0].key: the file no.key can't be read"),
        ("us.pem", "no.pem", "as2.identities[0].keys[0].certificate: the file no.pem can't be read"),
        ('key = "file:us.key"', 'key = "file:us.key"\nuse = ["sing"]', '"sign" or "decrypt"'),
        ('key = "file:us.key"', "", "keys[0]: a key needs its certificate, and both from one place"),
        ('certificate = "file:us.pem"', "", "keys[0]: a key needs its certificate"),
        ('key = "file:us.key"', 'key = "file:us.key"\npkcs12 = "file:us.key"', "keys[0]: a key needs its certificate"),
        ('key = "file:us.key"', 'pkcs12 = "file:us.key"', "keys[0]: a key needs its certificate"),
        ('key = "file:us.key"', 'pkcs12 = "us.p12"', "this is no file of a key and its certificate"),
        ('key = "file:us.key"', 'key = "file:us.key"\nsign_from = "soon"', "Write it without quotes, such as 2026"),
        ('listen = "127.0.0.1"', 'body_max = "2 gigabytes"', "this is no size"),
        ('listen = "127.0.0.1"', "port = 0", "the number is out of range"),
        ("[[as2.identities]]", '[[as2.tls]]\ncertificate = "file:us.pem"\n[[as2.identities]]', "as2.tls[0].key"),
        ('url = "https', 'url = "gopher', "no URL of a web server"),
        ('key = "file:us.key"', 'key = "file:us.key"\n[[as2.identities]]\nname = "NORTHSIDE"', "is there twice"),
    ],
)
def test_a_mistake_in_our_own_table_is_told(house: House, old: str, new: str, words: str) -> None:
    house.spoil("conf/gateway.toml", old, new)
    told = house.mistakes()
    assert any(words in each and each.startswith("gateway.toml, line") for each in told), told


def test_what_the_partner_needs_of_our_own_table_is_told_at_the_partner(house: House) -> None:
    house.spoil("conf/gateway.toml", 'url = "https://edi.example:4443/as2"', "")
    agree(house, 'mdn = "async"')
    assert any(
        "transport.mdn: receipts are to come later, and nobody knows where to" in each for each in house.mistakes()
    )
    agree(house)
    house.spoil("conf/gateway.toml", 'key = "file:us.key"', 'key = "file:us.key"\nuse = ["sign"]')
    assert any("no key of our AS2 name NORTHSIDE decrypts" in each for each in house.mistakes())
    agree(house, "require_encryption = false")
    house.load()
    house.spoil("conf/gateway.toml", 'use = ["sign"]', 'use = ["decrypt"]')
    assert any("no key of our AS2 name NORTHSIDE signs" in each for each in house.mistakes())
    house.write("conf/gateway.toml", GATEWAY)
    assert any("Write one of ours (none yet), or add it to [[as2.identities]]" in each for each in house.mistakes())
    house.spoil(SHIPPED, "stage =", "enabled = false\nstage =")
    house.load()


def test_two_partners_with_the_same_two_names_are_told(house: House) -> None:
    agree(house, name="twin")
    told = house.mistakes()
    assert any("twin.toml" in each and "a message from SIMCLEAR to NORTHSIDE could be of" in each for each in told)
    agree(house, 'them = "simclear"', name="twin")
    assert not any("a message from" in each for each in house.mistakes()), "capitals and small letters differ"


def test_a_fingerprint_is_read_however_it_is_written() -> None:
    written = CertificateSource("SHA256:" + "AB:" * 31 + "CD")
    assert written.fingerprint == "SHA256:" + "ab" * 31 + "cd"
    assert (written.read(), written.problem(), CertificateSource("file:x").fingerprint) == (b"", "", "")


def test_a_certificate_that_went_away_is_told_where_it_is_read(tmp_path: Path) -> None:
    source = CertificateSource("file:gone.pem", tmp_path)
    with pytest.raises(SettingsInvalid, match=r"gone\.pem"):
        source.read()
    assert repr(source) == "CertificateSource(file:gone.pem)"
    assert source == CertificateSource("file:gone.pem", tmp_path) != CertificateSource("file:gone.pem")


_toml = st.recursive(
    st.booleans() | st.integers(-5, 99999) | st.sampled_from(["''", "'as2'", "'http://[::1'", "'file:x'", "1e999"]),
    lambda inner: st.lists(inner, max_size=3) | st.just("{ a = 1 }"),
    max_leaves=4,
)
_OWN_KEYS = ("listen", "port", "url", "body_max", "spool", "tls", "identities", "timeout_s", "expansion_max")


@settings(max_examples=150, deadline=None)
@given(key=st.sampled_from((*As2Transport.model_fields, *_OWN_KEYS)), value=_toml, own=st.booleans())
def test_no_value_of_any_key_ever_raises_anything_else(
    key: str, value: object, own: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    house = House(tmp_path_factory.mktemp("house"))
    text = str(value).replace("True", "true").replace("False", "false").replace('"', "")
    line = f"{key} = {text}"
    table = OWN[: OWN.index("[[as2")] if key not in ("tls", "identities") else "[as2]\n"
    kept = [each for each in table.splitlines() if each.split(" =")[0] != key]
    house.write("conf/gateway.toml", BARE + "\n".join([*kept, line] if own else [OWN]))
    agree(house, "" if own else line)
    findings: tuple[Finding, ...] = ()
    try:
        house.load()
    except SettingsInvalid as error:
        findings = error.findings
    assert all(each.what and each.fix and each.where for each in findings)
