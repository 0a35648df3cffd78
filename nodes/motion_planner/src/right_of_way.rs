//! Who else arrives where the car's way crosses or joins another lane, and whether the gap is large enough.

use std::collections::BTreeMap;

use geometry::angle_difference;
use road_map::{Conflict, Lane, LaneGraph, LaneId, Priority, SignalGroupId, StopReason, Turn};

use crate::forward_simulation::{DT, STEPS, State};
use crate::reference_path::Axis;
use crate::road_user::{Class, RoadUser};
use crate::traffic_rules::Light;

/// A stretch of the axis where the car gives way.
#[derive(Debug, Clone)]
pub(crate) struct GiveWay {
    /// m on the axis.
    pub from: f64,
    pub to: f64,
    /// When others are there.
    pub arrivals: Vec<Arrival>,
}

/// When someone is where the ways meet.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrival {
    pub who: u128,
    /// First and last moment, s from now.
    pub first: f64,
    pub last: f64,
    /// What it would have to brake with to let the car go first after a second and a half of thinking, m/s².
    pub braking: f64,
}

/// Lanes that each user may be on, with the arc length.
pub(crate) fn places(map: &LaneGraph, users: &[RoadUser]) -> Vec<Vec<(LaneId, f64)>> {
    users
        .iter()
        .map(|user| {
            if user.class == Class::Pedestrian {
                return Vec::new();
            }
            let yaw = if user.speed() > 1.0 { user.velocity.angle() } else { user.pose.yaw };
            map.lanes_near(user.pose.position, 2.2)
                .iter()
                .filter(|p| angle_difference(p.heading, yaw).abs() < 0.8)
                .map(|p| (p.lane, p.s))
                .collect()
        })
        .collect()
}

/// The stretches ahead where the car gives way, with who comes.
pub(crate) fn give_ways(
    map: &LaneGraph,
    axis: &Axis,
    front: f64,
    users: &[RoadUser],
    places: &[Vec<(LaneId, f64)>],
    lights: &BTreeMap<SignalGroupId, Light>,
) -> Vec<GiveWay> {
    let mut found = Vec::new();
    for span in &axis.spans {
        let Some(lane) = map.lane(span.lane) else { continue };
        for conflict in &lane.conflicts {
            let from = span.from + conflict.from_s - span.lane_from;
            let to = span.from + conflict.to_s - span.lane_from;
            if from < front - 1.0 || from > front + 60.0 {
                continue;
            }
            let Some(other) = map.lane(conflict.other) else { continue };
            if axis.spans.iter().any(|s| s.lane == other.id) || !must_give_way(map, lane, other, conflict) {
                continue;
            }
            let feeders = feeders(map, other, lights);
            let arrivals =
                users.iter().zip(places).filter_map(|(user, at)| arrival(user, at, &feeders, conflict)).collect();
            found.push(GiveWay { from, to, arrivals });
        }
    }
    found
}

fn is_signalised(map: &LaneGraph, lane: &Lane) -> bool {
    let governed = |l: &Lane| l.stop_lines.iter().any(|line| matches!(line.reason, StopReason::Signal(_)));
    governed(lane) || lane.predecessors.iter().filter_map(|id| map.lane(*id)).any(governed)
}

fn must_give_way(map: &LaneGraph, lane: &Lane, other: &Lane, conflict: &Conflict) -> bool {
    match conflict.priority {
        Priority::Mine => false,
        Priority::Other => true,
        Priority::Equal => {
            let approach = angle_difference(other.pose_at(0.0).yaw, lane.pose_at(0.0).yaw);
            let oncoming = approach.abs() > 2.3;
            if oncoming {
                return lane.turn == Turn::Left && other.turn != Turn::Left;
            }
            if is_signalised(map, lane) {
                return lane.turn == Turn::Right && other.turn != Turn::Right;
            }
            // Traffic from the right drives towards the left: its heading is turned left from ours.
            approach > 0.5
        }
    }
}

/// The lane and those that lead to it, with the distance from their start to the lane's start, m.
fn feeders(map: &LaneGraph, other: &Lane, lights: &BTreeMap<SignalGroupId, Light>) -> Vec<(LaneId, f64)> {
    let mut found = vec![(other.id, 0.0)];
    let mut next = 0;
    while next < found.len() && found.len() < 16 {
        let (id, distance) = found[next];
        next += 1;
        let Some(lane) = map.lane(id) else { continue };
        for previous in lane.predecessors.iter().filter_map(|id| map.lane(*id)) {
            let held = previous.stop_lines.iter().chain(&lane.stop_lines).any(
                |line| matches!(line.reason, StopReason::Signal(group) if lights.get(&group) == Some(&Light::Red)),
            );
            let far = distance + previous.length();
            if !held && distance < 80.0 && !found.iter().any(|(id, _)| *id == previous.id) {
                found.push((previous.id, far));
            }
        }
    }
    found
}

