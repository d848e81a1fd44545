"""Keep the account's ledger in one SQLite file, written before a request is acknowledged.

WAL with synchronous=NORMAL: the promise is to survive the death of the process (kill -9), and a
committed page survives that in the operating system. Only a power cut could lose the last commits,
and a simulated exchange does not outlive the machine it simulates on.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

import msgspec

from services.simulator.adapters.failures import DataError
from services.simulator.domain.shocks import Shock
from shared.venue.account import Account
from shared.venue.events import Execution
from shared.venue.order import Order
from shared.venue.position import Position

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS orders (sequence INTEGER PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS executions (sequence INTEGER PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS positions (symbol TEXT PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS leverages (symbol TEXT PRIMARY KEY, leverage TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS client_ids (id TEXT PRIMARY KEY, accepted INTEGER, refused INTEGER);
CREATE TABLE IF NOT EXISTS shocks (symbol TEXT NOT NULL, at_ms INTEGER NOT NULL, factor REAL NOT NULL);
"""
_COUNT_CLIENT_ID = """
INSERT INTO client_ids VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE
SET accepted = accepted + excluded.accepted, refused = refused + excluded.refused
"""

T = TypeVar("T")


class Ledger:
    """One open ledger file; every public write is one transaction."""

    def __init__(self, folder: Path) -> None:
        path = folder / "ledger.sqlite"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=NORMAL")
            self._db.executescript(_SCHEMA)
        except (OSError, sqlite3.DatabaseError) as error:
            raise DataError(f"{path}: cannot be opened as a ledger: {error}") from error

    def close(self) -> None:
        self._db.close()

    def meta(self, key: str) -> str | None:
        row = self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return None if row is None else str(row[0])

    def set_meta(self, **values: str) -> None:
        rows = list(values.items())
        self._db.execute("BEGIN")
        self._db.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", rows)
        self._db.execute("COMMIT")

    def claim(self, market: str) -> None:
        """Bind a fresh ledger to a market; refuse one whose orders met another market."""
        bound = self.meta("market")
        if bound is None:
            self.set_meta(market=market)
        elif bound != market:
            raise DataError(f"the state folder belongs to the market {bound}, not to {market}")

    def load(self, cash: Decimal) -> Account:
        """Return the account as last committed, or a fresh one holding `cash`."""
        wallet = self.meta("wallet")
        if wallet is None:
            self.set_meta(wallet=str(cash), initial=str(cash), sequence="0")
            wallet = str(cash)
        account = Account(wallet=Decimal(wallet), sequence=int(self.meta("sequence") or 0))
        account.restore(self._decode("orders", Order), self._decode_positions())
        leverages = self._db.execute("SELECT symbol, leverage FROM leverages").fetchall()
        account.leverages = {symbol: Decimal(leverage) for symbol, leverage in leverages}
        return account

    def commit(
        self,
        account: Account,
        *,
        orders: Iterable[Order],
        executions: Iterable[Execution],
        symbols: Iterable[str],
        client_id: tuple[str, bool] | None = None,
    ) -> None:
        """Store what one call changed, all of it or nothing; `client_id` is (id, accepted)."""
        encode = msgspec.json.encode
        touched = list(symbols)
        held = [(s, account.positions[s]) for s in touched if s in account.positions]
        levers = [(s, str(account.leverages[s])) for s in touched if s in account.leverages]
        self._db.execute("BEGIN")
        self._db.executemany(
            "INSERT OR REPLACE INTO orders VALUES (?, ?)", [(o.sequence, encode(o)) for o in orders]
        )
        self._db.executemany(
            "INSERT INTO executions VALUES (?, ?)", [(e.sequence, encode(e)) for e in executions]
        )
        self._db.executemany(
            "INSERT OR REPLACE INTO positions VALUES (?, ?)", [(s, encode(p)) for s, p in held]
        )
        self._db.executemany("INSERT OR REPLACE INTO leverages VALUES (?, ?)", levers)
        meta = [("wallet", str(account.wallet)), ("sequence", str(account.sequence))]
        self._db.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", meta)
        if client_id is not None:
            name, accepted = client_id
            self._db.execute(_COUNT_CLIENT_ID, (name, int(accepted), int(not accepted)))
        self._db.execute("COMMIT")

    def executions(self) -> list[Execution]:
        return list(self._decode("executions", Execution))

    def client_ids(self) -> dict[str, dict[str, int]]:
        """Return how often each client id was accepted and refused as a create request."""
        rows = self._db.execute("SELECT id, accepted, refused FROM client_ids").fetchall()
        return {name: {"accepted": accepted, "refused": refused} for name, accepted, refused in rows}

    def add_shock(self, symbol: str, shock: Shock) -> None:
        self._db.execute("INSERT INTO shocks VALUES (?, ?, ?)", (symbol, shock.at_ms, shock.factor))

    def shocks(self) -> list[tuple[str, Shock]]:
        rows = self._db.execute("SELECT symbol, at_ms, factor FROM shocks").fetchall()
        return [(symbol, Shock(at_ms, factor)) for symbol, at_ms, factor in rows]

    def _decode(self, table: str, kind: type[T]) -> Iterator[T]:
        decoder = msgspec.json.Decoder(kind)
        query = f"SELECT body FROM {table} ORDER BY sequence"  # noqa: S608  the names are ours
        return (decoder.decode(row[0]) for row in self._db.execute(query).fetchall())

    def _decode_positions(self) -> Iterator[Position]:
        decoder = msgspec.json.Decoder(Position)
        return (decoder.decode(row[0]) for row in self._db.execute("SELECT body FROM positions").fetchall())
