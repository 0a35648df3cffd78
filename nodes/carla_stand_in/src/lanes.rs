//! Lane markings that the car drives over, as `sensor.other.lane_invasion` tells them.

use geometry::{Map, OrientedBox, angle_difference};
use msgs::carla_msgs::msg::CarlaLaneInvasionEvent;
use road_map::{Boundary, LaneGraph, LaneId};

/// A lane farther from the car's middle, m, or of another heading, rad, is not the one that it is in.
const REACH_M: f64 = 3.0;
const HEADING_RAD: f64 = 1.0;

/// Which sides of its lane the car covered last.
#[derive(Debug, Default)]
pub(crate) struct Markings {
    covered: Option<(LaneId, [bool; 2])>,
}

impl Markings {
    /// The markings that the car came onto since the last call. Within junctions there are none.
    pub fn crossed(&mut self, map: &LaneGraph, footprint: &OrientedBox<Map>) -> Vec<i32> {
        let center = footprint.center;
        let lane = map.match_pose(center, REACH_M, HEADING_RAD).and_then(|at| Some((at, map.lane(at.lane)?)));
        let Some((at, lane)) = lane.filter(|(_, lane)| lane.junction.is_none()) else {
            self.covered = None;
            return Vec::new();
        };
        let turn = angle_difference(center.yaw, at.heading);
        let half = (footprint.width * turn.cos().abs() + footprint.length * turn.sin().abs()) / 2.0;
        let [left, right] = [lane.left_at(at.s), lane.right_at(at.s)].map(|edge| lane.position_of(edge).d);
        let covers = [at.d + half > left, at.d - half < right];
        let before = self.covered.replace((at.lane, covers));
        // In another lane nothing is known of its sides: over the one that was driven over it has been told.
        let Some((_, known)) = before.filter(|(id, _)| *id == at.lane) else { return Vec::new() };
        [lane.left_boundary, lane.right_boundary]
            .into_iter()
            .zip(covers.into_iter().zip(known))
            .filter(|(_, (now, before))| *now && !before)
            .map(|(boundary, _)| match boundary {
                Boundary::Crossable => CarlaLaneInvasionEvent::LANE_MARKING_BROKEN,
                Boundary::Solid => CarlaLaneInvasionEvent::LANE_MARKING_SOLID,
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use geometry::{Point2, Pose2};

    use super::*;

    #[test]
    fn a_marking_is_told_once_as_the_car_comes_onto_it() {
        let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../maps/town.xodr");
        let map = LaneGraph::from_file(&file, None).unwrap();
        let long = |lane: &&road_map::Lane| {
            lane.junction.is_none() && lane.length() > 60.0 && lane.right_boundary == Boundary::Solid
        };
        let lane = map.lanes().filter(|l| l.kind == road_map::LaneKind::Driving).find(long).unwrap();
        let car = vehicle::Vehicle::default();
        let mut markings = Markings::default();
        let mut told = Vec::new();
        for step in 0..40 {
            let on = lane.pose_at(20.0 + 0.5 * f64::from(step));
            // To the right edge and back again, twice.
            let aside = 1.5 * (f64::from(step) / 40.0 * 4.0 * std::f64::consts::PI).sin().max(0.0);
            let at = on.transform(Point2::<geometry::BaseLink>::new(0.0, -aside));
            let pose = Pose2 { position: at, yaw: on.yaw };
            told.extend(markings.crossed(&map, &car.footprint(pose)));
        }
        assert_eq!(told, [CarlaLaneInvasionEvent::LANE_MARKING_SOLID; 2]);
    }
}
