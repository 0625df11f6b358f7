"""The tour of the visitor's own connection in the panel Learn.

A server of a test's own comes before the page among the arguments, so that it outlives the page.
The page would go on reading the trace.
"""

import pytest

from tests.support.browser import Page
from tests.support.learn import EXAMPLE, facts, learn, note, wait_for_frame
from tests.support.servers import Server, StartServer
from tests.support.talk import GREETING, say, simulate

NO_CONNECTION = "Talk has had no connection yet."
EXAMPLE_FACTS = {
    "Opcode": "1: text",
    "FIN": "1: the last frame of its message",
    "RSV1": "0: not compressed",
    "Mask": "1: masked with 37 fa 21 3d",
    "Length": "header 6 bytes, payload 5 bytes",
    "On the wire": "81 85 37 fa 21 3d 7f 9f 4d 51 58",
}

# Answers requests for traces with window.answers, each a status and a body, and counts them. The
# last answer stays.
ANSWER = """
window.reads = 0;
window.plainFetch = window.fetch;
window.fetch = async (path, options) => {
  if (!String(path).startsWith("traces/")) return plainFetch(path, options);
  window.reads += 1;
  const [status, body] = answers.length > 1 ? answers.shift() : answers[0];
  return new Response(JSON.stringify(body), { status });
};
"""


def end(page: Page) -> str:
    return page.text("#learn-end")


def test_the_tour_tells_of_the_conversation_in_talk(talk: Page, server: Server) -> None:
    say(talk, "hello")
    talk.wait_until(lambda: talk.lines[-1] == "<<< hello back", "a reply")
    talk.click("clear")  # The tour does not need the log.
    learn(talk)
    address = f"{server.ws_url}/WS.ashx"
    assert talk.text("#learn-connection") == (
        f"Talk is connected to {address}. You have sent 1 message over this connection."
    )
    opening = facts(talk, "opening")
    assert opening.pop("Opened at").endswith("after the request")
    assert opening.pop("Extensions").startswith("permessage-deflate")
    assert opening == {"Address": address, "Subprotocol": "none"}
    assert talk.text("#learn-messages") == (
        "The last message you sent: “hello”. The last message you received: “hello back”."
    )
    assert wait_for_frame(talk)["RSV1"] == "1: compressed (permessage-deflate)"
    assert end(talk) == "Talk is connected."


def test_the_shown_frame_is_that_of_the_last_message(talk: Page) -> None:
    simulate(talk, compress=True)  # the switch turns compression off
    for text in ("one", "three"):
        talk.click("tab-talk")
        say(talk, text)
        talk.wait_until(lambda: talk.lines[-1] == f"<<< {text}", "an echo")  # noqa: B023
        learn(talk)
        shown = wait_for_frame(talk)
        assert shown["Length"] == f"header 6 bytes, payload {len(text)} bytes"
        first, second, *rest = bytes.fromhex(shown["On the wire"])
        assert (first, second) == (0x81, 0x80 | len(text))
        key, masked = rest[:4], rest[4:]
        assert shown["Mask"] == f"1: masked with {bytes(key).hex(' ')}"
        assert bytes(byte ^ key[at % 4] for at, byte in enumerate(masked)).decode() == text


def test_a_long_message_is_shortened(talk: Page) -> None:
    simulate(talk, compress=True)
    say(talk, "x" * 1000)
    talk.wait_until(lambda: talk.lines[-1] == f"<<< {'x' * 1000}", "an echo")
    learn(talk)
    assert f"The last message you sent: “{'x' * 80} …”." in talk.text("#learn-messages")
    shown = wait_for_frame(talk)
    assert shown["Length"] == "header 8 bytes, payload 1,000 bytes"
    assert shown["On the wire"].endswith(" …")


def test_the_frames_after_the_first_hundred_are_not_promised(talk: Page) -> None:
    talk.run(
        "for (let i = 0; i < 101; i += 1) {"
        "  document.querySelector('#message').value = i;"
        "  document.querySelector('#send').click();"
        "}"
    )
    talk.wait_until(lambda: talk.lines[-1] == "<<< 100 back", "the last reply")
    learn(talk)
    talk.wait_until(lambda: "the first 100 of each direction" in note(talk), "the reason")
    assert note(talk).endswith(EXAMPLE)
    assert facts(talk, "frame") == EXAMPLE_FACTS


def test_the_tour_says_that_it_asks_for_the_frame(fake: Page) -> None:
    say(fake, "hi")  # The server of the fake socket does not answer a request for its trace.
    learn(fake)
    asking = "This page is asking the server for the frame of that message."
    assert note(fake) == f"{asking} {EXAMPLE}"


