"""Items to test with: show what matters, hide the rest. A board whose right answer is plain to the eye."""

from __future__ import annotations

from recsys.base import Item

NOON = 1_700_000_000.0
DAY = 86_400.0

SUBJECTS = {
    "excel": "表格",
    "python": "编程",
    "ppt": "演示",
    "瑜伽": "健身",
    "钢琴": "音乐",
}


def an_item(item_id: str = "A1", title: str = "瑜伽入门", **fields) -> Item:
    return Item(item_id, title, **fields)


def a_board() -> list[Item]:
    """Four courses for each of five subjects; no word is shared between subjects but 入门."""
    return [
        an_item(f"{subject}-{n}", f"{subject}入门", category=field, tags=(subject,), text=f"第{n}讲")
        for subject, field in SUBJECTS.items()
        for n in range(1, 5)
    ]


def subject_of(item_id: str) -> str:
    return item_id.partition("-")[0]
