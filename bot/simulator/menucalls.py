"""The calls about menus; what they do and refuse is in menubook.py and menus.py."""

from bot.simulator.requests import Answer, Calls, Request, ok
from bot.simulator.stage import Stage


def _menu_create(stage: Stage, request: Request) -> Answer:
    stage.menus.create(request.json(), stage.now())
    stage.ring()
    return ok()


def _menu_delete(stage: Stage, _request: Request) -> Answer:
    stage.menus.delete(stage.now())
    stage.ring()
    return ok()


def _menu_add(stage: Stage, request: Request) -> Answer:
    added = stage.menus.add_conditional(request.json(), stage.now())
    stage.ring()
    return added


def _menu_drop(stage: Stage, request: Request) -> Answer:
    stage.menus.delete_conditional(request.json(), stage.now())
    stage.ring()
    return ok()


def _menu_try(stage: Stage, request: Request) -> Answer:
    follower = stage.people.get(str(request.json().get("user_id", "")))
    return stage.menus.try_match(follower if follower and follower.subscribed else None, stage.now())


CALLS: Calls = {
    ("POST", "/cgi-bin/menu/create"): _menu_create,
    ("GET", "/cgi-bin/menu/get"): lambda stage, _: stage.menus.get(stage.now()),
    ("GET", "/cgi-bin/menu/delete"): _menu_delete,
    ("POST", "/cgi-bin/menu/addconditional"): _menu_add,
    ("POST", "/cgi-bin/menu/delconditional"): _menu_drop,
    ("POST", "/cgi-bin/menu/trymatch"): _menu_try,
    ("GET", "/cgi-bin/get_current_selfmenu_info"): lambda stage, _: stage.menus.self_menu(),
}
