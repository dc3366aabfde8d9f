"""What we make is read by OpenSSL, and what OpenSSL makes is read by us, over the grid of algorithms."""

import hashlib
import io
from pathlib import Path

import pytest
from cms_keys import NOW, made
from cms_openssl import OPENSSL, OpenSsl

from gateway.transport import cms

pytestmark = pytest.mark.skipif(OPENSSL is None, reason="openssl is not installed")

CONTENT = b"Content-Type: application/edi-x12\r\n\r\n" + b"ISA*00*~\nGS*HC~\n" * 5000
ALL = cms.USUAL | cms.WEAK
RSA = made("rsa-a"), made("rsa-b")

# Flag of the program, name of ours.
OPENSSL_CIPHERS = {
    "3des": "-des3",
    "aes128-cbc": "-aes128",
    "aes192-cbc": "-aes192",
    "aes256-cbc": "-aes256",
    "aes128-gcm": "-aes-128-gcm",
    "aes192-gcm": "-aes-192-gcm",
    "aes256-gcm": "-aes-256-gcm",
}
OPENSSL_TRANSPORTS = {
    "pkcs1v15": (),
    **{f"oaep-{each}": ("-keyopt", "rsa_padding_mode:oaep", "-keyopt", f"rsa_oaep_md:{each}") for each in cms.DIGESTS},
}
OPENSSL_FORMS = {"der": (), "ber": ("-stream",)}


@pytest.fixture
def openssl(tmp_path: Path) -> OpenSsl:
    for each in (*RSA, made("ecdsa"), made("nokeyid")):
        each.files(tmp_path)
    return OpenSsl(tmp_path)


def opened(sealed: bytes, *, allowed: frozenset[str] = ALL) -> tuple[bytes, cms.Decrypted]:
    target = io.BytesIO()
    told = cms.decrypt(io.BytesIO(sealed), target, [each.identity for each in RSA], allowed=allowed)
    return target.getvalue(), told


def digests(content: bytes) -> dict[str, bytes]:
    return {name: hashlib.new(name, content).digest() for name in cms.DIGESTS}


@pytest.mark.parametrize("form", OPENSSL_FORMS)
@pytest.mark.parametrize("key_transport", cms.KEY_TRANSPORTS)
@pytest.mark.parametrize("cipher", cms.CIPHERS)
def test_what_openssl_encrypts_is_decrypted(openssl: OpenSsl, cipher: str, key_transport: str, form: str) -> None:
    flags = (OPENSSL_CIPHERS[cipher], *OPENSSL_FORMS[form])
    options = ("-recip", "rsa-a.crt", *OPENSSL_TRANSPORTS[key_transport])
    sealed = openssl.cms(CONTENT, "-encrypt", "-outform", "DER", *flags, *options)
    content, told = opened(sealed)
    assert content == CONTENT
    assert (told.cipher, told.key_transport) == (cipher, key_transport)
    assert told.certificate == RSA[0].certificate


@pytest.mark.parametrize("key_transport", cms.KEY_TRANSPORTS)
@pytest.mark.parametrize("cipher", cms.CIPHERS)
def test_what_is_encrypted_openssl_decrypts(openssl: OpenSsl, cipher: str, key_transport: str) -> None:
    sealed = cms.encrypted(
        io.BytesIO(CONTENT), len(CONTENT), [RSA[0].certificate], cipher=cipher, key_transport=key_transport, allowed=ALL
    )
    made_here = b"".join(sealed)
    assert len(made_here) == sealed.length
    assert openssl.cms(made_here, "-decrypt", "-inform", "DER", "-inkey", "rsa-a.key") == CONTENT


@pytest.mark.parametrize("by_key_id", [False, True])
@pytest.mark.parametrize("cipher", ["aes256-cbc", "aes256-gcm"])
def test_each_of_several_recipients_reads_it(openssl: OpenSsl, cipher: str, by_key_id: bool) -> None:
    both = [each.certificate for each in RSA]
    ours = b"".join(
        cms.encrypted(io.BytesIO(CONTENT), len(CONTENT), both, cipher=cipher, by_key_id=by_key_id, allowed=ALL)
    )
    naming = ("-keyid",) if by_key_id else ()
    recipients = ("-recip", "rsa-a.crt", "-recip", "rsa-b.crt")
    theirs = openssl.cms(CONTENT, "-encrypt", "-outform", "DER", OPENSSL_CIPHERS[cipher], *naming, *recipients)
    for each in RSA:
        decrypting = ("-decrypt", "-inform", "DER", "-recip", f"{each.name}.crt", "-inkey", f"{each.name}.key")
        assert openssl.cms(ours, *decrypting) == CONTENT
        target = io.BytesIO()
        assert cms.decrypt(io.BytesIO(theirs), target, [each.identity]).certificate == each.certificate
        assert target.getvalue() == CONTENT


@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 4096, 262143, 262144, 262145])
@pytest.mark.parametrize("cipher", ["aes128-cbc", "aes128-gcm"])
def test_any_length_goes_through(openssl: OpenSsl, cipher: str, size: int) -> None:
    content = b"~" * size
    sealed = b"".join(cms.encrypted(io.BytesIO(content), size, [RSA[0].certificate], cipher=cipher))
    assert opened(sealed)[0] == content
    assert openssl.cms(sealed, "-decrypt", "-inform", "DER", "-inkey", "rsa-a.key") == content


