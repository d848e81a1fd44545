"""Offer tests a control port outside the exchange's own protocol: faults, ledger, clock, moves."""

from collections.abc import Callable

import msgspec

from services.simulator.adapters.exchange import Exchange
from services.simulator.adapters.faults import Fault, Faults
from services.simulator.adapters.hub import Hub
from services.simulator.adapters.render_account import wallet_row
from services.simulator.adapters.wire import Json
from shared.venue.values import ZERO


class PriceMove(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A permanent move of one symbol's price by a fraction, from now on."""

    symbol: str
    move_frac: float


Handler = Callable[[bytes], Json]
ControlRoutes = dict[tuple[str, str], Handler]


class Control:
    """The routes under /sim; a body that cannot be read is answered with 400 and the reason."""

    def __init__(self, exchange: Exchange, faults: Faults, hub: Hub, clock: Callable[[], Json]) -> None:
        self._exchange = exchange
        self._faults = faults
        self._hub = hub
        self._clock = clock

    def table(self) -> ControlRoutes:
        return {
            ("GET", "/sim/clock"): lambda _: self._clock(),
            ("GET", "/sim/ledger"): self._ledger,
            ("GET", "/sim/faults"): lambda _: self._armed(),
            ("POST", "/sim/faults"): self._arm,
            ("DELETE", "/sim/faults"): self._disarm,
            ("POST", "/sim/market"): self._move,
            ("POST", "/sim/disconnect"): lambda _: {"closed": self._hub.drop_all()},
        }

    def _armed(self) -> Json:
        return {"armed": msgspec.to_builtins(self._faults.armed)}

    def _arm(self, body: bytes) -> Json:
        self._faults.arm(msgspec.json.decode(body, type=Fault))
        return self._armed()

    def _disarm(self, _: bytes) -> Json:
        self._faults.clear()
        return self._armed()

    def _move(self, body: bytes) -> Json:
        move = msgspec.json.decode(body, type=PriceMove)
        if move.symbol not in self._exchange.markets:
            raise msgspec.ValidationError(f"symbol {move.symbol!r} is not listed")
        if not -0.9 <= move.move_frac <= 9.0:
            raise msgspec.ValidationError(f"move_frac {move.move_frac} is not in -0.9..9")
        shock = self._exchange.shock(move.symbol, move.move_frac)
        return {"symbol": move.symbol, "at_ms": shock.at_ms, "factor": shock.factor}

    def _ledger(self, _: bytes) -> Json:
        """Return all the exchange knows of the account, in FIX names, with the sums to check it by."""
        self._exchange.advance()
        self._exchange.refresh_marks()
        account, ledger = self._exchange.account, self._exchange.ledger
        positions = account.positions.values()
        summed = {
            "initial": ledger.meta("initial"),
            "balance": str(account.wallet),
            "equity": str(account.equity()),
            "realised_pnl": str(sum((p.realised_pnl for p in positions), ZERO)),
            "fees": str(sum((p.fees for p in positions), ZERO)),
            "funding": str(sum((p.funding for p in positions), ZERO)),
        }
        client_ids = ledger.client_ids()
        return {
            "time_ms": self._exchange.now(),
            "orders": msgspec.to_builtins(list(account.orders.values())),
            "executions": msgspec.to_builtins(self._exchange.executions),
            "positions": msgspec.to_builtins(list(positions)),
            "wallet": summed,
            "account": wallet_row(account),
            "client_ids": client_ids,
            "duplicates_refused": sum(seen["refused"] for seen in client_ids.values() if seen["accepted"]),
            "duplicates_accepted": sum(max(seen["accepted"] - 1, 0) for seen in client_ids.values()),
        }
