"""The cache of names: who asks the resolver, when, and who gets to know what it found."""

import contextlib
import gc
import math
import random
import socket
import traceback
import weakref

import pytest
from hypothesis import given
from hypothesis import strategies as st

import drywire
from drywire_client import name_cache
from drywire_client.name_cache import LINGER, MOST_ADDRESSES, NameCache, _Answer
from drywire_client.resolver import ThreadedResolver
from drywire_transports import Address, NameNotResolved, StreamTimeout, TransportError, current_runtime, run

V4, V6 = socket.AF_INET, socket.AF_INET6


class Resolver:
    """A resolver of a user, who knows nothing of drywire. What it finds is made by `found`, when `open` is set."""

    def __init__(self, *addresses, held=False, **more):
        self.calls = []
        self.found = [{"host": address, "port": 80, **more} for address in addresses or ["127.0.0.1"]]
        self.error = None
        self.held = [] if held else None
        self.ended = 0
        self.closed = 0

    async def resolve(self, host, port=0, family=V4):
        self.calls.append((host, port, family))
        runtime = current_runtime()
        try:
            if self.held is not None:
                wake = runtime.wake()
                self.held.append(wake)
                await runtime.park(wake)
            if self.error is not None:
                raise self.error
            return self.found
        finally:
            self.ended += 1

    def release(self):
        held, self.held = self.held, None
        for wake in held:
            wake.set()

    async def close(self):
        self.closed += 1


class Later:
    """The runtime, with a clock that a test puts forward."""

    def __init__(self, runtime):
        self._runtime = runtime
        self.ahead = 0.0

    def now(self):
        return self._runtime.now() + self.ahead

    def __getattr__(self, name):
        return getattr(self._runtime, name)


async def addresses(cache, host="a.example", port=80, runtime=None, deadline=math.inf, traces=()):
    found = await cache.addresses(runtime or current_runtime(), host, port, deadline, traces)
    return [address.sockaddr[0] for address in found]


def asking(cache, outcomes, host="a.example", deadline=math.inf):
    """Ask in a task, that puts what comes of it into `outcomes`."""

    async def ask():
        try:
            outcomes.append(await addresses(cache, host, deadline=deadline))
        except Exception as error:
            outcomes.append(error)

    return current_runtime().spawn(ask)


async def ended(*tasks):
    for task in tasks:
        assert await task.wait(current_runtime().now() + 5)


# One lookup for many


async def test_many_requests_make_one_lookup(eventually):
    resolver, outcomes = Resolver(held=True), []
    cache = NameCache(True, 10, resolver=resolver)
    tasks = [asking(cache, outcomes) for _ in range(50)]
    other = asking(cache, [], "b.example")
    await eventually(lambda: len(resolver.held) == 2)
    resolver.release()
    await ended(*tasks, other)
    assert outcomes == [["127.0.0.1"]] * 50
    assert sorted(resolver.calls) == [("a.example", 80, 0), ("b.example", 80, 0)]
    assert await addresses(cache) == ["127.0.0.1"]
    assert len(resolver.calls) == 2
    cache.close()


async def test_ports_are_looked_up_apart_for_a_resolver_may_choose_them():
    resolver = Resolver()
    cache = NameCache(True, 10, resolver=resolver)
    runtime = current_runtime()
    (found,) = await cache.addresses(runtime, "a.example", 8080, math.inf, ())
    assert found == Address(V4, ("127.0.0.1", 80))
    await addresses(cache, port=443)
    assert [call[1] for call in resolver.calls] == [8080, 443]


async def test_whoever_gives_up_takes_nobody_along(eventually):
    resolver, outcomes = Resolver(held=True), []
    cache, runtime = NameCache(True, 10, resolver=resolver), current_runtime()
    first, second = asking(cache, outcomes), asking(cache, outcomes)
    await eventually(lambda: resolver.held)
    impatient = asking(cache, outcomes, deadline=runtime.now() + 0.01)
    await ended(impatient)
    assert isinstance(outcomes.pop(), StreamTimeout)
    first.cancel()
    await ended(first)
    assert not second.done
    resolver.release()
    await ended(second)
    assert outcomes == [["127.0.0.1"]]
    assert len(resolver.calls) == 1


