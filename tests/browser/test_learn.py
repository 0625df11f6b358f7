"""The panel Learn: the tour of the visitor's own connection, client code, and the glossary.

A server of a test's own comes before the page among the arguments, so that it outlives the page.
The page would go on reading the trace.
"""

import subprocess
import sys
from collections.abc import Iterator
from threading import Thread
from typing import NamedTuple
from urllib.parse import quote

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

from tests.support.axe import violations
from tests.support.browser import Page
from tests.support.diagnose import CATCH_COPIES
from tests.support.keys import ENTER, RIGHT
from tests.support.required import program
from tests.support.servers import Server, StartServer
from tests.support.talk import GREETING, choose, say, simulate

NO_CONNECTION = "Talk has had no connection yet."
EXAMPLE = "This is the example “Hello” of RFC 6455, section 5.7:"
SENT = "This is the first frame of that message, as the server saw it:"
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

KEEP_LOGGED = """
window.logged = [];
console.log = (...words) => logged.push(words.join(" "));
"""


def facts(page: Page, name: str) -> dict[str, str]:
    """A description list of the tour."""
    return dict(
        page.run(
            "return [...document.querySelectorAll(`#learn-${arguments[0]} > div`)].map((pair) =>"
            "  [...pair.children].map((part) => part.textContent))",
            name,
        )
    )


def note(page: Page) -> str:
    return page.text("#learn-frame-note")


def learn(page: Page) -> None:
    page.click("tab-learn")
    assert page.element("learn").is_displayed()


def wait_for_frame(page: Page) -> dict[str, str]:
    page.wait_until(lambda: note(page) == SENT, "the frame")
    return facts(page, "frame")


def end(page: Page) -> str:
    return page.text("#learn-end")


# The tour


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


# Client code

CLIENTS = ("Browser", "Python", "curl")
# All that a shell, JavaScript or Python might take for something else.
NASTY = "/it's/$HOME/%41&b;c(d)!~?q=`id`&r=\\&s={1,2}[3]$(id)%"


class Other(NamedTuple):
    """Another server, and the paths that were asked for."""

    url: str
    paths: list[str]


@pytest.fixture
def other() -> Iterator[Other]:
    """An echo at every path."""
    paths: list[str] = []

    def echo(ws: ServerConnection) -> None:
        assert ws.request is not None
        paths.append(ws.request.path)
        try:
            for message in ws:
                ws.send(message)
        except ConnectionClosed:
            return  # curl leaves without a goodbye

    with serve(echo, "127.0.0.1", 0) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield Other(f"ws://127.0.0.1:{server.socket.getsockname()[1]}", paths)
        server.shutdown()
        thread.join()


def learn_for(page: Page, to: str, more: str = "") -> None:
    """Open Learn with the code for an address."""
    page.open(f"/#talk?to={quote(to)}{more}")
    page.wait_until(lambda: page.element("talk").is_displayed(), "Talk")
    learn(page)


def code(page: Page, client: str) -> str:
    return str(
        page.run(
            "const blocks = [...document.querySelectorAll('#learn-code .copyable')];"
            "const names = blocks.map((block) => block.querySelector('strong').textContent);"
            "return blocks[names.indexOf(arguments[0])].querySelector('pre').textContent",
            client,
        )
    )


def run(words: list[str]) -> str:
    """Run a client to its end, and return all that it writes."""
    ended = subprocess.run(
        words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=30, check=False
    )
    return ended.stdout


def output(page: Page, client: str, reply: str) -> str:
    """Run the code that the page shows for a client, until it has received a reply."""
    lines = code(page, client)
    assert "trace" not in lines
    if client == "Python":
        return run([sys.executable, "-c", lines])
    if client == "curl":
        program("curl")
        return run([program("bash"), "-c", lines])
    page.run(KEEP_LOGGED)
    page.devtools("Runtime.evaluate", expression=lines, replMode=True)  # as the console does
    page.wait_until(lambda: reply in page.run("return logged"), f"{reply} in the console")
    return "\n".join(page.run("return logged"))


def check(page: Page, client: str, reply: str, *, subprotocol: str | None = None) -> None:
    """Run the code for a client, and check that it does what it should."""
    found = output(page, client, reply)
    if client != "curl":
        assert reply in found.splitlines()
        return
    assert "HTTP/1.1 101 " in found
    # The answer to the key of RFC 6455, section 1.3.
    accept = "sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo="
    assert accept in found.lower()
    if subprotocol:
        assert f"sec-websocket-protocol: {subprotocol}" in found.lower()


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize(
    ("to", "reply"),
    [("/echo", "received: Hello"), ("/WS.ashx", 'received: "Hello back"')],
)
def test_the_code_of_each_client_works(page: Page, client: str, to: str, reply: str) -> None:
    learn_for(page, to)
    assert len(code(page, client).splitlines()) <= 12
    check(page, client, reply)


