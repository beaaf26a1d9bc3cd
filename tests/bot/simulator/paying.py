"""A merchant's client written apart from the simulator: signs as the public documentation says."""

import base64
import json
import secrets
from datetime import UTC, datetime, timedelta

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding

from tests.bot.simulator.conftest import NOON


def order(world, **changes):
    settings = world.sim.settings
    expires = datetime.fromtimestamp(NOON, UTC) + timedelta(minutes=30)
    body = {
        "appid": settings.app_id,
        "mchid": settings.mch_id,
        "description": "Python 入门",
        "out_trade_no": "ZK20261124A1",
        "time_expire": expires.isoformat(),
        "attach": "课",
        "notify_url": f"{world.sim.webview_url}/pay/notify",
        "amount": {"total": 9900, "currency": "CNY"},
        "payer": {"openid": world.sim.phone().openid},
    } | changes
    return {name: value for name, value in body.items() if value is not None}


def native(world, **changes):
    return order(world, payer=None, out_trade_no="ZK20261124N1", **changes)


def signature(world, message):
    key = serialization.load_pem_private_key(world.sim.credentials.merchant_private_key.encode(), None)
    return base64.b64encode(key.sign(message, padding.PKCS1v15(), hashes.SHA256())).decode()


async def call(world, method, target, body=None, *, headers=None, at=None, signed_body=None, **parts):
    raw = (
        body if isinstance(body, bytes) else b"" if body is None else json.dumps(body, ensure_ascii=False).encode()
    )
    stamp, nonce = str(int(at or world.clock())), secrets.token_hex(16)
    message = f"{method}\n{target}\n{stamp}\n{nonce}\n".encode() + (raw if signed_body is None else signed_body)
    told = {
        "mchid": world.sim.settings.mch_id,
        "nonce_str": nonce,
        "signature": signature(world, message + b"\n"),
        "timestamp": stamp,
        "serial_no": world.sim.credentials.merchant_serial,
    } | parts
    sent = {
        "Authorization": "WECHATPAY2-SHA256-RSA2048 "
        + ",".join(f'{name}="{value}"' for name, value in told.items()),
        "Accept": "application/json",
        "User-Agent": "test/1",
        "Wechatpay-Serial": world.sim.credentials.public_key_id,
    }
    if raw:
        sent["Content-Type"] = "application/json"
    sent = {name: value for name, value in (sent | (headers or {})).items() if value is not None}
    return await world.fetch(
        world.sim.url + target, method=method, headers=sent, body=raw if method == "POST" else None
    )


async def jsapi(world, **changes):
    return await call(world, "POST", "/v3/pay/transactions/jsapi", order(world, **changes))


async def prepay(world, **changes):
    response = await jsapi(world, **changes)
    assert response.code == 200, response.body.decode()
    return json.loads(response.body)["prepay_id"]


async def query(world, number="ZK20261124A1"):
    mchid = world.sim.settings.mch_id
    return await call(world, "GET", f"/v3/pay/transactions/out-trade-no/{number}?mchid={mchid}")


async def close(world, number="ZK20261124A1"):
    body = {"mchid": world.sim.settings.mch_id}
    return await call(world, "POST", f"/v3/pay/transactions/out-trade-no/{number}/close", body)


def refund_of(world, **changes):
    body = {
        "out_trade_no": "ZK20261124A1",
        "out_refund_no": "R1",
        "reason": "不想学了",
        "notify_url": f"{world.sim.webview_url}/pay/refund-notify",
        "amount": {"refund": 4000, "total": 9900, "currency": "CNY"},
    } | changes
    return {name: value for name, value in body.items() if value is not None}


async def refund(world, **changes):
    return await call(world, "POST", "/v3/refund/domestic/refunds", refund_of(world, **changes))


def bridge(world, prepay_id, **changes):
    told = {
        "appId": world.sim.settings.app_id,
        "timeStamp": str(int(world.clock())),
        "nonceStr": secrets.token_hex(16),
        "package": f"prepay_id={prepay_id}",
        "signType": "RSA",
    } | changes
    message = "".join(f"{told[name]}\n" for name in ("appId", "timeStamp", "nonceStr", "package"))
    return (
        {"paySign": signature(world, message.encode())}
        | told
        | {name: value for name, value in changes.items() if name == "paySign"}
    )


def verified(world, response):
    """Check a reply's or notice's signature over (headers, body)."""
    headers, body = response
    key = serialization.load_pem_public_key(world.sim.credentials.platform_public_key.encode())
    message = f"{headers['Wechatpay-Timestamp']}\n{headers['Wechatpay-Nonce']}\n".encode() + body + b"\n"
    key.verify(base64.b64decode(headers["Wechatpay-Signature"]), message, padding.PKCS1v15(), hashes.SHA256())
    return headers["Wechatpay-Serial"] == world.sim.credentials.public_key_id


def code(response):
    return response.code, json.loads(response.body)["code"]