async def test_a_lookup_that_nobody_waits_for_serves_those_who_come_meanwhile(eventually):
    resolver, outcomes = Resolver(held=True), []
    cache, runtime = NameCache(True, 10, resolver=resolver), current_runtime()
    for _ in range(2):
        await ended(asking(cache, outcomes, deadline=runtime.now() + 0.01))
        assert isinstance(outcomes.pop(), StreamTimeout)
    late = asking(cache, outcomes)
    await runtime.sleep_until(runtime.now() + 0.01)
    resolver.release()
    await ended(late)
    assert outcomes == [["127.0.0.1"]]
    assert len(resolver.calls) == 1


async def test_but_only_for_a_while(eventually, monkeypatch):
    assert LINGER == 10
    resolver, outcomes = Resolver(held=True), []
    cache, runtime = NameCache(True, 10, resolver=resolver), current_runtime()
    await ended(asking(cache, outcomes, deadline=runtime.now() + 0.01))
    (lookup,) = cache._running
    assert lookup.timer is not None
    patient = asking(cache, outcomes)
    await eventually(lambda: lookup.waiting)
    assert lookup.timer is None  # who joins keeps it up
    monkeypatch.setattr(name_cache, "LINGER", 0.01)
    patient.cancel()
    await eventually(lambda: resolver.ended == 1)
    assert len(resolver.calls) == 1
    assert not cache._running
    assert not cache._lookups


async def test_lookups_that_nobody_waits_for_are_bounded(eventually):
    resolver, runtime = Resolver(held=True), current_runtime()
    cache, outcomes = NameCache(True, 10, resolver=resolver, most=3), []
    await ended(*(asking(cache, outcomes, f"h{n}.example", runtime.now() + 0.01) for n in range(10)))
    await eventually(lambda: resolver.ended == 7)
    assert len(cache._running) == 3
    cache.close()
    await eventually(lambda: resolver.ended == 10)


async def test_without_the_cache_each_request_asks_for_itself(eventually):
    resolver, outcomes = Resolver(held=True), []
    cache, runtime = NameCache(False, 10, resolver=resolver), current_runtime()
    tasks = [asking(cache, outcomes) for _ in range(3)]
    await eventually(lambda: len(resolver.held) == 3)
    await ended(asking(cache, [], deadline=runtime.now() + 0.01))
    await eventually(lambda: resolver.ended == 1)  # nobody could join it
    resolver.release()
    await ended(*tasks)
    assert outcomes == [["127.0.0.1"]] * 3
    assert (len(resolver.calls), len(cache)) == (4, 0)


async def test_closing_ends_lookups_and_those_who_wait(eventually):
    for begun in (False, True):
        resolver, outcomes = Resolver(held=True), []
        cache = NameCache(True, 10, resolver=resolver)
        tasks = [asking(cache, outcomes) for _ in range(3)]
        await eventually(lambda begun=begun, cache=cache, resolver=resolver: resolver.held if begun else cache._running)
        cache.close()
        cache.close()
        await ended(*tasks)
        assert [type(outcome) for outcome in outcomes] == [TransportError] * 3
        await eventually(lambda resolver=resolver: resolver.ended == len(resolver.calls))
        with pytest.raises(TransportError, match="closed"):
            await addresses(cache)
        assert resolver.closed == 0


async def test_a_resolver_is_closed_by_whoever_made_it(monkeypatch):
    closed = []

    async def close(self):
        closed.append(self)

    monkeypatch.setattr(ThreadedResolver, "close", close)
    given, own = NameCache(True, 10, resolver=ThreadedResolver()), NameCache(True, 10)
    for cache in (given, own):
        cache.close()
        await cache.close_resolver()
    assert closed == [own.resolver]


# What is kept, and for how long


async def test_an_answer_is_kept_for_its_time():
    resolver, runtime = Resolver(), Later(current_runtime())
    cache = NameCache(True, 10, resolver=resolver)
    await addresses(cache, runtime=runtime)
    runtime.ahead = 9.9
    await addresses(cache, runtime=runtime)
    assert len(resolver.calls) == 1
    runtime.ahead = 10.1
    await addresses(cache, runtime=runtime)
    assert len(resolver.calls) == 2


