"""The outbox: what is still to be delivered, in a file that survives the process.

SQLite, one connection, each change one transaction that is on disk before anything follows from it. A batch of records
is taken in with the members' numbers and the offsets that it ends at, so each record is in the outbox once, whatever
dies when. A delivery is deleted when it is done: the outbox holds what is under way, and digests of members' ids.
"""

import os
import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from threading import RLock
from typing import Final, NamedTuple, Self

from features.errors import CorruptStateError, SettingsError
from streams.notify.deliveries import Delivery, Reason
from streams.notify.intake import Arrival, Intake, members_of, take_in

_FORMAT: Final = 1
_OWNER_ONLY_FOLDER: Final = 0o700
_OWNER_ONLY: Final = 0o600
_DIGEST_BYTES: Final = 16
_SCHEMA: Final = """
CREATE TABLE log (topic_id BLOB NOT NULL);
CREATE TABLE positions (partition INTEGER PRIMARY KEY, next_offset INTEGER NOT NULL);
CREATE TABLE numbers (
  partition INTEGER NOT NULL, member BLOB NOT NULL, number INTEGER NOT NULL, PRIMARY KEY (partition, member)
) WITHOUT ROWID;
CREATE TABLE deliveries (
  key INTEGER PRIMARY KEY, id TEXT NOT NULL, channel TEXT NOT NULL, member TEXT NOT NULL, partition INTEGER NOT NULL,
  value BLOB NOT NULL, queued_ms INTEGER NOT NULL, due_ms INTEGER NOT NULL, attempts INTEGER NOT NULL,
  given_up TEXT, code TEXT NOT NULL, UNIQUE (id, channel)
);
CREATE INDEX due ON deliveries (channel, due_ms, key);
CREATE INDEX oldest ON deliveries (channel, queued_ms);
"""
_COLUMNS: Final = "id, channel, member, partition, value, queued_ms, due_ms, attempts, given_up, code"


class Depth(NamedTuple):
    """Of one channel: deliveries in the outbox, and when the oldest of them came into the log."""

    deliveries: int
    oldest_ms: int


