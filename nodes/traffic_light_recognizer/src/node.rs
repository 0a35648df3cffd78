use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ::node::{Context, Definition, Event, Input, Node, NodeError, Output, Outputs, Ports, Qos, Status, Time, Timer};
use frames::StaticFrames;
use geometry::Pinhole;
use inference::LoadOptions;
use msgs::autoware_perception_msgs::msg::{TrafficLightElement, TrafficLightGroup, TrafficLightGroupArray};
use msgs::nav_msgs::msg::Odometry;
use msgs::sensor_msgs::msg::{CameraInfo, Image};
use msgs::tf2_msgs::msg::TFMessage;
use road_map::{LampShape, LaneGraph, SignalGroupId};

use crate::crop::{CROP_LEN, Pixels, cut};
use crate::light::Light;
use crate::network::{BATCH, Network, OnnxNetwork, Reading, State};
use crate::parameters::Parameters;
use crate::pose_history::PoseHistory;
use crate::sight::Sight;
use crate::vote::{Rules, Shown, Vote};

/// How often the camera's life is looked at.
const WATCH: Duration = Duration::from_millis(100);
/// A camera that is white or black all over sees nothing: mean of its pixels, 0..=255.
const BLIND: std::ops::RangeInclusive<f64> = 1.0..=240.0;

/// The node: a camera's images in, the states of the traffic lights ahead out, one message for each image that is sound.
/// From one that is not nothing follows but an ERROR status, and whoever waits for the lights takes them for unknown.
pub struct TrafficLightRecognizer {
    image: Input<Image>,
    camera_info: Input<CameraInfo>,
    odometry: Input<Odometry>,
    tf_static: Input<TFMessage>,
    signals: Output<TrafficLightGroupArray>,
    watch: Timer,
    parameters: Parameters,
    network: Box<dyn Network>,
    lights: Vec<Light>,
    frames: StaticFrames,
    poses: PoseHistory,
    lens: Option<Pinhole>,
    /// The last image, and when it or else the first event came.
    last: Option<Arc<Image>>,
    heard: Option<Time>,
    votes: BTreeMap<SignalGroupId, Vote>,
    crops: Vec<f32>,
    told: String,
}

impl Definition for TrafficLightRecognizer {
    const NAME: &'static str = "traffic_light_recognizer";
    type Parameters = Parameters;

    fn new(parameters: Parameters, ports: &mut Ports, context: &Context) -> Result<Self, NodeError> {
        parameters.check()?;
        let options =
            LoadOptions::from_parameters(context.onnxruntime.clone(), &parameters.precision, &parameters.inference);
        let network = OnnxNetwork::load(&context.resolve(&parameters.model), &options.map_err(NodeError::new)?)?;
        Self::with_network(parameters, ports, &*context.require_map(Self::NAME)?, Box::new(network))
    }
}

impl TrafficLightRecognizer {
    /// With a network of one's own.
    ///
    /// # Errors
    /// [`NodeError`] where a parameter is out of its range.
    pub fn with_network(
        parameters: Parameters,
        ports: &mut Ports,
        map: &LaneGraph,
        network: Box<dyn Network>,
    ) -> Result<Self, NodeError> {
        parameters.check()?;
        Ok(Self {
            image: ports.input("~/input/image", Qos::sensor_data()),
            camera_info: ports.input("~/input/camera_info", Qos::sensor_data()),
            odometry: ports.input("~/input/kinematic_state", Qos::reliable(1)),
            tf_static: ports.input("~/input/tf_static", Qos::transient_local().with_depth(16)),
            signals: ports.output("~/output/traffic_signals", Qos::reliable(1)),
            watch: ports.timer(WATCH),
            parameters,
            network,
            lights: Light::of_map(map),
            frames: StaticFrames::default(),
            poses: PoseHistory::default(),
            lens: None,
            last: None,
            heard: None,
            votes: BTreeMap::new(),
            crops: vec![0.0; BATCH * CROP_LEN],
            told: String::new(),
        })
    }

