"""An independent DDS peer (PyPI cyclonedds) that hears the stack drive; says every field of what it decodes.

Usage: hear_peer.py hear DOMAIN. A JSON line for each message; floats as `f:` and the bits of their double.
"""

import dataclasses
import struct
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "tests/peer"))
from ros_peer import ALL, main, ros, say

PERCEPTION = "/perception/object_recognition"
# By topic: the type, and whether a message tells more than that the car stands in an empty street.
TOPICS = {
    f"{PERCEPTION}/detection/objects": ("autoware_perception_msgs/msg/DetectedObjects", lambda m: m.objects),
    f"{PERCEPTION}/tracking/objects": ("autoware_perception_msgs/msg/TrackedObjects", lambda m: m.objects),
    f"{PERCEPTION}/objects": ("autoware_perception_msgs/msg/PredictedObjects", lambda m: m.objects),
    "/planning/trajectory": (
        "autoware_planning_msgs/msg/Trajectory",
        lambda m: any(point.longitudinal_velocity_mps > 1.0 for point in m.points),
    ),
    "/control/trajectory_follower/control_cmd": (
        "autoware_control_msgs/msg/Control",
        lambda m: m.longitudinal.velocity > 1.0,
    ),
    "/control/command/control_cmd": ("autoware_control_msgs/msg/Control", lambda m: m.longitudinal.velocity > 1.0),
}
# Of each topic.
WANTED = 20


def tree(value):
    if isinstance(value, float):
        return f"f:{struct.unpack('<Q', struct.pack('<d', value))[0]:016x}"
    if isinstance(value, (bool, int, str)):
        return value
    if dataclasses.is_dataclass(value):
        return {field.name: tree(getattr(value, field.name)) for field in dataclasses.fields(value)}
    return [tree(item) for item in value]


def hear(peer):
    readers = {topic: peer.reader(f"rt{topic}", ros(kind), ALL) for topic, (kind, _) in TOPICS.items()}
    heard = {topic: [] for topic in TOPICS}
    say(ready=True)
    end = time.monotonic() + 300
    while readers and time.monotonic() < end:
        came = False
        for topic in list(readers):
            for message in readers[topic].take(N=1):
                came = True
                if TOPICS[topic][1](message):
                    heard[topic].append(message)
            if len(heard[topic]) >= WANTED:
                peer.ends.remove(readers.pop(topic))
        if not came:
            time.sleep(0.002)
    for topic, messages in heard.items():
        for message in messages:
            say(topic=topic, message=tree(message))
    say(done=True)


main(globals())