@pytest.mark.slow
@pytest.mark.parametrize("client", CLIENTS)
def test_the_code_of_each_client_offers_the_subprotocols(page: Page, client: str) -> None:
    learn_for(page, "/echo?subprotocol=it's", "&protocols=chat,it's")
    assert "chat" in code(page, client)
    check(page, client, "received: Hello", subprotocol="it's")


@pytest.mark.slow
@pytest.mark.parametrize("client", CLIENTS)
def test_the_code_of_each_client_keeps_every_character_of_the_address(
    other: Other, page: Page, client: str
) -> None:
    learn_for(page, other.url + NASTY)
    check(page, client, "received: Hello")
    assert other.paths == [NASTY]


def test_the_address_of_another_server_has_no_frames(other: Other, page: Page) -> None:
    page.open(f"/#talk?to={quote(other.url)}/")
    page.click("connect")
    page.wait_for_state("open")
    say(page, "hi")
    page.wait_until(lambda: page.lines[-1] == "<<< hi", "an echo")
    learn(page)
    assert note(page) == (f"Only the server sees frames, and this is another server. {EXAMPLE}")
    assert facts(page, "opening")["Address"] == f"{other.url}/"
    page.leave()


def test_the_simplest_code_offers_no_subprotocol(page: Page, server: Server) -> None:
    learn_for(page, "/echo")
    assert f'new WebSocket("{server.ws_url}/echo");' in code(page, "Browser")
    assert f'Client("{server.ws_url}/echo")' in code(page, "Python")
    assert "Protocol" not in code(page, "curl")


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        ({"to": "nonsense"}, "The address in Talk is not valid, so there is no code for it."),
        (
            {"protocols": "two words"},
            "The subprotocols in Talk are not valid, so there is no code for them."
            " “two words” is not a valid subprotocol name.",
        ),
    ],
)
def test_without_a_valid_address_there_is_a_sentence_instead_of_code(
    talk: Page, option: dict[str, str], sentence: str
) -> None:
    choose(talk, **option)
    learn(talk)
    assert talk.text("#learn-code-problem") == sentence
    assert talk.text("#learn-code") == ""
    talk.click("tab-talk")
    choose(talk, to="/echo", protocols="")
    learn(talk)
    assert talk.text("#learn-code-problem") == ""
    assert "/echo" in code(talk, "curl")


def test_the_code_is_copied_and_the_chosen_client_stays(page: Page) -> None:
    page.run_before_load(CATCH_COPIES)
    learn_for(page, "/echo")
    page.run("document.querySelector('#learn-code [role=tab]').focus()")
    page.press(RIGHT)
    page.click("tab-talk")
    learn(page)
    shown = (
        "[...document.querySelectorAll('#learn-code .copyable')].find((e) => e.checkVisibility())"
    )
    page.run(f"{shown}.querySelector('button').click()")
    page.wait_until(lambda: page.run(f"return {shown}.innerText.includes('Copied.')"), "the copy")
    assert page.run("return window.copied") == code(page, "Python")


# The glossary

TERMS = "return [...document.querySelectorAll('.term')]"


def current(page: Page) -> list[str]:
    """The marked terms."""
    return list(
        page.run("return [...document.querySelectorAll('.terms [aria-current]')].map((e) => e.id)")
    )


def is_in_view(page: Page, element_id: str) -> bool:
    return bool(
        page.run(
            "const { top, bottom } ="
            "  document.getElementById(arguments[0]).getBoundingClientRect();"
            "return top >= 0 && bottom <= innerHeight",
            element_id,
        )
    )


def test_every_link_to_a_term_leads_to_one(page: Page) -> None:
    page.open("/#learn")
    links = page.run(f"{TERMS}.map((link) => link.getAttribute('href'))")
    assert len(links) > 20
    for link in sorted(set(links)):
        page.run("location.hash = arguments[0]", link)
        term = f"term-{link.removeprefix('#learn?term=')}"
        page.wait_until(lambda: current(page) == [term], link)  # noqa: B023
        assert page.text("#learn-link-error") == ""


def test_no_link_to_a_term_is_where_a_click_means_something_else(page: Page) -> None:
    page.open("/#learn")
    places = "label, summary, option, legend, button, [role=log], [role=option]"
    assert page.run(f"{TERMS}.filter((link) => link.closest(arguments[0])).length", places) == 0


