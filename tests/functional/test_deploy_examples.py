"""`examples/deploy` as the programs read it that it is for. What is not installed is skipped."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from runner.serve.metrics import METRICS

EXAMPLES = Path(__file__).parents[2] / "examples"
DEPLOY = EXAMPLES / "deploy"
RUNNER = str(Path(sys.executable).with_name("runner"))
PROMETHEUS = re.compile(r"\brunner_[a-z_]+")
_OF_A_HISTOGRAM = re.compile(r"_(bucket|count|sum)$")


def program(name):
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def check(*command):
    done = subprocess.run(command, cwd=DEPLOY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def expressions():
    """All that the dashboard asks Prometheus for."""
    dashboard = json.loads((DEPLOY / "grafana-dashboard.json").read_text())
    return [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]


def test_the_table_of_metrics_names_those_that_there_are():
    written = (EXAMPLES / "README.md").read_text().splitlines()
    rows = [line for line in written if line.startswith("| `runner_")]
    made = [(each.name, ", ".join(f"`{label}`" for label in each.labels), each.help) for each in METRICS]
    assert rows == [f"| `{name}` | {labels} | {meaning}. |" for name, labels, meaning in made]


@pytest.mark.parametrize("path", sorted(DEPLOY.glob("*.yaml")), ids=lambda path: path.name)
def test_every_yaml_file_can_be_read(path):
    assert YAML(typ="safe", pure=True).load(path)


@pytest.mark.parametrize("file", ["grafana-dashboard.json", "alerts.yaml", "alerts.test.yaml"])
def test_every_metric_that_is_asked_for_is_there(file):
    known = {each.name for each in METRICS}
    named = {_OF_A_HISTOGRAM.sub("", name) for name in PROMETHEUS.findall((DEPLOY / file).read_text())}
    assert named
    assert named <= known


def test_prometheus_reads_the_rules_and_they_alert_as_they_should(tmp_path):
    promtool = program("promtool")
    check(promtool, "check", "rules", "alerts.yaml")
    check(promtool, "test", "rules", "alerts.test.yaml")
    (tmp_path / "token").touch()
    config = (
        (DEPLOY / "prometheus.yaml").read_text().replace("/etc/prometheus/runner.token", f"{tmp_path}/token")
    )
    (tmp_path / "prometheus.yaml").write_text(config)
    shutil.copy(DEPLOY / "alerts.yaml", tmp_path)
    check(promtool, "check", "config", f"{tmp_path}/prometheus.yaml")


def test_prometheus_understands_what_the_dashboard_asks_for(tmp_path):
    promtool = program("promtool")
    rules = [
        {"record": f"panel:{number}", "expr": asked.replace("$campaign", ".*")}
        for number, asked in enumerate(expressions())
    ]
    (tmp_path / "rules.yaml").write_text(json.dumps({"groups": [{"name": "panels", "rules": rules}]}))
    check(promtool, "check", "rules", f"{tmp_path}/rules.yaml")


def test_systemd_reads_the_unit_and_finds_it_confined(tmp_path):
    systemd = program("systemd-analyze")
    unit = tmp_path / "runner.service"
    unit.write_text((DEPLOY / "runner.service").read_text().replace("/opt/runner/bin/runner", RUNNER))
    assert check(systemd, "verify", str(unit)) == ""
    check(systemd, "security", "--offline=yes", "--threshold=20", str(unit))


def test_caddy_reads_its_file():
    caddy = program("caddy")
    check(caddy, "validate", "--config", "Caddyfile", "--adapter", "caddyfile")
