"""Colours, and the trick that lets a matplotlib figure follow the page from light to dark.

A figure is drawn in stand-in colours that nobody would choose; afterwards each becomes a CSS variable, so that the
style sheet alone decides what they look like. Real is grey and filled, synthetic is blue and a line: the two differ
in lightness and in form, so no reader has to tell them apart by hue.
"""

from __future__ import annotations

__all__ = ["INK", "MUTED", "REAL", "RULE", "STAND_INS", "SYNTHETIC", "VARIABLES"]

INK = "#010201"
MUTED = "#010203"
RULE = "#010205"
REAL = "#010207"
SYNTHETIC = "#01020b"

STAND_INS = {
    INK: "var(--ink)",
    MUTED: "var(--muted)",
    RULE: "var(--rule)",
    REAL: "var(--real)",
    SYNTHETIC: "var(--synthetic)",
}

VARIABLES: dict[str, tuple[str, str]] = {
    "paper": ("#fdfdfb", "#14171a"),
    "raised": ("#f5f5f1", "#1c2024"),
    "ink": ("#1b1f24", "#e7e5df"),
    "muted": ("#59616b", "#a3a9b1"),
    "rule": ("#dcdcd5", "#363c43"),
    "real": ("#66707c", "#9aa3ad"),
    "synthetic": ("#0b5cad", "#6cb2f5"),
    "good": ("#0b6b57", "#5cc7ab"),
    "fair": ("#7a5600", "#dcb04a"),
    "poor": ("#a82a1e", "#f58b7c"),
}
"""Each variable in light and in dark; text colours have a contrast of at least 4.5 to 1 on both grounds."""


def variables(dark: bool) -> str:
    """The declarations of one scheme."""
    return " ".join(f"--{name}: {pair[dark]};" for name, pair in VARIABLES.items())
