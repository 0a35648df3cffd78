"""The worker over the fake client, in a world that Ferrodrive's stand-in for carla-ros-bridge runs: no CARLA.

Time and the ego's place come from the stand-in's topics over DDS, and lanes from CARLA's own reader of the map, if the
package `carla` is here. Steps are not asked for: the stand-in makes them, and waits for the command of each. Where it was
started with --paused, it plays from the first step on.

STAND_IN: JSON with domain, role_name and map (an OpenDRIVE file). Needs the tests' Python (PyPI cyclonedds, rosbags).
"""
import json
import math
import os
import pathlib
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent
# Without the repository's root: `import carla` must find the package, not the folder.
sys.path[:0] = [str(HERE), str(HERE.parent), str(REPOSITORY / "tests/peer")]

import carla as package  # noqa: E402
from cyclonedds.domain import Domain  # noqa: E402
import fake_carla  # noqa: E402
import ros_peer  # noqa: E402
import worker  # noqa: E402

OPTIONS = json.loads(os.environ["STAND_IN"])
LIMIT_S = 120.0
# Of carla_msgs/CarlaControl.
PLAY = 0
LANES = {"Driving": package.LaneType.Driving, "Parking": package.LaneType.Parking}


class Map(fake_carla.Map):
    """CARLA's own reader of the map; of spawn points, where the stand-in's car stands and where it is to go."""

    def __init__(self, text):
        super().__init__("Carla/Maps/stand-in", text)
        self.real = package.Map("stand-in", text)
        self.points = []

    def get_spawn_points(self):
        return self.points

    def get_waypoint(self, location, project_to_road=True, lane_type=fake_carla.LaneType.Driving):
        return self.real.get_waypoint(package.Location(location.x, location.y, location.z), project_to_road, LANES[lane_type])


def transform(pose):
    """From a right-handed pose to CARLA's axes."""
    at, q = pose.position, pose.orientation
    yaw = math.atan2(2.0 * (q.w * q.z + q.x * q.y), 1.0 - 2.0 * (q.y * q.y + q.z * q.z))
    return fake_carla.Transform(fake_carla.Location(at.x, -at.y, at.z), fake_carla.Rotation(yaw=-math.degrees(yaw)))


class StandIn(fake_carla.Server):
    """Time and place as the stand-in has them."""

    def __init__(self):
        super().__init__(**json.loads(os.environ.get("FAKE_CARLA", "{}")))
        self.map = Map(pathlib.Path(OPTIONS["map"]).read_text(encoding="utf-8"))
        # The light and the sign of the fake's own road are not in this one.
        self.actors.clear()
        self.domain = Domain(OPTIONS["domain"], os.environ["PEER_CONFIG"])
        self.peer = ros_peer.Peer(OPTIONS["domain"])
        reader = self.peer.reader
        self.clock = reader("rt/clock", ros_peer.ros("rosgraph_msgs/msg/Clock"), ros_peer.LOST)
        odometry = f"rt/carla/{OPTIONS['role_name']}/odometry"
        self.odometry = reader(odometry, ros_peer.ros("nav_msgs/msg/Odometry"), ros_peer.LOST)
        goal = reader("rt/planning/mission_planning/goal", ros_peer.ros("geometry_msgs/msg/PoseStamped"), ros_peer.KEPT)
        car = ros_peer.waited("the stand-in's odometry", lambda: self.odometry.take(N=1), LIMIT_S)[-1].pose.pose
        goal = ros_peer.waited("the stand-in's goal", lambda: goal.take(N=1), LIMIT_S)[-1].pose
        self.map.points = [transform(car), transform(goal)]
        self.control = ros_peer.ros("carla_msgs/msg/CarlaControl")
        self.player = self.peer.writer("rt/carla/control", self.control, ros_peer.KEPT)

    def tick(self):
        if self.player is not None:
            ros_peer.waited("the stand-in's ear for /carla/control", self.player.get_matched_subscriptions, LIMIT_S)
            self.player.write(self.control(PLAY))
            self.player = None
        until = time.monotonic() + LIMIT_S
        while time.monotonic() < until:
            stamps = [message.clock.sec + message.clock.nanosec * 1e-9 for message in self.clock.take(N=10)]
            for message in self.odometry.take(N=10):
                for ego in self.egos():
                    ego.transform, ego.speed = transform(message.pose.pose), message.twist.twist.linear.x
            if stamps and stamps[-1] != self.time:
                self.frame, self.time = self.frame + 1, stamps[-1]
                return self.frame
            time.sleep(0.001)
        raise RuntimeError(f"no /clock from the stand-in within {LIMIT_S:g} s")


fake_carla.Vehicle.get_velocity = lambda self: fake_carla.Location(
    self.speed * math.cos(math.radians(self.transform.rotation.yaw)),
    self.speed * math.sin(math.radians(self.transform.rotation.yaw)))
fake_carla.SERVER = StandIn()
worker.main(fake_carla)
