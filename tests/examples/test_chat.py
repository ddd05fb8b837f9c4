"""examples/chat/: a room of drywire clients on each loop, the program by itself, and two tabs of a browser."""

import base64
import contextlib
import hashlib
import importlib.util
import re
import signal

import anyio
import pytest

import drywire
from drywire import WSCloseCode, WSMsgType
from drywire_sansio import http1, websocket
from drywire_transports import StreamBroken, current_runtime

from .. import devtools
from .programs import load, running

chat = load("chat/server.py")
QUICK = {"pause": 0}


@contextlib.asynccontextmanager
async def room(serving, **rules):
    """A room at work; gives the URL and a function that joins it."""
    app = chat.make_app(chat.Rules(**{**QUICK, **rules}))
    async with drywire.ClientSession() as session, serving(app) as url:

        async def join(name, **options):
            return await session.ws_connect(f"{url}/chat", params={"name": name}, **options)

        join.url = url
        join.members = app[chat.ROOM].members
        yield join


async def until(ws, kind):
    """Return the next message of a kind."""
    while (message := await ws.receive_json(timeout=10))["kind"] != kind:
        pass
    return message


async def say(ws, text):
    await ws.send_json({"say": text})


async def closing(ws):
    """Return the code and the reason of the close frame that comes, whatever comes before it."""
    while (message := await ws.receive(timeout=10)).type is WSMsgType.TEXT:
        pass
    assert message.type is WSMsgType.CLOSE
    return message.data, message.extra


# The room


async def test_who_joins_talks_and_leaves_is_heard_by_all(serving):
    async with room(serving) as join, await join("ada") as ada:
        assert await ada.receive_json() == {"kind": "welcome", "members": ["ada"], "history": []}
        async with await join("bob") as bob:
            assert await ada.receive_json() == {"kind": "joined", "name": "bob"}
            assert await bob.receive_json() == {"kind": "welcome", "members": ["ada", "bob"], "history": []}
            await say(bob, "hällo 😀")
            said = {"kind": "said", "name": "bob", "text": "hällo 😀"}
            assert await ada.receive_json() == await bob.receive_json() == said
        assert bob.close_code == WSCloseCode.OK
        assert await ada.receive_json() == {"kind": "left", "name": "bob"}


async def test_who_joins_is_told_a_bounded_history(serving):
    async with room(serving, history=2) as join, await join("ada") as ada:
        await until(ada, "welcome")
        for text in ("one", "  ", "two", "three"):
            await say(ada, text)
        while (await until(ada, "said"))["text"] != "three":
            pass
        async with await join("bob") as bob:
            history = (await until(bob, "welcome"))["history"]
    assert history == [{"kind": "said", "name": "ada", "text": text} for text in ("two", "three")]


async def test_who_is_cut_off_has_left(serving):
    async with room(serving) as join, await join("ada") as ada:
        await until(ada, "welcome")
        async with drywire.ClientSession() as other:
            bob = await other.ws_connect(f"{join.url}/chat?name=bob")
            await until(ada, "joined")
        assert not bob.closed  # nobody said goodbye
        assert await until(ada, "left") == {"kind": "left", "name": "bob"}


@pytest.mark.parametrize("name", ["", "  ", "x" * 25, "a\nb", "a\u202eb"])
async def test_a_name_that_nobody_should_have_is_refused(serving, name):
    async with room(serving) as join, await join(name) as ws:
        assert await closing(ws) == (chat.NAME_REFUSED, "a name has 1 to 24 printable characters")
        assert not join.members


async def test_a_name_is_there_once_and_free_again_when_its_bearer_has_left(serving):
    async with room(serving) as join:
        async with await join("ada") as ada:
            await until(ada, "welcome")
            async with await join("ada") as second:
                assert await closing(second) == (chat.NAME_TAKEN, "somebody of that name is here already")
            async with await join("bob") as bob:
                await until(bob, "welcome")
                await ada.close()
                assert (await until(bob, "left"))["name"] == "ada"
                async with await join("ada") as third:
                    assert (await until(third, "welcome"))["members"] == ["bob", "ada"]


