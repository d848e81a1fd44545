"""Runs the scan cycle: starts scans when due, ranks them when complete, restarts those that hang.

Scans go on in every trading phase, so that an engine that waits for signals never waits on old
levels. Only while all slots are taken does the phase stay at managing meanwhile.
"""

from services.orchestrator.domain.engine import Scan
from services.orchestrator.domain.moves import Moves
from services.orchestrator.domain.ranking import completed
from shared.contracts.engine import EngineState, ScanStarted

MS_PER_S = 1_000
# A scan of the whole exchange takes well under a second. A minute of desk time can pass within a
# wall second, so a scan is given up only when that many ticks have passed as well.
SCAN_TIMEOUT_S = 60
SCAN_TIMEOUT_TICKS = 10
# How long a signal under sizing holds up the next scan.
SIZING_PATIENCE_TICKS = 15


def on_scored(moves: Moves) -> None:
    """All markets are judged: with candidates the engine goes on to their levels."""
    answers = moves.facts.answers
    if moves.engine.state is not EngineState.SCANNING or not answers.all_scored(moves.partitions):
        return
    if _running(moves) and answers.passed:
        moves.go(EngineState.LEVEL_BUILDING, "markets_scored", f"{answers.passed} markets passed")


def on_levels(moves: Moves) -> None:
    """All levels are built: the scan is complete, and the engine waits for signals."""
    scan, preset = moves.engine.scan, moves.engine.preset
    answers = moves.facts.answers
    if scan is None or preset is None or not _running(moves) or not answers.complete(moves.partitions):
        return
    moves.emit(completed(answers, number=scan.number, candidates_max=preset.scanner_config.max_candidates))
    if moves.engine.state is EngineState.LEVEL_BUILDING:
        moves.go(EngineState.SIGNAL_WAIT, "levels_built")
        if not moves.slots_free:
            moves.go(EngineState.MANAGING, "slots_taken")


def start_scan_when_due(moves: Moves) -> None:
    """Start the next scan, or the same again when the one before has hung."""
    scan = moves.engine.scan
    if not moves.engine.active or moves.engine.preset is None:
        return
    if _held_up_by_sizing(moves):
        return
    if scan is None or not scan.running:
        if (
            scan is None
            or _elapsed_s(moves, scan) >= moves.engine.preset.scanner_config.scan_interval_seconds
        ):
            start_scan(moves, "scan_due")
    elif _hangs(moves, scan):
        start_scan(moves, "scan_timed_out", f"scan {scan.number} got no answer from {_silent(moves)}")


def start_scan(moves: Moves, trigger: str, reason: str = "") -> None:
    """Start a scan; the engine shows it unless all slots are taken."""
    if moves.engine.state is not EngineState.SCANNING and moves.slots_free:
        moves.go(EngineState.SCANNING, trigger, reason)
        if moves.engine.pause_due:
            return
    number = moves.engine.scan.number + 1 if moves.engine.scan is not None else 1
    moves.emit(ScanStarted(scan_id=moves.ctx.derive("scan", number), number=number))


def _running(moves: Moves) -> bool:
    scan = moves.engine.scan
    return scan is not None and scan.running and scan.scan_id == moves.facts.answers.scan_id


def _elapsed_s(moves: Moves, scan: Scan) -> float:
    # A simulated venue that starts over sets desk time back; a scan "in the future" is long past.
    elapsed_ms = moves.ctx.time_ms - scan.started_ms
    return elapsed_ms / MS_PER_S if elapsed_ms >= 0 else float("inf")


def _hangs(moves: Moves, scan: Scan) -> bool:
    ticks = moves.facts.tick - scan.started_tick
    return _elapsed_s(moves, scan) >= SCAN_TIMEOUT_S and ticks >= SCAN_TIMEOUT_TICKS


def _held_up_by_sizing(moves: Moves) -> bool:
    ticks = moves.facts.tick - moves.engine.entered_tick
    return moves.engine.state is EngineState.SIZING and ticks < SIZING_PATIENCE_TICKS


def _silent(moves: Moves) -> str:
    answers = moves.facts.answers
    silent = [
        str(n) for n in range(moves.partitions) if n not in answers.scored or n not in answers.with_levels
    ]
    return f"partitions {', '.join(silent)}"
