"""Attacks on the page: each is refused, or shows nothing but text."""

from __future__ import annotations

import json
import re
import socket
import threading
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import uvicorn

from genmon_otel.errors import GenmonError
from genmon_otel.policy import CaseState, Verdict
from genmon_otel.records import StepRecord
from genmon_otel.regression.propose import propose
from genmon_otel.store import SqlStore
from genmon_otel.ui import gate, server
from genmon_otel.ui.app import create_app
from genmon_otel.ui.case_work import _event
from genmon_otel.ui.gate import Access
from genmon_otel.ui.session import Sessions, sign_link
from tests.port_kit import free_port
from tests.store_records import Producer, a_failure, failing, recording_of, sample_of, success
from tests.ui_kit import KEY, PORT, SAME, URL, reviewer, stranger

HOSTILE = (Path(__file__).parents[1] / "data" / "ui" / "hostile.txt").read_text("utf-8").split("\n")
HOSTILE = [each for each in HOSTILE if each]
ALL = "\n".join(HOSTILE)
#: Failures among which the texts are shared out.
GROUPS = 7
#: Elements of our own templates; recorded text adds none.
ELEMENTS = frozenset(
    "html head meta title link script body a header nav span button kbd main p strong h1 h2 h3 dl dt "
    "dd div section form label input select option datalist textarea details summary table thead tbody "
    "tr th td time code pre ol li svg rect line circle mark progress noscript dialog".split()
)
#: SVG's own title, inside a plot.
ATTRIBUTES = frozenset(
    "lang charset name content rel href type src defer class id aria-label aria-labelledby aria-haspopup "
    "aria-live aria-current role hidden data-help data-copy data-key data-row data-search data-label "
    "data-job tabindex method action formaction value placeholder rows size list selected open title "
    "hx-get hx-target hx-push-url hx-trigger hx-ext sse-connect sse-swap sse-close viewbox "
    "preserveaspectratio x y x1 x2 y1 y2 rx r cx cy width height max".split()
)


class Read(HTMLParser):
    """Collects what a browser would make of a page, as far as the templates never say it."""

    def __init__(self) -> None:
        super().__init__()
        self.strange: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ELEMENTS:
            self.strange.append(f"<{tag}>")
        for name, value in attrs:
            if name not in ATTRIBUTES:
                self.strange.append(f"{tag} {name}={value}")
            is_address = name in ("href", "src", "action", "formaction", "hx-get", "sse-connect")
            # /x and #x stay here; //x, /\x, scheme: and x: do not.
            if is_address and not re.match(r"#|/(?![/\\])", value or ""):
                self.strange.append(f"{tag} {name}={value}")
        names = dict(attrs)
        if tag == "script" and not (names.get("src") or "").startswith("/static/"):
            self.strange.append("script without a source of ours")


def strange(html: str) -> list[str]:
    """What a page holds beyond our own markup."""
    reader = Read()
    reader.feed(html)
    return reader.strange