async def test_a_full_room_says_so(serving):
    async with room(serving, members=1) as join, await join("ada") as ada, await join("bob") as bob:
        assert await closing(bob) == (WSCloseCode.TRY_AGAIN_LATER, "the room is full")
        await until(ada, "welcome")


# What is no message


@pytest.mark.parametrize("text", ["", "hello", "[]", '{"say": 1}', '{"says": ""}', "[" * 3000])
async def test_who_says_what_is_no_message_is_told_what_is(serving, text):
    async with room(serving) as join, await join("ada") as ada:
        await ada.send_str(text)
        assert await closing(ada) == (WSCloseCode.UNSUPPORTED_DATA, 'say {"say": "..."}')


async def test_a_binary_message_is_none(serving):
    async with room(serving) as join, await join("ada") as ada:
        await ada.send_bytes(b'{"say": "hello"}')
        assert (await closing(ada))[0] == WSCloseCode.UNSUPPORTED_DATA


async def test_a_lone_surrogate_does_no_harm(serving):
    async with room(serving) as join, await join("ada") as ada:
        await ada.send_str(r'{"say": "\ud800"}')
        assert (await until(ada, "said"))["text"] == "\ud800"


async def test_a_message_that_is_too_long_costs_its_sender_the_connection_and_nobody_else(serving):
    async with room(serving, message_bytes=1000) as join, await join("ada") as ada, await join("bob") as bob:
        await until(ada, "joined")
        await say(bob, "x" * 1000)
        assert (await closing(bob))[0] == WSCloseCode.MESSAGE_TOO_BIG
        assert (await until(ada, "left"))["name"] == "bob"
        await say(ada, "hello")
        assert (await until(ada, "said"))["text"] == "hello"


# Other sites


async def test_a_page_of_another_site_is_refused(serving):
    async with room(serving) as join:
        for origin in ("http://evil.example", "null", join.url + "0"):
            with pytest.raises(drywire.WSServerHandshakeError) as caught:
                await join("ada", origin=origin)
            assert caught.value.status == 403
        async with await join("ada", origin=join.url) as ada:
            assert (await until(ada, "welcome"))["members"] == ["ada"]


async def test_the_sites_may_be_named(serving):
    async with room(serving, origins=frozenset({"https://chat.example"})) as join:
        with pytest.raises(drywire.WSServerHandshakeError):
            await join("ada", origin=join.url)
        async with await join("ada", origin="https://chat.example") as ada:
            await until(ada, "welcome")


# Slow readers


async def talk_until_slow(slow, ada):
    """Have `ada` talk until the member `slow`, who does not read, is found out; she must hear herself all the while."""
    count = 0
    while not slow.slow:
        count += 1
        await say(ada, f"{count} ".ljust(256 * 1024))
        assert (await until(ada, "said"))["text"].split() == [str(count)]


async def test_who_does_not_read_has_to_leave_and_holds_nobody_up(serving):
    async with room(serving, queue=4, message_bytes=1024 * 1024) as join:
        async with await join("ada") as ada, await join("slow") as slow:
            await until(ada, "joined")
            await talk_until_slow(join.members["slow"], ada)
            assert await until(ada, "left") == {"kind": "left", "name": "slow"}
            assert "slow" not in join.members
            await say(ada, "it is quiet")
            assert (await until(ada, "said"))["text"] == "it is quiet"
            assert not slow.closed  # it has yet to find out


async def test_who_never_reads_is_cut_off_unheard(serving):
    app = chat.make_app(chat.Rules(**QUICK, queue=4, message_bytes=1024 * 1024, patience=0.2))
    async with drywire.ClientSession() as session, contextlib.AsyncExitStack() as stack:
        async with serving(app) as url:
            async with session.ws_connect(f"{url}/chat?name=ada") as ada:
                await until(ada, "welcome")
                stream, core = await stack.enter_async_context(deaf(url, "slow"))
                await until(ada, "joined")
                await talk_until_slow(app[chat.ROOM].members["slow"], ada)
        # The server has ended, and with it what it did for this member.
        assert websocket.Close not in map(type, await rest(stream, core))  # there was no room for one


