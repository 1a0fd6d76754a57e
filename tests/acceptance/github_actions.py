"""Just enough of GitHub to carry out a workflow's steps: a remote, checkouts, machines, comments."""

import io
import json
import os
import re
import subprocess
import sys
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from shell import RUNNER

PULL_REQUEST = 7
REPOSITORY = "clinic/campaigns"
_EXPRESSION = re.compile(r"\$\{\{\s*(.+?)\s*\}\}")
_STAND_INS = Path(__file__).with_name("github_stand_ins")


def read_workflow(path: Path) -> dict[str, Any]:
    return YAML(typ="safe").load(path)


@dataclass
class JobResult:
    """What a job left behind. `status` is that of its first failed step, or 0."""

    status: int = 0
    log: str = ""
    outputs: dict[str, str] = field(default_factory=dict)
    summary: str = ""
    temp: Path = Path()


@dataclass
class GitHub:
    """A bare repository with one pull request, and machines that know nothing of each other."""

    folder: Path
    workflow: Mapping[str, Any]
    context: dict[str, str]
    """What expressions of the workflow stand for, by their text: `secrets.X`, `vars.X`."""
    base_environment: dict[str, str]
    """What every machine has."""

    def __post_init__(self) -> None:
        self.remote = self.folder / "remote.git"
        self.results: list[JobResult] = []
        self.comments_file = self.folder / "comments.json"
        self.lists_file = self.folder / "lists.tar.gz"
        self.git("init", "--quiet", "--bare", "--initial-branch=main", str(self.remote), folder=self.folder)
        self.git("clone", "--quiet", str(self.remote), str(self.author), folder=self.folder)
        self.comments_file.write_text("[]")

    @cached_property
    def author(self) -> Path:
        """The clone of a person who works on campaigns."""
        return self.folder / "author"

    def git(self, *arguments: str, folder: Path | None = None) -> str:
        return subprocess.run(
            ["git", *arguments],
            cwd=folder or self.author,
            env={**self.base_environment, "HOME": str(self.folder)},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        ).stdout.strip()

    def commit(self, files: Mapping[str, str], message: str = "change") -> None:
        """Commits and pushes, on the author's branch."""
        for name, text in files.items():
            path = self.author / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", message)
        self.git("push", "--quiet", "origin", "HEAD")

    def merge(self, branch: str) -> str:
        """Merges the pull request; returns the commit that main was at before."""
        before = self.git("rev-parse", "main")
        self.git("switch", "--quiet", "main")
        self.git("merge", "--quiet", "--no-ff", "--message", f"Merge {branch}", branch)
        self.git("push", "--quiet", "origin", "main")
        return before

    def publish_lists(self, files: Mapping[str, str]) -> None:
        """What the clinic's export holds from now on."""
        with tarfile.open(self.lists_file, "w:gz") as archive:
            for name, text in files.items():
                member = tarfile.TarInfo(name)
                member.size = len(text.encode())
                archive.addfile(member, io.BytesIO(text.encode()))

    def comments(self) -> list[dict[str, Any]]:
        return json.loads(self.comments_file.read_text())

    def pull_request(self, branch: str, job: str, *, campaign: str = "") -> JobResult:
        """A job of a push to the pull request: GitHub checks out what merging it would give."""
        base = self.git("rev-parse", "main")
        event = {
            "github.event_name": "pull_request",
            "github.event.pull_request.base.sha || github.event.before": base,
            "github.event.pull_request.number": str(PULL_REQUEST),
        }
        return self._run(job, event, campaign, merged=branch)

    def on_main(self, event_name: str, job: str, *, before: str = "", campaign: str = "") -> JobResult:
        event = {
            "github.event_name": event_name,
            "github.event.pull_request.base.sha || github.event.before": before,
        }
        return self._run(job, event, campaign)

    def _run(
        self, name: str, event: Mapping[str, str], campaign: str, *, merged: str | None = None
    ) -> JobResult:
        job = self.workflow["jobs"][name]
        machine = self.folder / f"machine-{len(list(self.folder.glob('machine-*')))}"
        for part in ("home", "temp"):
            (machine / part).mkdir(parents=True)
        self.git("clone", "--quiet", str(self.remote), str(machine / "work"), folder=self.folder)
        if merged is not None:
            self.git(
                "merge", "--quiet", "--no-ff", "-m", "merge", f"origin/{merged}", folder=machine / "work"
            )
        context = {
            **self.context,
            **event,
            "matrix.campaign": campaign,
            "github.token": "token-of-the-job",
            "runner.temp": str(machine / "temp"),
        }
        environment = {
            **self._environment_of(machine),
            "GITHUB_EVENT_NAME": event["github.event_name"],
            **_filled(self.workflow.get("env", {}), context),
            **_filled(job.get("env", {}), context),
        }
        result = JobResult(temp=machine / "temp")
        for step in job["steps"]:
            if "run" in step:
                self._step(step, environment | _filled(step.get("env", {}), context), machine, result)
            if result.status:
                break
        result.summary = Path(environment["GITHUB_STEP_SUMMARY"]).read_text()
        outputs = Path(environment["GITHUB_OUTPUT"]).read_text().splitlines()
        result.outputs = dict(line.split("=", 1) for line in outputs)
        self.results.append(result)
        return result

    def kept(self) -> str:
        """All that GitHub keeps: logs, summaries, artifacts, comments, the repository and its history."""
        jobs = [text for result in self.results for text in (result.log, result.summary)]
        artifacts = [
            file.read_text()
            for result in self.results
            for file in result.temp.glob("review/**/*")
            if file.is_file()
        ]
        return "\n".join(
            [*jobs, *artifacts, self.comments_file.read_text(), self.git("log", "--patch", "--all")]
        )

    def _environment_of(self, machine: Path) -> dict[str, str]:
        files = {name: machine / name.lower() for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
        for file in files.values():
            file.touch()
        programs = f"{_STAND_INS}:{Path(RUNNER).parent}:{self.base_environment['PATH']}"
        return {
            **self.base_environment,
            **{name: str(file) for name, file in files.items()},
            "PATH": programs,
            "HOME": str(machine / "home"),
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_REPOSITORY": REPOSITORY,
            "GITHUB_RUN_ID": "4242",
            # GitHub's own variables share the prefix of runner's settings.
            "RUNNER_TEMP": str(machine / "temp"),
            "RUNNER_OS": "Linux",
            "RUNNER_NAME": "a machine",
            "RUNNER_ENVIRONMENT": "github-hosted",
            "STAND_IN_PYTHON": sys.executable,
            "STAND_IN_COMMENTS": str(self.comments_file),
            "STAND_IN_LISTS": str(self.lists_file),
        }

    @staticmethod
    def _step(step: Mapping[str, Any], environment: dict[str, str], machine: Path, result: JobResult) -> None:
        script = machine / "step.sh"
        script.write_text(step["run"])
        # As GitHub runs `shell: bash`.
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)],
            cwd=machine / "work",
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )
        result.log += done.stdout
        result.status = done.returncode


def _filled(variables: Mapping[str, Any], context: Mapping[str, str]) -> dict[str, str]:
    """The variables with their expressions filled in; one that the test does not know is an error."""
    return {
        name: _EXPRESSION.sub(lambda found: context[found[1]], str(value))
        for name, value in variables.items()
    }


def machine_environment() -> dict[str, str]:
    """What a bare machine has: paths, and a name for git."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    who = {
        f"GIT_{role}_{part}": "author@example.org"
        for role in ("AUTHOR", "COMMITTER")
        for part in ("NAME", "EMAIL")
    }
    return {**kept, **who, "GIT_CONFIG_NOSYSTEM": "1"}
