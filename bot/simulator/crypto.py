"""Seals and signatures of the official account and of WeChat Pay v3, as pure functions. No state, no clock."""

import base64
import hashlib
import secrets
import struct

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_BLOCK = 32  # WeChat pads to 32 bytes, not to the 16 of AES
_HEAD = 20  # 16 random bytes and a big-endian length
_GCM_NONCE = 12


def nonce() -> str:
    """Return 16 random letters and digits."""
    return secrets.token_hex(8)


def sorted_sha1(*parts: str) -> str:
    """Return the lower-case SHA-1 of the sorted parts: WeChat's `signature` and `msg_signature`."""
    return hashlib.sha1("".join(sorted(parts)).encode(), usedforsecurity=False).hexdigest()


def _aes(encoding_aes_key: str) -> Cipher[modes.CBC]:
    key = base64.b64decode(encoding_aes_key + "=")
    return Cipher(algorithms.AES(key), modes.CBC(key[:16]))


def seal(xml: str, encoding_aes_key: str, app_id: str) -> str:
    """Return the base64 of the encrypted message, as it stands in `<Encrypt>`."""
    body = xml.encode()
    plain = secrets.token_bytes(16) + struct.pack(">I", len(body)) + body + app_id.encode()
    pad = _BLOCK - len(plain) % _BLOCK
    encryptor = _aes(encoding_aes_key).encryptor()
    sealed = encryptor.update(plain + bytes([pad]) * pad) + encryptor.finalize()
    return base64.b64encode(sealed).decode()


def unseal(encrypted: str, encoding_aes_key: str) -> tuple[str, str]:
    """Return the message and the app id behind it. Raises ValueError when the seal is not whole."""
    sealed = base64.b64decode(encrypted, validate=True)
    if not sealed or len(sealed) % _BLOCK:
        raise ValueError("length is no multiple of 32")
    decryptor = _aes(encoding_aes_key).decryptor()
    plain = decryptor.update(sealed) + decryptor.finalize()
    pad = plain[-1]
    if not 1 <= pad <= _BLOCK or plain[-pad:] != bytes([pad]) * pad:
        raise ValueError("padding is not PKCS#7 with block 32")
    plain = plain[:-pad]
    end = _HEAD + struct.unpack(">I", plain[16:_HEAD])[0]
    if end > len(plain):
        raise ValueError("the length inside is longer than the message")
    return plain[_HEAD:end].decode(), plain[end:].decode()


def sign(key: rsa.RSAPrivateKey, message: bytes) -> str:
    """Return the base64 RSA-SHA256 signature of `message`."""
    return base64.b64encode(key.sign(message, padding.PKCS1v15(), hashes.SHA256())).decode()


def verify(key: rsa.RSAPublicKey, message: bytes, signature: str) -> bool:
    """Tell whether `signature` (base64) is `key`'s under `message`. Never raises."""
    try:
        key.verify(base64.b64decode(signature, validate=True), message, padding.PKCS1v15(), hashes.SHA256())
    except (ValueError, InvalidSignature):
        return False
    return True


def gcm_seal(apiv3_key: str, nonce_text: str, associated_data: str, plain: bytes) -> str:
    """Return the base64 AES-256-GCM ciphertext of a notice's `resource`; the tag is its last 16 bytes."""
    if len(nonce_text) != _GCM_NONCE:
        raise ValueError("a notice's nonce has 12 characters")
    sealed = AESGCM(apiv3_key.encode()).encrypt(nonce_text.encode(), plain, associated_data.encode())
    return base64.b64encode(sealed).decode()
