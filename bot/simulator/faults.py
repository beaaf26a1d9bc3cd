"""The moods of the simulator: every way it may be late, repeat itself, lose an answer or lie. Default: none."""

from dataclasses import dataclass, fields
from typing import Literal


@dataclass
class Faults:
    """Switches, each usable alone. An `int` counts down: 2 means the next two times, then all is well again."""

    # Deliveries to the callback address
    repeat_messages: int = 0  # next n messages: delivered once more although they were answered
    doubled_messages: int = 0  # next n messages: two deliveries of the same message at the same moment

    # api.weixin.qq.com
    api_delay: float = 0.0  # seconds between what a call does and its answer
    api_errors: int = 0  # next n calls: HTTP 502
    api_path: str = ""  # the api_ faults meet only the calls whose path holds this
    api_busy: int = 0  # next n calls: errcode -1, nothing done
    api_quota: int = 0  # next n calls: errcode 45009, nothing done
    api_garbage: int = 0  # next n calls: HTTP 200 with a page instead of JSON, nothing done
    api_lost_before: int = 0  # next n calls: the connection drops and nothing was done
    api_lost_after: int = 0  # next n calls: done, but the answer is lost
    send_busy: int = 0  # next n customer-service messages: errcode -1
    template_busy: int = 0  # next n template messages and 订阅通知: errcode -1
    template_errcode: int = 0  # every template message and 订阅通知: refused with this
    template_result: str = "success"  # how template messages end, as their event says it
    subscribe_result: int = 0  # how 订阅通知 end: the ErrorCode of their event
    result_first: bool = False  # the event of a notice arrives before the call is answered
    message_errcode: int = 0  # every customer-service message: refused with this
    bad_token: int = 0  # next n calls with a token: errcode 40001, and that token is dead
    mass_refused: int = 0  # next n messages to many: errcode 45028, and nothing was sent
    mass_no_quota: bool = False  # no message to many may be sent today
    mass_delay: float = 0.0  # seconds before a message to many goes out
    mass_status: str | None = None  # how messages to many end, instead of "send success"
    mass_event_lost: bool = False  # the event that tells the end never comes
    ip_refused: str = ""  # no token for anybody: errcode 40164, as if we called from this address
    callback_check: Literal["", "unset", "unresolved", "unreachable", "half"] = (
        ""  # what WeChat finds of our server
    )
    calls_used: int = 0  # calls of today that somebody else made, of every kind
    snapshot_user: bool = False  # OAuth answers with a virtual openid and is_snapshotuser

    # api.mch.weixin.qq.com
    pay_delay: float = 0.0  # seconds between what a call does and its answer
    pay_errors: int = 0  # next n calls: HTTP 500 SYSTEM_ERROR
    pay_busy: int = 0  # next n calls: HTTP 429 FREQUENCY_LIMITED
    pay_lost_before: int = 0
    pay_lost_after: int = 0  # an order made, closed or refunded, and the answer lost
    refunds_refused: int = 0  # next n refund requests: 403 NO_AUTH, and nothing was done
    refunds_no_money: int = 0  # next n refund requests: 403 NOT_ENOUGH, and nothing was done
    refunds_busy: int = 0  # next n refund requests: 429 FREQUENCY_LIMITED, and nothing was done
    refunds_busy_taken: int = 0  # next n refund requests: 429 FREQUENCY_LIMITED, and taken all the same
    signtest_replies: int = 0  # next n 2xx answers carry a WECHATPAY/SIGNTEST signature
    refund_status: Literal["PROCESSING", "ABNORMAL", "CLOSED"] | None = (
        None  # where new refunds end, instead of SUCCESS
    )
    redirected_status: Literal["PROCESSING", "ABNORMAL", "CLOSED"] | None = (
        None  # where refunds end that were sent to the merchant's own account, instead of SUCCESS
    )
    transfer_not_enough: int = 0  # next n transfer requests: 403 NOT_ENOUGH, and nothing was done
    transfers_refused: int = 0  # next n transfer requests: 403 NO_AUTH, and nothing was done
    transfer_state: Literal["ACCEPTED", "PROCESSING"] | None = None  # where transfers begin and stay
    paid_before_answer: int = 0  # next n JSAPI orders: paid and notified before the order call is answered
    paid_after_close: int = 0  # next n closes: answered 204, and then the payment and its notice arrive

    # bills
    bill_creating: int = 0  # next n questions for a bill: 400 STATEMENT_CREATING
    bill_broken: int = 0  # next n bills: the hash is not that of the file
    bill_totals_off: int = 0  # next n trade bills: the totals count one trade too many
    bill_extra_trade: str = ""  # trade bills hold a payment of that out_trade_no, which nobody made
    bill_missing_trade: str = ""  # trade bills leave out the payment of that out_trade_no
    bill_wrong_amount: str = ""  # trade bills name one fen too much for that out_trade_no
    bill_extra_refund: str = ""  # trade bills hold a refund of that out_refund_no, which nobody asked for

    # both APIs
    hang: float = 0.0  # seconds a lost answer is waited for before the connection drops

    # Payment notices
    no_notice: bool = False
    notice_copies: int = 1  # this many at the same moment, from several servers
    signtest_notices: int = 0
    stale_notices: int = 0  # next n: stamped ten minutes ago, signature right
    unknown_serial: int = 0  # next n: signed in the name of a key nobody knows
    notice_total: int | None = None
    notice_currency: str | None = None
    notice_mchid: str | None = None
    notice_appid: str | None = None

    def take(self, name: str) -> bool:
        """Use up one of the counter `name`; False when none is left."""
        left: int = getattr(self, name)
        if left <= 0:
            return False
        setattr(self, name, left - 1)
        return True

    def clear(self) -> None:
        """Switch every fault off."""
        for each in fields(self):
            setattr(self, each.name, each.default)