def steps_of(text: str, name: list[str]) -> tuple[StepRecord, ...]:
    """Steps whose requests and answers hold a text wherever the page lays values out."""
    chat = {"messages": [{"role": text, "content": text}, {"role": "user", "content": [
        {"type": text, "text": text}, {"type": "tool_use", "name": text, "input": {text: text}}]}]}  # fmt: skip
    answer = {"choices": [{"message": {"role": text, "content": text, "tool_calls": [
        {"function": {"name": text, "arguments": f'{{"x": "{text[:5]}"}}'}}]}}],
        text: {text: [text]}}  # fmt: skip
    http = {"status": 200, "headers": {text: text}, "body": json.dumps(answer)}
    asked = {"method": text, "host": text, "path": text, "body": json.dumps(chat)}
    values = (text, answer, http, f"\x1b[31m{text}\x1b[0m", f"<svg>{text}</svg>", f"```html\n{text}\n```",
              {"candidates": [{"content": {"role": text, "parts": [{"text": text}]}}]},
              {"output": [{"type": "function_call", "name": text, "arguments": text}]})  # fmt: skip
    return tuple(
        StepRecord(name[n], asked if n % 2 else {name[n][:50]: text}, "value", value, digest="d")
        for n, value in enumerate(values)
    )


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqlStore]:
    """A store in which every field that an application or a reviewer fills holds hostile text."""
    path = tmp_path_factory.mktemp("ui") / "genmon.db"
    opened = SqlStore(f"sqlite:///{path}", propose=propose)
    opened.open()
    producer, now = Producer(opened), time.time()
    for number in range(GROUPS):
        # Long fields hold a share of the corpus, names one text each, of every group another.
        text = "\n".join(HOSTILE[number::GROUPS])
        name = [HOSTILE[(number * 4 + n) % len(HOSTILE)][:100] for n in range(8)]
        failure = a_failure(
            str(number), error_message=text, error_type=name[0], stage=name[1],
            stack_trace=f'Traceback\n  File "{name[2]}", line 1, in {name[3]}\n{text}',
        )  # fmt: skip
        records = [
            failing(at=now - n, failure=failure, user_id=f"{n}{name[4]}", project_id=name[5],
                    framework=name[6], operation=name[7], code_version=name[n],
                    trace_id=name[3], user_request=text)
            for n in range(3)
        ]  # fmt: skip
        steps = steps_of(text, name)
        good = success(now, operation=name[7])
        producer.write(
            *records, good,
            recordings=tuple(
                recording_of(each, operation=each.operation, steps=steps, inputs={name[0][:50]: text})
                for each in records
            ),
            samples=(replace(sample_of(good), steps=steps),),
        )  # fmt: skip
    for row in opened.cases(limit=1_000):
        text = HOSTILE[row.id % len(HOSTILE)]
        opened.set_case_state(row.id, CaseState.REPRODUCED, reason=text)
        if row.id % 2:
            opened.set_case_state(row.id, CaseState.OPEN, reviewer=text[:100], reason=text)
            opened.record_run(
                row.id, "ci", text[:80], Verdict.FAIL_OTHER, text, f"run{row.id}", drift=text
            )
        else:
            opened.work.ask(row.id, "verify", text, {})
            opened.work.take(text[:80])
            opened.work.end(row.id, text[:80], text, failed=True)
    yield opened
    opened.close()


def handles(store: SqlStore) -> list[str]:
    """Of every case."""
    return [row.handle for row in store.cases(limit=1_000)]


def test_recorded_text_is_never_markup(store: SqlStore) -> None:
    """Through every recorded field and every page: no element, attribute or address but ours."""
    client = reviewer(store, name=ALL[:150])
    assert len(handles(store)) == GROUPS
    paths = [
        "/",
        "/failures?status=all",
        "/failures?status=all&from=2",
        "/review",
        "/guarding",
        "/alerts",
    ]
    for handle in handles(store):
        paths += [f"/failures/{handle}", f"/cases/{handle}"]
        paths += [f"/cases/{handle}/steps/{n}" for n in range(8)]
    found = {}
    for path in paths:
        answer = client.get(path)
        wrong = strange(answer.text)
        if answer.status_code != 200 or wrong:
            found[path] = (answer.status_code, wrong[:5])
    assert found == {}


def test_what_is_typed_is_never_markup(store: SqlStore) -> None:
    """Search words, form fields, paths and messages come back as text."""
    client, handle = reviewer(store), handles(store)[1]
    found = []
    names = ("q", "status", "category", "operation", "version", "sort", "from", "said")
    fields = ("env", "recovery", "postcondition", "fails_as", "programs", "reason", "live")
    for number, text in enumerate(HOSTILE):
        field = fields[number % len(fields)]
        for answer in (
            client.get("/failures", params=dict.fromkeys(names, text)),
            client.post(f"/cases/{handle}/approve", headers=SAME, data={field: text, "env": "no"}),
        ):
            if answer.status_code >= 500 or strange(answer.text):
                found.append((field, text, [answer.status_code, *strange(answer.text)]))
    assert found == []


def test_protecting_headers_are_on_every_answer(store: SqlStore) -> None:
    """Pages, refusals, errors, files and redirects: none may be framed, sniffed or run a script inline."""
    client, foreign = reviewer(store), stranger(store)
    handle = handles(store)[0]
    answers = [
        client.get("/"), client.get("/nothing"), client.get("/static/page.js"), foreign.get("/"),
        client.get(f"/cases/{handle}/file"), client.get("/", headers={"host": "evil.example"}),
        client.post("/failures/F-0000/resolve", headers=SAME), client.post("/failures/x/resolve"),
        client.post(f"/failures/{handle}/resolve", headers=SAME, content=b"x" * 300_000),
        foreign.get("/enter?token=x"), client.request("TRACE", "/"), client.options("/"),
    ]  # fmt: skip
    for answer in answers:
        headers = answer.headers
        assert headers["x-frame-options"] == "DENY", answer.url
        policy = headers["content-security-policy"]
        assert "frame-ancestors 'none'" in policy
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert not [name for name in headers if name.startswith("access-control-")]


