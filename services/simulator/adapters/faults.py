"""Hold the faults that tests order: what goes wrong, with which request, how often.

Each armed fault is used up by the next matching requests, in the order in which faults were armed.
"""

from enum import StrEnum

import msgspec


class FaultKind(StrEnum):
    """What goes wrong. *Before* means the request has no effect; *after*, that it has been accepted."""

    CUT_BEFORE_ACCEPT = "cut_before_accept"
    CUT_AFTER_ACCEPT = "cut_after_accept"
    BAD_GATEWAY_BEFORE_ACCEPT = "502_before_accept"
    BAD_GATEWAY_AFTER_ACCEPT = "502_after_accept"
    HANG_BEFORE_ACCEPT = "hang_before_accept"
    HANG_AFTER_ACCEPT = "hang_after_accept"
    BAD_JSON_AFTER_ACCEPT = "bad_json_after_accept"
    TIMEOUT_AFTER_ACCEPT = "timeout_after_accept"
    SLOW = "slow"
    TOO_MANY_REQUESTS = "429"
    BAD_REQUEST = "400"
    RATE_LIMITED = "rate_limited"
    REFUSE_STOP = "refuse_stop"
    REFUSE_ORDER = "refuse_order"


AFTER_ACCEPT = frozenset(
    {
        FaultKind.CUT_AFTER_ACCEPT,
        FaultKind.BAD_GATEWAY_AFTER_ACCEPT,
        FaultKind.HANG_AFTER_ACCEPT,
        FaultKind.BAD_JSON_AFTER_ACCEPT,
        FaultKind.TIMEOUT_AFTER_ACCEPT,
    }
)


class Fault(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """One armed fault; `delay_ms` is how long `slow` waits and how long `hang` stays silent.

    The path "*" stands for every path under /v5: with a large count, an outage.
    """

    kind: FaultKind
    path: str = "/v5/order/create"
    count: int = 1
    delay_ms: int = 30_000


class Faults:
    """The armed faults."""

    def __init__(self) -> None:
        self.armed: list[Fault] = []

    def arm(self, fault: Fault) -> None:
        self.armed.append(fault)

    def clear(self) -> None:
        self.armed.clear()

    def take(self, path: str, *, is_stop: bool) -> Fault | None:
        """Return the first armed fault that fits a request, one use less."""
        for fault in self.armed:
            if fault.path not in (path, "*") or (fault.kind is FaultKind.REFUSE_STOP and not is_stop):
                continue
            fault.count -= 1
            if fault.count <= 0:
                self.armed.remove(fault)
            return fault
        return None
