"""How signers and recipients are named: by issuer and serial number, or by key identifier. RFC 5652, 5.3 and 6.2.1."""

from asn1crypto import cms, core

from gateway.transport.cms.algorithms import understood
from gateway.transport.cms.ber import SEQUENCE, children, content, octets, tlv
from gateway.transport.cms.certificates import Certificate

NAME_MAX = 16 * 1024
"""Bytes; a distinguished name has some hundreds, and comparing one takes far longer than reading it."""

_KEY_ID = 0x80
_KEY_ID_CONSTRUCTED = 0xA0


def name(certificate: Certificate, *, by_key_id: bool) -> bytes:
    """The element that names a certificate's holder."""
    if by_key_id:
        return tlv(_KEY_ID, certificate.key_id)
    return tlv(SEQUENCE, certificate.issuer, core.Integer(certificate.serial).dump())


class Name:
    """A signer's or recipient's name in a message. Raises Malformed where it is none."""

    def __init__(self, element: bytes) -> None:
        self._key_id, self._issuer, self._serial = b"", b"", 0
        with understood("the name of a signer or recipient"):
            if len(element) > NAME_MAX:
                raise ValueError("nobody's name is that long")
            if element[0] == _KEY_ID:
                self._key_id = content(element)
            elif element[0] == _KEY_ID_CONSTRUCTED:  # BER may cut even this one into parts.
                self._key_id = b"".join(octets(part) for part in children(element))
            else:
                read = cms.IssuerAndSerialNumber.load(element, strict=True)
                self._issuer, self._serial = read["issuer"].dump(), read["serial_number"].native

    def means(self, certificate: Certificate) -> bool:
        """Whether this names the certificate's holder."""
        if self._issuer:
            return certificate.is_named(self._issuer, self._serial)
        return self._key_id == certificate.key_id
