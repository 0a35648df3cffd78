//! Traffic lights as carla_ros_bridge tells them, for users who ask for that instead of the camera.

use std::collections::BTreeMap;

use geometry::{Map, Point2};
use msgs::autoware_perception_msgs::msg::{TrafficLightElement, TrafficLightGroup, TrafficLightGroupArray};
use msgs::carla_msgs::msg::{CarlaTrafficLightInfoList, CarlaTrafficLightStatus, CarlaTrafficLightStatusList};
use node::Time;
use road_map::{LaneGraph, SignalGroupId, SignalKind};

/// Lights of the map this much farther than the nearest one hang on the same post, m.
const SAME_POST_M: f64 = 0.5;

/// CARLA's lights, each with the groups of the map's lights at its place.
#[derive(Debug, Default)]
pub struct Lights {
    groups: BTreeMap<u32, Vec<SignalGroupId>>,
    shown: BTreeMap<u32, u8>,
    /// Lights with no light of the map within reach.
    pub unknown: usize,
}

impl Lights {
    /// Takes where CARLA's lights stand; lights of the map farther than `reach_m` are others.
    pub fn take_info(&mut self, list: &CarlaTrafficLightInfoList, map: &LaneGraph, reach_m: f64) {
        self.groups.clear();
        self.unknown = 0;
        for light in &list.traffic_lights {
            let at = Point2::<Map>::new(light.transform.position.x, light.transform.position.y);
            let near: Vec<(f64, SignalGroupId)> = map
                .signals
                .iter()
                .filter_map(|signal| match signal.kind {
                    SignalKind::Light(group) => Some((signal.position.distance(at), group)),
                    _ => None,
                })
                .filter(|(distance, _)| *distance <= reach_m)
                .collect();
            let Some(nearest) = near.iter().map(|(distance, _)| *distance).min_by(f64::total_cmp) else {
                self.unknown += 1;
                continue;
            };
            let groups = near.into_iter().filter(|(d, _)| *d <= nearest + SAME_POST_M).map(|(_, group)| group);
            self.groups.insert(light.id, groups.collect());
        }
    }

    /// Takes what they show.
    pub fn take_status(&mut self, list: &CarlaTrafficLightStatusList) {
        self.shown = list.traffic_lights.iter().map(|light| (light.id, light.state)).collect();
    }

    /// Another world begins.
    pub fn restart(&mut self) {
        *self = Self::default();
    }

    /// What the map's groups show; `None` before anything is known. Of several lights of a group that disagree the
    /// stricter one counts.
    pub fn message(&self, stamp: Time) -> Option<TrafficLightGroupArray> {
        let mut groups: BTreeMap<SignalGroupId, u8> = BTreeMap::new();
        for (id, state) in &self.shown {
            for group in self.groups.get(id).into_iter().flatten() {
                let shown = groups.entry(*group).or_insert(*state);
                if strictness(*state) > strictness(*shown) {
                    *shown = *state;
                }
            }
        }
        let message = |(group, state): (SignalGroupId, u8)| TrafficLightGroup {
            traffic_light_group_id: group.0,
            elements: vec![element(state)],
            ..TrafficLightGroup::default()
        };
        let traffic_light_groups: Vec<TrafficLightGroup> = groups.into_iter().map(message).collect();
        (!traffic_light_groups.is_empty())
            .then(|| TrafficLightGroupArray { stamp: stamp.to_message(), traffic_light_groups })
    }
}

fn strictness(state: u8) -> u8 {
    match state {
        CarlaTrafficLightStatus::GREEN => 0,
        CarlaTrafficLightStatus::OFF => 1,
        CarlaTrafficLightStatus::YELLOW => 2,
        CarlaTrafficLightStatus::RED => 3,
        _ => 4,
    }
}

fn element(state: u8) -> TrafficLightElement {
    use TrafficLightElement as Element;
    let (color, status, confidence) = match state {
        CarlaTrafficLightStatus::RED => (Element::RED, Element::SOLID_ON, 1.0),
        CarlaTrafficLightStatus::YELLOW => (Element::AMBER, Element::SOLID_ON, 1.0),
        CarlaTrafficLightStatus::GREEN => (Element::GREEN, Element::SOLID_ON, 1.0),
        CarlaTrafficLightStatus::OFF => (Element::UNKNOWN, Element::SOLID_OFF, 1.0),
        _ => (Element::UNKNOWN, Element::UNKNOWN, 0.0),
    };
    Element { color, shape: Element::CIRCLE, status, confidence }
}

#[cfg(test)]
mod tests {
    use msgs::carla_msgs::msg::CarlaTrafficLightInfo;

    use super::*;

    fn town() -> LaneGraph {
        let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../maps/town.xodr");
        LaneGraph::from_file(&file, None).unwrap()
    }

    #[test]
    fn carlas_lights_are_the_maps_lights_at_their_place() {
        let map = town();
        let lights = map.signals.iter().filter(|s| matches!(s.kind, SignalKind::Light(_)));
        let signal = lights.clone().next().unwrap();
        let SignalKind::Light(group) = signal.kind else { unreachable!() };
        let mut info = CarlaTrafficLightInfo { id: 77, ..CarlaTrafficLightInfo::default() };
        (info.transform.position.x, info.transform.position.y) = (signal.position.x + 0.5, signal.position.y);
        let mut away = CarlaTrafficLightInfo { id: 78, ..CarlaTrafficLightInfo::default() };
        away.transform.position.x = 1e5;
        let mut ours = Lights::default();
        ours.take_info(&CarlaTrafficLightInfoList { traffic_lights: vec![info, away] }, &map, 4.0);
        assert_eq!(ours.unknown, 1);
        assert!(ours.message(Time(0)).is_none());
        let shown =
            |state| CarlaTrafficLightStatusList { traffic_lights: vec![CarlaTrafficLightStatus { id: 77, state }] };
        for (state, color) in [
            (CarlaTrafficLightStatus::RED, TrafficLightElement::RED),
            (CarlaTrafficLightStatus::GREEN, TrafficLightElement::GREEN),
            (CarlaTrafficLightStatus::UNKNOWN, TrafficLightElement::UNKNOWN),
        ] {
            ours.take_status(&shown(state));
            let message = ours.message(Time(0)).unwrap();
            let told = message.traffic_light_groups.iter().find(|g| g.traffic_light_group_id == group.0).unwrap();
            assert_eq!(told.elements[0].color, color);
        }
    }
}
