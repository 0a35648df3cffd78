"""An independent DDS peer (PyPI cyclonedds) that watches a car in what stands in for CARLA: its topics by their contract,
the commands that it hears, and where it really drives.

Usage: carla_peer.py native|ros-bridge DOMAIN. Orders come by standard input, a line each, and are answered by one line:
`nodes` (waits until every node of the stack said something), `pause` and `play` (carla_ros_bridge's `/carla/control`),
`drive SECONDS` (watches until simulated time SECONDS, or `+SECONDS` from now, or as long as it may take), `watch` (until
SIGUSR1).
"""

import math
import signal
import sys
import time
from collections import defaultdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "tests/peer"))
from cyclonedds.core import Policy
from cyclonedds.internal import InvalidSample
from ros_peer import ALL, KEPT_ALL, TEN, front, main, ros, say, waited

NODES = {
    "carla_bridge", "localizer", "lidar_detector", "object_tracker", "trajectory_predictor", "route_planner",
    "motion_planner", "trajectory_follower", "safety_supervisor",
}  # fmt: skip
# By the last part of the topic: the type, and its big field, which is not looked at.
SENSORS = {
    "imu": ("sensor_msgs/msg/Imu", None),
    "gnss": ("sensor_msgs/msg/NavSatFix", None),
    "lidar": ("sensor_msgs/msg/PointCloud2", "data"),
    "front/image": ("sensor_msgs/msg/Image", "data"),
    "front/camera_info": ("sensor_msgs/msg/CameraInfo", None),
}
BRIDGE = {
    "odometry": ("nav_msgs/msg/Odometry", None),
    "vehicle_status": ("carla_msgs/msg/CarlaEgoVehicleStatus", None),
}
LATCHED = {
    "/carla/map": "std_msgs/msg/String",
    "/carla/world_info": "carla_msgs/msg/CarlaWorldInfo",
    "/carla/hero/vehicle_info": "carla_msgs/msg/CarlaEgoVehicleInfo",
    "/carla/traffic_lights/info": "carla_msgs/msg/CarlaTrafficLightInfoList",
    "/carla/traffic_lights/status": "carla_msgs/msg/CarlaTrafficLightStatusList",
}
LIMIT_S = 400.0


def seconds(stamp):
    return stamp.sec + stamp.nanosec * 1e-9


