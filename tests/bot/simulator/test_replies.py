"""What the follower sees of a reply, and every reply that WeChat would refuse."""

import pytest

from bot.simulator import BROKEN, BadReply

ITEM = "<item><Title>课</Title><Description>讲</Description><PicUrl>http://a.cn/p.png</PicUrl><Url>http://a.cn/</Url></item>"
MENU = "weixin://bizmsgmenu?msgmenucontent=%E7%83%AD%E9%97%A8&msgmenuid=m1"


def news(count, says=None):
    return {"MsgType": "news", "ArticleCount": str(says or count), "Articles": ITEM * count}


GOOD = [
    ({"MsgType": "text", "Content": "字" * 682}, "text"),
    ({"MsgType": "text", "Content": "1 < 2 & 3 > 2"}, "text"),
    (
        {"MsgType": "text", "Content": f'看<a href="http://a.cn/?x=1&y=2">这里</a>或<a href="{MENU}">热门</a>'},
        "text",
    ),
    (news(1), "news"),
    ({"MsgType": "image", "Image": "<MediaId>m</MediaId>"}, "image"),
    ({"MsgType": "voice", "Voice": "<MediaId>m</MediaId>"}, "voice"),
    ({"MsgType": "video", "Video": "<MediaId>m</MediaId>"}, "video"),
    ({"MsgType": "music", "Music": "<ThumbMediaId>m</ThumbMediaId>"}, "music"),
    ({"MsgType": "transfer_customer_service"}, "transfer"),
]

BAD = {
    "empty text": {"MsgType": "text", "Content": ""},
    "blank text": {"MsgType": "text", "Content": " \n"},
    "2049 bytes": {"MsgType": "text", "Content": "字" * 683},
    "no content": {"MsgType": "text"},
    "unknown type": {"MsgType": "hologram", "Content": "好"},
    "no type": {"Content": "好"},
    "milliseconds": {"MsgType": "text", "Content": "好", "CreateTime": 1_795_492_800_000},
    "no number as time": {"MsgType": "text", "Content": "好", "CreateTime": "now"},
    "another account": {"MsgType": "text", "Content": "好", "FromUserName": "gh_other"},
    "unclosed link": {"MsgType": "text", "Content": '<a href="http://a.cn/">这里'},
    "stray end": {"MsgType": "text", "Content": "这里</a>"},
    "no quotes": {"MsgType": "text", "Content": "<a href=http://a.cn/>这里</a>"},
    "no href": {"MsgType": "text", "Content": '<a title="x">这里</a>'},
    "empty label": {"MsgType": "text", "Content": '<a href="http://a.cn/"></a>'},
    "relative link": {"MsgType": "text", "Content": '<a href="/c/1">这里</a>'},
    "script link": {"MsgType": "text", "Content": '<a href="javascript:alert(1)">这里</a>'},
    "half a menu link": {"MsgType": "text", "Content": '<a href="weixin://bizmsgmenu?msgmenuid=1">热门</a>'},
    "two articles for a message": news(2),
    "no articles": news(0, says=0),
    "count and items differ": news(1, says=2),
    "image without id": {"MsgType": "image", "Image": "<MediaId></MediaId>"},
    "music without thumb": {"MsgType": "music", "Music": "<MediaId>m</MediaId>"},
}


@pytest.mark.parametrize(("fields", "kind"), GOOD)
@pytest.mark.parametrize("mode", ["safe", "compatible", "plain"])
def test_a_good_reply_is_shown(play, fields, kind, mode):
    async def story(world):
        phone = world.sim.phone(following=True)
        world.shop.raw(lambda sent: world.shop.xml(sent, **fields))

        received = await phone.say("你好")

        assert received.kind == kind
        assert phone.screen[-1] is received

    play(story, mode=mode)


@pytest.mark.parametrize("why", BAD)
def test_a_bad_reply_is_refused_and_the_follower_sees_the_fault(play, why):
    async def story(world):
        phone = world.sim.phone(following=True)
        world.shop.raw(lambda sent: world.shop.xml(sent, **BAD[why]))

        with pytest.raises(BadReply):
            await phone.say("你好")

        assert phone.screen[-1].text == BROKEN
        assert len(world.shop.deliveries) == 1

    play(story)


