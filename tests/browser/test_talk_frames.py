"""The fold Frames on the wire of the panel Talk: its table, and one frame byte by byte.

A server of a test's own comes before the page among the arguments, so that it outlives the page.
The page would go on reading the trace.
"""

import json
import re
import zlib
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.axe import violations
from tests.support.browser import KEEP_SOCKETS, Page
from tests.support.keys import DOWN, END, HOME, TAB
from tests.support.modules import call
from tests.support.servers import Server, StartServer
from tests.support.talk import GREETING, OPEN, address, choose, say, show_details, simulate

pytestmark = pytest.mark.slow

TO, FROM = "→ to server", "← from server"
NO_COMPRESSION = {"compress": True}  # the switch turns it off

# Counts the requests for traces, and keeps the last path.
COUNT_READS = """
window.reads = 0;
window.realFetch = window.fetch;
window.fetch = (path, options) => {
  if (String(path).startsWith("traces/")) { window.reads += 1; window.lastRead = path; }
  return realFetch(path, options);
};
"""

# Answers requests for traces with window.answer, a status and a body.
ANSWER = """
window.answer = [404, { status: "on", reason: null, dropped_at: null, attempts: [] }];
window.plainFetch = window.fetch;
window.fetch = async (path, options) => {
  if (!String(path).startsWith("traces/")) return plainFetch(path, options);
  const [status, body] = window.answer;
  return new Response(JSON.stringify(body), { status });
};
"""


def unfold(page: Page) -> None:
    page.run("document.querySelector('#frames').open = true")


def frames(page: Page) -> list[list[str]]:
    """The cells of the table without the times."""
    rows = page.run(
        "return [...document.querySelectorAll('#frames-table tbody tr')].map((row) =>"
        "  [...row.cells].map((cell) => cell.textContent))"
    )
    return [[row[0], *row[2:]] for row in rows]


def opcodes(page: Page) -> list[tuple[str, str]]:
    return [(row[1], row[2]) for row in frames(page)]


def wait_for_frames(page: Page, *expected: tuple[str, str]) -> None:
    page.wait_until(lambda: opcodes(page) == list(expected), f"{expected}, not {opcodes(page)}")


def select(page: Page, number: int) -> None:
    page.run(
        "document.querySelectorAll('#frames-table tbody button')[arguments[0] - 1].click()", number
    )


def part(page: Page, name: str) -> str:
    """The text of a part of the selected frame."""
    return str(
        page.run(
            "return [...document.querySelectorAll('#frame h4')]"
            "  .find((heading) => heading.textContent.startsWith(arguments[0]))"
            "  ?.parentElement.innerText ?? ''",
            name,
        )
    )


def cells(page: Page, kind: str) -> list[list[str]]:
    """The cells of a table of the selected frame."""
    return list(
        page.run(
            "return [...document.querySelectorAll(`#frame .${arguments[0]} tbody tr`)].map((row) =>"
            "  [...row.cells].map((cell) => cell.textContent))",
            kind,
        )
    )


def note(page: Page) -> str:
    return str(page.run("return document.querySelector('#frames-note').textContent"))


@pytest.fixture
def plain(talk: Page) -> Page:
    """The page, connected to an echo without compression, with the fold open."""
    simulate(talk, **NO_COMPRESSION)
    unfold(talk)
    return talk


@pytest.fixture
def traced(page: Page) -> Callable[..., Page]:
    """The page with a fake socket that is open, and the fold open: takes the answer."""
    from tests.support.talk import FAKE_SOCKETS, SUPPORTED

    def start(status: int, body: dict[str, Any]) -> Page:
        page.run_before_load(FAKE_SOCKETS + ANSWER)
        page.open()
        page.run("window.answer = arguments[0]", [status, body])
        page.run("sockets[0].accept()")
        page.wait_for_lines(SUPPORTED, OPEN)
        unfold(page)
        return page

    return start


