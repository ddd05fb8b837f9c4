"""One timer for many deadlines."""

import math

from drywire_transports.lazy_alarm import LazyAlarm


class Clock:
    def __init__(self):
        self.time = 0.0
        self.timers = []

    def now(self):
        return self.time

    def call_at(self, when, callback):
        timer = Timer(when, callback)
        self.timers.append(timer)
        return timer

    def pass_to(self, time):
        self.time = time
        for timer in [timer for timer in self.timers if timer.when <= time]:
            self.timers.remove(timer)
            if not timer.cancelled:
                timer.callback()


class Timer:
    def __init__(self, when, callback):
        self.when = when
        self.callback = callback
        self.cancelled = False

    def cancel(self):
        self.cancelled = True


def test_it_rings_and_is_set_again_for_what_is_to_come():
    clock, rung, upcoming = Clock(), [], [9.0, math.inf]

    def ring(now):
        rung.append(now)
        return upcoming.pop(0)

    alarm = LazyAlarm(clock.call_at, clock.now, ring)
    assert alarm.at == math.inf
    alarm.set(5.0)
    clock.pass_to(4.9)
    assert rung == []
    clock.pass_to(5.0)
    assert (rung, alarm.at) == ([5.0], 9.0)
    clock.pass_to(9.5)
    assert (rung, alarm.at) == ([5.0, 9.5], math.inf)


def test_setting_it_earlier_forgets_the_later_time():
    clock, rung = Clock(), []
    alarm = LazyAlarm(clock.call_at, clock.now, lambda now: rung.append(now) or math.inf)
    alarm.set(5.0)
    alarm.set(3.0)
    clock.pass_to(10.0)
    assert rung == [10.0]


def test_an_alarm_that_rang_early_is_not_set_to_the_same_moment():
    clock = Clock()
    alarm = LazyAlarm(clock.call_at, clock.now, lambda now: now + 1e-9)
    alarm.set(1.0)
    clock.pass_to(1.0)
    assert alarm.at == 1.001


def test_once_retired_it_cannot_be_asked_for():
    clock = Clock()
    alarm = LazyAlarm(clock.call_at, clock.now, lambda now: 1 / 0)
    alarm.set(1.0)
    alarm.retire()
    clock.pass_to(2.0)
    assert not alarm.at > 0.0
