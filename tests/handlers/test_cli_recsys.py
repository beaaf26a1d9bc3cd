"""The recommender at the command line: train, look, take back; and a clear sentence when it cannot be done."""

import json

import pytest
from click.testing import CliRunner

from bot import catalog, doors, training
from bot.config import from_mapping
from bot.store import SqliteStore
from handlers.cli import main
from recsys.sources import words
from tests.taught import NOON, ROOT, buyers, courses, record


@pytest.fixture(scope="module")
def tokenizer():
    return doors.tokenizer(from_mapping({}, environ={}, base=ROOT))


@pytest.fixture
def run(tmp_path, tokenizer, monkeypatch):
    """Return a caller of ``recsys`` commands in a shop where ``people`` have bought."""
    monkeypatch.setattr(training.doors, "tokenizer", lambda _config: tokenizer)
    monkeypatch.setattr(words, "_MOST_TERMS", 200)
    config = tmp_path / "config.toml"
    config.write_text(
        f'[store]\nurl = "sqlite:///{tmp_path}/zhike.db"\n[recsys]\nmodels_dir = "{tmp_path}/models"\n'
        f'stop_words_file = "{ROOT}/data/stop_words.txt"\nuser_words_file = "{ROOT}/data/user_words.txt"\n'
        f'synonyms_file = "{ROOT}/data/synonyms.txt"\nboosts = ["EDU001=3"]\n'
    )

    def open_with(people):
        store = SqliteStore(str(tmp_path / "zhike.db"))
        store.write_now(lambda tx: catalog.store_courses(tx, courses(), NOON))
        record(store, buyers(people))
        store.close()
        return lambda *arguments: CliRunner().invoke(main, ["--config", str(config), "recsys", *arguments])

    return open_with


def test_a_model_is_trained_and_taken_back(run):
    recsys = run(300)

    trained, back, again = recsys("train"), recsys("rollback"), recsys("rollback")

    assert trained.exit_code == 0, trained.output
    assert "统计了 1200 个事件" in trained.output
    assert "比热度高" in trained.output
    assert "已停用模型" in back.output
    assert (again.exit_code, "没有在用的模型" in again.output) == (1, True)


def test_too_few_events_are_told_without_a_traceback(run):
    result = run(3)("train")

    assert result.exit_code == 1
    assert "数据还不够训练" in result.output
    assert isinstance(result.exception, SystemExit)


def test_evaluation_compares_every_source_and_draws(run, tmp_path):
    pytest.importorskip("matplotlib", reason="the picture needs matplotlib")
    recsys = run(300)

    told = recsys("evaluate", "--json", "--picture", str(tmp_path / "all.png"))
    rows = json.loads(told.stdout)

    assert {row["source"] for row in rows} >= {"popularity", "content", "formula", "ease", "walk", "live"}
    assert all(row["ndcg_se"] >= 0 for row in rows)
    assert (tmp_path / "all.png").read_bytes().startswith(b"\x89PNG")
    assert "比热度" in recsys("evaluate").stdout


def test_evaluation_without_events_says_what_is_missing(run):
    result = run(0)("evaluate")

    assert result.exit_code == 1
    assert "没有可评测的事件" in result.output


def test_segments_have_names_sizes_and_courses(run):
    rows = json.loads(run(300)("segments", "--json").stdout)

    assert sum(row["people"] for row in rows) == 300
    assert all(row["name"] and row["courses"] for row in rows)


def test_the_houses_weights_are_shown_with_their_effect(run):
    (row,) = json.loads(run(30)("weights", "--json").stdout)

    assert (row["course_id"], row["rank_with"]) == ("EDU001", 1)
    assert 0 < row["alpha"] < 1
