"""Deciding how one follower is told one thing, sending it that way, and learning from what WeChat answers.

The order is: customer-service message within the ledger → template message → 订阅通知, then 一次性订阅消息, within
what they allowed → told at the next chat (and whatever waits is told in a passive reply when they write first).
Decisions are made, and charged, inside a transaction, so that any number of workers share one ledger. When and how
often is the outbox's.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.errors import AccountError
from bot.models import Follower, OutboxRow
from bot.ports import Messenger, Notifier
from bot.reach.forms import Filled, Form, Forms, fill, values_of
from bot.reach.hours import QuietHours
from bot.reach.kinds import BETWEEN_NUDGES, BY_CONSENT, Channel, Manner, manner
from bot.reach.once import letter
from bot.reach.verdicts import FOR_ALL, VERDICTS, Verdict
from bot.store import Tx
from bot.store.reach import Sending, SendingState

log = logging.getLogger("zhike.reach")
MESSAGE_WINDOW = 48 * 3600
TOUCH_WINDOW = 60
SHUT_FOR = timedelta(hours=1)  # until a way that WeChat shut for the whole account is tried again
SHUT = "shut"


@dataclass(frozen=True, slots=True)
class Way:
    """How one row goes. ``window`` is the ledger's window that pays, ``filled`` the form of a notice.

    ``again``: the same way as the last try, which may have arrived.
    """

    channel: Channel
    window: str = ""
    filled: Filled | None = None
    again: bool = False

    @property
    def template_id(self) -> str:
        """The template, empty for a message."""
        return self.filled.template_id if self.filled else ""

    @property
    def patience(self) -> float:
        """How long to wait before repeating what may have arrived: for 订阅通知 an event tells."""
        return 60.0 if self.channel is Channel.SUBSCRIBE else 0.0


class Reach:
    """The one service that decides how a follower is told."""

    def __init__(
        self,
        messenger: Messenger,
        notifier: Notifier,
        *,
        forms: Forms,
        quiet: QuietHours,
        public_url: str,
        message_quota: int,
        touch_quota: int,
        once_template: str = "",
    ) -> None:
        self._messenger = messenger
        self._notifier = notifier
        self._forms = forms
        self._quiet = quiet
        self._public_url = public_url
        self._once = once_template
        self._limits = (("touch", TOUCH_WINDOW, touch_quota), ("message", MESSAGE_WINDOW, message_quota))
        self._verdicts: Mapping[Verdict, Callable[[Tx, OutboxRow, Way, AccountError, datetime], None]] = {
            Verdict.WINDOW: self._window_shut,
            Verdict.GONE: self._gone,
            Verdict.UNWELCOME: self._unwelcome,
            Verdict.PERSON: self._not_this_person,
            Verdict.CHANNEL: self._channel_shut,
            Verdict.FORM: self._form_refused,
        }

    # Deciding, inside the transaction ------------------------------------------------------------------------

    def choose(self, tx: Tx, row: OutboxRow, now: datetime, tried: Collection[Channel] = ()) -> Way | None:
        """Choose a way and charge for it; None when the row was put off, or left for the next chat.

        ``tried`` are ways that were refused a moment ago. A row whose last try may have arrived goes the same way.
        """
        how = manner(row.kind)
        free_at = self._free_at(tx, row, how, now)
        if free_at > now:
            tx.outbox.retry(row.row_id, free_at, in_hand=True)
            return None
        way = self._way(tx, row, how, now, tried)
        if way is None:
            tx.outbox.hold(row.row_id)
            return None
        if how.rationed:
            tx.nudges.note([row.openid], _name(row), now)
        tx.sendings.begin(row, way.channel, way.template_id, now)
        return way

    def _free_at(self, tx: Tx, row: OutboxRow, how: Manner, now: datetime) -> datetime:
        """Say from when on this may be told: after the night, and not twice a day what nobody asked for."""
        at = tx.nudges.free_at(row.openid, _name(row), now, BETWEEN_NUDGES) if how.rationed else now
        return self._quiet.next_open(at) if how.quiet else at

    def _way(self, tx: Tx, row: OutboxRow, how: Manner, now: datetime, tried: Collection[Channel]) -> Way | None:
        follower = tx.followers.get(row.openid)
        last = tx.sendings.get(row.kind, row.key)
        if last is not None and last.state is SendingState.SENDING:
            return self._again(tx, row, last, follower, now)
        ways = (self._open(tx, row, channel, follower, now) for channel in how.channels if channel not in tried)
        return next((way for way in ways if way is not None), None)

    def _again(self, tx: Tx, row: OutboxRow, last: Sending, follower: Follower | None, now: datetime) -> Way | None:
        """Repeat what may have arrived by the same way: a template is taken once, a consent was used already."""
        if last.way == Channel.MESSAGE:
            return self._open(tx, row, Channel.MESSAGE, follower, now)
        filled = None if _left(follower) else self._filled(tx, row, Channel(last.way), now)
        return Way(Channel(last.way), filled=filled, again=True) if filled else None

    def _open(
        self, tx: Tx, row: OutboxRow, channel: Channel, follower: Follower | None, now: datetime
    ) -> Way | None:
        """Return a way that is open to this follower, charged; None when it is shut."""
        follows = follower is not None and follower.subscribed
        if _left(follower) or _is_shut(tx, channel, now) or (not follows and channel not in BY_CONSENT):
            return None
        if channel is Channel.MESSAGE:
            return self._message(tx, row, now)
        filled = self._filled(tx, row, channel, now)
        if filled is None:
            return None
        if channel in BY_CONSENT and not tx.consents.take(row.openid, filled.template_id):
            return None
        return Way(channel, filled=filled)

    def _message(self, tx: Tx, row: OutboxRow, now: datetime) -> Way | None:
        """Take one message from an open window, the shorter first."""
        for kind, seconds, limit in self._limits:
            if tx.quota.take(row.openid, kind, now, seconds=seconds, limit=limit):
                return Way(Channel.MESSAGE, window=kind)
        return None

    def _filled(self, tx: Tx, row: OutboxRow, channel: Channel, now: datetime) -> Filled | None:
        """Fill the form of this kind; None when there is none, when it is shut, or when a value does not fit."""
        if channel is Channel.ONCE:
            return Filled(self._once, {}) if self._once and not _is_shut(tx, self._once, now) else None
        form = self._form(row.kind, channel)
        if form is None or _is_shut(tx, form.template_id, now):
            return None
        try:
            return fill(form, values_of(row, self._public_url))
        except (ValueError, KeyError) as error:
            log.warning("reach.does_not_fit kind=%s template=%s why=%s", row.kind, form.template_id, error)
            return None

    def _form(self, kind: str, channel: Channel) -> Form | None:
        forms = self._forms.template if channel is Channel.TEMPLATE else self._forms.subscribe
        return forms.get(kind)

    # Sending -----------------------------------------------------------------------------------------------

    async def send(self, way: Way, row: OutboxRow, content: str) -> str:
        """Send a row; returns WeChat's number of it, if it gave one. ``AccountError`` and ``AccountUnknown``."""
        if way.filled is None:
            await self._messenger.send_text(row.openid, content)
            return ""
        if way.channel is Channel.TEMPLATE:
            return await self._notifier.send_template(
                row.openid, way.template_id, way.filled.data, url=way.filled.url, client_msg_id=client_msg_id(row)
            )
        if way.channel is Channel.ONCE:
            await self._notifier.send_once(row.openid, way.template_id, letter(content))
            return ""
        await self._notifier.send_subscribe(row.openid, way.template_id, way.filled.data, page=way.filled.url)
        return ""

    @staticmethod
    def sent(tx: Tx, row: OutboxRow, msg_id: str) -> bool:
        """Note that WeChat took a row; False when its event was faster and says that it did not arrive."""
        tx.sendings.settle(row.kind, row.key, SendingState.SENT, msg_id=msg_id)
        sending = tx.sendings.get(row.kind, row.key)
        return sending is None or sending.state is not SendingState.FAILED

    def refused(self, tx: Tx, row: OutboxRow, way: Way, error: AccountError, now: datetime) -> bool:
        """Learn from a refusal; True when another way may be tried at once, False to try this one again later."""
        detail = str(error.errcode)
        if manner(row.kind).rationed and (begun := tx.sendings.get(row.kind, row.key)) is not None:
            tx.nudges.take_back([row.openid], _name(row), begun.at)
        tx.sendings.settle(row.kind, row.key, SendingState.REFUSED, detail=detail)
        verdict = VERDICTS.get(error.errcode)
        if verdict is None:
            self._give_back(tx, row, way)
            return False
        if verdict in FOR_ALL:
            log.error("reach.shut way=%s errcode=%s cure=%s", way.channel, detail, error.advice)
        self._verdicts[verdict](tx, row, way, error, now)
        return True

    # What refusals mean ------------------------------------------------------------------------------------

    def _window_shut(self, tx: Tx, row: OutboxRow, _way: Way, _error: AccountError, _now: datetime) -> None:
        tx.quota.shut(row.openid)

    def _gone(self, tx: Tx, row: OutboxRow, _way: Way, _error: AccountError, now: datetime) -> None:
        """They left and the event was lost: nothing is pushed until they are here again."""
        tx.quota.shut(row.openid)
        tx.followers.unfollow(row.openid, now)

    def _unwelcome(self, tx: Tx, row: OutboxRow, way: Way, _error: AccountError, now: datetime) -> None:
        """No consent is left. Where the one there was paid for the try before, that try did arrive."""
        tx.consents.refuse(row.openid, way.template_id, now)
        if way.channel is Channel.ONCE and way.again:
            tx.sendings.settle(row.kind, row.key, SendingState.ARRIVED)
            tx.outbox.done(row.row_id, "sent", now)

    def _not_this_person(self, tx: Tx, row: OutboxRow, way: Way, _error: AccountError, _now: datetime) -> None:
        if way.channel is Channel.MESSAGE:
            tx.quota.shut(row.openid)
        else:
            self._give_back(tx, row, way)

    def _channel_shut(self, tx: Tx, row: OutboxRow, way: Way, error: AccountError, now: datetime) -> None:
        self._give_back(tx, row, way)
        tx.tokens.put(SHUT, way.channel, str(error.errcode), now + SHUT_FOR)

    def _form_refused(self, tx: Tx, row: OutboxRow, way: Way, error: AccountError, now: datetime) -> None:
        self._give_back(tx, row, way)
        tx.tokens.put(SHUT, way.template_id or way.channel, str(error.errcode), now + SHUT_FOR)

    @staticmethod
    def _give_back(tx: Tx, row: OutboxRow, way: Way) -> None:
        """Return what was charged for a message that was surely not sent."""
        if way.channel is Channel.MESSAGE:
            tx.quota.give_back(row.openid, way.window)
        elif way.channel in BY_CONSENT:
            tx.consents.give_back(row.openid, way.template_id)


def client_msg_id(row: OutboxRow) -> str:
    """Name a row for WeChat, which sends the same name to the same follower once within ten minutes."""
    return hashlib.blake2b(_name(row).encode(), digest_size=16).hexdigest()


def _name(row: OutboxRow) -> str:
    return f"{row.key}:{row.kind}"


def _left(follower: Follower | None) -> bool:
    """Tell whether somebody followed once and left; who never followed may still have allowed notices on a page."""
    return follower is not None and not follower.subscribed and follower.unfollowed_at is not None


def _is_shut(tx: Tx, what: str, now: datetime) -> bool:
    """Tell whether WeChat shut a way, or a template, for the whole account a short while ago."""
    return tx.tokens.get(SHUT, what, now) is not None
