"""One call of api.weixin.qq.com as those who answer it see it, and what most of them say."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from bot.simulator.people import Follower
from bot.simulator.sending import Refusal, refuse_escapes
from bot.simulator.stage import Stage

Answer = dict[str, Any]


class Request:
    """One API call: its query and its body, parsed on demand."""

    def __init__(self, query: Mapping[str, str], raw: bytes) -> None:
        self.query = query
        self.raw = raw

    def need(self, name: str, errcode: int) -> str:
        """Return a query parameter, or refuse with `errcode`."""
        if value := self.query.get(name):
            return value
        raise Refusal(errcode, f"{name} missing")

    def json(self) -> dict[str, Any]:
        r"""Return the JSON object in the body. Refuses \uXXXX escapes and anything else."""
        refuse_escapes(self.raw)
        try:
            parsed = json.loads(self.raw.decode())
        except ValueError:
            raise Refusal(47001, "data format error") from None
        if not isinstance(parsed, dict):
            raise Refusal(47001, "data format error")
        return parsed


Calls = dict[tuple[str, str], Callable[[Stage, Request], Answer]]  # by method and path


def ok() -> Answer:
    """Return the answer of calls that give nothing back."""
    return {"errcode": 0, "errmsg": "ok"}


def follower_of(stage: Stage, openid: Any) -> Follower:
    """Return whom an openid names. Raises Refusal."""
    follower = stage.people.get(openid) if isinstance(openid, str) else None
    if follower is None:
        raise Refusal(40003, "invalid openid")
    return follower
