//! A peer that behaves as a ROS 2 node on Fast DDS (`rmw_fastrtps_cpp`), against nodes on the live driver: the graph,
//! parameters and the life cycle.
#![allow(missing_docs)]

mod common;
mod fast_dds_peer;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use common::run_nodes;
use dds::{Durability, Participant, Qos, Range, Settings};
use fast_dds_peer::{FastDds, bytes, hex};
use middleware::ros::{Client, Endpoints, RosParticipant, names};
use msgs::lifecycle_msgs::srv::{ChangeState, ChangeStateRequest, GetState, GetStateRequest};
use msgs::rcl_interfaces::msg::{Parameter, ParameterType, ParameterValue};
use msgs::rcl_interfaces::srv::{
    GetParameters, GetParametersRequest, GetParametersResponse, ListParameters, ListParametersRequest, SetParameters,
    SetParametersRequest,
};
use msgs::rmw_dds_common::msg::{Gid, NodeEntitiesInfo, ParticipantEntitiesInfo};
use msgs::sensor_msgs::msg::PointCloud2;
use msgs::std_msgs::msg::String as Text;
use msgs::{Message, Service};
use serde_json::json;

const RELAY: &str = "/left/relay";

fn here(domain: u32) -> Settings {
    Settings { domain, range: Range::Localhost, ..Settings::default() }
}

/// Runs the nodes while `check` talks with the peer.
fn with_nodes(domain: u32, check: impl FnOnce(&mut FastDds) + Send + 'static) {
    let Some(mut peer) = FastDds::start(domain, "localhost") else { return };
    run_nodes(&here(domain), &json!({}), move || check(&mut peer));
}

/// A client as rmw_fastrtps makes one: each request names the reader that waits for its reply.
struct Asking {
    name: String,
    reader: String,
    guid: String,
}

