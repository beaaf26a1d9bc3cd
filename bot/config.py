"""The settings: read once, checked at once, handed down as frozen values.

``load`` merges config.toml, then the environment (``ZHIKE_<SECTION>_<KEY>``), and names every wrong value
together with what it should have been. Nothing else in the house reads a file or variable of settings.
"""

from __future__ import annotations

import difflib
import ipaddress
import os
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any, get_type_hints
from urllib.parse import urlsplit

from bot.errors import ConfigError
from bot.models import RefundTerms
from bot.reach.forms import Forms, read_forms
from bot.reach.hours import QuietHours

OFFICIAL_API = "https://api.weixin.qq.com"
OFFICIAL_OAUTH = "https://open.weixin.qq.com"
OFFICIAL_PAY = ("https://api.mch.weixin.qq.com", "https://api2.mch.weixin.qq.com")
LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})
AES_KEY_LENGTH = 43
APIV3_KEY_LENGTH = 32
MAX_PORT = 65535
LONGEST_REASON = 80  # bytes

Check = Callable[[Any], str | None]


def _setting(default: object, check: Check | None = None, *, secret: bool = False) -> Any:
    """Declare one setting: its default, what it must satisfy, and whether it may ever be shown."""
    return field(default=default, repr=not secret, metadata={"check": check, "secret": secret})


def _between(low: float, high: float) -> Check:
    return lambda value: None if low <= value <= high else f"应在 {low:g} 到 {high:g} 之间"


def _one_of(*choices: str) -> Check:
    return lambda value: None if value in choices else "应是 " + "、".join(choices) + " 之一"


def _matching(pattern: str, should: str) -> Check:
    return lambda value: None if value == "" or re.fullmatch(pattern, value) else should


def _ascii_key(length: int) -> Check:
    should = f"应是 {length} 个英文字母或数字"
    return _matching(rf"[0-9A-Za-z]{{{length}}}", should)


def is_loopback(url: str) -> bool:
    """Tell whether ``url`` points at this machine itself."""
    parts = urlsplit(url)
    return parts.scheme in {"http", "https"} and (parts.hostname or "") in LOOPBACK_HOSTS


def _official_or_loopback(*official: str) -> Check:
    def check(value: str) -> str | None:
        if value in official or (is_loopback(value) and not value.endswith("/")):
            return None
        return f"应是 {' 或 '.join(official)}，或本机回环地址（如 http://127.0.0.1:8001，结尾不带斜杠）"

    return check


def _public_url(value: str) -> str | None:
    parts = urlsplit(value)
    good = parts.netloc and not parts.query and not value.endswith("/")
    if good and (parts.scheme == "https" or is_loopback(value)):
        return None
    return "应是 https:// 开头的网址，结尾不带斜杠（本机试用可以是 http://127.0.0.1:端口）"


def _addresses(values: tuple[str, ...]) -> str | None:
    try:
        same = all(str(ipaddress.ip_address(value)) == value for value in values)
    except ValueError:
        same = False
    return None if same else '应是 IP 地址的列表，如 ["127.0.0.1"]'


def _boosts(values: tuple[str, ...]) -> str | None:
    good = all(
        re.fullmatch(r"[^=\s]+=\d{1,2}(\.\d+)?", value) and float(value.rpartition("=")[2]) > 0 for value in values
    )
    return None if good else '应是“课程编号=倍数”的列表，倍数大于 0，如 ["EDU001=2", "HEA003=0.5"]'


def _quiet_hours(value: str) -> str | None:
    try:
        QuietHours.read(value)
    except ValueError as error:
        return str(error)
    return None


def _template_id(value: str) -> str | None:
    return (
        None
        if re.fullmatch(r"[\w-]{0,64}", value, re.ASCII)
        else "应是模板 ID，在公众平台的接口权限里复制；空着就不用"
    )


TAG_RULE = re.compile(r"(?P<name>[^=]+)=(?P<kind>bought|interest|channel):(?P<value>.+)")
LONGEST_TAG = 30  # bytes
MOST_TAGS = 100


