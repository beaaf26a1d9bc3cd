"""What became of broadcasts, in figures and in words: the rows of ``broadcast status``."""

from __future__ import annotations

from typing import Any

from bot.mailing import Broadcast, Part, PartState
from bot.store import Tx

STATES = {
    "unfinished": "没发完",
    "unclear": "结果不明",
    "refused": "被拒绝",
    "lost": "要人工核对",
    "sending": "等微信的结果",
    "failed": "发送失败",
    "done": "已发出",
}
PARTS = {
    PartState.NEW: "还没发",
    PartState.CALLING: "结果不明，可以继续",
    PartState.SENT: "已交给微信",
    PartState.REFUSED: "微信拒绝",
    PartState.EMPTY: "收件人不足 2 位，没发",
    PartState.LOST: "结果不明超过一天，到公众号后台核对",
}
ENDS = {
    "err(10001)": "涉嫌广告",
    "err(20001)": "涉嫌政治",
    "err(20002)": "涉嫌色情",
    "err(20004)": "涉嫌社会",
    "err(20006)": "涉嫌违法犯罪",
    "err(20008)": "涉嫌欺诈",
    "err(20013)": "涉嫌版权",
    "err(21000)": "涉嫌其他",
    "err(22000)": "涉嫌互推",
    "err(40001)": "管理员拒绝了",
    "err(40002)": "管理员 30 分钟内没有确认",
}


def _state(parts: list[Part]) -> str:
    """Return one word for all parts: the one that most wants somebody's attention."""
    states = {part.state for part in parts}
    for state, word in (
        (PartState.LOST, "lost"),
        (PartState.CALLING, "unclear"),
        (PartState.REFUSED, "refused"),
        (PartState.NEW, "unfinished"),
    ):
        if state in states:
            return word
    results = [part.result for part in parts if part.state is PartState.SENT]
    if any(result is not None and not result.good for result in results):
        return "failed"
    return "sending" if None in results else "done"


def summary(broadcast: Broadcast, tx: Tx) -> dict[str, Any]:
    """Return one broadcast in figures."""
    parts = tx.broadcasts.parts(broadcast.broadcast_id)
    results = [part.result for part in parts if part.result is not None]
    return {
        "broadcast_id": broadcast.broadcast_id,
        "created_at": broadcast.created_at,
        "state": _state(parts),
        "people": sum(part.people for part in parts),
        "sent": sum(result.sent for result in results),
        "failed": sum(result.failed for result in results),
        "audience": broadcast.audience,
        "content": broadcast.content,
    }


def summary_for_people(row: dict[str, Any]) -> dict[str, Any]:
    """Return the same in words."""
    head = row["content"].partition("\n")[0]
    return {
        "编号": row["broadcast_id"],
        "时间": row["created_at"],
        "情况": STATES[row["state"]],
        "人数": row["people"],
        "送达": row["sent"],
        "收件人": row["audience"],
        "文字": head if len(head) <= 20 else head[:20] + "…",  # noqa: PLR2004  what fits a line
    }


def part_of(part: Part) -> dict[str, Any]:
    """Return one call of a broadcast in figures."""
    result = part.result
    return {
        "part": part.part,
        "state": part.state.value,
        "people": part.people,
        "msg_id": part.msg_id or None,
        "errcode": part.errcode or None,
        "called_at": part.called_at,
        "result": result.status if result else None,
        "total": result.total if result else None,
        "filtered": result.filtered if result else None,
        "sent": result.sent if result else None,
        "failed": result.failed if result else None,
    }


def part_for_people(part: Part) -> dict[str, Any]:
    """Return the same in words."""
    result = part.result
    told = PARTS[part.state] + (f"（{part.errcode}）" if part.errcode else "")
    if result is not None:
        told = "已发出" if result.good else f"发送失败：{ENDS.get(result.status, result.status)}"
    return {
        "批": part.part,
        "人数": part.people,
        "时间": part.called_at,
        "情况": told,
        "送达": result.sent if result else None,
        "没送到": result.failed if result else None,
        "被微信过滤": max(0, result.total - result.filtered) if result else None,
    }