fn arrival(user: &RoadUser, at: &[(LaneId, f64)], feeders: &[(LaneId, f64)], conflict: &Conflict) -> Option<Arrival> {
    let (along, direct) = at
        .iter()
        .filter_map(|(lane, s)| {
            let (_, distance) = feeders.iter().find(|(id, _)| id == lane)?;
            Some((s - distance, *lane == conflict.other))
        })
        .max_by(|a, b| a.0.total_cmp(&b.0))?;
    let enter = conflict.other_from_s - along - user.length / 2.0;
    let leave = conflict.other_to_s - along + user.length / 2.0;
    let v = user.speed();
    // Who has long stood where the ways meet waits for the car; room to pass is looked after by the collision check.
    let waits = v < 0.5 && user.standing_s > if enter > 0.0 { 2.0 } else { 8.0 };
    if leave < 0.0 || enter > 90.0 || waits {
        return None;
    }
    let time = |distance: f64, speed: f64, acceleration: f64| {
        let d = distance.max(0.0);
        ((speed * speed + 2.0 * acceleration * d).sqrt() - speed) / acceleration
    };
    let first = time(enter, v, if direct { 1.0 } else { 0.7 });
    let last = if v < 1.0 { time(leave, v, 0.5) } else { leave / (0.75 * v) };
    let room = enter - 1.5 * v;
    let braking = if room > 0.0 { v * v / (2.0 * room) } else { f64::INFINITY };
    Some(Arrival { who: user.id, first, last, braking })
}

/// Whose way the simulated drive takes, if anyone's. Where stopping would be hard, less room in time is enough: going on
/// is then what surprises others least. Who has waited long takes smaller gaps, and in the end goes where others need
/// to slow down a little only: nobody waits for ever for a gap that does not come.
pub(crate) fn takes_way(
    give_ways: &[GiveWay],
    states: &[State],
    front_m: f64,
    rear_m: f64,
    stood_s: f64,
) -> Option<Arrival> {
    let start = states[0];
    give_ways.iter().find_map(|area| {
        let enter = states.iter().position(|state| state.s + front_m > area.from)?;
        let leave = states.iter().position(|state| state.s - rear_m > area.to).unwrap_or(STEPS + 20);
        let (enter, leave) = (enter as f64 * DT, leave as f64 * DT);
        let room = (area.from - start.s - front_m).max(0.05);
        let (after, before) = if start.speed.powi(2) / (2.0 * room) > 2.5 {
            (0.2, 0.5)
        } else if stood_s > 15.0 {
            (0.5, 1.0)
        } else {
            (0.8, 1.5)
        };
        let asked = if stood_s > 25.0 { 1.5 } else { 0.8 };
        area.arrivals.iter().copied().find(|at| {
            let gives_way = stood_s > 10.0 && enter + 1.0 < at.first && at.braking < asked;
            !gives_way && enter < at.last + after && at.first < leave + before
        })
    })
}

#[cfg(test)]
mod tests {
    use geometry::{Point2, Pose2, Vector2};

    use super::*;

    /// A drive from standstill at 1.5 m/s².
    fn start_off() -> Vec<State> {
        (0..=STEPS)
            .map(|i| {
                let t = i as f64 * DT;
                State { s: 0.75 * t * t, speed: 1.5 * t, acceleration: 1.5 }
            })
            .collect()
    }

    /// Who comes on lane 1 at `speed` (m/s), `enter` metres before the car's way.
    fn comes(speed: f64, standing_s: f64, enter: f64) -> Option<Arrival> {
        let user = RoadUser {
            id: 7,
            class: Class::Vehicle,
            pose: Pose2 { position: Point2::new(0.0, 0.0), yaw: 0.0 },
            length: 4.0,
            width: 1.8,
            velocity: Vector2::new(speed, 0.0),
            standing_s,
            futures: Vec::new(),
        };
        let (from, to) = (50.0, 56.0);
        let conflict = Conflict {
            other: LaneId(1),
            from_s: 5.0,
            to_s: 12.0,
            other_from_s: from,
            other_to_s: to,
            priority: Priority::Other,
        };
        arrival(&user, &[(LaneId(1), from - enter - 2.0)], &[(LaneId(1), 0.0)], &conflict)
    }

    fn takes(arrival: Option<Arrival>, stood_s: f64) -> bool {
        let area = GiveWay { from: 5.0, to: 12.0, arrivals: arrival.into_iter().collect() };
        takes_way(&[area], &start_off(), 3.8, 1.0, stood_s).is_some()
    }

    #[test]
    fn who_comes_fast_and_near_is_let_go_first_however_long_one_has_waited() {
        assert!(takes(comes(12.0, 0.0, 30.0), 0.0) && takes(comes(12.0, 0.0, 30.0), 60.0));
    }

    #[test]
    fn who_waited_long_goes_before_one_that_need_hardly_slow_down() {
        // 4 m/s from 14 m off: 1 m/s² after 1.5 s.
        assert!(takes(comes(4.0, 0.0, 14.0), 0.0));
        assert!(!takes(comes(4.0, 0.0, 18.0), 12.0) && !takes(comes(4.0, 0.0, 14.0), 30.0));
    }

    #[test]
    fn who_is_where_the_ways_meet_is_waited_for_until_it_has_long_stood_there() {
        assert!(takes(comes(0.0, 1.0, -1.0), 20.0), "it may go on at any moment");
        assert!(comes(0.0, 9.0, -1.0).is_none(), "it waits for the car");
        assert!(comes(0.0, 3.0, 4.0).is_none(), "it stands before its line");
    }
}