def frame(direction: str, first: int, payload: bytes, size: int | None = None) -> dict[str, Any]:
    """A frame of a trace; one to the server has a mask of zeros."""
    length = len(payload) if size is None else size
    header = 2 + (0 if length <= 125 else 2 if length < 65536 else 8)
    masked = direction == "received"
    return {
        "at": 100.25,
        "direction": direction,
        "opcode": first & 15,
        "fin": bool(first & 0x80),
        "rsv1": bool(first & 0x40),
        "mask": "00000000" if masked else None,
        "wire_length": header + 4 * masked + length,
        "payload": payload[:64].hex(),
        "wire_payload": payload[:64].hex() if masked else None,
    }


def attempts(*found: dict[str, Any], outcome: str = "open", **members: Any) -> dict[str, Any]:
    attempt = {"at": 100.0, "outcome": outcome, "end": None, "frames": found, **members}
    return {"id": "0" * 32, "attempts": [attempt]}


# A real server


def test_a_text_is_masked_on_its_way_to_the_server_only(plain: Page) -> None:
    say(plain, "hello")
    wait_for_frames(plain, (TO, "text"), (FROM, "text"))
    assert frames(plain) == [
        ["1", TO, "text", "1", "0", "11 B", "68 65 6c 6c 6f  hello"],
        ["2", FROM, "text", "1", "0", "7 B", "68 65 6c 6c 6f  hello"],
    ]
    select(plain, 1)
    assert plain.text("#frame h3") == "Frame 1: text, to server, 11 bytes on the wire"
    assert part(plain, "First byte").split("\n")[0] == "First byte 81"
    assert cells(plain, "bits") == [list("10000001"), list("10000101")]
    assert part(plain, "Second byte").split("\n")[0] == "Second byte 85"
    key = bytes.fromhex(part(plain, "Masking key").split("\n")[0][len("Masking key ") :])
    assert len(key) == 4
    wire = bytes(byte ^ key[at % 4] for at, byte in enumerate(b"hello"))
    assert cells(plain, "payload") == [
        ["0", wire.hex(" "), "68 65 6c 6c 6f", "hello"],
    ]
    assert cells(plain, "xor")[0] == [
        f"{wire[0]:02x} {wire[0]:08b}",
        f"{key[0]:02x} {key[0]:08b}",
        "68 01101000",
        "h",
    ]
    select(plain, 2)
    assert part(plain, "First byte").split("\n")[0] == "First byte 81"
    assert part(plain, "Second byte").split("\n")[0] == "Second byte 05"
    assert part(plain, "Masking key") == ""
    assert cells(plain, "payload") == [["0", "68 65 6c 6c 6f", "hello"]]
    assert cells(plain, "xor") == []


def wait_for_message(page: Page, text: str) -> None:
    """Wait until the selected frame shows its whole message."""
    page.wait_until(lambda: f"Whole message\n{text}" in part(page, "Payload"), text)


def test_a_compressed_payload_is_inflated(talk: Page) -> None:
    simulate(talk)
    unfold(talk)
    for _ in range(2):  # the second repeats the first
        say(talk, "hello, hello, hello")
    wait_for_frames(talk, *[(TO, "text"), (FROM, "text")] * 2)
    assert [row[4] for row in frames(talk)] == ["1"] * 4
    for number in range(1, 5):
        select(talk, number)
        assert cells(talk, "bits")[0] == list("11000001")
        assert "compressed (permessage-deflate, RFC 7692)" in part(talk, "First byte")
        assert "ASCII" not in part(talk, "Payload")
        wait_for_message(talk, "hello, hello, hello")


