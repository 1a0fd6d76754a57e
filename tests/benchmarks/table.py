"""What the benchmarks found, kept until pytest ends and then printed as one table."""

rows: list[tuple[str, str, str, str]] = []


def row(what: str, measured: str, wanted: str, holds: bool) -> None:  # noqa: FBT001 - the last column
    """Adds a line to the table. The benchmark asserts by itself what must hold."""
    rows.append((what, measured, wanted, "yes" if holds else "NO"))


def lines() -> list[str]:
    """The table in Markdown, as tests/README.md keeps it, aligned for a terminal."""
    heading = ("what", "measured", "wanted", "holds")
    widths = [max(map(len, column)) for column in zip(heading, *rows, strict=True)]
    rule = tuple("-" * width for width in widths)
    return [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |"
        for line in (heading, rule, *rows)
    ]
