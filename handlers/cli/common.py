"""What every command shares: the settings, the shop, JSON or a table, and errors as sentences."""

from __future__ import annotations

import errno
import json
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import click

from bot.amounts import yuan
from bot.config import Config, load, require_account, require_serving, unofficial_hosts
from bot.errors import ZhikeError
from bot.ports import BEIJING
from bot.shop import Shop, open_shop
from bot.store import SqliteStore
from handlers.chat.told import teller

HEADINGS = {
    "course_id": "课程编号",
    "title": "课程",
    "price_fen": "价格（元）",
    "status": "状态",
    "subtitle": "简介",
    "teacher": "老师",
    "category": "分类",
    "tags": "标签",
    "description": "介绍",
    "level": "难度",
    "minutes": "分钟",
    "cover_url": "封面",
    "created_at": "添加时间",
    "lessons": "课时",
    "openid": "OpenID",
    "subscribed": "关注中",
    "interests": "兴趣",
    "channel": "来源",
    "last_seen_at": "最近来过",
    "order_no": "订单号",
    "amount_fen": "金额（元）",
    "state": "状态",
    "paid_at": "付款时间",
    "attempts": "付款",
    "refunds": "退款",
    "gift": "礼物",
    "refund_state": "退款进度",
    "score": "得分",
    "basis": "依据",
    "kind": "依据",
    "term": "词或课程",
    "value": "得分",
    "name": "人群",
    "people": "人数",
    "courses": "爱学的课",
    "rule": "规则",
    "rule_name": "名称",
    "line": "行",
    "keywords": "关键词",
    "commands": "盖住命令",
    "answer": "回答",
    "scene": "渠道",
    "expires_at": "到期",
    "url": "码里的网址",
    "scans": "已关注者扫码",
    "follows": "扫码关注",
    "followers": "现有关注者",
    "active": "有互动的人",
    "orders": "付款订单",
    "version": "版本",
    "at": "时间",
    "source": "来历",
    "buttons": "按钮",
    "conditional": "个性化菜单",
    "live": "线上",
    "mini_program_appid": "小程序",
    "mini_program_path": "小程序页面",
    "article_url": "图文介绍",
    "message_id": "编号",
    "type": "类型",
    "text": "留言",
    "left_at": "留言时间",
    "done_at": "处理时间",
    "summary": "这个人",
    "account": "客服",
    "since": "开始",
    "until": "最晚到",
    "last_course": "最近看的课",
    "last_list": "最近的列表",
    "open_orders": "待付款订单",
    "left_messages": "待处理留言",
    "served_until": "人工服务到",
    "served_by": "接待客服",
    "deal_id": "编号",
    "size": "成团人数",
    "hours": "几小时内凑满",
    "most_groups": "最多几个团",
    "forming": "进行中",
    "full": "已成团",
    "stopped_at": "停止时间",
    "group_id": "团",
    "group_state": "状态",
    "paid": "已付款",
    "held": "待付款占用",
    "opened_at": "开团时间",
    "ends_at": "结束",
    "batch_id": "批次",
    "batch_name": "名称",
    "count": "总数",
    "used": "用掉",
    "used_at": "兑换时间",
    "gift_state": "状态",
    "claimed_by": "领取人",
    "claimed_at": "领取时间",
    "greeting": "祝福",
    "code": "优惠码",
    "label": "名称",
    "gives": "优惠",
    "for_what": "用于",
    "audience": "给谁",
    "each_limit": "每人次数",
    "total_limit": "总次数",
    "usable_from": "开始",
    "usable_until": "结束",
    "listed": "列出",
    "back": "退款退券",
    "validity": "状态",
    "coupon_orders": "订单",
    "price_id": "编号",
    "starts_at": "开始",
    "lines": "价格构成",
    "item": "类型",
    "apart_fen": "单买（元）",
    "item_id": "会员编号",
    "within": "里面的课",
    "months": "月数",
    "categories": "能看的分类",
    "standing": "现在",
    "granted_at": "开通时间",
    "buyers": "有的人",
    "refund_no": "退款单号",
    "out_trade_no": "付款单号",
    "reason": "原因",
    "because": "按规则",
    "origin": "谁申请的",
    "gives_up": "退掉课程",
    "decided_at": "审核时间",
    "note": "备注",
    "refund_id": "微信退款单号",
    "next_step": "下一步",
    "movement": "类型",
    "number": "单号",
    "detail": "说明",
    "day": "日期",
    "result": "结果",
    "equal": "一致",
    "booked": "补入账",
    "differences": "差异",
    "payments_fen": "收款（元）",
    "refunds_fen": "退款（元）",
    "fees_fen": "手续费（元）",
    "next_at": "下次",
    "title_kind": "抬头类型",
    "invoice_title": "抬头",
    "tax_no": "税号",
    "invoice_state": "发票",
    "invoice_number": "发票号码",
    "requested_at": "申请时间",
    "issued_at": "开票时间",
    "reversal": "红字发票",
    "to_reverse_fen": "要红冲（元）",
    "reward_id": "编号",
    "friend": "朋友",
    "out_bill_no": "转账单号",
    "transfer_state": "转账",
    "kept_fen": "订单实收（元）",
    "transfers": "历次转账",
}
WORDS = {
    "status": {"draft": "草稿", "published": "已上架", "retired": "已下架"},
    "state": {
        "PENDING": "待付款",
        "PAID": "已付款",
        "CANCELLED": "已取消",
        "REFUNDED_PART": "部分退款",
        "REFUNDED": "已退款",
    },
    "attempt": {
        "NEW": "已下单",
        "NOTPAY": "待付款",
        "CLOSING": "正在关闭",
        "CLOSED": "已关闭",
        "FAILED": "没有下成",
        "SUCCESS": "已付款",
    },
    "trade_type": {"JSAPI": "微信里付款", "NATIVE": "扫码付款"},
    "refund": {
        "REQUESTED": "等审核",
        "DECLINED": "没有通过",
        "NEW": "已登记",
        "PROCESSING": "退款中",
        "SUCCESS": "已到账",
        "ABNORMAL": "退款异常",
        "CLOSED": "已关闭",
        "REJECTED": "被拒绝",
    },
    "basis": {
        "query": "这次说的",
        "interest": "长期兴趣",
        "bought": "学过的课",
        "alike": "和学过的相近",
        "learned": "别人的选择",
        "segment": "同类人群",
        "popular": "热度",
        "editor": "主推",
        "fresh": "新课",
    },
    "group_state": {"FORMING": "进行中", "FULL": "已成团", "FAILED": "没有成团"},
    "gift_state": {"OPEN": "等人领取", "CLAIMED": "已领取", "RETURN": "退款中", "RETURNED": "已退款"},
    "validity": {"on": "可用", "early": "还没开始", "over": "已结束", "exhausted": "用完了", "stopped": "已停用"},
    "item": {"course": "课程", "bundle": "专栏", "membership": "会员"},
    "standing": {"active": "有效", "later": "还没开始", "over": "已到期", "taken_back": "已收回"},
    "source": {"found": "推送前的线上菜单", "push": "推送", "rollback": "恢复", "delete": "删除"},
}
WORDS["kind"] = WORDS["basis"]
WORDS["refund_state"] = WORDS["refund"]
NO_LIMIT = {"total_limit", "each_limit", "most_groups"}  # where 0 stands for as many as come
YES = {"y", "yes", "是", "好", "确定"}


