"""The calls about tags; what they do and refuse is in tagbook.py."""

from bot.simulator.requests import Answer, Calls, Request, follower_of, ok
from bot.simulator.stage import Stage


def _tags_get(stage: Stage, _request: Request) -> Answer:
    return {"tags": stage.tags.listed()}


def _tags_create(stage: Stage, request: Request) -> Answer:
    return {"tag": stage.tags.create(request.json().get("tag"))}


def _tags_update(stage: Stage, request: Request) -> Answer:
    stage.tags.rename(request.json().get("tag"))
    return ok()


def _tags_delete(stage: Stage, request: Request) -> Answer:
    stage.tags.delete(request.json().get("tag"))
    return ok()


def _tag_members(stage: Stage, request: Request) -> Answer:
    body = request.json()
    return stage.tags.page(body.get("tagid"), body.get("next_openid"))


def _batchtagging(stage: Stage, request: Request) -> Answer:
    body = request.json()
    stage.tags.tag(body.get("tagid"), body.get("openid_list"), stage.people)
    return ok()


def _batchuntagging(stage: Stage, request: Request) -> Answer:
    body = request.json()
    stage.tags.untag(body.get("tagid"), body.get("openid_list"), stage.people)
    return ok()


def _tags_of(stage: Stage, request: Request) -> Answer:
    return {"tagid_list": stage.tags.of(follower_of(stage, request.json().get("openid")).openid)}


CALLS: Calls = {
    ("GET", "/cgi-bin/tags/get"): _tags_get,
    ("POST", "/cgi-bin/tags/create"): _tags_create,
    ("POST", "/cgi-bin/tags/update"): _tags_update,
    ("POST", "/cgi-bin/tags/delete"): _tags_delete,
    ("POST", "/cgi-bin/user/tag/get"): _tag_members,
    ("POST", "/cgi-bin/tags/members/batchtagging"): _batchtagging,
    ("POST", "/cgi-bin/tags/members/batchuntagging"): _batchuntagging,
    ("POST", "/cgi-bin/tags/getidlist"): _tags_of,
}
