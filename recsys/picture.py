"""The picture of an evaluation: NDCG by slice, one colour a source.

Drawn by matplotlib, which only this file needs. What the figures mean is ``evaluation.py``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from recsys.evaluation import Line, Report, Slice, Verdict

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CHINESE_FONTS = (
    "Noto Sans CJK SC",
    "Noto Sans CJK JP",  # some versions of matplotlib know a collection by its first face only
    "Noto Sans SC",
    "Source Han Sans SC",
    "Source Han Sans CN",
    "PingFang SC",
    "PingFang HK",
    "Hiragino Sans GB",
    "Microsoft YaHei",
    "SimHei",
    "WenQuanYi Zen Hei",
    "WenQuanYi Micro Hei",
)
# Okabe and Ito's colours, which the colour-blind tell apart; popularity, the bar to clear, is grey.
_COLOURS = ("#8c8c8c", "#0072b2", "#e69f00", "#009e73", "#d55e00", "#56b4e9", "#cc79a7", "#f0e442", "#000000")
_HATCHES = ("", "///", "...", "xxx")  # when the colours begin anew
_MARKS: Mapping[Verdict, str] = {"better": "▲", "worse": "▼", "no clear difference": ""}
_GROUP = 0.84  # of the room of a slice is for its bars
_BESIDE, _BAR, _HIGH = 1.6, 0.22, 4.8  # inches: beside the bars, for each bar, from top to bottom
_NARROWEST, _WIDEST = 7.2, 40.0


@dataclass(frozen=True, slots=True)
class _Words:
    """What the picture says, in one language."""

    axis: str
    title: str
    key: str
    users: str
    slices: Mapping[Slice, str]


_CHINESE = _Words(
    axis="NDCG@{k}（± 一个标准误）",
    title="推荐方法的离线评测：和热度比较",
    key="▲ 明显好于热度   ▼ 明显不如热度   无标记：分不出高下",
    users="{n} 人",
    slices={
        "all": "全部",
        "strangers": "新人\n没有记录",
        "few": "一两次行为",
        "many": "更多行为",
        "new": "新课\n训练时没有",
    },
)
_ENGLISH = _Words(
    axis="NDCG@{k} (± one standard error)",
    title="Recommendation sources beside popularity, offline",
    key="▲ clearly better than popularity   ▼ clearly worse   no mark: no clear difference",
    users="{n} people",
    slices={
        "all": "all",
        "strangers": "strangers\nno history",
        "few": "newcomers\n1-2 events",
        "many": "others\n3 or more",
        "new": "new courses\nnot in training",
    },
)


class NoPainter(ValueError):
    """matplotlib is not installed: ``pip install 'zhike[picture]'`` brings it."""


def draw(report: Report, path: Path, *, fonts: Sequence[str] = CHINESE_FONTS) -> None:
    """Write the PNG: bars by slice, and a mark on each that is clearly better or worse than popularity.

    In Chinese when one of ``fonts`` is installed, else in English. Needs no display and leaves the settings of
    matplotlib as they were. NoPainter without matplotlib, ValueError for an empty report, OSError for a path that
    cannot be written.
    """
    try:
        import matplotlib as mpl  # noqa: PLC0415 - an optional extra
        from matplotlib.figure import Figure  # noqa: PLC0415
    except ImportError:
        raise NoPainter("matplotlib is not installed") from None
    if not report.lines:
        raise ValueError("a report without lines has no picture")
    font = _installed(fonts)
    wide = _BESIDE + _BAR * len(report.sources) * len(report.slices)
    with mpl.rc_context({"font.family": [font, "DejaVu Sans"] if font else ["DejaVu Sans"]}):
        figure = Figure((min(max(wide, _NARROWEST), _WIDEST), _HIGH), dpi=120, layout="constrained")
        axes = figure.subplots()
        _plot(axes, report, escape=font is None)
        _label(axes, report, _CHINESE if font else _ENGLISH)
        figure.legend(loc="outside right center", frameon=False)
        figure.savefig(
            path, format="png", metadata={"Software": None}
        )  # no version inside: equal reports, equal files


def _installed(fonts: Sequence[str]) -> str | None:
    from matplotlib.font_manager import fontManager  # noqa: PLC0415

    known = {font.name for font in fontManager.ttflist}
    return next((name for name in fonts if name in known), None)


def _plot(axes: Axes, report: Report, *, escape: bool) -> None:
    """Draw the bars of each source; ``escape`` names that the font at hand may not have."""
    wide = _GROUP / len(report.sources)
    for nth, source in enumerate(report.sources):
        lines = [line for line in report.lines if line.source == source]
        left = nth * wide - (_GROUP - wide) / 2
        where = [report.slices.index(line.slice) + left for line in lines]
        axes.bar(
            where,
            [line.ndcg.value for line in lines],
            wide * 0.92,
            yerr=[line.ndcg.error for line in lines],
            color=_COLOURS[nth % len(_COLOURS)],
            hatch=_HATCHES[nth // len(_COLOURS) % len(_HATCHES)],
            label=source.encode("ascii", "backslashreplace").decode() if escape else source,
            error_kw={"elinewidth": 1, "capsize": 2, "ecolor": "#333333"},
        )
        for x, line in zip(where, lines, strict=True):
            _mark(axes, x, line)


def _mark(axes: Axes, x: float, line: Line) -> None:
    axes.annotate(
        _MARKS[line.verdict],
        (x, line.ndcg.value + line.ndcg.error),
        xytext=(0, 3),
        textcoords="offset points",
        ha="center",
        fontsize=7,
    )


def _label(axes: Axes, report: Report, words: _Words) -> None:
    people = {line.slice: line.users for line in report.lines}
    ticks = [f"{words.slices[part]}\n{words.users.format(n=f'{people[part]:,}')}" for part in report.slices]
    axes.set_xticks(range(len(ticks)), ticks, fontsize=8)
    axes.set_xlabel(words.key, fontsize=8, labelpad=8)
    axes.set_ylabel(words.axis.format(k=report.k))
    axes.set_title(words.title)
    axes.margins(y=0.08)
    axes.set_ylim(bottom=0)
    axes.grid(axis="y", linewidth=0.4)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
