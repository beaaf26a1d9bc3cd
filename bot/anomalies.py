"""What each kind of anomaly is called, and what a person does about it: one table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

MERCHANT = "商户平台「交易中心」"
FUNDS = "商户平台「账户中心 → 资金流水」"


@dataclass(frozen=True, slots=True)
class Advice:
    """The name of a kind, and the next step."""

    name: str
    step: str


KINDS: Mapping[str, Advice] = {
    "payment_mismatch": Advice(
        "付款对不上", f"到{MERCHANT}查这笔单号；确实收了钱就在那里退给付款人，不是本店的就不用管"
    ),
    "late_payment": Advice("过期后才付款", "课已照常开通；有人反映重复付款再用 orders show 核对"),
    "no_payer": Advice("不知道谁付的款", f"到{MERCHANT}查付款人；联系不上就用 orders refund 退回"),
    "double_payment": Advice("重复付款", "已自动退款；用 orders show 确认退款到账就可以了"),
    "offer_gone": Advice(
        "优惠没了才付款", "付款到得太晚，优惠或名额已经没有了，已自动退款；用 orders show 确认退款到账就可以了"
    ),
    "transfer_not_enough": Advice("转账余额不足", "给商户号的运营账户充值，会用原单号自动再转"),
    "transfer_refused": Advice(
        "转账被拒绝", "先运行 doctor，再到商户平台「产品中心」看转账权限和场景；改好后用 rewards pay 再付"
    ),
    "transfer_stuck": Advice("转账没有开始", f"多半是余额不足：到{FUNDS}看余额，充值后会自动继续"),
    "transfer_mismatch": Advice("转账对不上", f"到{FUNDS}查这个单号，和 rewards show 里的金额核对"),
    "transfer_paid_late": Advice("作废后又到账", f"到{FUNDS}核对是不是付了两次；付了两次就和收款人商量"),
    "transfer_reversed": Advice("到账后又报失败", f"到{FUNDS}查这个单号的最后结果，按那里的结果和收款人说明"),
    "refund_refused": Advice(
        "退款被拒绝", "余额不足就给商户号充值，会自动再退；其他原因先运行 doctor，再用 refunds retry 重退"
    ),
    "refund_mismatch": Advice("退款对不上", f"到{MERCHANT}查这个退款单号，和 orders show 里的金额核对"),
    "refund_abnormal": Advice("退款异常", "对方的账户收不了款：用 refunds abnormal 退到商户账户，再另行转给付款人"),
    "refund_closed": Advice("退款被关闭", "钱没有退出去；查明原因后用 refunds retry 换一个单号重退"),
    "refund_by_hand": Advice("退款要另行转账", "钱退到了商户账户：按原金额转给付款人，留好凭证，再写下说明"),
    "bill_unknown_payment": Advice(
        "账单多一笔付款", f"到{MERCHANT}查这笔单号从哪里下的单；不该收就退回，别的系统收的就写明来源"
    ),
    "bill_missing_payment": Advice(
        "账单少一笔付款",
        f"先用 orders sync 再查一次，再到{MERCHANT}查；查得到就过几天重新对账，查不到就联系微信支付",
    ),
    "bill_payment_differs": Advice("付款和账单不一致", f"到{MERCHANT}看实收金额，按那里的数和付款人结清差额"),
    "bill_not_paid": Advice(
        "账单和查询不一致", "账单说已付款，查询却没有付款：明天重新对这一天的账，还是这样就联系微信支付"
    ),
    "bill_unknown_refund": Advice(
        "账单多一笔退款", f"不是本店发起的退款：到{MERCHANT}查是谁退的，用 orders show 看课要不要收回"
    ),
    "bill_missing_refund": Advice(
        "账单少一笔退款", f"到{MERCHANT}查这个退款单号；没有就联系微信支付，并告诉付款人"
    ),
    "bill_refund_differs": Advice(
        "退款和账单不一致", f"到{MERCHANT}看实退金额，差额用 orders refund 补退或和付款人说明"
    ),
    "bill_fee_differs": Advice("手续费变了", "同一笔的手续费和上次账单不同：到商户平台核对费率，差额联系微信支付"),
    "bill_unknown_transfer": Advice("多一笔转账", f"不是本店发起的转账：到{FUNDS}查是谁转的，写明用途"),
    "bill_missing_transfer": Advice("少一笔转账", f"本店记了转账，资金账单里没有：到{FUNDS}查这个单号"),
    "bill_transfer_differs": Advice("转账金额不一致", f"到{FUNDS}看实际金额，按那里的数更正活动账"),
    "fund_unknown": Advice("看不懂的资金流水", f"到{FUNDS}查这一笔是什么业务；以后常有就请报告，让程序认识它"),
    "bill_unreadable": Advice("账单没能对", "看原因：下载或读取出错会自动重试；没有权限就到商户平台开通账单接口"),
    "invoice_reversal": Advice("发票要红冲", "在税务系统开红字发票，再用 invoices reverse 登记"),
}
UNKNOWN = Advice("其他", "用 orders show 看这笔单的经过，处理好后写下说明")


def advice(kind: str) -> Advice:
    """Return the name and the next step of a kind."""
    return KINDS.get(kind, UNKNOWN)