@pytest.mark.parametrize("width", [390, 1280])
def test_a_link_shows_its_term(page: Page, width: int) -> None:
    page.emulate(width, 844, "light")
    page.open("/#learn?term=mask")
    assert current(page) == ["term-mask"]
    assert page.focus == "term-mask"
    page.wait_until(lambda: is_in_view(page, "term-mask"), "the term in view")


def test_a_term_in_talk_leads_to_the_glossary_and_back(talk: Page) -> None:
    talk.run("document.querySelector('#no-times .term').focus()")
    talk.press(ENTER)
    talk.wait_until(lambda: talk.focus == "term-round-trip", "the term")
    assert is_in_view(talk, "term-round-trip")
    talk.back()
    talk.wait_until(lambda: talk.element("talk").is_displayed(), "Talk")
    assert talk.state == "open"


def test_a_second_click_on_a_link_shows_its_term_again(page: Page) -> None:
    page.open("/#learn")
    for _ in range(2):
        page.run("window.scrollTo(0, 0)")
        link = "document.querySelector('.steps [href=\"#learn?term=mask\"]')"
        page.run(f"{link}.focus(); {link}.click()")
        page.wait_until(lambda: page.focus == "term-mask", "the focus")
        assert is_in_view(page, "term-mask")
    page.run("location.hash = '#learn'")
    page.wait_until(lambda: current(page) == [], "no marked term")


@pytest.mark.parametrize(
    ("link", "sentence"),
    [
        (
            "#learn?term=nonsense",
            "term=nonsense in the link is not allowed: use a term of the glossary.",
        ),
        ("#learn?term=", "term= in the link is not allowed: use a term of the glossary."),
        ("#learn?other=1", "“other” is not an option of this link: use term."),
    ],
)
def test_a_link_to_an_unknown_term_says_so(page: Page, link: str, sentence: str) -> None:
    page.open(f"/{link}")
    assert page.text("#learn-link-error") == sentence
    assert current(page) == []
    assert is_in_view(page, "learn-link-error")
    page.run("location.hash = '#learn?term=frame'")
    page.wait_until(lambda: current(page) == ["term-frame"], "the term")
    assert page.text("#learn-link-error") == ""


# The layout


@pytest.mark.parametrize("width", [390, 768, 1280, 1920])
def test_nothing_is_wider_than_the_screen(talk: Page, width: int) -> None:
    talk.emulate(width, 844, "light")
    say(talk, "x" * 500)
    choose(talk, to=f"ws://127.0.0.1:9/{'x' * 300}")
    talk.run("location.hash = `#learn?term=${'x'.repeat(200)}`")
    talk.wait_until(lambda: talk.text("#learn-link-error") != "", "the error")
    assert "x" * 80 in talk.text("#learn-messages")
    for tab in range(len(CLIENTS)):
        talk.run("document.querySelectorAll('#learn-code [role=tab]')[arguments[0]].click()", tab)
        assert talk.run("return document.documentElement.scrollWidth") <= width


def test_all_tabs_are_in_one_row_on_a_phone(page: Page) -> None:
    page.emulate(390, 844, "light")
    page.open("/#learn")
    tops, bottoms, right = page.run(
        "const all = [...document.querySelectorAll('body > header nav a')]"
        "  .map((tab) => tab.getBoundingClientRect());"
        "const set = (side) => [...new Set(all.map((box) => Math.round(box[side])))];"
        "return [set('top'), set('bottom'), all.at(-1).right]"
    )
    assert len(tops) == len(bottoms) == 1
    assert bottoms[0] - tops[0] >= 40
    assert right <= 390 - 16  # the padding of the page


@pytest.mark.slow
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_marked_term_and_a_frame_are_accessible(talk: Page, scheme: str, width: int) -> None:
    talk.emulate(width, 844, scheme)
    say(talk, "hello")
    talk.run("location.hash = '#learn?term=mask'")
    talk.wait_until(lambda: current(talk) == ["term-mask"], "the term")
    wait_for_frame(talk)
    for tab in range(len(CLIENTS)):
        talk.run("document.querySelectorAll('#learn-code [role=tab]')[arguments[0]].click()", tab)
        assert violations(talk) == []


def test_a_wrong_link_and_a_wrong_address_are_accessible(talk: Page) -> None:
    choose(talk, to="nonsense")
    talk.run("location.hash = '#learn?term=nonsense'")
    talk.wait_until(lambda: talk.text("#learn-link-error") != "", "the error")
    assert violations(talk) == []