@contextlib.asynccontextmanager
async def deaf(url, name):
    """A member that reads nothing, not even into memory as our client would: its handshake is done."""
    runtime = current_runtime()
    host, _, port = url.removeprefix("http://").partition(":")
    stream = await runtime.connect_tcp(host, int(port))
    stream.read_deadline = stream.write_deadline = runtime.now() + 20
    try:
        http, nonce = http1.ClientConnection(), bytes(16)
        fields = [(b"Host", host.encode()), *websocket.request_fields(nonce)]
        head = http1.Request(b"GET", b"/chat?name=" + name.encode(), fields)
        await stream.send(http.send(head), http.send(http1.EndOfMessage()))
        while (answer := http.next_event()) is http1.NEED_DATA:
            http.receive_data(await stream.receive())
        websocket.confirm(answer, nonce)
        core = websocket.ClientConnection(lambda: bytes(4))
        if http.trailing_data[0]:
            core.receive_data(http.trailing_data[0])
        yield stream, core
    finally:
        stream.abort()


async def rest(stream, core):
    """Return the events that are left to be read."""
    events = []
    while not (events and isinstance(events[-1], websocket.ConnectionClosed)):
        event = core.next_event()
        if event is not websocket.NEED_DATA:
            events.append(event)
            continue
        try:
            core.receive_data(await stream.receive())
        except StreamBroken:  # the server has cut it off
            core.receive_data(b"")
    return events


async def test_who_reads_again_in_time_is_told_why(serving):
    rules = {"queue": 4, "message_bytes": 1024 * 1024, "patience": 30}
    async with room(serving, **rules) as join, await join("ada") as ada, await join("slow") as slow:
        await until(ada, "joined")
        await talk_until_slow(join.members["slow"], ada)
        assert await closing(slow) == (WSCloseCode.POLICY_VIOLATION, "you do not read what is said")
        assert await until(ada, "left") == {"kind": "left", "name": "slow"}


async def test_who_talks_fast_does_not_make_others_slow(serving):
    async with room(serving, pause=0.0001) as join, await join("ada") as ada, await join("bob") as bob:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(talk, ada, 500)
            for number in range(500):
                assert (await until(bob, "said"))["text"] == str(number)


async def talk(ws, count):
    for number in range(count):
        await say(ws, str(number))
    for number in range(count):
        assert (await until(ws, "said"))["text"] == str(number)


# The end


async def test_all_are_told_when_the_server_goes_away(serving):
    async with drywire.ClientSession() as session:
        async with serving(chat.make_app()) as url:
            members = [await session.ws_connect(f"{url}/chat?name={name}") for name in ("ada", "bob")]
            await until(members[0], "joined")
        for ws in members:
            assert await closing(ws) == (WSCloseCode.GOING_AWAY, "Server shutdown")


@pytest.mark.parametrize("loop", ["asyncio", "trio", "uvloop"])
async def test_the_program_runs_on_each_loop_and_ends_by_a_signal(loop, anyio_backend_name, anyio_backend_options):
    # By one signal with a client on the program's own loop, by the other with clients on others
    here = "uvloop" if anyio_backend_options else anyio_backend_name
    ends_by = signal.SIGTERM if here == loop else signal.SIGINT
    if importlib.util.find_spec(loop) is None:
        pytest.skip(f"{loop} is not installed here")
    options = [] if loop == "asyncio" else [f"--{loop}"]
    with running("chat/server.py", "--port", "0", *options) as process:
        url = re.search(r"http://\S+", process.stdout.readline())[0]
        async with drywire.ClientSession() as session, session.ws_connect(f"{url}/chat?name=ada") as ws:
            await until(ws, "welcome")
            process.send_signal(ends_by)
            assert await closing(ws) == (WSCloseCode.GOING_AWAY, "Server shutdown")


