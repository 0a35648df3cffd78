use std::sync::Arc;

use geometry::{Map, Pose2, Vector2};
use road_map::{LaneGraph, LaneKind};
use vehicle::Vehicle;

use super::Referee;
use crate::actor::{Actor, ActorClass};
use crate::dynamics::{EgoDynamics, EgoState};
use crate::event::EventKind;
use crate::lidar::{Ground, GroundKind};
use crate::network::Network;
use crate::random::Random;
use crate::signals::Signals;

/// A stage: the longest lane of the shipped town that has no rival, with the car 20 m into it.
struct Stage {
    map: LaneGraph,
    network: Arc<Network>,
    lane: usize,
    ego: EgoState,
}

fn stage() -> Stage {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../maps/town.xodr");
    let map = LaneGraph::from_opendrive_file(&path).unwrap();
    let network = Arc::new(Network::new(&map));
    let straight = |i: &usize| {
        let net = &network.lanes[*i];
        let bend =
            (0..12).map(|k| net.lane.center.curvature_at(15.0 + f64::from(k) * 5.0, 5.0).abs()).fold(0.0, f64::max);
        net.lane.kind == LaneKind::Driving && net.lane.conflicts.is_empty() && net.length > 90.0 && bend < 1e-4
    };
    let lane = (0..network.lanes.len()).find(straight).unwrap();
    let ground = Ground::level(0.0, GroundKind::Asphalt);
    let ego = EgoDynamics::new(Vehicle::default(), network.lanes[lane].lane.center.pose_at(20.0), &ground).state;
    Stage { map, network, lane, ego }
}

/// The verdict on a contact between the car at `speed` and somebody who moves as told, from the car's front's view.
fn verdict(class: ActorClass, speed: f64, ahead: f64, aside: f64, velocity: (f64, f64)) -> Option<(bool, String)> {
    let mut stage = stage();
    let vehicle = Vehicle::default();
    let mut referee = Referee::new(Arc::clone(&stage.network), vehicle, &[stage.lane], 20.0, 80.0, &stage.ego);
    let signals = Signals::new(&stage.map, 1);
    let start = stage.ego.vehicle.pose;
    let at = start.position + start.forward() * (vehicle.front_m() + ahead) + start.forward().perpendicular() * aside;
    let along: Vector2<Map> = start.forward() * velocity.0 + start.forward().perpendicular() * velocity.1;
    let yaw = if along.norm() > 0.01 { along.angle() } else { start.yaw };
    let mut actor = Actor::random(7, class, Pose2 { position: at, yaw }, 0.0, &mut Random::new(1));
    (actor.velocity, stage.ego.vehicle.speed_mps) = (along, speed);
    for step in 0..600 {
        stage.ego.vehicle.pose.position = stage.ego.vehicle.pose.position + start.forward() * (speed * 0.01);
        actor.pose.position = actor.pose.position + along * 0.01;
        referee.step(f64::from(step) * 0.01, 0.01, &stage.ego, std::slice::from_ref(&actor), &[], &signals);
    }
    referee.events.iter().find_map(|e| match &e.kind {
        EventKind::Collision { ego_caused, reason, .. } => Some((*ego_caused, reason.clone())),
        _ => None,
    })
}

#[test]
fn who_drives_into_something_that_stands_caused_it() {
    let (caused, reason) = verdict(ActorClass::Car, 10.0, 30.0, 0.0, (0.0, 0.0)).unwrap();
    assert!(caused && reason.contains("stood"), "{reason}");
}

#[test]
fn who_is_struck_from_behind_or_while_standing_did_not_cause_it() {
    let (caused, reason) = verdict(ActorClass::Car, 3.0, -20.0, 0.0, (9.0, 0.0)).unwrap();
    assert!(!caused && reason.contains("behind"), "{reason}");
    let (caused, reason) = verdict(ActorClass::Car, 0.0, -20.0, 0.0, (9.0, 0.0)).unwrap();
    assert!(!caused && reason.contains("stood"), "{reason}");
}

#[test]
fn who_runs_into_the_back_of_a_slower_one_caused_it() {
    let (caused, reason) = verdict(ActorClass::Car, 12.0, 25.0, 0.0, (4.0, 0.0)).unwrap();
    assert!(caused, "{reason}");
}

#[test]
fn a_person_who_runs_in_front_of_a_car_that_cannot_stop_is_not_its_fault_but_one_seen_in_time_is() {
    // At 12 m/s one needs about 20 m: the first comes from the side at 8 m, the second walks in the way at 38 m.
    let (caused, reason) = verdict(ActorClass::Pedestrian, 12.0, 16.0, 3.2, (0.0, -2.2)).unwrap();
    assert!(!caused && reason.contains("too near"), "{reason}");
    let (caused, reason) = verdict(ActorClass::Pedestrian, 12.0, 38.0, 0.9, (0.0, -0.3)).unwrap();
    assert!(caused, "{reason}");
}

#[test]
fn who_is_struck_from_the_side_in_its_lane_did_not_cause_it() {
    // The other one's front meets the car's flank.
    let (caused, reason) = verdict(ActorClass::Car, 8.0, 8.0, 12.0, (0.0, -7.2)).unwrap();
    assert!(!caused, "{reason}");
}
