"""APScheduler 3 on PostgreSQL, with one date job for each call.

The user guide and FAQ of its documentation (apscheduler.readthedocs.io), section by section:

- Choosing the right scheduler, job stores and executors: a persistent job store, recommended on PostgreSQL;
  BlockingScheduler, as nothing else runs in the process; the thread pool;
- Missed job executions and coalescing: without `misfire_grace_time=None`, what is a second late is dropped;
- Adding jobs: explicit ids and `replace_existing` in a persistent store;
- Scheduler events: failed jobs are not kept, so a listener notes them;
- FAQ: one process for each job store.
"""

from datetime import UTC, datetime
from pathlib import Path

from apscheduler.events import EVENT_JOB_ERROR, JobExecutionEvent
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.schedulers.base import BaseScheduler
from apscheduler.schedulers.blocking import BlockingScheduler
from peer import Account, calls, setup

FAILED = Path("failed.txt")


def configured(kind: type[BaseScheduler]) -> BaseScheduler:
    given = setup()
    return kind(
        jobstores={"default": SQLAlchemyJobStore(url=given.database)},
        executors={"default": ThreadPoolExecutor(given.in_flight)},
        job_defaults={"misfire_grace_time": None, "coalesce": True},
        timezone=UTC,
    )


def enqueue() -> None:
    scheduler = configured(BackgroundScheduler)
    scheduler.start(paused=True)
    for call in calls():
        scheduler.add_job(
            "peer:post",
            "date",
            run_date=datetime.fromtimestamp(call["due"], UTC),
            args=[call],
            id=call["phone"],
            replace_existing=True,
        )
    scheduler.shutdown()


def note(event: JobExecutionEvent) -> None:
    with FAILED.open("a") as file:
        file.write(f"{event.job_id}\n")


def work() -> None:
    scheduler = configured(BlockingScheduler)
    scheduler.add_listener(note, EVENT_JOB_ERROR)
    scheduler.start()


def account() -> Account:
    scheduler = configured(BackgroundScheduler)
    scheduler.start(paused=True)
    waiting = [job.id for job in scheduler.get_jobs()]
    scheduler.shutdown()
    return Account(waiting=waiting, reported=FAILED.read_text().split() if FAILED.exists() else [])