def test_pings_of_the_server_are_shown(start_server: StartServer, page: Page) -> None:
    server = start_server("gunicorn", PING_INTERVAL_SECONDS=0.2)
    page.open(url=server.url)
    page.wait_for_lines(*GREETING)
    unfold(page)
    page.wait_until(lambda: {(FROM, "ping"), (TO, "pong")} <= set(opcodes(page)), "a ping")
    number = opcodes(page).index((FROM, "ping")) + 1
    select(page, number)
    assert f"Frame {number}: ping, from server" in page.text("#frame h3")
    assert "must answer with a pong" in part(page, "First byte")
    seen = len(frames(page))
    page.wait_until(lambda: len(frames(page)) > seen, "more frames")
    assert f"Frame {number}: ping" in page.text("#frame h3"), "the selection stays"
    assert page.run("return document.querySelectorAll('#frames-table .selected').length") == 1


def test_a_close_frame_has_its_code_and_reason(talk: Page) -> None:
    simulate(talk, behaviour="close", close="4321", reason="as asked", after="1", **NO_COMPRESSION)
    unfold(talk)
    say(talk, "last words")
    talk.wait_until(lambda: opcodes(talk)[-2:] == [(FROM, "close"), (TO, "close")], "Close frames")
    assert note(talk) == "The connection has ended. These are its frames."
    select(talk, opcodes(talk).index((FROM, "close")) + 1)
    payload = part(talk, "Payload")
    assert "Status code 10 e1" in payload
    assert "4321. Private code: the application defines its meaning." in payload
    assert "as asked" in payload


def test_the_address_is_shown_without_the_trace(page: Page) -> None:
    page.run_before_load(KEEP_SOCKETS + COUNT_READS)
    page.open()
    page.wait_for_lines(*GREETING)
    unfold(page)
    page.wait_until(lambda: page.run("return window.lastRead"), "a read")
    (first,) = page.run("return sockets.map((socket) => socket.url)")
    shown, trace = first.split("?trace=")
    assert re.fullmatch("[0-9a-f]{32}", trace)
    assert page.run("return lastRead") == f"traces/{trace}"
    assert address(page) == shown
    show_details(page)
    page.run("document.querySelectorAll('#entries > div')[2].click()")
    assert f" · {shown} · extensions" in page.element("entry-details").text
    choose(page, route="echo", delay="0.1")
    page.click("apply")
    page.wait_until(lambda: page.run("return sockets.length") == 2, "another connection")
    shown, second = page.run("return sockets[1].url").split("&trace=")
    assert shown.endswith("/echo?delay=0.1")
    assert second != trace


def test_without_traces_the_fold_says_so(start_server: StartServer, page: Page) -> None:
    server = start_server("gunicorn", TRACES="off")
    page.run_before_load(COUNT_READS)
    page.open(url=server.url)
    page.wait_for_lines(*GREETING)
    unfold(page)
    off = "This server keeps no traces: the operator of this server has turned them off."
    page.wait_until(lambda: note(page) == off, "a sentence")
    assert frames(page) == []
    page.run_async("setTimeout(arguments[0], 1500)")
    assert page.run("return reads") == 1
    page.wait_until(page.take_console_errors, "the 404")


def test_a_new_connection_has_a_table_of_its_own(plain: Page) -> None:
    say(plain, "one")
    wait_for_frames(plain, (TO, "text"), (FROM, "text"))
    select(plain, 1)
    simulate(plain, route="./")
    plain.wait_until(lambda: frames(plain) == [], "an empty table")
    assert not plain.element("frame").is_displayed()


@pytest.mark.slow
def test_nothing_is_read_while_nobody_looks(page: Page) -> None:
    page.run_before_load(COUNT_READS)
    page.open()
    page.wait_for_lines(*GREETING)
    reads = "return reads"
    assert page.run(reads) == 0, "folded"
    unfold(page)
    page.wait_until(lambda: page.run(reads) >= 2, "a read each second")
    page.click("tab-diagnose")
    hidden = page.run(reads)
    page.run_async("setTimeout(arguments[0], 1500)")
    assert page.run(reads) == hidden, "another panel"
    page.click("tab-talk")
    page.wait_until(lambda: page.run(reads) > hidden + 1, "reads again")
    page.click("disconnect")
    page.wait_until(lambda: "has ended" in note(page), "the end")
    ended = page.run(reads)
    page.run_async("setTimeout(arguments[0], 1500)")
    assert page.run(reads) == ended, "after the end"
    assert (FROM, "close") in opcodes(page)


