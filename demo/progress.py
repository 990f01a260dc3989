"""Shows that something long is still going on, on a terminal and in a log file alike."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

_TICK_SECONDS = 2.0


@contextmanager
def doing(what: str) -> Iterator[None]:
    """Say what is being done, count the seconds, and say how long it took."""
    started = time.monotonic()
    ended = threading.Event()

    def count() -> None:
        while not ended.wait(_TICK_SECONDS):
            print(f" {time.monotonic() - started:.0f} s …", end="", flush=True)

    print(f"  {what} …", end="", flush=True)
    counter = threading.Thread(target=count, daemon=True)
    counter.start()
    try:
        yield
    except BaseException:
        print(" failed", flush=True)
        raise
    else:
        print(f" done in {time.monotonic() - started:.1f} s", flush=True)
    finally:
        ended.set()
        counter.join()
