"""What menu/create and addconditional refuse: numbers, sizes, types and keys of buttons. Pure."""

from collections.abc import Mapping
from typing import Any

from bot.simulator.sending import Refusal

_NEEDS = {
    "click": "key",
    "view": "url",
    "scancode_push": "key",
    "scancode_waitmsg": "key",
    "pic_sysphoto": "key",
    "pic_photo_or_album": "key",
    "pic_weixin": "key",
    "location_select": "key",
    "media_id": "media_id",
    "article_id": "article_id",
    "article_view_limited": "article_id",
    "miniprogram": "url",
}
_MOST_BUTTONS, _MOST_SUB = 3, 5
_NAME_BYTES, _SUB_NAME_BYTES, _KEY_BYTES, _URL_BYTES = 16, 60, 128, 1024


def check_menu(menu: Any) -> None:
    """Raise Refusal unless the platform would take `menu`."""
    buttons = menu.get("button") if isinstance(menu, Mapping) else None
    if not isinstance(buttons, list) or not 1 <= len(buttons) <= _MOST_BUTTONS:
        raise Refusal(40016, "invalid button size")
    for button in buttons:
        _check_name(button, _NAME_BYTES, 40018)
        if sub := button.get("sub_button"):
            _check_sub(button, sub)
        else:
            _check_action(button, 40017, 40019, 40020, 40055)


def _check_sub(button: Mapping[str, Any], sub: Any) -> None:
    if "type" in button:
        raise Refusal(40017, "invalid button type")
    if not isinstance(sub, list) or len(sub) > _MOST_SUB:
        raise Refusal(40023, "invalid sub button size")
    for each in sub:
        _check_name(each, _SUB_NAME_BYTES, 40025)
        if each.get("sub_button"):
            raise Refusal(40022, "invalid sub_menu level")
        _check_action(each, 40024, 40026, 40027, 40054)


def _check_name(button: Any, most: int, errcode: int) -> None:
    name = button.get("name") if isinstance(button, Mapping) else None
    if not isinstance(name, str) or not name.strip() or not 1 <= len(name.encode()) <= most:
        raise Refusal(errcode, "invalid button name size")


def _check_action(button: Mapping[str, Any], bad_type: int, bad_key: int, bad_url: int, bad_address: int) -> None:
    kind = button.get("type")
    if kind not in _NEEDS:
        raise Refusal(bad_type, "invalid button type")
    needed = _NEEDS[kind]
    value = button.get(needed)
    most, errcode = (_URL_BYTES, bad_url) if needed == "url" else (_KEY_BYTES, bad_key)
    if not isinstance(value, str) or not 1 <= len(value.encode()) <= most:
        raise Refusal(errcode, f"invalid button {needed} size")
    if needed == "url" and not value.startswith(("http://", "https://")):
        raise Refusal(bad_address, "invalid button url domain")
    if kind == "miniprogram" and not (button.get("appid") and button.get("pagepath")):
        raise Refusal(45064, "no permission to use weapp in menu")
