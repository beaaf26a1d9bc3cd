"""Whether the menu of the settings could be pushed as it stands."""

from __future__ import annotations

from collections.abc import Mapping

from bot.checks.finding import Finding
from bot.config import Config
from bot.menus import lint

SHOWN = 5


async def menu(config: Config, ways: Mapping[str, str] | None) -> list[Finding]:
    """Lint [menu]. ``ways``: each click key that is answered, with a word for the same; None if not known."""
    if not config.menu:
        return [Finding("menu", None, "config.toml 里没有写 [menu]")]
    problems = lint.check(config.menu, ways)
    serious = [problem for problem in problems if problem.serious]
    if serious:
        told = "；".join(f"{problem.where}：{problem.text}" for problem in serious[:SHOWN])
        more = f"；还有 {len(serious) - SHOWN} 处" if len(serious) > SHOWN else ""
        advice = "按说明改好 config.toml 的 [menu]，用 python3 run.py menu check 看一遍，再 menu push"
        return [Finding("menu", False, told + more, advice)]
    hints = f"；有 {len(problems)} 处提醒，用 menu check 看" if problems else ""
    return [Finding("menu", True, f"[menu] 没有错{hints}")]
