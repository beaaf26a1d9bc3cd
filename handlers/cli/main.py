"""The commands, gathered."""

from __future__ import annotations

from pathlib import Path

import click

from handlers.cli import courses, demo, doctor, followers, orders, recsys
from handlers.cli.common import Desk, sentences
from handlers.web import server


@click.group(help="知课：在公众号对话里卖课。", context_settings={"help_option_names": ["-h", "--help"]})
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
    with sentences():
        server.serve(config, config.server.port if port is None else port, click.echo)


main.add_command(demo.demo)
main.add_command(courses.group)
main.add_command(followers.group)
main.add_command(orders.group)
main.add_command(recsys.group)
main.add_command(doctor.doctor)
