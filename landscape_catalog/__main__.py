"""The program `landscape`, also `python -m landscape_catalog`.

Only the standard library's lightest modules are imported before Ctrl-C is caught: importing the
rest takes up to a second, in which there is nothing to keep and nothing to say.
"""

import os
import signal

INTERRUPTED = 130  # as in `cli`, which is not imported yet


def main() -> None:
    """Import the command line and run it; a signal before it listens itself ends the process."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: os._exit(INTERRUPTED))
    from landscape_catalog.cli import main as run

    run()


if __name__ == "__main__":
    main()
