"""Targets with variables that come again are answered from memory: as they were at first, and within bounds."""

import pytest

from drywire import web
from drywire.test_utils import make_mocked_request
from drywire_server import request_dispatch


async def tell(request):
    info = request.match_info
    told = f"{request.method} {dict(info)} {info.route.resource.canonical} {request.query_string}"
    info["name"] = "spoilt"
    return web.Response(text=told)


def application(*paths, method="GET", middlewares=()):
    app = web.Application(middlewares=middlewares)
    for path in paths:
        app.router.add_route(method, path, tell)
    app.freeze()
    return app


def ask(app, target, method="GET", **headers):
    """Return what is answered; nothing here waits, so no loop is needed."""
    return answered(app, make_mocked_request(method, target, headers=headers)).text


def answered(app, request):
    with pytest.raises(StopIteration) as end:
        app._handle(request).send(None)
    return end.value.value


def remembered(app):
    return {
        (target, method)
        for target, methods in app._dispatch._known.items()
        for method in methods
        if target not in app._dispatch._fixed
    }


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("/u/ada", "GET {'name': 'ada'} /u/{name} "),
        ("/u/ada?x=1", "GET {'name': 'ada'} /u/{name} x=1"),
        ("/u/a%20b%2Fc", "GET {'name': 'a b/c'} /u/{name} "),
        ("/u/7/x", "GET {'id': '7'} /u/{id}/x "),
        ("/f/a/b", "GET {'tail': 'a/b'} /f/{tail} "),
    ],
)
def test_a_target_that_comes_again_is_answered_alike(target, expected):
    app = application("/u/{name}", r"/u/{id:\d+}/x", "/f/{tail:.*}")
    assert ask(app, target) == expected
    assert remembered(app) == {(target.encode(), "GET")}
    assert ask(app, target) == expected
    assert ask(app, target) == expected


def test_middlewares_see_it_each_time():
    seen = []

    @web.middleware
    async def count(request, handler):
        seen.append(request.match_info["name"])
        return await handler(request)

    app = application("/u/{name}", middlewares=[count])
    ask(app, "/u/ada")
    ask(app, "/u/ada")
    assert seen == ["ada", "ada"]


def test_only_the_latest_are_remembered(monkeypatch):
    monkeypatch.setattr(request_dispatch, "MOST_TARGETS", 8)
    monkeypatch.setattr(request_dispatch, "PAUSE", 5)
    app = application("/u/{name}", "/plain")
    for number in range(30):
        assert f"'{number}'" in ask(app, f"/u/{number}")
        # Eight are, then five are not, and the last of those makes room for eight others.
        turn = number % 13
        assert len(remembered(app)) == (turn + 1 if turn < 8 else 8 if turn < 12 else 0)
    assert ask(app, "/plain") == "GET {} /plain "


def test_long_targets_are_not_remembered():
    app = application("/u/{name}")
    assert ask(app, "/u/" + request_dispatch.LONGEST_TARGET * "x")
    assert not remembered(app)


def test_methods_of_a_clients_own_making_are_not_remembered():
    app = application("/u/{name}", method="*")
    for number in range(20):
        assert ask(app, "/u/ada", method=f"M{number}") == f"M{number} {{'name': 'ada'}} /u/{{name}} "
    assert not remembered(app)


def test_what_is_found_nowhere_is_not_remembered():
    app = application("/u/{name}")
    for method, target in (("GET", "/none/x"), ("POST", "/u/ada")):
        with pytest.raises(web.HTTPException):
            ask(app, target, method)
    assert not remembered(app)


def test_a_fixed_path_by_another_method_is_looked_up():
    app = web.Application()
    app.router.add_get("/u/ada", tell, allow_head=False)
    app.router.add_post("/u/{name}", tell)
    app.freeze()
    for _ in range(2):
        assert ask(app, "/u/ada") == "GET {} /u/ada "
        assert ask(app, "/u/ada", "POST") == "POST {'name': 'ada'} /u/{name} "
    assert app._dispatch._fixed[b"/u/ada"].keys() == {"GET"}


def test_a_resource_that_decides_by_more_than_the_path_is_always_asked():
    class ByTurns(web.DynamicResource):
        turns = 0

        def match(self, path):
            self.turns += 1
            return super().match(path) if self.turns % 2 else None

    app = web.Application()
    resource = ByTurns("/u/{name}")
    app.router.register_resource(resource)
    resource.add_route("GET", tell)
    app.freeze()
    assert ask(app, "/u/ada")
    with pytest.raises(web.HTTPNotFound):
        ask(app, "/u/ada")


def test_what_a_domain_decides_is_looked_up():
    app = web.Application()
    for domain in ("a.test", "b.test"):
        inner = web.Application()
        inner.router.add_get("/{name}", teller(domain))
        app.add_domain(domain, inner)
    app.freeze()
    assert [ask(app, "/x", Host=host) for host in ("a.test", "b.test", "a.test")] == ["a.test", "b.test", "a.test"]


def teller(text):
    async def handler(request):
        return web.Response(text=text)

    return handler


def test_expectations_are_met_each_time():
    app = application("/u/{name}")
    ask(app, "/u/ada")
    with pytest.raises(web.HTTPExpectationFailed):
        ask(app, "/u/ada", Expect="the worst")


def test_signals_are_sent_each_time():
    app = web.Application()
    app.router.add_get("/u/{name}", tell)

    async def seen(request, response):
        """Add nothing."""

    app.on_response_prepare.append(seen)
    app.freeze()
    for _ in range(2):
        request = make_mocked_request("GET", "/u/ada")
        answered(app, request)
        assert request._on_prepare is not None
