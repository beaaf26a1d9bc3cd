"""A shop with two workers, its customers and WeChat Pay's moods, as one machine that takes any step at any time.

The simulator is strict and keeps its own book of the money; ``test_machine.py`` takes the steps.
"""

import asyncio
import tempfile
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port

from bot import catalog, ledger
from bot.errors import ZhikeError
from bot.models import Course, OrderState, Purpose, RefundState, TradeType
from bot.offers import groups
from bot.offers.quoting import Wish
from bot.shop import open_shop
from bot.simulator import Simulator, SimulatorSettings
from bot.simulator.book import PayRefusal, PayRefused
from bot.store.coupons import Coupon
from bot.store.groups import Deal, SeatState
from bot.store.ledger import Movement
from handlers.chat.told import teller
from handlers.cli.demo import settings_for
from handlers.web.app import make_app
from tests.scenarios.conftest import StoppedClock
from tests.scenarios.world import keys, tokenizer

COURSES = {"C1": 9900, "C2": 1, "C3": 5000}
TOGETHER = ("C3", 2, 3000)
COUPON, COUPONS = "SPRING", 2
PEOPLE = ("小安", "小白", "小陈")
INVITER = PEOPLE[0]  # who brought the others, and is paid for their first orders
WORKERS = 2


class Business:
    """Two workers on one database, three people, and WeChat; every method is one whole step."""

    def __init__(self):
        self.loop = asyncio.new_event_loop()
        self.folder = tempfile.TemporaryDirectory()
        self.clock = StoppedClock()
        self.run(self._start())

    def run(self, work):
        return self.loop.run_until_complete(work)

    async def _start(self):
        settings = SimulatorSettings(mode="safe", notice_delays=())
        self.simulator = Simulator(settings, keys=keys(), now=lambda: self.clock.now().timestamp())
        await self.simulator.start()
        self.config = settings_for(self.simulator, Path(self.folder.name), "127.0.0.1", {})
        self.config = replace(self.config, referral=replace(self.config.referral, enabled=True, after_days=0))
        self.people = {name: self.simulator.phone(name, following=True).openid for name in PEOPLE}
        self.shops = [None] * WORKERS
        self.servers = [None] * WORKERS
        self.urls = [""] * WORKERS
        for worker in range(WORKERS):
            await self._open(worker)
        self.simulator.attach(self.urls[0])
        shop, now = self.shops[0], self.clock.now()
        courses = [Course(each, f"课程{each}", fen) for each, fen in COURSES.items()]
        await shop.store.write(lambda tx: catalog.store_courses(tx, courses, now))
        course_id, size, price = TOGETHER
        deal = Deal(0, course_id, size, price, 2, now + timedelta(days=300), 0, now)
        coupon = Coupon(COUPON, amount_fen=100, each_limit=1, total_limit=COUPONS)
        await shop.store.write(lambda tx: tx.coupons.put(coupon, now))
        inviter = self.people[INVITER]
        for friend in PEOPLE[1:]:
            await shop.store.write(
                lambda tx, who=self.people[friend]: tx.referrals.add(who, inviter, "link", now, now)
            )
        # The nightly training has a process of its own and nothing to do with money.
        await shop.store.write(lambda tx: tx.tokens.put("job", "training", "claimed", now + timedelta(days=999)))
        await shop.store.write(lambda tx: groups.offer(tx, deal))

    async def _open(self, worker):
        shop = open_shop(
            self.config, tell=teller(self.config.server.public_url), clock=self.clock, tokenizer=tokenizer()
        )
        sock, port = bind_unused_port()
        server = HTTPServer(make_app(shop))
        server.add_sockets([sock])
        self.shops[worker], self.servers[worker] = shop, server
        self.urls[worker] = f"http://127.0.0.1:{port}"

    async def _shut(self, worker):
        self.servers[worker].stop()
        await self.servers[worker].close_all_connections()
        self.shops[worker].close()

    def close(self):
        async def end():
            await self.simulator.stop()
            for worker in range(WORKERS):
                await self._shut(worker)

        self.run(end())
        self.loop.close()
        self.folder.cleanup()

    # Steps -------------------------------------------------------------------------------------------------

    def restart(self, worker):
        async def work():
            await self._shut(worker)
            await self._open(worker)
            self.simulator.attach(self.urls[worker])

        self.run(work())

    def place(self, worker, person, course_id, purpose, coupon=""):
        """Order; returns the order's number, empty when there is nothing to pay."""
        shop, openid = self.shops[worker], self.people[person]

        async def work():
            if purpose is Purpose.GROUP:
                wish = await shop.store.read(lambda tx: groups.wish(tx, openid, course_id))
            else:
                wish = Wish(purpose, coupon=coupon)
            with suppress(ZhikeError):
                placed = await shop.orders.place(openid, course_id, wish=wish)
                return placed.order.order_no if placed.order else ""
            return ""

        return self.run(work())

    def buy(self, worker, person, course_id, purpose, coupon=""):
        """Order, go to the till and pay, without a break."""
        number = self.place(worker, person, course_id, purpose, coupon)
        if number:
            self.checkout(worker, number, TradeType.JSAPI)
            self.pay_for(number)
        return number

    def pay_for(self, order_no):
        """Pay the open trade of an order, where WeChat has one."""
        for trade in self.simulator.pay.trades:
            if trade.out_trade_no.startswith(order_no) and not trade.transaction_id:
                self._settle(trade, self.people[PEOPLE[0]], anyway=False)

    def join(self, worker, person, order_no):
        """Take a seat in the group of somebody's order."""
        shop, openid = self.shops[worker], self.people[person]

        async def work():
            order = await shop.store.read(lambda tx: tx.orders.get(order_no))
            if order.purpose is not Purpose.GROUP:
                return ""
            with suppress(ZhikeError):
                placed = await shop.orders.place(openid, order.course_id, wish=groups.wish_to_join(order.ref))
                return placed.order.order_no if placed.order else ""
            return ""

        return self.run(work())

    def checkout(self, worker, order_no, trade_type):
        shop = self.shops[worker]

        async def work():
            order = await shop.store.read(lambda tx: tx.orders.get(order_no))
            payer = order.openid if trade_type is TradeType.JSAPI else ""
            with suppress(ZhikeError):
                await shop.orders.checkout(order_no, trade_type, payer)

        self.run(work())

    def pay(self, at, person, *, anyway):
        """Pay one of the trades that WeChat knows, as far as the till takes it; ``anyway``: whatever its state."""
        trades = [each for each in self.simulator.pay.trades if not each.transaction_id]
        if not trades:
            return
        self._settle(trades[at % len(trades)], self.people[person], anyway=anyway)

    def _settle(self, trade, scanner, *, anyway):
        payer = trade.request.get("payer", {}).get("openid", scanner)

        async def work():
            with suppress(PayRefused, PayRefusal):
                if anyway or trade.state(self.clock.now().timestamp()) == "NOTPAY":
                    await self.simulator.pay.pay_anyway(trade.out_trade_no, payer)

        self.run(work())

    def renotify(self, at, times):
        """Send the notice of a paid trade again, several at once."""
        trades = [each for each in self.simulator.pay.trades if each.transaction_id]
        if trades:
            number = trades[at % len(trades)].out_trade_no
            self.run(self.simulator.pay.send_notice(number, times=times, concurrent=True))

    def jobs(self, worker):
        self.run(self.shops[worker].jobs.run_due())

    def both_jobs(self):
        async def work():
            await asyncio.gather(*(shop.jobs.run_due() for shop in self.shops))

        self.run(work())

    def query_in_calm(self):
        """Let a round of questions go undisturbed: nothing that was due stays paid and unbooked."""
        self.simulator.faults.clear()
        self.clock.forward(minutes=1)  # whoever held the lease has let go of it
        now = self.clock.now()
        due = {each.out_trade_no for each in self.read(lambda tx: tx.attempts.due(now))}
        self.both_jobs()
        booked = self.read(lambda tx: {each for each in due if tx.attempts.get(each).state == "SUCCESS"})
        paid = {each.out_trade_no for each in self.simulator.pay.trades if each.transaction_id}
        assert due & paid == booked

    def refund(self, worker, order_no, amount_fen):
        async def work():
            with suppress(ZhikeError):
                await self.shops[worker].orders.refund(order_no, amount_fen, "测试")

        self.run(work())

    def withdraw(self, worker, order_no):
        async def work():
            with suppress(ZhikeError):
                await self.shops[worker].orders.withdraw(order_no)

        self.run(work())

    def settle_refund(self, at, status):
        """Let WeChat end a refund that is under way."""
        numbers = [
            number
            for trade in self.simulator.pay.trades
            for number, refund in trade.refunds.items()
            if refund.status == "PROCESSING"
        ]
        if numbers:
            self.run(self.simulator.pay.settle_refund(numbers[at % len(numbers)], status))

    def claim(self, worker, person, order_no):
        shop, openid, now = self.shops[worker], self.people[person], self.clock.now()

        def work(tx):
            gift = tx.gifts.of_order(order_no)
            return shop.gifts.claim(tx, gift.token, openid, now) if gift is not None else None

        shop.store.write_now(work)

    def leave(self, worker, person):
        openid = self.people[person]
        self.shops[worker].store.write_now(lambda tx: groups.leave(tx, openid))

    def take_reward(self, worker):
        async def work():
            with suppress(ZhikeError):
                await self.shops[worker].transfers.take(self.people[INVITER])

        self.run(work())

    def end_transfer(self, at, state):
        """Let the payee confirm a bill, or let WeChat end it another way."""
        bills = [each for each in self.simulator.transfers.bills if each.state == "WAIT_USER_CONFIRM"]
        if not bills:
            return
        number = bills[at % len(bills)].out_bill_no

        async def work():
            with suppress(PayRefused):
                if state == "SUCCESS":
                    await self.simulator.transfers.confirm(number, self.people[INVITER])
                else:
                    await self.simulator.transfers.settle(number, state)

        self.run(work())

    # The books ---------------------------------------------------------------------------------------------

    def read(self, work):
        return self.shops[0].store.write_now(work)

    def books(self):
        """Return every order with its attempts and refunds."""

        def work(tx):
            return [(o, tx.attempts.of(o.order_no), tx.refunds.of(o.order_no)) for o in tx.orders.all()]

        return self.read(work)

    def settle(self):
        """Let all faults end and everything come to its end by the clock."""
        self.simulator.faults.clear()
        for trade in self.simulator.pay.trades:
            if trade.closed and trade.transaction_id:  # closed trades are not asked about: only a notice can tell
                self.run(self.simulator.pay.send_notice(trade.out_trade_no))
        for minutes in (1, 5, 10, 30, 60, 180, 400, 900, 1500, 1500, 45 * 1440, 10, 60, 300):
            self.clock.forward(minutes=minutes)
            for trade in self.simulator.pay.trades:
                for number, refund in list(trade.refunds.items()):
                    if refund.status == "PROCESSING":
                        self.run(self.simulator.pay.settle_refund(number, "SUCCESS"))
            for worker in range(WORKERS):
                self.jobs(worker)

    # What must hold ----------------------------------------------------------------------------------------

    def check_always(self):
        """Say what may never be untrue, not even for a moment."""
        trades = {each.out_trade_no: each for each in self.simulator.pay.trades}
        books = self.books()
        paid_orders = {
            order.order_no
            for order, attempts, _refunds in books
            if not order.amount_fen
            or any(trades[a.out_trade_no].transaction_id for a in attempts if a.out_trade_no in trades)
        }
        for name, openid in self.people.items():
            for each in self.read(lambda tx, who=openid: tx.entitlements.of(who)):
                assert each.order_no in paid_orders, f"{name} has {each.course_id}, and nobody paid for it"
        for order, attempts, refunds in books:
            assert sum(line.amount_fen for line in order.lines) == order.amount_fen
            for attempt in attempts:
                of = [r for r in refunds if r.out_trade_no == attempt.out_trade_no]
                going = [r for r in of if r.state not in {RefundState.CLOSED, RefundState.REJECTED}]
                assert sum(r.amount_fen for r in going) <= attempt.total_fen
                assert sum(r.state in {RefundState.NEW, RefundState.PROCESSING} for r in of) <= 1
        for trade in trades.values():
            assert trade.refunded <= trade.total
        taken = self.read(lambda tx: tx.coupons.counts(COUPON))
        assert taken.get("HELD", 0) + taken.get("USED", 0) <= COUPONS
        promised = self.read(lambda tx: sum(r.amount_fen for r in tx.rewards.all() if r.state in {"TAKEN", "PAID"}))
        assert self.paid_out() <= promised, "more was transferred than was earned"
        for group in self.read(lambda tx: tx.groups.of_deal(1)):
            seats = self.read(lambda tx, number=group.group_id: tx.groups.seats(number))
            assert len(seats) <= group.size
            assert len({seat.openid for seat in seats}) == len(seats)

    def paid_out(self):
        """Return what the payee has really got, in fen."""
        return sum(each.amount for each in self.simulator.transfers.bills if each.state == "SUCCESS")

    def check_settled(self):
        """Say what must hold once everything has come to its end: our books are WeChat's, access is paid for."""
        self.check_always()
        books = self.books()
        self._check_money(books)
        assert self.read(ledger.check) == []
        kinds = {each.kind for each in self.read(lambda tx: tx.anomalies.open())}
        assert not {kind for kind in kinds if kind.startswith(("bill_", "fund_"))}, kinds
        for order, attempts, refunds in books:
            self._check_order(order, attempts, refunds)

    def _check_money(self, books):
        trades = {each.out_trade_no: each for each in self.simulator.pay.trades}
        ours_in = sum(a.total_fen for _o, attempts, _r in books for a in attempts if a.state == "SUCCESS")
        ours_out = sum(r.amount_fen for _o, _a, refunds in books for r in refunds if r.state == "SUCCESS")
        theirs_in = sum(trade.total for trade in trades.values() if trade.transaction_id)
        theirs_out = sum(r.amount for t in trades.values() for r in t.refunds.values() if r.status == "SUCCESS")
        assert (ours_in, ours_out) == (theirs_in, theirs_out)
        rows = self.read(lambda tx: tx.ledger.between())
        total = sum(row.amount_fen for row in rows if row.kind is not Movement.FEE)  # those WeChat keeps for itself
        assert total == theirs_in - theirs_out - self.paid_out()

    def _check_order(self, order, attempts, refunds):
        paid = [each for each in attempts if each.state == "SUCCESS"]
        back = sum(each.amount_fen for each in refunds if each.state == "SUCCESS")
        stuck = [each for each in refunds if each.state in {"ABNORMAL", "CLOSED", "REJECTED"}]
        if not order.amount_fen:
            return  # a coupon paid for it
        if not paid:
            assert order.state is OrderState.CANCELLED, order
            return
        having = self.read(lambda tx: tx.entitlements.get(order.openid, order.course_id))
        granted = having is not None and having.order_no == order.order_no
        gift = self.read(lambda tx: tx.gifts.of_order(order.order_no))
        seat = self.read(lambda tx: tx.groups.seat(order.order_no))
        kept = sum(each.total_fen for each in paid) - back
        if order.purpose is Purpose.OWN:
            self._check_access(order, granted=granted, kept=kept, stuck=stuck)
        elif order.purpose is Purpose.GROUP and granted:
            assert seat.state is SeatState.TAKEN, seat
        if order.purpose is Purpose.GROUP and not granted and not stuck:
            assert kept == 0, f"{order} has no course, yet {kept} fen were kept"
        if order.purpose is Purpose.GIFT and not stuck:
            claimed = gift is not None and bool(gift.claimed_by) and gift.state == "CLAIMED"
            assert claimed == (kept > 0), (order, gift, kept)

    def _check_access(self, order, *, granted, kept, stuck):
        if stuck:
            return  # a person has to see to it, and an anomaly says so
        assert granted == (kept > 0), f"{order}: granted {granted}, kept {kept} fen"