class Failure(click.ClickException):
    """An error a person can act on: printed as it is, exit code 1."""

    def show(self, file: Any = None) -> None:
        """Print the sentence."""
        click.echo(self.message, err=True, file=file)


@dataclass
class Desk:
    """Hands the settings, the store and the shop to commands, each opened when first needed."""

    path: Path
    said_hosts: bool = False

    @cached_property
    def config(self) -> Config:
        """The checked settings."""
        with sentences():
            return load(self.path)

    @contextmanager
    def store(self) -> Iterator[SqliteStore]:
        """Open the database for one command."""
        with sentences():
            store = SqliteStore(self.config.store.path)
            try:
                yield store
            finally:
                store.close()

    @contextmanager
    def shop(self) -> Iterator[Shop]:
        """Open the whole shop for one command."""
        with sentences():
            shop = open_shop(self.config, tell=teller(self.config.server.public_url))
            try:
                yield shop
            finally:
                shop.close()

    def serving(self) -> Config:
        """Return settings that are complete enough to serve; says aloud which hosts are not WeChat's."""
        with sentences():
            require_serving(self.config)
        self._say_hosts()
        return self.config

    def calling(self) -> Config:
        """Return settings that are complete enough to call the account's API; says aloud if it is not WeChat's."""
        with sentences():
            require_account(self.config)
        self._say_hosts()
        return self.config

    def _say_hosts(self) -> None:
        bases = dict.fromkeys(unofficial_hosts(self.config))
        if bases and not self.said_hosts:
            self.said_hosts = True
            click.echo(f"注意：正在使用本机的模拟接口 {'、'.join(bases)}，不是微信官方服务器", err=True)