def _tag_rules(values: tuple[str, ...]) -> str | None:
    matched = {value: TAG_RULE.fullmatch(value) for value in values}
    for value, match in matched.items():
        if match is None or not match["name"].strip() or not match["value"].strip():
            return f'里的 "{value}" 应形如 "标签名=bought:课程或分类"，冒号前可用 bought、interest、channel'
        if len(match["name"].strip().encode()) > LONGEST_TAG:
            return f'里的标签名 "{match["name"].strip()}" 太长，最多 {LONGEST_TAG} 字节（10 个汉字）'
    names = {match["name"].strip() for match in matched.values() if match}
    return None if len(names) <= MOST_TAGS else f"里有 {len(names)} 个标签，公众号最多 {MOST_TAGS} 个"


def _store_url(value: str) -> str | None:
    return None if re.fullmatch(r"sqlite:///.+", value) else "应形如 sqlite:///data/var/zhike.db"


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """Where the server listens and how the world reaches it."""

    host: str = _setting("127.0.0.1")
    port: int = _setting(8000, _between(0, MAX_PORT))
    public_url: str = _setting("http://127.0.0.1:8000", _public_url)
    workers: int = _setting(1, _between(0, 64))
    trusted_proxies: tuple[str, ...] = _setting((), _addresses)
    metrics_token: str = _setting(
        "", _matching(r"[0-9A-Za-z_-]{16,128}", "应是 16 到 128 个英文字母、数字、- 或 _"), secret=True
    )


@dataclass(frozen=True, slots=True)
class WeChatSettings:
    """The official account."""

    app_id: str = _setting("", _matching(r"wx[0-9a-z]{16}", "应是 wx 开头的 18 位 AppID"))
    app_secret: str = _setting("", secret=True)
    original_id: str = _setting("", _matching(r"gh_[0-9a-z]+", "应是 gh_ 开头的原始 ID"))
    token: str = _setting("", _matching(r"[0-9A-Za-z]{3,32}", "应是 3 到 32 个英文字母或数字"), secret=True)
    encoding_aes_key: str = _setting("", _ascii_key(AES_KEY_LENGTH), secret=True)
    mode: str = _setting("safe", _one_of("safe", "compatible", "plain"))
    api_base: str = _setting(OFFICIAL_API, _official_or_loopback(OFFICIAL_API))
    oauth_base: str = _setting(OFFICIAL_OAUTH, _official_or_loopback(OFFICIAL_OAUTH))


@dataclass(frozen=True, slots=True)
class PaySettings:
    """The merchant; an empty ``mch_id`` means that only free courses can be had."""

    mch_id: str = _setting("", _matching(r"\d{8,10}", "应是 8 到 10 位数字的商户号"))
    cert_serial_no: str = _setting("", _matching(r"[0-9A-Fa-f]{8,64}", "应是商户 API 证书的十六进制序列号"))
    private_key_file: str = _setting("")
    apiv3_key: str = _setting("", _ascii_key(APIV3_KEY_LENGTH), secret=True)
    public_key_id: str = _setting("", _matching(r"PUB_KEY_ID_\d+", "应是 PUB_KEY_ID_ 开头的公钥 ID"))
    public_key_file: str = _setting("")
    extra_certificate_files: tuple[str, ...] = _setting(())
    api_base: str = _setting(OFFICIAL_PAY[0], _official_or_loopback(*OFFICIAL_PAY))
    order_minutes: int = _setting(30, _between(5, 1440))

    @property
    def enabled(self) -> bool:
        """Whether paid courses can be sold."""
        return bool(self.mch_id)


def _reason(value: str) -> str | None:
    return None if 0 < len(value.encode()) <= LONGEST_REASON else "应是 1 到 26 个汉字，付款人在账单里会看到"


