//! Both drivers over one small graph: order, latency, bounds, heartbeats.
#![allow(missing_docs)]

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::Duration;

use middleware::{DIAGNOSTICS_TOPIC, Graph, GraphError, Lockstep, Tap, Topic, composed};
use msgs::diagnostic_msgs::msg::{DiagnosticArray, DiagnosticStatus};
use msgs::std_msgs::msg::{Int64, String as Text};
use node::{Event, Input, Node, Output, Outputs, Ports, Qos, Shared, Status, Time, Timer};

/// Counts on a timer.
struct Counter {
    tick: Timer,
    out: Output<Int64>,
    count: i64,
}

/// Passes numbers on; slow if told so; reports an error on 5.
struct Relay {
    input: Input<Int64>,
    out: Output<Int64>,
    work: Duration,
}

impl Node for Counter {
    fn on_event(&mut self, event: &Event, outputs: &mut Outputs) {
        if event.is(self.tick) {
            self.count += 1;
            outputs.publish(self.out, Int64 { data: self.count });
        }
    }
}

impl Node for Relay {
    fn on_event(&mut self, event: &Event, outputs: &mut Outputs) {
        if let Some(number) = event.message(self.input) {
            std::thread::sleep(self.work);
            if number.data == 5 {
                outputs.report(Status::error("five came").with("number", 5));
            }
            outputs.publish(self.out, number.clone());
        }
    }
}

fn remap(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(a, b)| (a.to_string(), b.to_string())).collect()
}

fn graph(latency: Duration, work: Duration) -> Graph {
    let mut graph = Graph::default();
    let mut ports = Ports::default();
    let counter = Counter {
        tick: ports.timer(Duration::from_millis(10)),
        out: ports.output("~/output/number", Qos::reliable(1)),
        count: 0,
    };
    graph.add("counter", Box::new(counter), ports, &remap(&[("~/output/number", "/numbers")]), Duration::ZERO).unwrap();
    let mut ports = Ports::default();
    let relay = Relay {
        input: ports.input("~/input/number", Qos::reliable(1)),
        out: ports.output("~/output/number", Qos::reliable(1)),
        work,
    };
    graph.add("relay", Box::new(relay), ports, &remap(&[("/relay/input/number", "/numbers")]), latency).unwrap();
    graph
}

#[derive(Default)]
struct Log {
    lines: Vec<(i64, String, Vec<u8>)>,
    errors: Vec<(i64, String)>,
    stop_after: Option<usize>,
}

impl Tap for Log {
    fn on_message(&mut self, now: Time, topic: &Topic, message: &Shared) -> ControlFlow<()> {
        let mut bytes = Vec::new();
        message.encode(&mut bytes).unwrap();
        self.lines.push((now.0, topic.name.clone(), bytes));
        if let Some(array) = message.as_any().downcast_ref::<DiagnosticArray>() {
            let bad = array.status.iter().filter(|s| s.level == DiagnosticStatus::ERROR);
            self.errors.extend(bad.map(|s| (now.0, s.message.clone())));
        }
        if self.stop_after.is_some_and(|n| self.lines.len() >= n) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }
}

fn run_lockstep(latency: Duration) -> Log {
    let mut log = Log::default();
    let mut driver = Lockstep::new(graph(latency, Duration::ZERO)).unwrap();
    assert!(driver.run(Time::from_seconds(1.2), &mut log).is_continue());
    log
}

#[test]
fn lockstep_runs_are_equal_to_the_byte() {
    let (a, b) = (run_lockstep(Duration::from_millis(3)), run_lockstep(Duration::from_millis(3)));
    assert_eq!(a.lines, b.lines);
    assert_eq!(a.lines.iter().filter(|(_, topic, _)| topic == "/numbers").count(), 120);
}

#[test]
fn lockstep_delays_messages_by_the_simulated_latency() {
    let log = run_lockstep(Duration::from_millis(3));
    let times = |name: &str| -> Vec<i64> { log.lines.iter().filter(|l| l.1 == name).map(|l| l.0).collect() };
    let (sent, relayed) = (times("/numbers"), times("/relay/output/number"));
    assert_eq!(relayed.len(), 119);
    for (a, b) in sent.iter().zip(&relayed) {
        assert_eq!(b - a, 3_000_000);
    }
}

