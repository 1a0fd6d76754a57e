"""huey on SQLite.

Its documentation (huey.readthedocs.io), page by page:

- API, SqliteHuey: `fsync` for durable writes, `timeout` for many workers on one file;
- Consumer: `-k thread` is the default and safe choice, `-w` the number of workers; `-d` and `-m` set how
  often an idle worker looks for tasks, here ten times a second;
- Guide, retries: `retries` and `retry_delay` of a task that failed;
- Deployment, production checklist: a handler of SIGNAL_INTERRUPTED enqueues again what a shutdown interrupts,
  and a supervisor starts the consumer again. The page says that a task under way is lost by SIGKILL; there is
  no recipe for it.
"""

import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from huey import SqliteHuey
from huey.signals import SIGNAL_INTERRUPTED
from huey.utils import Error
from peer import Account, Call, calls, post, setup

huey = SqliteHuey(filename=setup().database.removeprefix("sqlite:///"), fsync=True, timeout=60)


@huey.task(retries=2, retry_delay=1)
def send(call: Call) -> None:
    post(call)


@huey.signal(SIGNAL_INTERRUPTED)
def enqueue_again(_signal, task) -> None:
    huey.enqueue(task)


def enqueue() -> None:
    for call in calls():
        # The id of a task is the key of its result, by which a failure is found.
        eta = datetime.fromtimestamp(call["due"], UTC)
        huey.enqueue(send.s(call, id=call["phone"], eta=eta))


def work() -> None:
    workers = str(setup().in_flight)
    consumer = Path(sys.executable).with_name("huey_consumer")
    options = ("-k", "thread", "-w", workers, "-d", "0.1", "-m", "0.1", "-n", "-q")
    # The consumer imports this module.
    os.environ["PYTHONPATH"] = str(Path(__file__).parent)
    os.execv(consumer, [consumer, "huey_peer.huey", *options])


def account() -> Account:
    results = {key: huey.serializer.deserialize(value) for key, value in huey.all_results().items()}
    return Account(
        waiting=[task.id for task in [*huey.pending(), *huey.scheduled()]],
        reported=[key for key, result in results.items() if isinstance(result, Error)],
    )
