//! Which sensors a CARLA vehicle carries and where: read from a file in the form of carla-ros-bridge's `objects.json`.
//!
//! Positions are metres in the vehicle's own frame (origin in the vehicle's middle on the ground, x ahead, y left, z up),
//! angles degrees, both right-handed, as carla_spawn_objects 0.9.13 reads them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use nalgebra::{Isometry3, Translation3, UnitQuaternion};
use serde::Deserialize;
use serde_json::{Map, Value};

mod curve;

pub use curve::SteeringCurve;

/// Why a sensor file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RigError {
    /// The file cannot be read.
    #[error("sensor file {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// It has another form.
    #[error("sensor file {path}: {reason}; expected the form of carla-ros-bridge's objects.json")]
    Form {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

/// One sensor on the vehicle.
#[derive(Debug, Clone, PartialEq)]
pub struct Sensor {
    /// Its name within the vehicle, which is the last part of its topic.
    pub id: String,
    /// CARLA's blueprint: `sensor.lidar.ray_cast`.
    pub kind: String,
    /// From the sensor's frame to the vehicle's.
    pub mount: Isometry3<f64>,
    /// The blueprint's attributes: `fov`, `sensor_tick`, `channels`, …
    pub attributes: Map<String, Value>,
}

impl Sensor {
    /// An attribute as a number, whether the file has it as one or as text.
    pub fn number(&self, attribute: &str) -> Option<f64> {
        match self.attributes.get(attribute)? {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => text.parse().ok(),
            _ => None,
        }
        .filter(|number| number.is_finite())
    }

    /// Focal length, pixels, of a camera's image of this width: CARLA's `fov` is the horizontal one, in degrees.
    pub fn focal_px(&self, width: u32) -> Option<f64> {
        let fov = self.number("fov").filter(|fov| (1.0..179.0).contains(fov))?;
        Some(f64::from(width) / (2.0 * (fov.to_radians() / 2.0).tan()))
    }
}

/// The vehicle's sensors.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Rig {
    /// By id.
    pub sensors: BTreeMap<String, Sensor>,
}

#[derive(Deserialize)]
struct File {
    objects: Vec<Object>,
}

#[derive(Deserialize)]
struct Object {
    #[serde(rename = "type")]
    kind: String,
    id: String,
    #[serde(default)]
    spawn_point: Option<SpawnPoint>,
    #[serde(default)]
    sensors: Vec<Self>,
    #[serde(flatten)]
    attributes: Map<String, Value>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct SpawnPoint {
    x: f64,
    y: f64,
    z: f64,
    roll: f64,
    pitch: f64,
    yaw: f64,
}

impl Rig {
    /// Reads the sensors of the first vehicle in a file.
    ///
    /// # Errors
    /// [`RigError`] with the file and what is wrong with it.
    pub fn from_file(path: &Path) -> Result<Self, RigError> {
        let text = std::fs::read_to_string(path).map_err(|source| RigError::Read { path: path.into(), source })?;
        Self::from_text(&text).map_err(|reason| RigError::Form { path: path.into(), reason })
    }

    /// The same from text; the error is one sentence.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn from_text(text: &str) -> Result<Self, String> {
        let file: File = serde_json::from_str(text).map_err(|e| e.to_string())?;
        let vehicle = file.objects.into_iter().find(|object| object.kind.starts_with("vehicle."));
        let vehicle = vehicle.ok_or("no object whose type begins with `vehicle.`")?;
        let mut rig = Self::default();
        for object in vehicle.sensors {
            let at = object.spawn_point.unwrap_or_default();
            let angles = [at.roll, at.pitch, at.yaw].map(f64::to_radians);
            if ![at.x, at.y, at.z].iter().chain(&angles).all(|v| v.is_finite()) {
                return Err(format!("sensor {}: spawn_point is not finite", object.id));
            }
            let rotation = UnitQuaternion::from_euler_angles(angles[0], angles[1], angles[2]);
            let mount = Isometry3::from_parts(Translation3::new(at.x, at.y, at.z), rotation);
            let sensor = Sensor { id: object.id.clone(), kind: object.kind, mount, attributes: object.attributes };
            if rig.sensors.insert(object.id.clone(), sensor).is_some() {
                return Err(format!("two sensors of the id `{}`", object.id));
            }
        }
        Ok(rig)
    }

    /// The sensor of this id and a kind that begins with `kind`.
    ///
    /// # Errors
    /// One sentence that says what the file has.
    pub fn require(&self, id: &str, kind: &str) -> Result<&Sensor, String> {
        let sensor = self.sensors.get(id).ok_or_else(|| {
            let known: Vec<&str> = self.sensors.keys().map(String::as_str).collect();
            format!("no sensor `{id}` in the sensor file; there are: {}", known.join(", "))
        })?;
        if !sensor.kind.starts_with(kind) {
            return Err(format!("sensor `{id}`: expected a {kind}, got a {}", sensor.kind));
        }
        Ok(sensor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"{"objects": [
        {"type": "sensor.pseudo.traffic_lights", "id": "traffic_lights"},
        {"type": "vehicle.tesla.model3", "id": "hero", "sensors": [
            {"type": "sensor.camera.rgb", "id": "front", "image_size_x": 800, "fov": "90.0",
             "spawn_point": {"x": 1.0, "y": 0.5, "z": 2.0, "roll": 0.0, "pitch": 0.0, "yaw": 90.0}},
            {"type": "sensor.pseudo.odom", "id": "odometry"}]}]}"#;

    #[test]
    fn mounts_are_right_handed_and_attributes_may_be_text() {
        let rig = Rig::from_text(TEXT).unwrap();
        let front = rig.require("front", "sensor.camera.rgb").unwrap();
        let ahead = front.mount * nalgebra::Point3::new(1.0, 0.0, 0.0);
        assert!((ahead - nalgebra::Point3::new(1.0, 1.5, 2.0)).norm() < 1e-12);
        assert!((front.focal_px(800).unwrap() - 400.0).abs() < 1e-9);
        assert!(rig.require("front", "sensor.lidar").unwrap_err().contains("sensor.camera.rgb"));
        assert!(rig.require("gnss", "sensor").unwrap_err().contains("front, odometry"));
    }

    #[test]
    fn what_is_no_sensor_file_is_refused_with_a_reason() {
        for text in ["", "{}", r#"{"objects": []}"#, &TEXT.replace("odometry", "front")] {
            assert!(Rig::from_text(text).is_err(), "{text}");
        }
    }
}
