"""An independent DDS peer (PyPI cyclonedds) for recorder and player; says what it sees as JSON lines.

Usage: bag_peer.py MODE DOMAIN. Ends when its standard input does.
"""

import sys
from pathlib import Path

from cyclonedds.builtin import BuiltinDataReader, BuiltinTopicDcpsSubscription
from cyclonedds.core import Policy
from cyclonedds.idl import make_idl_struct
from cyclonedds.idl.types import int64
from cyclonedds.util import duration

sys.path.insert(0, str(Path(__file__).parents[2] / "tests/peer"))
from ros_peer import ALL, KEPT_ALL, LOST, TEN, kept, main, ros, say, waited

Text = ros("std_msgs/msg/String")
Odd = make_idl_struct("Odd", "odd_msgs::msg::dds_::Odd_", {"number": int64})
Plain = make_idl_struct("Plain", "Plain", {"number": int64})


def publish(peer):
    """Texts of every length, a latched topic written before anybody listens, lossy ones, and types nobody knows."""
    latched = peer.writer("rt/latched", Text, kept(3))
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


def appear_late(peer):
    """Topics that a recorder hears of while it records: each has five texts kept from before, and gets twenty more."""
    early = peer.writer("rt/early", Text, ALL)
    say(ready=True)
    waited("the recorder", early.get_matched_subscriptions)
    early.write(Text("first"))
    # Room for all of them: what a writer drops for a new one, a reader that it has just met may not have had yet.
    writers = [peer.writer(f"rt/{name}", Text, kept(30)) for name in ("late", "asked_otherwise")]
    for writer in writers:
        for number in range(5):
            writer.write(Text(f"latched {number}"))
    for writer in writers:
        waited(f"a recorder of {writer.topic.name}", writer.get_matched_subscriptions)
        for number in range(20):
            writer.write(Text(str(number)))
            waited("acknowledgments", lambda: writer.wait_for_acks(duration(seconds=10)))
    early.write(Text("last"))
    waited("acknowledgments", lambda: early.wait_for_acks(duration(seconds=10)))
    subscriptions = BuiltinDataReader(peer.participant, BuiltinTopicDcpsSubscription)
    asked = {}

    def all_there():
        for end in subscriptions.take(N=200):
            if end.topic_name in ("rt/late", "rt/asked_otherwise"):
                asked[end.topic_name] = end.qos[Policy.Durability] == Policy.Durability.TransientLocal
        return len(asked) == 2

    waited("what the recorder asks for", all_there)
    say(transient_local=asked)


def count(peer):
    """The first 70 velocities of what is played again and again, with the clock told so far at each."""
    velocity = peer.reader("rt/vehicle/status/velocity_status", ros("autoware_vehicle_msgs/msg/VelocityReport"), ALL)
    clock = peer.reader("rt/clock", ros("rosgraph_msgs/msg/Clock"), ALL)
    say(ready=True)
    velocities, clocks = [], []
    nanoseconds = lambda t: t.sec * 1_000_000_000 + t.nanosec

    def take():
        clocks.extend(nanoseconds(c.clock) for c in clock.take(N=1000))
        velocities.extend(nanoseconds(v.header.stamp) for v in velocity.take(N=1000))
        return len(velocities) >= 70

    waited("what is played", take)
    say(velocities=velocities, clocks=clocks)


def listen(peer):
    """What is played of a drive, in the order in which it comes."""
    velocity = peer.reader("rt/ego/velocity", ros("autoware_vehicle_msgs/msg/VelocityReport"), KEPT_ALL)
    clock = peer.reader("rt/clock", ros("rosgraph_msgs/msg/Clock"), ALL)
    say(ready=True)
    velocities, clocks, goals, goal = [], [], [], None
    nanoseconds = lambda t: t.sec * 1_000_000_000 + t.nanosec

    def take():
        nonlocal goal
        clocks.extend(nanoseconds(c.clock) for c in clock.take(N=1000))
        velocities.extend((nanoseconds(v.header.stamp), v.longitudinal_velocity) for v in velocity.take(N=1000))
        if velocities and goal is None:
            # Late: it was written before.
            goal = peer.reader("rt/planning/mission_planning/goal", ros("geometry_msgs/msg/PoseStamped"), kept(3))
        if goal:
            goals.extend((g.pose.position.x, g.pose.position.y) for g in goal.take(N=10))
        return len(velocities) >= 700 and goals

    waited("what is played", take)
    say(velocities=velocities, goals=goals, clocks=clocks)


main(globals())
