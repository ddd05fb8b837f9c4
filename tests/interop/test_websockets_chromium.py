"""Chromium's WebSockets to our server, with the compression that it offers and without.

A browser is a client only; as a server it cannot be had.
"""

import json

import pytest

from drywire import WSMsgType, web

from .. import devtools
from ..websocketing import app_of

PAGE = "<!doctype html><title>exercises</title><p>ready</p>"

EXERCISES = r"""
new Promise((resolve, reject) => {
  const result = {echoes: [], types: []};
  const ws = new WebSocket(location.href.replace('http', 'ws') + 'ws', ['soap', 'chat']);
  ws.binaryType = 'arraybuffer';
  const bytes = new Uint8Array(70000).map((_, at) => at % 251);
  const sent = ['', 'hällo 😀', 'x'.repeat(70000), 'x'.repeat(1000000), new ArrayBuffer(0), bytes.buffer];
  for (let number = 0; number < 200; number++) sent.push('message ' + number);
  ws.onopen = () => {
    result.protocol = ws.protocol;
    result.extensions = ws.extensions;
    sent.forEach(message => ws.send(message));
  };
  ws.onmessage = event => {
    const message = sent[result.echoes.length];
    const counts = data => new Uint8Array(data).every((byte, at) => byte === at % 251);
    const same = typeof message === 'string' ? event.data === message
      : event.data.byteLength === message.byteLength && counts(event.data);
    result.echoes.push(same);
    if (result.echoes.length === sent.length) ENDING;
  };
  ws.onclose = event =>
    resolve(JSON.stringify({...result, code: event.code, reason: event.reason, clean: event.wasClean}));
})
"""


def servant(**options):
    ended = []

    async def page(request):
        return web.Response(text=PAGE, content_type="text/html")

    async def handler(request):
        ws = web.WebSocketResponse(protocols=["chat"], **options)
        await ws.prepare(request)
        async for message in ws:
            if message.data == "close":
                await ws.close(code=4001, message="wie gewünscht".encode())
            elif message.data == "raise":
                raise LookupError("planted")
            elif message.type is WSMsgType.TEXT:
                await ws.send_str(message.data)
            elif message.type is WSMsgType.BINARY:
                await ws.send_bytes(message.data)
        ended.append(ws.close_code)
        return ws

    app = app_of(page)
    app.router.add_get("/ws", handler)
    return app, ended


@pytest.mark.parametrize("compress", [True, False])
@pytest.mark.parametrize(
    ("ending", "code", "reason", "ended"),
    [
        ("ws.close(4002, 'bye')", 4002, "", 4002),
        ("ws.close()", 1005, "", 1005),
        ("ws.send('close')", 4001, "wie gewünscht", 4001),
        ("ws.send('raise')", 1011, "", None),
    ],
)
async def test_chromium_talks_to_our_server(serving, browser, compress, ending, code, reason, ended, caplog):
    app, codes = servant(compress=compress)
    async with serving(app) as url, devtools.opened(browser, url + "/") as (tab,):
        result = json.loads(await tab.evaluate(EXERCISES.replace("ENDING", ending)))
    assert result["echoes"] == [True] * 206
    assert result["protocol"] == "chat"
    assert result["extensions"].startswith("permessage-deflate") == bool(compress)
    assert (result["code"], result["reason"], result["clean"]) == (code, reason, True)
    assert codes == ([] if ended is None else [ended])
    assert len(caplog.records) == (1 if ended is None else 0)
