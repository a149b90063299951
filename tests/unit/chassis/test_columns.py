"""What goes into a column batch comes out of it, to the last bit."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis import columns
from kernel.errors import DomainError
from tollbook.type.v1.columns_pb2 import ColumnBatch

int64s = st.integers(-(2**63), 2**63 - 1)
int32s = st.integers(-(2**31), 2**31 - 1)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
keys = st.none() | st.binary(min_size=16, max_size=16)
rows = st.lists(st.tuples(int64s, int32s, st.integers(0, 255), texts, texts, keys, st.booleans()))


@given(rows)
def test_a_batch_read_over_the_wire_is_the_batch_that_was_written(
    written: list[tuple[int, int, int, str, str, bytes | None, bool]],
) -> None:
    """Integers, texts in any script, repeated words, keys and nulls survive the journey."""
    big, small, tiny, text, word, key, null = (
        [list(column) for column in zip(*written, strict=True)] if written else [[]] * 7
    )
    batch = columns.encode(
        {
            "big": columns.int64(big, null),
            "small": columns.int32(small),
            "tiny": columns.uint8(tiny),
            "text": columns.text(text),
            "word": columns.dictionary(word),
            "key": columns.key16(key),
        },
        len(written),
    )
    read = columns.decode(ColumnBatch.FromString(batch.SerializeToString()))
    assert read.int64("big").tolist() == big
    assert read.nulls("big").tolist() == null
    assert read.int32("small").tolist() == small
    assert read.uint8("tiny").tolist() == tiny
    assert read.text("text") == text
    assert read.dictionary("word") == word
    assert read.key16("key") == key


def test_a_newer_schema_is_refused_and_not_misread() -> None:
    """A consumer that is older than its producer says so instead of guessing."""
    batch = columns.encode({"a": columns.int64([1])}, 1, schema_version=2)
    with pytest.raises(DomainError, match="SCHEMA_TOO_NEW"):
        columns.decode(batch)


@pytest.mark.parametrize(
    "damage",
    [
        lambda batch: batch.columns.pop(),
        lambda batch: setattr(batch, "row_count", 3),
        lambda batch: setattr(batch.columns[0], "type", 2),
        lambda batch: setattr(batch, "row_count", columns.ROW_COUNT_MAX + 1),
    ],
)
def test_a_damaged_batch_is_refused_with_the_column_named(damage: object) -> None:
    """Missing columns, wrong types and wrong lengths are errors, never other numbers."""
    batch = columns.encode({"amount": columns.int64([1, 2])}, 2)
    damage(batch)  # type: ignore[operator]
    with pytest.raises(DomainError, match="MALFORMED_COLUMNS"):
        columns.decode(batch).int64("amount")


def test_an_index_past_the_dictionary_is_refused() -> None:
    """A dictionary that lost its words cannot turn into other words."""
    batch = columns.encode({"word": columns.dictionary(["a", "b"])}, 2)
    del batch.columns[0].dictionary[1]
    with pytest.raises(DomainError, match="MALFORMED_COLUMNS"):
        columns.decode(batch).dictionary("word")


def test_an_offset_past_the_text_is_refused() -> None:
    """Texts that overlap or end nowhere are no texts."""
    for offsets in ([0, 1, 9], [0, 2, 1]):
        batch = columns.encode({"word": columns.text(["a", "b"])}, 2)
        batch.columns[0].offsets = np.array(offsets, "<u4").tobytes()
        with pytest.raises(DomainError, match="MALFORMED_COLUMNS"):
            columns.decode(batch).encoded_text("word")


def test_words_and_encoded_texts_come_out_as_they_went_in() -> None:
    """Whoever has them ready encodes them without taking them apart."""
    table = {
        "word": columns.coded([1, 0, 1], ["a", "é"]),
        "text": columns.encoded_text([b"x", "ü".encode(), b""]),
    }
    batch = columns.decode(columns.encode(table, 3))
    assert batch.dictionary("word") == ["é", "a", "é"]
    assert batch.text("text") == ["x", "ü", ""]
    assert "word" in batch
    assert "other" not in batch
