"""Gathers the read models and folds records into all of them."""

import msgspec

from services.gateway.domain.commands import CommandsView
from services.gateway.domain.engine import EngineStatus, EngineView
from services.gateway.domain.orders import OrdersView
from services.gateway.domain.positions import PositionsView
from services.gateway.domain.scans import ScansView
from services.gateway.domain.services import ServicesView
from services.gateway.domain.signals import SignalsView
from services.gateway.domain.trades import TradesView
from shared.contracts.desk import Source
from shared.contracts.position import PositionClosed
from shared.contracts.processor import NS_PER_MS
from shared.contracts.record import Record

# Whose records tell what time it is at the desk.
TELLING_TIME = frozenset({Source.MARKET, Source.CLOCK, Source.VENUE})


class Views(msgspec.Struct, kw_only=True):
    """Everything that the gateway shows, as of record `seq`."""

    seq: int = 0
    # Desk time of the last record that tells it; 0 while it is unknown.
    time_ns: int = 0
    engine: EngineView = msgspec.field(default_factory=EngineView)
    commands: CommandsView = msgspec.field(default_factory=CommandsView)
    positions: PositionsView = msgspec.field(default_factory=PositionsView)
    orders: OrdersView = msgspec.field(default_factory=OrdersView)
    signals: SignalsView = msgspec.field(default_factory=SignalsView)
    scans: ScansView = msgspec.field(default_factory=ScansView)
    trades: TradesView = msgspec.field(default_factory=TradesView)
    services: ServicesView = msgspec.field(default_factory=ServicesView)

    def fold(self, record: Record) -> None:
        """Take in the next record."""
        time_ms = record.time_ns // NS_PER_MS
        self.seq = record.seq
        if record.source in TELLING_TIME:
            self.time_ns = record.time_ns
        for ordinal, event in enumerate(record.events):
            self.engine.fold(event, time_ms=time_ms, seq=record.seq)
            self.commands.fold(event, self.engine)
            self.orders.fold(event, time_ms=time_ms)
            self.signals.fold(event, time_ms=time_ms, seq=record.seq, ordinal=ordinal)
            self.scans.fold(event, time_ms=time_ms)
            self.services.fold(event, time_ms=time_ms)
            self.positions.fold(event, time_ms=time_ms)
            if isinstance(event, PositionClosed):
                self.trades.fold(event)

    @property
    def desk_time_ms(self) -> int | None:
        """Desk time, as far as the log tells it."""
        return self.time_ns // NS_PER_MS if self.time_ns else None

    def engine_status(self) -> EngineStatus:
        """Return `GET /api/engine/status`."""
        engine = self.engine
        return EngineStatus(
            state=engine.state,
            previous_state=engine.previous,
            reason=engine.reason,
            preset=engine.preset,
            mode=engine.mode,
            started_at=engine.started_at,
            slots=engine.slots,
            open_positions=len(self.positions.open),
            latency_ms=None,
            daily_r=self.trades.daily_r(self.desk_time_ms or 0),
            consecutive_losses=self.trades.losses_in_a_row(),
            entries_allowed=engine.entries_allowed,
            kill_switch=engine.kill_switch,
            desk_time=self.desk_time_ms,
            seq=self.seq,
        )
