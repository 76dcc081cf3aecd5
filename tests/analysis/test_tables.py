import csv
import io

import pytest

from spacy_cmner.analysis.tables import Table

TABLE = Table("Per\ntype", ("type", "F\r\n1"), [("a\nb", "1.00"), ("c\u2028|d", "2.00")])


@pytest.mark.parametrize("lines", [TABLE.to_terminal, TABLE.to_markdown])
def test_a_cell_with_a_line_break_stays_on_one_row(lines):
    title, *_, first, second = lines().splitlines()
    assert "Per type" in title
    assert first.strip("| ").startswith("a b ") and "1.00" in first
    assert second.strip("| ").startswith("c ") and "2.00" in second


def test_csv_keeps_a_line_break():
    rows = list(csv.reader(io.StringIO(TABLE.to_csv(), newline="")))
    assert rows == [list(TABLE.header), *map(list, TABLE.rows)]
