"""Measures bar close at the exchange → order received by the exchange, with every service a process.

The whole stack runs on generated markets. The exchange's own ledger says when an entry reached it; the bar
that caused it closed at the last multiple of five minutes of the exchange's clock before. Beside it, in
the same run and on the same machine, runs a chain of as many bare nats-py JetStream hops: publish with an
acknowledgement, push subscription, one process per hop, records synced to disk, bodies of like size.

    python benchmarks/pipeline.py [--seconds 120] [--symbols 100] [--speed 60] [--json]
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx
import nats
from nats.js import api

from shared.log.server import PrivateServer

BAR_MS = 300_000
# BarsClosed, SignalRaised, SignalApproved, OrderSubmitted: sizes of their records with 100 symbols.
HOP_BYTES = (6_500, 2_600, 1_300, 1_000)
CHAIN_PERIOD_S = 0.25
WARM_UP_MESSAGES = 5
# What comes later than this after a bar's close was not caused by the close: a limit order's second try.
CAUSED_BY_CLOSE_MS = 1_000.0


def percentile(values: list[float], share: float) -> float:
    """Return the value below which `share` of the values lie (nearest rank)."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


async def relay(url: str, hop: int) -> None:
    """Take a message of hop `hop` and publish the next hop's, for ever."""
    connection = await nats.connect(url)
    stream = connection.jetstream()
    inbox: asyncio.Queue[bytes] = asyncio.Queue()

    async def arrived(message: nats.aio.msg.Msg) -> None:
        await inbox.put(message.data)

    await stream.subscribe(
        f"chain.{hop}",
        cb=arrived,
        manual_ack=True,
        config=api.ConsumerConfig(ack_policy=api.AckPolicy.NONE, deliver_policy=api.DeliverPolicy.NEW),
    )
    await connection.publish("chain-ready", str(hop).encode())
    while True:
        stamp = (await inbox.get())[:24]
        await stream.publish(f"chain.{hop + 1}", stamp.ljust(HOP_BYTES[hop + 1]))


def run_relay(url: str, hop: int) -> None:
    """Run a relay as a process."""
    asyncio.run(relay(url, hop))


async def bare_chain(seconds: float) -> list[float]:
    """Return the latencies of the bare chain, in ms."""
    with tempfile.TemporaryDirectory() as folder:
        server = PrivateServer(Path(folder))
        await server.start()
        connection = await nats.connect(server.url)
        stream = connection.jetstream()
        await stream.add_stream(name="CHAIN", subjects=["chain.*"])
        ready = await connection.subscribe("chain-ready")
        last_hop = len(HOP_BYTES) - 1
        relays = [
            multiprocessing.get_context("spawn").Process(
                target=run_relay, args=(server.url, hop), daemon=True
            )
            for hop in range(last_hop)
        ]
        for process in relays:
            process.start()
        for _ in relays:
            await ready.next_msg(timeout=30)
        end = await stream.subscribe(
            f"chain.{last_hop}",
            config=api.ConsumerConfig(ack_policy=api.AckPolicy.NONE, deliver_policy=api.DeliverPolicy.NEW),
        )
        latencies = []
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            await stream.publish("chain.0", str(time.monotonic_ns()).encode().ljust(HOP_BYTES[0]))
            message = await end.next_msg(timeout=10)
            latencies.append((time.monotonic_ns() - int(message.data[:24])) / 1e6)
            await asyncio.sleep(CHAIN_PERIOD_S)
        for process in relays:
            process.terminate()
            process.join()
        await connection.close()
        await server.stop()
    return latencies[WARM_UP_MESSAGES:]


def preset_for_many_entries(folder: Path) -> Path:
    """Return the demo's rules with many small positions at once, so that there is much to measure."""
    preset = json.loads((Path(__file__).parents[1] / "presets" / "demo.json").read_text(encoding="utf-8"))
    preset["name"] = "many-entries"
    preset["risk"] |= {
        "risk_per_trade": 0.001,
        "max_concurrent_positions": 10,
        "daily_risk_limit": 1.0,
        "kill_switch_loss_limit": 1.0,
        "max_consecutive_losses": 20,
    }
    preset["position_config"] |= {"time_stop_minutes": 20}
    path = folder / "many-entries.json"
    path.write_text(json.dumps(preset), encoding="utf-8")
    return path


def breakout(*words: str) -> str:
    """Run the command line and return what it printed."""
    command = [sys.executable, "-m", "services.cli", *words]
    # An order is received when it arrives: the exchange's own latency is no part of ours.
    environment = os.environ | {"BREAKOUT__SIMULATOR__LATENCY_MS": "0"}
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    return done.stdout


def entry_latencies(ledger: dict[str, Any], speed: float) -> list[float]:
    """Return bar close → order received for each entry in the exchange's ledger, in ms of wall time."""
    entries = [order for order in ledger["orders"] if not order["reduce_only"]]
    delays = [order["created_ms"] % BAR_MS / speed for order in entries]
    return [delay for delay in delays if delay < CAUSED_BY_CLOSE_MS]


def measure(arguments: argparse.Namespace) -> dict[str, object]:
    """Run the stack and the chain side by side; return all figures."""
    with tempfile.TemporaryDirectory() as folder:
        home = ("--home", folder)
        started = time.monotonic()
        preset = preset_for_many_entries(Path(folder))
        speed, symbols = str(arguments.speed), str(arguments.symbols)
        breakout(
            "up", "--detach", "--port", "0", "--preset", str(preset), "--speed", speed, "--symbols", symbols, *home
        )  # fmt: skip
        ready_s = time.monotonic() - started
        try:
            chain = asyncio.run(bare_chain(arguments.seconds))
            status = json.loads(breakout("status", "--json", *home))
            run = json.loads((Path(folder) / "main" / "run.json").read_text(encoding="utf-8"))
            ledger = httpx.get(f"{run['simulator_url']}/sim/ledger", timeout=30).json()
            memory = sum(resident_bytes(process["pid"]) for process in status["processes"])
        finally:
            breakout("down", *home)
    ours = entry_latencies(ledger, arguments.speed)
    if not ours:
        raise SystemExit("no entry was sent: run longer, or with more symbols")
    return {
        "symbols": arguments.symbols,
        "ready_s": round(ready_s, 2),
        "stack_rss_mib": round(memory / 2**20),
        "entries": len(ours),
        "pipeline_p50_ms": round(statistics.median(ours), 2),
        "pipeline_p99_ms": round(percentile(ours, 0.99), 2),
        "bare_messages": len(chain),
        "bare_p50_ms": round(statistics.median(chain), 2),
        "bare_p99_ms": round(percentile(chain, 0.99), 2),
        "ratio_p50": round(statistics.median(ours) / statistics.median(chain), 2),
    }


def resident_bytes(pid: int) -> int:
    """Return a process's resident memory."""
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * 4096


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--symbols", type=int, default=100)
    parser.add_argument("--speed", type=float, default=60)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    figures = measure(arguments)
    if arguments.json:
        print(json.dumps(figures))
        return
    for name, value in figures.items():
        print(f"{name:18} {value}")


if __name__ == "__main__":
    main()