def test_rebound_and_forged_hosts_are_refused(store: SqlStore) -> None:
    """However a host is spelled: only our own names, with our own port, are answered."""
    client = reviewer(store)
    for host in (
        "evil.example", f"evil.example:{PORT}", "127.0.0.1.evil.example", f"127.0.0.1:{PORT}.evil.example",
        f"127.0.0.1:{PORT}@evil.example", f"evil.example#127.0.0.1:{PORT}", "127.0.0.1:1", "0.0.0.0",
        "[::ffff:127.0.0.1]", "2130706433", "0x7f000001", "127.1", f"localhost:{PORT}/x", "local host",
        "localhost:99999", "localhost\t", "LOCALHOST.evil.example",
    ):  # fmt: skip
        answer = client.get("/", headers={"host": host})
        assert answer.status_code in (400, 421), host
        assert "failures" not in answer.text, host


def test_cross_site_requests_change_nothing(store: SqlStore) -> None:
    """Neither another site's form, nor its image, nor another method changes a failure or a case."""
    client, handle = reviewer(store), handles(store)[0]
    before = store.failure(handle).row.status, store.case(handle).state
    posts = (f"/failures/{handle}/ignore", f"/failures/{handle}/relabel", f"/cases/{handle}/reject",
             f"/cases/{handle}/verify", f"/cases/{handle}/export", f"/cases/{handle}/propose")  # fmt: skip
    senders: tuple[dict[str, str], ...] = (
        {"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site", "origin": URL}, {},
        {"sec-fetch-site": "SAME-ORIGIN"}, {"sec-fetch-site": "same-origin, cross-site"},
        {"origin": "https://127.0.0.1"}, {"origin": f"{URL}/"}, {"origin": f"ftp://127.0.0.1:{PORT}"},
        {"referer": f"{URL}/cases/{handle}"}, {"origin": "null"}, {"origin": f"{URL}.evil.example"},
    )  # fmt: skip
    for path in posts:
        for headers in senders:
            assert client.post(path, headers=headers).status_code == 403, (path, headers)
        twice = [("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site")]
        assert client.post(path, headers=twice).status_code == 403, path
        for order in ((URL, "http://evil.example"), ("http://evil.example", URL)):
            origins = [("origin", each) for each in order]
            assert client.post(path, headers=origins).status_code == 403, path
        assert client.get(path).status_code in (404, 405)
        assert client.get(path, headers={"x-http-method-override": "POST"}).status_code in (
            404,
            405,
        )
        for method in ("PUT", "PATCH", "DELETE"):
            assert client.request(method, path, headers=SAME).status_code in (404, 405)
    assert (store.failure(handle).row.status, store.case(handle).state) == before


def test_stolen_and_foreign_cookies_open_nothing(store: SqlStore) -> None:
    """A cookie is this server's alone, is not readable by scripts, and goes to no other site."""
    client = reviewer(store)
    cookie = client.cookies[f"genmon_{PORT}"]
    other = stranger(store)  # another run of the server: sessions ended with the first
    for name, value in ((f"genmon_{PORT}", cookie), ("genmon_1", cookie), (f"genmon_{PORT}", "../x"),
                        (f"genmon_{PORT}", ""), (f"genmon_{PORT}", '"a\\"b"')):  # fmt: skip
        answer = other.get("/", headers={"cookie": f"{name}={value}"})
        assert answer.status_code == 401, name
    import time as clock

    opened = stranger(store).get("/enter", params={"token": sign_link(KEY, "ada", clock.time())})
    flags = opened.headers["set-cookie"].lower()
    assert "httponly" in flags
    assert "samesite=strict" in flags
    assert "domain" not in flags
    assert opened.headers["location"] == "/"  # the token does not stay in the address


