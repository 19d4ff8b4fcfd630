# SPDX-License-Identifier: MPL-2.0
from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from instant_clone.memo import Memo

THREADS = 8


def test_a_value_is_computed_once_for_each_key() -> None:
    memo: Memo[str, str] = Memo()
    asked: list[str] = []

    def compute(key: str) -> str:
        asked.append(key)
        return key.upper()

    assert [memo.get(key, lambda key=key: compute(key)) for key in ("a", "b", "a", "a")] == ["A", "B", "A", "A"]  # type: ignore[misc]
    assert asked == ["a", "b"]


def test_all_who_ask_at_the_same_time_get_the_one_value() -> None:
    memo: Memo[str, object] = Memo()
    together = threading.Barrier(THREADS, timeout=120)
    computed: list[object] = []

    def compute() -> object:
        computed.append(object())
        return computed[-1]

    def ask(_: int) -> object:
        together.wait()
        return memo.get("key", compute)

    with ThreadPoolExecutor(THREADS) as threads:
        answers = list(threads.map(ask, range(THREADS)))

    assert len(computed) == 1
    assert all(answer is computed[0] for answer in answers)


def test_keys_do_not_wait_for_each_other() -> None:
    memo: Memo[str, str] = Memo()
    # Each computation ends only when the other has begun.
    both = threading.Barrier(2, timeout=120)

    def compute(key: str) -> str:
        both.wait()
        return key

    with ThreadPoolExecutor(2) as threads:
        answers = list(threads.map(lambda key: memo.get(key, lambda: compute(key)), ("a", "b")))

    assert answers == ["a", "b"]


def test_a_computation_that_failed_is_tried_again() -> None:
    memo: Memo[str, int] = Memo()

    def fail() -> int:
        raise OSError("no connection")

    with pytest.raises(OSError, match="no connection"):
        memo.get("key", fail)
    assert memo.get("key", lambda: 7) == 7


def test_who_waits_for_a_computation_that_fails_computes_it_anew() -> None:
    memo: Memo[str, int] = Memo()
    computing, waiting = threading.Event(), threading.Event()

    def fail() -> int:
        computing.set()
        assert waiting.wait(120)
        raise OSError("no connection")

    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(memo.get, "key", fail)
        assert computing.wait(120)
        second = threads.submit(memo.get, "key", lambda: 7)
        waiting.set()

        assert isinstance(first.exception(), OSError)
        assert second.result() == 7


def test_none_is_a_value_like_any_other() -> None:
    memo: Memo[str, None] = Memo()
    computed: list[int] = []

    def compute() -> None:
        computed.append(1)

    for _ in range(3):
        memo.get("key", compute)
    assert computed == [1]
