"""The clinic's nouns: frozen, valid, in cents and whole units, without I/O. Knows nothing of X12's syntax."""
