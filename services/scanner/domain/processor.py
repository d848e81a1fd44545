"""Decides which markets are worth a trade: answers every scan of the engine for one partition.

State: `ScannerState`. Inputs: the market edge's observations, the preset in force, `ScanStarted`. Decisions:
`MarketsScored`, every market of the partition with its verdicts, failing ones included but marked (W-D6), and
`LevelsBuilt`.
"""

from collections.abc import Sequence

from services.scanner.domain.folding import fold_market
from services.scanner.domain.scan import Scan, scan
from services.scanner.domain.state import BAR_MS, WINDOW_BARS, ScannerState
from shared.contracts.base import Event
from shared.contracts.desk import Source
from shared.contracts.engine import PresetActivated, ScanStarted
from shared.contracts.ids import partition_of
from shared.contracts.processor import Context
from shared.contracts.scan import LevelsBuilt, MarketsScored
from shared.market.window import BarWindow


class ScannerProcessor:
    """The decider of one partition of the symbols."""

    source = Source.SCANNER
    reads = frozenset({Source.MARKET, Source.ORCHESTRATOR})
    state_type = ScannerState

    def __init__(self, partition: int = 0, partitions: int = 1) -> None:
        assert 0 <= partition < partitions, "a partition is one of the desk's"
        self.partition = partition
        self.partitions = partitions

    def initial(self) -> ScannerState:
        return ScannerState(window=BarWindow(step_ms=BAR_MS, capacity=WINDOW_BARS))

    def evolve(self, state: ScannerState, event: Event, ctx: Context) -> None:
        """Fold any event."""
        match event:
            case PresetActivated():
                state.preset = event.preset
            case MarketsScored():
                state.scan_id = event.scan_id
            case _:
                fold_market(state, event, ctx, self._owns)

    def decide(self, state: ScannerState, event: Event, ctx: Context) -> Sequence[Event]:
        """Answer a scan that has not been answered; without a preset no market is wanted."""
        if not isinstance(event, ScanStarted) or event.scan_id == state.scan_id:
            return ()
        found = Scan((), ()) if state.preset is None else scan(state, state.preset, ctx.time_ms, self._owns)
        return (
            MarketsScored(scan_id=event.scan_id, partition=self.partition, markets=found.markets),
            LevelsBuilt(scan_id=event.scan_id, partition=self.partition, levels=found.levels),
        )

    def _owns(self, symbol: str) -> bool:
        return partition_of(symbol, self.partitions) == self.partition
