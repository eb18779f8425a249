"""Words for counts, in the singular and the plural."""


def count(number: int, one: str, many: str | None = None) -> str:
    """Return "1 row" or "1,234 rows"; ``many`` is ``one`` and an s by default."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