def test_cookies_of_other_servers_lock_nobody_out(store: SqlStore) -> None:
    """A browser sends the cookies of every server at 127.0.0.1, whatever these wrote into them."""
    client = reviewer(store)
    own = f"genmon_{PORT}={client.cookies[f'genmon_{PORT}']}"
    client.cookies.clear()
    for other in ('x={"a": 1}', "theme=a,b c", "a[b]=1", "=1", "x", 'x="a', "b@d:=2", "path=/x", "$Version=1",
                  "genmon_1=x", "é=1", ";;;", "x=%00", 'x="\\"'):  # fmt: skip
        for sent in (f"{other}; {own}", f"{own}; {other}"):
            answer = client.get("/", headers={"cookie": sent.encode("latin-1")})
            assert answer.status_code == 200, sent


def test_only_the_named_proxy_names_reviewers(store: SqlStore) -> None:
    """The header of a stranger, or sent twice, names nobody; the client of these tests is ``testclient``."""
    for proxy, sent, status in (
        ("10.0.0.5", [("x-user", "eve")], 401), ("testclient", [("x-user", "eve")], 200),
        ("testclient", [("x-user", "ada"), ("x-user", "eve")], 401), ("testclient", [("x-user", " ")], 401),
        ("testclient", [("x_user", "eve")], 401), ("testclient", [], 401),
    ):  # fmt: skip
        client = stranger(store, Access(PORT, trust_header="X-User", trusted_proxy=proxy))
        assert client.get("/", headers=sent).status_code == status, (proxy, sent)


def test_redirects_stay_here_and_headers_stay_ours(store: SqlStore) -> None:
    """No path, field or name makes the page send a browser elsewhere or write a header of its own."""
    client = reviewer(store)
    evil = ["//evil.example", "/\\evil.example", "https:%2f%2fevil.example", "%2f%2fevil.example",
            "F-%0d%0aSet-Cookie:%20x=1", "%0d%0a%0d%0a<script>", "..%2f..%2f..", "%00", "F-X%E2%80%A8y"]  # fmt: skip
    for text in evil:
        for path in (f"/failures/{text}/resolve", f"/cases/{text}/approve", f"/cases/{text}/verify",
                     f"/cases/{text}/file", f"/{text}", f"/enter?token={text}", f"/?said={text}&next={text}"):  # fmt: skip
            for answer in (client.get(path), client.post(path, headers=SAME, data={"next": text})):
                location = answer.headers.get("location", "/")
                assert re.match(r"/(?![/\\])|http://127\.0\.0\.1:8750/", location), (path, location)
                assert "x=1" not in answer.headers.get("set-cookie", "")
                assert answer.status_code < 500, path


def test_forwarded_headers_and_slashes_lead_nowhere(store: SqlStore) -> None:
    """What a proxy's headers name is in no page and no redirect; an odd path is not found, never a crash."""
    client, handle = reviewer(store), handles(store)[0]
    named = dict.fromkeys(("x-forwarded-host", "x-forwarded-prefix", "x-forwarded-server", "x-original-url",
                           "x-rewrite-url", "x-host", "x-forwarded-for"), "//forged.example/x")  # fmt: skip
    named |= {
        "forwarded": "host=forged.example;proto=javascript",
        "x-forwarded-proto": "javascript",
    }
    for path in ("/", "/failures", f"/cases/{handle}", "/enter?token=x&next=//forged.example"):
        assert "forged.example" not in client.get(path, headers=named).text, path
    steps = f"/cases/{handle}/steps/"
    for path in ("/failures/", "/review/", f"/cases/{handle}/", "/static", "//evil.example/failures/",
                 "//cases//x", "/\\evil.example/", f"{steps}{'9' * 5_000}", f"{steps}-1", f"{steps}0x1",
                 f"{steps}%D9%A1", f"{steps}%C2%B2", f"{steps}1%00", f"{steps}1e3", f"{steps}%20",
                 "/cases/%0a%0d%1b[31m", "/failures/%07%08%7f%c2%9b", "/cases/%E2%80%AE", "/cases/%ff%fe",
                 "/cases/%ed%a0%80", f"/cases/{'%25' * 2_000}"):  # fmt: skip
        answer = client.get(path, headers=named)
        assert answer.status_code == 404, (path, answer.status_code)
        assert "location" not in answer.headers
        assert strange(answer.text) == []
    for query in ("q=" + "a" * 60_000, "&".join(f"a{n}=1" for n in range(5_000)), "from=" + "9" * 5_000,
                  "status=open&status=x&sort=;drop", "q=%00%1b%ed%a0%80&version=%00&category=%00"):  # fmt: skip
        assert client.get(f"/failures?{query}").status_code == 200, query[:40]


