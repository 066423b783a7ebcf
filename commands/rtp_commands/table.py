"""Tables and cards as lines of styled text, never wider than they may be; no I/O and no Rich here."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import zip_longest
from typing import Any

from rtp_commands.cells import Cell, cell, is_money
from rtp_commands.words import pad, safe, width

Span = tuple[str, str]
Line = list[Span]
GAP = "  "
LEAST_PROSE, LEAST_OF_TWO = 12, 20


def table(columns: Sequence[str], rows: Sequence[dict[str, Any]], *, columns_wide: int, terminal: bool) -> list[Line]:
    """Rows under a heading; prose goes on below itself, another row that does not fit is laid out as a card.

    When more than a quarter of the rows do not fit, all of them are cards. Ids are whole where they fit, as they are
    copied into the next command.
    """
    now = datetime.now(UTC)
    whole = [[cell(name, pick(row, name), terminal=terminal, now=now, whole=True) for name in columns] for row in rows]
    cells, widths = whole, _widths(columns, whole)
    if terminal and _total(widths) > columns_wide:
        cells = [[cell(name, pick(row, name), terminal=terminal, now=now) for name in columns] for row in rows]
        widths = _widths(columns, cells)
    prose = _prose(widths, cells, columns_wide)
    if not prose:
        widths = _shrunk(widths, [width(name) for name in columns], cells, columns_wide)
    fits = [
        all(
            width(one.text) <= limit or place in prose
            for place, (one, limit) in enumerate(zip(row, widths, strict=True))
        )
        for row in cells
    ]
    if _total(widths) > columns_wide or fits.count(False) * 4 > len(fits):
        return [line for row in whole for line in [*_card(columns, row, columns_wide), []]][:-1]
    right = [any(row[place].right for row in cells) for place in range(len(columns))]
    lines = [_row([Cell(_title(name), right[place], "bold") for place, name in enumerate(columns)], widths)]
    for row, fit in zip(cells, fits, strict=True):
        lines += _wrapped(row, widths, prose) if fit else _card(columns, row, columns_wide)
    return lines


def _widths(columns: Sequence[str], cells: list[list[Cell]]) -> list[int]:
    return [max([width(name), *(width(row[place].text) for row in cells)]) for place, name in enumerate(columns)]


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + len(GAP) * (len(widths) - 1)


def _prose(widths: list[int], cells: list[list[Cell]], columns_wide: int) -> set[int]:
    """The columns to break at their spaces when all together are too wide, one or two; they share the room there is."""
    over = _total(widths) - columns_wide
    if over <= 0:
        return set()
    widest = sorted(range(len(widths)), key=widths.__getitem__, reverse=True)
    for count, least in ((1, LEAST_PROSE), (2, LEAST_OF_TWO)):
        chosen = widest[:count]
        room = sum(widths[place] for place in chosen) - over
        if len(chosen) == count and room >= least * count and all(_breaks(cells, place) for place in chosen):
            narrow = min(widths[chosen[-1]], room // count)
            for place in chosen:
                widths[place] = narrow
            widths[chosen[0]] = room - narrow * (count - 1)
            return set(chosen)
    return set()


def _breaks(cells: list[list[Cell]], place: int) -> bool:
    return any(" " in row[place].text and not row[place].right for row in cells)


def _wrapped(row: Sequence[Cell], widths: Sequence[int], prose: set[int]) -> list[Line]:
    """The row, with what does not fit below itself."""
    columns = [
        _chunks(one.text, limit) if place in prose else [one.text]
        for place, (one, limit) in enumerate(zip(row, widths, strict=True))
    ]
    return [
        _row([Cell(text, one.right, one.style) for text, one in zip(texts, row, strict=True)], widths)
        for texts in zip_longest(*columns, fillvalue="")
    ]


def _shrunk(widths: list[int], least: list[int], cells: list[list[Cell]], columns_wide: int) -> list[int]:
    """Leave the few widest cells out of a column's width, as long as the sum is too much."""
    widths, room = list(widths), columns_wide - len(GAP) * (len(widths) - 1)
    dropped: set[int] = set()
    while sum(widths) > room and len(dropped) * 4 <= len(cells):
        place = max(range(len(widths)), key=lambda index: widths[index] - least[index])
        dropped |= {index for index, row in enumerate(cells) if width(row[place].text) >= widths[place]}
        left = [width(row[place].text) for index, row in enumerate(cells) if index not in dropped]
        narrower = max([least[place], *(size for size in left if size < widths[place])])
        if narrower >= widths[place]:
            return widths
        widths[place] = narrower
    return widths


