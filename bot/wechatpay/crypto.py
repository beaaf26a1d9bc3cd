"""The mathematics of WeChat Pay v3 on bytes: sign, verify, decrypt. No clock, no network, no settings.

RSASSA-PKCS1-v1_5 with SHA-256 for signatures (documents 4012365342, 4013053249, 4012365339), AES-GCM for the
content of notices (4012071382), RSA-OAEP for the few fields that only WeChat may read (4013053257).
"""

from __future__ import annotations

import base64

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP, PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA1, SHA256

SIGNATURE_TYPE = "WECHATPAY2-SHA256-RSA2048"
GCM_NONCE_BYTES = 12
GCM_TAG_BYTES = 16


def sign(private_key: RSAPrivateKey, message: bytes) -> str:
    """Return the signature of ``message`` in base64, without line breaks."""
    return base64.b64encode(private_key.sign(message, PKCS1v15(), SHA256())).decode("ascii")


def request_message(method: str, target: str, timestamp: int, nonce: str, body: bytes) -> bytes:
    """Return what a request's signature covers; ``target`` is path and query exactly as they are sent."""
    return b"%b\n%b\n%d\n%b\n%b\n" % (method.encode(), target.encode(), timestamp, nonce.encode(), body)


def authorization(
    private_key: RSAPrivateKey,
    *,
    mch_id: str,
    cert_serial_no: str,
    method: str,
    target: str,
    timestamp: int,
    nonce: str,
    body: bytes,
) -> str:
    """Return the ``Authorization`` header of a request; ``timestamp`` in Unix seconds."""
    signature = sign(private_key, request_message(method, target, timestamp, nonce, body))
    return (
        f'{SIGNATURE_TYPE} mchid="{mch_id}",nonce_str="{nonce}",signature="{signature}",'
        f'timestamp="{timestamp}",serial_no="{cert_serial_no}"'
    )


def reply_message(timestamp: str, nonce: str, body: bytes) -> bytes:
    """Return what the signature of a reply or a notice covers: both headers verbatim, and the raw body."""
    return b"%b\n%b\n%b\n" % (timestamp.encode(), nonce.encode(), body)


def verify(public_key: RSAPublicKey, message: bytes, signature_b64: str) -> bool:
    """Tell whether the signature is genuine. Never raises: probes send text that is not even base64."""
    try:
        public_key.verify(base64.b64decode(signature_b64, validate=True), message, PKCS1v15(), SHA256())
    except (ValueError, InvalidSignature):
        return False
    return True


def decrypt(apiv3_key: bytes, nonce: bytes, aad: bytes, ciphertext_b64: str) -> bytes:
    """Return the plain content of a notice. ``ValueError`` says what is wrong with the input, never its content."""
    if len(nonce) != GCM_NONCE_BYTES:
        raise ValueError(f"nonce has {len(nonce)} bytes, not {GCM_NONCE_BYTES}")
    try:
        ciphertext = base64.b64decode(ciphertext_b64, validate=True)
    except ValueError:
        raise ValueError("ciphertext is not base64") from None
    if len(ciphertext) < GCM_TAG_BYTES:
        raise ValueError("ciphertext is shorter than its tag")
    try:
        return AESGCM(apiv3_key).decrypt(nonce, ciphertext, aad)
    except InvalidTag:
        raise ValueError("ciphertext does not match key, nonce and associated data") from None


def encrypt(public_key: RSAPublicKey, plain: str) -> str:
    """Return a sensitive field for WeChat's eyes only, in base64: RSA-OAEP with SHA-1 (document 4013053257)."""
    padding = OAEP(MGF1(SHA1()), SHA1(), None)  # noqa: S303 - WeChat's choice; OAEP does not rest on collisions
    return base64.b64encode(public_key.encrypt(plain.encode(), padding)).decode("ascii")


def bridge_sign(private_key: RSAPrivateKey, *, app_id: str, timestamp: int, nonce: str, prepay_id: str) -> str:
    """Return ``paySign`` for the page that opens the payment sheet; ``timestamp`` in Unix seconds."""
    return sign(private_key, f"{app_id}\n{timestamp}\n{nonce}\nprepay_id={prepay_id}\n".encode())
