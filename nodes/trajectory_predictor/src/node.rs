use geometry::Pose2;
use inference::{InferenceParameters, LoadOptions};
use msgs::autoware_perception_msgs::msg::{
    PredictedObject, PredictedObjects, PredictedPath, TrackedObject, TrackedObjects,
};
use msgs::geometry_msgs::msg::Pose;
use msgs::nav_msgs::msg::Odometry;
use msgs::visualization_msgs::msg::MarkerArray;
use node::{Context, Definition, Event, Input, Node, NodeError, Output, Outputs, Ports, Qos, Status, Time};
use serde::Deserialize;
use vehicle::Vehicle;

use crate::agent::Agent;
use crate::forecast::{Future, STEP_S};
use crate::network::OnnxNetwork;
use crate::predictor::{Network, Predictor, ego_agent};
use crate::road::Road;

/// Parameters of `trajectory_predictor`; units and meaning stand in `params/trajectory_predictor.param.yaml`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    /// Folder of the model: a manifest and its ONNX file.
    pub model: String,
    /// Which of its variants: fp32, fp16, int8, or auto for the manifest's default.
    pub precision: String,
    /// What runs it, and how long that may take.
    pub inference: InferenceParameters,
    /// Futures that are less likely are left out, the others made to sum to 1.
    pub least_probability: f64,
    /// Odometry older than this is not used, s.
    pub max_odometry_age_s: f64,
}

/// The node: TrackedObjects in `map` and odometry in, PredictedObjects out, one for each frame used.
pub struct TrajectoryPredictor {
    objects: Input<TrackedObjects>,
    odometry: Input<Odometry>,
    predicted: Output<PredictedObjects>,
    markers: Output<MarkerArray>,
    parameters: Parameters,
    vehicle: Vehicle,
    predictor: Predictor,
    ego: Option<(Time, Agent)>,
    told: Option<Status>,
}

impl Definition for TrajectoryPredictor {
    const NAME: &'static str = "trajectory_predictor";
    type Parameters = Parameters;

    fn new(parameters: Parameters, ports: &mut Ports, context: &Context) -> Result<Self, NodeError> {
        let map = context.require_map(Self::NAME)?;
        let options =
            LoadOptions::from_parameters(context.onnxruntime.clone(), &parameters.precision, &parameters.inference);
        let network = OnnxNetwork::load(&context.resolve(&parameters.model), &options.map_err(NodeError::new)?)?;
        Self::with_network(
            parameters,
            ports,
            context.vehicle,
            Road::new(map.lanes(), &map.crosswalks),
            Box::new(network),
        )
    }
}

impl TrajectoryPredictor {
    /// On a road and with a network of one's own.
    ///
    /// # Errors
    /// [`NodeError`] where a parameter is out of its range.
    pub fn with_network(
        parameters: Parameters,
        ports: &mut Ports,
        vehicle: Vehicle,
        road: Road,
        network: Box<dyn Network>,
    ) -> Result<Self, NodeError> {
        NodeError::check_range("least_probability", parameters.least_probability, 0.0..=0.15)?;
        NodeError::check_range("max_odometry_age_s", parameters.max_odometry_age_s, 0.0..=5.0)?;
        Ok(Self {
            objects: ports.input("~/input/objects", Qos::reliable(1)),
            odometry: ports.input("~/input/kinematic_state", Qos::reliable(1)),
            predicted: ports.output("~/output/objects", Qos::reliable(1)),
            markers: ports.debug_output("~/debug/markers", Qos::reliable(1)),
            parameters,
            vehicle,
            predictor: Predictor::new(road, network),
            ego: None,
            told: None,
        })
    }

    fn tell(&mut self, status: Status, outputs: &mut Outputs) {
        if self.told.as_ref() != Some(&status) {
            self.told = Some(status.clone());
            let facts = self.predictor.facts();
            outputs.report(facts.into_iter().fold(status, |status, (key, value)| status.with(key, value)));
        }
    }

    fn take_odometry(&mut self, message: &Odometry) -> Result<(), String> {
        if message.header.frame_id != "map" {
            return Err(format!("odometry: expected frame map, got `{}`", message.header.frame_id));
        }
        let (place, q) = (&message.pose.pose.position, &message.pose.pose.orientation);
        let yaw = (2.0 * (q.w * q.z + q.x * q.y)).atan2(1.0 - 2.0 * (q.y * q.y + q.z * q.z));
        let (speed, rate) = (message.twist.twist.linear.x, message.twist.twist.angular.z);
        let pose = Pose2::new(place.x, place.y, yaw);
        if !pose.is_finite() || !speed.is_finite() || !rate.is_finite() {
            return Err("odometry: expected finite pose and twist".into());
        }
        self.ego = Some((Time::from(&message.header.stamp), ego_agent(&self.vehicle, pose, speed, rate)));
        Ok(())
    }

