"""AS2 as this company speaks it (RFC 4130): its own code, on ``cryptography`` and the standard library.

It can be asked to fail in every way a partner may (``faults``). It is a small company: it knows one partner, SHA-2,
AES-CBC and RSA, holds messages whole in memory, and refuses what is larger than its agreement says.
"""
