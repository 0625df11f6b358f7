"""Compare the round trips that Talk shows with those of Diagnose: `make round-trips`.

All are measured in the same page, with the same server, one after the other, three times. Talk
draws its log, its list and its chart meanwhile. Diagnose draws nothing and never pauses, so the
browser and the server are awake when a message comes. A bare WebSocket that pauses as Talk does
tells the two effects apart.
"""

import re
from statistics import median

from tests.support.browser import Page, launch, new_tab
from tests.support.servers import Server
from tests.support.waiting import wait_until

MESSAGES = 100
ROUNDS = 3
CHECK_SECONDS = 60
PAUSE_MS = 30  # between drawing and the next message, as if somebody typed fast

# Sends messages as a user does, each after the reply to the one before. The browser has drawn what
# was typed before it is sent. Calls back at the end.
SEND = """
const [count, pause, done] = arguments;
const log = document.querySelector("#messages");
const box = document.querySelector("#message");
const drawn = () => new Promise((resolve) => {
  requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(resolve, pause)));
});
const send = async () => {
  for (let i = 0; i < count; i++) {
    const text = `${i} of ${performance.now()}`;
    box.value = text;
    await drawn();
    document.querySelector("#send").click();
    while (!log.textContent.includes(`<<< ${text}`)) await drawn();
  }
};
send().then(done);
"""


# The same with a WebSocket of its own, which draws nothing. Calls back with the times.
BARE = """
const [count, pause, done] = arguments;
const socket = new WebSocket(`${location.origin.replace("http", "ws")}/echo?compress=off`);
const times = [];
let began;
const send = () => {
  began = performance.now();
  socket.send(`${times.length} of ${began}`);
};
socket.onopen = send;
socket.onmessage = () => {
  times.push(performance.now() - began);
  if (times.length < count) setTimeout(send, pause);
  else done(times);
};
"""


def main() -> None:
    """Print the medians of each round, and the ratio of Talk's to that of a bare WebSocket."""
    server = Server("gunicorn")
    try:
        with launch() as driver:
            ratios = []
            for _ in range(ROUNDS):
                with new_tab(driver, server.url) as page:
                    talk, bare = talk_median(page), bare_median(page)
                    diagnose = diagnose_median(page)
                ratios.append(talk / bare)
                print(
                    f"Talk {talk:.2f} ms, a bare WebSocket with the same pauses {bare:.2f} ms"
                    f" ({ratios[-1]:.2f} times), Diagnose without pauses {diagnose:.2f} ms"
                )
            print(f"Median: {median(ratios):.2f} times")
    finally:
        server.stop()


def talk_median(page: Page) -> float:
    """Return the median that Talk shows, in milliseconds."""
    page.open("/#talk?to=/echo&compress=off")
    page.wait_for_state("open")
    page.run_async(SEND, MESSAGES, PAUSE_MS)
    wait_until(lambda: page.element("replies").text == str(MESSAGES))
    return milliseconds(page.element("median").text)


def bare_median(page: Page) -> float:
    """Return the median of a WebSocket without a view, in milliseconds."""
    return float(median(page.run_async(BARE, MESSAGES, PAUSE_MS)))


def diagnose_median(page: Page) -> float:
    """Return the median that Diagnose shows, in milliseconds."""
    page.click("tab-diagnose")
    row = "document.querySelector('#check-round-trip')"
    page.run(f"{row}.closest('details')?.setAttribute('open', '')")
    page.run(f"{row}.querySelector('.run').click()")
    verdict = f"return {row}.dataset.verdict"
    wait_until(lambda: page.run(verdict) in {"good", "notable", "bad"}, CHECK_SECONDS)
    return milliseconds(str(page.run(f"return {row}.querySelector('.figure').textContent")))


def milliseconds(text: str) -> float:
    """Read a duration as the page writes it."""
    found = re.search(r"([\d.]+) (ms|s)", text)
    assert found, text
    return float(found[1]) * (1000 if found[2] == "s" else 1)


if __name__ == "__main__":
    main()