@dataclass(frozen=True, slots=True)
class RefundSettings:
    """What orders that are placed from now on promise about refunds, and which of them wait for an admin."""

    enabled: bool = _setting(default=True)
    full_days: int = _setting(7, _between(0, 365))
    full_percent: int = _setting(50, _between(0, 100))
    until_days: int = _setting(30, _between(0, 365))
    auto_limit: int = _setting(200, _between(0, 1_000_000))
    auto_pro_rata: bool = _setting(default=False)
    reason: str = _setting("学员申请退款", _reason)
    reason_twice: str = _setting("重复付款，原路退回", _reason)
    reason_over: str = _setting("优惠、拼团或礼物已结束，原路退回", _reason)

    @property
    def terms(self) -> RefundTerms:
        """The promise, to be frozen into an order."""
        return RefundTerms(self.full_days, self.full_percent, self.until_days)


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """The database."""

    url: str = _setting("sqlite:///data/var/zhike.db", _store_url)

    @property
    def path(self) -> str:
        """The file behind the URL."""
        return self.url.removeprefix("sqlite:///")


@dataclass(frozen=True, slots=True)
class RecsysSettings:
    """How interests fade and lists are mixed."""

    interest_half_life_days: float = _setting(30.0, _between(1, 3650))
    popularity_half_life_days: float = _setting(14.0, _between(1, 3650))
    interest_weight: float = _setting(0.3, _between(0, 5))
    bought_weight: float = _setting(0.3, _between(0, 5))
    popularity_weight: float = _setting(0.05, _between(0, 5))
    variety: float = _setting(0.3, _between(0, 0.95))
    boosts: tuple[str, ...] = _setting((), _boosts)
    explore: bool = _setting(default=True)
    fresh_days: int = _setting(14, _between(1, 365))
    refresh_seconds: float = _setting(1.0, _between(0.05, 3600))
    stop_words_file: str = _setting("data/stop_words.txt")
    user_words_file: str = _setting("data/user_words.txt")
    synonyms_file: str = _setting("data/synonyms.txt")
    models_dir: str = _setting("data/var/models")


@dataclass(frozen=True, slots=True)
class ChatSettings:
    """The conversation."""

    account_name: str = _setting("知课")
    list_size: int = _setting(5, _between(1, 5))
    context_minutes: int = _setting(30, _between(1, 1440))
    keep_unfollowed_days: int = _setting(30, _between(0, 365))
    reply_deadline_seconds: float = _setting(4.3, _between(0.05, 4.8))
    message_quota: int = _setting(5, _between(0, 20))
    touch_quota: int = _setting(3, _between(0, 20))
    human_contact: str = _setting("")
    human_minutes: int = _setting(30, _between(1, 1440))
    texts_file: str = _setting("data/texts.toml")


@dataclass(frozen=True, slots=True)
class ReachSettings:
    """When followers may be told things; by which templates is ``Config.forms``."""

    quiet_hours: str = _setting("21:30-08:30", _quiet_hours)
    once_template: str = _setting("", _template_id)


@dataclass(frozen=True, slots=True)
class TagsSettings:
    """Which followers carry which tag of the account."""

    rules: tuple[str, ...] = _setting((), _tag_rules)
    sync_minutes: int = _setting(60, _between(0, 1440))


@dataclass(frozen=True, slots=True)
class BroadcastSettings:
    """How much may be sent to many."""

    monthly_limit: int = _setting(4, _between(1, 31))
    daily_calls: int = _setting(100, _between(1, 1000))


REPORT_ROW = re.compile(r"(?P<type>[^=]+)=(?P<content>.+)")
LONGEST_REMARK = 32  # bytes, of a remark and of what is reported
MOST_IN_A_RED_PACKET = 20_000


def _report_rows(values: tuple[str, ...]) -> str | None:
    matched = [REPORT_ROW.fullmatch(value) for value in values]
    kinds = [match["type"].strip() for match in matched if match]
    short = all(len(match["content"].strip().encode()) <= LONGEST_REMARK for match in matched if match)
    if all(matched) and short and len(set(kinds)) == len(values) and values:
        return None
    return (
        '应是“报备项=内容”的列表，不能重复，内容最长 32 字节，如 ["活动名称=邀请好友", "奖励说明=好友首次购课奖励"]'
    )