class Outbox:
    """The outbox of one process; a context manager. Its calls may come from any thread.

    Args:
        folder: Where its file is; another process that uses the same one is refused.

    Raises:
        SettingsError: another process uses the folder.
        CorruptStateError: the file is another format's.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=_OWNER_ONLY_FOLDER, parents=True, exist_ok=True)
        path = folder / "outbox.sqlite"
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, _OWNER_ONLY))
        self._lock = RLock()
        self._in_hand: defaultdict[str, set[str]] = defaultdict(set)
        self._db = sqlite3.connect(path, timeout=1, isolation_level=None, check_same_thread=False)
        try:
            self._open(path)
        except sqlite3.OperationalError as refused:
            self._db.close()
            raise SettingsError(f"{path}: {refused}; each process needs a data_dir of its own") from refused
        except sqlite3.DatabaseError as broken:
            self._db.close()
            raise CorruptStateError(f"{path}: {broken}; docs/notifications.md says what to do without it") from broken

    def _open(self, path: Path) -> None:
        # FULL: what Kafka is told to forget must be on disk, not only in the machine's memory.
        for pragma in ("locking_mode = EXCLUSIVE", "journal_mode = WAL", "synchronous = FULL", "secure_delete = ON"):
            self._db.execute(f"PRAGMA {pragma}")
        with self._transaction() as db:
            found = db.execute("PRAGMA user_version").fetchone()[0]
            if found not in {0, _FORMAT}:
                raise CorruptStateError(f"{path}: has format {found}, this code knows {_FORMAT}; run a newer version")
            if found == 0:
                for statement in _SCHEMA.split(";"):
                    db.execute(statement)
                db.execute(f"PRAGMA user_version = {_FORMAT}")
            self._count = int(db.execute("SELECT count(*) FROM deliveries").fetchone()[0])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._db.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    # --- what comes in

    def follow(self, topic_id: bytes) -> None:
        """Positions and numbers are those of the topic with this id; of another one, they are forgotten."""
        with self._transaction() as db:
            if db.execute("SELECT topic_id FROM log").fetchall() != [(topic_id,)]:
                for statement in ("DELETE FROM log", "DELETE FROM positions", "DELETE FROM numbers"):
                    db.execute(statement)
                db.execute("INSERT INTO log VALUES (?)", (topic_id,))

    def position(self, partition: int) -> int | None:
        """Offset after the last record that was taken in; None where there was none yet."""
        with self._lock:
            row = self._db.execute("SELECT next_offset FROM positions WHERE partition = ?", (partition,)).fetchone()
        return None if row is None else int(row[0])

    def forget_numbers(self, partition: int) -> None:
        """Begin anew with the members of a partition, whose log was cut off behind what was read."""
        with self._transaction() as db:
            db.execute("DELETE FROM numbers WHERE partition = ?", (partition,))
            db.execute("DELETE FROM positions WHERE partition = ?", (partition,))

    def take_in(self, partition: int, arrivals: Sequence[Arrival], default_channel: str) -> Intake:
        """Take in records of a partition, in order: deliveries, numbers and position in one transaction."""
        digests = {member: _digest(member) for member in members_of(arrivals)}
        with self._transaction() as db:
            known = {}
            for member, digest in digests.items():
                asked = "SELECT number FROM numbers WHERE partition = ? AND member = ?"
                for (number,) in db.execute(asked, (partition, digest)):
                    known[member] = number
            intake = take_in(arrivals, known, default_channel)
            inserted = db.executemany(
                f"INSERT OR IGNORE INTO deliveries ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - constants only
                [_row(delivery) for delivery in intake.deliveries],
            ).rowcount
            db.executemany(
                "INSERT OR REPLACE INTO numbers VALUES (?, ?, ?)",
                [(partition, digests[member], number) for member, number in intake.numbers.items()],
            )
            db.executemany("INSERT OR REPLACE INTO positions VALUES (?, ?)", list(intake.positions.items()))
        self._count += max(0, inserted)
        return intake

    # --- what goes out

    def claim(self, channel: str, now_ms: int) -> Delivery | None:
        """The delivery of a channel that is due longest, of a member that nobody is busy with; None for none.

        One after another is what a member gets them in, so a member's second one waits for the first.
        """
        with self._lock:
            busy = self._in_hand[channel]
            marks = ", ".join("?" * len(busy))
            row = self._db.execute(
                f"SELECT {_COLUMNS}, key FROM deliveries WHERE channel = ? AND due_ms <= ?"  # noqa: S608 - constants only
                f" AND member NOT IN ({marks}) ORDER BY due_ms, key LIMIT 1",
                (channel, now_ms, *busy),
            ).fetchone()
            if row is None:
                return None
            delivery = Delivery(**dict(zip(Delivery.__struct_fields__, row, strict=True)))
            busy.add(delivery.member)
            return delivery

    def release(self, delivery: Delivery) -> None:
        """Nobody is busy with a claimed delivery any more."""
        with self._lock:
            self._in_hand[delivery.channel].discard(delivery.member)

    def done(self, delivery: Delivery) -> None:
        """Forget a delivery."""
        with self._transaction() as db:
            self._count -= db.execute("DELETE FROM deliveries WHERE key = ?", (delivery.key,)).rowcount

    def postpone(self, delivery: Delivery, due_ms: int, *, attempts: int, code: str) -> None:
        """Look at it again at `due_ms`."""
        with self._transaction() as db:
            statement = "UPDATE deliveries SET due_ms = ?, attempts = ?, code = ? WHERE key = ?"
            db.execute(statement, (due_ms, attempts, code, delivery.key))

    def give_up(self, delivery: Delivery, reason: Reason, code: str) -> None:
        """Try no more; what is left is to report it."""
        with self._transaction() as db:
            db.execute(
                "UPDATE deliveries SET given_up = ?, code = ? WHERE key = ?",
                (reason, code, delivery.key),
            )

    # --- how much there is

    @property
    def count(self) -> int:
        """Deliveries that are not done."""
        return self._count

    def channels(self) -> list[str]:
        """The channels that have deliveries, also those that nobody serves."""
        found: list[str] = []
        first = "SELECT min(channel) FROM deliveries"
        with self._lock:
            # One step in the index for each: there may be very many deliveries.
            (channel,) = self._db.execute(first).fetchone()
            while channel is not None:
                found.append(channel)
                (channel,) = self._db.execute(f"{first} WHERE channel > ?", (channel,)).fetchone()
        return found

    def depths(self) -> dict[str, Depth]:
        """What each channel that has any has to do."""
        with self._lock:
            rows = self._db.execute("SELECT channel, count(*), min(queued_ms) FROM deliveries GROUP BY channel")
            return {channel: Depth(count, oldest_ms) for channel, count, oldest_ms in rows}


def _row(delivery: Delivery) -> tuple[object, ...]:
    return tuple(getattr(delivery, name) for name in _COLUMNS.split(", "))


def _digest(member: str) -> bytes:
    """Stands for a member where only the number matters."""
    return blake2b(member.encode(), digest_size=_DIGEST_BYTES).digest()
