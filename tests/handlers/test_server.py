"""``serve`` with several workers is one server: it stops as a whole, and nobody is left behind."""

import asyncio
import contextlib
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import urlopen

import pytest
from tornado.testing import bind_unused_port
from tornado.web import Application, RequestHandler

from handlers.web.server import Door

ROOT = Path(__file__).parents[2]
CLOSED = "http://127.0.0.1:9"  # the discard port: should a server ever call out, it gets no further
SETTINGS = f"""
[server]
workers = 2
[wechat]
app_id = "wx0123456789abcdef"
app_secret = "s"
original_id = "gh_0123456789ab"
token = "unitTestToken"
mode = "plain"
api_base = "{CLOSED}"
oauth_base = "{CLOSED}"
[recsys]
stop_words_file = "{ROOT}/data/stop_words.txt"
user_words_file = "{ROOT}/data/user_words.txt"
synonyms_file = "{ROOT}/data/synonyms.txt"
[store]
url = "sqlite:///zhike.db"
"""


@pytest.fixture
def start(tmp_path):
    """Return what starts the server on a port, 0 for any."""
    (tmp_path / "config.toml").write_text(SETTINGS, "utf-8")
    command = [sys.executable, str(ROOT / "run.py"), "--config", str(tmp_path / "config.toml"), "serve", "--port"]
    with contextlib.ExitStack() as stack:

        def begin(port):
            process = subprocess.Popen(
                [*command, str(port)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
            )
            stack.callback(process.wait)
            stack.callback(process.stdout.close)
            stack.callback(process.kill)
            return process

        yield begin


@pytest.fixture
def server(start):
    return start(0)


def address(process):
    """Return where it listens, once it says so."""
    for line in process.stdout:
        if line.startswith("listening on "):
            return line.split()[-1]
    raise AssertionError("it never listened")


def test_a_stop_reaches_every_worker(server):
    with urlopen(f"{address(server)}/healthz", timeout=60) as answer:
        assert answer.status == 200

    server.send_signal(signal.SIGTERM)
    rest, _ = server.communicate(timeout=60)  # returns when the last worker has let go of the output

    assert server.returncode == 0
    assert "Traceback" not in rest
    assert "listening" not in rest, "several workers say it once"


def test_a_stop_during_the_start_leaves_nobody_behind(start):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    server = start(port)
    await_door(port)

    server.send_signal(signal.SIGTERM)
    rest, _ = server.communicate(timeout=60)

    assert server.returncode in {0, -signal.SIGTERM}  # before there are workers the signal itself ends it
    assert "Traceback" not in rest


def await_door(port):
    """Return when the door is there, long before anybody stands behind it."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        with contextlib.suppress(ConnectionError), socket.create_connection(("127.0.0.1", port)):
            return
    raise AssertionError("there is no door")


def test_workers_do_not_outlive_their_parent(server):
    with urlopen(f"{address(server)}/healthz", timeout=60) as answer:
        assert answer.status == 200

    server.kill()
    server.communicate(timeout=60)

    assert server.returncode == -signal.SIGKILL


# The connections ---------------------------------------------------------------------------------------------


class Patient(RequestHandler):
    """Answers when it is told to."""

    answer: asyncio.Event

    async def get(self):
        await self.answer.wait()
        self.finish("at last")


async def until(told):
    """Return once something holds."""
    async with asyncio.timeout(10):
        while not told():  # noqa: ASYNC110  nobody sets an event when a server has read
            await asyncio.sleep(0)


def test_only_a_connection_on_which_nothing_was_asked_since_the_last_look_is_closed():
    ask = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"

    async def story():
        Patient.answer = asyncio.Event()
        sock, port = bind_unused_port()
        door = Door(Application([("/", Patient)], log_function=lambda _: None))
        door.add_sockets([sock])
        silent, slow, waiting, busy = [await asyncio.open_connection("127.0.0.1", port) for _ in range(4)]
        slow[1].write(ask[:-2])
        waiting[1].write(ask)
        await until(lambda: sum(not each.stream.reading() for each in door._connections) == 1)
        await until(lambda: len(door._connections) == 4)

        door.close_idle()
        busy[1].write(ask)
        await until(lambda: sum(not each.stream.reading() for each in door._connections) == 2)
        Patient.answer.set()
        heard = [await each.readuntil(b"at last") for each, _ in (waiting, busy)]
        door.close_idle()
        heard += [await each.read() for each, _ in (silent, slow)]
        for each, writer in (waiting, busy):
            writer.write(ask)
            heard.append(await each.readuntil(b"at last"))
        door.stop()
        await door.close_all_connections()
        for _, writer in (silent, slow, waiting, busy):
            writer.close()
        return [words[-7:] for words in heard]

    assert asyncio.run(story()) == [b"at last", b"at last", b"", b"", b"at last", b"at last"]


def test_an_answer_that_takes_long_does_not_make_its_connection_idle():
    async def story():
        Patient.answer = asyncio.Event()
        sock, port = bind_unused_port()
        door = Door(Application([("/", Patient)], log_function=lambda _: None))
        door.add_sockets([sock])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await until(lambda: any(not each.stream.reading() for each in door._connections))
        for _ in range(3):
            door.close_idle()
        Patient.answer.set()
        heard = await reader.readuntil(b"at last")
        writer.close()
        door.stop()
        await door.close_all_connections()
        return heard

    assert b"200 OK" in asyncio.run(story())
