"""An independent DDS peer (PyPI cyclonedds) that behaves as a ROS 2 node; says what it sees as JSON lines.

Usage: peer.py MODE DOMAIN. Ends when its standard input does.
"""

import sys
import time
from pathlib import Path

from cyclonedds.builtin import BuiltinDataReader, BuiltinTopicDcpsParticipant, BuiltinTopicDcpsPublication, BuiltinTopicDcpsSubscription
from cyclonedds.core import Policy, Qos
from cyclonedds.util import duration

sys.path.insert(0, str(Path(__file__).parents[3] / "tests/peer"))
from ros_peer import ALL, KEPT, LOST, RELIABLE, TEN, Client, main, ros, say, user_data, waited

DiagnosticArray = ros("diagnostic_msgs/msg/DiagnosticArray")
Text = ros("std_msgs/msg/String")
Number = ros("std_msgs/msg/Int64")
PointCloud2 = ros("sensor_msgs/msg/PointCloud2")
ParticipantEntitiesInfo = ros("rmw_dds_common/msg/ParticipantEntitiesInfo")
Parameter = ros("rcl_interfaces/msg/Parameter")
ParameterValue = ros("rcl_interfaces/msg/ParameterValue")
Transition = ros("lifecycle_msgs/msg/Transition")


def graph(peer):
    info = peer.reader("ros_discovery_info", ParticipantEntitiesInfo, KEPT)
    wanted = lambda: next((i for i in info.read(N=20) if len(i.node_entities_info_seq) == 2), None)
    found = waited("the nodes in ros_discovery_info", wanted)
    publications = BuiltinDataReader(peer.participant, BuiltinTopicDcpsPublication)
    subscriptions = BuiltinDataReader(peer.participant, BuiltinTopicDcpsSubscription)
    participants = BuiltinDataReader(peer.participant, BuiltinTopicDcpsParticipant)
    ends = {}

    def all_there():
        for reader in (publications, subscriptions):
            for end in reader.take(N=200):
                ends[end.key.bytes] = (end.topic_name, end.type_name, user_data(end.qos))
        gids = [bytes(g.data) for n in found.node_entities_info_seq for g in [*n.reader_gid_seq, *n.writer_gid_seq]]
        return all(gid in ends for gid in gids)

    waited("every endpoint of the nodes", all_there)
    for node in found.node_entities_info_seq:
        side = lambda gids: {ends[bytes(g.data)][0]: ends[bytes(g.data)][1:] for g in gids}
        say(
            node=node.node_name,
            namespace=node.node_namespace,
            reads=side(node.reader_gid_seq),
            writes=side(node.writer_gid_seq),
        )
    enclaves = [user_data(p.qos) for p in participants.take(N=20)]
    say(enclaves=enclaves)


def heartbeats(peer):
    names = {}
    readers = {topic: peer.reader(topic, DiagnosticArray, TEN) for topic in ("rt/diagnostics", "rt/fleet/diagnostics")}
    for topic, reader in readers.items():
        arrays = waited(f"three heartbeats on {topic}", lambda: len(seen := reader.read(N=10)) >= 3 and seen)
        names[topic] = sorted({status.name for array in arrays for status in array.status})
    say(**names)


def offer_of(peer, topic):
    publications = BuiltinDataReader(peer.participant, BuiltinTopicDcpsPublication)
    return waited(topic, lambda: [end.qos for end in publications.take(N=200) if end.topic_name == topic])[0]


def offered(peer):
    qos = offer_of(peer, "rt/echo")
    say(
        reliable=qos[Policy.Reliability] != Policy.Reliability.BestEffort,
        transient_local=qos[Policy.Durability] == Policy.Durability.TransientLocal,
        kept=qos[Policy.DurabilityService].history.depth,
        deadline_ns=qos[Policy.Deadline].deadline,
        lifespan_ns=qos[Policy.Lifespan].lifespan,
        by_topic=isinstance(qos[Policy.Liveliness], Policy.Liveliness.ManualByTopic),
        lease_ns=qos[Policy.Liveliness].lease_duration,
    )
    to_us = peer.writer("rt/left/text", Text, TEN)
    waited("who echoes", to_us.get_matched_subscriptions)

    def late():
        """What a reader that comes after the last of three gets."""
        first = peer.reader("rt/echo", Text, KEPT)
        waited("what it kept", first.get_matched_publications)
        time.sleep(0.5)
        first.take(N=10)
        for number in (1, 2, 3):
            to_us.write(Text(str(number)))
        waited("three echoes", lambda: len(first.read(N=10)) >= 3)
        return peer.reader("rt/echo", Text, KEPT)

    def fresh():
        # On a machine that is busy for longer than the lifespan they are too old at once: then anew.
        reader, texts = late(), []
        end = time.monotonic() + 1.0
        while time.monotonic() < end and len(texts := [text.data for text in reader.read(N=10)]) < 3:
            time.sleep(0.005)
        return len(texts) == 3 and texts

    say(late=waited("what a late joiner gets", fresh))
    late()
    time.sleep(3.0)
    reader = peer.reader("rt/echo", Text, KEPT)

    def news():
        to_us.write(Text("new"))
        time.sleep(0.05)
        return [text.data.split()[0] for text in reader.read(N=10)]

    say(later=sorted(set(waited("a new one", news))))


def lossy(peer):
    say(reliable=offer_of(peer, "rt/echo")[Policy.Reliability] != Policy.Reliability.BestEffort)


