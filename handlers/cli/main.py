"""The commands, gathered."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import click

from handlers.cli import (
    anomalies,
    broadcast,
    bundles,
    chinese,
    coupons,
    courses,
    demo,
    doctor,
    followers,
    gifts,
    groups,
    invoices,
    members,
    menu,
    messages,
    orders,
    pay,
    qr,
    recsys,
    refunds,
    rewards,
    rules,
    tags,
    texts,
)
from handlers.cli.common import Desk, require_vacant, sentences
from handlers.web import server


class Door(click.Group):
    """The group of all commands; what click itself has to say, it says in Chinese."""

    def main(self, *args: Any, **extra: Any) -> Any:
        """Run a command."""
        chinese.speak()
        return super().main(*args, **extra)


@click.group(cls=Door, help="知课：在公众号对话里卖课。", context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    default=Path("config.toml"),
    show_default=True,
    help="配置文件",
)
@click.pass_context
def main(context: click.Context, config: Path) -> None:
    """Take the settings file; commands open what they need."""
    context.obj = Desk(config.absolute())


@main.command("serve", help="启动消息服务器；收到 SIGTERM 后处理完手头的消息再退出。")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=None, help="端口，默认用配置里的；0 表示任选空闲端口"
)
@click.pass_obj
def serve(desk: Desk, port: int | None) -> None:
    """Serve until told to stop."""
    config = desk.serving()
    port = config.server.port if port is None else port
    if not config.pay.enabled:
        click.echo("注意：还没有配置 [pay]，只能领取免费课，付费课的页面会说暂未开通支付", err=True)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    with sentences():
        require_vacant(config.server.host, port)
        server.serve(config, port, click.echo)


main.add_command(demo.demo)
main.add_command(courses.group)
main.add_command(bundles.group)
main.add_command(members.group)
main.add_command(followers.group)
main.add_command(orders.group)
main.add_command(groups.group)
main.add_command(gifts.group)
main.add_command(gifts.given)
main.add_command(coupons.group)
main.add_command(coupons.prices)
main.add_command(refunds.group)
main.add_command(pay.group)
main.add_command(anomalies.group)
main.add_command(invoices.group)
main.add_command(rewards.group)
main.add_command(messages.group)
main.add_command(messages.talks)
main.add_command(qr.group)
main.add_command(qr.reports)
main.add_command(menu.group)
main.add_command(recsys.group)
main.add_command(texts.group)
main.add_command(rules.group)
main.add_command(tags.group)
main.add_command(broadcast.group)
main.add_command(doctor.doctor)
