"""What the platform allows in a menu, as tables. What it means to break a rule is lint.py."""

from __future__ import annotations

from collections.abc import Mapping

MOST_BUTTONS, MOST_SUB = 3, 5
NAME_BYTES, SUB_NAME_BYTES = 16, 60
SHOWN, SUB_SHOWN = 4, 8  # Chinese characters that the phone shows; two Latin ones take the room of one
KEY_BYTES, URL_BYTES = 128, 1024
MOST_DOMAINS = 3  # of all conditional menus together

# What a button of each type needs beside its name.
FIELDS: Mapping[str, tuple[str, ...]] = {
    "click": ("key",),
    "view": ("url",),
    "miniprogram": ("url", "appid", "pagepath"),
    "scancode_push": ("key",),
    "scancode_waitmsg": ("key",),
    "pic_sysphoto": ("key",),
    "pic_photo_or_album": ("key",),
    "pic_weixin": ("key",),
    "location_select": ("key",),
    "media_id": ("media_id",),
    "article_id": ("article_id",),
    "article_view_limited": ("article_id",),
}
FIELD_NAMES = ("key", "url", "appid", "pagepath", "media_id", "article_id")
RENAMED: Mapping[str, str] = {"view_limited": "article_view_limited"}
# Made in the web console only; value is their one field.
CONSOLE_TYPES: Mapping[str, str] = {
    "text": "文字",
    "img": "图片",
    "photo": "图片",
    "voice": "语音",
    "video": "视频",
    "news": "图文",
    "finder": "视频号",
}
# Taps that come to the bot as events of their own, which it does not answer.
UNANSWERED = frozenset(
    {
        "scancode_push",
        "scancode_waitmsg",
        "pic_sysphoto",
        "pic_photo_or_album",
        "pic_weixin",
        "location_select",
    }
)
PLATFORMS: Mapping[str, str] = {"ios": "1", "android": "2", "other": "3"}
PLATFORM_WORDS: Mapping[str, str] = {"1": "iOS", "2": "安卓", "3": "其他系统"}
REFUSED_RULES: Mapping[str, str] = {
    "sex": "性别",
    "country": "国家",
    "province": "省份",
    "city": "城市",
    "language": "语言",
}
RULE_NAMES = ("tag", "tag_id", "platform", "client_platform_type")
