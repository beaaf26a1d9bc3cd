"""``serve`` with several workers is one server: it stops as a whole, and nobody is left behind."""

import contextlib
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import urlopen

import pytest

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
