"""The nouns of the shop and the states they may be in: facts only, no rules that ask the clock or the store.

Money is an integer of fen. Instants are aware UTC datetimes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class CourseStatus(StrEnum):
    """Where a course is in its life; only published ones are offered or sold."""

    DRAFT = "draft"
    PUBLISHED = "published"
    RETIRED = "retired"


class Kind(StrEnum):
    """What an item of the catalogue is; each kind is granted in its own way once it is paid."""

    COURSE = "course"
    BUNDLE = "bundle"
    MEMBERSHIP = "membership"


class Purpose(StrEnum):
    """What somebody buys for: to learn themselves, to give away, or as a seat in a group."""

    OWN = "own"
    GIFT = "gift"
    GROUP = "group"


class OrderState(StrEnum):
    """What has become of an order."""

    PENDING = "PENDING"
    PAID = "PAID"
    CANCELLED = "CANCELLED"
    REFUNDED_PART = "REFUNDED_PART"
    REFUNDED = "REFUNDED"


class AttemptState(StrEnum):
    """What has become of one try to pay an order."""

    NEW = "NEW"  # written down, WeChat's answer not known yet
    NOTPAY = "NOTPAY"  # WeChat took the order and waits for the payer
    CLOSING = "CLOSING"  # its time is over; being queried and closed
    CLOSED = "CLOSED"  # WeChat confirmed the close
    FAILED = "FAILED"  # WeChat refused the order
    SUCCESS = "SUCCESS"  # paid


class RefundState(StrEnum):
    """What has become of one refund; only SUCCESS means that money went back."""

    REQUESTED = "REQUESTED"  # waits for an admin; WeChat knows nothing of it
    DECLINED = "DECLINED"  # an admin said no
    NEW = "NEW"
    PROCESSING = "PROCESSING"
    SUCCESS = "SUCCESS"
    ABNORMAL = "ABNORMAL"
    CLOSED = "CLOSED"
    REJECTED = "REJECTED"  # WeChat refused it


class TradeType(StrEnum):
    """How the payer pays: inside WeChat, or by scanning a code shown elsewhere."""

    JSAPI = "JSAPI"
    NATIVE = "NATIVE"


@dataclass(frozen=True, slots=True)
class Course:
    """What is sold. ``price_fen`` 0 means free; a mini-program has both app id and path, or the course has none."""

    course_id: str
    title: str
    price_fen: int
    status: CourseStatus = CourseStatus.PUBLISHED
    subtitle: str = ""
    teacher: str = ""
    category: str = ""
    tags: tuple[str, ...] = ()
    description: str = ""
    level: str = ""
    minutes: int = 0
    cover_url: str = ""
    mini_program_appid: str = ""
    mini_program_path: str = ""
    article_url: str = ""
    created_at: datetime | None = None
    kind: Kind = Kind.COURSE

    @property
    def free(self) -> bool:
        """Whether it costs nothing."""
        return self.price_fen == 0

    @property
    def on_sale(self) -> bool:
        """Whether followers may be offered it."""
        return self.status is CourseStatus.PUBLISHED


@dataclass(frozen=True, slots=True)
class Lesson:
    """One step of a course; ``free`` lessons may be tried before buying."""

    course_id: str
    position: int
    title: str
    minutes: int = 0
    free: bool = False
    body: str = ""


@dataclass(frozen=True, slots=True)
class Follower:
    """One person as this account knows them."""

    openid: str
    subscribed: bool
    personalised: bool = True
    channel: str = ""
    followed_at: datetime | None = None
    unfollowed_at: datetime | None = None
    last_seen_at: datetime | None = None


ANONYMOUS = "anon-"  # begins the alias that takes the place of a forgotten person's openid


@dataclass(frozen=True, slots=True)
class Line:
    """One step from the list price to what is paid: what it is, what it adds (or takes off), and by which offer.

    ``kind`` "list" begins every quote; the others take off. ``ref`` names the offer (a coupon, a bundle).
    """

    kind: str
    amount_fen: int
    ref: str = ""


@dataclass(frozen=True, slots=True)
class Order:
    """A wish to buy one item at one price; title, price and its lines are frozen when it is placed.

    ``openid`` is empty for an order placed in a browser outside WeChat until its payer is known. ``lines`` add up
    to ``amount_fen``; ``ref`` names the group of a seat.
    """

    order_no: str
    openid: str
    course_id: str
    title: str
    amount_fen: int
    state: OrderState
    created_at: datetime
    expires_at: datetime
    paid_at: datetime | None = None
    paid_attempt: str = ""
    source: str = ""
    session: str = ""
    purpose: Purpose = Purpose.OWN
    ref: str = ""
    lines: tuple[Line, ...] = ()

    @property
    def owner(self) -> str:
        """The openid of whoever can be told of the order; empty for a browser, and once they were forgotten."""
        return "" if self.openid.startswith(ANONYMOUS) else self.openid


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to pay an order, keyed by (order, trade type, payer); ``request`` is replayed byte for byte."""

    out_trade_no: str
    order_no: str
    trade_type: TradeType
    payer: str
    total_fen: int
    request: str
    state: AttemptState
    created_at: datetime
    time_expire: datetime
    prepay: str = ""
    transaction_id: str = ""
    tries: int = 0
    next_query_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class RefundTerms:
    """The promise an order is sold under: what may go back by itself, frozen when the order is placed.

    Up to ``full_days`` after the payment all of it, for whoever learnt less than ``full_percent``; then, up to
    ``until_days``, the part that was not learnt; then nothing.
    """

    full_days: int = 0
    full_percent: int = 0
    until_days: int = 0


