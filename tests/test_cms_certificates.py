"""Certificates and keys as admins put them into files: what can be read, what cannot, and what is wrong with them."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from cms_keys import ENDS, NOW, STARTS, Made, made
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    pkcs12,
)
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import SettingsInvalid
from gateway.transport.cms import Certificate, Identity

US, OTHER, CURVE = made("rsa-us"), made("rsa-other"), made("ecdsa")
PASSPHRASE = "right horse"


def test_a_certificate_is_read_from_pem_and_der_alike() -> None:
    from_text = Certificate.load(US.certificate_pem)
    loaded = x509.load_pem_x509_certificate(US.certificate_pem.encode())
    for content in (
        US.certificate_pem.encode(),
        loaded.public_bytes(Encoding.DER),
        f"Bag Attributes\n  friendlyName: us\n{US.certificate_pem}",
        US.certificate_pem.replace("\n", "\r\n"),
        f"{US.key_pem}\n{US.certificate_pem}",
    ):
        assert Certificate.load(content) == from_text
    assert from_text.fingerprint == f"SHA256:{loaded.fingerprint(hashes.SHA256()).hex()}"
    assert (from_text.starts, from_text.ends) == (STARTS, ENDS)
    assert (from_text.key_bits, Certificate.load(CURVE.certificate_pem).key_bits) == (2048, 256)
    assert from_text.subject == "CN=rsa-us,O=Example Clinic"
    assert hash(from_text) == hash(US.certificate)


NO_CERTIFICATES: dict[str, str | bytes] = {
    "nothing": "",
    "a beginning": "-----BEGIN CERTIFICATE-----\n",
    "other DER": b"\x30\x03\x02\x01\x00",
    "a key": US.key_pem,
    "damaged PEM": US.certificate_pem.replace("A", "B"),
}


@pytest.mark.parametrize("case", NO_CERTIFICATES)
def test_what_is_no_certificate_is_refused(case: str) -> None:
    with pytest.raises(SettingsInvalid, match=r"certificate: the certificate is not usable: .*PEM or DER") as caught:
        Certificate.load(NO_CERTIFICATES[case])
    assert "BEGIN" not in str(caught.value)


@pytest.mark.filterwarnings("ignore:Parsed a serial number which wasn't positive")
@given(place=st.integers(0, len(US.certificate.der) - 1), flip=st.integers(1, 255))
@settings(max_examples=200, deadline=None)
def test_a_damaged_certificate_is_refused_or_another_one(place: int, flip: int) -> None:
    damaged = bytearray(US.certificate.der)
    damaged[place] ^= flip
    with suppress(SettingsInvalid):
        assert Certificate.load(bytes(damaged)).fingerprint != US.certificate.fingerprint


def test_two_certificates_in_a_file_are_one_too_many() -> None:
    with pytest.raises(SettingsInvalid, match="more than one certificate in it"):
        Certificate.load(US.certificate_pem + OTHER.certificate_pem)


def test_keys_of_other_kinds_are_refused() -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "other")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(STARTS)
        .not_valid_after(ENDS)
        .sign(key, None)
    )
    with pytest.raises(SettingsInvalid, match="with an RSA or EC key"):
        Certificate.load(certificate.public_bytes(Encoding.PEM))
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with pytest.raises(SettingsInvalid, match="key: the private key has a type"):
        Identity.load(US.certificate_pem, pem)


PROBLEMS = {
    "rsa-us": ("", "", ""),
    "ecdsa": ("", "", "it has an elliptic curve key, and content keys are encrypted under RSA keys only"),
    "expired": ("it expired on 2021-01-01 00:00 UTC",) * 3,
    "early": ("it is not valid before 2030-01-01 00:00 UTC",) * 3,
    "signonly": ("", "", "its key usage leaves out encrypting (keyEncipherment)"),
    "encryptonly": ("", "its key usage leaves out signing (digitalSignature)", ""),
}


@pytest.mark.parametrize("name", PROBLEMS)
def test_what_is_wrong_with_a_certificate_is_told_in_words(name: str) -> None:
    certificate = made(name).certificate
    assert (
        certificate.problem(NOW),
        certificate.problem(NOW, "sign"),
        certificate.problem(NOW, "encrypt"),
    ) == PROBLEMS[name]


def test_a_certificate_holds_from_its_first_second_to_its_last() -> None:
    moment = timedelta(seconds=1)
    for at, holds in ((STARTS - moment, False), (STARTS, True), (ENDS, True), (ENDS + moment, False)):
        assert (US.certificate.problem(at) == "") is holds


def as_pem(who: Made, passphrase: str = "", format_: PrivateFormat = PrivateFormat.PKCS8) -> bytes:
    key = load_pem_private_key(who.key_pem.encode(), None)
    sealed = BestAvailableEncryption(passphrase.encode()) if passphrase else NoEncryption()
    return key.private_bytes(Encoding.PEM, format_, sealed)


@pytest.mark.parametrize("who", [US, CURVE], ids=lambda each: each.name)
def test_a_key_is_read_in_any_usual_form(who: Made) -> None:
    key = load_pem_private_key(who.key_pem.encode(), None)
    der = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    plain = (who.key_pem, as_pem(who), as_pem(who, format_=PrivateFormat.TraditionalOpenSSL), der)
    for content in plain:
        assert Identity.load(who.certificate_pem, content).certificate == who.certificate
    assert Identity.load(who.certificate_pem, as_pem(who, PASSPHRASE), PASSPHRASE).certificate == who.certificate


UNREADABLE_KEYS = {
    "no passphrase": (as_pem(US, PASSPHRASE), ""),
    "another passphrase": (as_pem(US, PASSPHRASE), "wrong horse"),
    "a passphrase too many": (as_pem(US), PASSPHRASE),
    "cut short": (as_pem(US)[:-200], ""),
    "nothing": (b"", ""),
    "other DER": (b"\x30\x00", ""),
}


@pytest.mark.parametrize("case", UNREADABLE_KEYS)
def test_a_key_that_cannot_be_read_is_told_without_its_text(case: str) -> None:
    with pytest.raises(SettingsInvalid, match=r"key: the private key cannot be read: .*passphrase") as caught:
        Identity.load(US.certificate_pem, *UNREADABLE_KEYS[case])
    assert caught.value.__cause__ is None
    for secret in (PASSPHRASE, "wrong horse", "BEGIN", as_pem(US).decode().splitlines()[1]):
        assert secret not in str(caught.value)


def test_a_key_of_another_certificate_is_refused() -> None:
    for key in (OTHER.key_pem, CURVE.key_pem):
        with pytest.raises(SettingsInvalid, match="does not belong to certificate SHA256:"):
            Identity.load(US.certificate_pem, key)


def bundle(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | None, certificate: x509.Certificate | None) -> bytes:
    others = [x509.load_pem_x509_certificate(OTHER.certificate_pem.encode())]
    return pkcs12.serialize_key_and_certificates(
        b"us", key, certificate, others, BestAvailableEncryption(PASSPHRASE.encode())
    )


@pytest.mark.parametrize("who", [US, CURVE], ids=lambda each: each.name)
def test_pkcs12_gives_key_and_certificate(who: Made) -> None:
    certificate = x509.load_pem_x509_certificate(who.certificate_pem.encode())
    assert Identity.load_pkcs12(bundle(who.identity.key, certificate), PASSPHRASE).certificate == who.certificate


def test_pkcs12_that_cannot_be_used_is_refused() -> None:
    certificate = x509.load_pem_x509_certificate(US.certificate_pem.encode())
    whole = bundle(US.identity.key, certificate)
    for content, passphrase in ((whole, "wrong horse"), (whole, ""), (whole[:-20], PASSPHRASE), (b"", PASSPHRASE)):
        with pytest.raises(SettingsInvalid, match="the PKCS#12 file cannot be read"):
            Identity.load_pkcs12(content, passphrase)
    with pytest.raises(SettingsInvalid, match="lacks a private key or its certificate"):
        Identity.load_pkcs12(bundle(None, None), PASSPHRASE)


def test_a_key_is_never_shown() -> None:
    assert isinstance(US.identity.key, rsa.RSAPrivateKey)
    numbers = US.identity.key.private_numbers()
    for shown in (repr(US.identity), str(US.identity), f"{US.identity}"):
        assert US.certificate.fingerprint in shown
        assert "PrivateKey" not in shown
        assert str(numbers.d) not in shown


def test_an_identity_is_as_valid_as_its_certificate() -> None:
    expired = made("expired").identity
    assert expired.certificate.problem(datetime(2020, 6, 1, tzinfo=UTC)) == ""
    assert expired.certificate.problem(NOW, "sign").startswith("it expired on")