@pytest.mark.parametrize(
    ("ttl", "of_records", "kept"),
    [
        (10, [3, 500], 3),
        (10, [500], 10),
        (10, [2.5], 2.5),
        (10, [0], 0),
        (0, [500], 0),
        (None, [], math.inf),
        (None, [3], math.inf),
    ],
)
async def test_the_lesser_of_both_times_counts_but_for_good_is_for_good(ttl, of_records, kept):
    resolver, runtime = Resolver(), Later(current_runtime())
    if of_records:
        resolver.found = [{"host": f"192.0.2.{n}", "port": 80, "ttl": n_ttl} for n, n_ttl in enumerate(of_records)]
    cache = NameCache(True, ttl, resolver=resolver)
    await addresses(cache, runtime=runtime)
    assert len(cache) == (kept > 0)
    if kept:
        runtime.ahead = min(kept, 10**9) - 0.1
        await addresses(cache, runtime=runtime)
        assert len(resolver.calls) == 1
    if kept < math.inf:
        runtime.ahead = kept + 0.1
        await addresses(cache, runtime=runtime)
        assert len(resolver.calls) == 2


async def test_the_name_that_was_not_needed_for_longest_goes_first():
    resolver = Resolver()
    cache = NameCache(True, None, resolver=resolver, most=2)
    for host in ("a", "b", "a", "c", "a", "b"):
        await addresses(cache, host)
    assert [call[0] for call in resolver.calls] == ["a", "b", "c", "b"]
    assert len(cache) == 2


async def test_a_cache_for_no_name_still_answers():
    resolver = Resolver()
    cache = NameCache(True, None, resolver=resolver, most=0)
    assert await addresses(cache) == await addresses(cache) == ["127.0.0.1"]
    assert len(cache) == 0


def test_settings_that_make_no_sense_are_refused():
    with pytest.raises(ValueError, match="ttl_dns_cache"):
        NameCache(True, -1)
    with pytest.raises(ValueError, match="ttl_dns_cache"):
        NameCache(True, math.nan)
    with pytest.raises(ValueError, match="dns_cache_max_size"):
        NameCache(True, 10, most=-1)


async def test_one_name_or_all_can_be_forgotten():
    resolver = Resolver()
    cache = NameCache(True, None, resolver=resolver)
    for host in ("a.example", "b.example", "xn--bcher-kva.example"):
        await addresses(cache, host)
    cache.clear("a.example", 80)
    cache.clear("b.example", 8080)
    cache.clear("bücher.example..", 80)
    cache.clear("no name", 80)
    assert len(cache) == 2
    cache.clear("bücher.example", 80)
    assert len(cache) == 1
    for half in ({"host": "a.example"}, {"port": 80}):
        with pytest.raises(ValueError, match="both host and port"):
            cache.clear(**half)
    cache.clear()
    assert len(cache) == 0


async def test_that_a_name_is_not_there_is_not_kept():
    resolver = Resolver()
    cache = NameCache(True, None, resolver=resolver)
    for error in (OSError("no"), ValueError("no")):
        resolver.error = error
        with pytest.raises((NameNotResolved, ValueError)):
            await addresses(cache)
    resolver.error = None
    assert await addresses(cache) == ["127.0.0.1"]
    assert (len(resolver.calls), len(cache)) == (3, 1)


async def test_another_loop_begins_anew():
    resolver, runtime = Resolver(), current_runtime()
    cache = NameCache(True, None, resolver=resolver)
    await addresses(cache, runtime=runtime)
    await addresses(cache, runtime=Later(runtime))
    assert len(resolver.calls) == 2


# The order of addresses


async def test_addresses_take_turns_in_being_first():
    cache = NameCache(True, None, resolver=Resolver("192.0.2.1", "192.0.2.2", "192.0.2.3"))
    assert [(await addresses(cache))[0][-1] for _ in range(6)] == ["1", "2", "3", "1", "2", "3"]


async def test_both_families_take_turns_each_for_itself():
    cache = NameCache(True, None, resolver=Resolver("::1", "::2", "192.0.2.1", "192.0.2.2", "192.0.2.3"))
    assert await addresses(cache) == ["::1", "::2", "192.0.2.1", "192.0.2.2", "192.0.2.3"]
    assert await addresses(cache) == ["::2", "::1", "192.0.2.2", "192.0.2.3", "192.0.2.1"]


