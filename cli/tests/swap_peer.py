"""An independent DDS peer (PyPI cyclonedds) that gives a running node another model by its life cycle.

Usage: swap_peer.py swap DOMAIN. The process that starts it keeps the other model in a folder that has its number in the
name. Says what happened as one JSON line.
"""

import os
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "tests/peer"))
from ros_peer import TEN, Client, main, ros, say, waited

Parameter = ros("rcl_interfaces/msg/Parameter")
ParameterValue = ros("rcl_interfaces/msg/ParameterValue")
Transition = ros("lifecycle_msgs/msg/Transition")
OTHER = f"{tempfile.gettempdir()}/ferrodrive_{os.getppid()}_other_model"
CONFIGURE, CLEAN_UP, ACTIVATE, DEACTIVATE = 1, 2, 3, 4


def swap(peer):
    diagnostics = peer.reader("rt/diagnostics", ros("diagnostic_msgs/msg/DiagnosticArray"), TEN)
    waited("the node", diagnostics.get_matched_publications)

    def models():
        """Names of the models in the newest status of the node."""
        found = None
        for array in diagnostics.take(N=100):
            for status in array.status:
                keys = [value.key for value in status.values]
                found = {key.split(".")[1] for key in keys if key.startswith("model.")} or found
        return found

    def told(name):
        return waited(f"model {name}", lambda: models() == {name} or time.sleep(0.05))

    def call(service, kind, number, *fields):
        asking = Client(peer, f"lidar_detector/{service}", kind)
        asking.ask(7, number, *fields)
        return asking.answer(7, number)

    numbers = iter(range(1, 100))
    change = lambda id: call("change_state", "lifecycle_msgs/srv/ChangeState", next(numbers), Transition(id, "")).success

    def set_model(folder):
        value = ParameterValue(4, False, 0, 0.0, folder, [], [], [], [], [])
        kind = "rcl_interfaces/srv/SetParameters"
        return call("set_parameters", kind, next(numbers), [Parameter("model", value)]).results[0].successful

    first = told("lidar_detector")
    while_active = set_model(OTHER)
    down = [change(DEACTIVATE), change(CLEAN_UP)]
    nothing = [set_model("/nowhere"), change(CONFIGURE)]
    up = [set_model(OTHER), change(CONFIGURE), change(ACTIVATE)]
    say(first=first, while_active=while_active, down=down, nothing=nothing, up=up, second=told("lidar_detector_b"))


main({"swap": swap})
