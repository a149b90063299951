"""What the sandbox gateway has been asked for, in a SQLite file that survives a kill."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from deploy.local.sandbox_gateway.intents import Intent

KEY_SECONDS = 24 * 3600

_SCHEMA = """
CREATE TABLE IF NOT EXISTS intent (
    account TEXT, id TEXT, document TEXT NOT NULL, PRIMARY KEY (account, id)
);
CREATE TABLE IF NOT EXISTS saved_answer (
    account TEXT, key TEXT, request TEXT NOT NULL, status INTEGER NOT NULL, body TEXT NOT NULL,
    create_time INTEGER NOT NULL, PRIMARY KEY (account, key)
);
CREATE TABLE IF NOT EXISTS method (reference TEXT PRIMARY KEY, behaves_like TEXT);
"""


class SavedAnswer(NamedTuple):
    """The answer that an idempotency key has got, and to which request."""

    request: str
    status: int
    body: dict[str, Any]


class Store:
    """The state of the sandbox; `account` is whose API key asks."""

    def __init__(self, file: Path | str) -> None:
        self._connection = sqlite3.connect(file, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.executescript(_SCHEMA)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing, also where an answer is saved with its effect."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def intent(self, account: str, id_: str) -> Intent | None:
        """An intent of the account."""
        statement = "SELECT document FROM intent WHERE account = ? AND id = ?"
        row = self._connection.execute(statement, (account, id_)).fetchone()
        return Intent(**json.loads(row[0])) if row else None

    def intents(self) -> list[tuple[str, Intent]]:
        """Every intent with its account, in the order of making."""
        rows = self._connection.execute("SELECT account, document FROM intent ORDER BY rowid")
        return [(account, Intent(**json.loads(document))) for account, document in rows]

    def keep_intent(self, account: str, intent: Intent) -> None:
        """Keep an intent as it is now."""
        self._connection.execute(
            "INSERT INTO intent VALUES (?, ?, ?) "
            "ON CONFLICT (account, id) DO UPDATE SET document = excluded.document",
            (account, intent.id, json.dumps(asdict(intent))),
        )

    def saved_answer(self, account: str, key: str, now: int) -> SavedAnswer | None:
        """What a key has been answered within the last day."""
        row = self._connection.execute(
            "SELECT request, status, body FROM saved_answer "
            "WHERE account = ? AND key = ? AND create_time > ?",
            (account, key, now - KEY_SECONDS),
        ).fetchone()
        return SavedAnswer(row[0], row[1], json.loads(row[2])) if row else None

    def save_answer(self, account: str, key: str, answer: SavedAnswer, now: int) -> None:
        """Answer the key like that for a day."""
        values = (account, key, answer.request, answer.status, json.dumps(answer.body), now)
        self._connection.execute(
            "INSERT OR REPLACE INTO saved_answer VALUES (?, ?, ?, ?, ?, ?)", values
        )

    def behaviour(self, reference: str) -> str | None:
        """Like which method a reference behaves; None where it was taken from its customer."""
        statement = "SELECT behaves_like FROM method WHERE reference = ?"
        row = self._connection.execute(statement, (reference,)).fetchone()
        return row[0] if row else reference

    def set_behaviour(self, reference: str, behaves_like: str | None) -> None:
        """Let a method behave like another from now on, or be gone."""
        self._connection.execute(
            "INSERT OR REPLACE INTO method VALUES (?, ?)", (reference, behaves_like)
        )