def test_a_fold_opened_after_the_end_shows_the_last_connection(talk: Page) -> None:
    talk.click("disconnect")
    talk.wait_for_state("closed")
    unfold(talk)
    wait_for_frames(talk, (FROM, "text"), (TO, "close"), (FROM, "close"))


# The table


def test_frames_are_selected_by_mouse_and_keyboard(plain: Page) -> None:
    for text in ("one", "two"):
        say(plain, text)
    plain.wait_until(lambda: len(frames(plain)) == 4, "four frames")
    assert plain.element("frames-hint").is_displayed()
    plain.run("document.querySelector('#frames-table tbody tr').cells[6].click()")
    assert "Frame 1" in plain.text("#frame h3")
    assert not plain.element("frames-hint").is_displayed()
    plain.run("document.querySelector('#frames-scroller').focus()")
    plain.press(TAB)
    for keys, number in ((DOWN, 2), (HOME, 1), (END, 4), (DOWN, 4)):
        plain.press(keys)
        assert f"Frame {number}" in plain.text("#frame h3")
        assert plain.focus == str(number)
    reachable = "return [...document.querySelectorAll('#frames-table [tabindex=\"0\"]')]"
    assert plain.run(f"{reachable}.map((button) => button.textContent)") == ["4"]


def test_new_frames_leave_the_rows_as_they_are(plain: Page) -> None:
    say(plain, "one")
    plain.wait_until(lambda: len(frames(plain)) == 2, "two frames")
    plain.run(
        "window.changes = [];"
        "new MutationObserver((records) => {"
        "  for (const { removedNodes } of records) changes.push(removedNodes.length);"
        "}).observe(document.querySelector('#frames'), { childList: true, subtree: true });"
    )
    say(plain, "two")
    plain.wait_until(lambda: len(frames(plain)) == 4, "four frames")
    assert set(plain.run("return changes")) == {0}


def test_the_time_is_that_since_the_opening(traced: Callable[..., Page]) -> None:
    page = traced(200, attempts(frame("sent", 0x81, b"one")))
    page.wait_until(lambda: frames(page), "a frame")
    assert page.text("#frames-table tbody td") == "0.250 s"


def test_a_frame_that_comes_late_is_appended_once(traced: Callable[..., Page]) -> None:
    """The trace sorts the frames of both directions, so a new one may be in the middle."""
    one, two, three = (frame(side, 0x81, side.encode()) for side in ("sent", "received", "sent"))
    page = traced(200, attempts(one, three))
    page.wait_until(lambda: len(frames(page)) == 2, "two frames")
    page.run("window.answer = arguments[0]", [200, attempts(one, two, three)])
    wait_for_frames(page, (FROM, "text"), (FROM, "text"), (TO, "text"))


def test_the_limit_of_a_trace_is_told(traced: Callable[..., Page]) -> None:
    many = [frame("sent", 0x81, b"x")] * 100
    page = traced(200, attempts(*many, frame("received", 0x81, b"y")))
    page.wait_until(lambda: len(frames(page)) == 101, "all frames")
    assert page.text("#frames-limit") == (
        "The trace keeps the first 100 frames of each direction. "
        "Later frames from server are not shown."
    )


@pytest.mark.parametrize(
    ("status", "body", "text"),
    [
        (
            404,
            {"status": "on", "reason": None, "dropped_at": None, "attempts": []},
            "The worker or machine that answered has no trace of this connection.",
        ),
        (502, {}, "The trace cannot be read: status 502 without a trace."),
        (
            200,
            attempts(messages={"received": 5, "sent": 5}),
            "The server keeps no frames of this connection, to leave room for other traces.",
        ),
    ],
)
def test_a_missing_trace_is_explained(
    traced: Callable[..., Page], status: int, body: dict[str, Any], text: str
) -> None:
    page = traced(status, body)
    page.wait_until(lambda: note(page) == text, text)
    assert frames(page) == []


