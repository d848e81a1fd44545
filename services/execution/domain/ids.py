"""Names every order after what it is for, never after when it was decided.

The same intent has the same client order id in every run and after every crash, so a resend is
recognised by the venue, and the reason of an exit can be read back from its order.
"""

from uuid import UUID

from shared.contracts.ids import derive_id
from shared.contracts.position import ExitReason

# Names hang on signals and positions, which are unique by themselves, and on no record.
_NO_RECORD = 0


def position_id_of(desk_id: UUID, signal_id: str) -> str:
    """Return the id of the position that a signal may become."""
    return derive_id(desk_id, _NO_RECORD, signal_id, "position")


def entry_order_id(desk_id: UUID, signal_id: str, attempt: int) -> str:
    """Return the client order id of a signal's entry: attempt 0 first, 1 for what that left."""
    return derive_id(desk_id, _NO_RECORD, signal_id, "entry", attempt)


def stop_order_id(desk_id: UUID, position_id: str, attempt: int) -> str:
    """Return the client order id of a position's n-th stop order."""
    return derive_id(desk_id, _NO_RECORD, position_id, "stop", attempt)


def target_order_id(desk_id: UUID, position_id: str, index: int, attempt: int) -> str:
    """Return the client order id of the n-th attempt at a position's target."""
    return derive_id(desk_id, _NO_RECORD, position_id, "target", index, attempt)


def exit_order_id(desk_id: UUID, position_id: str, reason: ExitReason, attempt: int) -> str:
    """Return the client order id of a position's n-th market exit."""
    return derive_id(desk_id, _NO_RECORD, position_id, "exit", reason.value, attempt)


def exit_reason_of(desk_id: UUID, position_id: str, client_order_id: str, attempt: int) -> ExitReason | None:
    """Return why an exit order was sent, which its name tells; None when it is no exit of this position."""
    for reason in ExitReason:
        if exit_order_id(desk_id, position_id, reason, attempt) == client_order_id:
            return reason
    return None


def sweep_order_id(desk_id: UUID, command_id: str, symbol: str, attempt: int) -> str:
    """Return the client order id that closes, on a person's order, what is not in our books."""
    return derive_id(desk_id, _NO_RECORD, command_id, "sweep", symbol, attempt)


def amend_id_of(desk_id: UUID, position_id: str, number: int) -> str:
    """Return the id of a position's n-th stop move."""
    return derive_id(desk_id, _NO_RECORD, position_id, "amend", number)