def content(peer):
    clouds = peer.reader("rt/cloud", PointCloud2, LOST)
    echo = peer.reader("rt/echo", Text, TEN)
    to_us = peer.writer("rt/left/text", Text, TEN)
    cloud = waited("a point cloud", lambda: clouds.take(N=1))[0]
    say(
        stamp=[cloud.header.stamp.sec, cloud.header.stamp.nanosec],
        frame=cloud.header.frame_id,
        fields=[[f.name, f.offset, f.datatype, f.count] for f in cloud.fields],
        size=len(cloud.data),
        right=all(byte == (7 * n) % 251 for n, byte in enumerate(bytes(cloud.data))),
        width=cloud.width,
        dense=cloud.is_dense,
    )
    waited("who echoes", lambda: to_us.get_matched_subscriptions() and echo.get_matched_publications())
    for text in ("", "é", "twelve chars"):
        to_us.write(Text(text))
        say(echo=waited("an echo", lambda: echo.take(N=1))[0].data)


def services(peer):
    node = "left/relay"

    def call(service, kind, client, number, *fields):
        asking = Client(peer, f"{node}/{service}", kind)
        asking.ask(client, number, *fields)
        return asking.answer(client, number)

    got = call("get_parameters", "rcl_interfaces/srv/GetParameters", 5, 1, ["gain", "lidar.beams", "no"])
    say(values=[[v.type, v.double_value, v.integer_value] for v in got.values])
    value = lambda x: ParameterValue(3, False, 0, x, "", [], [], [], [], [])
    many = call("get_parameters", "rcl_interfaces/srv/GetParameters", 5, 2, ["gain"] * 10_000)
    say(many=len(many.values), right=all(value.double_value == 2.5 for value in many.values))
    put = lambda n, x: call(
        "set_parameters", "rcl_interfaces/srv/SetParameters", 5, n, [Parameter("gain", value(x))]
    ).results[0]
    change = lambda n, id: call("change_state", "lifecycle_msgs/srv/ChangeState", 6, n, Transition(id, "")).success
    echo = peer.reader("rt/echo", Text, TEN)
    to_us = peer.writer("rt/left/text", Text, TEN)
    waited("who echoes", lambda: to_us.get_matched_subscriptions() and echo.get_matched_publications())
    active = put(1, 3.0)
    say(active=[active.successful, active.reason])
    say(configure_while_active=change(1, 1))
    say(deactivate=change(2, 4))
    to_us.write(Text("unheard"))
    time.sleep(0.3)
    say(echoes_while_inactive=len(echo.take(N=10)), cleanup=change(3, 2))
    wild, good = put(2, 99.0), put(3, 3.0)
    say(wild=[wild.successful, wild.reason], good=good.successful)
    say(configure=change(4, 1), activate=change(5, 3))
    to_us.write(Text("x"))
    say(echo=waited("an echo", lambda: echo.take(N=1))[0].data)


def fresh_clients(peer):
    """Clients that ask the moment their request writer is connected; the readers of some come after the question."""
    lost = []
    for number in range(60):
        late = number % 3 == 0
        client = Client(peer, "left/relay/get_parameters", "rcl_interfaces/srv/GetParameters", makes_reader=not late)
        client.ask(number, 1, ["gain"])
        if late:
            time.sleep(0.03)
            client.make_reader()
        try:
            client.answer(number, 1, seconds=3.0)
        except SystemExit:
            lost.append(number)
    say(lost=lost)


def slow_client(peer):
    """One whose reader does not come holds up no other."""
    slow = Client(peer, "left/relay/get_parameters", "rcl_interfaces/srv/GetParameters", makes_reader=False)
    slow.ask(1, 1, ["gain"])
    time.sleep(0.2)
    quick = Client(peer, "left/relay/get_parameters", "rcl_interfaces/srv/GetParameters")
    quick.ask(2, 1, ["gain"])
    say(quick=quick.answer(2, 1).values[0].double_value)
    slow.make_reader()
    say(slow=slow.answer(1, 1).values[0].double_value)


def promising(peer):
    """A writer that offers a deadline and proves by publishing that it lives."""
    qos = Qos(
        RELIABLE,
        Policy.History.KeepLast(10),
        Policy.Deadline(duration(milliseconds=100)),
        Policy.Liveliness.ManualByTopic(duration(milliseconds=300)),
    )
    return peer.writer("rt/left/text", Text, qos)


def falls_silent(peer):
    writer = promising(peer)
    waited("the relay", writer.get_matched_subscriptions)
    writer.write(Text("the last"))
    time.sleep(3)
    say(silent_s=3)


def offers_little(peer):
    writer = promising(peer)
    time.sleep(3)
    say(matched=len(writer.get_matched_subscriptions()))


def burst_out(peer):
    """From the peer, 50,000 of 200 bytes."""
    writer = peer.writer("rt/burst", Text, ALL)
    waited("a reader", lambda: writer.get_matched_subscriptions())
    started = time.monotonic()
    for number in range(50000):
        writer.write(Text(f"{number:0192d}"))
    say(sent=50000, seconds=time.monotonic() - started)


def burst_in(peer):
    """To the peer."""
    reader = peer.reader("rt/burst", Text, ALL)
    say(ready=True)
    expected, end = 0, time.monotonic() + 100
    while expected < 50000 and time.monotonic() < end:
        for sample in reader.take(N=1000):
            assert int(sample.data) == expected, (sample.data, expected)
            expected += 1
    say(received=expected)


def answers(peer):
    """Sends back what it is sent until it is ended."""
    questions, answers = peer.reader("rt/question", Text, TEN), peer.writer("rt/answer", Text, TEN)
    while True:
        for text in questions.take(N=10):
            answers.write(text)
        time.sleep(0.02)


def incompatible(peer):
    writer = peer.writer("rt/left/text", Text, LOST)
    wrong_type = peer.writer("rt/other", Number, TEN)
    say(writing=[writer is not None, wrong_type is not None])


main(globals())
