"""The signature that lets a page of ours use WeChat's JS-SDK. The ticket comes from elsewhere. Pure."""

from __future__ import annotations

import hashlib


def signature(ticket: str, nonce: str, timestamp: int, url: str) -> str:
    """Sign the page's address, whose fragment does not count; the order of the parts is WeChat's."""
    address = url.partition("#")[0]
    text = f"jsapi_ticket={ticket}&noncestr={nonce}&timestamp={timestamp}&url={address}"
    return hashlib.sha1(text.encode()).hexdigest()  # noqa: S324 - the algorithm is WeChat's choice
