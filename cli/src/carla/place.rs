//! Places as users give them, and CARLA's frame against the graph's.

use evaluation::leaderboard::Place;
use geometry::{Map, Pose2};
use serde::Serialize;

/// Where to start, or where to go.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Start {
    /// One of the map's spawn points.
    Index {
        /// From 0.
        index: usize,
    },
    /// A place in CARLA's frame.
    Place(Place),
}

impl Start {
    /// `12`, or `X,Y,YAW` (m and degrees in CARLA's frame).
    ///
    /// # Errors
    /// What was expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("expected a spawn point's number, or X,Y,YAW (m, m, degrees, in CARLA's frame), got `{text}`");
        if let Ok(index) = text.parse() {
            return Ok(Self::Index { index });
        }
        let numbers: Vec<f64> =
            text.split(',').map(|n| n.trim().parse().map_err(|_| wrong())).collect::<Result<_, _>>()?;
        match numbers[..] {
            [x, y, yaw] if [x, y, yaw].iter().all(|v| v.is_finite()) => Ok(Self::Place(Place { x, y, z: 0.0, yaw })),
            _ => Err(wrong()),
        }
    }

    /// The place; an index is looked up among the map's spawn points.
    ///
    /// # Errors
    /// Where the map has no such spawn point.
    pub fn among(self, points: &[Place]) -> anyhow::Result<Place> {
        match self {
            Self::Place(place) => Ok(place),
            Self::Index { index } => points.get(index).copied().ok_or_else(|| {
                anyhow::anyhow!("no spawn point {index}: the map has {}, numbered from 0", points.len())
            }),
        }
    }
}

/// From CARLA's left-handed frame to the map's: y and the angle change their sign.
pub fn to_map(place: &Place) -> Pose2<Map> {
    Pose2::new(place.x, -place.y, -place.yaw.to_radians())
}

/// And back. `z`: height, m.
pub fn to_carla(pose: &Pose2<Map>, z: f64) -> Place {
    Place { x: pose.position.x, y: -pose.position.y, z, yaw: -pose.yaw.to_degrees() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_are_numbers_or_places() {
        assert_eq!(Start::parse("12"), Ok(Start::Index { index: 12 }));
        assert_eq!(Start::parse("1.5, -2,90"), Ok(Start::Place(Place { x: 1.5, y: -2.0, z: 0.0, yaw: 90.0 })));
        for wrong in ["", "1,2", "a", "1,2,nan", "-3"] {
            assert!(Start::parse(wrong).unwrap_err().contains("X,Y,YAW"), "{wrong}");
        }
    }

    #[test]
    fn north_on_the_map_is_minus_y_in_carla() {
        let pose = to_map(&Place { x: 1.0, y: -5.0, z: 0.0, yaw: -90.0 });
        assert!((pose.position.y - 5.0).abs() < 1e-12 && (pose.yaw - std::f64::consts::FRAC_PI_2).abs() < 1e-12);
        assert_eq!(to_carla(&pose, 2.0), Place { x: 1.0, y: -5.0, z: 2.0, yaw: -90.0 });
    }
}