@pytest.mark.parametrize("body", [b"success", b""])
@pytest.mark.parametrize("mode", ["safe", "compatible", "plain"])
def test_success_and_nothing_mean_silence(play, body, mode):
    async def story(world):
        phone = world.sim.phone(following=True)
        world.shop.reply = lambda _: body

        assert await phone.say("你好") is None
        assert [each.via for each in phone.screen] == ["self"]

    play(story, mode=mode)


RAW = {
    "sealed success": lambda shop, _: shop.wrap("success"),
    "success and a newline": lambda _shop, _: b"success\n",
    "JSON": lambda _shop, _: b'{"errcode":0}',
    "unsealed in safe mode": lambda shop, sent: shop.xml(sent, MsgType="text", Content="好").encode(),
    "wrong signature": lambda shop, sent: shop.wrap(
        shop.xml(sent, MsgType="text", Content="好"), signature="0" * 40
    ),
    "another app": lambda shop, sent: shop.wrap(shop.xml(sent, MsgType="text", Content="好"), app_id="wx0"),
    "another follower": lambda shop, sent: shop.wrap(shop.xml(sent, to="oSomebody", MsgType="text", Content="好")),
    "control character": lambda shop, sent: shop.wrap(shop.xml(sent, MsgType="text", Content="好\x01")),
    "broken CDATA": lambda shop, sent: shop.wrap(shop.xml(sent, MsgType="text", Content="a]]>b<c")),
    "entities": lambda shop, sent: shop.wrap("<!DOCTYPE x>" + shop.xml(sent, MsgType="text", Content="好")),
    "not UTF-8": lambda _shop, _: b"\xff\xfe",
    "another root": lambda shop, _: shop.wrap("<html></html>"),
}


@pytest.mark.parametrize("why", RAW)
def test_a_bad_envelope_is_refused(play, why):
    async def story(world):
        world.shop.reply = lambda sent: RAW[why](world.shop, sent)

        with pytest.raises(BadReply):
            await world.sim.phone(following=True).say("你好")

    play(story)


def test_a_sealed_reply_in_plain_mode_is_refused(play):
    async def story(world):
        world.shop.sealed = True
        world.shop.text("好")

        with pytest.raises(BadReply):
            await world.sim.phone(following=True).say("你好")

    play(story, mode="plain")


def test_a_compatible_reply_may_be_sealed(play):
    async def story(world):
        world.shop.sealed = True
        world.shop.text("好")

        assert (await world.sim.phone(following=True).say("你好")).text == "好"

    play(story, mode="compatible")


def test_an_event_may_get_eight_articles_and_no_ninth(play):
    async def story(world):
        phone = world.sim.phone(following=True)
        world.shop.raw(lambda sent: world.shop.xml(sent, **news(8)))
        eight = await phone.click("hot")
        world.shop.raw(lambda sent: world.shop.xml(sent, **news(9)))

        with pytest.raises(BadReply):
            await phone.click("hot")

        assert len(eight.articles) == 8
        assert eight.articles[0].title == "课"

    play(story)


def test_an_event_cannot_be_transferred(play):
    async def story(world):
        world.shop.raw(lambda sent: world.shop.xml(sent, MsgType="transfer_customer_service"))

        with pytest.raises(BadReply):
            await world.sim.phone(following=True).click("human")

    play(story)


def test_links_are_read_and_a_menu_link_can_be_tapped(play):
    async def story(world):
        phone = world.sim.phone(following=True)
        world.shop.text(f'<a href="http://a.cn/c/1?from=chat&amp=1">买</a> <a href="{MENU}">热门课程</a>')
        received = await phone.say("你好")

        await phone.tap("热门课程")

        assert received.links == (("买", "http://a.cn/c/1?from=chat&amp=1"), ("热门课程", MENU))
        assert world.shop.deliveries[-1].fields["Content"] == "热门"
        assert world.shop.deliveries[-1].fields["bizmsgmenuid"] == "m1"
        with pytest.raises(LookupError):
            await phone.tap("没有这个")

    play(story)
