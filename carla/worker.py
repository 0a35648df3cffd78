"""Speaks with a CARLA server for `ferrodrive carla`, which starts this program.

One JSON object a line on standard input, `{"do": NAME, ...}`, and for each one line on standard output: `{"ok": {...}}`
or `{"error": {"kind": ..., "message": ...}}`. What is there when the input ends, or on SIGTERM, is taken down. What is
done with it (lockstep, routes, scores) is decided by the program that asks; nothing is decided here.
"""
import json
import os
import signal
import sys
import traceback

from refusal import Refusal
from session import Session


class Terminated(Exception):
    """SIGTERM came."""


def _terminate(_signal, _frame):
    # A second one must not end the clean-up of the first.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise Terminated


def answer(session, line):
    """The answer to one line, as an object."""
    try:
        request = json.loads(line)
        name = request.pop("do")
        act = session.ACTIONS[name]
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        return {"error": {"kind": "protocol", "message": f"no request: {line.strip()[:200]}: {error!r}"}}
    try:
        return {"ok": act(session, **request) or {}}
    except Refusal as refusal:
        return {"error": {"kind": refusal.kind, "message": str(refusal)}}
    except RuntimeError as error:
        # The client library says everything so: above all that the server is gone.
        return {"error": {"kind": "server", "message": f"the CARLA server did not do `{name}`: {error}"}}
    except Terminated:
        raise
    except Exception as error:  # noqa: BLE001: a fault here must not leave a world behind that stands still
        traceback.print_exc()
        return {"error": {"kind": "fault", "message": f"`{name}` failed: {error!r}"}}


def main(carla):
    """Answers until the input ends. `carla`: the client module."""
    # The library writes to standard output itself.
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    # Ctrl-C reaches the program that asks: it says when this ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _terminate)
    session = Session(carla)
    try:
        for line in sys.stdin:
            try:
                text = json.dumps(answer(session, line), allow_nan=False)
            except ValueError:
                text = json.dumps({"error": {"kind": "fault", "message": "the server gave what is no number"}})
            print(text, file=out, flush=True)
    except (Terminated, BrokenPipeError):
        pass
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        session.teardown()


if __name__ == "__main__":
    try:
        import carla
    except ImportError as missing:
        words = f"the Python package `carla` cannot be loaded ({missing}): run `tools/setup.sh carla`"
        print(json.dumps({"error": {"kind": "package", "message": words}}), flush=True)
        sys.exit(1)
    main(carla)
