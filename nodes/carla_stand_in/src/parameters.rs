use carla_rig::SteeringCurve;
use node::NodeError;
use serde::Deserialize;
use simulator::ScenarioChoice;

/// Whose place is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Contract {
    /// The server with `--ros2`, 0.9.16.
    Native,
    /// carla_ros_bridge, 0.9.13.
    CarlaRosBridge,
}

/// What the version of a contract has peculiar: it can be left out, so that tests see who notices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Peculiarity {
    /// Acceleration and turn rate in left-handed axes.
    ImuAxes,
    /// The yaw's offset.
    ImuYaw,
    /// The focal length in camera_info.
    FocalLength,
    /// Latitude and longitude as that version computes them; left out: true ones.
    Georeference,
    /// Steer is positive to the right.
    SteerSign,
    /// The faster the car, the less of its largest angle full steer is.
    SteeringCurve,
    /// Frames are named as the contract names them; left out: as the other one does.
    Frames,
}

/// Parameters, as `params/carla_stand_in.param.yaml` explains them.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    pub(crate) contract: Contract,
    pub(crate) role_name: String,
    pub(crate) sensors_file: String,
    pub(crate) simulator_file: String,
    pub(crate) map_file: String,
    pub(crate) seed: u64,
    pub(crate) suite: ScenarioChoice,
    pub(crate) scenario: String,
    pub(crate) min_route_m: f64,
    pub(crate) step_s: f64,
    pub(crate) lockstep: bool,
    pub(crate) paused: bool,
    pub(crate) wait_limit_s: f64,
    pub(crate) speed: f64,
    pub(crate) base_link_x_m: f64,
    pub(crate) max_steer_deg: f64,
    pub(crate) steering_curve: SteeringCurve,
    pub(crate) without: Vec<Peculiarity>,
}

impl Parameters {
    /// Checks every range.
    pub(crate) fn check(&self) -> Result<(), NodeError> {
        NodeError::check_range("min_route_m", self.min_route_m, 50.0..=20_000.0)?;
        NodeError::check_range("step_s", self.step_s, 0.01..=0.1)?;
        NodeError::check_range("wait_limit_s", self.wait_limit_s, 0.01..=60.0)?;
        NodeError::check_range("speed", self.speed, 0.01..=100.0)?;
        NodeError::check_range("base_link_x_m", self.base_link_x_m, -5.0..=5.0)?;
        NodeError::check_range("max_steer_deg", self.max_steer_deg, 10.0..=90.0)?;
        if self.paused && self.contract == Contract::Native {
            return Err(NodeError::new(
                "parameter paused: only carla_ros_bridge is told by /carla/control to play, and the contract is native",
            ));
        }
        self.steering_curve.check().map_err(|reason| NodeError::new(format!("parameter steering_curve: {reason}")))?;
        let steps = self.step_s / simulation::STEP_S;
        if (steps - steps.round()).abs() > 1e-6 {
            return Err(NodeError::new(format!(
                "parameter step_s: expected a multiple of 0.01 s, got {}",
                self.step_s
            )));
        }
        Ok(())
    }

    pub(crate) fn has(&self, peculiarity: Peculiarity) -> bool {
        !self.without.contains(&peculiarity)
    }
}
