//! What goes wrong on CARLA's topics while the car drives: it stops by itself with the reason told, or drives on, and
//! drives on when it is over.
#![allow(missing_docs)]

use std::collections::BTreeMap;

use ferrodrive::stack::Stack;
use middleware::Lockstep;
use msgs::nav_msgs::msg::Odometry;
use msgs::rosgraph_msgs::msg::Clock;
use msgs::sensor_msgs::msg::{Imu, PointCloud2};
use node::Time;
use system_tests::sabotage::{Fault, Kind, Sabotage, Watch};
use system_tests::share;

const IMU: &str = "/carla/hero/imu";
const LIDAR: &str = "/carla/hero/lidar";
const ODOMETRY: &str = "/carla/hero/odometry";
const CLOCK: &str = "/clock";

/// What the car does while a fault lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Course {
    /// It stops, and its bridge says this.
    Stops(&'static str),
    /// Nobody asks for a stop.
    DrivesOn,
    /// It may brake.
    Recovers,
}

type Expected = (Fault, Course);

fn expected(topic: &'static str, kind: Kind, course: Course) -> Expected {
    (Fault { topic, kind }, course)
}

/// What a node said of itself: time, node, level and message.
type Said = (f64, String, u8, String);

fn driven(expected: &[Expected], odometry: &str, seed: &str) -> Watch {
    let arguments = [
        ("contract", "carla_ros_bridge"),
        ("lockstep", "false"),
        // Nothing is drawn: the camera's part is the same in both contracts and in our own simulator.
        ("lights", "bridge"),
        ("odometry", odometry),
    ];
    let arguments = arguments.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let launch = share().join("launch/carla_rehearsal.launch.xml");
    let map = share().join("maps/town.xodr");
    let mut stack = Stack::load(&share(), &launch, &BTreeMap::from(arguments), &map).unwrap();
    stack.set("carla_stand_in", "seed", seed);
    let faults: Vec<Fault> = expected.iter().map(|(fault, ..)| *fault).collect();
    let mut sabotage = Sabotage::new(&faults);
    sabotage.between::<Imu>(&mut stack, IMU, |imu| {
        let mut other = imu.clone();
        other.angular_velocity.z += 0.3;
        other
    });
    sabotage.between::<PointCloud2>(&mut stack, LIDAR, PointCloud2::clone);
    sabotage.between::<Odometry>(&mut stack, ODOMETRY, Odometry::clone);
    sabotage.between::<Clock>(&mut stack, CLOCK, Clock::clone);
    let (graph, mut watch) = sabotage.graph(&stack);
    let _ = Lockstep::new(graph).unwrap().run(Time::from_seconds(400.0), &mut watch);
    watch
}

fn check(expected: &[Expected], odometry: &str, seed: &str) {
    let watch = driven(expected, odometry, seed);
    let (outcomes, witness) = (watch.outcomes(), &watch.witness);
    for (outcome, (fault, course)) in outcomes.iter().zip(expected) {
        let (from, until) = outcome.during;
        let heard: Vec<&Said> = witness.statuses.iter().filter(|(t, ..)| (from..until).contains(t)).collect();
        println!("{fault:?}: {outcome:?}");
        let after: Vec<&Said> = witness.statuses.iter().filter(|(t, ..)| (from..until + 10.0).contains(t)).collect();
        assert!(outcome.recovered, "{fault:?}: {outcome:?}\n{after:#?}");
        match course {
            Course::Stops(reason) => {
                assert!(outcome.stopped, "{fault:?}: {outcome:?}\n{heard:#?}");
                let told = heard.iter().any(|said| said.1 == "carla_bridge" && said.2 >= 2 && said.3.contains(reason));
                assert!(told, "{fault:?}: nothing with `{reason}` in {heard:#?}");
            }
            Course::DrivesOn => {
                let stop = heard.iter().find(|said| said.1 == "safety_supervisor" && said.2 >= 2);
                assert_eq!(stop, None, "{fault:?}");
            }
            Course::Recovers => {}
        }
    }
    assert_eq!(outcomes.len(), expected.len(), "{outcomes:?}");
    assert_eq!(witness.scored("collisions_caused"), 0.0, "{:?}", witness.events);
    assert_eq!(witness.scored("off_road_s"), 0.0);
}

fn sensors_fail(seed: &str) {
    check(
        &[
            expected(LIDAR, Kind::Stale, Course::Stops("no /carla/hero/lidar for")),
            expected(IMU, Kind::Vanished, Course::Stops("no /carla/hero/imu for")),
            expected(IMU, Kind::SecondSender, Course::Stops("two senders on /carla/hero/imu")),
        ],
        "localizer",
        seed,
    );
}

#[test]
fn sensors_that_fail_stop_the_car_with_the_reason_and_it_drives_on_when_they_are_back() {
    sensors_fail("2002");
}

/// Without wheels nothing tells that the car stopped while the IMU was gone: a localizer that bridges the pause as if it had
/// driven on is sure of a wrong heading soon after, and the car touches one that stands.
#[test]
fn a_heading_that_is_unsure_after_the_imu_was_gone_is_learned_anew() {
    sensors_fail("2001");
}

#[test]
fn messages_that_are_missing_doubled_or_in_each_others_place_do_not_stop_the_car_and_late_ones_do() {
    check(
        &[
            expected(LIDAR, Kind::Missing, Course::DrivesOn),
            expected(LIDAR, Kind::Reordered, Course::DrivesOn),
            expected(CLOCK, Kind::Doubled, Course::DrivesOn),
            // The localizer's pose takes its place.
            expected(ODOMETRY, Kind::Vanished, Course::Recovers),
            expected(LIDAR, Kind::Late(800), Course::Stops("no /carla/hero/lidar for")),
        ],
        "auto",
        "2001",
    );
}
