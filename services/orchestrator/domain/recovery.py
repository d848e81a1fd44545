"""Takes the engine into error, back out of it, or on to emergency.

An error is a processor that failed, a needed service that stays dead, or books that cannot be
reconciled. The engine returns by itself as soon as all of that is gone; three retries of 5 s * 1.5^n
later (specification 1.4) a person is needed. Exits and stops are execution's and work throughout.
"""

from services.orchestrator.domain.engine import CALM_TICKS
from services.orchestrator.domain.moves import Moves
from services.orchestrator.domain.phases import resting
from shared.contracts.engine import EngineState

RETRY_DELAY_S = 5.0
RETRY_FACTOR = 1.5
RETRIES_MAX = 3
# In wall seconds (ticks) as well as in desk time, which may be too fast for any process to return.
PATIENCE_S = sum(RETRY_DELAY_S * RETRY_FACTOR**n for n in range(RETRIES_MAX))
MS_PER_S = 1_000
# Starting takes its time, and a paused engine enters nothing: there, a dead service is no failure.
WAITING = frozenset({EngineState.INITIALIZING, EngineState.PAUSED})


def check_health(moves: Moves) -> None:
    """Enter or leave error, whichever the facts ask for."""
    health, tick = moves.facts.health, moves.facts.tick
    state = moves.engine.state
    if state is EngineState.ERROR:
        _leave_error(moves)
    elif moves.engine.active:
        _fail(moves, health.failures(moves.partitions, tick))
    elif state in WAITING:
        _fail(moves, health.reported())


def unresolved(moves: Moves) -> list[str]:
    """Return what keeps an engine in error from going back to where it was."""
    health = moves.facts.health
    if moves.engine.interrupted in WAITING:
        return health.reported()
    return health.problems(moves.partitions, moves.facts.tick)


def return_from_error(moves: Moves, trigger: str, reason: str = "") -> None:
    """Go back to where the engine was, by the legal moves there are."""
    interrupted = moves.engine.interrupted
    if interrupted in WAITING:
        moves.go(interrupted, trigger, reason)
    else:
        moves.go(resting(moves), trigger, reason)


def _fail(moves: Moves, failures: list[str]) -> None:
    if not failures:
        return
    if moves.engine.errors_in_a_row < RETRIES_MAX or _calm(moves):
        moves.go(EngineState.ERROR, "failure", "; ".join(failures))
    else:
        moves.go(EngineState.EMERGENCY, "errors_in_a_row", "; ".join(failures))


def _leave_error(moves: Moves) -> None:
    problems = unresolved(moves)
    if not problems:
        return_from_error(moves, "recovered")
    elif _patience_is_over(moves):
        moves.go(EngineState.EMERGENCY, "retries_exhausted", "; ".join(problems))


def _patience_is_over(moves: Moves) -> bool:
    elapsed_s = (moves.ctx.time_ms - moves.engine.entered_ms) / MS_PER_S
    ticks = moves.facts.tick - moves.engine.entered_tick
    return elapsed_s >= PATIENCE_S and ticks >= PATIENCE_S


def _calm(moves: Moves) -> bool:
    return moves.facts.tick - moves.engine.last_error_tick > CALM_TICKS
