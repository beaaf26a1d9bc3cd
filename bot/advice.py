"""What an operator can do about each error number of api.weixin.qq.com, and why no answer came. Pure tables."""

from __future__ import annotations

import re
from collections.abc import Mapping

BASICS = "「设置与开发 → 基本配置」"
UNKNOWN = "到微信开放文档查这个错误码，按说明处理；带上 rid 可以在公众平台查到这次请求"

# {ip} is our address as WeChat sees it, where the answer names it.
ADVICE: Mapping[int, str] = {
    40001: f"[wechat] app_secret 不对：到{BASICS}核对或重置 AppSecret",
    40002: "这个账号不支持这种取令牌的方式：确认是公众号而不是别的账号",
    40003: "openid 不对，或者不是这个公众号的关注者",
    40007: "素材编号（media_id）不对或已经过期：重新上传素材",
    40013: f"[wechat] app_id 不对：到{BASICS}核对 AppID",
    40014: "令牌已经失效；再试一次会换新的",
    40016: "一级菜单要有 1 到 3 个：先运行 menu check",
    40017: "一级菜单的类型不对：先运行 menu check",
    40018: "一级菜单的名字太长（最多 16 字节，约 5 个汉字）：先运行 menu check",
    40019: "一级菜单的 key 太长（最多 128 字节）：先运行 menu check",
    40020: "一级菜单的网址太长（最多 1024 字节）：先运行 menu check",
    40022: "菜单最多两级：先运行 menu check",
    40023: "一个菜单下最多 5 个子菜单：先运行 menu check",
    40024: "子菜单的类型不对：先运行 menu check",
    40025: "子菜单的名字太长（最多 60 字节）：先运行 menu check",
    40026: "子菜单的 key 太长（最多 128 字节）：先运行 menu check",
    40027: "子菜单的网址太长（最多 1024 字节）：先运行 menu check",
    40029: "授权码不对或已过期：让对方重新打开页面",
    40033: r"请求里有 \uXXXX 转义，微信会拒收：这是程序的问题，请报告",
    40037: "模板编号不对：到公众平台的模板页面重新复制",
    40054: "子菜单的网址不对：要以 http:// 或 https:// 开头",
    40055: "菜单的网址不对：要以 http:// 或 https:// 开头",
    40125: f"[wechat] app_secret 不对：到{BASICS}核对或重置 AppSecret",
    40130: "群发名单至少要 2 个人",
    40163: "授权码已经用过：让对方重新打开页面",
    40164: "把这台服务器的出口 IP {ip} 加进「设置与开发 → 基本配置 → IP 白名单」",
    40201: f"后台没有填写服务器地址：到{BASICS}填写并启用服务器配置",
    40243: f"AppSecret 被冻结了：到{BASICS}解冻",
    40249: "模板里有营销内容：换掉 config.toml 里这个模板的字段",
    41002: "[wechat] app_id 没有填写",
    41004: "[wechat] app_secret 没有填写",
    42001: "令牌已经过期；再试一次会换新的",
    43004: "对方没有关注公众号",
    43101: "对方没有同意接收这条订阅通知",
    43116: "这个模板被限制了：到公众平台换一个",
    45009: "这个接口今天的次数用完了：看看是否有别的程序在反复调用；零点恢复，急用时可以用 clear_quota 清零",
    45011: "调用太频繁了：过一分钟再试",
    45015: "超过了可以主动发消息的时限，或者对方已经取消关注：等对方下次来聊天",
    45028: "今天的群发次数用完了：明天再继续",
    45029: "永久二维码已满 10 万个：改用 --days",
    45047: "这段时间可以主动发的条数用完了：等对方下次来聊天",
    45064: "这个小程序没有和公众号关联：到「小程序管理」里关联，并确认 appid 和 pagepath",
    45066: "同一批刚刚发过：过一分钟再继续",
    45159: "这个标签已经不在了",
    46003: "公众号现在没有菜单",
    47003: "模板的字段和它的类型对不上：对照公众平台的模板改 config.toml",
    48001: "公众号没有这个接口的权限：确认账号已认证，到「设置与开发 → 接口权限」查看",
    48003: "还没有同意群发协议：到公众平台同意",
    48004: "这个接口被封禁了：登录公众平台查看通知",
    48008: "公众号没有发这类消息的权限：到「设置与开发 → 接口权限」查看",
    50001: "没有这个接口的权限：到「设置与开发 → 接口权限」查看",
    50004: "公众号被禁用了：登录公众平台查看原因",
    50007: "公众号被冻结了：登录公众平台查看原因",
    61004: "访问的 IP 不在白名单里：把 {ip} 加进「设置与开发 → 基本配置 → IP 白名单」",
    65301: "这个个性化菜单已经不在了：用 menu diff 看看线上现在是什么",
    65302: "没有这个关注者：写一个关注了公众号的 OpenID",
    65303: "要先有默认菜单才能有个性化菜单",
    65304: "个性化菜单没有写给谁看：加上 tag（标签）或 platform（手机系统）",
    65305: "个性化菜单太多了：删掉一些",
    65306: "这个公众号不能用个性化菜单：确认账号已认证",
    65307: "个性化菜单没有按钮",
    65308: "个性化菜单里有点了没反应的按钮：先运行 menu check",
    65309: "个性化菜单被停用了：到公众平台「自定义菜单」里打开",
    65316: "所有个性化菜单合起来最多跳到 3 个域名：先运行 menu check",
    65317: "个性化菜单的网址不对：先运行 menu check",
    65320: "微信不再按性别、地区、语言区分菜单：只能用 tag（标签）和 platform（手机系统）",
    76021: "微信不认识这个接口：可能改了名，请报告",
    76022: "不能用这个账号的令牌查这个接口的次数：确认账号有这个接口的权限",
    89503: "这个 IP 的调用要管理员确认：请公众号管理员在微信里同意 {ip}",
    89504: "开启了 API 群发保护：等管理员在微信里确认，再继续",
    89505: "开启了 API 群发保护：等管理员在微信里确认，再继续",
    89506: "管理员 24 小时内拒绝过这个 IP 两次：请管理员同意后，24 小时后再试 {ip}",
    89507: "管理员刚拒绝过这个 IP：请管理员同意后，1 小时后再试 {ip}",
}