    /// Reports a status when it says something new.
    fn tell(&mut self, status: Status, outputs: &mut Outputs) {
        // Numbers within a message would make each one new.
        let gist: String = status.message.chars().filter(|c| !c.is_ascii_digit()).collect();
        if gist == self.told {
            return;
        }
        self.told = gist;
        let status = self.network.facts().into_iter().fold(status, |status, (key, value)| status.with(key, value));
        outputs.report(status.with("lights_in_map", self.lights.len()));
    }

    /// The states of all groups that the image, or one shortly before, shows.
    fn read(&mut self, image: &Arc<Image>) -> Result<TrafficLightGroupArray, String> {
        let stamp = Time::from(&image.header.stamp);
        if let Some(last) = self.last.replace(Arc::clone(image)) {
            let before = Time::from(&last.header.stamp);
            if stamp <= before {
                return Err(format!("image at {stamp}: expected a stamp later than the last one, {before}"));
            }
            if last.data == image.data {
                return Err("image: the same pixels as before under a new stamp: the camera is frozen".into());
            }
        }
        let pixels = pixels(image)?;
        let lens = self.lens.ok_or("no camera_info yet: expected the camera's on ~/input/camera_info")?;
        if lens.size != pixels.size {
            return Err(format!("image of {:?} pixels, and camera_info is of {:?}", pixels.size, lens.size));
        }
        let brightness = mean(&pixels);
        if !BLIND.contains(&brightness) {
            return Err(format!("image: mean brightness {brightness:.0} of 255: the camera sees nothing"));
        }
        let frame = &image.header.frame_id;
        let mount = self.frames.pose(frame).ok_or_else(|| {
            format!("image: no transform from base_link to its frame `{frame}`: publish one on /tf_static")
        })?;
        let pose = self
            .poses
            .at(stamp, self.parameters.max_pose_age_s)
            .ok_or_else(|| format!("image at {stamp}: no pose of that time on ~/input/kinematic_state"))?;
        let camera = pose * mount;
        let see = |light| Some((light, Sight::new(light, &lens, &camera, self.parameters.range_m)?));
        let mut seen: Vec<(&Light, Sight)> = self.lights.iter().filter_map(see).collect();
        seen.sort_by(|a, b| a.1.distance_m.total_cmp(&b.1.distance_m).then(a.0.id.cmp(&b.0.id)));
        seen.truncate(BATCH);
        for ((_, sight), crop) in seen.iter().zip(self.crops.chunks_exact_mut(CROP_LEN)) {
            cut(&pixels, &lens, sight, crop);
        }
        let readings = if seen.is_empty() { Vec::new() } else { self.network.read(&self.crops, seen.len())? };
        let mut of_groups: BTreeMap<SignalGroupId, Vec<Reading>> = BTreeMap::new();
        for ((light, _), reading) in seen.iter().zip(&readings) {
            light.groups.iter().for_each(|group| of_groups.entry(*group).or_default().push(*reading));
        }
        Ok(TrafficLightGroupArray {
            stamp: image.header.stamp.clone(),
            traffic_light_groups: self.vote(stamp, &of_groups),
        })
    }

    fn vote(&mut self, now: Time, seen: &BTreeMap<SignalGroupId, Vec<Reading>>) -> Vec<TrafficLightGroup> {
        let p = &self.parameters;
        let rules = Rules {
            least_confidence: p.least_confidence as f32,
            images_to_believe: p.images_to_believe,
            hold_s: p.hold_s,
        };
        self.votes.retain(|group, vote| seen.contains_key(group) || vote.held(now, p.hold_s).is_some());
        seen.keys().for_each(|group| {
            self.votes.entry(*group).or_default();
        });
        let votes = self.votes.iter_mut();
        votes
            .map(|(group, vote)| {
                group_message(*group, vote.take(now, seen.get(group).map_or(&[], Vec::as_slice), rules))
            })
            .collect()
    }
}

