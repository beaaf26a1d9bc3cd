"""What we do not own: the payment gateway, the account's messages, the clock.

Each is one narrow door. The real ones live in ``bot/wechatpay`` and ``bot/account``; tests pass doubles.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Protocol

from bot.bills import Account, FundBill, TradeBill
from bot.models import Notice, RefundFacts, Trade, TradeType, TransferFacts
from bot.reach.once import Letter

BEIJING = timezone(timedelta(hours=8))  # the time of day of WeChat Pay and of the people who read ours


class Clock(Protocol):
    """The time of day."""

    def now(self) -> datetime:
        """Return the present instant, aware, in UTC."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """Return the present instant, aware, in UTC."""
        return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class PrepayOrder:
    """What a trade is to look like at WeChat Pay. ``payer_openid`` only for JSAPI."""

    trade_type: TradeType
    out_trade_no: str
    description: str
    total_fen: int
    time_expire: datetime
    payer_openid: str = ""


class PayGateway(Protocol):
    """WeChat Pay as the shop needs it. Errors: ``PayRejected`` and its leaves, ``PayUnknown``."""

    def prepay_request(self, order: PrepayOrder) -> str:
        """Return the exact JSON text to keep with the attempt and to send, now and at every repeat. Pure."""
        ...

    async def prepay(self, trade_type: TradeType, request: str) -> str:
        """Place or refresh the trade; return the prepay_id (JSAPI) or the code_url (NATIVE)."""
        ...

    def bridge_params(self, prepay_id: str) -> Mapping[str, str]:
        """Return the signed object for ``WeixinJSBridge.invoke('getBrandWCPayRequest', …)``, fresh."""
        ...

    async def query(self, out_trade_no: str) -> Trade | None:
        """Return what WeChat knows of the trade; None when it does not exist there."""
        ...

    async def close(self, out_trade_no: str) -> None:
        """Close the trade; returning means that WeChat confirmed it. ``AlreadyPaid`` when it is too late."""
        ...

    def refund_request(
        self, *, out_trade_no: str, out_refund_no: str, refund_fen: int, total_fen: int, reason: str
    ) -> str:
        """Return the exact JSON text of a refund. Pure."""
        ...

    async def refund(self, request: str) -> RefundFacts:
        """Ask for the refund; an answer means accepted, not refunded."""
        ...

    async def query_refund(self, out_refund_no: str) -> RefundFacts | None:
        """Return what WeChat knows of the refund; None when it does not exist there."""
        ...

    async def redirect_refund(self, refund_id: str, out_refund_no: str) -> RefundFacts:
        """Send the money of an ABNORMAL refund to the merchant's own bank account instead."""
        ...

    def read_notice(self, headers: Mapping[str, str], body: bytes) -> Notice:
        """Verify, decrypt and parse a notification. ``NoticeRefused`` unless it is genuine and fresh."""
        ...

    async def trade_bill(self, day: date) -> TradeBill | None:
        """Return the trades of a Beijing day, None without any. ``BillNotReady``, ``BillUnreadable``."""
        ...

    async def fund_bill(self, day: date, account: Account) -> FundBill | None:
        """Return the movements of funds of a Beijing day, None without any. Errors as ``trade_bill``."""
        ...


@dataclass(frozen=True, slots=True)
class TransferWish:
    """What a transfer to a follower is to look like. ``report`` are the rows of the scene: (type, content)."""

    out_bill_no: str
    openid: str
    amount_fen: int
    remark: str
    scene_id: str
    report: tuple[tuple[str, str], ...]
    perception: str = ""
    red_packet: bool = False
    user_name: str = field(default="", repr=False)


class TransferGateway(Protocol):
    """商家转账 as the shop needs it. Errors: ``PayRejected``, ``PayUnknown``."""

    def transfer_request(self, wish: TransferWish) -> str:
        """Return the exact JSON text to keep with the transfer and to send, now and at every repeat.

        ``NotAllowed`` when the amount needs a name and there is none.
        """
        ...

    async def transfer(self, request: str) -> TransferFacts:
        """Ask for the transfer; the same request moves money once, and asked again tells how it stands."""
        ...

    async def query_transfer(self, out_bill_no: str) -> TransferFacts | None:
        """Return what WeChat knows of the transfer; None when it does not exist there."""
        ...

    async def cancel_transfer(self, out_bill_no: str) -> TransferFacts:
        """Take a transfer back that nobody has confirmed; an answer means accepted, not cancelled."""
        ...

    def confirm_params(self, package_info: str) -> Mapping[str, str]:
        """Return the object for ``WeixinJSBridge.invoke('requestMerchantTransfer', …)``. Pure."""
        ...


class Messenger(Protocol):
    """Messages the account sends of its own accord. Errors: ``AccountError``, ``AccountUnknown``."""

    async def send_text(self, openid: str, content: str) -> None:
        """Send a customer-service text; returning means that WeChat accepted it."""
        ...


class Notifier(Protocol):
    """Notices by the account's templates. Errors: ``AccountError``, ``AccountUnknown``."""

    async def send_template(
        self, openid: str, template_id: str, data: Mapping[str, str], *, url: str, client_msg_id: str
    ) -> str:
        """Send a template message and return WeChat's number of it; the same ``client_msg_id`` is sent once."""
        ...

    async def send_subscribe(self, openid: str, template_id: str, data: Mapping[str, str], *, page: str) -> None:
        """Send a 订阅通知, which uses up one consent. 43101 means that there is none."""
        ...

    async def send_once(self, openid: str, template_id: str, letter: Letter) -> None:
        """Send a 一次性订阅消息, which uses up the one consent. 43101 means that there is none."""
        ...


@dataclass(frozen=True, slots=True)
class OAuthIdentity:
    """Who opened the page. ``virtual`` identities of the preview mode must not buy or be bound."""

    openid: str
    virtual: bool


class OAuth(Protocol):
    """Web authorisation (snsapi_base)."""

    def authorize_url(self, redirect_uri: str, state: str) -> str:
        """Return the address that sends the browser to WeChat and back. Pure."""
        ...

    async def identify(self, code: str) -> OAuthIdentity:
        """Exchange a one-use code. ``AccountError`` (40029, 40163) when it is bad or was used."""
        ...
