"""Whatever happens in whatever order: what was shown is what goes back, and never more than was paid."""

import asyncio
import tempfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from bot import catalog
from bot.config import RefundSettings
from bot.errors import CannotRefund, NotAllowed, PayRejected, PayUnknown
from bot.models import Kind, RefundState, TradeType
from bot.offers.delivery import CourseDelivery, Deliveries
from bot.offers.quoting import Quoting
from bot.orders import Merchant, Orders
from bot.refunding import ACCEPTED, DEAD
from bot.refunds import Refunds
from bot.store import SqliteStore
from tests.refunding import ANNA
from tests.scenarios.conftest import MERCHANT, Cashier, StoppedClock

COURSE = b"course_id,title,price,status\nC1,Python,%d.%02d,published\n"
LESSONS = 7


class Nobody:
    """Learns nothing from a purchase."""

    def bought(self, *_told):
        pass


class Counter:
    """A shop of one course, whose follower and admin do what they are told, and whose WeChat Pay has moods."""

    def __init__(self, folder, price, refund):
        self.clock, self.cashier = StoppedClock(), Cashier()
        self.store = SqliteStore(str(Path(folder) / "zhike.db"))
        self.orders = Orders(
            self.store,
            self.cashier,
            self.clock,
            merchant=Merchant(**MERCHANT),
            order_minutes=30,
            quoting=Quoting(),
            deliveries=Deliveries({Kind.COURSE: CourseDelivery(Nobody())}),
            refund=refund,
        )
        self.refunds = Refunds(self.store, self.orders, self.cashier, self.clock, refund)
        course = catalog.read_courses(COURSE % divmod(price, 100), "courses.csv")
        rows = "\n".join(f"C1,{position},第 {position} 课" for position in range(1, LESSONS + 1))
        lessons = catalog.read_lessons(f"course_id,position,title\n{rows}\n".encode(), "lessons.csv")
        self.store.write_now(lambda tx: catalog.store_courses(tx, course, self.clock.now()))
        self.store.write_now(lambda tx: catalog.store_lessons(tx, lessons, "lessons.csv"))
        self.refund_now, self.total, self.order_no = self.cashier.refund, price, ""

    async def buy(self):
        placed = await self.orders.place(ANNA, "C1")
        self.order_no = placed.order.order_no
        attempt = await self.orders.checkout(self.order_no, TradeType.JSAPI, ANNA)
        await self.orders.book_paid(self.cashier.paid(attempt.out_trade_no, self.total, ANNA), "notice")

    async def all(self):
        return await self.store.read(lambda tx: tx.refunds.of(self.order_no))

    async def learn(self, position):
        await self.store.write(lambda tx: tx.lessons.finish(ANNA, "C1", position, self.clock.now()))

    async def wait(self, hours):
        self.clock.forward(hours=hours)
        await self.orders.run_due()

    async def ask(self, off):
        """Confirm what is shown, or an amount that is off by so many fen; the one must hold, the other not."""
        before = await self.all()
        try:
            shown = await self.store.read(
                lambda tx: self.refunds.preview(tx, ANNA, self.order_no, self.clock.now())
            )
            refund = await self.refunds.request(ANNA, self.order_no, shown.amount_fen + off, "chat")
        except CannotRefund:
            assert await self.all() == before or self.grew_only_in_state(before, await self.all())
            return
        assert off == 0
        assert refund.amount_fen == shown.amount_fen
        assert (refund.state is RefundState.REQUESTED) == shown.waits

    @staticmethod
    def grew_only_in_state(before, after):
        return [each.out_refund_no for each in before] == [each.out_refund_no for each in after]

    async def give(self, fen):
        await self.orders.refund(self.order_no, fen, "补偿")

    async def decide(self, yes):
        for each in await self.all():
            if each.state is RefundState.REQUESTED:
                no = each.out_refund_no
                await (self.refunds.approve(no) if yes else self.refunds.reject(no, "不符合"))

    async def end(self, status):
        """Let WeChat end what it has taken."""
        for number, facts in list(self.cashier.refunds.items()):
            if facts.status in {"PROCESSING", "ABNORMAL"} and facts.status != status:
                self.cashier.refunds[number] = replace(facts, status=status, refund_id="50300")
                await self.orders.book_refund(self.cashier.refunds[number])

    async def mend(self, _):
        for each in await self.all():
            if each.state is RefundState.ABNORMAL:
                await self.refunds.redirect(each.out_refund_no)
            elif each.state in {RefundState.CLOSED, RefundState.REJECTED}:
                fresh = await self.refunds.again(each.out_refund_no)
                assert (fresh.amount_fen, fresh.gives_up) == (each.amount_fen, each.gives_up)

    async def mood(self, kind):
        async def refund(request):
            if kind == "lost":
                await self.refund_now(request)
                raise PayUnknown("timeout")
            if kind == "refused":
                raise PayRejected(403, "NO_AUTH", "no right")
            if kind == "poor":
                raise PayRejected(403, "NOT_ENOUGH", "no money")
            return await self.refund_now(request)

        self.cashier.refund = refund

    async def check(self):
        refunds = await self.all()
        alive = [each for each in refunds if each.state not in DEAD]
        at_wechat = [facts for facts in self.cashier.refunds.values() if facts.status != "CLOSED"]
        accepted = [each for each in refunds if each.state in ACCEPTED]
        ended = any(each.gives_up for each in accepted) or sum(e.amount_fen for e in accepted) >= self.total
        owned = await self.store.read(lambda tx: tx.entitlements.owned(ANNA))

        assert 0 <= sum(each.amount_fen for each in alive) <= self.total
        assert sum(facts.refund_fen for facts in at_wechat) <= self.total
        assert (
            sum(e.state in {RefundState.REQUESTED, RefundState.NEW, RefundState.PROCESSING} for e in refunds) <= 1
        )
        assert owned == ([] if ended else ["C1"])


asks = st.tuples(st.just("ask"), st.sampled_from([0, 0, 0, 1, -1]))
ends = st.tuples(st.just("end"), st.sampled_from(["SUCCESS", "SUCCESS", "CLOSED", "ABNORMAL"]))
steps = st.one_of(
    asks,
    ends,
    asks,
    ends,
    st.tuples(st.just("learn"), st.integers(1, LESSONS)),
    st.tuples(st.just("wait"), st.integers(1, 48)),
    st.tuples(st.just("give"), st.integers(1, 1000)),
    st.tuples(st.just("decide"), st.sampled_from([True, True, False])),
    st.tuples(st.just("mend"), st.just(0)),
    st.tuples(st.just("mood"), st.sampled_from(["well", "well", "lost", "refused", "poor"])),
)
promises = st.builds(
    lambda full, percent, more, limit, auto: RefundSettings(True, full, percent, full + more, limit, auto),
    st.integers(0, 10),
    st.integers(0, 100),
    st.integers(0, 40),
    st.sampled_from([0, 20, 200, 200]),
    st.booleans(),
)


@settings(max_examples=40, deadline=None)
@given(st.integers(1000, 10_000), promises, st.lists(steps, min_size=8, max_size=30))
def test_what_was_shown_is_what_goes_back_and_access_follows_the_money(price, promise, plan):
    async def story(counter):
        await counter.buy()
        for name, argument in plan:
            counter.clock.forward(minutes=2)
            with suppress(NotAllowed, PayRejected):  # said no: the promises below must hold all the same
                await getattr(counter, name)(argument)
            await counter.check()

    with tempfile.TemporaryDirectory() as folder:
        counter = Counter(folder, price, promise)
        try:
            asyncio.run(story(counter))
        finally:
            counter.store.close()
