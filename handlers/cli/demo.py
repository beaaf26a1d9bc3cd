"""``demo``: the whole business in one process, on a throw-away database, against the simulator."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import logging
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import click
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets

from bot import catalog, doors, privacy
from bot.config import SECTIONS, Config, from_mapping
from bot.errors import ZhikeError
from bot.menus import lint, write
from bot.menus.model import of_config
from bot.menus.service import Menus
from bot.reach.forms import Form, Forms
from bot.shop import Shop, open_shop
from bot.simulator import Simulator, SimulatorSettings
from bot.store import Tx
from handlers.chat import routes
from handlers.chat.told import teller
from handlers.cli.common import Desk, require_vacant, sentences
from handlers.web.app import make_app

HOUSE = Path(__file__).parents[2]
PREFIX = "zhike-demo-"
LOCK = "in-use"


def settings_for(
    simulator: Simulator,
    folder: Path,
    host: str,
    menu: Mapping[str, Any],
    *,
    port: int = 8000,
    texts: str = "data/texts.toml",
) -> Config:
    """Return settings that make the simulator our WeChat; the keys go into ``folder``."""
    keys, played = simulator.credentials, simulator.settings
    (folder / "apiclient_key.pem").write_text(keys.merchant_private_key)
    (folder / "pub_key.pem").write_text(keys.platform_public_key)
    raw = {
        "server": {"host": host, "port": port, "public_url": simulator.webview_url},
        "wechat": {
            "app_id": played.app_id,
            "app_secret": played.app_secret,
            "original_id": played.original_id,
            "token": played.token,
            "encoding_aes_key": played.encoding_aes_key,
            "mode": played.mode,
            "api_base": simulator.url,
            "oauth_base": simulator.url,
        },
        "pay": {
            "mch_id": played.mch_id,
            "cert_serial_no": keys.merchant_serial,
            "private_key_file": str(folder / "apiclient_key.pem"),
            "apiv3_key": keys.apiv3_key,
            "public_key_id": keys.public_key_id,
            "public_key_file": str(folder / "pub_key.pem"),
            "api_base": simulator.url,
        },
        "store": {"url": f"sqlite:///{folder / 'zhike.db'}"},
        "recsys": {"models_dir": str(folder / "models")},
        "chat": {"texts_file": texts},
        "menu": dict(menu),
    }
    return from_mapping(raw, environ={}, base=HOUSE)


def with_notices(config: Config, simulator: Simulator) -> Config:
    """Give the account a notice of each sort, so that they can be tried on the phone."""
    fields = {"thing1": "课程", "amount2": "退款金额"}
    notice = simulator.add_template("subscribe", "退款到账提醒", fields)
    once = simulator.add_template("once", "一次性订阅消息", {})
    form = Form(notice, {"thing1": "{title}", "amount2": "{amount}"})
    paid = simulator.add_template("template", "付款成功通知", {"thing1": "课程", "amount2": "付款金额"})
    reach = replace(config.reach, once_template=once)
    forms = Forms(template={"paid": replace(form, template_id=paid)}, subscribe={"refunded": form})
    return replace(config, reach=reach, forms=forms)


def with_rewards(config: Config) -> Config:
    """Reward who brings friends, without the days of waiting, so that an invitation can be tried to its end."""
    return replace(config, referral=replace(config.referral, enabled=True, after_days=0))


def write_settings(config: Config, folder: Path) -> Path:
    """Write settings as a file, so that commands in another terminal work on the running demo."""
    lines = ["# 演示用的设置，演示结束就没有了。菜单和标签规则在这里改，改完用 menu push、tags sync"]
    for section, kind in SECTIONS.items():
        table = getattr(config, section)
        lines += [
            "",
            f"[{section}]",
            *(f"{each.name} = {_toml(getattr(table, each.name))}" for each in fields(kind)),
        ]
    if not any(each.serious for each in lint.check(config.menu)):
        lines += ["", write.toml(of_config(config.menu), {})]
    path = folder / "config.toml"
    path.write_text("\n".join(lines), "utf-8")
    return path


def copy_texts(texts: str, folder: Path) -> str:
    """Copy the file of texts into ``folder``, for edits that are only tried; where there is none, an empty one."""
    copy = folder / "texts.toml"
    try:
        shutil.copyfile(texts, copy)
    except OSError:
        copy.write_text("# 演示用的文字、关键词规则和人工时间，演示结束就没有了\n", "utf-8")
    return str(copy)


def _toml(value: object) -> str:
    return json.dumps(list(value) if isinstance(value, tuple) else value, ensure_ascii=False)


def stock(shop: Shop) -> None:
    """Put the sample catalogue on the shelf, bundles and memberships behind the courses they are made of."""
    courses = catalog.read_courses((HOUSE / "data" / "courses.csv").read_bytes(), "courses.csv")
    offers = catalog.File("offers.csv", (HOUSE / "data" / "offers.csv").read_bytes())
    given = catalog.read_files(offers, None, ())
    lessons = catalog.read_lessons((HOUSE / "data" / "lessons.csv").read_bytes(), "lessons.csv")
    now = shop.clock.now()
    shop.store.write_now(lambda tx: catalog.store_courses(tx, courses, now))
    shop.store.write_now(lambda tx: catalog.store_lessons(tx, lessons, "lessons.csv"))
    shop.store.write_now(lambda tx: catalog.store_entries(tx, given.courses, now, name=offers.name))


@click.command("demo", help="不需要公众号，在浏览器里走完整个流程：关注、聊天、付款、学习。")
@click.option(
    "--port", type=click.IntRange(0, 65533), default=8000, show_default=True, help="端口；后两个端口也会用到"
)
@click.pass_obj
def demo(desk: Desk, port: int) -> None:
    """Play until told to stop."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    with sentences():
        if port:
            require_vacant("127.0.0.1", port, port + 1, port + 2)
        with _folder() as folder:
            asyncio.run(_play(folder, port, desk.config.menu, desk.config.chat.texts_file))


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    """Yield a folder for database and keys that is gone afterwards; one that a killed demo left goes now."""
    for left in Path(tempfile.gettempdir()).glob(f"{PREFIX}*/{LOCK}"):
        with contextlib.suppress(OSError), left.open("r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # refused while its demo is alive
            shutil.rmtree(left.parent)
    with tempfile.TemporaryDirectory(prefix=PREFIX) as name, (Path(name) / LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield Path(name)


def forgetter(shop: Shop) -> Callable[[list[str]], None]:
    """Return what makes the shop forget people: for it, they have never been here."""

    def work(tx: Tx, openids: list[str]) -> None:
        for openid in openids:
            privacy.forget(tx, openid)
        shop.suggestions.recount(tx)

    return lambda openids: shop.store.write_now(lambda tx: work(tx, openids))


async def push_menu(shop: Shop, simulator: Simulator) -> None:
    """Push the menu of the settings, as ``menu push`` does; a menu that is wrong is named and left out."""
    if not shop.config.menu:
        return
    problems = [each for each in lint.check(shop.config.menu, routes.ways()) if each.serious]
    if problems:
        click.echo("没有推送菜单：" + "；".join(f"{each.where}：{each.text}" for each in problems), err=True)
        return
    menus = of_config(shop.config.menu)
    for each in menus.conditional:
        if each.rule.tag:
            simulator.tag(each.rule.tag)
    try:
        await Menus(doors.account(shop.config, shop.store, shop.clock), shop.store, shop.clock).push(menus)
    except ZhikeError as error:
        click.echo(f"没有推送菜单：{error}", err=True)


async def _play(folder: Path, port: int, menu: Mapping[str, Any], texts: str) -> None:
    simulator = Simulator(SimulatorSettings())
    sockets = bind_sockets(port, "127.0.0.1")
    bound = sockets[0].getsockname()[1]
    await simulator.start(port and port + 1, port and port + 2)
    config = settings_for(
        simulator, folder, "127.0.0.1", menu, port=bound, texts=await asyncio.to_thread(copy_texts, texts, folder)
    )
    config = with_rewards(with_notices(config, simulator))
    settings = write_settings(config, folder)
    shop = open_shop(config, tell=teller(config.server.public_url))
    stock(shop)
    await shop.suggestions.refresh(shop.store, shop.clock.now())
    await push_menu(shop, simulator)
    server = HTTPServer(make_app(shop))
    server.add_sockets(sockets)
    simulator.attach(f"http://127.0.0.1:{bound}", forget=forgetter(shop))
    click.echo(f"listening on http://127.0.0.1:{bound}")
    click.echo(f"打开 {simulator.url} ，用模拟手机关注公众号、聊天、付款；按 Ctrl+C 结束")
    click.echo(f"另开一个终端可以试各种命令：python3 run.py --config {settings} menu check")
    click.echo(f"欢迎语、关键词和人工时间可以在 {config.chat.texts_file} 里改，两秒内生效，只在这次演示里")
    jobs = asyncio.create_task(shop.jobs.run_forever())
    await _until_told_to_stop()
    jobs.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await jobs
    server.stop()
    await server.close_all_connections()
    await simulator.stop()
    shop.close()


async def _until_told_to_stop() -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()
