//! How far before its stop line the car waits for a traffic light, so that its camera sees the light.

use std::collections::{BTreeMap, BTreeSet};

use geometry::{Map, Point2};
use road_map::{Lane, LaneGraph, LaneId, Signal, SignalGroupId, SignalKind, StopLine, StopReason};

use crate::parameters::Parameters;

/// The camera's height above the road, m.
const CAMERA_HEIGHT_M: f64 = 1.45;
/// A light is read from at most this far off its axis, cosine.
const LEAST_FACING: f64 = 0.4;
/// Farther back nobody understands why the car waits there, m.
const FARTHEST_M: f64 = 12.0;
const STEP_M: f64 = 0.5;

/// A stop line on the map: lane and arc length in centimetres.
pub(crate) type LineKey = (LaneId, i64);

/// The key of a lane's stop line.
pub(crate) fn key(lane: &Lane, line: &StopLine) -> LineKey {
    (lane.id, (line.s * 100.0).round() as i64)
}

/// For the stop lines of lights: how far before the usual place the car stops.
#[derive(Debug, Clone, Default)]
pub(crate) struct LightViews {
    setbacks: BTreeMap<LineKey, f64>,
    /// Lines from before which no light of theirs can be seen.
    unseen: BTreeSet<LineKey>,
}

impl LightViews {
    /// Looks from before each line for a light of its group; `front_m` is from `base_link` to the front bumper. Nothing
    /// is looked for where the angle of view is 0.
    pub fn new(map: &LaneGraph, front_m: f64, p: &Parameters) -> Self {
        let mut views = Self::default();
        if p.light_view_angle_rad <= 0.0 {
            return views;
        }
        let mut lights: BTreeMap<SignalGroupId, Vec<&Signal>> = BTreeMap::new();
        for signal in &map.signals {
            if let SignalKind::Light(group) = signal.kind {
                lights.entry(group).or_default().push(signal);
            }
        }
        let behind_line = p.stop_line_margin_m + front_m - p.camera_x_m;
        for lane in map.lanes() {
            for line in &lane.stop_lines {
                let StopReason::Signal(group) = line.reason else { continue };
                let pose = lane.pose_at(line.s);
                let road_z = lane.elevation_at(line.s);
                let of_group = lights.get(&group).map_or(&[][..], Vec::as_slice);
                let steps = (FARTHEST_M / STEP_M) as u32;
                let seen = (0..=steps).map(|step| f64::from(step) * STEP_M).find(|back| {
                    let eye = pose.position + pose.forward() * -(behind_line + back);
                    of_group.iter().any(|light| sees(light, eye, road_z, pose.yaw, p.light_view_angle_rad))
                });
                match seen {
                    Some(back) if back > 0.0 => {
                        views.setbacks.insert(key(lane, line), back);
                    }
                    Some(_) => {}
                    None => {
                        views.unseen.insert(key(lane, line));
                    }
                }
            }
        }
        views
    }

    /// How far before the usual place, m.
    pub fn setback(&self, line: LineKey) -> f64 {
        self.setbacks.get(&line).copied().unwrap_or(0.0)
    }

    /// Groups of lights on these lanes that cannot be seen from before their lines.
    pub fn unseen_on(&self, map: &LaneGraph, lanes: impl Iterator<Item = LaneId>) -> Vec<i64> {
        let lanes = lanes.filter_map(|id| map.lane(id));
        let lines = lanes.flat_map(|lane| lane.stop_lines.iter().map(move |line| (key(lane, line), line.reason)));
        let groups: BTreeSet<i64> = lines
            .filter(|(key, _)| self.unseen.contains(key))
            .filter_map(|(_, reason)| if let StopReason::Signal(group) = reason { Some(group.0) } else { None })
            .collect();
        groups.into_iter().collect()
    }
}

/// Whether a camera that looks along `yaw` sees the light's face to its upper edge within `angle` of straight ahead.
fn sees(light: &Signal, eye: Point2<Map>, road_z: f64, yaw: f64, angle: f64) -> bool {
    let to_light = light.position - eye;
    let (sin, cos) = yaw.sin_cos();
    let (ahead, aside) = (to_light.x * cos + to_light.y * sin, to_light.y * cos - to_light.x * sin);
    let rise = light.z + 0.5 * light.size[1] - road_z - CAMERA_HEIGHT_M;
    let reach = ahead * angle.tan();
    let facing = -(to_light.x * light.facing.cos() + to_light.y * light.facing.sin());
    ahead > 0.0 && aside.abs() <= reach && rise.abs() <= reach && facing >= LEAST_FACING * to_light.norm()
}
