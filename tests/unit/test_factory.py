"""The application factory, and what it serves beside WebSockets."""

import pytest

from flask_echo import create_app
from flask_echo.websocket.extension import install
from flask_echo.websocket.seats import NoSeat, Seat

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    " connect-src {connect}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def test_flask_s_own_configuration_is_taken() -> None:
    assert create_app({"TESTING": True, "MAX_CONNECTIONS": 3}).testing


def test_two_apps_side_by_side_have_their_own_seats() -> None:
    small, large = create_app({"MAX_CONNECTIONS": 1}), create_app({"MAX_CONNECTIONS": 2})
    with install(small).seats.take() as seat:
        assert isinstance(seat, Seat)
        with install(small).seats.take() as none:
            assert none is NoSeat.FULL
        taken = [
            app.test_client().get("/healthz").get_json()["seats_taken"] for app in (small, large)
        ]
    assert taken == [1, 0]


def test_health_tells_connections_seats_and_capacity() -> None:
    answer = create_app({"MAX_CONNECTIONS": 7}).test_client().get("/healthz")
    assert answer.get_json() == {
        "status": "ok",
        "connections": 0,
        "seats_taken": 0,
        "capacity": 7,
        "draining": False,
    }
    assert answer.headers["Cache-Control"] == "no-store"


def test_health_says_full_with_200_when_every_seat_is_taken() -> None:
    app = create_app({"MAX_CONNECTIONS": 1})
    client = app.test_client()
    with install(app).seats.take():
        answer = client.get("/healthz")
        assert (answer.status_code, answer.get_json()["status"]) == (200, "full")
        install(app).seats.drain()
        assert client.get("/healthz").get_json()["status"] == "draining"


@pytest.mark.parametrize("draining", [False, True])
def test_a_worker_that_works_is_live_also_while_draining(draining: bool) -> None:
    app = create_app()
    if draining:
        install(app).seats.drain()
    answer = app.test_client().get("/healthz/live")
    assert (answer.status_code, answer.get_json()) == (200, {"status": "live"})
    assert answer.headers["Cache-Control"] == "no-store"


def test_health_tells_load_balancers_to_go_elsewhere_while_draining() -> None:
    app = create_app()
    install(app).seats.drain()
    answer = app.test_client().get("/healthz")
    assert answer.status_code == 503
    assert answer.get_json()["status"] == "draining"


@pytest.mark.parametrize(
    "path", ["/", "/default.html", "/static/css/style.css", "/echo", "/nowhere"]
)
def test_every_answer_carries_the_security_headers(path: str) -> None:
    headers = create_app().test_client().get(path, buffered=True).headers
    assert headers["Content-Security-Policy"] == CSP.format(connect="'self' ws: wss:")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"


def test_without_foreign_addresses_the_page_may_connect_to_its_own_server_only() -> None:
    headers = create_app({"FOREIGN_ADDRESSES": False}).test_client().get("/").headers
    assert headers["Content-Security-Policy"] == CSP.format(connect="'self'")


@pytest.mark.parametrize("path", ["/static/css/style.css", "/static/js/main.js", "/favicon.ico"])
def test_static_files_are_validated_not_sent_again(path: str) -> None:
    client = create_app().test_client()
    first = client.get(path, buffered=True)
    assert first.status_code == 200
    again = client.get(path, buffered=True, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


# werkzeug leaves the file open when the date stops it.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_impossible_date_is_a_bad_request() -> None:
    headers = {"If-Modified-Since": "Sun, 06 Nov 9999999999999999 08:49:37 GMT"}
    answer = create_app().test_client().get("/static/css/style.css", headers=headers)
    assert answer.status_code == 400


@pytest.mark.parametrize(
    "config",
    [{}, {"TRUSTED_PROXIES": 1, "TRUSTED_HEADERS": "for,prefix"}],
    ids=["wary", "trusting"],
)
def test_a_prefix_that_a_proxy_names_does_not_change_the_page(config: dict[str, object]) -> None:
    prefix = {"X-Forwarded-Prefix": "/below"}
    client = create_app(config).test_client()
    for path in ("/", "/default.html", "/echo", "/nowhere/at/all", "/docs/"):
        assert client.get(path, headers=prefix).data == client.get(path).data


def test_caches_ask_again_for_the_page_and_know_what_it_depends_on() -> None:
    client = create_app().test_client()
    for path in ("/", "/default.html", "/?static=js/start.js"):
        headers = client.get(path, buffered=True).headers
        assert headers["Cache-Control"] == "no-cache"
        assert {name.strip() for name in headers["Vary"].split(",")} == {
            "Upgrade", "Sec-WebSocket-Version", "Sec-WebSocket-Key", "Sec-WebSocket-Protocol",
            "Sec-WebSocket-Extensions",
        }  # fmt: skip
    problem = client.get("/echo").headers
    assert problem["Cache-Control"] == "no-store"
    assert problem["Vary"] == "Accept"


def test_without_inspect_nothing_is_at_its_address_and_no_text_names_it() -> None:
    client = create_app({"INSPECT": False}).test_client()
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    for headers in ({}, upgrade, {**upgrade, "Sec-WebSocket-Key": "c2l4dGVlbiBieXRlcyBvaw=="}):
        answer = client.get("/inspect", headers=headers)
        assert answer.status_code == 404
        # An upgrade request is told its own address again.
        assert b"inspect" not in answer.data.replace(b"There is nothing at /inspect.", b"").replace(
            b'"Path": "/inspect"', b""
        )
    assert client.post("/inspect").status_code == 404
    for path in ("/", "/healthz"):
        assert b"inspect" not in client.get(path, headers=upgrade).data
