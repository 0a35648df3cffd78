use super::*;
use crate::leaderboard::{
    Collision, EgoLane, InfractionKind as Kind, Light, LightState, NearLane, Place, StopSign, Version,
};

/// East for 400 m at a metre's step; half a car is 2.4 m.
fn judge() -> Judge {
    judge_in(World::default())
}

fn judge_in(world: World) -> Judge {
    let points = (0..=400).map(|x| Place { x: f64::from(x), ..Place::default() }).collect();
    Judge::new(ScoredRoute::new(points).unwrap(), World { ego_half_length: 2.4, ..world })
}

/// At 10 m/s in the middle of its lane.
fn at(x: f64) -> Observation {
    Observation {
        frame: (x * 2.0) as u64,
        time: x / 10.0,
        ego: Place { x, ..Place::default() },
        velocity: [10.0, 0.0, 0.0],
        speed_limit: 36.0,
        lane: Some(EgoLane { road: 1, lane: -1, width: 3.5, ..EgoLane::default() }),
        tail: Some((1, -1)),
        ..Observation::default()
    }
}

/// Drives from x to x in steps of half a metre, each tick changed by `f`.
fn drive(judge: &mut Judge, from: f64, to: f64, f: impl Fn(&mut Observation)) -> Option<End> {
    let steps = ((to - from) / 0.5) as usize;
    let mut end = None;
    for step in 1..=steps {
        let mut now = at(from + step as f64 * 0.5);
        f(&mut now);
        end = judge.observe(&now);
        if end.is_some() {
            break;
        }
    }
    end
}

fn kinds(judge: Judge) -> Vec<Kind> {
    judge.finish("r".into(), 0.0).infractions.iter().map(|i| i.kind).collect()
}

#[test]
fn a_clean_drive_to_the_goal_is_perfect() {
    let mut judge = judge();
    assert_eq!(drive(&mut judge, -2.0, 400.0, |_| {}), Some(End::Reached));
    let outcome = judge.finish("r".into(), 9.0);
    assert_eq!((outcome.completion, outcome.infractions.len()), (100.0, 0));
    for version in Version::ALL {
        assert_eq!(version.score(&outcome).score_composed, 100.0);
    }
    assert_eq!(Version::V2_1.score(&outcome).status, "Perfect");
}

#[test]
fn a_quarter_driven_is_a_quarter_scored() {
    let mut judge = judge();
    assert_eq!(drive(&mut judge, -2.0, 100.5, |_| {}), None);
    let outcome = judge.finish("r".into(), 0.0);
    assert_eq!((outcome.completion, outcome.end), (25.0, End::Stopped));
    assert_eq!(Version::V2_1.score(&outcome).status, "Failed");
}

#[test]
fn one_crash_is_one_collision_however_often_it_is_told() {
    let mut judge = judge();
    let touch = |id, kind: &str| vec![Collision { id, kind: kind.into() }];
    // For 3 m with one car; then another object within 5 m of the first touch.
    drive(&mut judge, 0.0, 3.0, |now| now.collisions = touch(7, "vehicle.audi.tt"));
    drive(&mut judge, 3.0, 4.0, |now| now.collisions = touch(0, "static.fence"));
    // Far from it, the same car again: 5 s since have not gone by.
    drive(&mut judge, 4.0, 20.0, |_| {});
    drive(&mut judge, 20.0, 21.0, |now| now.collisions = touch(7, "vehicle.audi.tt"));
    drive(&mut judge, 21.0, 100.0, |_| {});
    drive(&mut judge, 100.0, 101.0, |now| now.collisions = touch(9, "walker.pedestrian.0001"));
    drive(&mut judge, 101.0, 120.0, |_| {});
    drive(&mut judge, 120.0, 121.0, |now| now.collisions = touch(0, "static.fence"));
    assert_eq!(kinds(judge), [Kind::CollisionsVehicle, Kind::CollisionsPedestrian, Kind::CollisionsLayout]);
}

#[test]
fn who_stands_is_not_at_fault() {
    let mut judge = judge();
    drive(&mut judge, 0.0, 3.0, |now| {
        now.velocity = [0.05, 0.0, 0.0];
        now.collisions = vec![Collision { id: 7, kind: "vehicle.audi.tt".into() }];
    });
    assert_eq!(kinds(judge), []);
}

fn light_at(x: f64) -> World {
    let line = Place { x, ..Place::default() };
    let light = Light { id: 3, place: line, center: Place { x: x - 4.0, ..line }, lines: vec![(1, -1, line, 3.5)] };
    World { lights: vec![light], ..World::default() }
}

#[test]
fn the_tail_over_the_line_at_red_is_a_red_light_run() {
    let pass = |state, lane| {
        let mut judge = judge_in(light_at(50.0));
        drive(&mut judge, 0.0, 70.0, |now| {
            now.lights = vec![(3, state)];
            now.tail = Some((1, lane));
        });
        kinds(judge)
    };
    assert_eq!(pass(LightState::Red, -1), [Kind::RedLight]);
    assert_eq!(pass(LightState::Green, -1), []);
    assert_eq!(pass(LightState::Yellow, -1), []);
    assert_eq!(pass(LightState::Red, -2), [], "another lane's light");
    // The front is over the line when it turns red, the tail when it turns green again.
    let mut judge = judge_in(light_at(50.0));
    drive(&mut judge, 0.0, 70.0, |now| {
        let state = if now.ego.x < 51.0 { LightState::Red } else { LightState::Green };
        now.lights = vec![(3, state)];
    });
    assert_eq!(kinds(judge), []);
}