FOUND = st.lists(st.tuples(st.sampled_from([V4, V6]), st.integers(0, 20)), min_size=1, max_size=30)


@given(FOUND, st.integers(1, 40))
def test_each_turn_has_all_addresses_and_the_same_family_first(found, turns):
    given_ = [Address(family, (str(number), 80)) for family, number in found]
    answer = _Answer(given_, 0)
    firsts = []
    for _ in range(turns):
        taken = answer.addresses()
        assert sorted(taken) == sorted(set(given_))
        assert taken[0].family == given_[0].family
        firsts.append(taken[0])
    family = {address for address in given_ if address.family == given_[0].family}
    counts = [firsts.count(address) for address in family]
    assert max(counts) - min(counts) <= 1


async def test_of_very_many_addresses_some_are_enough():
    many = [f"10.0.{n // 256}.{n % 256}" for n in range(900)]
    cache = NameCache(True, None, resolver=Resolver(*many, "::1"))
    found = await addresses(cache)
    assert len(found) == MOST_ADDRESSES == 100
    assert "::1" in found


async def test_only_addresses_of_the_family_count():
    resolver = Resolver("::1", "192.0.2.1")
    assert await addresses(NameCache(True, None, resolver=resolver, family=V4)) == ["192.0.2.1"]
    assert await addresses(NameCache(True, None, resolver=resolver, family=V6)) == ["::1"]
    assert [call[2] for call in resolver.calls] == [V4, V6]
    resolver.found = resolver.found[:1]
    with pytest.raises(NameNotResolved, match=r"no address of a\.example for IPv4"):
        await addresses(NameCache(True, None, resolver=resolver, family=V4))


# Hosts


async def test_what_spells_an_address_is_asked_of_nobody():
    resolver, runtime = Resolver(), current_runtime()
    cache = NameCache(True, None, resolver=resolver)
    index = socket.if_nametoindex("lo")
    for host, address in (
        ("127.0.0.1", Address(V4, ("127.0.0.1", 8080))),
        ("::1", Address(V6, ("::1", 8080))),
        ("fe80::1%lo", Address(V6, ("fe80::1", 8080, 0, index))),
        ("fe80::1%25lo", Address(V6, ("fe80::1", 8080, 0, index))),
        ("fe80::1%7", Address(V6, ("fe80::1", 8080, 0, 7))),
    ):
        assert await cache.addresses(runtime, host, 8080, math.inf, ()) == [address]
    with pytest.raises(NameNotResolved, match="no network interface 'nosuchif' here"):
        await addresses(cache, "fe80::1%nosuchif")
    assert not resolver.calls


async def test_names_are_asked_for_in_ascii_and_with_one_dot_at_most():
    resolver = Resolver()
    cache = NameCache(True, None, resolver=resolver)
    for host in ("bücher.example", "a.example.", "a.example...", "a.example", "localhost"):
        assert await addresses(cache, host) == ["127.0.0.1"]
    assert [call[0] for call in resolver.calls] == ["xn--bcher-kva.example", "a.example.", "a.example", "localhost"]


@pytest.mark.parametrize("host", ["", ".", "a b", "a\0b", "x" * 300, "127.1", "0x7f000001", "127.0.0.1.", "1.2.3.4%lo"])
async def test_what_is_no_host_name_reaches_no_resolver(host):
    resolver = Resolver()
    with pytest.raises(NameNotResolved) as caught:
        await addresses(NameCache(True, None, resolver=resolver), host)
    assert "host name" in str(caught.value)
    assert len(str(caught.value)) < 300
    assert not resolver.calls