impl Asking {
    fn writer<S: Service>(peer: &mut FastDds, service: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("client{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let full = format!("{RELAY}/{service}");
        let request = names::type_name(S::Request::TYPE_NAME);
        peer.make(&format!("writer {name}_asks {} {request} reliable", names::request_topic(&full)));
        let reader = format!("{} {}", names::reply_topic(&full), names::type_name(S::Response::TYPE_NAME));
        Self { name, reader, guid: String::new() }
    }

    fn reader(&mut self, peer: &mut FastDds) {
        self.guid = peer.make(&format!("reader {}_hears {} reliable", self.name, self.reader));
    }

    fn new<S: Service>(peer: &mut FastDds, service: &str) -> Self {
        let mut asking = Self::writer::<S>(peer, service);
        asking.reader(peer);
        peer.matched(&format!("{}_asks", asking.name), 1);
        peer.matched(&format!("{}_hears", asking.name), 1);
        asking
    }

    /// Asks; the number of the request.
    fn ask<M: Message>(&self, peer: &mut FastDds, request: &M) -> i64 {
        let Self { name, .. } = self;
        peer.tell(&format!("request {name}_asks {name}_hears {}", hex(&msgs::to_cdr(request).unwrap())));
        peer.hears("the request sent", |said| said.get("sequence").is_some() && said.get("sample").is_none())["sequence"]
            .as_i64()
            .unwrap()
    }

    /// What comes in answer to request `number`, named as rmw_fastrtps wants it; it overlooks replies to others.
    fn answer<M: Message>(&self, peer: &mut FastDds, number: i64) -> M {
        let hears = format!("{}_hears", self.name);
        let said = peer.hears(&format!("the answer to {number} for {hears}"), |said| {
            said["sample"] == hears.as_str()
                && said["related"] == self.guid.as_str()
                && said["related_sequence"].as_i64() == Some(number)
        });
        let cdr = bytes(&said["cdr"]);
        // Samples are padded to a multiple of 4 bytes. A reader of rmw_fastrtps has no room for more.
        (0..4).find_map(|zeros| msgs::from_cdr(cdr.get(..cdr.len() - zeros)?).ok()).expect("a response")
    }
}

fn call<S: Service>(peer: &mut FastDds, service: &str, request: &S::Request) -> S::Response {
    let asking = Asking::new::<S>(peer, service);
    let number = asking.ask(peer, request);
    asking.answer(peer, number)
}

fn gain(value: f64) -> SetParametersRequest {
    let value =
        ParameterValue { type_: ParameterType::PARAMETER_DOUBLE, double_value: value, ..ParameterValue::default() };
    SetParametersRequest { parameters: vec![Parameter { name: "gain".into(), value }] }
}

fn step(id: u8) -> ChangeStateRequest {
    let mut request = ChangeStateRequest::default();
    request.transition.id = id;
    request
}

#[test]
fn a_node_on_fast_dds_gets_lists_and_sets_parameters_and_manages_the_life_cycle() {
    with_nodes(130, |peer| {
        let listed = call::<ListParameters>(peer, "list_parameters", &ListParametersRequest::default());
        assert!(listed.result.names.iter().any(|name| name == "lidar.beams"), "{listed:?}");
        let request = GetParametersRequest { names: vec!["gain".into(), "lidar.beams".into()] };
        let got = call::<GetParameters>(peer, "get_parameters", &request);
        assert_eq!((got.values[0].double_value, got.values[1].integer_value), (2.5, 32));
        let refused = &call::<SetParameters>(peer, "set_parameters", &gain(3.0)).results[0];
        assert!(!refused.successful && refused.reason.contains("clean up"), "{refused:?}");
        let state = call::<GetState>(peer, "get_state", &GetStateRequest::default());
        assert_eq!(state.current_state.label, "active");
        // Deactivate, clean up; configure and activate with the new value.
        for id in [4, 2] {
            assert!(call::<ChangeState>(peer, "change_state", &step(id)).success);
        }
        assert!(call::<SetParameters>(peer, "set_parameters", &gain(3.0)).results[0].successful);
        for id in [1, 3] {
            assert!(call::<ChangeState>(peer, "change_state", &step(id)).success);
        }
        let got = call::<GetParameters>(peer, "get_parameters", &request);
        assert_eq!(got.values[0].double_value, 3.0);
    });
}

#[test]
fn a_client_whose_reader_is_found_after_its_question_gets_its_reply() {
    with_nodes(131, |peer| {
        let request = GetParametersRequest { names: vec!["gain".into()] };
        for _ in 0..10 {
            let mut asking = Asking::writer::<GetParameters>(peer, "get_parameters");
            // The reader is made before it is asked, as a request names it, yet discovery need not be through with it.
            peer.matched(&format!("{}_asks", asking.name), 1);
            asking.reader(peer);
            let number = asking.ask(peer, &request);
            let got: GetParametersResponse = asking.answer(peer, number);
            assert_eq!(got.values[0].double_value, 2.5);
        }
    });
}

#[test]
fn clients_on_both_middlewares_at_once_get_each_their_own_reply() {
    with_nodes(132, |peer| {
        let request = GetParametersRequest { names: vec!["gain".into()] };
        let theirs = Asking::new::<GetParameters>(peer, "get_parameters");
        let participant = Participant::new(&here(132), b"").unwrap();
        let ours = Client::<GetParameters>::new(&participant, &format!("{RELAY}/get_parameters")).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        for _ in 0..20 {
            let number = theirs.ask(peer, &request);
            let asked = async { tokio::time::timeout(Duration::from_secs(60), ours.call(&request)).await };
            let got = runtime.block_on(asked).expect("an answer in 60 s").unwrap();
            assert_eq!(got.values[0].double_value, 2.5);
            let got: GetParametersResponse = theirs.answer(peer, number);
            assert_eq!(got.values[0].double_value, 2.5);
        }
    });
}

#[test]
fn questions_and_replies_of_many_fragments_arrive() {
    with_nodes(137, |peer| {
        let request = GetParametersRequest { names: vec!["gain".into(); 10_000] };
        let got = call::<GetParameters>(peer, "get_parameters", &request);
        assert!(got.values.len() == 10_000 && got.values.iter().all(|value| value.double_value == 2.5));
        let participant = Participant::new(&here(137), b"").unwrap();
        let ours = Client::<GetParameters>::new(&participant, &format!("{RELAY}/get_parameters")).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let asked = async { tokio::time::timeout(Duration::from_secs(60), ours.call(&request)).await };
        assert_eq!(runtime.block_on(asked).expect("an answer in 60 s").unwrap(), got);
    });
}

#[test]
fn a_server_on_fast_dds_is_asked_in_its_own_way() {
    let Some(mut peer) = FastDds::start(133, "localhost") else { return };
    let participant = Participant::new(&here(133), b"").unwrap();
    let client = Arc::new(Client::<GetParameters>::new(&participant, "/n/get_parameters").unwrap());
    let request = names::type_name(<GetParameters as Service>::Request::TYPE_NAME);
    let response = names::type_name(<GetParameters as Service>::Response::TYPE_NAME);
    peer.make(&format!("reader asked {} {request} reliable", names::request_topic("/n/get_parameters")));
    peer.make(&format!("writer answers {} {response} reliable", names::reply_topic("/n/get_parameters")));
    peer.matched("asked", 1);
    peer.matched("answers", 1);
    let started = Instant::now();
    while !client.is_ready().unwrap() {
        assert!(started.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(5));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    for round in 1..=3 {
        let asking = Arc::clone(&client);
        let names = vec![format!("p{round}")];
        let call = runtime.spawn(async move { asking.call(&GetParametersRequest { names }).await });
        let said = peer.sample("asked");
        let asked: GetParametersRequest = msgs::from_cdr(&bytes(&said["cdr"])).unwrap();
        assert_eq!(asked.names, [format!("p{round}")]);
        let value = ParameterValue { integer_value: round, ..ParameterValue::default() };
        let cdr = hex(&msgs::to_cdr(&GetParametersResponse { values: vec![value] }).unwrap());
        // As rmw_fastrtps does: a reply to another question first, then by the reader that the request names.
        let (related, sequence) = (said["related"].as_str().unwrap(), said["sequence"].as_i64().unwrap());
        peer.tell(&format!("reply answers {related} {} {cdr}", sequence + 100));
        peer.tell(&format!("reply answers {related} {sequence} {cdr}"));
        let got = runtime.block_on(async { tokio::time::timeout(Duration::from_secs(60), call).await });
        assert_eq!(got.expect("an answer in 60 s").unwrap().unwrap().values[0].integer_value, round);
    }
}

#[test]
fn nodes_topics_types_and_hashes_are_in_the_graph_of_the_peer() {
    with_nodes(134, |peer| {
        let type_name = names::type_name(ParticipantEntitiesInfo::TYPE_NAME);
        peer.make(&format!("reader graph ros_discovery_info {type_name} reliable,transient_local"));
        let info = loop {
            let info: ParticipantEntitiesInfo = msgs::from_cdr(&bytes(&peer.sample("graph")["cdr"])).unwrap();
            if info.node_entities_info_seq.len() == 2 {
                break info;
            }
        };
        let node = |name| info.node_entities_info_seq.iter().find(|node| node.node_name == name).unwrap();
        let (lidar, relay) = (node("lidar"), node("relay"));
        assert_eq!((lidar.node_namespace.as_str(), relay.node_namespace.as_str()), ("/", "/left"));
        for (gids, topic, ros_type, hash) in [
            (&relay.reader_gid_seq, "rt/left/text", Text::TYPE_NAME, Text::TYPE_HASH),
            (&relay.writer_gid_seq, "rt/echo", Text::TYPE_NAME, Text::TYPE_HASH),
            (&lidar.writer_gid_seq, "rt/cloud", PointCloud2::TYPE_NAME, PointCloud2::TYPE_HASH),
        ] {
            let gids: Vec<String> = gids.iter().map(|gid| hex(&gid.data)).collect();
            let found = peer.hears(topic, |said| {
                let guid = said["guid"].as_str().unwrap_or_default();
                said["topic"] == topic && gids.iter().any(|gid| gid == guid)
            });
            assert_eq!(found["type"], names::type_name(ros_type).as_str());
            assert_eq!(bytes(&found["user_data"]), format!("typehash={hash};").into_bytes());
        }
        peer.hears("our enclave", |said| {
            said["guid"] == hex(&info.gid.data).as_str() && bytes(&said["user_data"]) == b"enclave=/;"
        });
    });
}

#[test]
fn a_node_on_fast_dds_talks_with_nodes_of_ours() {
    with_nodes(135, |peer| {
        let texts = names::type_name(Text::TYPE_NAME);
        peer.make(&format!("writer text rt/left/text {texts} reliable"));
        peer.make(&format!("reader echo rt/echo {texts} reliable"));
        peer.matched("text", 1);
        peer.matched("echo", 1);
        for text in ["", "é", "twelve chars"] {
            peer.tell(&format!("write text {}", hex(&msgs::to_cdr(&Text { data: text.into() }).unwrap())));
            let echo: Text = msgs::from_cdr(&bytes(&peer.sample("echo")["cdr"])).unwrap();
            assert_eq!(echo.data, format!("{text} 2.5"));
        }
    });
}

#[test]
fn the_graph_of_the_peer_is_read_and_humbles_layout_is_written() {
    let Some(mut peer) = FastDds::start(136, "localhost") else { return };
    let participant = RosParticipant::for_distribution(&here(136), Some("humble")).unwrap();
    let type_name = names::type_name(ParticipantEntitiesInfo::TYPE_NAME);
    peer.make(&format!("reader graph ros_discovery_info {type_name} reliable,transient_local"));
    let own = participant.dds().guid();
    participant.announce("left/n", Endpoints { readers: vec![own], writers: vec![own, own] }).unwrap();
    let humble = bytes(&peer.sample("graph")["cdr"]);
    // rmw_dds_common of Humble: `char[24] data` in Gid.msg, else as today.
    let gid = [own.0.as_slice(), &[0; 8]].concat();
    let text = |text: &[u8]| [u32::try_from(text.len()).unwrap().to_le_bytes().as_slice(), text].concat();
    let list = |count: u32| [count.to_le_bytes().to_vec(), gid.repeat(count as usize)].concat();
    let expected = [
        gid.clone(),
        1u32.to_le_bytes().to_vec(),
        text(b"/left\0"),
        vec![0; 2],
        text(b"n\0"),
        vec![0; 2],
        list(1),
        list(2),
    ]
    .concat();
    assert_eq!(humble[4..], expected);
    let qos = Qos { durability: Durability::TransientLocal, ..Qos::default() };
    let reader = participant.dds().reader("ros_discovery_info", &type_name, &qos, Arc::default()).unwrap();
    peer.make(&format!("writer info ros_discovery_info {type_name} reliable,transient_local,depth:1"));
    let gid = Gid { data: [9; 16] };
    let info = ParticipantEntitiesInfo {
        gid: gid.clone(),
        node_entities_info_seq: vec![NodeEntitiesInfo {
            node_namespace: "/".into(),
            node_name: "talker".into(),
            reader_gid_seq: Vec::new(),
            writer_gid_seq: vec![gid],
        }],
    };
    peer.tell(&format!("write info {}", hex(&msgs::to_cdr(&info).unwrap())));
    let started = Instant::now();
    loop {
        match reader.take().unwrap() {
            Some(sample) if sample.identity().is_some() => {
                assert_eq!(msgs::from_cdr::<ParticipantEntitiesInfo>(&sample).unwrap(), info);
                break;
            }
            _ => std::thread::sleep(Duration::from_millis(5)),
        }
        assert!(started.elapsed() < Duration::from_secs(60), "nothing of the peer's in 60 s");
    }
}
