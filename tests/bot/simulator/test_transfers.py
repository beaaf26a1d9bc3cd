"""商家转账 as the simulator plays it: strict about every field, and about who may confirm what, and until when."""

import asyncio
import base64
import hashlib
import json
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from wechatpayv3 import WeChatPay, WeChatPayType

from bot.simulator import PayRefused
from tests.bot.simulator.paying import call, code, verified

BILLS = "/v3/fund-app/mch-transfer/transfer-bills"
ROWS = [{"info_type": "活动名称", "info_content": "邀请好友"}, {"info_type": "奖励说明", "info_content": "奖励"}]


def a_bill(world, **changes):
    body = {
        "appid": world.sim.settings.app_id,
        "out_bill_no": "RW20261124A1",
        "transfer_scene_id": "1000",
        "openid": world.sim.phone().openid,
        "transfer_amount": 500,
        "transfer_remark": "邀请好友奖励",
        "notify_url": f"{world.sim.webview_url}/pay/transfer-notify",
        "transfer_scene_report_infos": ROWS,
    } | changes
    return {name: value for name, value in body.items() if value is not None}


def sealed(world, name):
    key = serialization.load_pem_public_key(world.sim.credentials.platform_public_key.encode())
    way = padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None)
    return base64.b64encode(key.encrypt(name.encode(), way)).decode()


async def create(world, **changes):
    return await call(world, "POST", BILLS, a_bill(world, **changes))


async def query(world, number="RW20261124A1"):
    return json.loads((await call(world, "GET", f"{BILLS}/out-bill-no/{number}")).body)


def params(world, package):
    return {"mchId": world.sim.settings.mch_id, "appId": world.sim.settings.app_id, "package": package}


def test_a_bill_waits_for_its_payee_who_confirms_it_once_and_the_shop_is_told(play):
    async def story(world):
        reply = await create(world)
        made = json.loads(reply.body)
        again = json.loads((await create(world)).body)
        sheet = world.sim.transfers.check(params(world, made["package_info"]), world.sim.phone().openid)
        with pytest.raises(PayRefused):
            world.sim.transfers.check(params(world, made["package_info"]), world.sim.phone("小王").openid)
        for _ in range(2):
            await world.sim.transfers.confirm("RW20261124A1", world.sim.phone().openid)
        path, headers, body = world.shop.notices[0]
        signed = verified(world, (reply.headers, reply.body)) and verified(world, (headers, body))
        return made, again, sheet, len(world.shop.notices), path, json.loads(body), signed, await query(world)

    made, again, sheet, notices, path, notice, signed, told = play(story)

    assert made == again
    assert (made["state"], sheet.total, sheet.red_packet) == ("WAIT_USER_CONFIRM", 500, False)
    assert (notices, path, signed) == (1, "/pay/transfer-notify", True)
    kinds = (notice["event_type"], notice["resource"]["original_type"])
    assert kinds == ("MCHTRANSFER.BILL.FINISHED", "mch_payment")
    assert (told["state"], told["transfer_amount"], "package_info" in told) == ("SUCCESS", 500, False)


@pytest.mark.parametrize(
    "changes",
    [
        {"out_bill_no": "RW_1"},
        {"out_bill_no": "R" * 33},
        {"transfer_amount": 9},
        {"transfer_amount": 500.0},
        {"transfer_amount": "500"},
        {"transfer_amount": True},
        {"openid": "o-nobody"},
        {"transfer_remark": "邀" * 11},
        {"transfer_remark": None},
        {"notify_url": "https://shop.example/pay?x=1"},
        {"notify_url": "http://shop.example/pay"},
        {"mchid": "1900000001"},
        {"transfer_scene_report_infos": []},
        {"transfer_scene_report_infos": ROWS[:1]},
        {"transfer_scene_report_infos": [*ROWS, ROWS[0]]},
        {"transfer_scene_report_infos": [ROWS[0], {"info_type": "岗位类型", "info_content": "x"}]},
        {"transfer_scene_report_infos": [ROWS[0], {**ROWS[1], "info_content": "字" * 11}]},
        {"user_recv_perception": "工资"},
        {"user_recv_style": {"type": "ENVELOPE"}},
        {"user_recv_style": {"type": "RED_PACKET"}, "transfer_amount": 20_001},
        {"transfer_amount": 200_000},
        {"user_name": "张三"},
    ],
    ids=str,
)
def test_what_breaks_a_rule_is_refused_and_makes_no_bill(play, changes):
    async def story(world):
        return code(await create(world, **changes)), world.sim.transfers.bills

    assert play(story) == ((400, "PARAM_ERROR"), [])


def test_a_scene_that_was_not_opened_and_an_app_that_is_not_ours_are_refused(play):
    async def story(world):
        return code(await create(world, transfer_scene_id="1002")), code(await create(world, appid="wx1"))

    assert play(story) == ((403, "NO_AUTH"), (400, "APPID_MCHID_NOT_MATCH"))


def test_a_name_is_opened_with_wechats_own_key_and_forbidden_for_little(play):
    async def story(world):
        large = await create(world, transfer_amount=200_000, user_name=sealed(world, "张三"))
        little = await create(world, out_bill_no="RW2", transfer_amount=29, user_name=sealed(world, "张三"))
        return large.code, world.sim.transfers.bill("RW20261124A1").user_name, code(little)

    assert play(story) == (200, "张三", (400, "PARAM_ERROR"))


