# table: the rows as text.
#
# SPDX-License-Identifier: MIT

HEAD = ["work", "result", "(range)", "noise", "(range)", "bar", "aim", "measured",
        "yardstick", ""]


def format_number(number):
    """Three digits at least, and no more behind the point than they need."""
    if abs(number) >= 100:
        return f"{number:,.0f}"
    return f"{number:.1f}" if abs(number) >= 10 else f"{number:.2f}"


def format_range(numbers):
    return f"{format_number(min(numbers))}-{format_number(max(numbers))}"


def format_mark(mark, row):
    if mark is None:
        return ""
    return ("<= " if row["less_is_better"] else "") + f"{mark:g}"


def format_value(value, row):
    space = "" if row["value_unit"].startswith("/") else " "
    return format_number(value) + space + row["value_unit"]


def format_result(row):
    return format_number(row["result"]) + (f" {row['unit']}" if row["unit"] else "")


def format_row(row):
    return [row["name"], format_result(row), format_range(row["results"]),
            format_number(row["noise"]), format_range(row["noises"]),
            format_mark(row["bar"], row), format_mark(row["aim"], row),
            format_value(row["subject_value"], row),
            format_value(row["yardstick_value"], row), row["verdict"]]


def format_notes(row):
    return "; ".join(f"{what} {format_number(figure)}"
                     for what, figure in row["notes"].items())


def format_table(rows):
    """The lines; what a row notes stands below it."""
    lines = [HEAD] + [format_row(row) for row in rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(HEAD))]
    for line, row in zip(lines, [None, *rows]):
        cells = [line[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(line[1:-1], widths[1:-1])]
        yield "  ".join(cells + [line[-1]]).rstrip()
        if row and row["notes"]:
            yield "    " + format_notes(row)