@contextmanager
def sentences() -> Iterator[None]:
    """Turn our errors into sentences with exit code 1."""
    try:
        yield
    except ZhikeError as error:
        raise Failure(str(error)) from None
    except OSError as error:
        raise Failure(f"文件或网络出错：{error.strerror or error}（{error.filename or ''}）") from None


def require_vacant(host: str, *ports: int) -> None:
    """Look whether the ports can be listened on, before anything has begun; ``Failure`` names one that cannot."""
    for port in filter(None, ports):
        try:
            _listen_for_a_moment(host, port)
        except OSError as error:
            why = {errno.EADDRINUSE: "已被别的程序占用", errno.EACCES: "没有权限使用"}.get(error.errno or 0)
            if why is None:
                raise
            another = 9000 if not 8997 <= port <= 9003 else 7000  # noqa: PLR2004  the demo takes three in a row
            raise Failure(f"端口 {port} {why}；换一个端口再试：--port {another}") from None


def _listen_for_a_moment(host: str, port: int) -> None:
    for family, kind, protocol, _name, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen()


def confirm(question: str) -> None:
    """Go on only when a person says yes; ``Failure`` otherwise."""
    answer = click.prompt(f"{question}（输入 y 确认）", default="", show_default=False)
    if answer.strip().lower() not in YES:
        raise Failure("没有确认，什么也没有做")


def word(name: str, value: str) -> str:
    """Return the word for people of a stored value; ``name`` is its column."""
    return WORDS[name].get(value, value)


def show(rows: Sequence[Mapping[str, Any]], *, as_json: bool, empty: str) -> None:
    """Print a listing: one JSON document, or a table for people (money in yuan, Beijing time)."""
    if as_json:
        click.echo(json.dumps([_plain(row) for row in rows], ensure_ascii=False, indent=1))
        return
    if not rows:
        click.echo(empty)
        return
    head = [HEADINGS.get(name, name) for name in rows[0]]
    cells = [[_for_people(name, value) for name, value in row.items()] for row in rows]
    widths = [max(_width(row[at]) for row in [head, *cells]) for at in range(len(head))]
    for row in [head, *cells]:
        click.echo(
            "  ".join(cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True)).rstrip()
        )


def show_one(row: Mapping[str, Any], *, as_json: bool) -> None:
    """Print one thing: a JSON document with it alone, or a line a field for people."""
    if as_json:
        show([row], as_json=True, empty="")
        return
    widest = max(_width(HEADINGS.get(name, name)) for name in row)
    for name, value in row.items():
        head = HEADINGS.get(name, name)
        click.echo(f"{head}{' ' * (widest - _width(head))}  {_for_people(name, value)}")


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: iso(value) if isinstance(value, datetime) else value for name, value in row.items()}


def iso(instant: datetime) -> str:
    """Write an instant as ISO 8601 in UTC."""
    return instant.strftime("%Y-%m-%dT%H:%M:%SZ")


def _for_people(name: str, value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, datetime):
        return value.astimezone(BEIJING).strftime("%Y-%m-%d %H:%M")
    if name.endswith("_fen"):
        return yuan(value)
    if name in NO_LIMIT and not value:
        return "不限"
    if name in WORDS:
        return word(name, value) or "-"
    if isinstance(value, (list, tuple)):
        return "、".join(map(str, value)) or "-"
    return "是" if value is True else "否" if value is False else str(value) or "-"


def _width(text: str) -> int:
    return sum(2 if ord(char) > 0x2E7F else 1 for char in text)  # noqa: PLR2004  CJK begins there
