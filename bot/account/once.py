"""WeChat's page that asks for consent to one 一次性订阅消息. What is then sent is notifier.py's. Pure."""

from __future__ import annotations

import re
from urllib.parse import quote

OFFICIAL_MP = "https://mp.weixin.qq.com"
_OFFICIAL_OAUTH = "https://open.weixin.qq.com"


def consent_url(app_id: str, oauth_base: str, template_id: str, *, scene: int, back_to: str, reserved: str) -> str:
    """Return the page's address; it leads to ``back_to`` with the answer and ``reserved`` (letters and digits).

    The page is on WeChat's third host, or where web authorisation is when that is not WeChat's.
    """
    if not re.fullmatch(r"[0-9A-Za-z]{1,128}", reserved):
        raise ValueError("reserved must be 1 to 128 letters or digits")
    base = OFFICIAL_MP if oauth_base == _OFFICIAL_OAUTH else oauth_base
    return (
        f"{base}/mp/subscribemsg?action=get_confirm&appid={app_id}&scene={scene}&template_id={quote(template_id)}"
        f"&redirect_url={quote(back_to, safe='')}&reserved={reserved}#wechat_redirect"
    )