# The page


async def test_the_page_may_run_its_own_script_only(serving):
    async with serving(chat.make_app()) as url, drywire.ClientSession() as session, session.get(url) as response:
        html = await response.text()
        policy = response.headers["Content-Security-Policy"]
        assert response.content_type == "text/html"
    script = re.search("<script>(.*?)</script>", html, re.DOTALL)[1]
    assert base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() in policy
    assert not re.findall(r"innerHTML|outerHTML|insertAdjacent|document\.write|\bon\w+=|src=|href=", html)


LOG = "document.getElementById('log').innerText"
STATUS = "document.getElementById('status').innerText"
MEMBERS = "document.getElementById('members').innerText"


async def enter(tab, name):
    await tab.evaluate("document.getElementById('name').focus()")
    await tab.type(name)


async def test_two_tabs_of_a_browser_talk_to_each_other(serving, browser):
    async with room(serving) as join, devtools.opened(browser, join.url, join.url) as (ada, bob):
        await enter(ada, "ada")
        await ada.until(f"{STATUS} === 'You are in the room.'")
        await enter(bob, "bob")
        await ada.until(f"{LOG}.includes('bob has joined')")
        assert await bob.until(f"{MEMBERS}.includes(',') && {MEMBERS}") == "ada, bob"
        await ada.type("hello, bob")  # the field has the focus by itself
        await bob.until(f"{LOG}.includes('ada: hello, bob')")
        await bob.type("hällo 😀")
        await ada.until(f"{LOG}.includes('bob: hällo 😀')")
        await bob.open("about:blank")
        await ada.until(f"{LOG}.includes('bob has left')")
        assert (await ada.evaluate(LOG)).splitlines() == [
            "bob has joined", "ada: hello, bob", "bob: hällo 😀", "bob has left"
        ]  # fmt: skip
        assert await ada.evaluate(MEMBERS) == "ada"


async def test_what_somebody_says_is_text_to_a_browser_whatever_it_looks_like(serving, browser):
    evil = "<img src=x onerror='window.caught = true'><script>window.caught = true</script>"
    async with room(serving) as join, devtools.opened(browser, join.url) as (tab,), await join("<b>ada</b>") as ada:
        await say(ada, evil)
        await until(ada, "said")
        await enter(tab, "bob")
        await tab.until(f"{LOG}.includes('onerror')")
        assert await tab.evaluate(LOG) == f"<b>ada</b>: {evil}"
        assert await tab.evaluate(MEMBERS) == "<b>ada</b>, bob"
        assert await tab.evaluate("document.querySelectorAll('img, b, main script').length") == 0
        assert await tab.evaluate("window.caught === undefined")


async def test_a_browser_says_why_it_is_not_in_the_room_and_may_try_again(serving, browser):
    async with room(serving) as join, devtools.opened(browser, join.url) as (tab,):
        async with await join("ada") as ada:
            await until(ada, "welcome")
            await enter(tab, "ada")
            await tab.until(f"{STATUS}.includes('somebody of that name is here already')")
        await tab.evaluate("document.getElementById('name').value = ''")
        await tab.type("bob")  # the field has the focus again
        await tab.until(f"{STATUS} === 'You are in the room.'")


async def test_a_page_of_another_site_in_a_browser_is_refused(serving, browser):
    connect = """new Promise(resolve => {{
        const socket = new WebSocket("{url}/chat?name=eve");
        socket.onopen = () => resolve("open");
        socket.onclose = event => resolve(event.code);
    }})"""
    async with room(serving) as join, devtools.opened(browser, "data:text/html,elsewhere") as (tab,):
        url = join.url.replace("http", "ws", 1)
        assert await tab.evaluate(connect.format(url=url)) == WSCloseCode.ABNORMAL_CLOSURE
        assert not join.members
