"""Payers' policies as they are written in ``trading_partners/payers/*.toml``."""

from typing import Literal

LineOfBusiness = Literal[
    "medicare",
    "medicare_advantage",
    "medicaid",
    "chip",
    "tricare",
    "va",
    "exchange",
    "commercial",
    "self_funded",
    "workers_compensation",
    "auto",
    "other",
]
"""Whose money pays. ``commercial`` is insured by the payer, ``self_funded`` by an employer (ERISA); ``exchange`` is a
plan of a marketplace."""