OPENSSL_SIGNINGS: dict[str, tuple[str, ...]] = {
    **{each: ("-md", each) for each in cms.DIGESTS},
    **{f"{each} pss": ("-md", each, "-keyopt", "rsa_padding_mode:pss") for each in cms.DIGESTS},
    "sha256 keyid": ("-md", "sha256", "-keyid"),
    "sha256 no certificates": ("-md", "sha256", "-nocerts"),
    "sha512 no attributes": ("-md", "sha512", "-noattr"),
    "sha256 no capabilities": ("-md", "sha256", "-nosmimecap"),
    "sha256 pss, mask sha1": ("-md", "sha256", "-keyopt", "rsa_padding_mode:pss", "-keyopt", "rsa_mgf1_md:sha1"),
    "sha256 pss, long salt": ("-md", "sha256", "-keyopt", "rsa_padding_mode:pss", "-keyopt", "rsa_pss_saltlen:64"),
}


@pytest.mark.parametrize("signing", OPENSSL_SIGNINGS)
def test_what_openssl_signs_is_verified(openssl: OpenSsl, signing: str) -> None:
    options = ("-signer", "rsa-a.crt", "-inkey", "rsa-a.key", *OPENSSL_SIGNINGS[signing])
    signature = openssl.cms(CONTENT, "-sign", "-outform", "DER", *options)
    digest = signing.split()[0]
    assert cms.digest_algorithms(signature) == (digest,)
    told = cms.verify(
        signature, {digest: digests(CONTENT)[digest]}, [each.certificate for each in RSA[::-1]], allowed=ALL
    )
    assert (told.certificate, told.algorithm) == (RSA[0].certificate, digest)


# OpenSSL 3.0 cannot write the signature of a PSS key behind a stream ("illegal zero content").
AROUND = [(each, form) for each in OPENSSL_SIGNINGS for form in OPENSSL_FORMS if form == "der" or "pss" not in each]


@pytest.mark.parametrize(("signing", "form"), AROUND)
def test_what_openssl_signs_around_its_content_is_verified(openssl: OpenSsl, signing: str, form: str) -> None:
    options = ("-signer", "rsa-a.crt", "-inkey", "rsa-a.key", *OPENSSL_SIGNINGS[signing], *OPENSSL_FORMS[form])
    signed = openssl.cms(CONTENT, "-sign", "-nodetach", "-outform", "DER", *options)
    target = io.BytesIO()
    told = cms.read_signed(io.BytesIO(signed), target, [RSA[0].certificate], allowed=ALL)
    assert target.getvalue() == CONTENT
    assert told.certificate == RSA[0].certificate
    assert told.digests == {told.algorithm: digests(CONTENT)[told.algorithm]}


@pytest.mark.parametrize("digest", cms.DIGESTS)
def test_what_openssl_signs_with_an_elliptic_curve_is_verified(openssl: OpenSsl, digest: str) -> None:
    signature = openssl.cms(
        CONTENT, "-sign", "-outform", "DER", "-signer", "ecdsa.crt", "-inkey", "ecdsa.key", "-md", digest
    )
    told = cms.verify(signature, digests(CONTENT), [made("ecdsa").certificate], allowed=ALL)
    assert (told.certificate, told.algorithm) == (made("ecdsa").certificate, digest)


@pytest.mark.parametrize("by_key_id", [False, True])
@pytest.mark.parametrize("pss", [False, True])
@pytest.mark.parametrize("signer", ["rsa-a", "ecdsa"])
@pytest.mark.parametrize("digest", cms.DIGESTS)
def test_what_is_signed_openssl_verifies(
    openssl: OpenSsl, digest: str, signer: str, pss: bool, by_key_id: bool
) -> None:
    signature = cms.sign(
        digests(CONTENT)[digest], digest, made(signer).identity, at=NOW, pss=pss, by_key_id=by_key_id, allowed=ALL
    )
    verifying = ("-verify", "-inform", "DER", "-CAfile", f"{signer}.crt", "-purpose", "any")
    openssl.put("content", CONTENT)
    assert openssl.cms(signature, *verifying, "-content", "content") == CONTENT
    openssl.put("content", CONTENT + b"~")
    with pytest.raises(AssertionError, match="content verify error"):
        openssl.cms(signature, *verifying, "-content", "content")


def test_any_of_several_signers_is_enough(openssl: OpenSsl) -> None:
    options = ("-signer", "rsa-a.crt", "-inkey", "rsa-a.key", "-signer", "rsa-b.crt", "-inkey", "rsa-b.key")
    signature = openssl.cms(CONTENT, "-sign", "-outform", "DER", "-md", "sha384", *options)
    for each in RSA:
        assert cms.verify(signature, digests(CONTENT), [each.certificate]).certificate == each.certificate
    with pytest.raises(cms.SignerUnknown):
        cms.verify(signature, digests(CONTENT), [made("ecdsa").certificate])
