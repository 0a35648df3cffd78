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
    /// time, s, that comes next. `other`: another clock, s, that goes on beside this one.
    async fn until(&self, from: f64, mut other: Option<f64>, is: impl Fn(i64) -> bool) -> (i64, f64) {
        for step in 0..3000 {
            let now = from + f64::from(step) * PERIOD_S;
            self.tick(now);
            if let Some(other) = &mut other {
                self.tick(*other);
                *other += PERIOD_S;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
            while let Some(sample) = self.count.take().unwrap() {
                let count = msgs::from_cdr::<Int64>(&sample).unwrap().data;
                if is(count) {
                    return (count, now + PERIOD_S);
                }
            }
        }
        panic!("no such count from {from} s on");
    }

    fn tick(&self, seconds: f64) {
        let clock = Clock { clock: Time::from_seconds(seconds).to_message() };
        self.clock.write(&msgs::to_cdr(&clock).unwrap()).unwrap();
    }
}

/// A counter on the graph, and who makes its time.
async fn counting(domain: u32) -> (tokio::task::JoinHandle<()>, Peer) {
    let settings = Settings { domain, localhost_only: true, ..Settings::default() };
    let mut ports = Ports::default();
    let node = Counter::boxed(&mut ports);
    let mut graph = Graph::default();
    graph.add("counter", node, ports, &BTreeMap::new(), Duration::ZERO).unwrap();
    let make = Box::new(|_: &Map<String, Value>| Ok(Counter::boxed(&mut Ports::default())));
    let citizens = vec![Citizen { parameters: Map::new(), declared: Vec::new(), make }];
    let options = Options { use_sim_time: true, facts: Arc::new(|_| Vec::new()), citizens, log: None };
    let backend = Arc::new(Embedded::new(&settings).unwrap());
    let run = async { drop(live::run(graph, (), backend, options, Duration::from_secs(300)).await.unwrap()) };
    (tokio::spawn(run), Peer::new(&settings))
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

#[test]
fn nodes_begin_anew_when_simulated_time_does_and_not_for_a_clock_that_was_overtaken() {
    runtime().block_on(async {
        let (run, peer) = counting(139).await;
        let (counted, next) = peer.until(100.0, None, |count| count >= 10).await;
        // Half a second back, as where messages come in each other's place: the count goes on.
        let (on, next) = peer.until(next - 0.5, None, |count| count != counted).await;
        assert_eq!(on, counted + 1);
        let (counted, _) = peer.until(next, None, |count| count >= 20).await;
        assert!(counted >= 20);
        // Another world, once this one is silent.
        let (anew, next) = peer.until(1.0, None, |count| count < 10).await;
        assert_eq!(anew, 1);
        // Its timers keep to the new time.
        let (_, at) = peer.until(next, None, |count| count >= 11).await;
        assert!(at - next < 60.0 * PERIOD_S, "{} s for ten timers of {PERIOD_S} s", at - next);
        assert!(!run.is_finished());
        run.abort();
    });
}

#[test]
fn of_two_clocks_that_take_turns_the_first_is_followed_until_it_falls_silent() {
    runtime().block_on(async {
        let (run, peer) = counting(140).await;
        let (_, next) = peer.until(100.0, None, |count| count >= 10).await;
        // A node that began anew would count from one.
        let (counted, _) = peer.until(next, Some(3.0), |count| !(10..60).contains(&count)).await;
        assert_eq!(counted, 60);
        let (anew, _) = peer.until(50.0, None, |count| count < 10).await;
        assert_eq!(anew, 1);
        assert!(!run.is_finished());
        run.abort();
    });
}
