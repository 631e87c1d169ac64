"""What is given back of a line with tax, in any parts, comes to what was billed. Pure."""

from dataclasses import replace

from billing.selectors.amounts import IssuedLine

LINES = [
    IssuedLine(None, net, {"vat": tax}, 0, {})  # type: ignore[arg-type]
    for net in range(1, 9)
    for tax in range(net + 1)
]


def after(line: IssuedLine, net: int, taxes: tuple[tuple[str, int], ...]) -> IssuedLine:
    back = dict(line.taxes_back)
    for rate, minor in taxes:
        assert 0 <= minor <= line.taxes_left[rate]
        back[rate] = back.get(rate, 0) + minor
    assert 0 <= net <= line.left_minor
    left = replace(line, back_minor=line.back_minor + net, taxes_back=back)
    gone = net + sum(minor for _, minor in taxes)
    assert left.gross_left_minor == line.gross_left_minor - gone
    return left


def test_two_parts_with_tax_and_the_rest_are_the_whole_line() -> None:
    for line in LINES:
        for first in range(1, line.gross_left_minor):
            once = after(line, *line.parts_of(first))
            for second in range(1, once.gross_left_minor):
                twice = after(once, *once.parts_of(second))
                whole = after(twice, *twice.parts_of(twice.gross_left_minor))
                assert (whole.back_minor, whole.taxes_back) == (line.net_minor, line.taxes)


def test_net_parts_take_their_tax_along_and_leave_none_behind() -> None:
    for line in LINES:
        for first in range(1, line.gross_left_minor):
            left = after(line, *line.parts_of(first))
            for net in range(1, line.net_minor):
                if net <= left.left_minor:
                    left = after(left, net, left.taxes_on(net))
            left = after(left, left.left_minor, left.taxes_on(left.left_minor))
            assert (left.back_minor, left.taxes_back) == (line.net_minor, line.taxes)
