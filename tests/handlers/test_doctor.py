"""``doctor`` against the strict simulator and a running server: it names what is wrong, and how to mend it."""

import asyncio
import json
import sqlite3
from contextlib import asynccontextmanager, closing
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application, RequestHandler

from bot import catalog
from bot.checks import Finding, Limit, look_over
from bot.checks.callback import address, exposed
from bot.checks.finding import bounded
from bot.checks.local import database
from bot.config import SECTIONS, from_mapping
from bot.errors import AccountError, StoreError
from bot.ports import SystemClock
from bot.store import SqliteStore
from handlers.cli import main
from handlers.cli.doctor import TITLES
from tests.scenarios.world import play

ROOT = Path(__file__).parents[2]
NOON = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)
CLOSED = "http://127.0.0.1:9"  # the discard port: nobody listens


class FastClock:
    """Ten minutes ahead of this machine."""

    def now(self):
        return SystemClock().now() + timedelta(minutes=10)


def written(config, folder, **changes):
    """Write the settings of a running shop to a file, some of them changed: ``wechat_token="x"``."""
    lines = []
    for section in SECTIONS:
        settings = getattr(config, section)
        lines.append(f"[{section}]")
        for item in fields(settings):
            value = changes.pop(f"{section}_{item.name}", getattr(settings, item.name))
            lines.append(f"{item.name} = {json.dumps(value, ensure_ascii=False)}")
    assert not changes, changes
    path = folder / "config.toml"
    path.write_text("\n".join(lines), "utf-8")
    return path


async def run(path, *words):
    """Run the command beside the server; returns its exit code and what it printed."""
    call = ["--config", str(path), "doctor", *words]
    result = await asyncio.to_thread(CliRunner().invoke, main, call)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


def examined(folder, *, mode="safe", clock=None, before=None, **changes):
    """Let a running shop be examined under changed settings; returns exit code and findings by name."""

    async def story(shop, simulator):
        if before:
            before(simulator)
        return await run(written(shop.config, folder, **changes), "--json")

    code, output = play(story, folder, mode=mode, clock=clock)
    return code, {row["check"]: row for row in json.loads(output)}


def wrong(found):
    return {name for name, row in found.items() if row["ok"] is False}


@pytest.mark.parametrize("mode", ["safe", "compatible", "plain"])
def test_a_healthy_shop_passes_and_nothing_is_changed(tmp_path, mode):
    async def story(shop, simulator):
        tokens = await shop.store.read(lambda tx: tx.tokens.get("access_token", shop.config.wechat.app_id, NOON))
        code, output = await run(written(shop.config, tmp_path), "--json")
        followers = await shop.store.read(lambda tx: tx.followers.all())
        kept = await shop.store.read(lambda tx: tx.tokens.get("access_token", shop.config.wechat.app_id, NOON))
        return code, json.loads(output), followers, tokens == kept, {call.path for call in simulator.calls}

    code, rows, followers, same_tokens, calls = play(story, tmp_path, mode=mode)

    assert code == 0
    assert [set(row) for row in rows] == [{"check", "ok", "detail", "advice"}] * len(rows)
    unasked = {row["check"] for row in rows if row["ok"] is not True}
    assert unasked == {"domains", "menu"}  # only a person can look into the consoles, and no menu is set
    assert (followers, same_tokens) == ([], True)
    assert calls == {
        "/cgi-bin/stable_token",
        "/cgi-bin/getcallbackip",
        "/cgi-bin/callback/check",
        "/cgi-bin/openapi/quota/get",
        "/v3/security/echo",
    }


