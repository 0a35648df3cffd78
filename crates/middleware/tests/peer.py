"""An independent DDS peer (PyPI cyclonedds) that behaves as a ROS 2 node; says what it sees as JSON lines.

Usage: peer.py MODE DOMAIN. Ends when its standard input does.
"""

import json
import os
import sys
import threading
import time
from dataclasses import dataclass

from cyclonedds.builtin import BuiltinDataReader, BuiltinTopicDcpsParticipant, BuiltinTopicDcpsPublication, BuiltinTopicDcpsSubscription
from cyclonedds.core import Policy, Qos
from cyclonedds.domain import Domain, DomainParticipant
from cyclonedds.idl import IdlStruct
from cyclonedds.idl.types import array, float64, int8, int32, int64, sequence, uint8, uint32, uint64
from cyclonedds.pub import DataWriter
from cyclonedds.sub import DataReader
from cyclonedds.topic import Topic
from cyclonedds.util import duration


@dataclass
class Gid(IdlStruct, typename="rmw_dds_common::msg::dds_::Gid_"):
    data: array[uint8, 16]


@dataclass
class NodeEntitiesInfo(IdlStruct, typename="rmw_dds_common::msg::dds_::NodeEntitiesInfo_"):
    node_namespace: str
    node_name: str
    reader_gid_seq: sequence[Gid]
    writer_gid_seq: sequence[Gid]


@dataclass
class ParticipantEntitiesInfo(IdlStruct, typename="rmw_dds_common::msg::dds_::ParticipantEntitiesInfo_"):
    gid: Gid
    node_entities_info_seq: sequence[NodeEntitiesInfo]


@dataclass
class Time(IdlStruct, typename="builtin_interfaces::msg::dds_::Time_"):
    sec: int32
    nanosec: uint32


@dataclass
class Header(IdlStruct, typename="std_msgs::msg::dds_::Header_"):
    stamp: Time
    frame_id: str


@dataclass
class PointField(IdlStruct, typename="sensor_msgs::msg::dds_::PointField_"):
    name: str
    offset: uint32
    datatype: uint8
    count: uint32


@dataclass
class PointCloud2(IdlStruct, typename="sensor_msgs::msg::dds_::PointCloud2_"):
    header: Header
    height: uint32
    width: uint32
    fields: sequence[PointField]
    is_bigendian: bool
    point_step: uint32
    row_step: uint32
    data: sequence[uint8]
    is_dense: bool


@dataclass
class Text(IdlStruct, typename="std_msgs::msg::dds_::String_"):
    data: str


@dataclass
class Number(IdlStruct, typename="std_msgs::msg::dds_::Int64_"):
    data: int64


@dataclass
class ParameterValue(IdlStruct, typename="rcl_interfaces::msg::dds_::ParameterValue_"):
    type: uint8
    bool_value: bool
    integer_value: int64
    double_value: float64
    string_value: str
    byte_array_value: sequence[uint8]
    bool_array_value: sequence[bool]
    integer_array_value: sequence[int64]
    double_array_value: sequence[float64]
    string_array_value: sequence[str]


@dataclass
class Parameter(IdlStruct, typename="rcl_interfaces::msg::dds_::Parameter_"):
    name: str
    value: ParameterValue


@dataclass
class SetParametersResult(IdlStruct, typename="rcl_interfaces::msg::dds_::SetParametersResult_"):
    successful: bool
    reason: str


@dataclass
class GetRequest(IdlStruct, typename="rcl_interfaces::srv::dds_::GetParameters_Request_"):
    client: uint64
    sequence_number: int64
    names: sequence[str]


@dataclass
class GetResponse(IdlStruct, typename="rcl_interfaces::srv::dds_::GetParameters_Response_"):
    client: uint64
    sequence_number: int64
    values: sequence[ParameterValue]


@dataclass
class SetRequest(IdlStruct, typename="rcl_interfaces::srv::dds_::SetParameters_Request_"):
    client: uint64
    sequence_number: int64
    parameters: sequence[Parameter]


@dataclass
class SetResponse(IdlStruct, typename="rcl_interfaces::srv::dds_::SetParameters_Response_"):
    client: uint64
    sequence_number: int64
    results: sequence[SetParametersResult]


@dataclass
class Transition(IdlStruct, typename="lifecycle_msgs::msg::dds_::Transition_"):
    id: uint8
    label: str


@dataclass
class ChangeRequest(IdlStruct, typename="lifecycle_msgs::srv::dds_::ChangeState_Request_"):
    client: uint64
    sequence_number: int64
    transition: Transition


@dataclass
class ChangeResponse(IdlStruct, typename="lifecycle_msgs::srv::dds_::ChangeState_Response_"):
    client: uint64
    sequence_number: int64
    success: bool


RELIABLE = Policy.Reliability.Reliable(duration(seconds=30))
KEPT = Qos(RELIABLE, Policy.Durability.TransientLocal, Policy.History.KeepLast(10))
TEN = Qos(RELIABLE, Policy.History.KeepLast(10))
ALL = Qos(RELIABLE, Policy.History.KeepAll)
LOST = Qos(Policy.Reliability.BestEffort, Policy.History.KeepLast(10))


def say(**what):
    print(json.dumps(what), flush=True)


def waited(what, get, seconds=20.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = get()
        if value:
            return value
        time.sleep(0.01)
    raise SystemExit(f"{what}: not within {seconds} s")


def user_data(qos):
    policy = qos[Policy.Userdata]
    return bytes(policy.data).decode() if policy else ""


class Peer:
    def __init__(self, domain):
        self.participant = DomainParticipant(domain)

    def reader(self, topic, kind, qos):
        return DataReader(self.participant, Topic(self.participant, topic, kind), qos=qos)

    def writer(self, topic, kind, qos):
        return DataWriter(self.participant, Topic(self.participant, topic, kind), qos=qos)

    def call(self, service, request, request_kind, response_kind):
        writer = self.writer(f"rq/{service}Request", request_kind, TEN)
        reader = self.reader(f"rr/{service}Reply", response_kind, TEN)
        waited(f"server of {service}", lambda: writer.get_matched_subscriptions() and reader.get_matched_publications())
        # The other end may learn of this reader later than this end of its writer: a reply before that is lost.
        time.sleep(0.5)
        writer.write(request)
        reply = waited(f"reply of {service}", lambda: reader.take(N=1))[0]
        assert (reply.client, reply.sequence_number) == (request.client, request.sequence_number), reply
        return reply


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
    got = peer.call(f"{node}/get_parameters", GetRequest(5, 1, ["gain", "lidar.beams", "no"]), GetRequest, GetResponse)
    say(values=[[v.type, v.double_value, v.integer_value] for v in got.values])
    value = lambda x: ParameterValue(3, False, 0, x, "", [], [], [], [], [])
    put = lambda n, x: peer.call(
        f"{node}/set_parameters", SetRequest(5, n, [Parameter("gain", value(x))]), SetRequest, SetResponse
    ).results[0]
    change = lambda n, id: peer.call(
        f"{node}/change_state", ChangeRequest(6, n, Transition(id, "")), ChangeRequest, ChangeResponse
    ).success
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


def incompatible(peer):
    writer = peer.writer("rt/left/text", Text, LOST)
    wrong_type = peer.writer("rt/other", Number, TEN)
    say(writing=[writer is not None, wrong_type is not None])


def main():
    mode, number = sys.argv[1], int(sys.argv[2])
    domain = Domain(number, os.environ["PEER_CONFIG"])
    peer = Peer(number)
    globals()[mode](peer)
    sys.stdin.read()
    del domain


main()
