"""``rewards``: what bringing friends earned: list, show, approve, reject, pay."""

from __future__ import annotations

import asyncio
from typing import Any

import click

from bot.amounts import yuan
from bot.errors import CannotTake, Hindrance, NotAllowed, NotFound
from bot.models import TransferState
from bot.referral import service
from bot.store import Tx
from bot.store.referral import Reward, RewardState
from bot.store.transfers import Transfer
from handlers.cli.common import Desk, Failure, confirm, show, show_one

STATES = {
    RewardState.REVIEW: "等待审核",
    RewardState.READY: "可领取",
    RewardState.TAKEN: "发放中",
    RewardState.PAID: "已到账",
    RewardState.REJECTED: "已拒绝",
    RewardState.VOID: "没有奖励",
}
REASONS = {
    "refunded": "朋友退款了",
    "bought_before": "朋友被邀请前就买过",
    "limit": "邀请人到了总上限",
    "forgotten": "邀请人删除了数据",
}
TRANSFER_STATES = {
    TransferState.NEW: "已登记，微信还没有答复",
    TransferState.ACCEPTED: "微信已受理",
    TransferState.PROCESSING: "微信处理中（长时间不动多半是余额不足）",
    TransferState.WAIT_USER_CONFIRM: "等收款人确认",
    TransferState.TRANSFERING: "转账中",
    TransferState.CANCELING: "撤销中",
    TransferState.SUCCESS: "已到账",
    TransferState.FAIL: "失败（多半是过期没确认）",
    TransferState.CANCELLED: "已撤销",
    TransferState.REFUSED: "微信没有接受",
}
WHY = {
    Hindrance.OFF: "没有开启邀请奖励；先把 [referral] enabled 设为 true",
    Hindrance.NOTHING: "这位关注者没有可领取的奖励；用 rewards list 看有哪些",
    Hindrance.IN_REVIEW: "奖励还在等待审核；先用 rewards approve 通过",
    Hindrance.NOT_YET: "相关订单有退款正在处理，等有了结果再付",
    Hindrance.TOO_LITTLE: "金额不到 0.10 元，微信不能转",
    Hindrance.PERSON_DAY: "这位关注者今天到了上限（[referral] person_day_fen），明天再付",
    Hindrance.BUDGET: "今天的预算用完了（[referral] daily_budget_fen），明天再付",
    Hindrance.NAME: "2000 元及以上要核对姓名；加 --name 姓名",
}


@click.group("rewards", help="邀请奖励：查看、审核、发放。")
def group() -> None:
    """Gather the commands."""


@group.command("list", help="列出邀请奖励，新的在前。")
@click.option("--state", type=click.Choice([state.value for state in RewardState]), default=None, help="只列这一种")
@click.option("--json", "as_json", is_flag=True, help="输出 JSON")
@click.pass_obj
def list_(desk: Desk, state: str | None, as_json: bool) -> None:
    """List the rewards."""

    def work(tx: Tx) -> list[dict[str, Any]]:
        return [_row(tx, each, plain=as_json) for each in tx.rewards.all() if state in {None, each.state.value}]

    with desk.store() as store:
        rows = store.write_now(work)
    show(rows, as_json=as_json, empty="没有这样的奖励" if state else "还没有邀请奖励")


@group.command("show", help="查看一笔奖励、它的订单，和这位邀请人的历次转账。")
@click.argument("reward_id", type=click.IntRange(1, 2**63 - 1))
@click.option("--json", "as_json", is_flag=True, help="输出 JSON")
@click.pass_obj
def show_(desk: Desk, reward_id: int, as_json: bool) -> None:
    """Show one reward."""

    def work(tx: Tx) -> dict[str, Any]:
        reward = service.get(tx, reward_id)
        transfers = [_told(each, plain=as_json) for each in tx.transfers.of(reward.openid)]
        return {**_row(tx, reward, plain=as_json), "kept_fen": reward.kept_fen, "transfers": transfers}

    with desk.store() as store:
        row = store.write_now(work)
    show_one(row, as_json=as_json)


