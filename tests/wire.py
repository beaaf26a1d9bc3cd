"""WeChat's side of the callback, written apart from ours: it signs, encrypts, delivers, and checks every reply."""

import base64
import hashlib
import itertools
import os
import struct
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from urllib.parse import urlencode

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

NUMBERS = itertools.count(1)


@dataclass(frozen=True)
class Account:
    """One official account as WeChat knows it."""

    app_id: str = "wx0123456789abcdef"
    original_id: str = "gh_0123456789ab"
    token: str = "unitTestToken"
    aes_key: str = base64.b64encode(bytes(range(32))).decode().rstrip("=")

    def sign(self, *parts):
        return hashlib.sha1("".join(sorted([self.token, *parts])).encode()).hexdigest()

    def query(self, now, *, nonce=None, encrypted=None):
        timestamp, nonce = str(int(now)), nonce or f"n{next(NUMBERS)}"
        query = {"signature": self.sign(timestamp, nonce), "timestamp": timestamp, "nonce": nonce}
        if encrypted is not None:
            query |= {"encrypt_type": "aes", "msg_signature": self.sign(timestamp, nonce, encrypted)}
        return query

    def cipher(self):
        key = base64.b64decode(self.aes_key + "=")
        return Cipher(algorithms.AES(key), modes.CBC(key[:16]))

    def encrypt(self, xml, app_id=None):
        text = xml.encode()
        plain = os.urandom(16) + struct.pack(">I", len(text)) + text + (app_id or self.app_id).encode()
        pad = 32 - len(plain) % 32
        encryptor = self.cipher().encryptor()
        return base64.b64encode(encryptor.update(plain + bytes([pad]) * pad) + encryptor.finalize()).decode()

    def decrypt(self, encrypted):
        decryptor = self.cipher().decryptor()
        plain = decryptor.update(base64.b64decode(encrypted)) + decryptor.finalize()
        plain = plain[: -plain[-1]]
        length = struct.unpack(">I", plain[16:20])[0]
        assert plain[20 + length :].decode() == self.app_id
        return plain[20 : 20 + length].decode()

    def message(self, openid, now, kind="text", **fields):
        """Return the XML of a new message; events have no MsgId."""
        head = {"ToUserName": self.original_id, "FromUserName": openid, "CreateTime": int(now), "MsgType": kind}
        if kind != "event":
            head["MsgId"] = 23_000_000_000_000_000 + next(NUMBERS)
        tags = "".join(f"<{name}><![CDATA[{value}]]></{name}>" for name, value in (head | fields).items())
        return f"<xml>{tags}</xml>"

    def sealed(self, xml, now, app_id=None):
        """Return (query, body) of a safe-mode delivery."""
        encrypted = self.encrypt(xml, app_id)
        body = f"<xml><ToUserName>{self.original_id}</ToUserName><Encrypt><![CDATA[{encrypted}]]></Encrypt></xml>"
        return urlencode(self.query(now, encrypted=encrypted)), body.encode()

    def open(self, query, xml, now):
        """Return (query, body) of a plain-mode delivery."""
        return query or urlencode(self.query(now)), xml.encode()

    def read(self, body, *, to, sealed):
        """Check a reply as strictly as WeChat does and return its text; ``success`` is plain and says nothing."""
        if body == b"success":
            return ""
        root = parts_of(body)
        if sealed:
            encrypted = root.findtext("Encrypt")
            parts = (root.findtext("TimeStamp"), root.findtext("Nonce"), encrypted)
            assert root.findtext("MsgSignature") == self.sign(*parts)
            root = parts_of(self.decrypt(encrypted))
        assert root.findtext("ToUserName") == to
        assert root.findtext("FromUserName") == self.original_id
        assert root.findtext("CreateTime").isdigit()
        if root.findtext("MsgType") == "transfer_customer_service":
            return "<transfer>"
        assert root.findtext("MsgType") == "text"
        content = root.findtext("Content")
        assert 0 < len(content.encode()) <= 2048
        return content


def parts_of(xml):
    """Parse a reply; a part that stands twice was smuggled in by somebody's words."""
    root = ET.fromstring(xml)
    names = [child.tag for child in root]
    assert len(names) == len(set(names)), names
    return root
