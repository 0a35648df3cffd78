//! Who sets off over a stop line shows that its light is green: what the car goes by where it cannot see the light itself.

use std::collections::BTreeMap;

use geometry::{Map, Pose2};
use road_map::{LaneGraph, LaneId, SignalGroupId, StopReason};

use crate::road_user::RoadUser;

/// Who stands no farther before a line is the first to go, m.
const FIRST_M: f64 = 8.0;
/// For so long at least it stands, s: who rolls up to a line and over it may have seen amber.
const STANDS_S: f64 = 2.0;
/// So far beyond the line its front is over it, m: boxes are measured to about half a metre.
const OVER_M: f64 = 1.0;

/// Where someone waits for a light.
#[derive(Debug, Clone, Copy)]
struct Waiting {
    group: SignalGroupId,
    line: Pose2<Map>,
}

/// Who waits at which light, and when somebody last set off there.
#[derive(Debug, Clone, Default)]
pub(crate) struct Departures {
    waiting: BTreeMap<u128, Waiting>,
    last: BTreeMap<SignalGroupId, f64>,
}

impl Departures {
    /// Takes where everybody is now; `places` are the lanes that each user may be on, with the arc length.
    pub fn update(&mut self, map: &LaneGraph, users: &[RoadUser], places: &[Vec<(LaneId, f64)>], now_s: f64) {
        let mut waiting = BTreeMap::new();
        for (user, places) in users.iter().zip(places) {
            if user.standing_s > STANDS_S {
                if let Some(found) = places.iter().find_map(|(lane, s)| waits(map, *lane, s + user.length / 2.0)) {
                    waiting.insert(user.id, found);
                }
                continue;
            }
            let Some(waited) = self.waiting.get(&user.id) else { continue };
            let front = user.pose.position + user.pose.forward() * (user.length / 2.0);
            let over = (front - waited.line.position).dot(waited.line.forward());
            if over > OVER_M {
                self.last.insert(waited.group, now_s);
            } else {
                waiting.insert(user.id, *waited);
            }
        }
        self.waiting = waiting;
    }

    /// When somebody last set off over a line of the group, s.
    pub fn last_s(&self, group: SignalGroupId) -> Option<f64> {
        self.last.get(&group).copied()
    }
}

/// The light that one waits for whose front is at `front_s` (m) of a lane.
fn waits(map: &LaneGraph, lane: LaneId, front_s: f64) -> Option<Waiting> {
    let lane = map.lane(lane)?;
    let near = |s: f64| (-0.5..FIRST_M).contains(&(s - front_s));
    lane.stop_lines.iter().find_map(|line| match line.reason {
        StopReason::Signal(group) if near(line.s) => Some(Waiting { group, line: lane.pose_at(line.s) }),
        _ => None,
    })
}
