"""The real doors to the outside, built from the settings: WeChat Pay, the account's API, and the word lists."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path

from bot.account.client import AccountClient
from bot.account.settings import AccountSettings
from bot.account.tokens import Pause
from bot.bills import Account, FundBill, TradeBill
from bot.config import Config
from bot.errors import ConfigError, NoticeRefused, PayRejected
from bot.models import Notice, RefundFacts, Trade, TradeType, TransferFacts
from bot.ports import Clock, PayGateway, PrepayOrder, TransferGateway, TransferWish
from bot.store import Store
from bot.suggestions import read_words
from bot.wechatpay.client import PayClient
from bot.wechatpay.gateway import WeChatPay
from bot.wechatpay.settings import MerchantSettings
from bot.wechatpay.transfers import WeChatTransfers
from recsys.search.synonyms import Synonyms
from recsys.text import Tokenizer


class StoreTokens:
    """The account's tokens in the store, so that every worker uses the same one."""

    def __init__(self, store: Store, key: str, clock: Clock) -> None:
        self._store = store
        self._key = key
        self._clock = clock

    async def get(self, kind: str) -> tuple[str, datetime] | None:
        """Return the value and its end."""
        now = self._clock.now()
        return await self._store.read(lambda tx: tx.tokens.get(kind, self._key, now))

    async def put(self, kind: str, value: str, expires_at: datetime) -> None:
        """Keep a value until its end."""
        await self._store.write(lambda tx: tx.tokens.put(kind, self._key, value, expires_at))

    async def expire(self, kind: str, value: str) -> None:
        """Forget exactly this value."""
        await self._store.write(lambda tx: tx.tokens.expire(kind, self._key, value))

    async def lease(self, kind: str, holder: str, until: datetime) -> bool:
        """Take the right to fetch, among all workers."""
        now = self._clock.now()
        return await self._store.write(lambda tx: tx.leases.take(f"{kind} {self._key}", holder, now, until))

    async def release(self, holder: str) -> None:
        """Give it back."""
        await self._store.write(lambda tx: tx.leases.leave(holder))


class NoPay:
    """Stands where WeChat Pay would, while no merchant is set: every paid order is refused with the reason."""

    def prepay_request(self, order: PrepayOrder) -> str:
        """Refuse."""
        raise self._refusal(order.out_trade_no)

    async def prepay(self, trade_type: TradeType, request: str) -> str:
        """Refuse."""
        raise self._refusal(f"{trade_type} {len(request)}")

    def bridge_params(self, prepay_id: str) -> Mapping[str, str]:
        """Refuse."""
        raise self._refusal(prepay_id)

    async def query(self, out_trade_no: str) -> Trade | None:
        """Refuse."""
        raise self._refusal(out_trade_no)

    async def close(self, out_trade_no: str) -> None:
        """Refuse."""
        raise self._refusal(out_trade_no)

    def refund_request(
        self, *, out_trade_no: str, out_refund_no: str, refund_fen: int, total_fen: int, reason: str
    ) -> str:
        """Refuse."""
        raise self._refusal(f"{out_trade_no} {out_refund_no} {refund_fen} {total_fen} {reason}")

    async def refund(self, request: str) -> RefundFacts:
        """Refuse."""
        raise self._refusal(request)

    async def query_refund(self, out_refund_no: str) -> RefundFacts | None:
        """Refuse."""
        raise self._refusal(out_refund_no)

    async def redirect_refund(self, refund_id: str, out_refund_no: str) -> RefundFacts:
        """Refuse."""
        raise self._refusal(f"{refund_id} {out_refund_no}")

    def read_notice(self, headers: Mapping[str, str], body: bytes) -> Notice:
        """Refuse."""
        raise NoticeRefused(f"no merchant is set ({len(headers)} headers, {len(body)} bytes)")

    async def trade_bill(self, day: date) -> TradeBill | None:
        """Refuse."""
        raise self._refusal(day.isoformat())

    async def fund_bill(self, day: date, account: Account) -> FundBill | None:
        """Refuse."""
        raise self._refusal(f"{day} {account}")

    def transfer_request(self, wish: TransferWish) -> str:
        """Refuse."""
        raise self._refusal(wish.out_bill_no)

    async def transfer(self, request: str) -> TransferFacts:
        """Refuse."""
        raise self._refusal(request)

    async def query_transfer(self, out_bill_no: str) -> TransferFacts | None:
        """Refuse."""
        raise self._refusal(out_bill_no)

    async def cancel_transfer(self, out_bill_no: str) -> TransferFacts:
        """Refuse."""
        raise self._refusal(out_bill_no)

    def confirm_params(self, package_info: str) -> Mapping[str, str]:
        """Refuse."""
        raise self._refusal(package_info)

    @staticmethod
    def _refusal(_what: str) -> PayRejected:
        return PayRejected(0, "NO_MERCHANT", "还没有配置 [pay]，暂时只能领取免费课")


def pay_gateway(config: Config, clock: Clock) -> PayGateway:
    """Build the merchant's gateway. ``ConfigError`` names keys that cannot be read or do not fit."""
    pay = config.pay
    if not pay.enabled:
        return NoPay()
    base = config.server.public_url
    try:
        merchant = MerchantSettings(
            app_id=config.wechat.app_id,
            mch_id=pay.mch_id,
            cert_serial_no=pay.cert_serial_no,
            private_key=Path(pay.private_key_file).read_bytes(),
            apiv3_key=pay.apiv3_key,
            public_key_id=pay.public_key_id,
            public_key=Path(pay.public_key_file).read_bytes(),
            api_base=pay.api_base,
            notify_url=f"{base}/pay/notify",
            refund_notify_url=f"{base}/pay/refund-notify",
            extra_certificates=tuple(Path(name).read_bytes() for name in pay.extra_certificate_files),
        )
    except (OSError, ValueError) as error:
        raise ConfigError([f"[pay] {error}"]) from None
    return WeChatPay(PayClient(merchant, clock))


def transfer_gateway(config: Config, gateway: PayGateway) -> TransferGateway:
    """Build what pays followers, with the keys of the merchant's gateway."""
    if isinstance(gateway, WeChatPay):
        return WeChatTransfers(gateway.client, f"{config.server.public_url}/pay/transfer-notify")
    return NoPay()


def account(config: Config, store: Store, clock: Clock, *, pause: Pause = asyncio.sleep) -> AccountClient:
    """Build the account's client; its tokens live in the store."""
    wechat = config.wechat
    settings = AccountSettings(wechat.app_id, wechat.app_secret, wechat.api_base, wechat.oauth_base)
    return AccountClient(settings, StoreTokens(store, wechat.app_id, clock), clock, pause=pause)


def tokenizer(config: Config) -> Tokenizer:
    """Build the tokenizer from the word lists. ``ConfigError`` when one cannot be read."""
    return Tokenizer(*(read_words(_lines(config, key)) for key in ("stop_words_file", "user_words_file")))


def synonyms(config: Config) -> Synonyms:
    """Build the synonyms from their file. ``ConfigError`` when it cannot be read."""
    return Synonyms(_lines(config, "synonyms_file"))


def _lines(config: Config, key: str) -> list[str]:
    name = getattr(config.recsys, key)
    try:
        return Path(name).read_text("utf-8").splitlines() if name else []
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([f"[recsys] {key} 读不到：{error}"]) from None
