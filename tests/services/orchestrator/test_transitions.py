"""The table is the specification's, the page shows it, and no sequence of events leaves it."""

from itertools import pairwise, product
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.orchestrator.domain.transitions import TRANSITIONS, is_legal, mermaid, page, way
from services.orchestrator.state_machine_page import PAGE
from shared.contracts.desk import ClockTicked, ProcessorFailed, ServiceSeen, Source
from shared.contracts.engine import CommandName, CommandRequested, EngineState, EngineStateChanged
from tests.deciding import START_MS
from tests.services.orchestrator.story import (
    PRESET,
    SERVICES,
    Story,
    answers,
    approval,
    closing,
    entry,
    opening,
    signal,
)

# Section 1.2, typed again from the specification.
SPECIFIED = """
idle | initializing, scanning, stopped, error
initializing | scanning, error, emergency, stopped
scanning | level_building, managing, paused, error, emergency, stopped
level_building | signal_wait, scanning, error, emergency, stopped
signal_wait | sizing, managing, scanning, paused, error, emergency, stopped
sizing | execution, scanning, error, emergency, stopped
execution | managing, scanning, error, emergency, stopped
managing | scanning, managing, paused, error, emergency, stopped
paused | scanning, managing, idle, error, emergency, stopped
error | scanning, managing, idle, emergency, stopped
emergency | stopped, idle
stopped | idle, initializing
"""
ROWS = [line.split(" | ") for line in SPECIFIED.strip().splitlines()]


@pytest.mark.parametrize(("origin", "targets"), ROWS, ids=[row[0] for row in ROWS])
def test_every_row_of_the_table_is_the_specified_one(origin: str, targets: str) -> None:
    assert ", ".join(TRANSITIONS[EngineState(origin)]) == targets


def test_every_state_has_a_row() -> None:
    assert set(TRANSITIONS) == set(EngineState)


@pytest.mark.parametrize(("origin", "target"), list(product(EngineState, EngineState)))
def test_a_way_takes_legal_moves_only_and_ends_where_it_should(
    origin: EngineState, target: EngineState
) -> None:
    steps = way(origin, target)
    assert all(is_legal(one, other) for one, other in pairwise((origin, *steps)))
    assert not steps or steps[-1] is target
    if is_legal(origin, target) and origin is not target:
        assert steps == (target,)


def test_the_diagram_has_every_move() -> None:
    assert mermaid().count(" --> ") == sum(map(len, TRANSITIONS.values())) + 1


def test_the_page_in_the_documentation_is_fresh() -> None:
    assert PAGE.read_text(encoding="utf-8") == page()


def _ids() -> st.SearchStrategy[str]:
    return st.sampled_from(["s1", "s2", "s3", "s4"])


# Each draws a source and a function from the story (ids of scans are known only while it is told) to events.
ANYTHING = st.one_of(
    st.sampled_from(list(CommandName)).flatmap(
        lambda name: st.integers(0, 10**6).map(
            lambda n: (
                Source.COMMANDS,
                lambda _: [
                    CommandRequested(command_id=f"c{n}", command=name, requested_by="t", preset=PRESET)
                ],
            )
        )
    ),
    st.tuples(st.sampled_from(SERVICES), st.booleans(), st.sampled_from("ab")).map(
        lambda drawn: (
            Source.CLOCK,
            lambda _: [
                ServiceSeen(service=drawn[0][0], partition=drawn[0][1], alive=drawn[1], instance=drawn[2])
            ],
        )
    ),
    st.integers(1, 30).map(lambda n: (Source.CLOCK, lambda _: [ClockTicked(number=k) for k in range(n)])),
    st.just(
        (
            Source.SHELL,
            lambda _: [ProcessorFailed(processor=Source.RISK, partition=0, poisonous_seq=1, error="x")],
        )
    ),
    st.tuples(st.integers(0, 1), st.lists(st.sampled_from("ABC"), max_size=2, unique=True)).map(
        lambda drawn: (
            Source.SCANNER,
            lambda story: list(answers(_scan_id(story), drawn[0], drawn[1])),
        )
    ),
    _ids().map(lambda i: (Source.SIGNALS, lambda story: [signal(i, story.now_ms + 60_000)])),
    _ids().map(lambda i: (Source.RISK, lambda story: [approval(i, story.now_ms + 60_000)])),
    st.tuples(_ids(), st.sampled_from([entry, opening, closing])).map(
        lambda drawn: (Source.EXECUTION, lambda _: [drawn[1](drawn[0])])
    ),
    st.tuples(_ids(), _ids()).map(
        lambda drawn: (Source.EXECUTION, lambda _: [closing(drawn[0]), opening(drawn[1]), closing(drawn[1])])
    ),
    st.sampled_from(
        ["tripped", "cleared", "denied", "expired", "rejected", "irreconcilable", "reconciled"]
    ).map(lambda verb: (None, verb)),
)


def _scan_id(story: Story) -> str:
    scan = story.memory.engine.scan
    return scan.scan_id if scan is not None else "none"


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)
@given(steps=st.lists(st.tuples(ANYTHING, st.integers(0, 90)), max_size=60), begin_healthy=st.booleans())
def test_no_sequence_of_events_produces_a_move_outside_the_table(
    steps: list[Any], begin_healthy: bool
) -> None:
    story = Story()
    if begin_healthy:
        story.healthy().command(CommandName.START, preset=PRESET)
    at = story.state
    for (source, events), seconds in steps:
        story.now_ms += seconds * 1_000
        if source is None:
            getattr(story, events)()
        else:
            story.tell(*events(story), source=source)
        for event in story.decided:
            if isinstance(event, EngineStateChanged):
                assert event.from_state is at, "the moves form one chain"
                assert is_legal(event.from_state, event.to_state)
                at = event.to_state
        assert story.state is at
        if story.memory.facts.kill_switch:
            assert not story.memory.engine.active, "no trading phase while the kill switch is set"
    assert story.now_ms >= START_MS