def test_the_same_number_with_other_parameters_is_refused(play):
    async def story(world):
        await create(world)
        return code(await create(world, transfer_amount=501)), len(world.sim.transfers.bills)

    assert play(story) == ((400, "INVALID_REQUEST"), 1)


def test_who_does_not_confirm_within_a_day_gets_nothing(play):
    async def story(world):
        package = json.loads((await create(world)).body)["package_info"]
        world.clock.forward(86_399)
        waits = (await query(world))["state"]
        world.clock.forward(1)
        over = await query(world)
        with pytest.raises(PayRefused):
            world.sim.transfers.check(params(world, package), world.sim.phone().openid)
        return waits, over["state"], over["fail_reason"]

    assert play(story) == ("WAIT_USER_CONFIRM", "FAIL", "OVERDUE_CLOSE")


def test_a_bill_is_taken_back_with_an_empty_body_until_it_is_confirmed(play):
    async def story(world):
        cancel = f"{BILLS}/out-bill-no/RW20261124A1/cancel"
        unknown = code(await call(world, "POST", cancel))
        await create(world)
        with_body = code(await call(world, "POST", cancel, {}))
        done = json.loads((await call(world, "POST", cancel)).body)["state"]
        state = (await query(world))["state"]
        await create(world, out_bill_no="RW2")
        await world.sim.transfers.confirm("RW2", world.sim.phone().openid)
        late = code(await call(world, "POST", f"{BILLS}/out-bill-no/RW2/cancel"))
        return unknown, with_body, done, state, late

    assert play(story) == (
        (404, "NOT_FOUND"),
        (400, "PARAM_ERROR"),
        "CANCELING",
        "CANCELLED",
        (400, "INVALID_REQUEST"),
    )


def test_the_faults_of_transfers(play):
    async def story(world):
        faults = world.sim.faults
        faults.transfer_not_enough = faults.transfers_refused = 1
        no = [code(await create(world)), code(await create(world))]
        faults.transfer_state = "PROCESSING"
        stays = [json.loads((await create(world)).body) for _ in range(2)]
        faults.transfer_state = None
        goes = json.loads((await create(world)).body)["state"]
        return no, {each["state"] for each in stays}, "package_info" in stays[0], goes

    assert play(story) == (
        [(403, "NOT_ENOUGH"), (403, "NO_AUTH")],
        {"PROCESSING"},
        False,
        "WAIT_USER_CONFIRM",
    )


def test_a_page_proves_whose_it_is_with_the_ticket_over_its_own_address(play):
    async def story(world):
        stage, url = world.sim._stage, f"{world.sim.webview_url}/rewards"
        stage.ticket = ("ticket", world.clock() + 7200)
        stamp = str(int(world.clock()))
        text = f"jsapi_ticket=ticket&noncestr=n&timestamp={stamp}&url={url}"
        told = {
            "verifyAppId": world.sim.settings.app_id,
            "verifySignType": "sha1",
            "verifyTimestamp": stamp,
            "verifyNonceStr": "n",
            "verifySignature": hashlib.sha1(text.encode()).hexdigest(),
            "verifyJsApiList": '["requestMerchantTransfer"]',
        }
        world.sim.transfers.verify_page(told, url + "#x")
        lies = (
            {"verifyAppId": "wx1"},
            {"verifySignature": "0"},
            {"verifyTimestamp": "1"},
            {"verifyJsApiList": "[]"},
        )
        for lie in (*lies, {"verifyJsApiList": "[]"}):
            with pytest.raises(PayRefused):
                world.sim.transfers.verify_page(told | lie, url)
        with pytest.raises(PayRefused):
            world.sim.transfers.verify_page(told, url + "?x=1")

    play(story)


def test_an_independent_client_is_understood_and_understands_the_notice(play):
    async def story(world):
        sim, given = world.sim, world.sim.credentials
        client = WeChatPay(
            wechatpay_type=WeChatPayType.JSAPI,
            mchid=sim.settings.mch_id,
            private_key=given.merchant_private_key,
            cert_serial_no=given.merchant_serial,
            apiv3_key=given.apiv3_key,
            appid=sim.settings.app_id,
            notify_url=f"{sim.webview_url}/pay/transfer-notify",
            public_key=given.platform_public_key,
            public_key_id=given.public_key_id,
            timeout=(5, 5),
        )
        client._core._gate_way = sim.url  # the library has no public setting for it
        world.clock.at = datetime.now(UTC).timestamp()  # the library reads the wall clock
        status, _text = await asyncio.to_thread(
            client.mch_transfer_bills,
            out_bill_no="LIB0001",
            transfer_scene_id="1000",
            openid=sim.phone().openid,
            transfer_amount=200_000,
            transfer_remark="奖励",
            user_name="张三",
            transfer_scene_report_infos=ROWS,
        )
        asked = await asyncio.to_thread(client.mch_transfer_bills_query, out_bill_no="LIB0001")
        await sim.transfers.confirm("LIB0001", sim.phone().openid)
        headers, body = sim.transfers.notice("LIB0001")
        notice = client.callback(headers, body)
        return status, json.loads(asked[1])["state"], sim.transfers.bill("LIB0001").user_name, notice

    status, state, name, notice = play(story)

    assert (status, state, name) == (200, "WAIT_USER_CONFIRM", "张三")
    assert notice["event_type"] == "MCHTRANSFER.BILL.FINISHED"
    assert (notice["resource"]["state"], notice["resource"]["transfer_amount"]) == ("SUCCESS", 200_000)
