"""procrastinate on PostgreSQL.

Its documentation (procrastinate.readthedocs.io), page by page:

- Batch defer multiple jobs: all jobs are deferred in one transaction;
- Execute multiple jobs at the same time: asynchronous tasks, with `concurrency`;
- Discussions, size of the PostgreSQL pool: for short jobs one connection more than `concurrency`;
- Define a retry strategy on a task: `retry` of a job that failed;
- Retry stalled jobs: a periodic task with a queueing lock retries the jobs of workers without a heartbeat for
  30 seconds. It runs each minute here, not each tenth, so that the comparison takes less long;
- Discussions, idle workers: how often they look for scheduled jobs is a setting, here ten times a second.
"""

from datetime import UTC, datetime

from peer import Account, AsyncPosts, calls, setup
from procrastinate import App, PsycopgConnector, RetryStrategy

given = setup()
app = App(
    connector=PsycopgConnector(conninfo=given.database.replace("+psycopg", ""), max_size=given.in_flight + 1)
)
posts = AsyncPosts(given.in_flight)


@app.task(name="send", retry=RetryStrategy(max_attempts=3, wait=1))
async def send(**call) -> None:
    await posts.post(call)


@app.periodic(cron="* * * * *")
@app.task(name="retry_stalled", queueing_lock="retry_stalled")
async def retry_stalled(timestamp: int) -> None:  # noqa: ARG001 - procrastinate passes it
    for job in await app.job_manager.get_stalled_jobs():
        await app.job_manager.retry_job(job)


def enqueue() -> None:
    with app.open():
        app.schema_manager.apply_schema()
        by_time: dict[float, list] = {}
        for call in calls():
            by_time.setdefault(call["due"], []).append(call)
        for due, together in by_time.items():
            send.configure(schedule_at=datetime.fromtimestamp(due, UTC)).batch_defer(*together)


def work() -> None:
    app.run_worker(concurrency=given.in_flight, fetch_job_polling_interval=0.1)


def account() -> Account:
    with app.open():
        jobs = list(app.job_manager.list_jobs(task="send"))
    return Account(
        waiting=[job.task_kwargs["phone"] for job in jobs if job.status in {"todo", "doing"}],
        reported=[job.task_kwargs["phone"] for job in jobs if job.status in {"failed", "aborted"}],
    )
