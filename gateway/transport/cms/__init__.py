"""Cryptographic Message Syntax (RFC 5652) for AS2: signs, encrypts and compresses streams, and undoes that. The
gateway's only door to asn1crypto.

Reads BER and DER, writes DER, holds a piece of content at a time. Knows no MIME, no AS2 and no partner. Never trusts a
certificate that it finds in a message, and never leaves content in a target whose reading failed.
"""

from gateway.transport.cms.algorithms import CIPHERS, DIGESTS, KEY_TRANSPORTS, USUAL, WEAK
from gateway.transport.cms.certificates import Certificate, Identity
from gateway.transport.cms.compressing import EXPANSION_MAX, compressed, decompress
from gateway.transport.cms.enveloping import encrypted
from gateway.transport.cms.errors import (
    CmsError,
    ContentAltered,
    DecryptionFailed,
    Malformed,
    NotForUs,
    SignatureWrong,
    SignerUnknown,
    Tampered,
    TooLarge,
    Weak,
)
from gateway.transport.cms.opening import Decrypted, decrypt
from gateway.transport.cms.signing import sign
from gateway.transport.cms.streams import Sized, Source, Storage, Target, Writable
from gateway.transport.cms.verifying import Verified, digest_algorithms, read_signed, verify

__all__ = [
    "CIPHERS",
    "DIGESTS",
    "EXPANSION_MAX",
    "KEY_TRANSPORTS",
    "USUAL",
    "WEAK",
    "Certificate",
    "CmsError",
    "ContentAltered",
    "Decrypted",
    "DecryptionFailed",
    "Identity",
    "Malformed",
    "NotForUs",
    "SignatureWrong",
    "SignerUnknown",
    "Sized",
    "Source",
    "Storage",
    "Tampered",
    "Target",
    "TooLarge",
    "Verified",
    "Weak",
    "Writable",
    "compressed",
    "decompress",
    "decrypt",
    "digest_algorithms",
    "encrypted",
    "read_signed",
    "sign",
    "verify",
]
