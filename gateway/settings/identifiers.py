"""Check digits and shapes of the identifiers that a person types into a file. Pure; looks nothing up."""

import re

_NPI = re.compile(r"[0-9]{10}")
_TAXONOMY = re.compile(r"[0-9A-Z]{9}X")
_NPI_PREFIX_SUM = 24  # What the card issuer prefix 80840 adds to the sum (CMS, "Requirements for NPI check digit").


def npi_is_valid(npi: str) -> bool:
    """Whether these are ten digits whose last one is the Luhn check digit over 80840 and the other nine."""
    return bool(_NPI.fullmatch(npi)) and _luhn_sum(npi) % 10 == 0


def npi_with_check_digit(nine: str) -> str:
    """The NPI that starts with these nine digits; for samples and tests, which must not use a real one."""
    return next(npi for digit in "0123456789" if npi_is_valid(npi := nine + digit))


def taxonomy_is_valid(code: str) -> bool:
    """Whether the code has the shape of the NUCC list: nine digits or capitals, then X."""
    return bool(_TAXONOMY.fullmatch(code))


def _luhn_sum(npi: str) -> int:
    doubled = [int(digit) * 2 for digit in npi[-2::-2]]
    return _NPI_PREFIX_SUM + sum(each - 9 if each > 9 else each for each in doubled) + sum(int(d) for d in npi[-1::-2])