# Resolvers of users


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (None, "must return a list of dicts, not NoneType"),
        ("127.0.0.1", "must return a list of dicts, not str"),
        ({"host": "127.0.0.1", "port": 80}, "must return a list of dicts, not dict"),
        (["127.0.0.1"], "must return a list of dicts, not one of str"),
        ([{"port": 80}], "without 'host'"),
        ([{"host": "127.0.0.1"}], "without 'port'"),
        ([{"host": "other.example", "port": 80}], "the host 'other.example': it must be an IP address"),
        ([{"host": "127.1", "port": 80}], "the host '127.1': it must be an IP address"),
        ([{"host": "", "port": 80}], "the host '': it must be"),
        ([{"host": b"127.0.0.1", "port": 80}], "it must be an IP address, a str"),
        ([{"host": None, "port": 80}], "the host None"),
        ([{"host": "x" * 10**6, "port": 80}], "it must be an IP address"),
        ([{"host": "127.0.0.1", "port": "80"}], "the port '80': it must be an int"),
        ([{"host": "127.0.0.1", "port": True}], "the port True"),
        ([{"host": "127.0.0.1", "port": 0}], "the port 0"),
        ([{"host": "127.0.0.1", "port": 65536}], "the port 65536"),
        ([{"host": "127.0.0.1", "port": 80, "ttl": -1}], "the ttl -1"),
        ([{"host": "127.0.0.1", "port": 80, "ttl": math.nan}], "the ttl nan"),
        ([{"host": "127.0.0.1", "port": 80, "ttl": "60"}], "the ttl '60'"),
        ([{"host": "fe80::1%nosuchif", "port": 80}], "no network interface 'nosuchif'"),
        ([], "knows no address of a.example"),
    ],
)
async def test_what_a_resolver_may_not_return_is_a_clear_error(found, text):
    resolver = Resolver()
    resolver.found = found
    with pytest.raises(NameNotResolved) as caught:
        await addresses(NameCache(True, None, resolver=resolver))
    assert text in str(caught.value)
    assert len(str(caught.value)) < 300


async def test_any_iterable_of_mappings_will_do():
    resolver = Resolver()
    resolver.found = (dict(host=host, port=80) for host in ("::1", "fe80::1%7"))
    found = await NameCache(True, None, resolver=resolver).addresses(current_runtime(), "a.example", 80, math.inf, ())
    assert found == [Address(V6, ("::1", 80)), Address(V6, ("fe80::1", 80, 0, 7))]


async def test_an_os_error_of_the_resolver_says_that_the_name_is_not_resolved(eventually):
    resolver, outcomes = Resolver(held=True), []
    resolver.error = ConnectionRefusedError(111, "the nameserver is away")
    cache = NameCache(True, 10, resolver=resolver)
    tasks = [asking(cache, outcomes) for _ in range(3)]
    await eventually(lambda: resolver.held)
    resolver.release()
    await ended(*tasks)
    assert {type(error) for error in outcomes} == {NameNotResolved}
    assert len({id(error) for error in outcomes}) == 3
    assert all(error.__cause__ is resolver.error and error.attempts == (resolver.error,) for error in outcomes)
    assert "the nameserver is away" in str(outcomes[0])


class Odd(Exception):
    """An error that can be copied."""

    def __init__(self, code, text):
        super().__init__(code, text)
        self.code = code


class Stubborn(Exception):
    """An error that cannot."""

    def __init__(self, code, *, text):
        super().__init__(text)


async def test_any_other_error_comes_to_each_as_it_is_with_its_own_traceback(eventually):
    resolver, outcomes = Resolver(held=True), []
    resolver.error = Odd(7, "what?")
    resolver.error.__cause__ = KeyError("deep")
    cache = NameCache(True, 10, resolver=resolver)
    tasks = [asking(cache, outcomes) for _ in range(4)]
    await eventually(lambda: resolver.held)
    resolver.release()
    await ended(*tasks)
    assert [(type(error), error.code, error.args) for error in outcomes] == [(Odd, 7, (7, "what?"))] * 4
    assert outcomes[0] is resolver.error
    assert len({id(error) for error in outcomes}) == 4
    for error in outcomes:
        frames = [frame.name for frame in traceback.extract_tb(error.__traceback__)]
        assert frames.count("resolve") == frames.count("wait") == frames.count("addresses") / 2 == 1
        assert repr(error.__cause__) == "KeyError('deep')"


class Changing(Exception):
    """An error whose copy is another."""

    def __init__(self, text):
        super().__init__(text + "!")