@group.command("approve", help="通过等待审核的奖励，可以一次写几个编号；对方会收到领取的消息。")
@click.argument("reward_ids", metavar="编号…", type=click.IntRange(1, 2**63 - 1), nargs=-1, required=True)
@click.pass_obj
def approve(desk: Desk, reward_ids: tuple[int, ...]) -> None:
    """Approve rewards: all of them or, when one cannot be, none."""
    with desk.shop() as shop:
        now, numbers = shop.clock.now(), dict.fromkeys(reward_ids)
        done = shop.store.write_now(
            lambda tx: [shop.referral.approve(tx, each, now) for each in numbers], durable=True
        )
    click.echo(f"已通过 {len(done)} 笔，共 {yuan(sum(each.amount_fen for each in done))} 元")


@group.command("reject", help="拒绝一笔还没有付的奖励。")
@click.argument("reward_id", type=click.IntRange(1, 2**63 - 1))
@click.option("--reason", required=True, help="原因，留在记录里")
@click.option("--cancel", is_flag=True, help="正在发放、还没确认收款的，先撤销那笔转账")
@click.pass_obj
def reject(desk: Desk, reward_id: int, reason: str, cancel: bool) -> None:
    """Reject a reward."""
    if cancel:
        desk.serving()
    with desk.shop() as shop:
        reward = shop.store.write_now(lambda tx: service.get(tx, reward_id))
        if cancel and reward.state is RewardState.TAKEN:
            transfer = asyncio.run(shop.transfers.cancel(reward.out_bill_no))
            if transfer.state is TransferState.CANCELING:
                raise NotAllowed(f"转账 {reward.out_bill_no} 正在撤销，过一会儿再执行一次")
        done = shop.store.write_now(lambda tx: shop.referral.reject(tx, reward_id, reason), durable=True)
    click.echo(f"已拒绝奖励 {done.reward_id}（{yuan(done.amount_fen)} 元）")


@group.command("pay", help="替一位关注者发起领取：他能领的奖励合成一笔转账，仍要他本人在微信里确认收款。")
@click.argument("openid")
@click.option("--name", default="", help="收款人真实姓名，2000 元及以上必填，加密后交给微信核对")
@click.option("--yes", is_flag=True, help="不再询问")
@click.pass_obj
def pay(desk: Desk, openid: str, name: str, yes: bool) -> None:
    """Begin a transfer, or go on with the one that is under way."""
    desk.serving()
    with desk.shop() as shop:
        summary = shop.store.write_now(lambda tx: shop.referral.summary_in(tx, openid))
        if not shop.store.write_now(lambda tx: tx.followers.known(openid)):
            raise NotFound(f"没有关注者 {openid}；用 followers list 看有哪些")
        if summary.ready_fen and not yes:
            confirm(
                f"给 {openid} 发起转账，可领取 {yuan(summary.ready_fen)} 元（按每日上限可能只付一部分），确定吗"
            )
        try:
            transfer = asyncio.run(shop.transfers.take(openid, name=name.strip()))
        except CannotTake as error:
            raise Failure(WHY[error.why]) from None
    state = TRANSFER_STATES[transfer.state]
    click.echo(f"转账 {transfer.out_bill_no}（{yuan(transfer.amount_fen)} 元）：{state}")
    if transfer.state is TransferState.WAIT_USER_CONFIRM:
        click.echo("请对方在公众号回复「我的邀请」，24 小时内打开页面确认收款")


def _row(tx: Tx, reward: Reward, *, plain: bool) -> dict[str, Any]:
    taken = reward.state in {RewardState.TAKEN, RewardState.PAID}
    transfer = tx.transfers.get(reward.out_bill_no) if taken else None
    state, told = reward.state.value, transfer.state.value if transfer else ""
    return {
        "reward_id": reward.reward_id,
        "openid": reward.openid,
        "friend": reward.friend,
        "order_no": reward.order_no,
        "amount_fen": reward.amount_fen,
        "state": state if plain else STATES[reward.state],
        "reason": reward.reason if plain else REASONS.get(reward.reason, reward.reason),
        "created_at": reward.created_at,
        "out_bill_no": reward.out_bill_no if taken else "",
        "transfer_state": told if plain or transfer is None else TRANSFER_STATES[transfer.state],
    }


def _told(transfer: Transfer, *, plain: bool) -> str:
    if plain:
        return f"{transfer.out_bill_no} {transfer.amount_fen} 分 {transfer.state}"
    return f"{transfer.out_bill_no} {yuan(transfer.amount_fen)} 元 {TRANSFER_STATES[transfer.state]}"