    fn predict(&mut self, message: &TrackedObjects) -> Result<(PredictedObjects, Status), String> {
        if message.header.frame_id != "map" {
            return Err(format!("objects: expected frame map, got `{}`", message.header.frame_id));
        }
        let stamp = Time::from(&message.header.stamp);
        if self.predictor.last().is_some_and(|last| stamp <= last) {
            return Err("objects: expected a stamp later than the last one".into());
        }
        let kept: Vec<(&TrackedObject, Agent)> =
            message.objects.iter().filter_map(|object| Some((object, Agent::from_tracked(object)?))).collect();
        let refused = message.objects.len() - kept.len();
        let agents: Vec<Agent> = kept.iter().map(|(_, agent)| *agent).collect();
        let limit = self.parameters.max_odometry_age_s;
        let ego = self.ego.filter(|(at, _)| stamp.since(*at).abs() <= limit).map(|(_, ego)| ego);
        let frame = self.predictor.predict(stamp, &agents, ego.as_ref())?;
        let mut predicted = PredictedObjects { header: message.header.clone(), ..Default::default() };
        predicted.objects = kept
            .iter()
            .zip(&frame.futures)
            .map(|((object, _), futures)| to_message(object, futures, self.parameters.least_probability))
            .collect();
        let mut faults = Vec::new();
        if refused > 0 {
            faults.push(format!("{refused} objects refused: expected finite numbers, unit quaternions, boxes to 40 m"));
        }
        if frame.beyond_batch > 0 {
            faults.push(format!("{} objects beyond the batch predicted at constant speed", frame.beyond_batch));
        }
        if frame.unsound > 0 {
            faults.push(format!("{} objects predicted at constant speed: the network gave NaN", frame.unsound));
        }
        if ego.is_none() {
            faults.push(format!("no odometry within {limit} s: the car is left out of the prediction"));
        }
        let status = if faults.is_empty() { Status::ok() } else { Status::warn(faults.join("; ")) };
        Ok((predicted, status))
    }
}

impl Node for TrajectoryPredictor {
    fn on_event(&mut self, event: &Event, outputs: &mut Outputs) {
        if let Some(message) = event.message(self.odometry) {
            if let Err(reason) = self.take_odometry(message) {
                self.tell(Status::warn(reason), outputs);
            }
        } else if let Some(message) = event.message(self.objects) {
            match self.predict(message) {
                Ok((predicted, status)) => {
                    outputs.publish_if_heard(self.markers, || markers::predicted(&predicted));
                    outputs.publish(self.predicted, predicted);
                    self.tell(status, outputs);
                }
                Err(reason) => self.tell(Status::error(reason), outputs),
            }
        }
    }
}

fn to_message(object: &TrackedObject, futures: &[Future], least: f64) -> PredictedObject {
    let mut predicted = PredictedObject {
        object_id: object.object_id.clone(),
        existence_probability: object.existence_probability,
        classification: object.classification.clone(),
        shape: object.shape.clone(),
        ..Default::default()
    };
    let kinematics = &mut predicted.kinematics;
    kinematics.initial_pose_with_covariance = object.kinematics.pose_with_covariance.clone();
    kinematics.initial_twist_with_covariance = object.kinematics.twist_with_covariance.clone();
    kinematics.initial_acceleration_with_covariance = object.kinematics.acceleration_with_covariance.clone();
    let kept: Vec<&Future> = futures.iter().filter(|f| f.probability >= least).collect();
    let total: f64 = kept.iter().map(|f| f.probability).sum();
    let z = object.kinematics.pose_with_covariance.pose.position.z;
    for future in kept {
        let mut path = PredictedPath { confidence: (future.probability / total) as f32, ..Default::default() };
        path.time_step.sec = STEP_S as i32;
        path.time_step.nanosec = (STEP_S.fract() * 1e9) as u32;
        path.path = future.poses.iter().map(|pose| to_pose(pose, z)).collect();
        kinematics.predicted_paths.push(path);
    }
    predicted
}

fn to_pose(pose: &Pose2<geometry::Map>, z: f64) -> Pose {
    let mut message = Pose::default();
    message.position.x = pose.position.x;
    message.position.y = pose.position.y;
    message.position.z = z;
    message.orientation.z = (pose.yaw / 2.0).sin();
    message.orientation.w = (pose.yaw / 2.0).cos();
    message
}
