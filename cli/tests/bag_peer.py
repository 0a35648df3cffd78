"""An independent DDS peer (PyPI cyclonedds) for recorder and player; says what it sees as JSON lines.

Usage: bag_peer.py MODE DOMAIN. Ends when its standard input does.
"""

import json
import os
import sys
import time
from dataclasses import dataclass

from cyclonedds.core import Policy, Qos
from cyclonedds.domain import Domain, DomainParticipant
from cyclonedds.idl import IdlStruct
from cyclonedds.idl.types import float32, float64, int32, int64, sequence, uint8, uint32
from cyclonedds.pub import DataWriter
from cyclonedds.sub import DataReader
from cyclonedds.topic import Topic
from cyclonedds.util import duration


@dataclass
class Time(IdlStruct, typename="builtin_interfaces::msg::dds_::Time_"):
    sec: int32
    nanosec: uint32


@dataclass
class Clock(IdlStruct, typename="rosgraph_msgs::msg::dds_::Clock_"):
    clock: Time


@dataclass
class Header(IdlStruct, typename="std_msgs::msg::dds_::Header_"):
    stamp: Time
    frame_id: str


@dataclass
class Text(IdlStruct, typename="std_msgs::msg::dds_::String_"):
    data: str


@dataclass
class Odd(IdlStruct, typename="odd_msgs::msg::dds_::Odd_"):
    number: int64


@dataclass
class Plain(IdlStruct, typename="Plain"):
    number: int64


@dataclass
class VelocityReport(IdlStruct, typename="autoware_vehicle_msgs::msg::dds_::VelocityReport_"):
    header: Header
    longitudinal_velocity: float32
    lateral_velocity: float32
    heading_rate: float32


@dataclass
class Point(IdlStruct, typename="geometry_msgs::msg::dds_::Point_"):
    x: float64
    y: float64
    z: float64


@dataclass
class Quaternion(IdlStruct, typename="geometry_msgs::msg::dds_::Quaternion_"):
    x: float64
    y: float64
    z: float64
    w: float64


@dataclass
class Pose(IdlStruct, typename="geometry_msgs::msg::dds_::Pose_"):
    position: Point
    orientation: Quaternion


@dataclass
class PoseStamped(IdlStruct, typename="geometry_msgs::msg::dds_::PoseStamped_"):
    header: Header
    pose: Pose


RELIABLE = Policy.Reliability.Reliable(duration(seconds=30))
TEN = Qos(RELIABLE, Policy.History.KeepLast(10))
ALL = Qos(RELIABLE, Policy.History.KeepAll)
KEPT = Qos(
    RELIABLE,
    Policy.Durability.TransientLocal,
    Policy.History.KeepLast(3),
    Policy.DurabilityService(
        cleanup_delay=0,
        history=Policy.History.KeepLast(3),
        max_samples=-1,
        max_instances=-1,
        max_samples_per_instance=-1,
    ),
)
KEPT_ALL = Qos(RELIABLE, Policy.Durability.TransientLocal, Policy.History.KeepAll)
LOST = Qos(Policy.Reliability.BestEffort, Policy.History.KeepLast(10))


def say(**what):
    print(json.dumps(what), flush=True)


def waited(what, get, seconds=60.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = get()
        if value:
            return value
        time.sleep(0.005)
    raise SystemExit(f"{what}: not within {seconds} s")


class Peer:
    def __init__(self, domain):
        self.participant = DomainParticipant(domain)

    def reader(self, topic, kind, qos):
        return DataReader(self.participant, Topic(self.participant, topic, kind), qos=qos)

    def writer(self, topic, kind, qos):
        return DataWriter(self.participant, Topic(self.participant, topic, kind), qos=qos)


def publish(peer):
    """Texts of every length, a latched topic written before anybody listens, lossy ones, and types nobody knows."""
    latched = peer.writer("rt/latched", Text, KEPT)
    for number in range(5):
        latched.write(Text(f"latched {number}"))
    say(ready=True)
    chatter = peer.writer("rt/left/chatter", Text, ALL)
    lossy = peer.writer("rt/lossy", Text, LOST)
    odd = peer.writer("rt/odd", Odd, TEN)
    plain = peer.writer("rt/plain", Plain, TEN)
    for writer in (latched, chatter, lossy, odd):
        waited(f"a recorder of {writer.topic.name}", writer.get_matched_subscriptions)
    for number in range(500):
        chatter.write(Text(f"{number} " + "x" * number))
        lossy.write(Text(f"lossy {number}"))
    odd.write(Odd(-7))
    plain.write(Plain(1))
    for writer in (latched, chatter, odd):
        waited("acknowledgments", lambda: writer.wait_for_acks(duration(seconds=10)))
    say(plain_is_heard=bool(plain.get_matched_subscriptions()))


def listen(peer):
    """What is played of a drive, in the order in which it comes."""
    velocity = peer.reader("rt/ego/velocity", VelocityReport, KEPT_ALL)
    clock = peer.reader("rt/clock", Clock, ALL)
    say(ready=True)
    velocities, clocks, goals, goal = [], [], [], None
    nanoseconds = lambda t: t.sec * 1_000_000_000 + t.nanosec

    def take():
        nonlocal goal
        clocks.extend(nanoseconds(c.clock) for c in clock.take(N=1000))
        velocities.extend((nanoseconds(v.header.stamp), v.longitudinal_velocity) for v in velocity.take(N=1000))
        if velocities and goal is None:
            # Late: it was written before.
            goal = peer.reader("rt/planning/mission_planning/goal", PoseStamped, KEPT)
        if goal:
            goals.extend((g.pose.position.x, g.pose.position.y) for g in goal.take(N=10))
        return len(velocities) >= 700 and goals

    waited("what is played", take)
    say(velocities=velocities, goals=goals, clocks=clocks)


def main():
    mode, number = sys.argv[1], int(sys.argv[2])
    domain = Domain(number, os.environ["PEER_CONFIG"])
    globals()[mode](Peer(number))
    sys.stdin.read()
    del domain


main()
