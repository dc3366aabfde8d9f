"""Signs, verifies, encrypts, decrypts, compresses and decompresses whole messages (RFC 5652, RFC 3274).

``cryptography`` does all but two things itself: it verifies no signature, and knows no compression. For these the small
structures are read with ``asn1crypto``. It knows no MIME and no partner; errors never carry content.
"""

import hashlib
import zlib
from collections.abc import Iterable

from asn1crypto import cms
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.ciphers import algorithms
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from gateway.simulator.as2.identity import Identity

DIGESTS: dict[str, hashes.SHA256 | hashes.SHA384 | hashes.SHA512] = {
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}
CIPHERS: dict[str, type[algorithms.AES128] | type[algorithms.AES256]] = {
    "aes128-cbc": algorithms.AES128,
    "aes256-cbc": algorithms.AES256,
}


class CmsRefused(Exception):
    """What came cannot be used. ``modifier`` is the word of RFC 4130, 7.4.3, for it."""

    def __init__(self, modifier: str, why: str) -> None:
        super().__init__(why)
        self.modifier = modifier


def kind(der: bytes) -> str:
    """``enveloped_data``, ``compressed_data``, ``signed_data`` and so on."""
    try:
        return str(cms.ContentInfo.load(der)["content_type"].native)
    except (ValueError, TypeError) as error:
        raise CmsRefused("unexpected-processing-error", "not a CMS structure") from error


def sign(content: bytes, identity: Identity, digest: str) -> bytes:
    """A detached signature over the bytes as they are."""
    built = pkcs7.PKCS7SignatureBuilder().set_data(content)
    built = built.add_signer(identity.certificate, identity.key, DIGESTS[digest])
    options = pkcs7.PKCS7Options
    return built.sign(Encoding.DER, [options.Binary, options.DetachedSignature, options.NoCapabilities])


def verify(content: bytes, signature: bytes, trusted: Iterable[x509.Certificate]) -> str:
    """The digest of the signature that one of these certificates made over the content; CmsRefused where none did."""
    try:
        signed = cms.ContentInfo.load(signature, strict=True)
        if signed["content_type"].native != "signed_data":
            raise CmsRefused("authentication-failed", "the signature is no SignedData")
        signers = list(signed["content"]["signer_infos"])
        found = [(each, signer) for signer in signers for each in trusted if _is_of(signer, each)]
        if not found:
            raise CmsRefused("authentication-failed", "no signer whose certificate is known")
        certificate, signer = found[0]
        return _checked(content, signer, certificate)
    except (ValueError, TypeError, KeyError) as error:
        raise CmsRefused("authentication-failed", "the signature cannot be read") from error


def _is_of(signer: cms.SignerInfo, certificate: x509.Certificate) -> bool:
    """Whether a SignerInfo names this certificate, by issuer and serial number or by key identifier."""
    named = signer["sid"]
    if named.name == "issuer_and_serial_number":
        issuer, serial = named.chosen["issuer"].dump(), named.chosen["serial_number"].native
        return bool(issuer == certificate.issuer.public_bytes() and serial == certificate.serial_number)
    try:
        own = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    except x509.ExtensionNotFound:
        return False
    return bool(named.chosen.native == own)


def _checked(content: bytes, signer: cms.SignerInfo, certificate: x509.Certificate) -> str:
    digest = str(signer["digest_algorithm"]["algorithm"].native)
    if digest not in DIGESTS:
        raise CmsRefused("insufficient-message-security", "a digest that is not accepted here")
    covered = content
    if signer["signed_attrs"]:
        attributes = {each["type"].native: each["values"] for each in signer["signed_attrs"]}
        (told,) = attributes["message_digest"].native
        (about,) = attributes["content_type"].native
        if told != hashlib.new(digest, content).digest() or about != "data":
            raise CmsRefused("integrity-check-failed", "the content is not the one that was signed")
        covered = signer["signed_attrs"].untag().dump()
    given, algorithm = signer["signature"].native, signer["signature_algorithm"]
    key = certificate.public_key()
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(given, covered, _padding(algorithm, digest), DIGESTS[digest])
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(given, covered, ec.ECDSA(DIGESTS[digest]))
        else:
            raise CmsRefused("authentication-failed", "a kind of key that is not known here")
    except InvalidSignature as error:
        raise CmsRefused("integrity-check-failed", "the signature does not match") from error
    return digest


def _padding(algorithm: cms.SignedDigestAlgorithm, digest: str) -> padding.AsymmetricPadding:
    if algorithm.signature_algo == "rsassa_pss":
        length = algorithm["parameters"]["salt_length"].native
        return padding.PSS(padding.MGF1(DIGESTS[digest]), length)
    return padding.PKCS1v15()


def encrypt(content: bytes, recipient: x509.Certificate, cipher: str) -> bytes:
    built = pkcs7.PKCS7EnvelopeBuilder().set_data(content).add_recipient(recipient)
    built = built.set_content_encryption_algorithm(CIPHERS[cipher])
    return built.encrypt(Encoding.DER, [pkcs7.PKCS7Options.Binary])


def decrypt(der: bytes, identity: Identity) -> bytes:
    """The content; one error whatever was wrong, so that nobody learns from it."""
    try:
        return pkcs7.pkcs7_decrypt_der(der, identity.certificate, identity.key, [])
    except Exception as error:  # It has several kinds, of which none may be told.
        raise CmsRefused("decryption-failed", "not decrypted") from error


def compress(content: bytes) -> bytes:
    packed = {"content_type": "data", "content": zlib.compress(content)}
    algorithm = {"algorithm": "zlib"}
    body = {"version": "v0", "compression_algorithm": algorithm, "encap_content_info": packed}
    return bytes(cms.ContentInfo({"content_type": "compressed_data", "content": cms.CompressedData(body)}).dump())


def decompress(der: bytes, limit: int) -> bytes:
    """The content, of at most ``limit`` bytes."""
    try:
        packed = cms.ContentInfo.load(der)["content"]["encap_content_info"]["content"].native
        unpacking = zlib.decompressobj()
        content = unpacking.decompress(packed, limit + 1)
    except (ValueError, TypeError, KeyError, zlib.error) as error:
        raise CmsRefused("decompression-failed", "not decompressed") from error
    if len(content) > limit or not unpacking.eof:
        raise CmsRefused("decompression-failed", "larger than agreed, or cut short")
    return content