class Witness:
    """What is seen of one drive."""

    def __init__(self, peer, contract):
        reader = peer.reader
        topics = {**SENSORS, **(BRIDGE if contract == "ros-bridge" else {})}
        self.sensors = {
            name: reader(f"rt/carla/hero/{name}", front(kind, big) if big else ros(kind), TEN if big else ALL)
            for name, (kind, big) in topics.items()
        }
        latched = LATCHED if contract == "ros-bridge" else {}
        self.latched = {name: reader(f"rt{name}", ros(kind), KEPT_ALL) for name, kind in latched.items()}
        self.clock = reader("rt/clock", ros("rosgraph_msgs/msg/Clock"), ALL)
        self.commands = reader("rt/carla/hero/vehicle_control_cmd", ros("carla_msgs/msg/CarlaEgoVehicleControl"), ALL)
        self.truth = reader("rt/simulation/ground_truth/odometry", ros("nav_msgs/msg/Odometry"), TEN)
        self.diagnostics = reader("rt/diagnostics", ros("diagnostic_msgs/msg/DiagnosticArray"), TEN)
        self.control = peer.writer("rt/carla/control", ros("carla_msgs/msg/CarlaControl"), TEN)
        self.statuses, self.latched_seen = {}, {}
        self.dismissed = False
        signal.signal(signal.SIGUSR1, self.dismiss)
        self.begin()

    def dismiss(self, *_):
        self.dismissed = True

    def begin(self):
        self.frames, self.answers = [], []
        self.stamps, self.frame_ids = defaultdict(list), defaultdict(set)
        self.contents = defaultdict(set)
        self.extremes = {"throttle": 0.0, "brake": 0.0, "steer": 0.0}
        self.misfits, self.track = 0, []

    @staticmethod
    def taken(reader):
        """What came, without the notes of writers that went away."""
        return [sample for sample in reader.take(N=100) if not isinstance(sample, InvalidSample)]

    def look(self):
        """Takes what came."""
        for array in self.taken(self.diagnostics):
            for status in array.status:
                self.statuses[status.name.strip("/").split("/")[-1]] = f"{status.level}: {status.message}"
        # Those that follow from a frame before the frames, so that no stamp is ahead of its frame.
        for command in self.taken(self.commands):
            self.answers.append(seconds(command.header.stamp))
            fits = 0 <= command.throttle <= 1 and 0 <= command.brake <= 1 and -1 <= command.steer <= 1
            self.misfits += not fits or command.manual_gear_shift or command.reverse
            for name in self.extremes:
                self.extremes[name] = max(self.extremes[name], abs(getattr(command, name)))
        for name, reader in self.sensors.items():
            for message in self.taken(reader):
                self.stamps[name].append(seconds(message.header.stamp))
                self.frame_ids[name].add(message.header.frame_id)
                if name == "lidar":
                    self.contents[name].add(" ".join(field.name for field in message.fields))
                elif name == "front/image":
                    self.contents[name].add(f"{message.encoding} {message.width}x{message.height}")
        for name, reader in self.latched.items():
            for message in self.taken(reader):
                text = getattr(message, "data", getattr(message, "opendrive", None))
                self.latched_seen[name] = len(text) if text is not None else 1
        for odometry in self.taken(self.truth):
            at = odometry.pose.pose.position
            self.track.append([seconds(odometry.header.stamp), at.x, at.y, odometry.twist.twist.linear.x])
        for tick in self.taken(self.clock):
            self.frames.append(seconds(tick.clock))

    def pause(self, command):
        waited("the world's control", self.control.get_matched_subscriptions, LIMIT_S)
        self.control.write(ros("carla_msgs/msg/CarlaControl")(command))

    def quality(self, reader):
        """Reliability and durability of who writes it."""
        handles = reader.get_matched_publications()
        data = reader.get_matched_publication_data(handles[0]) if handles else None
        if data is None:
            return None
        kept = data.qos[Policy.Durability] == Policy.Durability.TransientLocal
        reliable = isinstance(data.qos[Policy.Reliability], Policy.Reliability.Reliable)
        return f"{'reliable' if reliable else 'best effort'}, {'transient local' if kept else 'volatile'}"

    def drive(self, until, limit_s=LIMIT_S):
        # What waits may be of a world before this one.
        known = -1
        while known != len(self.frames):
            known = len(self.frames)
            self.look()
        now = self.frames[-1] if self.frames else 0.0
        until = now + float(until[1:]) if until.startswith("+") else float(until)
        self.begin()
        end = time.monotonic() + limit_s
        while time.monotonic() < end and not self.dismissed:
            self.look()
            # A world that began anew has an older time than the one before it.
            if self.frames and self.frames[-1] >= until:
                break
            time.sleep(0.002)
        newest = self.frames[-1] if self.frames else -math.inf
        ticks = {round(t * 1e3) for t in self.frames}
        told = {}
        for name, reader in self.sensors.items():
            stamps = self.stamps[name]
            span = stamps[-1] - stamps[0] if len(stamps) > 1 else math.inf
            told[name] = {
                "rate": (len(stamps) - 1) / span if span > 0 else 0.0,
                "off_the_clock": sum(round(t * 1e3) not in ticks for t in stamps if t <= newest),
                "rising": all(a < b for a, b in zip(stamps, stamps[1:])),
                "frame_ids": sorted(self.frame_ids[name]),
                "contents": sorted(self.contents[name]),
                "quality": self.quality(reader),
            }
        latched = {
            name: {"quality": self.quality(reader), "size": self.latched_seen.get(name)}
            for name, reader in self.latched.items()
        }
        answers = {round(t * 1e3) for t in self.answers}
        say(
            time=self.frames[-1] if self.frames else None, frames=len(ticks), answered=len(ticks & answers),
            answers=len(self.answers), misfits=self.misfits, **self.extremes, sensors=told, latched=latched,
            clock=self.quality(self.clock), track=self.track[::10], statuses=self.statuses,
        )  # fmt: skip


def watch(peer, contract):
    witness = Witness(peer, contract)
    for line in sys.stdin:
        order, *rest = line.split()
        if order == "nodes":
            end = time.monotonic() + LIMIT_S
            while time.monotonic() < end and not NODES <= set(witness.statuses):
                witness.look()
                time.sleep(0.01)
            say(missing=sorted(NODES - set(witness.statuses)))
        elif order in ("pause", "play"):
            witness.pause({"play": 0, "pause": 1}[order])
            say(done=order)
        elif order == "watch":
            witness.drive("inf", math.inf)
        else:
            witness.drive(rest[0])


def native(peer):
    watch(peer, "native")


def ros_bridge(peer):
    watch(peer, "ros-bridge")


main({"native": native, "ros-bridge": ros_bridge})
