"""Money as people read it. What a wire has is ``translate/forms.py``'s."""


def dollars(cents: int) -> str:
    """Cents as dollars with two decimals, "-1234.05"; for findings, tasks and reasons."""
    sign = "-" if cents < 0 else ""
    return f"{sign}{abs(cents) // 100}.{abs(cents) % 100:02}"