def test_the_tour_asks_again_while_the_trace_does_not_have_the_message(fake: Page) -> None:
    say(fake, "hi")
    ping = {"direction": "received", "opcode": 9, "fin": True, "rsv1": False, "wire_length": 6}
    ping |= {"mask": "00000000", "payload": "", "wire_payload": "", "at": 1}
    text = ping | {"opcode": 1, "wire_length": 8, "payload": "6869", "wire_payload": "6869"}
    attempts = [
        {"at": 0, "outcome": "open", "messages": {"received": count, "sent": 0}, "frames": frames}
        for count, frames in [(0, [ping]), (1, [ping, text])]
    ]
    fake.run(
        ANSWER + "window.answers = arguments[0].map((attempt) => [200, { attempts: [attempt] }])",
        attempts,
    )
    learn(fake)
    assert wait_for_frame(fake)["On the wire"] == "81 82 00 00 00 00 68 69"
    assert fake.run("return reads") == 2


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (
            [404, {"status": "on", "reason": None, "dropped_at": None}],
            "The worker or machine that answered has no trace of this connection.",
        ),
        ([502, {}], "The trace cannot be read: status 502 without a trace."),
        (
            [200, {"attempts": [{"at": 0, "outcome": "closed"}]}],
            "This message did not arrive at the server.",
        ),
    ],
)
def test_the_tour_says_why_a_frame_is_unknown_and_asks_again_at_the_next_visit(
    fake: Page, answer: list[object], reason: str
) -> None:
    say(fake, "hi")
    fake.run(ANSWER + "window.answers = [arguments[0]]", answer)
    learn(fake)
    fake.wait_until(lambda: note(fake) == f"{reason} {EXAMPLE}", "the reason")
    assert facts(fake, "frame") == EXAMPLE_FACTS
    fake.click("tab-talk")
    learn(fake)
    fake.wait_until(lambda: fake.run("return reads") == 2, "another request")


def test_without_a_connection_the_tour_says_so_and_leads_to_talk(page: Page) -> None:
    page.open("/#learn")
    assert page.text("#learn-connection") == f"{NO_CONNECTION} It connects when you open it."
    assert page.text("#learn-no-opening") == NO_CONNECTION
    assert facts(page, "opening") == {}
    assert page.text("#learn-messages") == ""
    assert note(page) == f"{NO_CONNECTION} {EXAMPLE}"
    assert facts(page, "frame") == EXAMPLE_FACTS
    assert end(page) == NO_CONNECTION
    page.run("document.querySelector('#learn .steps a[href=\"#talk\"]').click()")
    page.wait_for_lines(*GREETING)


def test_with_nothing_sent_the_tour_says_so(talk: Page) -> None:
    learn(talk)
    assert note(talk) == f"You have sent nothing over this connection yet. {EXAMPLE}"
    assert talk.text("#learn-messages") == "The last message you received: “hello from server”."
    assert not talk.element("learn-no-opening").is_displayed()


def test_after_a_lost_connection_the_tour_explains_1006(talk: Page) -> None:
    simulate(talk, behaviour="drop", drop="0")
    talk.wait_for_state("closed")
    learn(talk)
    assert end(talk) == (
        "The last connection ended with code 1006."
        " No Close frame arrived: the server, or something on the path, cut the connection."
    )
    assert talk.text("#learn-connection").startswith("Talk was connected to ")
    assert facts(talk, "opening") != {}
    talk.click("tab-talk")
    simulate(talk, behaviour="normal")
    learn(talk)
    assert end(talk).startswith("Talk is connected. An earlier connection ended with code")


def test_a_failed_attempt_is_no_connection(fake: Page) -> None:
    fake.run("sockets[0].end(1000, '')")
    fake.click("connect")
    fake.run("sockets[1].end(1006, '')")
    learn(fake)
    assert end(fake).startswith(
        "The last attempt to connect failed with code 1006. The connection never opened."
    )
    assert fake.text("#learn-connection").startswith("Talk was connected to ")


def test_the_tour_follows_what_happens_while_it_is_shown(fake: Page) -> None:
    learn(fake)
    fake.run("sockets[0].receive('news')")
    fake.wait_until(lambda: "“news”" in fake.text("#learn-messages"), "the message")
    fake.run("sockets[0].end(1001, '')")
    fake.wait_until(
        lambda: end(fake).startswith("The last connection ended with code 1001. Go"), ""
    )


def test_without_traces_the_tour_shows_the_example(start_server: StartServer, page: Page) -> None:
    server = start_server("gunicorn", TRACES="off")
    page.open(url=server.url)
    page.wait_for_lines(*GREETING)
    say(page, "hello")
    page.wait_until(lambda: page.lines[-1] == "<<< hello back", "a reply")
    learn(page)
    assert note(page) == (
        f"This server keeps no traces, so this page cannot show your frames. {EXAMPLE}"
    )
    assert facts(page, "frame") == EXAMPLE_FACTS
