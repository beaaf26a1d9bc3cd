"""What WeChat Pay and its official libraries published, against our crypto. Sources are beside each vector."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from cryptography.x509 import load_pem_x509_certificate

from bot.wechatpay import crypto

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "wechatpay.json").read_text("utf-8"))


@pytest.mark.parametrize("case", VECTORS["requests"]["cases"], ids=lambda case: case["name"])
def test_the_published_request_signature_covers_our_message(case):
    key = load_pem_public_key(VECTORS["requests"]["public_key"].encode())

    message = crypto.request_message(
        case["method"], case["target"], case["timestamp"], case["nonce"], case["body"].encode()
    )

    assert crypto.verify(key, message, case["signature"])
    assert not crypto.verify(key, message[:-1], case["signature"])


def test_the_published_reply_is_believed_and_a_changed_one_is_not():
    vector = VECTORS["reply"]
    key = load_pem_public_key(vector["public_key"].encode())
    message = crypto.reply_message(vector["timestamp"], vector["nonce"], vector["body"].encode())

    assert crypto.verify(key, message, vector["signature"])
    assert not crypto.verify(key, message.replace(b"JyC91EIz1", b"JyC91EIz2"), vector["signature"])


def test_the_published_notice_is_verified_over_its_raw_bytes_and_decrypted():
    vector = VECTORS["notice"]
    key = load_pem_x509_certificate(vector["certificate"].encode()).public_key()
    body = vector["body"].encode()
    resource = json.loads(body)["resource"]

    message = crypto.reply_message(vector["timestamp"], vector["nonce"], body)
    plain = crypto.decrypt(
        vector["apiv3_key"].encode(),
        resource["nonce"].encode(),
        resource["associated_data"].encode(),
        resource["ciphertext"],
    )

    assert crypto.verify(key, message, vector["signature"])
    assert plain.decode() == vector["plain"]


def test_a_re_serialised_body_is_not_the_signed_one():
    vector = VECTORS["notice"]
    key = load_pem_x509_certificate(vector["certificate"].encode()).public_key()
    rewritten = json.dumps(json.loads(vector["body"])).encode()

    message = crypto.reply_message(vector["timestamp"], vector["nonce"], rewritten)

    assert not crypto.verify(key, message, vector["signature"])


@pytest.mark.parametrize("vector", VECTORS["decrypt"], ids=lambda vector: vector["plain"])
def test_published_ciphertexts_open_and_tampered_ones_do_not(vector):
    key, nonce, aad = (vector[name].encode() for name in ("key", "nonce", "aad"))

    assert crypto.decrypt(key, nonce, aad, vector["ciphertext"]).decode() == vector["plain"]

    with pytest.raises(ValueError, match="does not match"):
        crypto.decrypt(key, nonce, b"other", vector["ciphertext"])


def test_the_published_pay_sign_covers_the_four_lines_of_the_sheet():
    vector = VECTORS["bridge"]
    key = load_pem_public_key(VECTORS["requests"]["public_key"].encode())
    written: list[bytes] = []

    class Pen:
        """Keeps what it is asked to sign: the published private key has no place in this tree."""

        def sign(self, message: bytes, *_how: object) -> bytes:
            written.append(message)
            return b""

    crypto.bridge_sign(
        Pen(),
        app_id=vector["app_id"],
        timestamp=vector["timestamp"],
        nonce=vector["nonce"],
        prepay_id=vector["prepay_id"],
    )

    assert crypto.verify(key, written[0], vector["signature"])


def test_the_probe_of_a_real_server_is_a_bad_signature_and_no_crash():
    key = load_pem_public_key(VECTORS["reply"]["public_key"].encode())

    assert crypto.verify(key, b"anything", VECTORS["probe"]["signature"]) is False
