"""What can be checked without the network: settings, word lists, texts, the database, the merchant's keys."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

from bot import doors
from bot.anomalies import advice
from bot.checks.finding import Finding
from bot.config import REQUIRED_TO_SELL, Config, require_serving, unofficial_hosts
from bot.errors import ConfigError, StoreError, TextsWrong
from bot.ports import Clock
from bot.store import health
from bot.texts import load_file
from bot.wechatpay.gateway import WeChatPay

STORE_SECONDS = 15.0
LEAST_FREE_BYTES = 500 * 1024 * 1024
SHOWN = 5


async def settings(config: Config) -> list[Finding]:
    """Find out whether everything is filled in that serving needs."""
    try:
        require_serving(config)
    except ConfigError as error:
        return [Finding("settings", False, "；".join(error.problems), "填好 config.toml 或对应的环境变量")]
    played = unofficial_hosts(config)
    note = f"；注意：用的是本机的模拟接口 {'、'.join(dict.fromkeys(played))}，不是微信" if played else ""
    return [Finding("settings", True, f"必填的都填了{note}")]


async def words(config: Config) -> list[Finding]:
    """Find out whether the word lists can be read."""
    try:
        await asyncio.to_thread(doors.tokenizer, config)
        await asyncio.to_thread(doors.synonyms, config)
    except ConfigError as error:
        advice = (
            "检查 [recsys] 的 stop_words_file、user_words_file 和 synonyms_file；仓库自带的在 data/ 里，UTF-8 编码"
        )
        return [Finding("words", False, "；".join(error.problems), advice)]
    return [Finding("words", True, "停用词、用户词和同义词都能读")]


async def texts(config: Config) -> list[Finding]:
    """Find out whether the operator's file of texts is as it should be; a wrong one is not in force."""
    if not config.chat.texts_file:
        return [Finding("texts", None, "没有设置 [chat] texts_file，说的都是自带的话")]
    try:
        book = await asyncio.to_thread(load_file, config.chat.texts_file, config.chat)
    except TextsWrong as error:
        told = "；".join(f"第 {line} 行：{why}" if line else why for line, why in error.problems[:SHOWN])
        advice = "按说明改好，再用 python3 run.py texts check 看一遍；改好之前服务器照旧说上一次没有错的那些"
        return [Finding("texts", False, told, advice)]
    return [Finding("texts", True, book.counts())]


async def database(config: Config) -> list[Finding]:
    """Look at the database: is it whole and up to date, is there room for it, and something to sell in it."""
    return await asyncio.to_thread(_database, config.store.path)


def _database(path: str) -> list[Finding]:
    if not Path(path).is_file():
        advice = "先运行 python3 run.py courses import 课程.csv，它会建好数据库；不是第一次用就检查 [store] url"
        missing = Finding("database", False, f"还没有数据库 {path}", advice)
        return [missing, _room(path), Finding("catalogue", None, "等有了数据库再看")]
    found = _file(path)
    if not found.ok:
        return [found, _room(path), Finding("catalogue", None, "等数据库好了再看")]
    return [found, _room(path), _catalogue(path), _anomalies(path)]


def _file(path: str) -> Finding:
    try:
        state = health.examine(path, seconds=STORE_SECONDS)
    except StoreError as error:
        advice = "检查 [store] url、文件和文件夹的读写权限、磁盘空间，以及是否有别的程序长时间占着它"
        return Finding("database", False, str(error), advice)
    if state.damage:
        advice = "停下服务，先把数据库文件连同 -wal、-shm 一起另存一份，再从备份恢复，或用 sqlite3 的 .recover 抢救"
        return Finding("database", False, f"文件有损坏：{state.damage}", advice)
    if state.unknown:
        advice = "用写过这个数据库的新版程序，或恢复旧版时的备份"
        return Finding("database", False, f"数据库比程序新：{'、'.join(state.unknown)}", advice)
    if state.pending:
        advice = "备份后运行一次 python3 run.py serve，它会自动升级"
        return Finding("database", False, f"还没有升级：{'、'.join(state.pending)}", advice)
    if state.journal != "wal":
        advice = "把数据库放在本机磁盘上，不要放网络盘；重新启动服务会打开 WAL"
        return Finding("database", False, f"没有用 WAL（现在是 {state.journal}）", advice)
    return Finding("database", True, "能读写，结构是最新的，完整性检查通过，WAL 开着")


def _room(path: str) -> Finding:
    folder = next(each for each in Path(path).absolute().parents if each.is_dir())
    free = shutil.disk_usage(folder).free
    told = f"数据库所在的磁盘还剩 {free / 1024**3:.1f} GB"
    if free < LEAST_FREE_BYTES:
        return Finding("disk", False, told, "清理磁盘或换一个大些的；写满之后收不了款")
    return Finding("disk", True, told)


def _catalogue(path: str) -> Finding:
    try:
        found = health.stock(path, seconds=STORE_SECONDS)
    except StoreError as error:
        return Finding("catalogue", False, str(error), "等数据库好了再看")
    if not found.published:
        advice = "用 python3 run.py courses import 导入课程，再用 courses publish 上架"
        return Finding("catalogue", False, "没有在售的课程", advice)
    if found.without_lessons:
        bare = found.without_lessons
        shown = "、".join(bare[:SHOWN]) + ("…" if len(bare) > SHOWN else "")
        advice = "用 courses import --lessons 导入课时，否则付了钱没有内容可学；或用 courses retire 下架"
        return Finding("catalogue", False, f"{len(bare)} 门在售的课没有课时：{shown}", advice)
    if found.empty:
        advice = "专栏用 bundles set 放课，会员用 members set 写月数；在那之前没人买得了"
        return Finding("catalogue", False, f"在售的专栏或会员是空的：{'、'.join(found.empty[:SHOWN])}", advice)
    return Finding("catalogue", True, f"在售 {found.published} 门课，都有课时")


def _anomalies(path: str) -> Finding:
    try:
        waiting = health.open_anomalies(path, seconds=STORE_SECONDS)
    except StoreError as error:
        return Finding("anomalies", False, str(error), "等数据库好了再看")
    if not waiting:
        return Finding("anomalies", True, "没有待处理的账目异常")
    names = "、".join(dict.fromkeys(advice(each.kind).name for each in waiting))
    told = "用 anomalies list 看每一条和下一步，处理好后用 anomalies resolve 登记"
    return Finding("anomalies", False, f"{len(waiting)} 条账目异常等人处理：{names}", told)


def merchant(config: Config, clock: Clock) -> tuple[Finding, WeChatPay | None]:
    """Read the merchant's keys; the gateway comes along if they look like what they should be."""
    if not config.pay.enabled:
        return Finding("pay_keys", None, "没有设置 [pay] mch_id，只能领取免费课"), None
    if any(not getattr(config.pay, key) for key in REQUIRED_TO_SELL):
        return Finding("pay_keys", None, "[pay] 还没有填全"), None
    try:
        gateway = doors.pay_gateway(config, clock)
    except ConfigError as error:
        advice = (
            "到商户平台 → 账户中心 → API 安全：商户私钥在申请 API 证书时生成，微信支付公钥在「微信支付公钥」里下载"
        )
        return Finding("pay_keys", False, "；".join(error.problems), advice), None
    assert isinstance(gateway, WeChatPay), "an enabled merchant has the real gateway"
    return Finding("pay_keys", True, "商户私钥和微信支付公钥都能读"), gateway
