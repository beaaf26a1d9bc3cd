"""Many followers of a running shop, and the command line on its settings: for broadcasts and tags."""

import asyncio
import json
from dataclasses import fields

from click.testing import CliRunner

from bot.config import SECTIONS
from bot.models import Entitlement
from handlers.cli import main


class Desk:
    """The command line of a shop that runs; ``changes`` are settings, as ``tags_rules=[...]``.

    There are no quiet hours unless ``reach_quiet_hours`` says so: the commands live by the machine's clock.
    """

    def __init__(self, shop, folder, **changes):
        changes.setdefault("reach_quiet_hours", "")
        lines = []
        for section in SECTIONS:
            settings = getattr(shop.config, section)
            lines.append(f"[{section}]")
            for item in fields(settings):
                value = changes.pop(f"{section}_{item.name}", getattr(settings, item.name))
                lines.append(f"{item.name} = {json.dumps(value, ensure_ascii=False)}")
        assert not changes, changes
        self.path = folder / "config.toml"
        self.path.write_text("\n".join(lines), "utf-8")

    async def run(self, *words, typed=""):
        arguments = ["--config", str(self.path), *words]
        result = await asyncio.to_thread(CliRunner().invoke, main, arguments, input=typed)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        assert "Traceback" not in result.output
        return result


def crowd(shop, simulator, count, *, channel="", start=0):
    """Return phones of followers whom the shop knows; none of them has said anything."""
    phones = [simulator.phone(f"人{number}", following=True) for number in range(start, start + count)]
    now = shop.clock.now()

    def work(tx):
        for phone in phones:
            tx.followers.follow(phone.openid, now, channel)

    shop.store.write_now(work)
    return phones


def give(shop, course_id, *phones):
    """Let people have a course."""
    now = shop.clock.now()
    shop.store.write_now(
        lambda tx: [tx.entitlements.grant(Entitlement(p.openid, course_id, "gift", "", now)) for p in phones]
    )


def likes(shop, words, *phones):
    """Let people have said that they like something."""

    def work(tx):
        for phone in phones:
            shop.suggestions.mention(tx, phone.openid, shop.suggestions.profile(""), words, shop.clock.now())

    shop.store.write_now(work)


def switch_off(shop, *phones):
    """Let people switch personalisation off."""
    shop.store.write_now(lambda tx: [tx.followers.set_personalised(p.openid, on=False) for p in phones])


def letters(phone):
    """Return the texts of the broadcasts on a screen."""
    return [shown.text for shown in phone.screen if shown.via == "mass"]


def asked(simulator, path):
    """Return the bodies of the calls to a path."""
    return [json.loads(call.body) for call in simulator.calls if call.path == path]
