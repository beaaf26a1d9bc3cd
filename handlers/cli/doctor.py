"""``doctor``: asks about everything that goes wrong before the first sale, and prints the answers with cures."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterable
from dataclasses import asdict

import click

from bot.checks import Finding, look_over
from bot.config import load
from bot.errors import ConfigError
from bot.ports import SystemClock
from handlers.chat import routes
from handlers.cli.common import Desk

MARKS = {True: "✓", False: "✗", None: "-"}
TITLES = {
    "settings": "设置",
    "clock": "时钟",
    "token": "公众号令牌",
    "network": "微信到服务器",
    "quota": "接口次数",
    "pay": "微信支付",
    "pay_keys": "商户密钥",
    "pay_request": "支付请求",
    "pay_reply": "支付应答",
    "database": "数据库",
    "disk": "磁盘",
    "catalogue": "课程",
    "anomalies": "账目异常",
    "words": "词表",
    "texts": "文字和规则",
    "menu": "菜单",
    "public_url": "外网网址",
    "echo": "回调验证",
    "forgery": "回调防伪",
    "delivery": "消息投递",
    "mode": "加解密方式",
    "metrics": "指标",
    "domains": "后台域名",
}


@click.command(
    "doctor", help="体检：设置、时钟、令牌、接口次数、密钥、数据库、菜单、回调地址；有问题就说该怎么办。"
)
@click.option("--json", "as_json", is_flag=True, help="输出 JSON")
@click.pass_context
def doctor(context: click.Context, as_json: bool) -> None:
    """Look at everything; exit code 1 when something is wrong."""
    logging.getLogger("zhike").addHandler(logging.NullHandler())  # the findings say it all
    desk: Desk = context.obj
    try:
        config = load(desk.path)
    except ConfigError as error:
        advice = "改好这些再运行 doctor，其余的检查要靠它们"
        findings = [Finding("settings", False, "；".join(error.problems), advice)]
    else:
        findings = asyncio.run(look_over(config, SystemClock(), ways=routes.ways()))
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in findings], ensure_ascii=False, indent=1))
    else:
        click.echo("\n".join(_lines(findings)))
    context.exit(int(any(finding.ok is False for finding in findings)))


def _lines(findings: Iterable[Finding]) -> list[str]:
    lines, wrong = [], 0
    for finding in findings:
        lines.append(f"{MARKS[finding.ok]} {TITLES[finding.check]}：{finding.detail}")
        if finding.ok is False:
            wrong += 1
            lines.append(f"    → {finding.advice}")
    return [*lines, f"{wrong} 项有问题" if wrong else "没有发现问题"]
