//! A node that does not keep up with what it is to do, on the live driver.
#![allow(missing_docs)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use dds::{Participant, Settings};
use middleware::Graph;
use middleware::backend::Embedded;
use middleware::live::{self, Citizen, Options};
use middleware::ros::Client;
use msgs::lifecycle_msgs::msg::Transition;
use msgs::lifecycle_msgs::srv::{ChangeState, ChangeStateRequest};
use node::{Event, Node, Outputs, Ports};
use serde_json::Map;

/// Has another thing to do before it is through with the last.
struct Slow;

impl Node for Slow {
    fn on_event(&mut self, _: &Event, _: &mut Outputs) {
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_node_that_does_not_keep_up_is_deactivated_and_shut_down() {
    let settings = Settings { domain: 138, localhost_only: true, ..Settings::default() };
    let mut ports = Ports::default();
    ports.timer(Duration::from_millis(1));
    let mut graph = Graph::default();
    graph.add("slow", Box::new(Slow), ports, &BTreeMap::new(), Duration::ZERO).unwrap();
    let make = Box::new(|_: &Map<String, serde_json::Value>| Ok(Box::new(Slow) as Box<dyn Node>));
    let citizens = vec![Citizen { parameters: Map::new(), declared: Vec::new(), make }];
    let options = Options { use_sim_time: false, facts: Arc::new(|_| Vec::new()), citizens, log: None };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let backend = Arc::new(Embedded::new(&settings).unwrap());
        let run = tokio::spawn(live::run(graph, (), backend, options, Duration::from_secs(120)));
        let participant = Participant::new(&settings, b"").unwrap();
        let manager = Client::<ChangeState>::new(&participant, "/slow/change_state").unwrap();
        let manage = async {
            while !manager.is_ready().unwrap() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            for id in [
                Transition::TRANSITION_DEACTIVATE,
                Transition::TRANSITION_ACTIVATE,
                Transition::TRANSITION_ACTIVE_SHUTDOWN,
            ] {
                let request = ChangeStateRequest { transition: Transition { id, label: String::new() } };
                assert!(manager.call(&request).await.unwrap().success, "transition {id}");
            }
        };
        tokio::time::timeout(Duration::from_secs(60), manage).await.expect("each answered");
        run.await.unwrap().unwrap();
    });
}
