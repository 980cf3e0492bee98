"""Numbers and names as the reader sees them: three significant digits, units, no trap in a name."""

from __future__ import annotations

import math
import unicodedata
from typing import Any

__all__ = ["UNITS", "clean", "count", "duration", "ems", "number", "of", "share", "shorten", "slug"]

_BIDI = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
UNITS = {
    "ns": "nanoseconds", "us": "microseconds", "ms": "milliseconds", "s": "seconds", "min": "minutes", "h": "hours",
    "d": "days", "w": "weeks", "month": "months", "quarter": "quarters", "year": "years", "step": "steps",
}  # fmt: skip
"""Time units as the reader says them."""
_EXPONENT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def number(value: Any, digits: int = 3) -> str:
    """At most `digits` significant digits: 0.0312, 1,230, 4.5 × 10⁹; an en dash where there is none."""
    try:
        value = float(value)
    except (TypeError, ValueError):
        return "–"
    if not math.isfinite(value):
        return "–"
    if value == 0:
        return "0"
    size = abs(value)
    if size >= 1e7 or size < 1e-4:
        mantissa, exponent = f"{size:.{digits - 1}e}".split("e")
        mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
        head = "" if mantissa == "1" else f"{mantissa} × "
        text = head + "10" + str(int(exponent)).translate(_EXPONENT)
    else:
        places = digits - 1 - math.floor(math.log10(size))
        rounded = round(size, places)
        text = f"{rounded:,.{max(places, 0)}f}"
        text = text.rstrip("0").rstrip(".") if "." in text else text
    return ("−" if value < 0 else "") + text


def share(value: Any) -> str:
    """A share from 0 to 1 as a percentage; what is not quite all or nothing never reads as all or nothing."""
    try:
        value = float(value)
    except (TypeError, ValueError):
        return "–"
    if not math.isfinite(value):
        return "–"
    if 0 < value < 0.0001:
        return "<0.01 %"
    if 0.999 <= value < 1:
        return ">99.9 %" if value >= 0.9995 else "99.9 %"
    return number(100 * value) + " %"


def count(value: Any) -> str:
    """A whole number with thousands set apart; text is left as it is."""
    if isinstance(value, bool) or value is None:
        return "–"
    return f"{value:,}" if isinstance(value, int) else clean(value)


def of(number_of: int, one: str, many: str) -> str:
    """A number of things: 1 entity, 1,894 entities."""
    return f"{count(number_of)} {one if number_of == 1 else many}"


def duration(seconds: Any) -> str:
    """Seconds as a person says them: 0.4 s, 12 s, 3 min, 1.5 h."""
    try:
        seconds = float(seconds)
    except (TypeError, ValueError):
        return "–"
    if not math.isfinite(seconds):
        return "–"
    for limit, size, unit in ((60, 1, "s"), (3600, 60, "min"), (86_400, 3600, "h")):
        if seconds < limit:
            return f"{number(seconds / size, 2)} {unit}"
    return f"{number(seconds / 86_400, 2)} days"


def clean(text: Any) -> str:
    """Any text as a page can carry it: U+FFFD in place of control characters, lone surrogates and those marks that
    turn the direction of what follows.
    """
    text = "" if text is None else str(text)
    return (
        text if text.isascii() and text.isprintable() else "".join("\ufffd" if _bad(c) else c for c in text)
    )


def ems(text: str) -> float:
    """About how wide a text is set, in em."""
    return sum(_em(c) for c in text)


def shorten(text: Any, width: float) -> str:
    """The text on one line, cut with an ellipsis where it is wider than `width` em."""
    text = " ".join(clean(text).split())
    if ems(text) <= width:
        return text
    kept = ""
    for character in text:
        if ems(kept + character) > width - 0.9:
            break
        kept += character
    return kept.rstrip() + "…"


def slug(text: str) -> str:
    """A text as an identifier in a page: ASCII letters, digits and dashes."""
    kept = "".join(c if c.isascii() and c.isalnum() else "-" for c in text.lower())
    return "-".join(part for part in kept.split("-") if part) or "x"


def _bad(character: str) -> bool:
    kind = unicodedata.category(character)
    return kind == "Cs" or character in _BIDI or (kind == "Cc" and character not in "\n\t")


def _em(character: str) -> float:
    if unicodedata.combining(character):
        return 0.0
    if unicodedata.east_asian_width(character) in "WF":
        return 1.0
    if character in "iljtfr.,:;'|! ":
        return 0.34
    if character in "=<>+~&@%#mwMW":
        return 0.88
    return 0.7 if character.isupper() else 0.57