def _remark(value: str) -> str | None:
    return None if 0 < len(value.encode()) <= LONGEST_REMARK else "应是 1 到 32 个字节的文字（约 10 个汉字）"


@dataclass(frozen=True, slots=True)
class ReferralSettings:
    """What bringing a friend earns, within which limits, and how it is paid."""

    enabled: bool = _setting(default=False)
    friend_days: int = _setting(7, _between(1, 90))
    after_days: int = _setting(7, _between(0, 90))
    reward_fen: int = _setting(500, _between(0, 1_000_000))
    reward_percent: int = _setting(0, _between(0, 50))
    reward_max_fen: int = _setting(2000, _between(1, 1_000_000))
    person_day_fen: int = _setting(5000, _between(1, 10_000_000))
    person_total_fen: int = _setting(100_000, _between(1, 100_000_000))
    daily_budget_fen: int = _setting(50_000, _between(1, 1_000_000_000))
    review_above_fen: int = _setting(5000, _between(0, 10_000_000))
    bill_max_fen: int = _setting(MOST_IN_A_RED_PACKET, _between(30, 1_000_000))
    style: str = _setting("confirm", _one_of("confirm", "red_packet"))
    scene_id: str = _setting("1000", _matching(r"\d{4}", "应是四位数字的转账场景 ID，在商户平台的产品设置里看"))
    scene_report: tuple[str, ...] = _setting(("活动名称=邀请好友", "奖励说明=好友首次购课奖励"), _report_rows)
    perception: str = _setting("")
    remark: str = _setting("邀请好友奖励", _remark)


@dataclass(frozen=True, slots=True)
class GiftSettings:
    """How long a gift waits for somebody; 0: for ever."""

    days: int = _setting(30, _between(0, 365))


@dataclass(frozen=True, slots=True)
class Config:
    """All settings; file names are absolute."""

    server: ServerSettings = field(default_factory=ServerSettings)
    wechat: WeChatSettings = field(default_factory=WeChatSettings)
    pay: PaySettings = field(default_factory=PaySettings)
    refund: RefundSettings = field(default_factory=RefundSettings)
    store: StoreSettings = field(default_factory=StoreSettings)
    recsys: RecsysSettings = field(default_factory=RecsysSettings)
    chat: ChatSettings = field(default_factory=ChatSettings)
    reach: ReachSettings = field(default_factory=ReachSettings)
    tags: TagsSettings = field(default_factory=TagsSettings)
    broadcast: BroadcastSettings = field(default_factory=BroadcastSettings)
    gift: GiftSettings = field(default_factory=GiftSettings)
    referral: ReferralSettings = field(default_factory=ReferralSettings)
    menu: Mapping[str, object] = field(default_factory=dict)
    forms: Forms = field(default_factory=Forms)


SECTIONS: Mapping[str, type] = {
    "server": ServerSettings,
    "wechat": WeChatSettings,
    "pay": PaySettings,
    "refund": RefundSettings,
    "store": StoreSettings,
    "recsys": RecsysSettings,
    "chat": ChatSettings,
    "reach": ReachSettings,
    "tags": TagsSettings,
    "broadcast": BroadcastSettings,
    "gift": GiftSettings,
    "referral": ReferralSettings,
}
REQUIRED_TO_SERVE = ("app_id", "app_secret", "original_id", "token")
REQUIRED_TO_SELL = ("cert_serial_no", "private_key_file", "apiv3_key", "public_key_id", "public_key_file")
FILE_KEYS = frozenset(
    {"private_key_file", "public_key_file", "stop_words_file", "user_words_file", "synonyms_file", "models_dir"}
    | {"texts_file"}
)


def load(path: Path, environ: Mapping[str, str] = os.environ) -> Config:
    """Read, merge and check the settings. ``ConfigError`` lists every problem at once."""
    try:
        raw = tomllib.loads(path.read_text("utf-8-sig"))
    except FileNotFoundError:
        raise ConfigError([f"找不到配置文件 {path}；用 --config 指定，或从仓库里的 config.toml 开始"]) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError([f"{path} 不是合法的 TOML（UTF-8）：{error}"]) from None
    return from_mapping(raw, environ=environ, base=path.parent)


