"""The callback address on the wire: what reaches the gateway, what goes to the pages, and what HTTP forbids."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPHeaders, HTTPInputError, HTTPServerRequest, RequestStartLine, ResponseStartLine
from tornado.testing import bind_unused_port
from tornado.web import Application, RequestHandler

from handlers.web.callback import BODY_CAP, Call, read_query


class Page(RequestHandler):
    def get(self):
        self.finish("a page")

    def post(self):
        self.finish(f"a page with {len(self.request.body)}")


class Site(Application):
    def start_request(self, server_conn, request_conn):
        pages = super().start_request
        return Call(tell, request_conn, lambda: pages(server_conn, request_conn))


def tell(call):
    """Answer what was understood of a call."""
    told = json.dumps([call.method, call.query, len(call.body)]).encode()
    told += b" " * int(call.query.get("spaces", 0))
    if call.plain:
        call.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(told), told))
        return
    headers = HTTPHeaders({"Content-Length": str(len(told))})
    call.connection.write_headers(ResponseStartLine("HTTP/1.1", 200, "OK"), headers, told)
    call.connection.finish()


@asynccontextmanager
async def site(**settings):
    sock, port = bind_unused_port()
    server = HTTPServer(
        Site([("/page", Page)], log_function=lambda _: None), max_body_size=2 * BODY_CAP, **settings
    )
    server.add_sockets([sock])
    try:
        yield port
    finally:
        server.stop()
        await server.close_all_connections()


def say(*requests: bytes) -> list[tuple[int, bytes]]:
    """Send requests on one connection, each after the answer to the last; return status and body of each answer."""

    async def story():
        async with site() as port, asyncio.timeout(10):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            answers = []
            for request in requests:
                writer.write(request)
                head = await reader.readuntil(b"\r\n\r\n")
                length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
                answers.append((int(head.split()[1]), await reader.readexactly(int(length or 0))))
            writer.close()
            return answers

    return asyncio.run(story())


def told(answer):
    status, body = answer
    assert status == 200
    return tuple(json.loads(body))


def test_one_connection_serves_calls_and_pages_in_turn():
    call = b"POST /wechat?a=1&b=2&a=3 HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
    page = b"POST /page HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"

    answers = say(call, page, call)

    assert answers[1] == (200, b"a page with 5")
    assert told(answers[0]) == told(answers[2]) == ("POST", {"a": "3", "b": "2"}, 5)


def test_a_chunked_body_comes_whole():
    head = b"POST /wechat HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"

    assert told(*say(head + b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n")) == ("POST", {}, 11)


def test_of_a_body_that_is_too_large_only_so_much_is_kept_that_it_shows():
    head = b"POST /wechat HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % (2 * BODY_CAP)
    _, _, kept = told(*say(head + b"a" * (2 * BODY_CAP)))

    assert BODY_CAP < kept < 2 * BODY_CAP


@pytest.mark.parametrize("address", ["/", "/wechat/", "/wechatx", "//wechat", "http://x/wechat", "/WECHAT"])
def test_only_the_address_itself_is_the_callback(address):
    assert say(f"GET {address} HTTP/1.1\r\nHost: x\r\n\r\n".encode())[0][0] == 404


@pytest.mark.parametrize(
    "host", ["", "Host: a, b\r\n", "Host: a\r\nHost: b\r\n", "Host: a b\r\n", "Host: a/b\r\n", "Host: %zz\r\n"]
)
def test_no_host_or_a_false_one_is_a_bad_request_here_as_everywhere(host):
    for address in ("/wechat", "/page"):
        assert say(f"GET {address} HTTP/1.1\r\n{host}\r\n".encode())[0][0] == 400


@pytest.mark.parametrize("host", ["shop.example.cn", "127.0.0.1:80", "[::1]:80", "a_b~c", "%41", ""])
def test_hosts_of_every_form_are_taken(host):
    assert told(*say(f"GET /wechat HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())) == ("GET", {}, 0)


def test_an_old_client_need_not_name_a_host():
    assert told(*say(b"GET /wechat?echostr=1 HTTP/1.0\r\n\r\n")) == ("GET", {"echostr": "1"}, 0)


def test_whoever_leaves_in_the_middle_of_a_body_disturbs_nobody():
    async def story():
        async with site() as port, asyncio.timeout(10):
            for address in (b"/wechat", b"/page"):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhel" % address)
                await writer.drain()
                writer.close()
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET /wechat HTTP/1.1\r\nHost: x\r\n\r\n")
            status = (await reader.readuntil(b"\r\n")).split()[1]
            writer.close()
            return status

    assert asyncio.run(story()) == b"200"


# The connection ----------------------------------------------------------------------------------------------


POST = b"POST /wechat?%s HTTP/1.1\r\nHost: x\r\n%sContent-Length: 5\r\n\r\nhello"
PAGE = b"GET /page HTTP/1.1\r\nHost: x\r\n\r\n"


def until_the_end(request: bytes, **settings: bool) -> bytes:
    """Send what is asked for all at once; return all that comes until the server closes the connection."""

    async def story():
        async with site(**settings) as port, asyncio.timeout(10):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(request)
            everything = await reader.read()
            writer.close()
            return everything

    return asyncio.run(story())


def test_requests_sent_at_once_are_answered_in_their_order():
    calls = [POST % (b"n=%d" % number, b"") for number in range(3)]

    heard = until_the_end(calls[0] + PAGE + calls[1] + POST % (b"n=2", b"Connection: close\r\n"))

    signs = [b'{"n": "0"}', b"a page", b'{"n": "1"}', b'{"n": "2"}']
    assert sorted(signs, key=heard.index) == signs
    assert heard.count(b"HTTP/1.1 200 OK") == len(signs)


def test_where_the_connection_is_to_end_the_answer_says_so_and_it_does():
    asked, stopping = POST % (b"", b"Connection: close\r\n"), POST % (b"", b"")
    for heard in (until_the_end(asked), until_the_end(stopping, no_keep_alive=True)):
        head, _, body = heard.partition(b"\r\n\r\n")
        assert b"connection: close" in head.lower()
        assert json.loads(body) == ["POST", {}, 5]


@pytest.mark.parametrize(("asked", "said"), [(b"", False), (b"Connection: keep-alive\r\n", True)])
def test_an_old_client_keeps_its_connection_only_if_it_asks_to(asked, said):
    old = (POST % (b"", asked)).replace(b"HTTP/1.1", b"HTTP/1.0")

    heard = until_the_end(old + (POST % (b"", b"Connection: close\r\n") if said else b""))

    assert (b"connection: keep-alive" in heard.lower()) is said
    assert heard.count(b"200 OK") == (2 if said else 1)


def test_an_answer_larger_than_the_reader_takes_at_once_comes_whole_and_the_next_one_after_it():
    large = 8_000_000
    heard = until_the_end(
        POST % (b"spaces=%d" % large, b"") + POST % (b"spaces=%d" % large, b"Connection: close\r\n")
    )

    first, second = heard.split(b"HTTP/1.1 200 OK\r\n")[1:]
    assert first.count(b" ") > large
    assert second.count(b" ") > large


def test_an_answer_to_somebody_who_has_left_disturbs_nobody(monkeypatch):
    late = []
    monkeypatch.setitem(globals(), "tell", late.append)

    async def story():
        async with site() as port, asyncio.timeout(10):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(POST % (b"", b""))
            while not late:  # noqa: ASYNC110  nobody sets an event for it
                await asyncio.sleep(0)
            writer.close()
            while not late[0].connection.stream.closed():  # noqa: ASYNC110  as above
                await asyncio.sleep(0)
            late[0].send(b"too late")
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(PAGE)
            status = (await reader.readuntil(b"\r\n")).split()[1]
            writer.close()
            return status

    assert asyncio.run(story()) == b"200"


# The query ---------------------------------------------------------------------------------------------------


def by_tornado(query: str) -> dict[str, str]:
    """Return what a page's request would say of a query, of each parameter the last value."""
    start = RequestStartLine("GET", f"/?{query}", "HTTP/1.1")
    arguments = HTTPServerRequest(start_line=start, headers=HTTPHeaders(Host="x")).query_arguments
    return {name: values[-1].decode("utf-8", "replace") for name, values in arguments.items()}


@given(st.text(st.sampled_from("abcz019._-&=%+;?/ü\xe4\xbd\xa0 \x80\xff"), max_size=40))
def test_a_query_says_what_it_says_to_a_page(query):
    assert read_query(query) == by_tornado(query)


@given(st.dictionaries(st.text("abc_", min_size=1, max_size=8), st.text(max_size=8)))
def test_whatever_was_encoded_is_read_back(parameters):
    assert read_query(urlencode(parameters)) == parameters


def test_a_thousand_parameters_are_enough():
    with pytest.raises(HTTPInputError):
        read_query("&".join(["a=%41"] * 1_001))
