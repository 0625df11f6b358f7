"""The way from a page to the root, and which pages people and programs get."""

import pytest

from flask_echo import create_app
from flask_echo.pages import way_to_root

HTML = {"Accept": "text/html"}


@pytest.mark.parametrize(
    ("target", "way"),
    [
        ("/", ""),
        ("/a", ""),
        ("/a/", "../"),
        ("/a/b/c", "../../"),
        ("/a%2Fb/c", "../"),
        ("//a", "../"),
        ("//", "../"),
        ("/a//b/", "../../../"),
        ("/a?b/c/d", ""),
        ("/a#b/c", ""),
        ("/a/?http://b.example/", "../"),
        ("http://a.example/b/c", "../"),
        ("HTTPS://a.example:1?b/c", ""),
        ("http://a.example", ""),
        ("*", ""),
        ("", ""),
        ("/" * 8000, "../" * 100),
    ],
)
def test_the_way_to_the_root_counts_the_slashes_of_the_target(target: str, way: str) -> None:
    decoded = {"PATH_INFO": "/a/b/c"}
    assert way_to_root({"RAW_URI": target, **decoded}) == (way if target else "../../")
    assert way_to_root({"REQUEST_URI": target, **decoded}) == (way if target else "../../")


def test_the_way_to_the_root_ends_where_the_server_has_mounted_the_service() -> None:
    mounted = {"RAW_URI": "/app/a/b", "SCRIPT_NAME": "/app", "PATH_INFO": "/a/b"}
    assert way_to_root(mounted) == "../"
    # A prefix that a proxy has taken off, and named, is not in the target.
    stripped = {"RAW_URI": "/a/b", "SCRIPT_NAME": "/app", "PATH_INFO": "/a/b"}
    assert way_to_root({**stripped, "werkzeug.proxy_fix.orig": {"SCRIPT_NAME": ""}}) == "../"


@pytest.mark.parametrize("path", ["/nowhere", "/a/b/c", "/docs//README", "/static//favicon.svg"])
def test_people_get_a_page_at_an_unknown_address_and_programs_get_none(path: str) -> None:
    client = create_app().test_client()
    page, plain = client.get(path, headers=HTML), client.get(path)
    assert page.status_code == plain.status_code == 404
    assert page.headers["Vary"] == plain.headers["Vary"] == "Accept"
    assert "Go to the" in page.text
    assert "Go to the" not in plain.text


def test_a_wrong_method_gets_a_page_that_keeps_its_headers() -> None:
    answer = create_app().test_client().post("/healthz", headers=HTML)
    assert answer.status_code == 405
    assert "GET" in answer.headers["Allow"]
    assert "<h1>405 Method Not Allowed</h1>" in answer.text


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_bug_gets_a_page_without_its_reason() -> None:
    app = create_app()
    app.add_url_rule("/bug", view_func=lambda: str(1 // 0))
    answer = app.test_client().get("/bug", headers=HTML)
    assert answer.status_code == 500
    assert "<h1>500 Internal Server Error</h1>" in answer.text
    assert "division" not in answer.text


def test_a_path_of_a_page_stays_text() -> None:
    answer = create_app().test_client().get('/"><script>x</script>', headers=HTML)
    assert "<script>x" not in answer.text


@pytest.mark.parametrize("path", ["/", "/default.html", "/nowhere", "/a//b"])
def test_a_query_leads_to_the_assets_that_need_it_and_to_no_other(path: str) -> None:
    client = create_app().test_client()
    asset = client.get(f"{path}?static=js/start.js", buffered=True)
    assert (asset.status_code, asset.mimetype) == (200, "text/javascript")
    assert asset.headers["Cache-Control"] == "no-cache"
    for name in ("js/main.js", "../flask_echo/views.py", ""):
        other = client.get(f"{path}?static={name}", buffered=True)
        assert other.mimetype == "text/html"


def test_a_page_below_a_stripped_prefix_names_no_absolute_path() -> None:
    client = create_app().test_client()
    for path in ("/", "/default.html", "/docs/", "/docs/README", "/nowhere", "/echo"):
        text = client.get(path, headers=HTML).text
        assert 'href="/' not in text
        assert 'src="/' not in text
