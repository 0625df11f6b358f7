"""The figures of a play, and which of them reach their goals."""

from collections.abc import Sequence

from tools.roll.figures import (
    Event,
    Figure,
    between,
    busiest_second,
    codes,
    is_even,
    percentile,
    recoveries,
    silences,
)
from tools.roll.play import HOSTS, Act, Plan, Story

_GOAL_SECONDS = 2.0
# HAProxy's tcp-ut, and as long for clients to come back as above, twice for a busy machine.
_CUT_GOAL_SECONDS = 14.0
# A busy client notes a Close frame so much later than the network at most.
_EDGE_SECONDS = 1.0


def figures(plan: Plan, story: Story) -> list[Figure]:
    """Return all figures of a play."""
    acts, events = story.acts, story.events
    roll, kill, cut = acts["roll"], acts["kill"], acts["cut"]
    rolled, killed, off = (between(events, act.start, act.end) for act in (roll, kill, cut))
    return [
        *_whole(story),
        *_roll(plan, roll, rolled, _at_edges(events, roll)),
        _even("Connections of each machine before the roll", acts["start"]),
        _even(f"The same after it, when {plan.lifetime:g} s have passed", acts["lifetime"]),
        *_kill(kill, killed),
        _even(f"Connections of each of {HOSTS + 1} machines, {plan.lifetime:g} s after the last "
              "one was added", acts["grow"]),
        *_cut(off),
    ]  # fmt: skip


def _whole(story: Story) -> list[Figure]:
    unanswered = sum(int(event.detail) for event in story.events if event.kind == "end")
    sent = sum(event.kind == "sent" for event in story.events)
    failed = sum(event.kind == "failed" for event in story.events)
    return [
        Figure("Messages sent", f"{sent:,}"),
        Figure("Messages without a reply at the end", str(unanswered), "0", unanswered == 0),
        Figure("Handshakes that failed", str(failed)),
        Figure(
            "Every machine knows the trace of a connection to one of them",
            "yes" if story.traced else "no", "yes", story.traced,
        ),
        Figure(
            "Exit codes of the machines in the roll", ", ".join(map(str, story.exits)), "0",
            not any(story.exits),
        ),
    ]  # fmt: skip


def _roll(plan: Plan, act: Act, events: Sequence[Event], at_edges: int) -> list[Figure]:
    owed = sum(len(end.messages) for end in act.missed if end.closed)
    ended, busiest = codes(events).get("1001", 0), busiest_second(events)
    most = 2 * plan.clients / HOSTS / plan.spread
    return [
        Figure("Roll: how connections ended", _codes(events)),
        # Else the figure after it would come from a network that was not seen.
        Figure(
            "Roll: Close frames of machines, as the network saw them", str(act.closed),
            f"{ended}, as the clients saw", abs(act.closed - ended) <= at_edges,
        ),
        Figure(
            "Roll: replies missing that were owed before the Close frame", str(owed), "0", owed == 0
        ),
        *_recovery("Roll", events),
        Figure(
            "Roll: handshakes in the busiest second", str(busiest), f"at most {most:.0f}",
            busiest <= most, is_timed=True,
        ),
    ]  # fmt: skip


def _at_edges(events: Sequence[Event], act: Act) -> int:
    """Return how many Close frames the network and a client may have seen in different acts."""
    return sum(
        event.kind == "lost"
        and event.detail == "1001"
        and min(abs(event.time - act.start), abs(event.time - act.end)) < _EDGE_SECONDS
        for event in events
    )


def _kill(act: Act, events: Sequence[Event]) -> list[Figure]:
    owed = sum(len(end.messages) for end in act.missed)
    return [
        Figure("SIGKILL: how connections ended", _codes(events)),
        Figure("SIGKILL: messages that had arrived, without a reply", str(owed)),
        *_recovery("SIGKILL", events),
        Figure("SIGKILL: handshakes in the busiest second", str(busiest_second(events))),
    ]


def _cut(events: Sequence[Event]) -> list[Figure]:
    return [
        Figure("No network: how connections ended", _codes(events)),
        *_waits("No network", "from the first message without a reply to the next reply",
                silences(events), _CUT_GOAL_SECONDS),
    ]  # fmt: skip


def _recovery(act: str, events: Sequence[Event]) -> list[Figure]:
    return _waits(act, "from the loss to the next reply", recoveries(events), _GOAL_SECONDS)


def _waits(act: str, what: str, seconds: Sequence[float], goal: float) -> list[Figure]:
    usual, slow = percentile(seconds, 0.5), percentile(seconds, 0.99)
    return [
        Figure(f"{act}: {what}, p50", f"{usual:.2f} s"),
        Figure(
            f"{act}: the same, p99", f"{slow:.2f} s", f"under {goal:g} s", slow < goal,
            is_timed=True,
        ),
    ]  # fmt: skip


def _codes(events: Sequence[Event]) -> str:
    return ", ".join(f"{code}: {count}" for code, count in sorted(codes(events).items()))


def _even(name: str, act: Act) -> Figure:
    counts = act.connections
    value = ", ".join(map(str, counts.values()))
    is_small = sum(counts.values()) < 20 * len(counts)  # Then 10 % is less than two connections.
    goal = "within 2 of the mean" if is_small else "within 10 % of the mean"
    return Figure(name, value, goal, is_even(counts.values()))
