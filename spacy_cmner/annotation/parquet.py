"""Parquet, by pyarrow: imported where it is used, because it is an extra."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from spacy_cmner.annotation.items import SourceRecord, item_to_dict, to_json
from spacy_cmner.errors import Messages

_ROWS = 256


def read_rows(path: Path) -> tuple[list[str], Iterator[tuple[float, dict[str, Any]]]]:
    """The names of the columns, and an iterator over the rows, each after the part of the file
    that has been read, 0 to 1.

    RAISES (CmnerError): pyarrow is missing, this is no Parquet file, or two columns of it have one
        name.
    """
    parquet = import_parquet()
    try:
        file = parquet.ParquetFile(path)
    except OSError as error:
        raise Messages.CM143.error(path=path, reason=error) from None
    except ValueError as error:  # ArrowInvalid
        raise Messages.CM143.error(path=path, reason=error) from None
    names = file.schema_arrow.names
    for name, times in Counter(names).items():
        if times > 1:
            reason = f"{times} columns are named {name!r}"
            raise Messages.CM143.error(path=path, reason=reason)
    return names, _rows(path, file)


def _rows(path: Path, file: Any) -> Iterator[tuple[float, dict[str, Any]]]:
    with file:
        done = 0
        try:
            for batch in file.iter_batches(_ROWS):
                for row in batch.to_pylist():
                    done += 1
                    yield done / file.metadata.num_rows, row
        except (OSError, ValueError, OverflowError) as error:  # such as a date beyond the year 9999
            raise Messages.CM143.error(path=path, reason=error) from None


def import_parquet() -> ModuleType:
    """RAISES (CmnerError): pyarrow is missing."""
    try:
        from pyarrow import parquet
    except ImportError:
        raise Messages.CM144.error() from None
    return parquet


def write_parquet(records: Sequence[SourceRecord], path: Path) -> None:
    """Write annotated records, a row each: `id`, `file`, `number`, `text`, `entities` (a list of
    structs start, end, label, score, source, assertion, kb_id) and `meta` (JSON).

    RAISES (CmnerError): pyarrow is missing.
    """
    parquet = import_parquet()
    import pyarrow

    entity = pyarrow.struct(
        {
            "start": pyarrow.int64(),
            "end": pyarrow.int64(),
            "label": pyarrow.string(),
            "score": pyarrow.float64(),
            "source": pyarrow.string(),
            "assertion": pyarrow.list_(pyarrow.string()),
            "kb_id": pyarrow.string(),
        }
    )
    schema = pyarrow.schema(
        {
            "id": pyarrow.string(),
            "file": pyarrow.string(),
            "number": pyarrow.int64(),
            "text": pyarrow.string(),
            "entities": pyarrow.list_(entity),
            "meta": pyarrow.string(),
        }
    )
    rows = [{**row, "meta": to_json(row["meta"])} for row in map(item_to_dict, records)]
    parquet.write_table(pyarrow.Table.from_pylist(rows, schema=schema), path)