/// Relays that read the counter and each other, with latencies on both sides of what is worth a thread and some
/// equal, so that messages of several threads fall due at one time.
fn web() -> Graph {
    let mut graph = graph(Duration::from_millis(10), Duration::from_micros(200));
    let relays = [
        ("a", "/numbers", 10, 900),
        ("b", "/a/output/number", 20, 100),
        ("late", "/a/output/number", 900, 10),
        ("c", "/a/output/number", 20, 700),
        ("d", "/c/output/number", 3, 50),
    ];
    for (name, reads, latency_ms, work_us) in relays {
        let mut ports = Ports::default();
        let relay = Relay {
            input: ports.input("~/input/number", Qos::reliable(1)),
            out: ports.output("~/output/number", Qos::reliable(1)),
            work: Duration::from_micros(work_us),
        };
        let latency = Duration::from_millis(latency_ms);
        graph.add(name, Box::new(relay), ports, &remap(&[("~/input/number", reads)]), latency).unwrap();
    }
    graph
}

#[test]
fn threads_change_nothing_in_what_comes_out() {
    let run = |mut driver: Lockstep| {
        let mut log = Log::default();
        assert!(driver.run(Time::from_seconds(0.6), &mut log).is_continue());
        assert!(driver.run(Time::from_seconds(1.2), &mut log).is_continue());
        log
    };
    let (one, many) = (run(Lockstep::on_one_thread(web()).unwrap()), run(Lockstep::new(web()).unwrap()));
    assert_eq!(one.lines, many.lines);
    assert_eq!(one.errors, many.errors);
    assert_eq!(one.lines.iter().filter(|l| l.1 == "/d/output/number").count(), 116);
}

/// Breaks on the third number.
struct Breaker(Input<Int64>);

impl Node for Breaker {
    fn on_event(&mut self, event: &Event, _: &mut Outputs) {
        assert!(event.message(self.0).is_none_or(|number| number.data < 3), "three came");
    }
}

#[test]
#[should_panic(expected = "three came")]
fn a_panic_on_a_nodes_thread_is_the_drivers() {
    let mut graph = graph(Duration::ZERO, Duration::ZERO);
    let mut ports = Ports::default();
    let breaker = Breaker(ports.input("/numbers", Qos::reliable(1)));
    graph.add("breaker", Box::new(breaker), ports, &remap(&[]), Duration::from_millis(10)).unwrap();
    let _ = Lockstep::new(graph).unwrap().run(Time::from_seconds(1.0), &mut ());
}

#[test]
fn a_status_is_told_at_once_and_then_as_heartbeat() {
    let log = run_lockstep(Duration::ZERO);
    assert_eq!(log.errors.first(), Some(&(50_000_000, "five came".to_string())));
    assert_eq!(log.errors.len(), 3);
    assert!(log.lines.iter().any(|l| l.1 == DIAGNOSTICS_TOPIC && l.0 == 500_000_000));
}

#[test]
fn lockstep_ends_when_the_tap_breaks() {
    let mut log = Log { stop_after: Some(4), ..Log::default() };
    let mut driver = Lockstep::new(graph(Duration::ZERO, Duration::ZERO)).unwrap();
    assert!(driver.run(Time::from_seconds(9.0), &mut log).is_break());
    assert_eq!(log.lines.len(), 4);
}

#[test]
fn composed_nodes_take_the_newest_and_count_what_they_dropped() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let graph = graph(Duration::ZERO, Duration::from_millis(100));
    let log = Log { stop_after: None, ..Log::default() };
    let (report, log) = runtime.block_on(composed::run(graph, log, Duration::from_millis(900))).unwrap();
    let number = |bytes: &[u8]| msgs::from_cdr::<Int64>(bytes).unwrap().data;
    let relayed: Vec<i64> = log.lines.iter().filter(|l| l.1 == "/relay/output/number").map(|l| number(&l.2)).collect();
    assert!(relayed.windows(2).all(|p| p[1] > p[0]), "{relayed:?}");
    assert!(relayed.len() >= 2 && relayed[1] > 2, "an old number was worked on: {relayed:?}");
    assert!(report.dropped["relay"] > 0);
    assert!(report.latencies["relay"].summary().p50 >= 100.0);
}

