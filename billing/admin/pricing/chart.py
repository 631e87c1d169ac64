"""A line of amount over quantity, as the numbers of an SVG. No floats, no library, no script."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from billing.rating.words import spoken

WIDTH, HEIGHT = 560, 240
LEFT, RIGHT, TOP, BOTTOM = 76, 16, 14, 34
TICKS = 4
STEPS = (1, 2, 5, 10)
TENTHS = 10

Point = tuple[Decimal | Fraction, Decimal | Fraction]


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark on an axis: where, and its words."""

    place: str
    words: str


@dataclass(frozen=True, slots=True)
class Chart:
    """`line` is what `points` of a polyline says; `dots` are the samples with their words."""

    title: str
    description: str
    line: str
    dots: Sequence[tuple[str, str, str]]
    across: Sequence[Tick]
    up: Sequence[Tick]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    top: int = TOP
    bottom: int = HEIGHT - BOTTOM

    @property
    def box(self) -> str:
        return f"0 0 {self.width} {self.height}"


def chart_of(
    curve: Sequence[Point], samples: Sequence[Point], *, title: str, unit: str
) -> Chart | None:
    """The chart of a curve, ascending in its quantities, with dots at the samples that lie on it;
    None where there is nothing to see.
    """
    most = max((Fraction(amount) for _, amount in curve), default=Fraction(0))
    end = Fraction(curve[-1][0]) if curve else Fraction(0)
    if not most or not end:
        return None
    across, up = [one for one in _ticks(end) if one <= end], _ticks(most)
    highest = up[-1]
    inside = [(q, a) for q, a in samples if 0 <= q <= end]

    def x(quantity: Decimal | Fraction) -> str:
        return _place(LEFT + Fraction(quantity) / end * (WIDTH - LEFT - RIGHT))

    def y(amount: Decimal | Fraction) -> str:
        return _place(HEIGHT - BOTTOM - Fraction(amount) / highest * (HEIGHT - TOP - BOTTOM))

    words = [f"{_short(q)} cost {_short(a)} {unit}" for q, a in inside]
    return Chart(
        title=title,
        description="; ".join(words),
        line=" ".join(f"{x(q)},{y(a)}" for q, a in curve),
        dots=[(x(q), y(a), said) for (q, a), said in zip(inside, words, strict=True)],
        across=[Tick(x(one), _short(one)) for one in across],
        up=[Tick(y(one), _short(one)) for one in up],
    )


def _place(value: Fraction) -> str:
    """A coordinate, to a tenth of a unit."""
    tenths = round(value * TENTHS)
    return f"{tenths // TENTHS}.{tenths % TENTHS}"


def _ticks(most: Fraction) -> list[Fraction]:
    """Round numbers from zero up to the first that is not below `most`."""
    power = Fraction(1)
    while power * 10 <= most / TICKS:
        power *= 10
    while power > most / TICKS:
        power /= 10
    step = next(power * one for one in STEPS if power * one >= most / TICKS)
    return [step * index for index in range(-int(-most // step) + 1)]


def _short(value: Decimal | Fraction) -> str:
    """A number as a label: exact where it is short, else rounded to some digits."""
    exact = Fraction(value)
    if exact.denominator == 1:
        return spoken(Decimal(exact.numerator))
    places = 2 if abs(exact) >= 1 else 6
    scaled = round(exact * 10**places)
    return spoken(Decimal(scaled).scaleb(-places))
