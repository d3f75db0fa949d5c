"""Write the committed rules and Alertmanager files, or check a configuration's secrets."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

from genmon_otel.rules.alertmanager import TEMPLATE, message_template, missing_secrets
from genmon_otel.rules.alertmanager import render_alertmanager as configuration
from genmon_otel.rules.render import render_rules


def committed() -> Mapping[str, str]:
    """Every generated file under ``prometheus_rules/`` and its text."""
    return {
        "genmon.rules.yml": render_rules(),
        "alertmanager/alertmanager.yml": configuration("pagerduty", "slack"),
        "alertmanager/alertmanager.opsgenie-email.yml": configuration("opsgenie", "email"),
        "alertmanager/alertmanager.webhook.yml": configuration("webhook", "webhook"),
        f"alertmanager/{TEMPLATE}": message_template(),
    }


def main() -> int:
    """Write everything, or name the secret files that are missing (exit code 1)."""
    parser = argparse.ArgumentParser(prog="python -m genmon_otel.rules", description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("prometheus_rules"))
    parser.add_argument("--check-secrets", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    if arguments.check_secrets:
        missing = missing_secrets(arguments.check_secrets.read_text(encoding="utf-8"))
        for path in missing:
            print(f"{path}: missing, empty or not readable")
        return 1 if missing else 0
    for name, text in committed().items():
        path = arguments.output / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        print(path)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
