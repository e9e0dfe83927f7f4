"""What wakes the workers: nobody who looks first and then waits misses a task. And what burns waits for nobody."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from celery import Celery
from celery.signals import task_prerun
from django.conf import settings

from accord_hub import background
from accord_hub.background import OWN_QUEUES, Bell, OnceScheduler


def test_a_ring_between_looking_and_waiting_is_not_missed() -> None:
    bell = Bell()
    heard = bell.rings
    bell.ring()
    assert bell.wait(heard, 0)
    assert not bell.wait(bell.rings, 0)


def test_all_who_wait_are_woken() -> None:
    bell = Bell()
    heard = bell.rings
    with ThreadPoolExecutor(3) as threads:
        waiting = [threads.submit(bell.wait, heard, 20) for _ in range(3)]
        bell.ring()
        assert [future.result() for future in waiting] == [True] * 3


def test_a_sweep_that_waits_is_not_queued_again() -> None:
    """Or on a machine where each takes long the queue would grow, and what burns would wait for all of it."""
    app = Celery("tried", broker="memory://tried/", set_as_current=False)
    schedule = {"a": {"task": "tried.sweep", "schedule": 5}}
    app.conf.update(task_default_queue="tried", task_ignore_result=True, beat_schedule=schedule)

    @app.task(name="tried.sweep", shared=False)
    def sweep() -> None:
        """It is only queued."""

    scheduler = OnceScheduler(app)
    entry = scheduler.schedule["a"]

    def waiting() -> int:
        with app.connection_for_read() as connection:
            return connection.default_channel.queue_declare("tried").message_count

    for _ in range(3):
        scheduler.apply_entry(entry)
    assert waiting() == 1
    assert scheduler.apply_async(entry, advance=True).total_run_count == 1  # its time is kept all the same
    task_prerun.send(sender=sweep, task=sweep, task_id="1")
    for _ in range(3):
        scheduler.apply_entry(entry)
    assert waiting() == 2
    background._waiting["tried.sweep"] -= background.LOST_SECONDS  # it never came: the broker forgets
    scheduler.apply_entry(entry)
    assert waiting() == 3
    task_prerun.send(sender=sweep, task=sweep, task_id="2")


def test_what_burns_has_a_worker_of_its_own() -> None:
    """Of 60 s (protocol.md section 1) it may not wait for the search of other hubs, which takes up to 15 each time."""
    burning = {task for task, route in settings.CELERY_TASK_ROUTES.items() if route["queue"] == "burning"}
    assert burning == {name for name in settings.CELERY_BEAT_SCHEDULE if name.endswith(".burn")}
    assert {route["queue"] for route in settings.CELERY_TASK_ROUTES.values()} == set(OWN_QUEUES)
