"""Access tokens and the JS-SDK ticket: who gets one, how long it lives, what kills it."""

import secrets
from typing import Any

from bot.simulator.requests import Answer, Calls, Request, ok
from bot.simulator.sending import Refusal
from bot.simulator.stage import Stage

TOKEN_SECONDS = 7200
_RENEW_BEFORE = 300
_FORCE_GAP, _FORCE_A_DAY = 30, 20
_DAY = 86400


def check_token(stage: Stage, request: Request) -> None:
    """Refuse a token that is missing, dead or too old."""
    token = request.need("access_token", 41001)
    if stage.faults.take("bad_token"):
        stage.tokens.pop(token, None)
        stage.stable_token = "" if token == stage.stable_token else stage.stable_token
    expires = stage.tokens.get(token)
    if expires is None:
        raise Refusal(40001, "invalid credential, access_token is invalid or not latest,")
    if stage.now() >= expires:
        raise Refusal(42001, "access_token expired")


def check_app(stage: Stage, app_id: Any, secret: Any, grant: Any, expected_grant: str) -> None:
    """Refuse whoever is not this account."""
    if grant != expected_grant:
        raise Refusal(40002, "invalid grant_type")
    if not app_id:
        raise Refusal(41002, "appid missing")
    if app_id != stage.settings.app_id:
        raise Refusal(40013, "invalid appid")
    if not secret:
        raise Refusal(41004, "appsecret missing")
    if secret != stage.settings.app_secret:
        raise Refusal(40125, "invalid appsecret")


def _check_address(stage: Stage) -> None:
    if address := stage.faults.ip_refused:
        raise Refusal(40164, f"invalid ip {address} ipv6 ::ffff:{address}, not in whitelist")


def _new_token(stage: Stage, prefix: str) -> str:
    token = prefix + "_" + secrets.token_urlsafe(96)
    stage.tokens[token] = stage.now() + TOKEN_SECONDS
    return token


def _token(stage: Stage, request: Request) -> Answer:
    """Give a new token and kill the former; the stable one is apart."""
    query = request.query
    check_app(stage, query.get("appid"), query.get("secret"), query.get("grant_type"), "client_credential")
    _check_address(stage)
    for token in [each for each in stage.tokens if each.startswith("86_")]:
        del stage.tokens[token]
    return {"access_token": _new_token(stage, "86"), "expires_in": TOKEN_SECONDS}


def _stable_token(stage: Stage, request: Request) -> Answer:
    """Give the same token until five minutes before its end, unless it is forced to change."""
    body, now = request.json(), stage.now()
    check_app(stage, body.get("appid"), body.get("secret"), body.get("grant_type"), "client_credential")
    _check_address(stage)
    if body.get("force_refresh"):
        _check_force(stage, now)
        stage.tokens.pop(stage.stable_token, None)
    if stage.tokens.get(stage.stable_token, 0) - now <= _RENEW_BEFORE:
        stage.stable_token = _new_token(stage, "99")
    return {
        "access_token": stage.stable_token,
        "expires_in": int(stage.tokens[stage.stable_token] - now),
    }


def _check_force(stage: Stage, now: float) -> None:
    today = [at for at in stage.forced_at if now - at < _DAY]
    if today and now - today[-1] < _FORCE_GAP:
        raise Refusal(45011, "api minute-quota reach limit, must slower, retry next minute")
    if len(today) >= _FORCE_A_DAY:
        raise Refusal(45009, "reach max api daily quota limit")
    stage.forced_at = [*today, now]


def _ticket(stage: Stage, request: Request) -> Answer:
    """Give the JS-SDK ticket: the same one until its end."""
    if request.query.get("type") != "jsapi":
        raise Refusal(40097, "invalid args")
    if stage.ticket[1] <= stage.now():
        stage.ticket = ("ticket_" + secrets.token_urlsafe(48), stage.now() + TOKEN_SECONDS)
    return ok() | {"ticket": stage.ticket[0], "expires_in": int(stage.ticket[1] - stage.now())}


CALLS: Calls = {
    ("GET", "/cgi-bin/token"): _token,
    ("POST", "/cgi-bin/stable_token"): _stable_token,
    ("GET", "/cgi-bin/ticket/getticket"): _ticket,
}
WITHOUT_TOKEN = {"/cgi-bin/token", "/cgi-bin/stable_token"}