def test_people_read_one_line_a_check_and_no_secret(tmp_path):
    async def story(shop, _simulator):
        return shop.config, *await run(written(shop.config, tmp_path, wechat_app_secret="0" * 32))

    config, code, output = play(story, tmp_path)

    assert code == 1
    lines = output.splitlines()
    assert lines[0].startswith("✓ 设置：")
    assert "✗ 公众号令牌：微信拒绝了：40125" in output
    assert "    → [wechat] app_secret 不对" in output
    assert lines[-1] == "1 项有问题"
    assert (
        len([line for line in lines if line[:2] in {"✓ ", "✗ ", "- "}]) == len(TITLES) - 1
    )  # "pay" only when it hangs
    private = Path(config.pay.private_key_file).read_text().splitlines()[1]
    for secret in (config.wechat.token, config.wechat.encoding_aes_key, config.pay.apiv3_key, private, "0" * 32):
        assert secret not in output


@pytest.mark.parametrize(
    ("key", "value", "check", "told"),
    [
        ("wechat_app_id", "wx0000000000000000", "token", "app_id"),
        ("wechat_app_secret", "0" * 32, "token", "app_secret"),
        ("pay_cert_serial_no", "0" * 40, "pay_request", "cert_serial_no"),
        ("pay_mch_id", "1900000000", "pay_request", "mch_id"),
        ("pay_public_key_id", "PUB_KEY_ID_1", "pay_request", "public_key_id"),
        ("wechat_token", "somebodyElse", "echo", "重新启动"),
        ("wechat_encoding_aes_key", "a" * 43, "delivery", "EncodingAESKey"),
        ("wechat_original_id", "gh_other", "delivery", "原始 ID"),
    ],
)
def test_a_wrong_setting_is_named_by_its_check(tmp_path, key, value, check, told):
    code, found = examined(tmp_path, **{key: value})

    assert code == 1
    assert check in wrong(found)
    assert told in found[check]["advice"]
    assert found["database"]["ok"] is True


def test_a_wrong_file_of_texts_is_named_with_its_line(tmp_path):
    (tmp_path / "texts.toml").write_text('[[rule]]\nexact = "双11"\nanswer = "{x}"\n', "utf-8")

    code, found = examined(tmp_path, chat_texts_file=str(tmp_path / "texts.toml"))

    assert code == 1
    assert wrong(found) == {"texts"}
    assert found["texts"]["detail"].startswith("第 3 行：规则 1 answer 不认识的占位符 {x}")
    assert "texts check" in found["texts"]["advice"]


def test_one_wrong_secret_does_not_stop_the_other_checks(tmp_path):
    _code, found = examined(tmp_path, wechat_app_secret="0" * 32)

    assert wrong(found) == {"token"}


