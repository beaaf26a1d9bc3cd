"""``serve`` with several workers is one server: it stops as a whole, and nobody is left behind."""

import signal
import subprocess
import sys
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
def server(tmp_path):
    (tmp_path / "config.toml").write_text(SETTINGS, "utf-8")
    command = [
        sys.executable,
        str(ROOT / "run.py"),
        "--config",
        str(tmp_path / "config.toml"),
        "serve",
        "--port",
        "0",
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    yield process
    process.kill()
    process.stdout.close()
    process.wait()


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


def test_a_stop_during_the_start_leaves_nobody_behind(server):
    address(server)

    server.send_signal(signal.SIGTERM)
    rest, _ = server.communicate(timeout=60)

    assert server.returncode in {0, -signal.SIGTERM}  # before there are workers the signal itself ends it
    assert "Traceback" not in rest


def test_workers_do_not_outlive_their_parent(server):
    with urlopen(f"{address(server)}/healthz", timeout=60) as answer:
        assert answer.status == 200

    server.kill()
    server.communicate(timeout=60)

    assert server.returncode == -signal.SIGKILL
