"""``/metrics``: what this process counted and what the database knows, in Prometheus' text format 0.0.4.

Numbers only; no label names a person. Counters of a process carry its number as ``worker``, since each scrape is
answered by one of several; the shop's own figures are the same in all of them and carry none.
"""

from __future__ import annotations

import hmac
import logging
import os
import platform
from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate

from bot.config import is_loopback
from bot.counters import BOUNDS, Counters, Timings
from bot.errors import StoreError
from bot.shop import Shop
from bot.store.figures import ShopFigures
from bot.version import VERSION
from handlers.web.quiet import Quiet

log = logging.getLogger("zhike.metrics")
FORWARDED = ("Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-Ip")
ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})

Labels = Mapping[str, str]
Sample = tuple[Labels, float]


class Metrics(Quiet):
    """For the operator's collector alone: everybody else gets the 404 of an address that does not exist."""

    def initialize(self, shop: Shop) -> None:
        """Take the shop."""
        self._shop = shop

    def prepare(self) -> None:
        """Turn strangers away."""
        if not self._may_look():
            self.set_status(404)
            self.finish()

    async def get(self) -> None:
        """Print every number; the figures of the shop by one read, and none of them while the database fails."""
        try:
            figures = await self._shop.store.read(lambda tx: tx.figures.count())
        except StoreError:
            log.exception("metrics.no_figures")
            figures = None
        lines = [*_of_process(self._shop.counters, str(os.getpid())), *_of_store(figures)]
        self.set_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
        self.finish("\n".join(lines) + "\n")

    def _may_look(self) -> bool:
        """Ask for the token if one is set; else look for a caller on this machine, with no proxy in between."""
        wanted = self._shop.config.server.metrics_token
        headers = self.request.headers
        if wanted:
            given = headers.get("Authorization", "")
            return hmac.compare_digest(given.encode(), f"Bearer {wanted}".encode())
        return _is_here(self.request.remote_ip or "") and not any(name in headers for name in FORWARDED)


def _is_here(address: str) -> bool:
    return is_loopback(f"http://[{address}]" if ":" in address else f"http://{address}")


def _of_process(counters: Counters, worker: str) -> Iterator[str]:
    own = {"worker": worker}

    def by(name: str, counts: Mapping[str, int]) -> list[Sample]:
        return [({name: value, **own}, count) for value, count in sorted(counts.items())]

    messages = [
        ({"kind": kind, "outcome": outcome, **own}, count)
        for (kind, outcome), count in sorted(counters.messages.items())
    ]
    events = [
        ({"event": name, "outcome": outcome, **own}, count)
        for (name, outcome), count in sorted(counters.events.items())
    ]
    done = [({"job": job, **own}, at.timestamp()) for job, at in sorted(counters.job_done_at.items())]
    build = {"version": VERSION, "python": platform.python_version()}
    yield from _family("zhike_build_info", "gauge", "版本", [(build, 1)])
    yield from _family(
        "zhike_start_time_seconds", "gauge", "进程启动的时刻", [(own, counters.started_at.timestamp())]
    )
    yield from _family("zhike_messages_total", "counter", "收到的消息投递，按类型和结果", messages)
    yield from _family("zhike_events_total", "counter", "收到的事件投递，按名字；counted 表示没有专门处理", events)
    yield from _histogram("zhike_message_seconds", "处理一次投递用的秒数", counters.handling, own)
    yield from _family("zhike_replies_late_total", "counter", "没赶上时限的投递", [(own, counters.late_replies)])
    yield from _family(
        "zhike_gateway_refusals_total", "counter", "/wechat 拒收的请求，按原因", by("reason", counters.refusals)
    )
    yield from _family("zhike_notices_total", "counter", "支付通知，按结果", by("outcome", counters.notices))
    yield from _family(
        "zhike_job_failures_total", "counter", "定时工作失败的次数", by("job", counters.job_failures)
    )
    yield from _family("zhike_job_last_success_timestamp_seconds", "gauge", "定时工作上次成功的时刻", done)


def _of_store(figures: ShopFigures | None) -> Iterator[str]:
    yield from _family("zhike_store_up", "gauge", "数据库能不能读", [({}, int(figures is not None))])
    if figures is None:
        return
    orders = [({"state": state}, count) for state, count in figures.orders.items()]
    courses = [({"status": status}, count) for status, count in figures.courses.items()]
    waiting = [({"for": "sending"}, figures.outbox_due), ({"for": "next_chat"}, figures.outbox_held)]
    yield from _family("zhike_orders", "gauge", "订单，按状态", orders)
    yield from _family("zhike_payments_total", "counter", "入账的付款笔数", [({}, figures.payments)])
    yield from _family("zhike_payments_fen_total", "counter", "入账的付款金额（分）", [({}, figures.payments_fen)])
    yield from _family("zhike_anomalies_open", "gauge", "等人处理的异常", [({}, figures.anomalies_open)])
    yield from _family(
        "zhike_followers_subscribed", "gauge", "正在关注的人数", [({}, figures.followers_subscribed)]
    )
    yield from _family("zhike_outbox_waiting", "gauge", "还没告诉对方的消息", waiting)
    yield from _family("zhike_courses", "gauge", "课程，按状态", courses)


def _family(name: str, kind: str, text: str, samples: Iterable[Sample]) -> Iterator[str]:
    yield f"# HELP {name} {text}"
    yield f"# TYPE {name} {kind}"
    for labels, value in samples:
        yield _line(name, labels, value)


def _histogram(name: str, text: str, timings: Timings, labels: Labels) -> Iterator[str]:
    yield f"# HELP {name} {text}"
    yield f"# TYPE {name} histogram"
    bounds = [*(f"{bound:g}" for bound in BOUNDS), "+Inf"]
    total = 0
    for bound, total in zip(bounds, accumulate(timings.counts), strict=True):
        yield _line(f"{name}_bucket", {**labels, "le": bound}, total)
    yield _line(f"{name}_sum", labels, timings.seconds)
    yield _line(f"{name}_count", labels, total)


def _line(name: str, labels: Labels, value: float) -> str:
    pairs = ",".join(f'{label}="{text.translate(ESCAPES)}"' for label, text in labels.items())
    return f"{name}{{{pairs}}} {value!r}" if pairs else f"{name} {value!r}"
