"""Whatever happens in whatever order, with faults and restarts: the money and the access come out right."""

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule

from bot.models import Purpose, TradeType
from tests.scenarios.machine import COUPON, COURSES, PEOPLE, WORKERS, Business

WORKER = st.integers(0, WORKERS - 1)
PERSON = st.sampled_from(PEOPLE)
ANY = st.integers(0, 9)
COUNTED = (
    "pay_errors",
    "pay_busy",
    "pay_lost_before",
    "pay_lost_after",
    "refunds_refused",
    "signtest_replies",
    "paid_before_answer",
    "paid_after_close",
    "signtest_notices",
    "stale_notices",
    "unknown_serial",
    "transfer_not_enough",
    "transfers_refused",
)


class Money(RuleBasedStateMachine):
    """Each rule is one thing that a customer, a worker, an admin or WeChat may do next."""

    orders = Bundle("orders")

    @initialize()
    def open(self):
        self.world = Business()

    @rule(target=orders, worker=WORKER, person=PERSON, course=st.sampled_from(sorted(COURSES)))
    def order(self, worker, person, course):
        return self._known(self.world.place(worker, person, course, Purpose.OWN))

    @rule(
        target=orders,
        worker=WORKER,
        person=PERSON,
        course=st.sampled_from(sorted(COURSES)),
        purpose=st.sampled_from(Purpose),
        coupon=st.sampled_from(("", COUPON)),
    )
    def buy(self, worker, person, course, purpose, coupon):
        return self._known(self.world.buy(worker, person, course, purpose, coupon))

    @rule(target=orders, worker=WORKER, person=PERSON, order=orders)
    def join_a_group_and_pay(self, worker, person, order):
        number = self.world.join(worker, person, order)
        if number:
            self.world.checkout(worker, number, TradeType.JSAPI)
            self.world.pay_for(number)
        return self._known(number)

    @rule(target=orders, worker=WORKER, person=PERSON, course=st.sampled_from(sorted(COURSES)))
    def order_with_a_coupon(self, worker, person, course):
        return self._known(self.world.place(worker, person, course, Purpose.OWN, COUPON))

    @rule(target=orders, worker=WORKER, person=PERSON, course=st.sampled_from(sorted(COURSES)))
    def order_a_gift(self, worker, person, course):
        return self._known(self.world.place(worker, person, course, Purpose.GIFT))

    @rule(target=orders, worker=WORKER, person=PERSON)
    def open_a_group(self, worker, person):
        return self._known(self.world.place(worker, person, "C3", Purpose.GROUP))

    @rule(target=orders, worker=WORKER, person=PERSON, order=orders)
    def join_a_group(self, worker, person, order):
        return self._known(self.world.join(worker, person, order))

    @rule(worker=WORKER, order=orders, trade_type=st.sampled_from(TradeType))
    def go_to_the_till(self, worker, order, trade_type):
        self.world.checkout(worker, order, trade_type)

    @rule(at=ANY, person=PERSON)
    def pay(self, at, person):
        self.world.pay(at, person, anyway=False)

    @rule(at=ANY, person=PERSON)
    def pay_late(self, at, person):
        self.world.pay(at, person, anyway=True)

    @rule(at=ANY, times=st.integers(1, 5))
    def repeat_a_notice(self, at, times):
        self.world.renotify(at, times)

    @rule(worker=WORKER, order=orders)
    def cancel(self, worker, order):
        self.world.withdraw(worker, order)

    @rule(worker=WORKER, order=orders, fen=st.sampled_from((None, 1, 1000, 9900)))
    def give_money_back(self, worker, order, fen):
        self.world.refund(worker, order, fen)

    @rule(at=ANY, status=st.sampled_from(("SUCCESS", "ABNORMAL", "CLOSED")))
    def end_a_refund(self, at, status):
        self.world.settle_refund(at, status)

    @rule(worker=WORKER, person=PERSON, order=orders)
    def claim_a_gift(self, worker, person, order):
        self.world.claim(worker, person, order)

    @rule(worker=WORKER, person=PERSON)
    def leave_a_group(self, worker, person):
        self.world.leave(worker, person)

    @rule(
        target=orders,
        worker=WORKER,
        friend=st.sampled_from(PEOPLE[1:]),
        course=st.sampled_from(sorted(COURSES)),
        state=st.sampled_from(("SUCCESS", "FAIL", "CANCELLED", "")),
    )
    def earn_by_a_friend(self, worker, friend, course, state):
        number = self.world.buy(worker, friend, course, Purpose.OWN)
        self.world.clock.forward(minutes=90)
        self.world.both_jobs()
        self.world.take_reward(worker)
        if state:
            self.world.end_transfer(0, state)
        return self._known(number)

    @rule(worker=WORKER)
    def take_a_reward(self, worker):
        self.world.take_reward(worker)

    @rule(at=ANY, state=st.sampled_from(("SUCCESS", "FAIL", "CANCELLED")))
    def end_a_transfer(self, at, state):
        self.world.end_transfer(at, state)

    @rule(minutes=st.sampled_from((1, 3, 10, 31, 130)))
    def wait(self, minutes):
        self.world.clock.forward(minutes=minutes)

    @rule(worker=WORKER)
    def work(self, worker):
        self.world.jobs(worker)

    @rule()
    def work_at_once(self):
        self.world.both_jobs()

    @rule()
    def ask_in_calm(self):
        self.world.query_in_calm()

    @rule(worker=WORKER)
    def restart(self, worker):
        self.world.restart(worker)

    @rule(fault=st.sampled_from(COUNTED), times=st.integers(1, 3))
    def trouble(self, fault, times):
        setattr(self.world.simulator.faults, fault, times)

    @rule(status=st.sampled_from((None, "PROCESSING", "ABNORMAL", "CLOSED")), silent=st.booleans())
    def mood(self, status, silent):
        self.world.simulator.faults.refund_status = status
        self.world.simulator.faults.no_notice = silent

    @rule()
    def calm(self):
        self.world.simulator.faults.clear()

    @invariant()
    def nothing_is_granted_unpaid_and_nothing_refunded_twice(self):
        if hasattr(self, "world"):
            self.world.check_always()

    def teardown(self):
        if not hasattr(self, "world"):
            return
        try:
            self.world.settle()
            self.world.check_settled()
        finally:
            self.world.close()

    def _known(self, number):
        return number or multiple()


TestMoney = Money.TestCase
TestMoney.settings = settings(
    max_examples=40,
    stateful_step_count=50,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
