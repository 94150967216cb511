"""Numbers as readers see them: fixed decimals from the metric's card, a real minus sign, one form of interval.

Pure functions from numbers to text; nothing here knows a page or a file. Called by the views of every page.
"""

from __future__ import annotations

from collections.abc import Sequence

MINUS = "\N{MINUS SIGN}"


def shown_value(value: float, decimals: int) -> float:
    """``value`` as precise as the board prints it: two values that print alike are equal here.

    >>> shown_value(100.004, 2) == shown_value(99.996, 2)
    True
    """
    return float(f"{value:.{decimals}f}") + 0.0


def fixed(value: float, decimals: int) -> str:
    """``value`` with exactly ``decimals`` digits after the point and a typographic minus.

    >>> fixed(-1.5, 2), fixed(-0.001, 2)
    ('−1.50', '0.00')
    """
    return f"{shown_value(value, decimals):.{decimals}f}".replace("-", MINUS)


def signed(value: float, decimals: int) -> str:
    """``value`` with its sign written out; zero has none.

    >>> signed(12.345, 1), signed(-3, 1), signed(0, 1)
    ('+12.3', '−3.0', '0.0')
    """
    return ("+" if shown_value(value, decimals) > 0 else "") + fixed(value, decimals)


def interval(bounds: Sequence[float], decimals: int) -> str:
    """An interval in brackets.

    >>> interval((1.234, 5.678), 1)
    '[1.2, 5.7]'
    """
    low, high = bounds
    return f"[{fixed(low, decimals)}, {fixed(high, decimals)}]"


def percent(share: float) -> str:
    r"""A share as a percentage without needless digits, never broken across lines.

    >>> percent(0.95), percent(0.975)
    ('95\xa0%', '97.5\xa0%')
    """
    return f"{share * 100:.4g}\N{NO-BREAK SPACE}%"


def plain(value: float) -> str:
    """A number where no card fixes the digits, such as a best value or a tick.

    >>> plain(-1.0), plain(2000.0), plain(0.25)
    ('−1', '2000', '0.25')
    """
    return f"{value:.10g}".replace("-", MINUS)


def counted(count: int, noun: str) -> str:
    r"""A count with its noun, never broken across lines.

    >>> counted(1, "eye"), counted(24, "patient")
    ('1\xa0eye', '24\xa0patients')
    """
    return f"{count}\N{NO-BREAK SPACE}{noun}{'' if count == 1 else 's'}"


def rounded_percent(share: float) -> str:
    r"""A share as a whole percentage; less than half a per cent, and not nothing, is told as such.

    >>> rounded_percent(0.314), rounded_percent(0.0), rounded_percent(0.001)
    ('31\xa0%', '0\xa0%', '< 1\xa0%')
    """
    if 0 < abs(share) < 0.005:
        return "< 1\N{NO-BREAK SPACE}%"
    return f"{share * 100:.0f}\N{NO-BREAK SPACE}%".replace("-", MINUS)


def sentence(text: str) -> str:
    """``text`` with its first letter large and all others as they are: abbreviations and symbols keep theirs.

    >>> sentence("K entries, for FVD alone"), sentence("for FVD alone"), sentence("")
    ('K entries, for FVD alone', 'For FVD alone', '')
    """
    return text[:1].upper() + text[1:]
