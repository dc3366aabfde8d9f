"""Why a signed, encrypted or compressed structure is not taken, or cannot be made. Never carries content or a key."""

from gateway.errors import GatewayError


class CmsError(GatewayError):
    """What all refusals of this package have in common."""


class Malformed(CmsError):
    """The bytes are not the structure that was looked for, or break the rules of BER or CMS."""


class Weak(CmsError):
    """An algorithm or a key that is not allowed."""


class NotForUs(CmsError):
    """None of the recipients that are named is one of our identities."""


class DecryptionFailed(CmsError):
    """The content cannot be opened. It is one error for a wrong key, padding or length, so that nobody learns which."""


class Tampered(DecryptionFailed):
    """The authentication tag does not belong to key and content."""


class SignatureWrong(CmsError):
    """A signature by a pinned certificate that does not cover this content, or is none."""


class ContentAltered(SignatureWrong):
    """What was signed is other content than this: it was altered on its way, or signed in another form."""


class SignerUnknown(CmsError):
    """Nobody signed, or nobody whose certificate is pinned."""


class TooLarge(CmsError):
    """More bytes, parts or levels than the limits let in."""
