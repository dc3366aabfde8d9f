"""The authorization ledger and the money book: double entry in whole units and in cents. Pure; the store keeps it.

what a payer grants    granting (with delivery, pairing, states) -> certifying -> entries
what a claim takes     matching -> entries
what an 835 settles    outcome (with joining, standing, consequences) -> settling -> entries; cents for the money
the books themselves   entry (buckets, accounts, invariants), units (one function for each event)
"""
