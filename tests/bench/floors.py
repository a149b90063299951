"""Floors: what the machine does at best, measured in the same run as what stands on it."""

import os
import sqlite3
import statistics
import tempfile
import time
from pathlib import Path

ROWS_A_TRANSACTION = 1_000
TRANSACTIONS = 20
ROUNDS = 5


def sqlite_insert_rate() -> float:
    """Rows a second into one table of call-like rows, 1,000 a transaction, every commit synced."""
    return statistics.median(_insert_round() for _ in range(ROUNDS))


def _insert_round() -> float:
    rows = [
        (number.to_bytes(6, "big") + os.urandom(10), "aurora", "31612345678", number, 60_000, 240)
        for number in range(ROWS_A_TRANSACTION * TRANSACTIONS)
    ]
    with tempfile.TemporaryDirectory() as folder:
        connection = sqlite3.connect(Path(folder) / "floor.sqlite3", isolation_level=None)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(
            "CREATE TABLE call (id BLOB PRIMARY KEY, tenant TEXT, callee TEXT, start INTEGER, "
            "duration INTEGER, amount INTEGER) WITHOUT ROWID"
        )
        begin = time.perf_counter()
        for first in range(0, len(rows), ROWS_A_TRANSACTION):
            connection.execute("BEGIN IMMEDIATE")
            part = rows[first : first + ROWS_A_TRANSACTION]
            connection.executemany("INSERT INTO call VALUES (?, ?, ?, ?, ?, ?)", part)
            connection.execute("COMMIT")
        seconds = time.perf_counter() - begin
        connection.close()
    return len(rows) / seconds