def from_mapping(raw: Mapping[str, Any], *, environ: Mapping[str, str], base: Path) -> Config:
    """Check settings that are already in memory; relative file names are taken from ``base``."""
    sections_known = [*SECTIONS, "menu", "template", "subscribe"]
    problems = [
        f"不认识的一节 [{name}]{_did_you_mean(name, sections_known)}" for name in raw if name not in sections_known
    ]
    problems += _strange_names(environ)
    reader = _Reader(raw, environ, base, problems)
    sections: dict[str, Any] = {name: reader.section(name, kind) for name, kind in SECTIONS.items()}
    menu = raw.get("menu", {})
    if not isinstance(menu, dict):
        problems.append("[menu] 应是一张表，见 config.toml 里的例子")
    template, template_faults = read_forms("template", raw.get("template", {}))
    subscribe, subscribe_faults = read_forms("subscribe", raw.get("subscribe", {}))
    problems += [*template_faults, *subscribe_faults, *_together(sections)]
    if problems:
        raise ConfigError(problems)
    return Config(**sections, menu=menu, forms=Forms(template, subscribe))


def _variable(section: str, key: str) -> str:
    """Return the environment variable that overrides a setting."""
    return f"ZHIKE_{section}_{key}".upper()


def _strange_names(environ: Mapping[str, str]) -> list[str]:
    """Name the variables that look like settings of ours and are none."""
    known = [_variable(section, item.name) for section, kind in SECTIONS.items() for item in fields(kind)]
    strange = sorted(name for name in environ if name.startswith("ZHIKE_") and name not in known)
    return [f"不认识的环境变量 {name}{_did_you_mean(name, known)}" for name in strange]


def require_serving(config: Config) -> None:
    """Check what ``serve`` needs beyond well-formed values. ``ConfigError`` names what is missing."""
    wanted: list[tuple[str, object, str]] = [("wechat", config.wechat, key) for key in REQUIRED_TO_SERVE]
    if config.wechat.mode != "plain":
        wanted.append(("wechat", config.wechat, "encoding_aes_key"))
    if config.pay.enabled:
        wanted += [("pay", config.pay, key) for key in REQUIRED_TO_SELL]
    missing = [
        f"[{section}] {key} 没有填写（也可用环境变量 {_variable(section, key)}）"
        for section, settings, key in wanted
        if not getattr(settings, key)
    ]
    if missing:
        raise ConfigError(missing)


def require_account(config: Config) -> None:
    """Check what calls of the account's API need. ``ConfigError`` names what is missing."""
    missing = [
        f"[wechat] {key} 没有填写（也可用环境变量 {_variable('wechat', key)}）"
        for key in ("app_id", "app_secret")
        if not getattr(config.wechat, key)
    ]
    if missing:
        raise ConfigError(missing)