@pytest.fixture(scope="module")
def stranger():
    """Return the PEMs of somebody who is neither our merchant nor WeChat Pay: private, public."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    private = key.private_bytes(pem, pkcs8, serialization.NoEncryption())
    return private, key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo)


def test_another_merchants_private_key_is_refused_by_wechat_pay(tmp_path, stranger):
    other = tmp_path / "other.pem"
    other.write_bytes(stranger[0])

    code, found = examined(tmp_path, pay_private_key_file=str(other))

    assert code == 1
    assert wrong(found) == {"pay_request"}
    assert "401 SIGN_ERROR" in found["pay_request"]["detail"]
    assert "private_key_file" in found["pay_request"]["advice"]
    assert found["pay_reply"]["ok"] is None


def test_the_wrong_public_key_is_found_by_the_reply(tmp_path, stranger):
    public = tmp_path / "other.pem"
    public.write_bytes(stranger[1])

    code, found = examined(tmp_path, pay_public_key_file=str(public))

    assert code == 1
    assert wrong(found) == {"pay_reply"}
    assert "public_key_file" in found["pay_reply"]["advice"]


def test_a_file_that_is_no_key_is_named(tmp_path):
    junk = tmp_path / "junk.pem"
    junk.write_text("nothing")

    _code, found = examined(tmp_path, pay_private_key_file=str(junk))

    assert wrong(found) == {"pay_keys"}
    assert "private_key" in found["pay_keys"]["detail"]
    assert found["pay_request"]["ok"] is None


def test_a_probing_signature_is_not_taken_for_wechat_pays(tmp_path):
    def probe(simulator):
        simulator.faults.signtest_replies = 1

    _code, found = examined(tmp_path, before=probe)

    assert wrong(found) == {"pay_reply"}


def test_no_merchant_is_no_fault(tmp_path):
    code, found = examined(tmp_path, pay_mch_id="")

    assert code == 0
    assert found["pay_keys"]["ok"] is None


def test_a_clock_ten_minutes_slow_is_the_cause_that_is_named(tmp_path):
    code, found = examined(tmp_path, clock=FastClock())

    assert code == 1
    assert "慢" in found["clock"]["detail"]
    for check in ("clock", "pay_request"):
        assert "校准系统时间" in found[check]["advice"]


def test_a_server_that_does_not_run_is_told_from_a_proxy_without_one(tmp_path):
    _code, behind_proxy = examined(tmp_path, before=lambda simulator: simulator.attach(CLOSED))
    code, found = examined(tmp_path, server_public_url=CLOSED)

    assert code == 1
    assert "502" in behind_proxy["public_url"]["detail"]
    assert "反向代理在" in behind_proxy["public_url"]["advice"]
    assert "连接被拒绝" in found["public_url"]["detail"]
    assert "python3 run.py serve" in found["public_url"]["advice"]
    assert wrong(found) == {"public_url"}


def test_a_local_address_is_no_use_to_the_real_wechat(tmp_path):
    config = from_mapping({}, environ={}, base=tmp_path)

    first, *others = asyncio.run(address(config, SystemClock(), Limit()))

    assert first.ok is False
    assert "https" in first.advice
    assert {finding.ok for finding in others} == {None}


class Yes(RequestHandler):
    """A careless neighbour: whatever is asked, the answer is what was sent."""

    def get(self):
        if self.request.path == "/healthz":
            self.finish({"status": "ok"})
        else:
            self.finish(self.get_query_argument("echostr", ""))


@asynccontextmanager
async def neighbour():
    sock, port = bind_unused_port()
    server = HTTPServer(Application([(".*", Yes)], log_function=lambda _: None))
    server.add_sockets([sock])
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.stop()
        await server.close_all_connections()


def test_whoever_lets_forgeries_in_is_found_out(tmp_path):
    async def story(shop, _simulator):
        async with neighbour() as url:
            return await run(written(shop.config, tmp_path, server_public_url=url), "--json")

    code, output = play(story, tmp_path)
    found = {row["check"]: row for row in json.loads(output)}

    assert code == 1
    assert found["echo"]["ok"] is True
    assert wrong(found) == {"forgery", "delivery"}


def test_a_host_that_is_silent_costs_only_its_own_check(tmp_path):
    async def story(shop, simulator):
        simulator.faults.api_lost_before = 9
        simulator.faults.hang = 60.0
        return await look_over(shop.config, SystemClock(), Limit(request=0.2))

    found = {finding.check: finding for finding in play(story, tmp_path)}

    assert {name for name, finding in found.items() if finding.ok is False} == {"token"}
    assert "能否访问" in found["token"].advice


def test_a_check_that_hangs_or_breaks_is_a_finding():
    async def hangs():
        await asyncio.Event().wait()

    async def breaks():
        raise ZeroDivisionError

    async def refuses():
        raise StoreError("坏了")

    async def go():
        return [(await bounded("words", look, 0.01))[0] for look in (hangs, breaks, refuses)]

    found = asyncio.run(go())

    assert [finding.ok for finding in found] == [False] * 3
    assert [bool(finding.advice) for finding in found] == [True] * 3
    assert "ZeroDivisionError" in found[1].detail


def test_settings_that_cannot_be_read_are_a_finding_too(tmp_path):
    path = tmp_path / "config.toml"
    path.write_text('[server]\nport = "x"\n', "utf-8")

    code, output = asyncio.run(run(path, "--json"))

    assert code == 1
    [row] = json.loads(output)
    assert (row["check"], row["ok"]) == ("settings", False)
    assert "port" in row["detail"]


def test_numbers_of_the_trade_that_anybody_can_read_are_a_fault():
    assert exposed(200, here=False).ok is False
    assert "metrics_token" in exposed(200, here=False).advice
    assert exposed(200, here=True).ok is None
    assert exposed(404, here=False).ok is True


@pytest.mark.parametrize(
    ("errcode", "errmsg", "told"),
    [
        (40164, "invalid ip 203.0.113.7 ipv6 ::ffff:203.0.113.7, not in whitelist rid: 1-2-3", "203.0.113.7 加进"),
        (40013, "invalid appid rid: 1-2-3", "app_id"),
        (40125, "invalid appsecret rid: 1-2-3", "app_secret"),
        (89503, "need admin confirm 203.0.113.7", "管理员"),
        (12345, "who knows", "错误码"),
    ],
)
def test_each_refusal_of_a_token_has_its_advice(errcode, errmsg, told):
    assert told in AccountError(errcode, errmsg).advice


# The database ------------------------------------------------------------------------------------------------


def look_at(path):
    config = from_mapping({"store": {"url": f"sqlite:///{path}"}}, environ={}, base=ROOT)
    return {finding.check: finding for finding in asyncio.run(database(config))}


@pytest.fixture
def shelf(tmp_path):
    """Return the path of a fresh database, after ``fill(tx)`` was applied to it."""

    def make(fill=lambda _tx: None):
        path = tmp_path / "zhike.db"
        store = SqliteStore(str(path))
        store.write_now(fill)
        store.close()
        return path

    return make


def test_a_database_that_is_not_there_is_not_made(tmp_path):
    found = look_at(tmp_path / "none.db")

    assert found["database"].ok is False
    assert "courses import" in found["database"].advice
    assert list(tmp_path.iterdir()) == []


def test_an_empty_catalogue_is_told(shelf):
    found = look_at(shelf())

    assert found["database"].ok is True
    assert found["disk"].ok is True
    assert found["catalogue"].ok is False


def test_courses_on_sale_without_lessons_are_named(shelf):
    courses = catalog.read_courses((ROOT / "data/courses.csv").read_bytes(), "courses.csv")
    found = look_at(shelf(lambda tx: catalog.store_courses(tx, courses, NOON)))

    assert found["catalogue"].ok is False
    assert "CORP001" in found["catalogue"].detail


def spoil_pages(path):
    data = bytearray(path.read_bytes())
    data[4096 * 2 : 4096 * 4] = b"\xff" * 4096 * 2
    path.write_bytes(data)


def be_no_database(path):
    path.write_bytes(b"hello" * 1000)


def come_from_the_future(path):
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("update _sqlite_migrations set name = 'm999_later' where id = 1")
        connection.commit()


def be_empty(path):
    for each in path.parent.glob("zhike.db*"):
        each.unlink()
    path.touch()


def leave_wal(path):
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("pragma journal_mode = delete")


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (spoil_pages, ""),
        (be_no_database, "not a database"),
        (come_from_the_future, "m999_later"),
        (be_empty, "m001"),
        (leave_wal, "WAL"),
    ],
)
def test_a_harmed_database_is_told_and_not_touched(shelf, harm, told):
    path = shelf()
    harm(path)
    before = path.read_bytes()

    found = look_at(path)

    assert found["database"].ok is False
    assert told in found["database"].detail
    assert found["database"].advice
    assert found["catalogue"].ok is None
    assert path.read_bytes() == before


def test_a_database_in_use_by_a_writer_is_told(shelf):
    path = shelf()
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("begin immediate")
        found = look_at(path)
        writer.execute("rollback")

    assert found["database"] == Finding(
        "database", False, f"数据库 {path}：database is locked", found["database"].advice
    )
