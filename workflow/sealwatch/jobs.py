"""How a rule's script runs a library function: log file, and errors as one line for the user."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from .errors import SealwatchError


@contextmanager
def logged(log: str) -> Iterator[None]:
    """Send standard output and error of this process, and of its children, to the file `log`.

    A `SealwatchError` ends the process with status 1: its message goes to the terminal, its
    traceback to the log. Any other exception is a defect and is shown in the same way, with its type.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    kept_out, kept_err = os.dup(1), os.dup(2)
    with open(log, "w", encoding="utf-8") as stream:
        os.dup2(stream.fileno(), 1)
        os.dup2(stream.fileno(), 2)
        try:
            yield
        except Exception as error:
            traceback.print_exc(file=stream)
            kind = "" if isinstance(error, SealwatchError) else f"unexpected {type(error).__name__}: "
            os.write(kept_err, f"sealwatch: error: {kind}{error} (details: {log})\n".encode())
            raise SystemExit(1) from None
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os.dup2(kept_out, 1)
            os.dup2(kept_err, 2)
            os.close(kept_out)
            os.close(kept_err)