def unofficial_hosts(config: Config) -> list[str]:
    """Return the API addresses that are not WeChat's own, so that the start can say so aloud."""
    return [
        base
        for base in (config.wechat.api_base, config.wechat.oauth_base, config.pay.api_base)
        if is_loopback(base)
    ]


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads one section after another and collects what is wrong."""

    raw: Mapping[str, Any]
    environ: Mapping[str, str]
    base: Path
    problems: list[str]

    def section(self, name: str, kind: type) -> Any:
        table = self.raw.get(name, {})
        if not isinstance(table, dict):
            self.problems.append(f"[{name}] 应是一节（表），而不是单个值")
            table = {}
        known = {item.name: item for item in fields(kind)}
        self.problems.extend(
            f"[{name}] 里不认识的键 {key}{_did_you_mean(key, known)}" for key in table if key not in known
        )
        hints = get_type_hints(kind)
        values = {}
        for key, item in known.items():
            given = self.environ.get(_variable(name, key), table.get(key, item.default))
            value, problem = self._value(given, hints[key], item)
            if problem:
                shown = "" if item.metadata["secret"] else f"（现在是 {value!r}）"
                self.problems.append(f"[{name}] {key}{shown} {problem}")
            else:
                values[key] = value
        return kind(**values)

    def _value(self, given: Any, hint: Any, item: Field[Any]) -> tuple[Any, str | None]:
        try:
            value = _resolve(item.name, _convert(given, hint), self.base, secret=item.metadata["secret"])
        except ValueError as error:
            return given, str(error)
        check = item.metadata["check"]
        return value, check(value) if check else None


def _convert(value: Any, kind: Any) -> Any:
    """Turn a TOML or environment value into the declared type. ``ValueError`` says what it should be."""
    if kind is bool:
        return _switch(value)
    if isinstance(value, bool):
        raise ValueError("这里不接受 true/false")  # noqa: TRY004 - one kind of refusal
    if kind is str and isinstance(value, str):
        return value.strip()
    if kind is int:
        return _number(value, int, "应是整数")
    if kind is float:
        return _number(value, float, "应是数字")
    if kind == tuple[str, ...]:
        return _strings(value)
    raise ValueError("应是一段文字（写在引号里）")


def _switch(value: Any) -> bool:
    said = value.strip().lower() if isinstance(value, str) else value
    if said in (True, "true", "1"):
        return True
    if said in (False, "false", "0"):
        return False
    raise ValueError("应是 true 或 false")


def _number(value: Any, kind: type[int | float], should: str) -> int | float:
    if isinstance(value, str) or (isinstance(value, (int, float)) and kind(value) == value):
        try:
            return kind(value)
        except ValueError:
            pass
    raise ValueError(should)


def _strings(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    if isinstance(value, (list, tuple)) and all(isinstance(part, str) for part in value):
        return tuple(value)
    raise ValueError('应是文字的列表，如 ["甲", "乙"]')


def _resolve(key: str, value: Any, base: Path, *, secret: bool) -> Any:
    """Make file names absolute, and read a secret that is given as ``file:NAME``."""
    if key in FILE_KEYS and value:
        return str(base / value)
    if key == "extra_certificate_files":
        return tuple(str(base / name) for name in value)
    if key == "url" and value.startswith("sqlite:///"):
        return f"sqlite:///{base / value.removeprefix('sqlite:///')}"
    if secret and value.startswith("file:"):
        try:
            return (base / value.removeprefix("file:")).read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError):
            raise ValueError(f"读不到文件 {value.removeprefix('file:')}") from None
    return value


def _together(sections: Mapping[str, Any]) -> list[str]:
    """Check what one value demands of another."""
    problems = []
    for section, key in (("pay", "private_key_file"), ("pay", "public_key_file")):
        name = getattr(sections[section], key)
        if name and not Path(name).is_file():
            problems.append(f"[{section}] {key} 指向的文件不存在：{name}")
    refund = sections["refund"]
    if refund.until_days < refund.full_days:
        problems.append(
            f"[refund] until_days（现在是 {refund.until_days}）应不小于 full_days（{refund.full_days}）"
        )
    return [*problems, *_referral_limits(sections)]


def _referral_limits(sections: Mapping[str, Any]) -> list[str]:
    """Name what would keep a reward from ever being paid. Sections that are wrong by themselves are skipped."""
    pay, referral = sections["pay"], sections["referral"]
    if not referral.enabled:
        return []
    problems = [] if pay.enabled else ["[referral] enabled 要先填好 [pay]，没有商户号付不出奖励"]
    limits = ("person_day_fen", "person_total_fen", "daily_budget_fen", "bill_max_fen")
    problems += [
        f"[referral] {key} 不能小于 reward_max_fen，否则奖励付不出去"
        for key in limits
        if getattr(referral, key) < referral.reward_max_fen
    ]
    if referral.style == "red_packet" and referral.bill_max_fen > MOST_IN_A_RED_PACKET:
        problems.append(f"[referral] bill_max_fen 用红包时最多 {MOST_IN_A_RED_PACKET}（200 元）")
    return problems


def _did_you_mean(word: str, known: Any) -> str:
    close = difflib.get_close_matches(word, list(known), n=1)
    return f"，是不是 {close[0]}？" if close else ""