@dataclass(frozen=True, slots=True)
class Refund:
    """Money on its way back to a payer.

    ``origin`` is who wished for it ("" an admin or the shop itself, "chat", "page"); ``gives_up`` ends the access
    however small the amount; ``basis`` tells in JSON by what rule; ``note`` is an admin's word about it.
    """

    out_refund_no: str
    out_trade_no: str
    order_no: str
    amount_fen: int
    reason: str
    request: str
    state: RefundState
    created_at: datetime
    tries: int = 0
    next_query_at: datetime | None = None
    origin: str = ""
    gives_up: bool = False
    basis: str = ""
    note: str = ""
    refund_id: str = ""
    decided_at: datetime | None = None

    @property
    def began_at(self) -> datetime:
        """When it could first reach WeChat: after an admin's yes, if it needed one."""
        return self.decided_at or self.created_at


@dataclass(frozen=True, slots=True)
class Entitlement:
    """Whose a course is, and how it came to be theirs ("order" | "bundle" | "free" | "gift" | "code").

    Several orders may give one course; ``Entitlements`` shows the oldest of those that still do.
    """

    openid: str
    course_id: str
    source: str
    order_no: str
    granted_at: datetime


@dataclass(frozen=True, slots=True)
class Plan:
    """What an item of kind membership opens, and for how many calendar months; no ``categories`` means all."""

    item_id: str
    months: int
    categories: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Membership:
    """The months that one order bought; what they open is frozen when they are bought.

    It holds from ``starts_at`` until just before ``ends_at``; one that was taken back ends then, or never begins.
    """

    order_no: str
    openid: str
    item_id: str
    title: str
    months: int
    categories: tuple[str, ...]
    granted_at: datetime
    starts_at: datetime
    ends_at: datetime
    revoked_at: datetime | None = None

    def covers(self, categories: tuple[str, ...]) -> bool:
        """Whether it opens at least these categories (none: all)."""
        return not self.categories or (bool(categories) and set(categories) <= set(self.categories))

    def holds(self, now: datetime) -> bool:
        """Whether it opens anything at this moment."""
        return self.starts_at <= now < self.ends_at


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """Something a follower is to be told; written by the transaction that caused it."""

    row_id: int
    kind: str
    key: str
    openid: str
    payload: Mapping[str, object]
    created_at: datetime
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class Anomaly:
    """Something only a person can settle; ``note`` is how it was settled last."""

    anomaly_id: int
    kind: str
    key: str
    detail: str
    created_at: datetime
    resolved_at: datetime | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Trade:
    """What WeChat Pay says of one out_trade_no: from a query or a verified notice."""

    out_trade_no: str
    trade_state: str
    app_id: str = ""
    mch_id: str = ""
    transaction_id: str = ""
    trade_type: str = ""
    total_fen: int = 0
    currency: str = ""
    payer_openid: str = ""
    success_time: datetime | None = None

    @property
    def paid(self) -> bool:
        """Whether money was taken; REFUND means that some of it went back later."""
        return self.trade_state in {"SUCCESS", "REFUND"}


@dataclass(frozen=True, slots=True)
class RefundFacts:
    """What WeChat Pay says of one out_refund_no."""

    out_refund_no: str
    status: str
    refund_id: str = ""
    out_trade_no: str = ""
    refund_fen: int = 0
    success_time: datetime | None = None
    create_time: datetime | None = None


class TransferState(StrEnum):
    """What has become of one transfer to a follower; WeChat Pay's own words but for NEW and REFUSED."""

    NEW = "NEW"  # written down, WeChat's answer not known yet
    ACCEPTED = "ACCEPTED"
    PROCESSING = "PROCESSING"  # when it stays so, the merchant's account is empty
    WAIT_USER_CONFIRM = "WAIT_USER_CONFIRM"
    TRANSFERING = "TRANSFERING"  # WeChat's spelling
    CANCELING = "CANCELING"
    SUCCESS = "SUCCESS"
    FAIL = "FAIL"
    CANCELLED = "CANCELLED"
    REFUSED = "REFUSED"  # refused twice under the same number, and WeChat knows nothing of it


@dataclass(frozen=True, slots=True)
class TransferFacts:
    """What WeChat Pay says of one out_bill_no; ``package_info`` opens the page on which it is confirmed."""

    out_bill_no: str
    state: str
    transfer_bill_no: str = ""
    amount_fen: int | None = None
    openid: str = ""
    fail_reason: str = ""
    package_info: str = ""


@dataclass(frozen=True, slots=True)
class Notice:
    """A verified and decrypted notification of WeChat Pay."""

    notice_id: str
    event_type: str
    trade: Trade | None = None
    refund: RefundFacts | None = None
    transfer: TransferFacts | None = None
    plain: Mapping[str, object] = field(default_factory=dict)