#[test]
fn a_stop_sign_asks_for_a_stop_in_its_box() {
    let sign = Place { x: 60.0, ..Place::default() };
    let world =
        || World { stops: vec![StopSign { id: 5, place: sign, center: sign, extent: [2.0, 2.0] }], ..World::default() };
    let onward = |now: &mut Observation| {
        now.onward = (0..9).map(|n| Place { x: now.ego.x + f64::from(n) * 0.5, ..Place::default() }).collect();
    };
    let mut rolling = judge_in(world());
    drive(&mut rolling, 0.0, 80.0, onward);
    assert_eq!(kinds(rolling), [Kind::StopInfraction]);
    let mut stopping = judge_in(world());
    drive(&mut stopping, 0.0, 80.0, |now| {
        onward(now);
        if (now.ego.x - 58.0).abs() < 0.3 {
            now.velocity = [0.0; 3];
        }
    });
    assert_eq!(kinds(stopping), []);
}

#[test]
fn driving_beside_the_lanes_is_measured_along_the_route() {
    let mut judge = judge();
    drive(&mut judge, 0.0, 200.5, |now| {
        if let Some(lane) = &mut now.lane
            && now.ego.x > 100.5
            && now.ego.x <= 150.5
        {
            lane.distance = 2.5;
        }
    });
    let outcome = judge.finish("r".into(), 0.0);
    assert_eq!(outcome.infractions.len(), 1);
    let found = &outcome.infractions[0];
    assert_eq!((found.kind, found.distance_m), (Kind::OutsideRouteLanes, Some(50.0)));
    assert_eq!(found.percentage, Some(25.0));
}

#[test]
fn a_parking_lane_is_no_sidewalk() {
    let mut judge = judge();
    drive(&mut judge, 0.0, 50.0, |now| {
        now.lane.as_mut().unwrap().distance = 2.5;
        now.parking = Some(NearLane { width: 2.0, distance: 0.5 });
    });
    assert_eq!(kinds(judge), []);
}

#[test]
fn the_lane_of_the_other_direction_counts_as_outside() {
    let mut judge = judge();
    drive(&mut judge, 0.0, 100.0, |now| {
        if now.ego.x > 60.0 {
            now.lane = Some(EgoLane { road: 1, lane: 1, yaw: 180.0, width: 3.5, ..EgoLane::default() });
        }
    });
    assert_eq!(kinds(judge), [Kind::OutsideRouteLanes]);
}

#[test]
fn leaving_the_route_by_thirty_metres_ends_it() {
    let mut judge = judge();
    let end = drive(&mut judge, 0.0, 100.0, |now| now.ego.y = (now.ego.x - 50.0).max(0.0));
    assert_eq!(end, Some(End::Deviated));
    let outcome = judge.finish("r".into(), 0.0);
    assert!(outcome.infractions.iter().any(|i| i.kind == Kind::RouteDev));
    assert_eq!(Version::V2_1.score(&outcome).status, "Failed - Agent deviated from the route");
}

#[test]
fn standing_for_three_minutes_ends_it() {
    let mut judge = judge();
    assert_eq!(drive(&mut judge, 0.0, 10.0, |_| {}), None);
    let standing = |t: f64| Observation { time: 1.0 + t, velocity: [0.0; 3], ..at(10.0) };
    let ended = (1..4000).find(|n| judge.observe(&standing(f64::from(*n) * 0.05)).is_some()).unwrap();
    assert_eq!(judge.observe(&standing(0.0)), Some(End::Blocked));
    assert!((f64::from(ended) * 0.05 - 180.05).abs() < 0.06, "{ended}");
}

#[test]
fn time_grows_with_the_way_driven() {
    let mut judge = judge();
    assert_eq!(drive(&mut judge, 0.0, 100.5, |_| {}), None);
    // 300 s and 100 m at a tenth of 10 m/s; it creeps, so it is not blocked.
    let creeping = |t: f64| Observation { time: t, velocity: [0.2, 0.0, 0.0], ..at(100.5) };
    assert_eq!(judge.observe(&creeping(399.0)), None);
    assert_eq!(judge.observe(&creeping(401.0)), Some(End::TimedOut));
    assert_eq!(kinds(judge), [Kind::RouteTimeout]);
}

#[test]
fn slower_than_the_traffic_is_told_for_each_quarter() {
    let mut judge = judge();
    drive(&mut judge, -1.0, 400.0, |now| now.traffic_speed = Some(if now.ego.x < 150.0 { 20.0 } else { 5.0 }));
    let outcome = judge.finish("r".into(), 0.0);
    let shares: Vec<f64> = outcome.infractions.iter().filter_map(|i| i.percentage).collect();
    assert_eq!(
        outcome.infractions.iter().map(|i| i.kind).collect::<Vec<_>>(),
        vec![Kind::MinSpeedInfractions; shares.len()]
    );
    assert_eq!(shares.len(), 2, "{shares:?}");
    assert!((shares[0] - 50.0).abs() < 0.5, "{shares:?}");
}

#[test]
fn what_is_no_number_is_passed_over() {
    let mut judge = judge();
    assert_eq!(judge.observe(&Observation { time: f64::NAN, ..at(3.0) }), None);
    let mut lost = at(3.0);
    lost.ego.y = f64::NAN;
    assert_eq!(judge.observe(&lost), None);
    assert_eq!(drive(&mut judge, 0.0, 400.0, |_| {}), Some(End::Reached));
}

#[test]
fn a_route_of_one_place_is_refused() {
    assert!(ScoredRoute::new(vec![Place::default()]).is_err());
    assert!(ScoredRoute::new(vec![Place::default(); 3]).is_err());
    assert!(ScoredRoute::new(Vec::new()).is_err());
}