@pytest.mark.parametrize("error", [Stubborn(7, text="what?"), Changing("what?")])
async def test_an_error_that_cannot_be_copied_still_comes_to_each(eventually, error):
    resolver, outcomes = Resolver(held=True), []
    resolver.error = error
    cache = NameCache(True, 10, resolver=resolver)
    tasks = [asking(cache, outcomes) for _ in range(3)]
    await eventually(lambda: resolver.held)
    resolver.release()
    await ended(*tasks)
    assert outcomes == [resolver.error] * 3


async def test_an_error_is_not_held_by_itself():
    """Else each failed lookup would be left to the garbage collector, and with it all that its frames hold."""

    class Marked(Exception):
        pass

    async def fail():
        resolver = Resolver()
        resolver.error = Marked()
        seen = weakref.ref(resolver.error)
        with contextlib.suppress(Marked):
            await addresses(NameCache(True, 10, resolver=resolver))
        resolver.error = None
        return seen

    gc.disable()
    try:
        seen = await fail()
        await current_runtime().sleep_until(current_runtime().now() + 0.01)
        assert seen() is None
    finally:
        gc.enable()


async def test_a_resolver_that_gives_itself_up_is_no_closed_connector(eventually):
    resolver, outcomes = Resolver(held=True), []
    cache = NameCache(True, 10, resolver=resolver)
    task = asking(cache, outcomes)
    await eventually(lambda: resolver.held)
    (lookup,) = cache._running
    lookup.task.cancel()
    await ended(task)
    assert isinstance(outcomes[0], NameNotResolved)
    assert "gave the lookup up" in str(outcomes[0])
    assert not cache._running


async def test_a_resolver_need_not_be_asynchronous_to_fail_clearly():
    class Wrong:
        def resolve(self, host, port=0, family=V4):
            return []

    with pytest.raises(TypeError, match="await"):
        await addresses(NameCache(True, None, resolver=Wrong()))


# Signals


class Told:
    """The signals of a request about names, in order; `stop` of them raises."""

    def __init__(self, stop=None):
        self.seen = []
        self.stop = stop
        self.config = drywire.TraceConfig()
        for name in ("dns_cache_hit", "dns_cache_miss", "dns_resolvehost_start", "dns_resolvehost_end"):
            getattr(self.config, f"on_{name}").append(self._receiver(name))

    def _receiver(self, name):
        async def receive(session, context, params):
            self.seen.append((name, params.host))
            if name == self.stop:
                raise ValueError("no further")

        return receive


async def test_signals_tell_who_asked_and_who_joined(eventually, scripted, answering):
    resolver, first, second = Resolver(held=True), Told(), Told()
    async with scripted(answering()) as script:
        resolver.found = [{"host": "127.0.0.1", "port": script.port}]
        connector = drywire.TCPConnector(resolver=resolver, force_close=True)
        url, runtime = "http://a.example/", current_runtime()
        async with (
            drywire.ClientSession(connector=connector, connector_owner=False, trace_configs=[first.config]) as one,
            drywire.ClientSession(connector=connector, trace_configs=[second.config]) as two,
        ):
            tasks = [runtime.spawn(one.get, url)]
            await eventually(lambda: resolver.held)
            tasks.append(runtime.spawn(two.get, url))
            await eventually(lambda: second.seen)
            resolver.release()
            await ended(*tasks)
            await (await two.get(url)).read()
    host = "a.example"
    assert first.seen == [
        ("dns_cache_miss", host),
        ("dns_resolvehost_start", host),
        ("dns_resolvehost_end", host),
    ]
    assert second.seen == [("dns_cache_hit", host)] * 2


@pytest.mark.parametrize("stop", ["dns_cache_miss", "dns_resolvehost_start", "dns_resolvehost_end"])
async def test_a_receiver_that_fails_leaves_nothing_behind(stop, scripted, answering):
    told = Told(stop)
    async with scripted(answering()) as script:
        connector = drywire.TCPConnector(resolver=Resolver(), force_close=True)
        async with drywire.ClientSession(connector=connector, trace_configs=[told.config]) as session:
            with pytest.raises(ValueError, match="no further"):
                await session.get("http://a.example/")
            assert not connector._names._running
            assert not connector._names._lookups
            told.stop = None
            connector._names._resolver.found[0]["port"] = script.port
            connector._names.clear()
            async with session.get("http://a.example/") as response:
                assert response.status == 200


