//! The two ways in which CARLA speaks ROS 2, and what is peculiar in each, by version.

use serde::Deserialize;

use crate::georeference::GeoReference;

/// Who speaks for CARLA.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contract {
    /// The server itself (`CarlaUE4 --ros2`).
    Native,
    /// The ROS package carla_ros_bridge.
    CarlaRosBridge,
}

/// What the user says of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContractChoice {
    /// See [`Contract::Native`].
    Native,
    /// See [`Contract::CarlaRosBridge`].
    CarlaRosBridge,
    /// By the frames of the first sensor message.
    Detect,
}

impl ContractChoice {
    /// The contract, where it is chosen.
    pub fn chosen(self) -> Option<Contract> {
        match self {
            Self::Native => Some(Contract::Native),
            Self::CarlaRosBridge => Some(Contract::CarlaRosBridge),
            Self::Detect => None,
        }
    }
}

impl Contract {
    /// By the frame of a sensor message: the server puts the sensor's bare name there, the bridge `<role>/<name>`.
    /// `None` where it is neither.
    pub fn of_frame(frame: &str, role_name: &str, sensor: &str) -> Option<Self> {
        if frame == sensor {
            return Some(Self::Native);
        }
        let inner = frame.strip_prefix(role_name)?.strip_prefix('/')?;
        (inner == sensor).then_some(Self::CarlaRosBridge)
    }

    /// What is peculiar in the version that was read.
    pub fn quirks(self) -> &'static Quirks {
        match self {
            Self::Native => &NATIVE_0_9_16,
            Self::CarlaRosBridge => &ROS_BRIDGE_0_9_13,
        }
    }
}

/// What deviates from REP-103 and REP-105, or from the world's truth, in one version.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quirks {
    /// Whose, for status lines.
    pub name: &'static str,
    /// The IMU's vectors are CARLA's left-handed ones (y to the right): the acceleration is a mirrored vector, the turn
    /// rate a mirrored axial vector.
    pub imu_is_left_handed: bool,
    /// What the IMU's yaw lacks, rad: the server computes pi/4 - compass where east-north-up wants pi/2 - compass.
    pub imu_yaw_lacks_rad: f64,
    /// The focal length in camera_info is width / (2 tan(fov) pi / 360): the bracket is wrong, it is of no use.
    pub camera_info_is_wrong: bool,
    /// What its latitude and longitude are computed with.
    pub georeference: GeoReference,
}

/// LibCarla/source/carla/ros2 of CARLA 0.9.16.
pub const NATIVE_0_9_16: Quirks = Quirks {
    name: "native 0.9.16",
    imu_is_left_handed: true,
    imu_yaw_lacks_rad: std::f64::consts::FRAC_PI_4,
    camera_info_is_wrong: true,
    georeference: GeoReference::Carla0_9_16,
};

/// carla_ros_bridge of the 0.9.13 line: its gyro signs (-x, y, -z) are what mirroring an axial vector gives.
pub const ROS_BRIDGE_0_9_13: Quirks = Quirks {
    name: "carla_ros_bridge 0.9.13",
    imu_is_left_handed: false,
    imu_yaw_lacks_rad: 0.0,
    camera_info_is_wrong: false,
    georeference: GeoReference::Carla0_9_13,
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_tell_the_contract() {
        assert_eq!(Contract::of_frame("imu", "hero", "imu"), Some(Contract::Native));
        assert_eq!(Contract::of_frame("hero/imu", "hero", "imu"), Some(Contract::CarlaRosBridge));
        for frame in ["", "hero", "other/imu", "heroimu", "hero/gnss"] {
            assert_eq!(Contract::of_frame(frame, "hero", "imu"), None, "{frame}");
        }
    }
}
