"""Who is notified of what, and what they read, by the real Alertmanager."""

from __future__ import annotations

import itertools
import subprocess
from pathlib import Path

import pytest

from genmon_otel.errors import ConfigurationError
from genmon_otel.rules import message_template, missing_secrets, render_alertmanager
from tests.prometheus_kit.loopback import Receiver, alertmanager, post_alerts
from tests.prometheus_kit.programs import Programs

pytestmark = pytest.mark.alertmanager

PAGERS = ("pagerduty", "opsgenie", "webhook")
TICKETS = ("slack", "email", "webhook")

SENTENCE = (
    "build_app/react eu/prod: 7 of 9 failed in 1 h, last 10 min 3 of 3; 6 × rate_limit at "
    "call_model. Clears by 03:58 UTC if nothing more fails."
)


def _written(folder: Path, text: str) -> Path:
    (folder / "genmon.tmpl").write_text(message_template())
    path = folder / "alertmanager.yml"
    path.write_text(text)
    return path


@pytest.mark.parametrize(("pager", "tickets"), itertools.product(PAGERS, TICKETS))
def test_configuration_is_accepted(
    programs: Programs, tmp_path: Path, pager: str, tickets: str
) -> None:
    """amtool accepts every pair of receivers, templates included."""
    text = render_alertmanager(pager, tickets, template=str(tmp_path / "genmon.tmpl"))  # type: ignore[arg-type]
    done = subprocess.run(
        [programs.amtool, "check-config", _written(tmp_path, text)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 templates" in done.stdout


@pytest.mark.parametrize(
    ("labels", "receiver"),
    [
        ({"alertname": "GenmonHighFailureRate", "severity": "critical", "namespace": "prod"}, "genmon-page"),
        ({"alertname": "GenmonHighFailureRate", "severity": "critical"}, "genmon-page"),
        ({"severity": "critical", "namespace": "latest", "cluster": "contest"}, "genmon-page"),
        ({"severity": "critical", "namespace": "staging"}, "genmon-ticket"),
        ({"severity": "critical", "namespace": "web-staging"}, "genmon-ticket"),
        ({"severity": "critical", "namespace": "prod", "cluster": "staging-eu"}, "genmon-ticket"),
        ({"severity": "critical", "namespace": "dev"}, "genmon-ticket"),
        ({"alertname": "GenmonErrorBudgetBurn", "severity": "warning", "namespace": "prod"}, "genmon-ticket"),
        ({"severity": "info"}, "genmon-ticket"),
    ],
)  # fmt: skip
def test_routes(programs: Programs, tmp_path: Path, labels: dict[str, str], receiver: str) -> None:
    """Critical pages, unless it is of a staging environment; all else makes a ticket."""
    path = _written(tmp_path, render_alertmanager(template=str(tmp_path / "genmon.tmpl")))
    done = subprocess.run(
        [
            programs.amtool, "config", "routes", "test", f"--config.file={path}",
            f"--verify.receivers={receiver}", *(f"{k}={v}" for k, v in labels.items()),
        ],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_missing_secret_files_are_named(tmp_path: Path) -> None:
    """A secret file that is missing or empty is named; a filled one is not."""
    (tmp_path / "pagerduty_routing_key").write_text("key")
    text = render_alertmanager(secrets_dir=str(tmp_path))
    assert missing_secrets(text) == [tmp_path / "slack_webhook_url"]
    (tmp_path / "slack_webhook_url").write_text("")
    assert missing_secrets(text) == [tmp_path / "slack_webhook_url"]
    (tmp_path / "slack_webhook_url").write_text("http://127.0.0.1:1")
    assert missing_secrets(text) == []


def test_unknown_receivers_are_refused() -> None:
    """An unknown receiver is refused with what is allowed."""
    with pytest.raises(ConfigurationError, match="pagerduty, opsgenie, webhook"):
        render_alertmanager("pigeon")  # type: ignore[arg-type]


def _alert(**changes: str) -> dict[str, object]:
    labels = {
        "alertname": "GenmonHighFailureRate", "severity": "critical", "cluster": "eu",
        "namespace": "prod", "job": "app", "operation": "build_app", "framework": "react",
        **changes,
    }  # fmt: skip
    annotations = {
        "description": SENTENCE,
        "dashboard_url": "http://grafana/d/genmon-generations",
        "runbook_url": "http://runbooks/GenmonHighFailureRate.md",
    }
    return {
        "labels": {k: v for k, v in labels.items() if v}, "annotations": annotations,
    }  # fmt: skip


def _quick(text: str) -> str:
    for slow in ("group_wait: 1m", "group_wait: 10s"):
        text = text.replace(slow, "group_wait: 1s")
    return text.replace("group_interval: 1m", "group_interval: 1s")


def _slack(tmp_path: Path, receiver: Receiver) -> Path:
    """A configuration whose ticket receiver is a Slack that we play."""
    (tmp_path / "slack_webhook_url").write_text(f"{receiver.url}/slack")
    (tmp_path / "webhook_token").write_text("secret-token")
    text = render_alertmanager(
        "webhook", "slack", secrets_dir=str(tmp_path),
        template=str(tmp_path / "genmon.tmpl"), webhook_url=f"{receiver.url}/page",
    )  # fmt: skip
    return _written(tmp_path, _quick(text))


def test_the_message_says_it_all(programs: Programs, tmp_path: Path, receiver: Receiver) -> None:
    """A rendered message is the sentence, then the links; staging's page goes to tickets."""
    with alertmanager(programs, _slack(tmp_path, receiver), tmp_path) as url:
        post_alerts(url, [_alert(namespace="staging")])
        message = receiver.wait("/slack")["attachments"][0]
    assert message["title"] == SENTENCE
    assert message["title_link"] == "http://grafana/d/genmon-generations"
    assert message["text"] == (
        f"{SENTENCE}\nDashboard: http://grafana/d/genmon-generations\n"
        "Runbook: http://runbooks/GenmonHighFailureRate.md"
    )
    assert receiver.of("/page") == []


def test_links_that_were_not_given_are_left_out(
    programs: Programs, tmp_path: Path, receiver: Receiver
) -> None:
    """Without a Grafana and a runbook address the message is the sentence alone."""
    alert = _alert(namespace="staging")
    alert["annotations"] = {"description": SENTENCE}
    with alertmanager(programs, _slack(tmp_path, receiver), tmp_path) as url:
        post_alerts(url, [alert])
        message = receiver.wait("/slack")["attachments"][0]
    assert message["text"] == SENTENCE


@pytest.mark.parametrize("scope", [{}, {"cluster": "", "namespace": ""}], ids=["scoped", "bare"])
def test_one_event_pages_once(
    programs: Programs, tmp_path: Path, receiver: Receiver, scope: dict[str, str]
) -> None:
    """The specific page silences the overall one and the tickets of the same event."""
    alerts = [
        _alert(**scope),
        _alert(operation="", framework="", **scope),
        _alert(alertname="GenmonErrorBudgetBurn", severity="warning", framework="", **scope),
        _alert(alertname="GenmonCategoryTakingOver", severity="warning", operation="", framework="", **scope),
        # Another operation's budget is another matter: it comes through, and last.
        _alert(alertname="GenmonErrorBudgetBurn", severity="warning", operation="other", framework="", **scope),
    ]  # fmt: skip
    with alertmanager(programs, _slack(tmp_path, receiver), tmp_path) as url:
        post_alerts(url, alerts)
        ticket = receiver.wait("/slack")["attachments"][0]
        page = receiver.wait("/page")
    assert [alert["labels"].get("operation") for alert in page["alerts"]] == ["build_app"]
    assert receiver.authorization == "Bearer secret-token"
    assert len(receiver.of("/slack")) == 1
    assert "GenmonErrorBudgetBurn" not in ticket["title"]  # one alert: the sentence itself


def test_the_overall_page_pages_where_no_specific_one_does(
    programs: Programs, tmp_path: Path, receiver: Receiver
) -> None:
    """A specific page of another namespace silences nothing here."""
    overall = _alert(operation="", framework="")
    with alertmanager(programs, _slack(tmp_path, receiver), tmp_path) as url:
        post_alerts(url, [_alert(namespace="shop"), overall])
        pages = [receiver.wait("/page"), receiver.wait("/page", 1)]
    namespaces = {alert["labels"]["namespace"] for page in pages for alert in page["alerts"]}
    assert namespaces == {"shop", "prod"}
