"""What finding a route costs: counted in calls, so that it is the same on every machine, up to 10,000 routes."""

import sys

import pytest

from drywire import web
from drywire_server.routing.paths import decoded_path

MANY = 10_000


class Asked:
    """A request, as far as finding a route goes."""

    method = "GET"
    headers = {}  # noqa: RUF012 - never changed


async def handler(request):
    return web.Response()


def router_of(shape, count):
    router = web.UrlDispatcher()
    for number in range(count):
        router.add_get(shape.replace("#", str(number)), handler, allow_head=False)
    router.freeze()
    return router


def calls(function, *args):
    """Return how many functions are called by a call, those in C among them."""
    count = 0

    def see(frame, event, argument):
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(see)
    try:
        function(*args)
    finally:
        sys.setprofile(None)
    return count


SHAPES = {
    "fixed": ("/path#", "/path#"),
    "fixed, then a variable": ("/path#/{id}", "/path#/17"),
    "a variable, then fixed": ("/{user}/path#", "/ann/path#"),
    "in the middle": ("/api/{version}/things#/{id}/edit", "/api/v1/things#/17/edit"),
    "a pattern, then fixed": (r"/{id:\d+}/path#", "/17/path#"),
    "parts of a segment": ("/item-#-{id}", "/item-#-17"),
    "a pattern with slashes": ("/files#/{tail:.*}", "/files#/a/b"),
    "deep": ("/{a}/{b}/{c}/{d}/x#", "/1/2/3/4/x#"),
}


@pytest.mark.parametrize(("shape", "path"), SHAPES.values(), ids=SHAPES)
def test_finding_a_route_takes_no_more_among_ten_thousand(shape, path):
    few, many = router_of(shape, 10), router_of(shape, MANY)
    costs = []
    for router, last in ((few, 9), (many, MANY - 1)):
        target = path.replace("#", str(last))
        route, _, _ = router.look_up(target, Asked())  # makes the index
        assert route.resource.raw_match(shape.replace("#", str(last)))
        assert len(router.candidates(target)) <= 2
        costs.append(calls(router.look_up, target, Asked()))
    assert costs[1] <= costs[0] + 10  # texts of other lengths


def test_a_404_takes_no_more_among_ten_thousand():
    for shape, path in SHAPES.values():
        costs = []
        for count in (10, 1000):
            router = router_of(shape, count)
            target = path.replace("#", "none") + "/and/more"
            costs.append(calls(router.look_up, target, Asked()) and calls(router.look_up, target, Asked()))
        assert costs[1] <= costs[0] + 10, shape


def test_applications_within_another_are_found_by_their_prefix():
    costs = []
    for count in (3, 300):
        app = web.Application()
        for number in range(count):
            sub = web.Application()
            sub.router.add_get("/{id}", handler)
            app.add_subapp(f"/sub{number}", sub)
        app.freeze()
        target = f"/sub{count - 1}/x"
        _, variables, _ = app.router.look_up(target, Asked())
        assert variables == {"id": "x"}
        costs.append(calls(app.router.look_up, target, Asked()))
    assert costs[0] == costs[1]


def test_ten_thousand_fixed_routes_are_ready_at_the_start():
    app = web.Application()
    app.router.add_get("/{tail:.*}", handler)
    for number in range(MANY):
        app.router.add_get(f"/path{number}", handler)
    app.freeze()
    assert len(app._dispatch._fixed) == MANY


def test_a_path_of_many_segments_takes_time_in_line_with_its_length():
    router = web.UrlDispatcher()
    for shape in ("/{a}/{b}", "/x/{b}", "/{a}/x", "/x/x", "/{tail:.*}/end", "/x/{a}/x/{b}/x/{c}"):
        router.add_get(shape, handler)
    router.freeze()
    costs = []
    for length in (100, 1000):
        path = "/x" * length
        router.look_up(path, Asked())
        costs.append(calls(router.look_up, path, Asked()))
    assert costs[1] <= costs[0] * 12
    assert calls(decoded_path, "%41" * 1000) < 20
