use std::path::Path;

use super::*;

fn town() -> LaneGraph {
    LaneGraph::from_file(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../maps/town.xodr"), None).unwrap()
}

/// Some places on the way between two driving lanes far from each other.
fn places(map: &LaneGraph) -> (Vec<Place>, Route) {
    let lanes: Vec<_> = map.lanes().filter(|l| l.kind == LaneKind::Driving && l.junction.is_none()).collect();
    let start = lanes[0];
    let routes = lanes.iter().filter_map(|lane| {
        map.shortest_route((start.id, 1.0), (lane.id, lane.length() / 2.0), RouteOptions::default())
    });
    let route = routes.max_by(|a, b| a.length_m.total_cmp(&b.length_m)).unwrap();
    let mut points = Vec::new();
    sample(map, &route, &mut points);
    (points, route)
}

fn keypoints(points: &[Place], step: usize, headed: bool) -> Vec<Keypoint> {
    let mut chosen: Vec<Place> = points.iter().copied().step_by(step).collect();
    chosen.push(*points.last().unwrap());
    chosen.into_iter().map(|place| Keypoint { place, headed }).collect()
}

#[test]
fn a_route_through_places_of_a_way_is_that_way() {
    let map = town();
    let (points, route) = places(&map);
    for headed in [true, false] {
        let planned = plan(&map, &keypoints(&points, 90, headed)).unwrap();
        let length = planned.scored.length_m();
        assert!((length - route.length_m).abs() < 0.02 * route.length_m + 5.0, "{length} {}", route.length_m);
        let gaps = planned.scored.points().windows(2).map(|p| p[0].distance(&p[1]));
        assert!(gaps.fold(0.0, f64::max) < 5.0, "a lane change at most");
        assert_eq!(planned.goals.len(), 1, "the shortest way needs no goal on the way");
        assert!((planned.goals[0].1 - length).abs() < 0.02 * length + 5.0);
    }
}

#[test]
fn a_way_that_is_not_the_shortest_has_goals_on_it() {
    let map = town();
    let (points, _) = places(&map);
    // There, and back to the start: the shortest way to the end is no way at all.
    let mut through = keypoints(&points, 90, true);
    through.push(through[0]);
    let planned = plan(&map, &through).unwrap();
    assert!(planned.goals.len() > 1);
    assert!(planned.goals.windows(2).all(|pair| pair[0].1 < pair[1].1));
}

#[test]
fn places_off_the_road_are_named() {
    let map = town();
    let far = Keypoint { place: Place { x: 1e6, y: 5.0, z: 0.0, yaw: 0.0 }, headed: false };
    let error = plan(&map, &[far, far]).err().unwrap().to_string();
    assert_eq!(
        error,
        "(1000000.0, 5.0) is off the road: expected a driving lane within 4 m; is it a route of this town?"
    );
}

#[test]
fn a_goal_by_seed_can_be_reached_and_is_the_same_each_time() {
    let map = town();
    let (points, _) = places(&map);
    let some: Vec<Place> = points.iter().copied().step_by(40).collect();
    let goals: Vec<Place> = (1..5).map(|seed| any_goal(&map, some[0], &some, seed).unwrap()).collect();
    assert_eq!(goals, (1..5).map(|seed| any_goal(&map, some[0], &some, seed).unwrap()).collect::<Vec<_>>());
    assert!(goals.iter().any(|goal| *goal != goals[0]), "{goals:?}");
    assert!(any_goal(&map, some[0], &[], 1).is_err());
}
