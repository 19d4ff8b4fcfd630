# SPDX-License-Identifier: MPL-2.0
"""`python -m tests.recordings.record --stock BINARY [--stock BINARY …]`: record releases of the stock provider."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from testkit.in_process import ProviderService, running_stock
from testkit.stock import StockError, StockProvider
from tests.recordings.identifiers import Identifiers
from tests.recordings.recording import Recorder, folder_of
from tests.recordings.story import simulator_with_sources, tell
from tests.vcsim.client import Client

__all__ = ["main"]


def main() -> int:
    """Record the responses of each given binary into the folder of its release, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.recordings.record", description="Record the stock provider.")
    parser.add_argument(
        "--stock",
        type=Path,
        action="append",
        required=True,
        metavar="BINARY",
        help="a binary of the stock provider; repeatable",
    )
    arguments = parser.parse_args()
    try:
        stocks = [StockProvider.at(path) for path in arguments.stock]
    except StockError as error:
        print(error, file=sys.stderr)
        return 1
    return max(_record(stock) for stock in stocks)


def _record(stock: StockProvider) -> int:
    with (
        simulator_with_sources() as simulator,
        running_stock(stock.path, simulator.environment()) as channel,
        tempfile.TemporaryDirectory(prefix="recording-") as folder,
    ):
        recorder = Recorder(channel)
        service = ProviderService(recorder.answer)
        try:
            tell(service, release=stock.release, simulator=simulator, folder=Path(folder))
        except AssertionError as failure:
            print(f"{stock.release}: not recorded, because a step failed.\n{failure}", file=sys.stderr)
            return 1
        with Client(simulator) as client:
            recording = recorder.recording(Identifiers(client))
    recording.save(folder_of(stock.release))
    print(f"{stock.release}: {len(recording.calls)} requests")
    return 0


if __name__ == "__main__":
    sys.exit(main())