def test_dropped_traces_are_told(traced: Callable[..., Page]) -> None:
    page = traced(404, {"status": "on", "reason": None, "dropped_at": 1e9, "attempts": []})
    told = r".* no trace of this connection; it last dropped traces .* at \d\d:\d\d:\d\d\."
    page.wait_until(lambda: re.fullmatch(told, note(page)), "a sentence")


# One frame


@pytest.mark.parametrize(
    ("size", "second", "extended"),
    [(125, "7d", ""), (126, "7e", "00 7e"), (65535, "7e", "ff ff"),
     (65536, "7f", "00 00 00 00 00 01 00 00")],
)  # fmt: skip
def test_a_longer_payload_has_an_extended_length(
    traced: Callable[..., Page], size: int, second: str, extended: str
) -> None:
    page = traced(200, attempts(frame("sent", 0x82, b"\xaa" * 64, size)))
    page.wait_until(lambda: frames(page), "a frame")
    select(page, 1)
    assert part(page, "Second byte").split("\n")[0] == f"Second byte {second}"
    assert part(page, "Extended").split("\n")[0] == (f"Extended length {extended}" * bool(extended))
    assert f"The server keeps the first 64 of {size:,} bytes." in part(page, "Payload")
    assert len(cells(page, "payload")) == 4


def test_the_parts_of_a_compressed_message_are_compressed(traced: Callable[..., Page]) -> None:
    """Only the first frame of a message has RSV1 (RFC 7692, section 6)."""
    parts = [(0x41, b"a"), (0x89, b"p"), (0x80, b"b"), (0x01, b"c"), (0x80, b"d")]
    page = traced(200, attempts(*(frame("sent", first, text) for first, text in parts)))
    page.wait_until(lambda: len(frames(page)) == 5, "the frames")
    assert [row[3] for row in frames(page)] == ["0", "1", "1", "0", "1"]
    readable = []
    for number in range(1, 6):
        select(page, number)
        readable.append("ASCII" in part(page, "Payload"))
    assert readable == [False, True, False, True, True]
    select(page, 3)
    assert "Only the first frame of a compressed message sets it." in part(page, "First byte")


def compressed(*messages: bytes) -> list[bytes]:
    """The payloads of these messages, compressed with context takeover (RFC 7692)."""
    deflate = zlib.compressobj(wbits=-15)
    return [
        (deflate.compress(message) + deflate.flush(zlib.Z_SYNC_FLUSH)).removesuffix(
            b"\x00\x00\xff\xff"
        )
        for message in messages
    ]


def test_a_fragmented_message_is_inflated_as_a_whole(traced: Callable[..., Page]) -> None:
    _, payload = compressed(b"first and second", "erst und zweit: é first and".encode())
    first, _ = compressed(b"first and second", b"")
    fragments = frame("sent", 0x41, payload[:7]), frame("sent", 0x80, payload[7:])
    page = traced(200, attempts(frame("sent", 0xC2, first), *fragments))
    page.wait_until(lambda: len(frames(page)) == 3, "three frames")
    select(page, 1)
    wait_for_message(page, b"first and second".hex(" "))
    for number in (2, 3):
        select(page, number)
        wait_for_message(page, "erst und zweit: é first and")


def test_a_message_that_repeats_one_that_is_cut_is_not_inflated(
    traced: Callable[..., Page],
) -> None:
    noise = bytes(range(256))
    long, again, other = compressed(noise, noise, b"zzzz")
    page = traced(200, attempts(*(frame("sent", 0xC2, text) for text in (long, again, other))))
    page.wait_until(lambda: len(frames(page)) == 3, "three frames")
    for number in (1, 2):
        select(page, number)
        page.wait_until(lambda: "cannot be inflated" in part(page, "Payload"), "a sentence")
    select(page, 3)
    wait_for_message(page, b"zzzz".hex(" "))


