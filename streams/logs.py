"""Structured logs: one JSON object per line on standard error, with a closed list of fields and no member data.

A field that is not on the list is refused, so that a member's id or an action's text cannot slip in by a careless line.
Messages are constants: what varies goes into fields.

Example:
    >>> from io import StringIO
    >>> stream = StringIO()
    >>> configure_logs("info", stream)
    >>> log("worker").info("assigned", extra=fields(partition=3, offset=41))
    >>> import json
    >>> [json.loads(stream.getvalue())[key] for key in ("logger", "event", "partition", "offset")]
    ['tierstream.worker', 'assigned', 3, 41]
"""

import json
import logging
import sys
import traceback
from datetime import UTC, datetime
from typing import IO, Final

from features.errors import BrokerError, ContractError, PolicyError, SettingsError

ROOT = "tierstream"
# Nothing here can name a member: places in the log, sizes, durations, versions and names of our own parts.
FIELDS: Final = frozenset(
    {
        "app_id", "attempt", "bootstrap", "bytes", "cause", "channel", "cluster", "count", "duration_ms", "error",
        "example_offset", "expected_offset", "file", "folder", "generation", "lag", "log_time_ms", "mark", "offset",
        "offsets", "partition", "partitions", "pid", "policy_version", "port", "reason", "records", "rows",
        "setting", "signal", "state", "topic", "topic_id", "version", "weights_version", "worker",
    }
)  # fmt: skip
# Libraries that log every record they touch, or say at "info" what nobody acts on.
_TALKATIVE = ("aiokafka", "faust", "mode", "asyncio", "kafka")
_HELD = "tierstream_fields"
_FOR_OPERATORS = (BrokerError, PolicyError, SettingsError)


def fields(**values: object) -> dict[str, dict[str, object]]:
    """The `extra` argument of a log call.

    Raises:
        ContractError: a field is not on the list.
    """
    unknown = sorted(values.keys() - FIELDS)
    if unknown:
        raise ContractError(
            f"log fields {', '.join(unknown)}: not on the list in streams/logs.py; add what is not personal"
        )
    return {_HELD: values}


def log(part: str) -> logging.Logger:
    """The logger of a part of the program, such as `worker` or `trainer`."""
    return logging.getLogger(f"{ROOT}.{part}")


def configure_logs(level: str, stream: IO[str] | None = None) -> None:
    """Send every log record of this process to `stream` (standard error) as JSON Lines.

    Args:
        level: `debug`, `info`, `warning` or `error`, for our own records. Libraries are heard from `warning` on.
        stream: Where to write; None is standard error.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger(ROOT).setLevel(level.upper())
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)


class JsonFormatter(logging.Formatter):
    """One line of JSON per record: time, level, logger, event, then the fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Format one record; an exception becomes its type and where it was raised."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
        }
        line |= getattr(record, _HELD, {})
        if record.exc_info and record.exc_info[1] is not None:  # a library may say False
            line |= _describe(record.exc_info[1])
        return json.dumps(line, default=str, ensure_ascii=False)


def _describe(failure: BaseException) -> dict[str, object]:
    """Type and place of an exception. Its message may quote a record, unless it is one that speaks to the operator."""
    frames = traceback.extract_tb(failure.__traceback__)
    described: dict[str, object] = {
        "error": type(failure).__qualname__,
        "trace": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
    }
    if isinstance(failure, _FOR_OPERATORS):
        described["message"] = str(failure)
    return described
