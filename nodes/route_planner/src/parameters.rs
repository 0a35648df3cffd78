use node::NodeError;
use serde::Deserialize;

/// Parameters of `route_planner`; units and meaning stand in `params/route_planner.param.yaml`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    /// Start and goal must lie this near to a driving lane's centre line, m.
    pub max_lane_distance_m: f64,
    /// And differ by at most this from its heading, rad.
    pub max_heading_rad: f64,
    /// Farther than this from every lane of the route the ego has left it, m.
    pub replan_distance_m: f64,
    /// For this long before a new one is made, s.
    pub replan_delay_s: f64,
    /// Detour that is taken to spare a lane change, m.
    pub lane_change_cost_m: f64,
    /// Shortest stretch that a lane change needs, m.
    pub lane_change_length_m: f64,
}

impl Parameters {
    /// Checks every range.
    ///
    /// # Errors
    /// [`NodeError`] naming the parameter, its range and the value.
    pub fn check(&self) -> Result<(), NodeError> {
        NodeError::check_range("max_lane_distance_m", self.max_lane_distance_m, 0.5..=20.0)?;
        NodeError::check_range("max_heading_rad", self.max_heading_rad, 0.1..=3.2)?;
        NodeError::check_range("replan_distance_m", self.replan_distance_m, 1.0..=50.0)?;
        NodeError::check_range("replan_delay_s", self.replan_delay_s, 0.0..=10.0)?;
        NodeError::check_range("lane_change_cost_m", self.lane_change_cost_m, 0.0..=1000.0)?;
        NodeError::check_range("lane_change_length_m", self.lane_change_length_m, 5.0..=200.0)
    }
}
