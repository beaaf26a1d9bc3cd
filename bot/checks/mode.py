"""In which mode the running server takes messages, and whether that is the mode of the settings. Pure."""

from __future__ import annotations

from bot.checks.finding import Finding

IN_CONSOLE = {"safe": "安全模式", "compatible": "兼容模式", "plain": "明文模式"}
OK, FORBIDDEN = 200, 403


def running(unreadable: int, forged: int) -> str | None:
    """Tell the mode of a server from what it answers to signed nonsense, and to a forged sealed message.

    Only the safe mode refuses what it cannot read; only the plain mode does not look at seals.
    """
    modes = {(FORBIDDEN, FORBIDDEN): "safe", (OK, FORBIDDEN): "compatible", (OK, OK): "plain"}
    return modes.get((unreadable, forged))


def agreed(wanted: str, found: str | None) -> Finding:
    """Compare the mode of the settings with that of the server."""
    if found is None:
        return Finding("mode", None, "看不出正在运行的服务用哪种加解密方式")
    if found == wanted:
        return Finding("mode", True, f"正在运行的服务和设置都是{IN_CONSOLE[wanted]}")
    told = f"正在运行的服务是{IN_CONSOLE[found]}（{found}），设置里是{IN_CONSOLE[wanted]}（{wanted}）"
    advice = (
        "用同样的配置和环境变量重新启动服务，并让「设置与开发 → 基本配置」里的消息加解密方式和 [wechat] mode 一样；"
        "不一样时消息会全部收不到"
    )
    return Finding("mode", False, told, advice)
