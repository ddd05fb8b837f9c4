"""examples/api_client.py: an order is placed once, whatever happens on the way, and tokens are renewed once."""

import logging

import pytest

import drywire
from drywire import web
from drywire_transports import StreamBroken, current_runtime

from .programs import load

api_client = load("api_client.py")


class Shop:
    """An API that knows repetitions by their key; what goes wrong with the next requests stands in `failures`."""

    def __init__(self, *failures):
        self.failures = list(failures)
        self.tokens = 0
        self.valid = None
        self.placed = {}
        self.keys = []

    def app(self):
        app = web.Application()
        app.add_routes(
            [web.post("/v1/token", self.token), web.post("/v1/orders", self.order), web.get("/v1/orders", self.orders)]
        )
        return app

    async def token(self, request):
        if (await request.json())["secret"] != "tea":
            return web.json_response({"error": "who?"}, status=403)
        self.tokens += 1
        self.valid = f"token-{self.tokens}"
        runtime = current_runtime()
        await runtime.sleep_until(runtime.now() + 0.02)  # others come meanwhile
        return web.json_response({"token": self.valid})

    def refusal(self, request):
        if request.headers.get("Authorization") != f"Bearer {self.valid}":
            return web.Response(status=401)
        return None

    async def order(self, request):
        order, key = await request.json(), request.headers["Idempotency-Key"]
        self.keys.append(key)
        failure = self.failures.pop(0) if self.failures else None
        if isinstance(failure, int):
            return web.Response(status=failure)
        refused = self.refusal(request)
        if refused is not None:
            return refused
        if order["amount"] < 1:
            return web.json_response({"error": "how many?"}, status=422)
        number = self.placed.setdefault(key, (str(len(self.placed) + 1), order))[0]
        if failure == "hang up":
            raise StreamBroken("placed, and the client does not know")
        return web.json_response({"number": number})

    async def orders(self, request):
        refused = self.refusal(request)
        return refused or web.json_response([order for _, order in self.placed.values()])


def api(url, secret="tea"):
    return api_client.Api(f"{url}/v1/", secret, backoff=0)


async def test_orders_are_placed_and_listed(serving):
    shop = Shop()
    async with serving(shop.app()) as url, api(url) as client:
        assert [await client.order("tea", 2), await client.order("cups", 4)] == ["1", "2"]
        assert await client.orders() == [{"item": "tea", "amount": 2}, {"item": "cups", "amount": 4}]
    assert shop.tokens == 1
    assert len(set(shop.keys)) == 2


async def test_an_order_whose_answer_was_lost_is_not_placed_twice(serving, caplog):
    shop = Shop(503, "hang up")
    async with serving(shop.app()) as url, api(url) as client:
        with caplog.at_level(logging.WARNING, "api_client"):
            assert await client.order("tea", 2) == "1"
    assert len(shop.placed) == 1
    assert len(set(shop.keys)) == 1
    first, second = (record.getMessage() for record in caplog.records if record.name == "api_client")
    assert first.startswith(f"attempt 1 of POST {url}/v1/orders: status 503; again in")
    assert second.startswith(f"attempt 2 of POST {url}/v1/orders: ServerDisconnectedError(")


async def test_it_gives_up_after_its_attempts(serving):
    shop = Shop(503, 503, 503, 503)
    async with serving(shop.app()) as url, api(url) as client:
        with pytest.raises(api_client.ApiError, match="503"):
            await client.order("tea", 2)
    assert len(shop.keys) == 4


async def test_a_token_that_has_expired_is_renewed_once_for_all(serving):
    shop = Shop()
    async with serving(shop.app()) as url, api(url) as client:
        await client.orders()
        shop.valid = "another"
        runtime = current_runtime()
        tasks = [runtime.spawn(client.orders) for _ in range(10)]
        for task in tasks:
            await task.wait()
            assert task.exception() is None
    assert shop.tokens == 2


async def test_a_token_that_is_never_taken_ends_in_an_error(serving):
    shop = Shop()
    shop.refusal = lambda request: web.Response(status=401)
    async with serving(shop.app()) as url, api(url) as client:
        with pytest.raises(api_client.ApiError, match="401"):
            await client.orders()
    assert shop.tokens == 2


async def test_who_waits_for_a_token_that_never_comes_gets_an_error_too(serving):
    shop = Shop()
    async with serving(shop.app()) as url, api(url, "coffee") as client:
        runtime = current_runtime()
        tasks = [runtime.spawn(client.orders) for _ in range(3)]
        for task in tasks:
            await task.wait()
            error = task.exception()
            assert (type(error), str(error)) == (api_client.ApiError, "403: {'error': 'who?'}")


async def test_what_the_api_says_no_to_is_told_and_not_repeated(serving):
    shop = Shop()
    async with serving(shop.app()) as url, api(url) as client:
        with pytest.raises(api_client.ApiError) as caught:
            await client.order("tea", 0)
    assert (caught.value.status, caught.value.detail) == (422, {"error": "how many?"})
    assert len(shop.keys) == 1


async def test_the_token_stays_at_home(serving):
    seen = []

    async def elsewhere(request):
        seen.append(request.headers.get("Authorization"))
        return web.json_response([])

    other = web.Application()
    other.add_routes([web.get("/", elsewhere)])
    shop = Shop()
    async with serving(other) as there, serving(shop.app()) as url, api(url) as client:

        async def away(request):
            return web.Response(status=302, headers={"Location": f"{there}/"})

        shop.orders = away
        async with serving(shop.app()) as moved, api(moved) as client_of_moved:
            assert await client_of_moved.orders() == []
        assert await client.order("tea", 1) == "1"
    assert seen == [None]


async def test_nobody_there_is_an_error_of_the_connection(free_tcp_port):
    async with api(f"http://127.0.0.1:{free_tcp_port}") as client:
        with pytest.raises(drywire.ClientConnectorError):
            await client.orders()
