"""The program `landscape`, also `python -m landscape_catalog`.

Only the standard library's lightest modules are imported before Ctrl-C is caught: importing the
rest takes up to a second, in which there is nothing to keep and nothing to say.
"""

import os
import signal

INTERRUPTED = 130  # as in `cli`, which is not imported yet


def end_quietly() -> None:
    """Let a signal end the process without a word, until the command line listens itself."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: os._exit(INTERRUPTED))


def main() -> None:
    """Import the command line and run it."""
    end_quietly()
    from landscape_catalog.cli import main as run

    run()


if __name__ == "__main__":
    main()
