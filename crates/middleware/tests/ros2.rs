//! Nodes over ROS 2's own middleware, against the embedded DDS as the other side. Needs a build with `--features ros2`
//! in a sourced ROS 2 environment, with `RMW_IMPLEMENTATION=rmw_cyclonedds_cpp`, whose services the other side can call.
#![allow(missing_docs)]

#[cfg(not(feature = "ros2"))]
#[test]
fn nodes_over_ros_2() {
    println!("skipped: built without ROS 2 (cargo test -p middleware --features ros2, in a sourced ROS 2 environment)");
}

#[cfg(feature = "ros2")]
mod sourced {
    use std::collections::BTreeMap;
    use std::future::Future;
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use dds::{Participant, Reader, Settings, Writer};
    use middleware::backend::Ros2;
    use middleware::composed::Report;
    use middleware::live::{self, Citizen, Declared, Options};
    use middleware::ros::{Client, dds_qos, names};
    use middleware::{Graph, Tap, Topic};
    use msgs::lifecycle_msgs::msg::Transition;
    use msgs::lifecycle_msgs::srv::{ChangeState, ChangeStateRequest};
    use msgs::rcl_interfaces::msg::{Parameter, ParameterType, ParameterValue, SetParametersResult};
    use msgs::rcl_interfaces::srv::{GetParameters, GetParametersRequest, SetParameters, SetParametersRequest};
    use msgs::std_msgs::msg::String as Text;
    use msgs::{Message as _, Service};
    use node::{Event, Input, Node, Output, Outputs, Ports, Qos, Shared, Time};
    use serde_json::{Map, Value, json};

    const PATIENCE: Duration = Duration::from_secs(20);

    /// Sends texts back with its gain behind, after so long.
    struct Relay {
        input: Input<Text>,
        out: Output<Text>,
        gain: f64,
        takes: Duration,
    }

    impl Node for Relay {
        fn on_event(&mut self, event: &Event, outputs: &mut Outputs) {
            if let Some(text) = event.message(self.input) {
                std::thread::sleep(self.takes);
                outputs.publish(self.out, Text { data: format!("{} {}", text.data, self.gain) });
            }
        }
    }

    fn relay(topic: &str, depth: usize, gain: f64, takes: Duration, ports: &mut Ports) -> Box<dyn Node> {
        let input = ports.input(topic, Qos::reliable(depth));
        Box::new(Relay { input, out: ports.output("~/output/text", Qos::reliable(10)), gain, takes })
    }

    /// The other side.
    struct Peer {
        participant: Participant,
        writer: Writer,
        echoes: Reader,
    }

    impl Peer {
        /// `None` where the RMW's services cannot be called from here.
        fn new(topic: &str, echo: &str) -> Option<Self> {
            if std::env::var("RMW_IMPLEMENTATION").as_deref() != Ok("rmw_cyclonedds_cpp") {
                println!("skipped: RMW_IMPLEMENTATION is not rmw_cyclonedds_cpp");
                return None;
            }
            let participant = Participant::new(&Settings::from_environment().unwrap(), b"").unwrap();
            let qos = dds_qos(Qos::reliable(1000), Text::TYPE_HASH);
            let kind = names::type_name(Text::TYPE_NAME);
            Some(Self {
                writer: participant.writer(&names::topic(topic), &kind, &qos).unwrap(),
                echoes: participant.reader(&names::topic(echo), &kind, &qos, Arc::default()).unwrap(),
                participant,
            })
        }

        async fn ready(&self) {
            until(|| self.writer.matched() > 0 && self.echoes.matched() > 0).await;
        }

        fn say(&self, text: &str) {
            self.writer.write(&msgs::to_cdr(&Text { data: text.into() }).unwrap()).unwrap();
        }

        async fn hear(&self) -> String {
            let sample = tokio::time::timeout(PATIENCE, self.echoes.next()).await.expect("no echo").unwrap();
            msgs::from_cdr::<Text>(&sample).unwrap().data
        }

        async fn ask<S: Service>(&self, service: &str, request: S::Request) -> S::Response {
            let client = Client::<S>::new(&self.participant, service).unwrap();
            let ready = async {
                while !client.is_ready().unwrap() {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            };
            tokio::time::timeout(PATIENCE, ready).await.expect("no server");
            tokio::time::timeout(PATIENCE, client.call(&request)).await.expect("no answer").unwrap()
        }
    }