@pytest.mark.parametrize(("width", "length"), [(1280, 16), (1920, 8), (768, 8), (390, 4)])
def test_a_line_has_as_many_bytes_as_there_is_room_for(
    traced: Callable[..., Page], page: Page, width: int, length: int
) -> None:
    page.emulate(width, 800, "light")
    traced(200, attempts(frame("received", 0x81, b"x" * 64)))
    page.wait_until(lambda: frames(page), "a frame")
    select(page, 1)
    assert [len(row[3]) for row in cells(page, "payload")] == [length] * (64 // length)
    assert page.run(
        "const { scrollWidth, clientWidth } = document.querySelector('#frame .bytes');"
        "return scrollWidth <= clientWidth"
    )


def test_a_phone_shows_eight_bytes_of_a_frame_without_a_mask(
    traced: Callable[..., Page], page: Page
) -> None:
    page.emulate(390, 844, "light")
    traced(200, attempts(frame("sent", 0x81, b"x" * 64)))
    page.wait_until(lambda: frames(page), "a frame")
    select(page, 1)
    assert len(cells(page, "payload")) == 8


@pytest.mark.parametrize("width", [768, 1280, 1920])
def test_the_table_of_frames_is_not_cut(
    traced: Callable[..., Page], page: Page, width: int
) -> None:
    page.emulate(width, 800, "light")
    traced(200, attempts(*[frame("sent", 0x81, b"x" * 64), frame("sent", 0xC2, b"x" * 64)] * 4))
    page.wait_until(lambda: len(frames(page)) == 8, "the frames")
    room, needed = page.run(
        "const { clientWidth, scrollWidth } = document.querySelector('#frames-scroller');"
        "return [clientWidth, scrollWidth]"
    )
    assert needed <= room


def test_a_character_that_is_cut_off_is_left_out(traced: Callable[..., Page]) -> None:
    page = traced(200, attempts(frame("received", 0x81, b"x" * 63 + "é".encode())))
    page.wait_until(lambda: frames(page), "a frame")
    select(page, 1)
    assert "\ufffd" not in part(page, "Payload")


@pytest.mark.parametrize(
    ("payload", "texts"),
    [
        (b"\x03\xe8", ["Status code 03 e8", "1000. Normal closure.", "none"]),
        (b"\x03\xf5bye", ["Status code 03 f5", "1013. Try again later", "bye"]),
        (b"", ["Empty."]),
    ],
)
def test_close_frames_are_explained(
    traced: Callable[..., Page], payload: bytes, texts: list[str]
) -> None:
    page = traced(200, attempts(frame("sent", 0x88, payload), outcome="closed"))
    page.wait_until(lambda: frames(page), "a frame")
    select(page, 1)
    for text in texts:
        assert text in part(page, "Payload")


def test_markup_in_a_frame_is_shown_as_text(traced: Callable[..., Page]) -> None:
    markup = b"<img src=x onerror=\"document.title='hacked'\">"
    page = traced(200, attempts(frame("received", 0x81, markup)))
    page.wait_until(lambda: frames(page), "a frame")
    select(page, 1)
    assert page.run("return document.querySelector('#frames img')") is None
    assert markup.decode() in part(page, "Payload")


def test_an_unknown_opcode_has_its_number(page: Page) -> None:
    assert call(page, "common/frame-anatomy.js", "opcodeName", 3) == "reserved (3)"


# Reading it


@pytest.mark.slow
@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_fold_is_accessible(page: Page, server: Server, scheme: str, width: int) -> None:
    page.emulate(width, 800, scheme)
    page.open(url=server.url)
    page.wait_for_lines(*GREETING)
    unfold(page)
    page.wait_until(lambda: frames(page), "the greeting")
    say(page, json.dumps("x" * 200))
    page.wait_until(lambda: len(frames(page)) == 3, "three frames")
    for number in (1, 2):
        select(page, number)
        assert violations(page) == []
        assert page.run("return document.documentElement.scrollWidth") <= width
