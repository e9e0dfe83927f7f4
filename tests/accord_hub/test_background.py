"""What wakes the workers: nobody who looks first and then waits misses a task."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from accord_hub.background import Bell


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
