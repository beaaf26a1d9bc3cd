"""How dear a message is: four servers under the same load, in turns, as ratios to Tornado answering a constant.

``python -m tests.bench.run [--seconds 3] [--rounds 3]``. It prints a table and asserts no timing: machines differ
and are shared, so only figures of one run compare. What is served is in ``servers.py``, what is said in
``material.py``.
"""

from __future__ import annotations

import argparse
import asyncio
import html
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from run import FAST, take_compiled
from tests.bench import material
from tests.wire import Account

CONNECTIONS = 32
WARM_UP_SECONDS = 0.5
PATIENCE_SECONDS = 60.0
LABELS = {
    "bare": "Tornado, a constant",
    "echo": "WeRoBot echo, session off",
    "session": "WeRoBot echo, default session",
    "zhike": "Zhike, the whole job",
}
COLUMNS = ("msg/s", "CPU us/msg", "msg/s/core", "x hello", "p50 ms", "p99 ms", "errors")
ACCOUNT = Account()
COMPILED = take_compiled()
CODE = (FAST, material.ROOT) if COMPILED else (material.ROOT,)


@dataclass(frozen=True, slots=True)
class Server:
    """A server process under test."""

    name: str
    pid: int
    port: int

    def cpu_seconds(self) -> float:
        """Return the processor time its threads have used, user and system, in ticks of 10 ms."""
        stat = Path(f"/proc/{self.pid}/stat").read_text("ascii").rpartition(")")[2].split()
        return (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")

    def answered(self, text: str, status: int, body: bytes) -> bool:
        """Tell whether a reply is the one this server owes: an excuse or silence is an error, however quick."""
        if self.name == "bare":
            return status == 200 and body.decode() == material.HELLO
        content = html.unescape(body.decode()).partition("<Content><![CDATA[")[2].partition("]]>")[0]
        if self.name == "zhike":
            return status == 200 and "1." in content
        return status == 200 and content == text


@dataclass(slots=True)
class Tally:
    """What one round of one server came to."""

    seconds: float = 0.0
    cpu: float = 0.0
    errors: int = 0
    waits: list[float] = field(default_factory=list)

    def figures(self, hello_cpu: float) -> tuple[float, ...]:
        """Return one number for each of ``COLUMNS``."""
        micros = self.micros()
        cuts = statistics.quantiles(self.waits, n=100)
        rates = (len(self.waits) / self.seconds, micros, 1e6 / micros, micros / hello_cpu)
        return (*rates, cuts[49] * 1000, cuts[98] * 1000, self.errors)

    def micros(self) -> float:
        """Return the server's processor time for one message."""
        return max(self.cpu, 1 / os.sysconf("SC_CLK_TCK")) * 1e6 / len(self.waits)


# Starting the servers ----------------------------------------------------------------------------------------


@contextmanager
def started(name: str, folder: Path) -> Iterator[Server]:
    """Run a server in a process of its own until the block ends."""
    command = [sys.executable, "-P", "-m", "tests.bench.servers", name, str(folder)]
    env = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, CODE))}
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line:
                raise SystemExit(f"the server {name!r} did not start")
            yield Server(name, process.pid, int(line.rpartition(":")[2]))
        finally:
            process.terminate()


