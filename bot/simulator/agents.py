"""customservice/kfsession: the sessions of agents, as far as the account may end them."""

from bot.simulator.requests import Answer, Calls, Request, follower_of, ok
from bot.simulator.sending import Refusal
from bot.simulator.stage import Stage


def _close(stage: Stage, request: Request) -> Answer:
    body = request.json()
    follower, account = follower_of(stage, body.get("openid")), body.get("kf_account")
    if not isinstance(account, str) or "@" not in account:
        raise Refusal(65401, "invalid custom service account")
    if not stage.served(follower):
        raise Refusal(65413, "no effective session for the customer")
    if follower.agent != account:
        raise Refusal(65414, "another worker is serving the customer")
    follower.agent = ""
    follower.bell.ring()
    stage.background(stage.push(follower, "kf_close_session", {"KfAccount": account}))
    return ok()


CALLS: Calls = {("POST", "/customservice/kfsession/close"): _close}
