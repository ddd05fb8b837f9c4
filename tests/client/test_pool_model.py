"""The pool over real sockets against a naive model: what happens in any order, on each loop."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import drywire
from drywire_transports import current_runtime
from drywire_transports.polling import has_unseen

STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ["ask", "ask", "ask", "ask", "finish", "finish", "drop", "cancel", "pass on", "hang up", "expire", "limit"]
        ),
        st.integers(0, 1),
        st.integers(0, 5),
    ),
    min_size=15,
    max_size=40,
)


class Server:
    """Answers each request with half a body, and does with the rest what it is told."""

    def __init__(self):
        self.runtime = current_runtime()
        self.gates = {}
        self.idle = set()
        self.seen = []

    async def talk(self, peer, script):
        while head := await peer.head():
            number = int(head.split()[1][1:])
            self.seen.append(number)
            self.idle.discard(peer.stream)
            gate = self.gates[number] = [self.runtime.wake(), True]
            await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no")
            await self.runtime.park(gate[0], self.runtime.now() + 30)
            if not gate[1]:
                return
            self.idle.add(peer.stream)
            await peer.send(b"k")

    def tell(self, number, whether_to_finish):
        gate = self.gates.pop(number)
        gate[1] = whether_to_finish
        gate[0].set()

    def hang_up(self):
        for stream in self.idle:
            stream.abort()
        self.idle.clear()


class World:
    """The connector and the servers, and beside them what they must be like."""

    def __init__(self, connector, session, servers, scripts, eventually):
        self.runtime = current_runtime()
        self.connector, self.session, self.eventually = connector, session, eventually
        self.servers, self.scripts = servers, scripts
        self.limits = [connector.limit, connector.limit_per_host]
        self.number = 0
        self.tasks = {}
        self.responses = {}
        # the model
        self.running = {}  # number: host
        self.waiting = []  # (number, host), first come first
        self.idle = [0, 0]
        self.opened = [0, 0]
        self.opened_is_known = True

    def has_room(self, host):
        limit, per_host = self.limits
        running = list(self.running.values())
        return (not limit or len(running) < limit) and (not per_host or running.count(host) < per_host)

    def serve(self):
        for number, host in list(self.waiting):
            if self.has_room(host):
                self.waiting.remove((number, host))
                self.running[number] = host
                if self.idle[host]:
                    self.idle[host] -= 1
                else:
                    self.opened[host] += 1

    # Steps

    async def ask(self, host, _):
        self.number += 1
        number = self.number

        async def run():
            self.responses[number] = await self.session.get(f"{self.scripts[host].url}{number}")

        self.tasks[number] = self.runtime.spawn(run)
        self.waiting.append((number, host))
        self.serve()
        await self.settled()

    async def finish(self, _, which):
        number, host, response = self.pick(which)
        self.servers[host].tell(number, True)
        assert await response.read() == b"ok"
        self.idle[host] += 1
        self.serve()

    async def drop(self, _, which):
        number, host, response = self.pick(which)
        response.close()
        self.servers[host].tell(number, False)
        self.serve()

    async def cancel(self, _, which):
        if self.waiting:
            number, _ = self.waiting.pop(which % len(self.waiting))
            self.tasks.pop(number).cancel()

    async def pass_on(self, _, which):
        """The place goes to the first that may have it, which is cancelled before it has run."""
        number, host, response = self.pick(which)
        response.close()
        self.servers[host].tell(number, False)
        chosen = next(((number, host) for number, host in self.waiting if self.has_room(host)), None)
        if chosen is not None:
            self.waiting.remove(chosen)
            task = self.tasks.pop(chosen[0])
            task.cancel()
            assert await task.wait(self.runtime.now() + 5)
            # Trio lets it begin, and so perhaps lose an idle connection, or begin to open one.
            self.idle[chosen[1]] = self.idle_at(chosen[1])
            self.opened_is_known = False
        self.serve()

    async def hang_up(self, host, _):
        """The server ends its idle connections; the client finds that out when it wants one."""
        idle = [one for one in self.connector._pool.idle if one.key.port == self.scripts[host].port]
        self.servers[host].hang_up()
        await self.eventually(lambda: all(one.stream.readable or has_unseen(one.stream) for one in idle))
        for one in idle:
            one.idle_since -= 1
        self.connector._evict()
        self.idle[host] = 0

    async def expire(self, host, _):
        for one in self.connector._pool.idle:
            one.idle_since -= 1000
        self.connector._evict()
        self.idle = [0, 0]
        for server in self.servers:
            server.idle.clear()

    async def limit(self, host, value):
        name = ("limit", "limit_per_host")[host]
        self.limits[host] = value
        setattr(self.connector, name, value)
        self.serve()

    def pick(self, which):
        """Take the `which`-th that is being answered out of the model."""
        number = sorted(self.running)[which % len(self.running)]
        return number, self.running.pop(number), self.responses.pop(number)

    # What must be

    def idle_at(self, host):
        return sum(one.key.port == self.scripts[host].port for one in self.connector._pool.idle)

    def facts(self):
        figures = self.connector.figures
        return figures.in_use, [self.idle_at(host) for host in (0, 1)], figures.waiting, set(self.responses)

    def expected(self):
        return len(self.running), self.idle, len(self.waiting), set(self.running)

    async def settled(self):
        await self.eventually(lambda: self.facts() == self.expected())
        waiting = {number for number, _ in self.waiting}
        assert waiting == {number for number, task in self.tasks.items() if not task.done}
        for host, server in enumerate(self.servers):
            assert {number for number, at in self.running.items() if at == host} <= set(server.gates)
            assert not waiting & set(server.seen)
            assert len(server.seen) == len(set(server.seen)), "a request was sent twice"
            assert not self.opened_is_known or self.scripts[host].connections == self.opened[host]


async def play(steps, connector, scripted, eventually):
    servers = [Server(), Server()]
    async with scripted(servers[0].talk) as one, scripted(servers[1].talk) as two:
        session = drywire.ClientSession(connector=connector, timeout=drywire.ClientTimeout(total=30))
        world = World(connector, session, servers, [one, two], eventually)
        try:
            for step, host, value in steps:
                if step not in ("finish", "drop", "pass on") or world.running:
                    await getattr(world, step.replace(" ", "_"))(host, value)
                await world.settled()
        finally:
            await session.close()
        assert connector.figures.idle == connector.figures.waiting == 0
        for server in servers:
            for number in list(server.gates):
                server.tell(number, False)
        for task in world.tasks.values():
            assert await task.wait(current_runtime().now() + 5)
        for response in world.responses.values():
            response.close()
        assert connector.figures == drywire_figures()
        await eventually(lambda: one.open == two.open == 0)


def drywire_figures():
    return drywire.TCPConnector().figures


@settings(max_examples=28, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS, limit=st.integers(0, 3), limit_per_host=st.integers(0, 2))
async def test_the_pool_does_what_the_model_does(scripted, eventually, steps, limit, limit_per_host):
    connector = drywire.TCPConnector(limit=limit, limit_per_host=limit_per_host)
    await play(steps, connector, scripted, eventually)