def _row(cells: Sequence[Cell], widths: Sequence[int]) -> Line:
    line: Line = []
    for place, (one, limit) in enumerate(zip(cells, widths, strict=True)):
        last = place == len(widths) - 1
        text = one.text if last and not one.right else pad(one.text, limit, right=one.right)
        line += [(text, one.style), *([] if last else [(GAP, "")])]
    return line


def _card(columns: Sequence[str], row: Sequence[Cell], columns_wide: int) -> list[Line]:
    return pairs([(_title(name), one) for name, one in zip(columns, row, strict=True)], columns_wide)


def pairs(items: Sequence[tuple[str, Cell]], columns_wide: int) -> list[Line]:
    """Names and values in two columns; long values go on below."""
    left = max((width(name) for name, _ in items), default=0)
    lines: list[Line] = []
    for name, one in items:
        chunks = _chunks(one.text, max(10, columns_wide - left - len(GAP)))
        lines.append([(pad(name, left), "bold"), (GAP, ""), (chunks[0], one.style)])
        lines += [[(" " * (left + len(GAP)), ""), (chunk, one.style)] for chunk in chunks[1:]]
    return lines


def card(resource: dict[str, Any], *, columns_wide: int, terminal: bool) -> list[Line]:
    """One resource: its plain fields first, then each list of things as a table of its own."""
    now = datetime.now(UTC)
    plain = {name: value for name, value in resource.items() if not _things(value)}
    lines = pairs(
        [
            (_title(name), cell(name, value, terminal=terminal, now=now, whole=True))
            for name, value in flat(plain).items()
        ],
        columns_wide,
    )
    for name, value in resource.items():
        if _things(value):
            lines += [[], [(f"{_title(name)} ({len(value)})", "bold")]]
            lines += table(_columns_of(value), value, columns_wide=columns_wide, terminal=terminal)
    return lines


def flat(resource: dict[str, Any]) -> dict[str, Any]:
    """Inner objects as dotted names; money stays whole."""
    result: dict[str, Any] = {}
    for name, value in resource.items():
        if isinstance(value, dict) and value and not is_money(value):
            result |= {f"{name}.{inner}": kept for inner, kept in flat(value).items()}
        else:
            result[name] = value
    return result


def pick(resource: dict[str, Any], path: str) -> Any:
    """The value at a dotted path, None where there is none."""
    value: Any = resource
    for step in path.split("."):
        if not isinstance(value, dict) or step not in value:
            return None
        value = value[step]
    return value


def plain(lines: Sequence[Line]) -> str:
    """The lines without colour."""
    return "".join("".join(text for text, _ in line).rstrip() + "\n" for line in lines)


def _things(value: Any) -> bool:
    return (
        isinstance(value, list) and bool(value) and all(isinstance(item, dict) and not is_money(item) for item in value)
    )


def _columns_of(items: Sequence[dict[str, Any]]) -> list[str]:
    names: dict[str, None] = {}
    for item in items:
        names |= dict.fromkeys(flat(item))
    return list(names)


def _title(name: str) -> str:
    return safe(name)


def _chunks(text: str, limit: int) -> list[str]:
    chunks, current, used = [], "", 0
    for character in text:
        size = width(character)
        if used + size > limit:
            cut = current.rfind(" ") + 1 or current.rfind("-") + 1 or len(current)
            chunks.append(current[:cut].rstrip())
            current = current[cut:]
            used = width(current)
        current += character
        used += size
    return [*chunks, current]
