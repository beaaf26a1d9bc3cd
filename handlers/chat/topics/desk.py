"""Coming, going and getting by: follow, unfollow, scans, help, courtesies, media, and reading on."""

from __future__ import annotations

from typing import Any

from bot.models import Course
from handlers.chat import replies
from handlers.chat.answers import Answer, Silence, Text
from handlers.chat.topics import card, invite
from handlers.chat.turn import Turn

QR_PREFIX = "qrscene_"
RECEIPT_PREFIX = "last_trade_no_"
SCENE = 64  # WeChat's own limit
DETAIL = len(QR_PREFIX) + SCENE


def follow(message: Any, turn: Turn) -> Answer:
    """Greet a new or returning follower; a QR code may name a course, a receipt never does."""
    key = message.key or ""
    scene = key.removeprefix(QR_PREFIX) if key.startswith(QR_PREFIX) else ""
    scene = invite.came(scene, turn)
    turn.tx.followers.follow(turn.openid, turn.now, scene)
    course = _came_by(scene, turn)
    turn.tx.events.add(turn.openid, "follow", turn.now, detail=key[:DETAIL])
    if key.startswith(RECEIPT_PREFIX):
        thanks = replies.welcome_payer(turn.chat.account_name)
        return Text(turn.word("welcome_payer", thanks, privacy=replies.PRIVACY))
    hello = _greeting(turn)
    return Text(f"{hello}\n\n{card.open_card(course, turn, 'qr')}" if course else hello)


def _greeting(turn: Turn) -> str:
    """Greet, and let numbers mean the starters if the greeting shows them."""
    starters, again = replies.starters(), not turn.stranger
    default = replies.welcome(turn.chat.account_name, again=again)
    name = "welcome_again" if again else "welcome"
    hello = turn.word(name, default, starters=starters, privacy=replies.PRIVACY)
    turn.talk.greet()
    turn.talk.starters = starters in hello
    return hello


def scan(message: Any, turn: Turn) -> Answer:
    """Open the course that a scanned code names, else help."""
    scene = invite.came((message.key or "").removeprefix(QR_PREFIX), turn)
    course = _came_by(scene, turn)
    turn.tx.events.add(turn.openid, "scan", turn.now, detail=scene[:DETAIL])
    if turn.service is not None:
        return Silence()
    return Text(card.open_card(course, turn, "qr") if course else _help(turn))


def _came_by(scene: str, turn: Turn) -> Course | None:
    """Note the channel, which later events carry; return the course that its code, or its name, stands for."""
    if not scene:
        return None
    turn.tx.arrivals.note(turn.openid, scene[:SCENE], turn.now)
    channel = turn.tx.channels.get(scene)
    return turn.shelf.courses.get(channel.course_id if channel and channel.course_id else scene)


def unfollow(_message: Any, turn: Turn) -> Answer:
    """Stop everything that would be sent."""
    turn.tx.followers.unfollow(turn.openid, turn.now)
    turn.tx.events.add(turn.openid, "unfollow", turn.now)
    turn.tx.outbox.drop_for(turn.openid, turn.now)
    turn.tx.quota.shut(turn.openid)
    turn.tx.services.end(turn.openid)
    return Silence()


def help_me(_message: Any, turn: Turn) -> Answer:
    """Say what the bot can do."""
    return Text(_help(turn))


def _help(turn: Turn) -> str:
    return turn.word("help", replies.help_text())


def thanks(_message: Any, turn: Turn) -> Answer:
    """Answer thanks."""
    return Text(turn.word("thanks", replies.thanks()))


def who(_message: Any, turn: Turn) -> Answer:
    """Say who is talking: a bot."""
    return Text(turn.word("who", replies.who(turn.chat.account_name)))


def fine(_message: Any, turn: Turn) -> Answer:
    """Answer 好的."""
    return Text(turn.word("fine", replies.fine()))


def goodbye(_message: Any, turn: Turn) -> Answer:
    """Say goodbye."""
    return Text(turn.word("goodbye", replies.goodbye()))


def wordless(_message: Any, turn: Turn) -> Answer:
    """Answer a message of pictures and marks alone."""
    return Text(turn.word("wordless", replies.wordless()))


def media(message: Any, turn: Turn) -> Answer:
    """Acknowledge what cannot be read."""
    kind = replies.medium(message.type)
    return Text(turn.word("media", replies.media(kind), kind=kind))


def read_on(_message: Any, turn: Turn) -> Answer:
    """Give the rest of a text that was too long."""
    rest, turn.talk.rest = turn.talk.rest, ""
    return Text(rest or replies.nothing_more())


def ignore(_message: Any, _turn: Turn) -> Answer:
    """Take note of an event that needs no answer."""
    return Silence()