impl Node for TrafficLightRecognizer {
    fn on_event(&mut self, event: &Event, outputs: &mut Outputs) {
        let heard = *self.heard.get_or_insert(event.now);
        if let Some(image) = event.shared(self.image) {
            self.heard = Some(event.now);
            match self.read(&image) {
                Ok(signals) => {
                    self.tell(status(&signals), outputs);
                    outputs.publish(self.signals, signals);
                }
                Err(reason) => self.tell(Status::error(reason), outputs),
            }
        } else if event.is(self.watch) {
            let silent = event.now.since(heard);
            if !(silent <= self.parameters.timeout_s) {
                let reason = format!("no image for {silent:.1} s: is the camera on and its topic right?");
                self.tell(Status::error(reason), outputs);
            }
        } else if let Some(odometry) = event.message(self.odometry) {
            if let Err(reason) = self.poses.push(odometry) {
                self.tell(Status::warn(reason), outputs);
            }
        } else if let Some(info) = event.message(self.camera_info) {
            match lens(info) {
                Ok(lens) => self.lens = Some(lens),
                Err(reason) => self.tell(Status::error(reason), outputs),
            }
        } else if let Some(transforms) = event.message(self.tf_static)
            && let Err(reason) = self.frames.take(transforms)
        {
            self.tell(Status::warn(reason), outputs);
        }
    }
}

fn status(signals: &TrafficLightGroupArray) -> Status {
    let mut elements = signals.traffic_light_groups.iter().flat_map(|group| &group.elements);
    if elements.any(|element| element.status == TrafficLightElement::SOLID_OFF) {
        Status::warn("a light ahead is out of order")
    } else {
        Status::ok()
    }
}

fn mean(pixels: &Pixels<'_>) -> f64 {
    let sample = || pixels.data.iter().step_by(997);
    sample().map(|v| f64::from(*v)).sum::<f64>() / sample().count().max(1) as f64
}

fn pixels(image: &Image) -> Result<Pixels<'_>, String> {
    let bgr = match image.encoding.as_str() {
        "rgb8" => false,
        "bgr8" => true,
        other => return Err(format!("image: expected encoding rgb8 or bgr8, got `{other}`")),
    };
    let (size, step) = ([image.width as usize, image.height as usize], image.step as usize);
    let fits =
        size[0] >= 2 && size[1] >= 2 && step >= 3 * size[0] && step.checked_mul(size[1]) == Some(image.data.len());
    if !fits {
        let bytes = image.data.len();
        return Err(format!("image: {size:?} pixels in rows of {step} bytes do not fit {bytes} bytes of data"));
    }
    Ok(Pixels { data: &image.data, step, size, bgr })
}

fn lens(info: &CameraInfo) -> Result<Pinhole, String> {
    let distortion: [f64; 5] = match (info.distortion_model.as_str(), info.d.as_slice()) {
        (_, []) => [0.0; 5],
        ("plumb_bob", d) if d.len() == 5 => std::array::from_fn(|i| d[i]),
        (model, d) => {
            return Err(format!(
                "camera_info: expected distortion model plumb_bob with 5 numbers, got `{model}` with {}; rectify the images or calibrate for plumb_bob",
                d.len()
            ));
        }
    };
    let k = &info.k;
    let sound = k.iter().chain(&distortion).all(|v| v.is_finite()) && k[0] > 1.0 && k[4] > 1.0;
    if !sound {
        return Err("camera_info: expected finite numbers and focal lengths of more than a pixel in k".into());
    }
    Ok(Pinhole::new([info.width as usize, info.height as usize], [k[0], k[4]], [k[2], k[5]], distortion))
}

fn group_message(group: SignalGroupId, shown: Shown) -> TrafficLightGroup {
    use TrafficLightElement as Element;
    let (color, status) = match shown.state {
        State::Red => (Element::RED, Element::SOLID_ON),
        State::Amber => (Element::AMBER, Element::SOLID_ON),
        State::Green => (Element::GREEN, Element::SOLID_ON),
        State::Unlit => (Element::UNKNOWN, Element::SOLID_OFF),
        State::Occluded | State::Glare => (Element::UNKNOWN, Element::UNKNOWN),
    };
    let shape = match shown.shape {
        _ if !shown.state.is_lit() => Element::UNKNOWN,
        LampShape::Circle => Element::CIRCLE,
        LampShape::LeftArrow => Element::LEFT_ARROW,
        LampShape::RightArrow => Element::RIGHT_ARROW,
        LampShape::UpArrow => Element::UP_ARROW,
    };
    let elements = vec![Element { color, shape, status, confidence: shown.confidence }];
    TrafficLightGroup { traffic_light_group_id: group.0, elements, ..TrafficLightGroup::default() }
}
