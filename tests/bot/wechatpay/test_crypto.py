"""Our crypto against an independent implementation, and against junk."""

from __future__ import annotations

import base64
import re

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given, settings
from hypothesis import strategies as st
from wechatpayv3 import utils as oracle

from bot.wechatpay import crypto
from tests.bot.wechatpay.builders import APIV3_KEY, a_key

NONCE = "593BEC0C930BF1AFEB40B4A08C8FB242"
BODY = '{"description":"从零学 Python","amount":{"total":123}}'


def test_our_authorization_is_the_oracles_letter_for_letter():
    key = a_key("merchant")

    theirs = oracle.build_authorization(
        "/v3/pay/transactions/jsapi", "POST", "1900000001", "5F1C", key, data=BODY, nonce_str=NONCE
    )
    timestamp = int(re.search(r'timestamp="(\d+)"', theirs)[1])
    ours = crypto.authorization(
        key,
        mch_id="1900000001",
        cert_serial_no="5F1C",
        method="POST",
        target="/v3/pay/transactions/jsapi",
        timestamp=timestamp,
        nonce=NONCE,
        body=BODY.encode(),
    )

    assert ours == theirs


def test_the_oracle_believes_what_we_sign_and_we_believe_what_it_signs():
    key = a_key("wechat")

    ours = crypto.sign(key, crypto.reply_message("1764000000", NONCE, BODY.encode()))
    theirs = oracle.rsa_sign(key, f"1764000000\n{NONCE}\n{BODY}\n")

    assert oracle.rsa_verify("1764000000", NONCE, BODY, ours, key.public_key())
    assert crypto.verify(key.public_key(), crypto.reply_message("1764000000", NONCE, BODY.encode()), theirs)


def test_pay_sign_is_the_oracles():
    key = a_key("merchant")

    ours = crypto.bridge_sign(key, app_id="wx1", timestamp=1_764_000_000, nonce=NONCE, prepay_id="wx27")

    assert ours == oracle.rsa_sign(key, f"wx1\n1764000000\n{NONCE}\nprepay_id=wx27\n")


def test_decryption_agrees_with_the_oracle():
    sealed = base64.b64encode(AESGCM(APIV3_KEY.encode()).encrypt(b"fdasflkja484", BODY.encode(), b"transaction"))

    ours = crypto.decrypt(APIV3_KEY.encode(), b"fdasflkja484", b"transaction", sealed.decode())

    assert ours.decode() == oracle.aes_decrypt("fdasflkja484", sealed, "transaction", APIV3_KEY) == BODY


@settings(deadline=None)
@given(st.text())
def test_verify_never_raises_whatever_the_signature(signature):
    assert crypto.verify(a_key("wechat").public_key(), b"message", signature) is False


@pytest.mark.parametrize("length", [0, 1, 11, 13, 16, 128])
def test_a_nonce_of_another_length_is_refused(length):
    with pytest.raises(ValueError, match="nonce"):
        crypto.decrypt(APIV3_KEY.encode(), b"n" * length, b"", "AAAA")


@settings(deadline=None)
@given(st.text(), st.binary(max_size=20))
def test_junk_to_decrypt_is_a_value_error_and_nothing_else(ciphertext, aad):
    with pytest.raises(ValueError, match="ciphertext"):
        crypto.decrypt(APIV3_KEY.encode(), b"fdasflkja484", aad, ciphertext)