def test_a_page_that_fails_is_protected_too(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error of ours is a plain text with the same headers; nothing of it is told to the browser."""

    def fails(*_: object, **__: object) -> None:
        raise RuntimeError("<script>of the inside</script>")

    client = reviewer(store)
    monkeypatch.setattr(store.overview.__class__, "failure_names", fails)
    answer = client.get("/failures")
    assert answer.status_code == 500
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-type"].startswith("text/plain")
    assert "inside" not in answer.text


def test_no_file_but_the_shipped_ones_is_served(store: SqlStore, tmp_path: Path) -> None:
    """Paths that climb out of the folder find nothing, and a case's name writes nowhere else."""
    client = reviewer(store, code=tmp_path)
    for path in ("../pages.py", "%2e%2e/pages.py", "..%2fpages.py", "%2e%2e%2f%2e%2e%2fcli/ui.py",
                 "//etc/passwd", "/etc/passwd", "....//pages.py", "..%5cpages.py", "%00style.css",
                 "style.css/../../pages.py", "templates/base.html"):  # fmt: skip
        answer = client.get(f"/static/{path}")
        assert answer.status_code in (400, 404), path
        assert "import" not in answer.text
    handle = next(r.handle for r in store.cases(limit=1_000) if r.state is CaseState.REPRODUCED)
    content = dict(store.case(handle).case)
    for slug in ("../../outside", "/tmp/outside", 'a"; filename="x.sh', "a\r\nX: y", "a/b", ""):
        store.save_case(handle, {**content, "slug": slug})
        for answer in (client.get(f"/cases/{handle}/file"),
                       client.post(f"/cases/{handle}/export", headers=SAME, data={})):  # fmt: skip
            assert answer.status_code in (400, 409), slug
    store.save_case(handle, content)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_forms_are_bounded(store: SqlStore) -> None:
    """Too many bytes, fields, or bytes that are no text: refused or read as text, never a crash."""
    client, path = reviewer(store), f"/cases/{handles(store)[0]}/approve"
    bodies = [
        (b"env=" + b"x" * 262_200, 413), (b"&".join(b"a%d=1" % n for n in range(101)), 400),
        (b"\xff\xfe\x00=%ff", 409), (b"env=" + b"A%0a" * 20_000, 409), (b"=&=&;;&%", 409),
        (b'{"env": 1}', 409),
    ]  # fmt: skip
    for body, status in bodies:
        answer = client.post(path, headers=SAME, content=body)
        assert answer.status_code == status, body[:40]

    def endless() -> Iterator[bytes]:
        while True:
            yield b"env=" + b"x" * 65_536

    assert client.post(path, headers=SAME, content=b"x" * 400_000).status_code == 413
    long = client.get(f"/failures?q={'x' * 25_000}&version={'y' * 25_000}")
    assert long.status_code in (200, 414)


def test_a_result_cannot_end_its_event(store: SqlStore) -> None:
    """Line ends of any kind inside a message stay data of the same event."""
    for end in ("\n", "\r", "\r\n", "\n\n", "\x0b", "\u2028", "\x85"):
        sent = _event("progress", f"<p>a{end}event: over{end}data: x</p>")
        lines = re.split(r"\r\n|\n|\r", sent)
        assert lines[0] == "event: progress"
        assert all(line.startswith("data: ") for line in lines[1:] if line), repr(end)
        assert sent.endswith("\n\n")


def test_the_page_calls_no_address_it_was_given(store: SqlStore, tmp_path: Path) -> None:
    """Addresses in records and forms are asked for by nobody."""
    asked: list[str] = []

    class Counting(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(204)
            self.end_headers()

        do_POST = do_GET

    with HTTPServer(("127.0.0.1", 0), Counting) as there:
        threading.Thread(target=there.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{there.server_port}/"
        producer = Producer(store)
        failure = a_failure("url", error_message=url, stack_trace=url)
        records = [failing(at=time.time() - n, failure=failure, trace_id=url) for n in range(3)]
        step = StepRecord(
            "chat", {"url": url}, "value", {"body": f'{{"image_url": "{url}"}}'}, digest="d"
        )
        producer.write(*records, recordings=tuple(recording_of(e, steps=(step,)) for e in records))
        handle = store.failure("v2:fingerprint-url").row.handle
        client = reviewer(store)
        for path in (f"/failures/{handle}", f"/cases/{handle}", f"/cases/{handle}/steps/0", f"/failures?q={url}",
                     f"/alerts?alertmanager={url}", f"/?url={url}&next={url}"):  # fmt: skip
            assert client.get(path).status_code == 200, path
        for field in ("postcondition", "recovery", "env", "programs", "url", "callback"):
            client.post(f"/cases/{handle}/approve", headers=SAME, data={field: url})
        assert url in client.get(f"/failures/{handle}").text
        before = list(asked)
        urllib.request.urlopen(f"{url}by-this-test", timeout=5).close()
        there.shutdown()
    assert before == []
    assert asked == ["/by-this-test"]


@pytest.fixture
def listening(store: SqlStore, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A server as ``genmon ui`` runs it, whose patience is tenths of a second."""
    monkeypatch.setattr(server, "HEAD_S", 0.3)
    monkeypatch.setattr(gate, "BODY_S", 0.3)
    port = free_port()
    app = create_app(store, Access(port), Sessions(KEY))
    runs = uvicorn.Server(server.configuration(app, "127.0.0.1", port))
    thread = threading.Thread(target=runs.run, daemon=True)
    thread.start()
    while not runs.started:
        time.sleep(0.02)
    yield port
    runs.should_exit = True
    thread.join(10)


def _told(port: int, sent: bytes, drip: bytes = b"") -> bytes:
    """Send bytes, then some a piece, and return what came until the server closed or fell silent."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.sendall(sent)
        try:
            for each in drip:
                time.sleep(0.1)
                client.sendall(bytes([each]))
        except OSError:
            return b""
        found = b""
        try:
            while part := client.recv(65_536):
                found += part
        except OSError:
            pass
        return found


def test_slow_clients_are_let_go(listening: int) -> None:
    """Who never finishes a head, or a body, is closed; others are answered meanwhile."""
    host = f"Host: 127.0.0.1:{listening}\r\n".encode()
    assert _told(listening, b"") == b""
    assert b"200" not in _told(listening, b"GET / HT")
    assert b"200" not in _told(listening, b"GET / HTTP/1.1\r\n" + host, drip=b"X-A: aaaaaaaaaa")
    form = b"POST /failures/x/resolve HTTP/1.1\r\nsec-fetch-site: same-origin\r\n" + host
    # Without a session nothing of a body is read; the answer does not wait for it.
    assert b" 401 " in _told(
        listening, form + b"Content-Length: 1000\r\nConnection: close\r\n\r\nabc"
    )
    idle = [socket.create_connection(("127.0.0.1", listening)) for _ in range(30)]
    good = _told(
        listening, b"GET /static/icon.svg HTTP/1.1\r\nConnection: close\r\n" + host + b"\r\n"
    )
    assert b" 200 " in good.splitlines()[0]
    for each in idle:
        each.close()


def test_a_half_sent_form_is_let_go(listening: int, store: SqlStore) -> None:
    """A reviewer's form that stops, or drips, is refused in words and takes nothing; then the rest works."""
    handle = handles(store)[0]
    before = store.failure(handle).row.status
    token = sign_link(KEY, "ada", time.time())
    entered = _told(
        listening,
        f"GET /enter?token={token} HTTP/1.1\r\nHost: 127.0.0.1:{listening}\r\nConnection: close\r\n\r\n".encode(),
    )
    cookie = re.search(rb"set-cookie: ([^;]+)", entered, re.IGNORECASE)
    assert cookie is not None, entered
    head = (
        f"POST /failures/{handle}/ignore HTTP/1.1\r\nHost: 127.0.0.1:{listening}\r\n"
        f"sec-fetch-site: same-origin\r\nCookie: {cookie[1].decode()}\r\n"
    ).encode()
    sent = [
        (head + b"Content-Length: 1000\r\n\r\nseen=o", b""),
        (head + b"Content-Length: 1000\r\n\r\n", b"a=aaaaaa"),
        (head + b"Transfer-Encoding: chunked\r\n\r\n3\r\na=b\r\n", b""),
    ]
    for request, drip in sent:
        answer = _told(listening, request, drip)
        assert answer == b"" or b" 408 " in answer.splitlines()[0], answer
        assert answer == b"" or b"Send it again" in answer
    assert store.failure(handle).row.status == before
    large = _told(
        listening,
        head + b"Connection: close\r\nContent-Length: 300000\r\n\r\n" + b"a" * 300_000,
    )
    assert large == b"" or b" 413 " in large.splitlines()[0]


def test_later_requests_of_a_connection_are_bounded_too(listening: int) -> None:
    """After a first answer a head or a body that drips is let go, session or not; a quiet client is not."""
    host = f"Host: 127.0.0.1:{listening}\r\n".encode()
    first = b"GET /static/icon.svg HTTP/1.1\r\n" + host + b"\r\n"
    form = b"POST /failures/x/resolve HTTP/1.1\r\nsec-fetch-site: same-origin\r\n" + host
    forever = [b"a"] * 200
    for sent in (
        first + b"G", first + b"GET / HTTP/1.1\r\n" + host + b"X: ", first * 3 + b"GET / HTTP/1.1\r\n",
        form + b"Content-Length: 1000\r\n\r\n", first + form + b"Content-Length: 1000\r\n\r\n",
        form.replace(b"same-origin", b"none") + b"Content-Length: 1000\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + host + b"Content-Length: 1000\r\n\r\n",
        form + b"Transfer-Encoding: chunked\r\n\r\n3\r\na=b\r\n1\r\n",
    ):  # fmt: skip
        with socket.create_connection(("127.0.0.1", listening), timeout=10) as client:
            client.sendall(sent)
            with pytest.raises(OSError):  # closed by the server before all of it was sent
                for each in forever:
                    time.sleep(0.05)
                    client.sendall(each)
    with socket.create_connection(("127.0.0.1", listening), timeout=10) as client:
        for _ in range(3):
            client.sendall(first)
            answer = b""
            while b"</svg>" not in answer:
                answer += client.recv(65_536)
            assert b" 200 " in answer.splitlines()[0]
            time.sleep(0.6)  # longer than a head may take


def test_raw_requests_that_no_browser_sends_are_refused(listening: int) -> None:
    """Two hosts, none, folded or endless heads, smuggled lengths: each is refused with its own status."""
    host = f"Host: 127.0.0.1:{listening}\r\n".encode()
    wrong = []
    for status, sent in (
        (400, b"GET / HTTP/1.1\r\n" + host + b"Host: evil.example\r\n\r\n"),
        (400, b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n"),
        (421, b"GET http://evil.example/ HTTP/1.1\r\nConnection: close\r\nHost: evil.example\r\n\r\n"),
        (401, b"GET http://evil.example/ HTTP/1.1\r\nConnection: close\r\n" + host + b"\r\n"),
        (400, b"GET / HTTP/1.1\r\n" + host + b"X: " + b"a" * 200_000 + b"\r\n\r\n"),
        (403, b"POST / HTTP/1.1\r\n" + host + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r\n"),
        (400, b"GET / HTTP/1.1\r\n" + host + b"Bad Header: x\r\n\r\n"),
        (400, b"\x16\x03\x01\x02\x00\x01\x00"),
        (400, b"GET /\r\n\r\n"),
        (403, b"CONNECT evil.example:443 HTTP/1.1\r\n" + host + b"Connection: close\r\n\r\n"),
    ):  # fmt: skip
        answer = _told(listening, sent)[:20]
        if not answer.startswith(f"HTTP/1.1 {status} ".encode()):
            wrong.append((sent[:60], answer))
    assert wrong == []


def test_a_server_s_key_is_its_user_s_alone(tmp_path: Path) -> None:
    """The file by which ``--link`` makes links is private, never written through a link, gone at the end."""
    outside = tmp_path / "outside"
    outside.write_text("kept")
    (tmp_path / "ui-8750.json").symlink_to(outside)
    with server.announced(tmp_path, PORT, URL):
        path = tmp_path / "ui-8750.json"
        assert not path.is_symlink()
        assert path.stat().st_mode & 0o777 == 0o600
        assert "/enter?token=" in server.make_link(tmp_path, PORT, "ada")
    assert outside.read_text() == "kept"
    with pytest.raises(GenmonError, match="Start one"):
        server.make_link(tmp_path, PORT, "ada")
