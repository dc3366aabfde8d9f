"""SSH algorithms that a partner's file may allow by name, and those that nobody may, each with the reason.

The modern ones are on anyway and stand nowhere in a file. Sources: RFC 9142 for key exchange, RFC 8332 for RSA with
SHA-1, RFC 8758 for RC4, and what the SSH library still has.
"""

OLD = (
    "ssh-rsa",  # RSA with SHA-1, of the server's key and of our login
    "diffie-hellman-group14-sha1",
    "diffie-hellman-group-exchange-sha1",
    "aes128-cbc",
    "aes192-cbc",
    "aes256-cbc",
    "3des-cbc",
    "hmac-sha1",
    "hmac-sha1-96",
)
"""``transport/sftp/algorithms.py`` has the same, with what each is."""

_BROKEN = "it is broken: what it protects can be read or altered"
_MISSING = "no library that we use has it any more"
NEVER = {
    "diffie-hellman-group1-sha1": "its group has 1024 bits and can be precomputed (RFC 9142, 3.4)",
    "ssh-dss": f"its keys have 1024 bits and SHA-1, and {_MISSING}",
    "hmac-md5": "MD5 is never accepted",
    "hmac-md5-96": "MD5 is never accepted",
    "arcfour": _BROKEN,
    "arcfour128": _BROKEN,
    "arcfour256": _BROKEN,
    "des-cbc": _BROKEN,
    "none": "nothing would be protected",
    "blowfish-cbc": _MISSING,
    "cast128-cbc": _MISSING,
    "rijndael-cbc@lysator.liu.se": "it is aes256-cbc under a name of its own, which the library does not know",
    "hmac-sha1-etm@openssh.com": f"{_MISSING}; a server that has it has hmac-sha1, too",
    "umac-64@openssh.com": _MISSING,
    "hmac-ripemd160": _MISSING,
}


def fault(name: str) -> str:
    """Why this algorithm may not stand in a partner's ``allow``, in words; "" where it may."""
    if name in OLD:
        return ""
    if name in NEVER:
        return f"{name} can't be allowed: {NEVER[name]}"
    return f"{name!r} is no old algorithm that could be allowed; the modern ones are on anyway"
