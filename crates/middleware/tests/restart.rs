//! Simulated time that goes back: another run begins, and with it nodes that know nothing of the one before.
#![allow(missing_docs)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use dds::{Participant, Reader, Settings, Writer};
use middleware::Graph;
use middleware::backend::Embedded;
use middleware::live::{self, Citizen, Options};
use middleware::ros::{dds_qos, names};
use msgs::Message;
use msgs::rosgraph_msgs::msg::Clock;
use msgs::std_msgs::msg::Int64;
use node::{Event, Node, Output, Outputs, Ports, Qos, Time, Timer};
use serde_json::{Map, Value};

const PERIOD_S: f64 = 0.1;

/// Counts its timer.
struct Counter {
    tick: Timer,
    out: Output<Int64>,
    count: i64,
}

impl Counter {
    fn boxed(ports: &mut Ports) -> Box<dyn Node> {
        let (tick, out) = (ports.timer(Duration::from_secs_f64(PERIOD_S)), ports.output("/count", Qos::reliable(100)));
        Box::new(Self { tick, out, count: 0 })
    }
}

impl Node for Counter {
    fn on_event(&mut self, event: &Event, outputs: &mut Outputs) {
        if event.is(self.tick) {
            self.count += 1;
            outputs.publish(self.out, Int64 { data: self.count });
        }
    }
}

/// Who makes the time, and hears the count.
struct Peer {
    clock: Writer,
    count: Reader,
}

impl Peer {
    fn new(settings: &Settings) -> Self {
        let participant = Participant::new(settings, b"").unwrap();
        let clock = dds_qos(Qos::reliable(10), Clock::TYPE_HASH);
        let count = dds_qos(Qos::reliable(100), Int64::TYPE_HASH);
        let (topic, name) = (names::topic, names::type_name);
        Self {
            clock: participant.writer(&topic("/clock"), &name(Clock::TYPE_NAME), &clock).unwrap(),
            count: participant.reader(&topic("/count"), &name(Int64::TYPE_NAME), &count, Arc::default()).unwrap(),
        }
    }

    /// Time goes by from `from`, a tenth of a second a step, until a count comes that is the one looked for; it and the
    /// simulated seconds that this took.
    async fn until(&self, from: f64, is: impl Fn(i64) -> bool) -> (i64, f64) {
        for step in 0..3000 {
            let simulated = f64::from(step) * PERIOD_S;
            let clock = Clock { clock: Time::from_seconds(from + simulated).to_message() };
            self.clock.write(&msgs::to_cdr(&clock).unwrap()).unwrap();
            tokio::time::sleep(Duration::from_millis(20)).await;
            while let Some(sample) = self.count.take().unwrap() {
                let count = msgs::from_cdr::<Int64>(&sample).unwrap().data;
                if is(count) {
                    return (count, simulated);
                }
            }
        }
        panic!("no such count from {from} s on");
    }
}

#[test]
fn nodes_begin_anew_when_simulated_time_does_and_not_for_a_clock_that_was_overtaken() {
    let settings = Settings { domain: 139, localhost_only: true, ..Settings::default() };
    let mut ports = Ports::default();
    let node = Counter::boxed(&mut ports);
    let mut graph = Graph::default();
    graph.add("counter", node, ports, &BTreeMap::new(), Duration::ZERO).unwrap();
    let make = Box::new(|_: &Map<String, Value>| Ok(Counter::boxed(&mut Ports::default())));
    let citizens = vec![Citizen { parameters: Map::new(), declared: Vec::new(), make }];
    let options = Options { use_sim_time: true, facts: Arc::new(|_| Vec::new()), citizens, log: None };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let backend = Arc::new(Embedded::new(&settings).unwrap());
        let run = tokio::spawn(live::run(graph, (), backend, options, Duration::from_secs(300)));
        let peer = Peer::new(&settings);
        let (counted, _) = peer.until(100.0, |count| count >= 10).await;
        // Half a second back, as where two messages come in each other's place: the count goes on.
        let (on, _) = peer.until(100.5, |count| count != counted).await;
        assert_eq!(on, counted + 1);
        let (counted, _) = peer.until(101.0, |count| count >= 20).await;
        assert!(counted >= 20);
        // Another world.
        let (anew, _) = peer.until(1.0, |count| count < 10).await;
        assert_eq!(anew, 1);
        // Its timers keep to the new time.
        let (_, took) = peer.until(2.0, |count| count >= 11).await;
        assert!(took < 60.0 * PERIOD_S, "{took} s for ten timers of {PERIOD_S} s");
        assert!(!run.is_finished());
        run.abort();
    });
}
