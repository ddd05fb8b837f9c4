"""Chromium over its DevTools protocol, which is JSON on a WebSocket: so our own client speaks it."""

import contextlib
import os
import shutil
import signal
import subprocess
import threading

import pytest

import drywire

__all__ = ["Tab", "browser", "opened"]

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

OPTIONS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-breakpad",
    "--no-first-run",
    "--no-proxy-server",
    "--remote-debugging-port=0",
]

WAIT = """
new Promise(resolve => {{
  const look = () => {{ const value = ({expression}); if (value) {{ observer.disconnect(); resolve(value); }} }};
  const observer = new MutationObserver(look);
  observer.observe(document, {{subtree: true, childList: true, characterData: true, attributes: true}});
  look();
}})
"""


@contextlib.contextmanager
def chromium(folder):
    """Run a browser with its data in `folder` and give the URL of its DevTools."""
    command = [CHROMIUM, *OPTIONS, f"--user-data-dir={folder}", "about:blank"]
    environment = {**os.environ, "HOME": str(folder)}
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment, text=True, start_new_session=True
    )
    reader = threading.Thread(target=process.stderr.read)  # what else it says must not fill the pipe
    try:
        said = []
        for line in process.stderr:
            said.append(line)
            if line.startswith("DevTools listening on "):
                reader.start()
                yield line.removeprefix("DevTools listening on ").strip()
                return
        raise AssertionError("Chromium did not start:\n" + "".join(said))
    finally:
        os.killpg(process.pid, signal.SIGKILL)  # its process group: it is many processes
        process.wait()
        if reader.ident is not None:
            reader.join()
        process.stderr.close()


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    """The URL of the DevTools of a browser that runs for all tests."""
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed here")
    with chromium(tmp_path_factory.mktemp("chromium")) as url:
        yield url


class Tab:
    """A page in a browser. One task drives all tabs of a connection."""

    def __init__(self, ws, target, session):
        self.target = target
        self._ws = ws
        self._session = session

    async def call(self, method, **parameters):
        return await _call(self._ws, method, self._session, **parameters)

    async def open(self, url):
        """Go to `url`, and return once all of the page is loaded."""
        await self.call("Page.navigate", url=url)
        await self.evaluate(
            "document.readyState === 'complete' || "
            "new Promise(resolve => addEventListener('load', () => resolve(true)))"
        )

    async def evaluate(self, expression):
        """Return the value of a JavaScript expression, awaited if it is a promise."""
        answer = await self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    async def until(self, expression):
        """Wait, by what changes in the page, until an expression is true, and return its value."""
        return await self.evaluate(WAIT.format(expression=expression))

    async def type(self, text):
        """Type into what has the focus, and press Enter."""
        await self.call("Input.insertText", text=text)
        enter = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13, "text": "\r"}
        await self.call("Input.dispatchKeyEvent", type="keyDown", **enter)
        await self.call("Input.dispatchKeyEvent", type="keyUp", **enter)


@contextlib.asynccontextmanager
async def opened(devtools, *urls):
    """A tab for each URL, in a profile of their own."""
    async with drywire.ClientSession() as session, session.ws_connect(devtools, max_msg_size=0) as ws:
        context = (await _call(ws, "Target.createBrowserContext"))["browserContextId"]
        try:
            yield [await _tab(ws, context, url) for url in urls]
        finally:
            await _call(ws, "Target.disposeBrowserContext", browserContextId=context)


async def _tab(ws, context, url):
    made = await _call(ws, "Target.createTarget", url="about:blank", browserContextId=context)
    attached = await _call(ws, "Target.attachToTarget", targetId=made["targetId"], flatten=True)
    tab = Tab(ws, made["targetId"], attached["sessionId"])
    await tab.call("Emulation.setFocusEmulationEnabled", enabled=True)  # typing goes to tabs in the background, too
    await tab.open(url)
    return tab


async def _call(ws, method, session=None, /, **parameters):
    """Call a method of the protocol and return its result; events that come meanwhile are of no interest."""
    command = {"id": 1, "method": method, "params": parameters}
    if session is not None:
        command["sessionId"] = session
    await ws.send_json(command)
    while True:
        answer = await ws.receive_json(timeout=30)
        if "id" in answer:
            assert "error" not in answer, (method, answer)
            return answer["result"]
