use std::sync::Arc;

use msgs::autoware_perception_msgs::msg::{TrackedObject, TrackedObjects};
use msgs::diagnostic_msgs::msg::{DiagnosticArray, DiagnosticStatus, KeyValue};
use msgs::nav_msgs::msg::Odometry;
use node::{Shared, Time};
use vehicle::Vehicle;

use crate::{Evaluation, Record, RunFacts, Suite};

const TRUTH: &str = "/simulation/ground_truth/";

fn car() -> Vehicle {
    let yaml = concat!(env!("CARGO_MANIFEST_DIR"), "/../../params/vehicle_info.param.yaml");
    node::Parameters::from_file(std::path::Path::new(yaml), "evaluation").unwrap().parse("evaluation").unwrap()
}

fn status(name: &str, kind: &str, level: u8, message: &str, values: &[(&str, &str)]) -> Shared {
    let values = values.iter().map(|(k, v)| KeyValue { key: (*k).into(), value: (*v).into() }).collect();
    let status =
        DiagnosticStatus { level, name: name.into(), message: message.into(), hardware_id: kind.into(), values };
    Arc::new(DiagnosticArray { status: vec![status], ..DiagnosticArray::default() })
}

fn send(evaluation: &mut Evaluation, t: f64, topic: &str, message: Shared) {
    evaluation.on_message(Time::from_seconds(t), topic, &message);
}

/// Ten seconds at 10 m/s toward a box that stands 200 m ahead.
fn drive() -> Evaluation {
    let mut evaluation = Evaluation::new(None, car());
    for i in 0..=200 {
        let t = f64::from(i) * 0.05;
        let mut odometry = Odometry::default();
        odometry.pose.pose.orientation.w = 1.0;
        odometry.pose.pose.position.x = 10.0 * t;
        odometry.twist.twist.linear.x = 10.0;
        send(&mut evaluation, t, &format!("{TRUTH}odometry"), Arc::new(odometry));
        let mut object = TrackedObject::default();
        let pose = &mut object.kinematics.pose_with_covariance.pose;
        (pose.position.x, pose.orientation.w) = (200.0, 1.0);
        (object.shape.dimensions.x, object.shape.dimensions.y) = (4.0, 2.0);
        let mut broken = object.clone();
        broken.kinematics.pose_with_covariance.pose.position.x = f64::NAN;
        let objects = TrackedObjects { objects: vec![object, broken], ..TrackedObjects::default() };
        send(&mut evaluation, t, &format!("{TRUTH}objects"), Arc::new(objects));
    }
    let collision = [("ego_caused", "false"), ("time_s", "5.0")];
    for _ in 0..2 {
        let event = status("simulator", "collision", 2, "touched </script> & more", &collision);
        send(&mut evaluation, 6.0, &format!("{TRUTH}events"), event);
    }
    let score = [("route_completion", "0.5"), ("off_road_s", "NaN"), ("collisions", "1")];
    send(&mut evaluation, 9.0, &format!("{TRUTH}score"), status("simulator", "score", 0, "", &score));
    for (t, level) in [(1.0, 0), (2.0, 2), (2.5, 2), (3.0, 0), (4.0, 2)] {
        send(&mut evaluation, t, "/diagnostics", status("safety_supervisor", "", level, "lidar is silent", &[]));
    }
    evaluation
}

fn record(evaluation: &Evaluation) -> Record {
    evaluation.finish(RunFacts { seed: 3, wall_time_s: 5.0, map: "town".into(), ..RunFacts::default() })
}

#[test]
fn a_hand_made_drive_gives_the_figures_computed_by_hand() {
    let r = record(&drive());
    assert!((r.distance_m - 100.0).abs() < 1e-6 && (r.mean_speed_mps - 10.0).abs() < 1e-6);
    assert!(r.max_abs_jerk_mps3 < 1e-6 && (r.real_time_factor - 2.0).abs() < 1e-9);
    assert_eq!((r.route_completion, r.collisions, r.ego_caused_collisions, r.off_road_s), (0.5, 1, 0, 0.0));
    assert_eq!((r.emergency_stops.len(), r.events.len()), (2, 1));
    let gap = 100.0 - 2.0 - car().front_m();
    assert!((r.min_distance_m.unwrap() - gap).abs() < 1e-6);
    assert_eq!(r.min_time_to_collision_s, None, "{gap} m at 10 m/s is more than the horizon");
}

#[test]
fn metrics_have_the_keys_that_others_read() {
    let json = serde_json::to_value(record(&drive())).unwrap();
    for key in "seed scenario route_completion collisions red_lights_run stop_signs_run off_road_s \
        min_time_to_collision_s mean_speed_mps max_abs_jerk_mps3 real_time_factor latency_ms models peak_memory_mb digest"
        .split_whitespace()
    {
        assert!(json.get(key).is_some(), "{key}");
    }
    assert!(json["latency_ms"]["sensor_to_control"]["p99"].is_number());
}

#[test]
fn the_report_loads_nothing_and_text_from_messages_stays_text() {
    let evaluation = drive();
    let html = evaluation.report(&record(&evaluation), "");
    assert!(!html.contains("http"), "an address");
    assert_eq!(html.matches("</script>").count(), 1);
    assert!(html.contains("&lt;/script&gt; &amp; more") && html.contains("lidar is silent"));
}

#[test]
fn a_run_without_messages_is_no_success_and_still_gives_a_report() {
    let evaluation = Evaluation::new(None, car());
    let r = record(&evaluation);
    assert!(!r.succeeded() && r.mean_speed_mps == 0.0);
    assert!(evaluation.report(&r, "").contains("<svg"));
}

#[test]
fn a_suite_counts_as_complete_only_drives_without_a_collision_of_the_cars_own() {
    let good = Record { route_completion: 1.0, collisions: 1, ..Record::default() };
    let bad = Record { route_completion: 1.0, collisions: 1, ego_caused_collisions: 1, ..Record::default() };
    let summary = Suite::new(vec![good, bad]).summary;
    assert_eq!((summary.completion_rate, summary.collisions, summary.ego_caused_collisions), (0.5, 2, 1));
}