def pin(servers: list[Server]) -> None:
    """Keep the generator off the servers' core, where there are two."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) > 1:
        os.sched_setaffinity(0, cores[:-1])
        for server in servers:
            for task in Path(f"/proc/{server.pid}/task").iterdir():
                os.sched_setaffinity(int(task.name), cores[-1:])


# Making the load ---------------------------------------------------------------------------------------------


def request(rng: Random) -> tuple[str, bytes]:
    """Return a sentence and the signed delivery of it, unlike every other one."""
    text = material.sentence(rng)
    now = time.time()
    query, body = ACCOUNT.open(None, ACCOUNT.message(rng.choice(material.openids()), now, Content=text), now)
    head = (
        f"POST /wechat?{query} HTTP/1.1\r\nHost: x\r\nContent-Type: text/xml\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return text, head.encode() + body


class Phone(asyncio.Protocol):
    """One keep-alive connection that sends a message as soon as the last one is answered, until its time is over.

    ``over`` is set when it has stopped; a connection that breaks before is an error.
    """

    def __init__(self, server: Server, until: float, tally: Tally, rng: Random) -> None:
        self._server = server
        self._until = until
        self._tally = tally
        self._rng = rng
        self._text = ""
        self._began = 0.0
        self._got = b""
        self._waiting = False
        self.over = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._send()

    def data_received(self, data: bytes) -> None:
        self._got += data
        head, end, body = self._got.partition(b"\r\n\r\n")
        if not end or len(body) < int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]):
            return
        self._tally.waits.append(time.perf_counter() - self._began)
        self._tally.errors += not self._server.answered(self._text, int(head.split(maxsplit=2)[1]), body)
        self._got, self._waiting = b"", False
        if time.perf_counter() < self._until:
            self._send()
        else:
            self._transport.close()

    def connection_lost(self, _error: Exception | None) -> None:
        self._tally.errors += self._waiting
        self.over.set()

    def _send(self) -> None:
        self._text, raw = request(self._rng)
        self._began, self._waiting = time.perf_counter(), True
        self._transport.write(raw)


async def load(server: Server, seconds: float, rng: Random) -> Tally:
    """Keep the server busy from all connections for so long; the tally covers the replies still under way."""
    tally, loop = Tally(), asyncio.get_running_loop()
    began, cpu = time.perf_counter(), server.cpu_seconds()
    phones = [Phone(server, began + seconds, tally, Random(rng.random())) for _ in range(CONNECTIONS)]
    async with asyncio.timeout(seconds + PATIENCE_SECONDS):
        factory = iter(phones).__next__
        for _ in phones:
            await loop.create_connection(factory, "127.0.0.1", server.port)
        for phone in phones:
            await phone.over.wait()
    tally.seconds, tally.cpu = time.perf_counter() - began, server.cpu_seconds() - cpu
    return tally


def measure(servers: list[Server], seconds: float, rounds: int) -> dict[str, list[tuple[float, ...]]]:
    """Return each server's figures, round by round; in every round the servers take turns."""
    rng = Random()
    figures: dict[str, list[tuple[float, ...]]] = {server.name: [] for server in servers}
    for _ in range(rounds):
        tallies: dict[str, Tally] = {}
        for server in servers:
            asyncio.run(load(server, WARM_UP_SECONDS, rng))
            tallies[server.name] = asyncio.run(load(server, seconds, rng))
        hello = tallies["bare"].micros()
        for name, tally in tallies.items():
            figures[name].append(tally.figures(hello))
    return figures


# Telling -----------------------------------------------------------------------------------------------------


def cell(values: tuple[float, ...]) -> str:
    """Return the median and, of several rounds, the range."""
    form: Callable[[float], str] = (
        "{:,.0f}".format if max(values) >= 100 or not max(values) % 1 else "{:.2f}".format
    )
    middle = form(statistics.median(values))
    return middle if min(values) == max(values) else f"{middle} ({form(min(values))}-{form(max(values))})"


def table(figures: dict[str, list[tuple[float, ...]]]) -> str:
    """Lay the figures out in columns."""
    rows: list[tuple[str, ...]] = [("server", *COLUMNS)]
    rows += [(LABELS[name], *map(cell, zip(*rounds, strict=True))) for name, rounds in figures.items()]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)) for row in rows)


def main() -> None:
    """Start, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3.0, help="length of a round of one server")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        servers = [stack.enter_context(started(name, folder)) for name in LABELS]
        pin(servers)
        figures = measure(servers, options.seconds, options.rounds)
    form = "compiled" if COMPILED else "as plain Python"
    rounds = f"{options.rounds} rounds of {options.seconds:g} s"
    sys.stdout.write(f"{table(figures)}\nmedian (min-max) of {rounds}; Zhike ran {form}\n")


if __name__ == "__main__":
    main()
