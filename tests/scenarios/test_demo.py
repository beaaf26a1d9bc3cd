"""What only the demo does: starting over, for the phone and for the shop."""

from handlers.cli.demo import forgetter
from tests.scenarios.world import COURSE, go_to_the_till, play


def test_after_a_reset_the_shop_has_never_met_anybody(tmp_path):
    async def story(shop, simulator):
        simulator.attach(simulator._stage.shop_url, forget=forgetter(shop))
        phone, other = simulator.phone("小林"), simulator.phone("小周")
        till = await go_to_the_till(simulator, phone)
        await simulator.pay.confirm(till.prepay_id, phone.openid)
        await go_to_the_till(simulator, other)  # and leaves an order unpaid

        simulator.reset()
        greeting = await phone.follow()
        courses, orders = await phone.say("我的课程"), await phone.say("我的订单")
        owned = await shop.store.read(lambda tx: tx.entitlements.owned(phone.openid))
        open_orders = await shop.store.read(lambda tx: tx.orders.of(other.openid))
        again = await go_to_the_till(simulator, phone)
        return greeting, courses, orders, owned, open_orders, again, till

    greeting, courses, orders, owned, open_orders, again, till = play(story, tmp_path)

    assert "欢迎回来" not in greeting.text
    assert COURSE not in courses.text
    assert "已付款" not in orders.text
    assert (owned, open_orders) == ([], [])
    assert again.order_no != till.order_no