#[test]
fn wrong_graphs_are_refused_with_names() {
    let mut graph = graph(Duration::ZERO, Duration::ZERO);
    let relay = |ports: &mut Ports| {
        Box::new(Relay {
            input: ports.input("~/input/number", Qos::reliable(1)),
            out: ports.output("~/output/number", Qos::reliable(1)),
            work: Duration::ZERO,
        })
    };
    let mut ports = Ports::default();
    let node = relay(&mut ports);
    let error = graph.add("relay", node, ports, &remap(&[]), Duration::ZERO).unwrap_err();
    assert!(matches!(error, GraphError::DuplicateNode(_)));
    let mut ports = Ports::default();
    let node = relay(&mut ports);
    let error =
        graph.add("b", node, ports, &remap(&[("~/input/nmber", "/x")]), Duration::ZERO).unwrap_err().to_string();
    assert!(error.contains("~/input/nmber") && error.contains("~/input/number"), "{error}");
    let mut ports = Ports::default();
    ports.input::<Text>("/numbers", Qos::reliable(1));
    let node = relay(&mut Ports::default());
    let error = graph.add("c", node, ports, &remap(&[]), Duration::ZERO).unwrap_err().to_string();
    assert!(error.contains("/numbers") && error.contains("std_msgs/msg/Int64"), "{error}");
}

#[test]
fn rules_for_full_names_that_fit_nothing_are_for_other_nodes() {
    let mut graph = Graph::default();
    let mut ports = Ports::default();
    let node = Box::new(Relay {
        input: ports.input("~/input/number", Qos::reliable(1)),
        out: ports.output("~/output/number", Qos::reliable(1)),
        work: Duration::ZERO,
    });
    let rules = remap(&[("/tf", "/a/tf"), ("other/input", "/b"), ("b/input/number", "numbers")]);
    graph.add("a/b", node, ports, &rules, Duration::ZERO).unwrap();
    let topics: Vec<&str> = graph.topics().iter().map(|topic| topic.name.as_str()).collect();
    assert_eq!(topics, ["/a/numbers", "/a/b/output/number"]);
}

#[test]
fn lockstep_traces_the_wall_time_of_one_message_through_its_nodes() {
    let mut driver = Lockstep::new(graph(Duration::from_millis(3), Duration::from_millis(2))).unwrap();
    driver.trace(&["/numbers", "/relay/output/number"]);
    let _ = driver.run(Time(200_000_000), &mut ());
    let traced = driver.traced();
    assert!((18..=20).contains(&traced.count()), "one a number: {}", traced.count());
    assert!(traced.summary().p50 >= 2.0, "the relay worked 2 ms on each: {:?}", traced.summary());
}

/// Draws each number that it counts, and keeps count of the drawings.
struct Painter {
    tick: Timer,
    drawing: Output<Text>,
    drawn: std::sync::Arc<std::sync::atomic::AtomicUsize>,
}

impl Node for Painter {
    fn on_event(&mut self, event: &Event, outputs: &mut Outputs) {
        if event.is(self.tick) {
            outputs.publish_if_heard(self.drawing, || {
                self.drawn.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                Text::default()
            });
        }
    }
}

/// Looks at drawings.
struct Viewer {
    _drawing: Input<Text>,
}

impl Node for Viewer {
    fn on_event(&mut self, _: &Event, _: &mut Outputs) {}
}

#[test]
fn debug_outputs_are_made_only_where_somebody_hears_them() {
    let drawings = |watched: bool| {
        let drawn = std::sync::Arc::<std::sync::atomic::AtomicUsize>::default();
        let mut graph = Graph::default();
        let mut ports = Ports::default();
        let painter = Painter {
            tick: ports.timer(Duration::from_millis(10)),
            drawing: ports.debug_output("~/debug/drawing", Qos::reliable(1)),
            drawn: drawn.clone(),
        };
        graph.add("painter", Box::new(painter), ports, &remap(&[]), Duration::ZERO).unwrap();
        assert!(graph.topics().iter().all(|topic| topic.debug));
        if watched {
            let mut ports = Ports::default();
            let viewer = Viewer { _drawing: ports.input("/painter/debug/drawing", Qos::reliable(1)) };
            graph.add("viewer", Box::new(viewer), ports, &remap(&[]), Duration::ZERO).unwrap();
        }
        let mut seen = 0;
        struct Count<'a>(&'a mut usize);
        impl Tap for Count<'_> {
            fn on_message(&mut self, _: Time, topic: &Topic, _: &Shared) -> ControlFlow<()> {
                *self.0 += usize::from(topic.name == "/painter/debug/drawing");
                ControlFlow::Continue(())
            }
        }
        let _ = Lockstep::new(graph).unwrap().run(Time(100_000_000), &mut Count(&mut seen));
        assert_eq!(seen, drawn.load(std::sync::atomic::Ordering::Relaxed));
        seen
    };
    assert_eq!(drawings(false), 0);
    assert_eq!(drawings(true), 10);
}