_REASONS: tuple[tuple[str, str], ...] = (
    (r"HTTPTimeoutError|TimeoutError", "等了很久没有应答"),
    (r"gaierror", "域名解析不了"),
    (r"ConnectionRefusedError", "连接被拒绝"),
    (r"SSL.*", "https 握手失败"),
    (r".*(StreamClosed|ConnectionReset|BrokenPipe|UnsatisfiableRead).*", "连接被断开"),
    (r"status (\d+)", r"HTTP 状态 \1"),
    (r"busy.*", "微信系统繁忙"),
    (r"an (answer|errcode).*", "应答不像是微信的"),
)


def advice(errcode: int, errmsg: str) -> str:
    """Return what to do about an error number, with our address where WeChat names it."""
    found = re.search(r"\d{1,3}(?:\.\d{1,3}){3}", errmsg)
    return ADVICE.get(errcode, UNKNOWN).replace("{ip}", found[0] if found else "").strip()


def rid_in(errmsg: str) -> str:
    """Return the number of the request that WeChat wrote into its message, or nothing."""
    found = re.search(r"\brid: ?([0-9A-Za-z-]+)", errmsg)
    return found[1] if found else ""


def in_chinese(reason: str) -> str:
    """Return why there was no usable answer, for a person; ``reason`` itself is for the log."""
    for pattern, told in _REASONS:
        if found := re.fullmatch(pattern, reason, re.DOTALL):
            return found.expand(told)
    return reason
