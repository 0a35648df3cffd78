//! `OutsideRouteLanesTest`: on a sidewalk, off the road or in a lane of the other direction.

use super::infraction::{Infraction, InfractionKind};
use super::observation::{EgoLane, Observation};
use super::route::ScoredRoute;

/// Beyond half of the lane's width, m: there is a small shoulder.
const ALLOWED_OUT_M: f64 = 0.5;
/// Largest angle between ego and lane after a junction, degrees.
const VEHICLE_ANGLE: f64 = 120.0;
/// Larger jumps of the lane's heading mean another direction, degrees.
const LANE_ANGLE: f64 = 150.0;
/// Route points looked at in one tick.
const WINDOW: usize = 3;

#[derive(Debug, Default)]
pub(super) struct OutsideLanes {
    index: usize,
    wrong_lane: bool,
    last: Option<EgoLane>,
    changed: Option<(i64, i64)>,
    total_m: f64,
    outside_m: f64,
    since_s: f64,
}

impl OutsideLanes {
    pub fn update(&mut self, route: &ScoredRoute, now: &Observation) {
        let Some(lane) = now.lane else { return };
        let outside = beside(&lane, now);
        self.wrong_way(lane, now.ego.yaw);
        let last = (self.index + WINDOW).min(route.points().len() - 1);
        for index in self.index + 1..=last {
            if !route.passed(index, &now.ego) {
                continue;
            }
            let way = route.points()[self.index].distance(&route.points()[index]);
            self.total_m += way;
            if outside || self.wrong_lane {
                if self.outside_m == 0.0 {
                    self.since_s = now.time;
                }
                self.outside_m += way;
            }
            self.index = index;
        }
    }

    fn wrong_way(&mut self, lane: EgoLane, ego_yaw: f64) {
        let last = self.last.unwrap_or(lane);
        let gap = |a: f64, b: f64| (a - b).rem_euclid(360.0);
        if lane.junction {
            // Lanes and roads are not in order there.
            self.wrong_lane = false;
        } else if self.changed != Some((lane.road, lane.lane)) {
            if last.junction {
                let angle = gap(lane.yaw, ego_yaw);
                self.wrong_lane = (VEHICLE_ANGLE..=360.0 - VEHICLE_ANGLE).contains(&angle);
            } else {
                let angle = gap(last.yaw, lane.yaw);
                if angle > LANE_ANGLE && angle < 360.0 - LANE_ANGLE {
                    self.wrong_lane = !self.wrong_lane;
                }
            }
        }
        self.changed = Some((lane.road, lane.lane));
        self.last = Some(lane);
    }

    /// The one infraction that all of it makes.
    pub fn finish(&self, out: &mut Vec<Infraction>) {
        if self.outside_m > 0.0 {
            let percentage = self.outside_m / self.total_m * 100.0;
            let message = format!(
                "Agent went outside its route lanes for about {:.3} meters ({percentage:.2}% of the completed route)",
                self.outside_m
            );
            out.push(Infraction {
                percentage: Some(percentage),
                distance_m: Some(self.outside_m),
                ..Infraction::new(InfractionKind::OutsideRouteLanes, self.since_s, message)
            });
        }
    }
}

/// Whether the ego's origin is beside driving and parking lanes alike.
fn beside(lane: &EgoLane, now: &Observation) -> bool {
    let (width, distance) = match now.parking {
        Some(parking) if lane.distance >= parking.distance => (parking.width, parking.distance),
        _ => (lane.width, lane.distance),
    };
    distance > width / 2.0 + ALLOWED_OUT_M
}
