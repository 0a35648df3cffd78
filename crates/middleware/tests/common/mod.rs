//! Nodes on the live driver for the tests with other DDS, and what they say of themselves.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dds::Settings;
use middleware::backend::Embedded;
use middleware::live::{self, Citizen, Declared, Options};
use middleware::{Graph, Tap, Topic};
use msgs::diagnostic_msgs::msg::DiagnosticArray;
use msgs::sensor_msgs::msg::{PointCloud2, PointField};
use msgs::std_msgs::msg::String as Text;
use node::{Event, Input, Node, Output, Outputs, Ports, Qos, Shared, Time, Timer};
use serde_json::{Map, Value, json};

pub const CLOUD_BYTES: usize = 1_500_000;

/// Publishes a point cloud ten times a second.
struct Lidar {
    tick: Timer,
    out: Output<PointCloud2>,
}

/// Sends texts back with a suffix that tells its gain.
struct Relay {
    input: Input<Text>,
    out: Output<Text>,
    gain: f64,
}

impl Node for Lidar {
    fn on_event(&mut self, event: &Event, outputs: &mut Outputs) {
        if event.is(self.tick) {
            let mut cloud =
                PointCloud2 { height: 1, width: 93_750, point_step: 16, is_dense: true, ..PointCloud2::default() };
            cloud.header.stamp = Time(12_000_000_034).to_message();
            cloud.header.frame_id = "lidar_top".into();
            cloud.fields = vec![PointField { name: "x".into(), offset: 4, datatype: PointField::FLOAT32, count: 1 }];
            cloud.data = (0..CLOUD_BYTES).map(|n| (7 * n % 251) as u8).collect();
            outputs.publish(self.out, cloud);
        }
    }
}

impl Node for Relay {
    fn on_event(&mut self, event: &Event, outputs: &mut Outputs) {
        if let Some(text) = event.message(self.input) {
            outputs.publish(self.out, Text { data: format!("{} {}", text.data, self.gain) });
        }
    }
}

fn relay(values: &Map<String, Value>, ports: &mut Ports) -> Box<dyn Node> {
    Box::new(Relay {
        input: ports.input("text", Qos::reliable(10)),
        out: ports.output("~/output/text", Qos::reliable(10)),
        gain: values["gain"].as_f64().unwrap(),
    })
}

fn graph() -> (Graph, Vec<Citizen>) {
    let mut graph = Graph::default();
    let mut ports = Ports::default();
    let values = json!({"gain": 2.5, "lidar": {"beams": 32}}).as_object().cloned().unwrap();
    let node = relay(&values, &mut ports);
    let remaps = BTreeMap::from([("~/output/text".to_owned(), "/echo".to_owned())]);
    graph.add("left/relay", node, ports, &remaps, Duration::ZERO).unwrap();
    let mut ports = Ports::default();
    let lidar =
        Lidar { tick: ports.timer(Duration::from_millis(100)), out: ports.output("/cloud", Qos::sensor_data()) };
    let remaps = BTreeMap::from([("/diagnostics".to_owned(), "/fleet/diagnostics".to_owned())]);
    graph.add("lidar", Box::new(lidar), ports, &remaps, Duration::ZERO).unwrap();
    let declared = vec![Declared { name: "gain".into(), range: Some((0.0, 10.0)), ..Declared::default() }];
    let make = Box::new(|values: &Map<String, Value>| Ok(relay(values, &mut Ports::default())));
    (graph, vec![Citizen { parameters: values, declared, make }])
}

/// Keeps the last status of every node.
#[derive(Clone, Default)]
pub struct Statuses(pub Arc<Mutex<BTreeMap<String, BTreeMap<String, String>>>>);

impl Tap for Statuses {
    fn on_message(&mut self, _: Time, _: &Topic, message: &Shared) -> std::ops::ControlFlow<()> {
        for status in message.as_any().downcast_ref::<DiagnosticArray>().iter().flat_map(|array| &array.status) {
            let mut values: BTreeMap<_, _> = status.values.iter().map(|v| (v.key.clone(), v.value.clone())).collect();
            let mut all = self.0.lock().unwrap();
            // All that it said: the last is from after the peer left.
            let before = all.get(&status.name).map_or("", |of| &of["message"]);
            values.insert("message".into(), format!("{before}\n{}", status.message));
            all.insert(status.name.clone(), values);
        }
        std::ops::ControlFlow::Continue(())
    }
}

/// Runs the nodes while `check` talks with the peer. `overrides`: of the relay's quality of service.
pub fn run_nodes(settings: &Settings, overrides: &Value, check: impl FnOnce() + Send + 'static) -> Statuses {
    let statuses = Statuses::default();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let backend = Arc::new(Embedded::new(settings).unwrap());
        let (mut graph, citizens) = graph();
        graph.override_qos("left/relay", overrides.as_object().unwrap()).unwrap();
        let facts = Arc::new(|_: &str| vec![("model.m.execution_provider".to_owned(), "cpu".to_owned())]);
        let options = Options { use_sim_time: false, facts, citizens, log: None };
        let run = live::run(graph, statuses.clone(), backend, options, Duration::from_secs(120));
        let checked = tokio::task::spawn_blocking(check);
        tokio::select! {
            result = run => panic!("the run ended first: {:?}", result.err()),
            result = checked => result.unwrap(),
        }
    });
    statuses
}
