"""Pure: the monitor's history: append-only records, one JSON line each with its own checksum.

Purpose: what was detected, decided and done, with the reasons per member, surviving restarts.
Invariants: numbers only grow; a torn or damaged tail ends the scan and is cut off before the next
append; nothing is ever rewritten.
"""

from __future__ import annotations

import json
import zlib
from typing import Any

from attrs import frozen

from failover.decision import Decision
from failover.promotion import Outcome, StepRecord


@frozen
class Record:
    number: int
    at: float  # Unix seconds, for people; nothing is decided by it
    kind: str
    fields: dict[str, Any]

    def to_plain(self) -> dict[str, Any]:
        return {"number": self.number, "at": self.at, "kind": self.kind, **self.fields}


@frozen
class Scan:
    records: tuple[Record, ...]
    length: int  # bytes up to the end of the last sound record


def encode(record: Record) -> bytes:
    body = json.dumps(record.to_plain(), separators=(",", ":")).encode()
    return b"%08x %s\n" % (zlib.crc32(body), body)


def scan(data: bytes) -> Scan:
    """Sound records from the start of the file; stops at the first that is not."""
    records: list[Record] = []
    offset = 0
    while True:
        end = data.find(b"\n", offset)
        if end < 0:
            break
        record = _decode(data[offset:end])
        if record is None or (records and record.number <= records[-1].number):
            break
        records.append(record)
        offset = end + 1
    return Scan(tuple(records), offset)


def _decode(line: bytes) -> Record | None:
    checksum, separator, body = line.partition(b" ")
    if not separator or checksum != b"%08x" % zlib.crc32(body):
        return None
    fields = json.loads(body)
    return Record(fields.pop("number"), fields.pop("at"), fields.pop("kind"), fields)


def decision_fields(decision: Decision) -> dict[str, Any]:
    return {
        "analysis": decision.analysis.value,
        "why": decision.why,
        "action": type(decision.action).__name__.lower(),
        "target": getattr(decision.action, "target", None),
        "members": {verdict.member: verdict.reason for verdict in decision.verdicts},
    }


def outcome_fields(outcome: Outcome, steps: list[StepRecord]) -> dict[str, Any]:
    return {
        "outcome": outcome.kind.value,
        "member": outcome.member,
        "epoch": outcome.epoch,
        "failure": outcome.failure.value if outcome.failure else None,
        "text": outcome.text,
        "steps": [
            [item.step.value, item.member, item.result, round(item.seconds, 6)] for item in steps
        ],
    }
