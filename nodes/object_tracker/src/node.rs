use std::collections::BTreeMap;

use msgs::autoware_perception_msgs::msg::{
    DetectedObjects, ObjectClassification, Shape, TrackedObject, TrackedObjectKinematics, TrackedObjects,
};
use msgs::nav_msgs::msg::Odometry;
use msgs::visualization_msgs::msg::MarkerArray;
use node::{Context, Definition, Event, Input, Node, NodeError, Output, Outputs, Ports, Qos, Status, Time};

use crate::measurement::{Measurement, Refusal};
use crate::odometry::OdometryBuffer;
use crate::parameters::Parameters;
use crate::track::Track;
use crate::tracker::Tracker;

/// The node: DetectedObjects in `base_link` and odometry in, TrackedObjects in `map` out, one for each frame used.
pub struct ObjectTracker {
    objects: Input<DetectedObjects>,
    odometry: Input<Odometry>,
    tracked: Output<TrackedObjects>,
    markers: Output<MarkerArray>,
    parameters: Parameters,
    buffer: OdometryBuffer,
    tracker: Tracker,
    last: Option<Time>,
    refused: BTreeMap<Refusal, u64>,
    frames_refused: u64,
    told: String,
}

impl Definition for ObjectTracker {
    const NAME: &'static str = "object_tracker";
    type Parameters = Parameters;

    fn new(parameters: Parameters, ports: &mut Ports, _context: &Context) -> Result<Self, NodeError> {
        parameters.check()?;
        Ok(Self {
            objects: ports.input("~/input/objects", Qos::reliable(1)),
            odometry: ports.input("~/input/kinematic_state", Qos::reliable(10)),
            tracked: ports.output("~/output/objects", Qos::reliable(1)),
            markers: ports.debug_output("~/debug/markers", Qos::reliable(1)),
            buffer: OdometryBuffer::default(),
            tracker: Tracker::new(parameters.clone()),
            parameters,
            last: None,
            refused: BTreeMap::new(),
            frames_refused: 0,
            told: String::new(),
        })
    }
}

impl Node for ObjectTracker {
    fn on_event(&mut self, event: &Event, outputs: &mut Outputs) {
        if let Some(odometry) = event.message(self.odometry) {
            if let Err(error) = self.buffer.push(odometry) {
                self.tell(Status::warn(error.to_string()), outputs);
            }
        } else if let Some(objects) = event.message(self.objects) {
            match self.track(objects) {
                Ok((tracked, status)) => {
                    outputs.publish_if_heard(self.markers, || markers::tracked(&tracked));
                    outputs.publish(self.tracked, tracked);
                    self.tell(status, outputs);
                }
                Err(reason) => {
                    self.frames_refused += 1;
                    self.tell(Status::error(reason), outputs);
                }
            }
        }
    }
}

impl ObjectTracker {
    /// Reports a status when it says something new.
    fn tell(&mut self, status: Status, outputs: &mut Outputs) {
        // Stamps within a message would make each one new.
        let gist: String = status.message.chars().filter(|c| !c.is_ascii_digit()).collect();
        if gist != self.told {
            self.told = gist;
            let dropped: u64 = self.refused.values().sum();
            outputs.report(status.with("detections_refused", dropped).with("frames_refused", self.frames_refused));
        }
    }

    fn track(&mut self, objects: &DetectedObjects) -> Result<(TrackedObjects, Status), String> {
        if objects.header.frame_id != "base_link" {
            return Err(format!("objects: expected frame base_link, got `{}`", objects.header.frame_id));
        }
        let stamp = Time::from(&objects.header.stamp);
        if let Some(last) = self.last.filter(|last| stamp <= *last) {
            return Err(format!("objects at {stamp}: expected a stamp later than the last one, {last}"));
        }
        let ego = self.buffer.pose_at(stamp, self.parameters.max_odometry_gap_s).map_err(|e| e.to_string())?;
        let mut refused_now: BTreeMap<Refusal, u64> = BTreeMap::new();
        let mut measurements = Vec::with_capacity(objects.objects.len());
        for object in &objects.objects {
            match Measurement::new(object, &ego, &self.parameters) {
                Ok(measurement) => measurements.push(measurement),
                Err(refusal) => *refused_now.entry(refusal).or_default() += 1,
            }
        }
        self.last = Some(stamp);
        self.tracker.update(stamp, ego.position(), &measurements);
        let mut message = TrackedObjects::default();
        message.header.stamp = objects.header.stamp.clone();
        message.header.frame_id = "map".into();
        message.objects = self.tracker.published().map(|track| to_message(track, stamp)).collect();
        if refused_now.is_empty() {
            return Ok((message, Status::ok()));
        }
        let status = Status::warn(format!(
            "detections refused: {refused_now:?}; expected finite numbers, unit quaternions, boxes of 0.1 to 30 m, \
             probabilities of 0 to 1"
        ));
        for (refusal, count) in refused_now {
            *self.refused.entry(refusal).or_default() += count;
        }
        Ok((message, status))
    }
}

fn to_message(track: &Track, stamp: Time) -> TrackedObject {
    let mut object = TrackedObject::default();
    object.object_id.uuid[8..].copy_from_slice(&track.id.to_be_bytes());
    object.existence_probability = track.existence_probability() as f32;
    object.classification = track
        .votes
        .shares()
        .into_iter()
        .map(|(class, share)| ObjectClassification { label: class.label(), probability: share as f32 })
        .collect();
    object.shape.type_ = Shape::BOUNDING_BOX;
    object.shape.dimensions.x = track.extent.length;
    object.shape.dimensions.y = track.extent.width;
    object.shape.dimensions.z = track.extent.height;
    let stationary = track.is_stationary(stamp);
    let pose = track.pose();
    let quaternion = pose.quaternion();
    let kinematics = &mut object.kinematics;
    kinematics.orientation_availability =
        if track.class().steers() && (stationary || track.filter.velocity().norm() < 1.0) {
            TrackedObjectKinematics::SIGN_UNKNOWN
        } else {
            TrackedObjectKinematics::AVAILABLE
        };
    kinematics.is_stationary = stationary;
    let place = &mut kinematics.pose_with_covariance;
    place.pose.position.x = pose.position.x;
    place.pose.position.y = pose.position.y;
    place.pose.position.z = track.z;
    place.pose.orientation.z = quaternion.k;
    place.pose.orientation.w = quaternion.w;
    let [yaw, along, across, turn] = track.filter.variances();
    let covariance = track.filter.position_covariance();
    place.covariance[0] = covariance[(0, 0)];
    place.covariance[1] = covariance[(0, 1)];
    place.covariance[6] = covariance[(1, 0)];
    place.covariance[7] = covariance[(1, 1)];
    place.covariance[14] = 0.04;
    place.covariance[35] = yaw;
    let motion = &mut kinematics.twist_with_covariance;
    if !stationary {
        let velocity = track.filter.velocity().rotated(-pose.yaw);
        motion.twist.linear.x = velocity.x;
        motion.twist.linear.y = velocity.y;
        motion.twist.angular.z = track.filter.yaw_rate();
    }
    motion.covariance[0] = along;
    motion.covariance[7] = across;
    motion.covariance[35] = turn;
    // No acceleration is estimated: the covariance says how little is known of it.
    kinematics.acceleration_with_covariance.covariance[0] = 9.0;
    kinematics.acceleration_with_covariance.covariance[7] = 4.0;
    object
}
