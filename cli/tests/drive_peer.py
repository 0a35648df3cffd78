"""An independent DDS peer (PyPI cyclonedds) that drives the car: it reads the ego's odometry and publishes Control.

Usage: drive_peer.py drive DOMAIN. Says what the car did as one JSON line. Times are the simulator's.
"""

import math
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "tests/peer"))
from ros_peer import TEN, main, ros, say, waited

Control = ros("autoware_control_msgs/msg/Control")
Lateral = ros("autoware_control_msgs/msg/Lateral")
Longitudinal = ros("autoware_control_msgs/msg/Longitudinal")
Stamp = ros("builtin_interfaces/msg/Time")
SPEED = 5.0
STEERING = 0.06


def drive(peer):
    odometry = peer.reader("rt/simulation/ground_truth/odometry", ros("nav_msgs/msg/Odometry"), TEN)
    velocity = peer.reader("rt/vehicle/status/velocity_status", ros("autoware_vehicle_msgs/msg/VelocityReport"), TEN)
    command = peer.writer("rt/control/command/control_cmd", Control, TEN)
    waited("the simulator", lambda: command.get_matched_subscriptions() and odometry.get_matched_publications())
    # (time, x, y, yaw, speed) in SI units.
    path, wheels, phase, since = [], 0.0, "accelerate", 0.0
    marks = {}
    end = time.monotonic() + 60
    while time.monotonic() < end and phase != "done":
        news = odometry.take(N=10)
        for report in velocity.take(N=10):
            wheels = report.longitudinal_velocity
        if not news:
            time.sleep(0.002)
            continue
        now = news[-1]
        p, q, v = now.pose.pose.position, now.pose.pose.orientation, now.twist.twist.linear.x
        t = now.header.stamp.sec + now.header.stamp.nanosec * 1e-9
        yaw = math.atan2(2 * (q.w * q.z + q.x * q.y), 1 - 2 * (q.y * q.y + q.z * q.z))
        path.append((t, p.x, p.y, yaw, v))
        mark = {"x": p.x, "y": p.y, "yaw": yaw, "speed": v, "wheels": wheels, "points": len(path)}
        steering, acceleration = 0.0, max(-2.0, min(2.0, 2.0 * (SPEED - v)))
        if phase == "accelerate" and abs(v - SPEED) < 0.1:
            phase, since = "steer", t
            marks["fast"] = mark
        elif phase == "steer":
            steering = STEERING if t - since < 2.0 else 0.0
            if t - since > 3.0:
                phase = "brake"
                marks["turned"] = mark
        elif phase == "brake":
            acceleration = -2.0
            if abs(v) < 0.01:
                phase, since = "stand", t
                marks["stood"] = mark
        elif phase == "stand":
            acceleration = -1.0
            if t - since > 1.0:
                phase = "done"
                marks["end"] = mark
        stamp = now.header.stamp
        command.write(
            Control(
                stamp,
                stamp,
                Lateral(stamp, stamp, steering, 0.0, False),
                Longitudinal(stamp, stamp, 0.0, acceleration, 0.0, True, False),
            )
        )
    length = sum(math.dist(a[1:3], b[1:3]) for a, b in zip(path, path[1:]))
    travelled = sum((b[0] - a[0]) * (a[4] + b[4]) / 2 for a, b in zip(path, path[1:]))
    say(phase=phase, marks=marks, length=length, travelled=travelled, steering=STEERING, begin=path[0] if path else None)


main(globals())
