"""The configuration: ``conf/gateway.toml``, one file for each trading partner, one for each payer's policy.

It is read once and never changes under the program that uses it. It holds references to secrets, never a secret.
"""

from gateway.settings.as2 import As2, As2Identity, As2Key, As2Tls, As2Transport, KeyPair
from gateway.settings.certificates import CertificateSource
from gateway.settings.identifiers import npi_is_valid, npi_with_check_digit, taxonomy_is_valid
from gateway.settings.mailboxes import DirectoryTransport, SftpTransport
from gateway.settings.policies import LineOfBusiness, PolicyBook, PolicyFile, PolicyRow
from gateway.settings.schema import (
    Clinic,
    Envelope,
    Expectations,
    Organisation,
    Partner,
    PayerServed,
)
from gateway.settings.secrets import Secret
from gateway.settings.whole import Settings

__all__ = [
    "As2",
    "As2Identity",
    "As2Key",
    "As2Tls",
    "As2Transport",
    "CertificateSource",
    "Clinic",
    "DirectoryTransport",
    "Envelope",
    "Expectations",
    "KeyPair",
    "LineOfBusiness",
    "Organisation",
    "Partner",
    "PayerServed",
    "PolicyBook",
    "PolicyFile",
    "PolicyRow",
    "Secret",
    "Settings",
    "SftpTransport",
    "npi_is_valid",
    "npi_with_check_digit",
    "taxonomy_is_valid",
]
