"""Click's own words in Chinese: usage errors and the frame of the help pages. What our commands say is in them.

Click looks its sentences up by gettext, whose catalogues are compiled files chosen by the locale of the caller. Our
commands speak Chinese in every locale, so the look-up itself is replaced, for the few sentences that can occur.
"""

from __future__ import annotations

import re
import sys

MISTAKE = "Error: {message}"
SENTENCES = {
    "Usage:": "用法：",
    "Options": "选项",
    "Commands": "命令",
    "Positional arguments": "参数",
    "Show this message and exit.": "显示这份说明",
    "required": "必填",
    "default: {default}": "默认 {default}",
    MISTAKE: "出错了：{message}",
    "Try '{command} {option}' for help.": "用 {command} {option} 看说明。",
    "Missing command.": "没有写命令。",
    "Missing argument": "缺少参数",
    "Missing option": "缺少选项",
    "Missing parameter": "缺少参数",
    "Missing parameter: {param_name}": "缺少参数 {param_name}",
    "No such command {name!r}.": "没有{name!r}这个命令。",
    "No such option {name!r}.": "没有{name!r}这个选项。",
    "Did you mean {possibility}?": "是不是{possibility}？",
    "(Did you mean one of: {possibilities}?)": "是不是其中之一：{possibilities}？",
    "Invalid value: {message}": "值不对：{message}",
    "Invalid value for {param_hint}: {message}": "{param_hint}的值不对：{message}",
    "Got unexpected extra argument ({args})": "多了一个参数（{args}）",
    "Got unexpected extra arguments ({args})": "多了几个参数（{args}）",
    "Option {name!r} requires an argument.": "选项{name!r}后面要写一个值。",
    "Option {name!r} requires {nargs} arguments.": "选项{name!r}后面要写 {nargs} 个值。",
    "Option {name!r} does not take a value.": "选项{name!r}后面不写值。",
    "{value!r} is not {choice}.": "{value!r}应是{choice}。",
    "{value!r} is not one of {choices}.": "{value!r}应是其中之一：{choices}。",
    "{value!r} is not a valid {number_type}.": "{value!r}应是整数。",
    "{value} is not in the range {range}.": "{value} 应满足 {range}。",
    "{value!r} does not match the format {format}.": "{value!r}应写成 2026-11-24 这样的日期。",
    "{name} {filename!r} does not exist.": "{filename!r}不存在。",
    "{name} {filename!r} is a file.": "{filename!r}是文件，这里要文件夹。",
    "{name} {filename!r} is a directory.": "{filename!r}是文件夹，这里要文件。",
    "{name} {filename!r} is not readable.": "{filename!r}没有权限读。",
    "{name} {filename!r} is not writable.": "{filename!r}没有权限写。",
    "file": "文件",
    "directory": "文件夹",
    "path": "路径",
    "Could not open file {filename!r}: {message}": "打不开文件{filename!r}：{message}",
    "Aborted!": "已取消。",
}


QUOTED = re.compile(r"'\[?([^']*?)\]?'")
MARKS = {"」.": "」。", "」, 「": "」「", " 「": "「", "。 ": "。"}


class _Mistake(str):
    """The frame of a usage error: what stands in it gets Chinese marks, whoever worded it."""

    __slots__ = ()

    def format(self, *args: object, **fields: object) -> str:
        """Fill it in."""
        told = QUOTED.sub(r"「\1」", super().format(*args, **fields))
        for theirs, ours in MARKS.items():
            told = told.replace(theirs, ours)
        return told


def speak() -> None:
    """Make click speak Chinese from now on, in this process."""
    for name, module in list(sys.modules.items()):
        if name.startswith("click.") and "_" in vars(module):
            vars(module)["_"] = _said
        if name.startswith("click.") and "ngettext" in vars(module):
            vars(module)["ngettext"] = _counted


def _said(sentence: str) -> str:
    told = SENTENCES.get(sentence, sentence)
    return _Mistake(told) if sentence == MISTAKE else told


def _counted(one: str, many: str, count: int) -> str:
    return _said(one if count == 1 else many)