@pytest.mark.parametrize("error", [None, OSError("no"), ValueError("no")])
async def test_who_is_told_late_gets_what_came_meanwhile(error, eventually, scripted, answering):
    """A lookup ends while the receivers of a signal of the second request are still at work."""
    resolver, runtime = Resolver(held=True), current_runtime()
    config = drywire.TraceConfig()

    async def slow(session, context, params):
        resolver.release()
        await eventually(lambda: not connector._names._running)

    config.on_dns_cache_hit.append(slow)
    connector = drywire.TCPConnector(resolver=resolver, ttl_dns_cache=0)
    async with (
        scripted(answering()) as script,
        drywire.ClientSession(connector=connector, connector_owner=False) as one,
        drywire.ClientSession(connector=connector, trace_configs=[config]) as two,
    ):
        resolver.found[0]["port"], resolver.error = script.port, error
        expected = {None: drywire.ClientResponse, OSError: drywire.ClientConnectorDNSError}.get(
            error and type(error), ValueError
        )
        outcomes = []

        async def get(session):
            try:
                outcomes.append(await session.get("http://a.example/"))
            except Exception as failure:
                outcomes.append(failure)

        first = runtime.spawn(get, one)
        await eventually(lambda: resolver.held)
        await ended(first, runtime.spawn(get, two))
        assert [type(outcome) for outcome in outcomes] == [expected] * 2
        assert len(resolver.calls) == 1


# Whatever the order


async def answer_all(resolver, callers):
    runtime = current_runtime()
    limit = runtime.now() + 5
    while not all(caller.done for caller in callers):
        assert runtime.now() < limit
        for wake in resolver.held:
            wake.set()
        await runtime.sleep_until(runtime.now())


@pytest.mark.parametrize("seed", range(25))
async def test_whoever_stays_is_served_in_whatever_order_things_happen(seed):
    """Callers come, give up and are cancelled, answers and failures arrive: at random, the same in each run."""
    dice, runtime, resolver = random.Random(seed), current_runtime(), Resolver(held=True)
    cache = NameCache(True, dice.choice([0, 10, None]), resolver=resolver, most=3)
    callers, outcomes, cancelled = [], [], set()

    def come():
        patience = dice.choice([0, 0.001, 5])
        callers.append(asking(cache, outcomes, f"h{dice.randrange(3)}.example", runtime.now() + patience))

    def cancel():
        if callers:
            victim = dice.choice(callers)
            victim.cancel()
            cancelled.add(victim)

    def answer():
        if resolver.held:
            resolver.held.pop(dice.randrange(len(resolver.held))).set()

    def turn():
        resolver.error = dice.choice([None, OSError("no")])

    for _ in range(60):
        dice.choice([come, come, come, cancel, answer, turn])()
        for _ in range(dice.randrange(3)):
            await runtime.sleep_until(runtime.now())
        assert len(cache._lookups) <= 3
        assert all(not lookup.done for lookup in cache._running)
    if dice.random() < 0.3:
        cache.close()
    await answer_all(resolver, callers)
    assert len(callers) - len(cancelled) <= len(outcomes) <= len(callers)
    assert {type(outcome) for outcome in outcomes} <= {list, NameNotResolved, StreamTimeout, TransportError}
    cache.close()
    assert not cache._running
    assert not cache._lookups
    await runtime.sleep_until(runtime.now() + 0.001)
    assert resolver.ended == len(resolver.calls)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_cache_outlives_the_loop_of_a_lookup(backend):
    resolver, outcomes = Resolver(held=True), []
    cache = NameCache(True, None, resolver=resolver)

    async def give_up():
        runtime = current_runtime()
        await ended(asking(cache, outcomes, deadline=runtime.now() + 0.01))
        assert cache._running

    async def ask_again():
        return await addresses(cache)

    run(give_up, backend=backend)
    assert isinstance(outcomes[0], StreamTimeout)
    assert resolver.ended == 1
    resolver.held = None
    assert run(ask_again, backend=backend) == ["127.0.0.1"]
    assert run(ask_again, backend=backend) == ["127.0.0.1"]
    cache.close()