    async fn until(mut is: impl FnMut() -> bool) {
        let wait = async {
            while !is() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.expect("it did not come to be");
    }

    /// Ends the run when the peer is done.
    struct Stop(Arc<Mutex<bool>>);

    impl Tap for Stop {
        fn on_message(&mut self, _: Time, _: &Topic, _: &Shared) -> std::ops::ControlFlow<()> {
            if *self.0.lock().unwrap() { std::ops::ControlFlow::Break(()) } else { std::ops::ControlFlow::Continue(()) }
        }
    }

    fn with_nodes(graph: Graph, citizens: Vec<Citizen>, check: impl Future<Output = ()>) -> Report {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(async {
            let backend = Arc::new(Ros2::new().unwrap());
            let options = Options { use_sim_time: false, facts: Arc::new(|_| Vec::new()), citizens, log: None };
            let done = Arc::new(Mutex::new(false));
            let run =
                tokio::spawn(live::run(graph, Stop(Arc::clone(&done)), backend, options, Duration::from_secs(120)));
            check.await;
            *done.lock().unwrap() = true;
            run.await.unwrap().unwrap().0
        })
    }

    #[test]
    fn parameters_and_the_life_cycle_are_as_over_the_embedded_dds() {
        let Some(peer) = Peer::new("/left/text", "/echo") else { return };
        let values = json!({"gain": 2.5}).as_object().cloned().unwrap();
        let make = |values: &Map<String, Value>, ports: &mut Ports| {
            relay("text", 10, values["gain"].as_f64().unwrap(), Duration::ZERO, ports)
        };
        let mut graph = Graph::default();
        let mut ports = Ports::default();
        let node = make(&values, &mut ports);
        let remaps = BTreeMap::from([("~/output/text".to_owned(), "/echo".to_owned())]);
        graph.add("left/relay", node, ports, &remaps, Duration::ZERO).unwrap();
        let declared = vec![Declared { name: "gain".into(), range: Some((0.0, 10.0)), ..Declared::default() }];
        let make = Box::new(move |values: &Map<String, Value>| Ok(make(values, &mut Ports::default())));
        let citizens = vec![Citizen { parameters: values, declared, make }];

        with_nodes(graph, citizens, async {
            peer.ready().await;
            peer.say("a");
            assert_eq!(peer.hear().await, "a 2.5");
            let request = GetParametersRequest { names: vec!["gain".into(), "none".into()] };
            let values = peer.ask::<GetParameters>("/left/relay/get_parameters", request).await.values;
            assert_eq!((values[0].double_value, values[1].type_), (2.5, ParameterType::PARAMETER_NOT_SET));
            let refused = set(&peer, 3.0).await;
            assert!(!refused.successful && refused.reason.contains("clean up"), "{}", refused.reason);
            for transition in [Transition::TRANSITION_DEACTIVATE, Transition::TRANSITION_CLEANUP] {
                assert!(change(&peer, transition).await);
            }
            assert!(!change(&peer, Transition::TRANSITION_ACTIVATE).await);
            let wild = set(&peer, 99.0).await;
            assert!(wild.reason.contains("expected 0 to 10, got 99"), "{}", wild.reason);
            assert!(set(&peer, 3.0).await.successful);
            for transition in [Transition::TRANSITION_CONFIGURE, Transition::TRANSITION_ACTIVATE] {
                assert!(change(&peer, transition).await);
            }
            peer.say("b");
            assert_eq!(peer.hear().await, "b 3");
        });
    }

    async fn set(peer: &Peer, gain: f64) -> SetParametersResult {
        let value =
            ParameterValue { type_: ParameterType::PARAMETER_DOUBLE, double_value: gain, ..ParameterValue::default() };
        let request = SetParametersRequest { parameters: vec![Parameter { name: "gain".into(), value }] };
        peer.ask::<SetParameters>("/left/relay/set_parameters", request).await.results.remove(0)
    }

    async fn change(peer: &Peer, id: u8) -> bool {
        let request = ChangeStateRequest { transition: Transition { id, label: String::new() } };
        peer.ask::<ChangeState>("/left/relay/change_state", request).await.success
    }

    #[test]
    fn a_slow_node_takes_the_newest_and_counts_what_it_dropped() {
        const SENT: usize = 200;
        let Some(peer) = Peer::new("/fast", "/slow/output/text") else { return };
        let mut graph = Graph::default();
        let mut ports = Ports::default();
        let node = relay("/fast", 1, 0.0, Duration::from_millis(100), &mut ports);
        graph.add("slow", node, ports, &BTreeMap::new(), Duration::ZERO).unwrap();
        let mut heard = Vec::new();
        let report = with_nodes(graph, Vec::new(), async {
            peer.ready().await;
            for n in 0..SENT {
                peer.say(&n.to_string());
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            let last = format!("{} 0", SENT - 1);
            while heard.last() != Some(&last) {
                heard.push(peer.hear().await);
            }
        });
        let dropped = report.dropped["slow"] as usize;
        // What the RMW itself drops, where this machine stands still for long, is not seen here.
        assert!(dropped > SENT / 2 && heard.len() + dropped <= SENT, "{dropped} dropped, heard {heard:?}");
    }

    /// Passes texts of one topic on to another.
    fn passes_on(graph: &mut Graph, name: &str, from: &str, to: &str) {
        let mut ports = Ports::default();
        let node = relay(from, 10, 1.0, Duration::ZERO, &mut ports);
        let remaps = BTreeMap::from([("~/output/text".to_owned(), to.to_owned())]);
        graph.add(name, node, ports, &remaps, Duration::ZERO).unwrap();
    }

    #[test]
    fn nodes_of_one_process_hear_each_other_once() {
        let Some(peer) = Peer::new("/chain/first", "/chain/last") else { return };
        let mut graph = Graph::default();
        passes_on(&mut graph, "one", "/chain/first", "/chain/middle");
        passes_on(&mut graph, "two", "/chain/middle", "/chain/last");
        with_nodes(graph, Vec::new(), async {
            peer.ready().await;
            // The two need to find each other as well.
            let mut heard = None;
            while heard.is_none() {
                peer.say("warm");
                heard = tokio::time::timeout(Duration::from_millis(500), peer.hear()).await.ok();
            }
            peer.say("a");
            peer.say("b");
            let mut echoes = Vec::new();
            while echoes.last().map(String::as_str) != Some("b 1 1") {
                echoes.push(peer.hear().await);
            }
            echoes.retain(|echo| !echo.starts_with("warm"));
            assert_eq!(echoes, ["a 1 1", "b 1 1"]);
        });
    }
}
