//! A straight street of one lane each way, a car that does exactly as planned, and road users that follow a script.

use std::sync::Arc;

use geometry::{Map, OrientedBox, Pose2, Vector2};
use motion_planner::{MotionPlanner, Network};
use msgs::autoware_perception_msgs::msg::{
    ObjectClassification, PredictedObject, PredictedObjects, PredictedPath, Shape, TrafficLightElement,
    TrafficLightGroup, TrafficLightGroupArray,
};
use msgs::autoware_planning_msgs::msg::{LaneletPrimitive, LaneletRoute, LaneletSegment, Trajectory};
use msgs::geometry_msgs::msg::Pose;
use msgs::nav_msgs::msg::Odometry;
use node::{Context, Definition, Event, Level, Node, Outputs, Ports, Qos, Status, Time, Timer};
use road_map::{LaneGraph, SignalGroupId, StopReason};
use vehicle::Vehicle;

/// Length of the street, m.
pub const LENGTH_M: f64 = 400.0;

/// A road user in the script.
#[derive(Clone, Copy)]
pub struct User {
    pub label: u8,
    /// Along the street and left of its middle line, m, and its heading.
    pub pose: Pose2<Map>,
    pub speed: f64,
    pub size: (f64, f64),
}

impl User {
    pub fn car(x: f64, y: f64, speed: f64) -> Self {
        let yaw = if speed < 0.0 { std::f64::consts::PI } else { 0.0 };
        Self { label: ObjectClassification::CAR, pose: Pose2::new(x, y, yaw), speed: speed.abs(), size: (4.5, 1.8) }
    }

    pub fn cyclist(x: f64, y: f64, speed: f64) -> Self {
        Self { label: ObjectClassification::BICYCLE, size: (1.8, 0.6), ..Self::car(x, y, speed) }
    }

    /// On foot; positive speed walks to the left.
    pub fn pedestrian(x: f64, y: f64, speed: f64) -> Self {
        let yaw = std::f64::consts::FRAC_PI_2 * if speed < 0.0 { -1.0 } else { 1.0 };
        Self {
            label: ObjectClassification::PEDESTRIAN,
            pose: Pose2::new(x, y, yaw),
            speed: speed.abs(),
            size: (0.5, 0.5),
        }
    }

    fn step(&mut self, dt: f64) {
        self.pose.position = self.pose.position + Vector2::from_polar(self.speed * dt, self.pose.yaw);
    }

    fn message(&self, id: usize) -> PredictedObject {
        let mut object = PredictedObject { existence_probability: 0.9, ..PredictedObject::default() };
        object.object_id.uuid[15] = id as u8 + 1;
        object.classification = vec![ObjectClassification { label: self.label, probability: 0.9 }];
        object.shape.type_ = Shape::BOUNDING_BOX;
        (object.shape.dimensions.x, object.shape.dimensions.y) = self.size;
        object.kinematics.initial_pose_with_covariance.pose = pose_message(self.pose);
        object.kinematics.initial_twist_with_covariance.twist.linear.x = self.speed;
        let mut path = PredictedPath { confidence: 1.0, ..PredictedPath::default() };
        path.time_step.nanosec = 500_000_000;
        let mut at = *self;
        for _ in 0..11 {
            path.path.push(pose_message(at.pose));
            at.step(0.5);
        }
        object.kinematics.predicted_paths = vec![path];
        object
    }
}

/// The street, the planner and the car on it.
pub struct Street {
    pub map: Arc<LaneGraph>,
    pub planner: MotionPlanner,
    pub vehicle: Vehicle,
    pub time_s: f64,
    pub pose: Pose2<Map>,
    pub speed: f64,
    pub users: Vec<User>,
    /// What all lights show; `None` where nothing is said of them.
    pub light: Option<u8>,
    pub status: Option<Status>,
    pub trajectory: Option<Arc<Trajectory>>,
    /// Least distance to anyone so far, m.
    pub least_gap_m: f64,
    pub hardest_braking_mps2: f64,
    pub furthest_left_m: f64,
    route: LaneletRoute,
}

/// The street as OpenDRIVE; `mark` is the line in its middle, `right` the lines right of each of its right lanes.
fn street(mark: &str, right: &[&str], signals: &str, objects: &str) -> String {
    let lane = |id: i64, mark: &str| {
        format!(
            "<lane id=\"{id}\" type=\"driving\" level=\"false\"><width sOffset=\"0\" a=\"3.5\" b=\"0\" c=\"0\" d=\"0\"/>\
             <roadMark sOffset=\"0\" type=\"{mark}\"/></lane>"
        )
    };
    let lanes: String = right.iter().enumerate().map(|(i, mark)| lane(-1 - i as i64, mark)).collect();
    format!(
        "<OpenDRIVE><header revMajor=\"1\" revMinor=\"7\"/><road id=\"1\" length=\"{LENGTH_M}\" junction=\"-1\">\
         <type s=\"0\" type=\"town\"><speed max=\"50\" unit=\"km/h\"/></type>\
         <planView><geometry s=\"0\" x=\"0\" y=\"0\" hdg=\"0\" length=\"{LENGTH_M}\"><line/></geometry></planView>\
         <lanes><laneSection s=\"0\"><left>{}</left><center><lane id=\"0\" type=\"none\">\
         <roadMark sOffset=\"0\" type=\"{mark}\"/></lane></center><right>{lanes}</right></laneSection></lanes>\
         <objects>{objects}</objects><signals>{signals}</signals></road></OpenDRIVE>",
        lane(1, "solid")
    )
}

/// A signal that governs the car's lane at 150 m.
pub fn signal(kind: &str, dynamic: &str) -> String {
    format!(
        "<signal s=\"150\" t=\"-4\" id=\"7\" name=\"x\" dynamic=\"{dynamic}\" orientation=\"+\" zOffset=\"3\" \
         type=\"{kind}\" subtype=\"-1\" value=\"-1\" hOffset=\"0\"/>"
    )
}

/// A crosswalk from 148.5 to 151.5 m.
pub fn crosswalk() -> String {
    let corner = |u: f64, v: f64| format!("<cornerLocal u=\"{u}\" v=\"{v}\" z=\"0\" height=\"0\"/>");
    format!(
        "<object type=\"crosswalk\" id=\"3\" s=\"150\" t=\"0\" zOffset=\"0\" hdg=\"0\" orientation=\"none\" length=\"3\" \
         width=\"7\"><outline>{}{}{}{}</outline></object>",
        corner(1.5, 3.5),
        corner(-1.5, 3.5),
        corner(-1.5, -3.5),
        corner(1.5, -3.5)
    )
}

impl Street {
    /// The car drives at `speed` in the middle of the right lane, 20 m from the street's start, towards a goal at 350 m.
    pub fn new(mark: &str, signals: &str, objects: &str, speed: f64) -> Self {
        Self::on(&street(mark, &["solid"], signals, objects), &["lane -1"], Pose2::new(350.0, -1.75, 0.0), speed)
    }

    /// Two lanes each way to the right: the car drives in the left one, the goal at 200 m lies in the right one.
    pub fn with_goal_in_the_right_lane(signals: &str, speed: f64) -> Self {
        let map = street("solid", &["broken", "solid"], signals, "");
        Self::on(&map, &["lane -1", "lane -2"], Pose2::new(200.0, -5.25, 0.0), speed)
    }

    fn on(map: &str, lanes: &[&str], goal: Pose2<Map>, speed: f64) -> Self {
        let map = Arc::new(LaneGraph::from_opendrive(map, "street").unwrap());
        let mut planner = planner(&map, None);
        let mut route = LaneletRoute::default();
        route.header.frame_id = "map".into();
        route.goal_pose = pose_message(goal);
        route.segments = lanes
            .iter()
            .map(|name| {
                let id = map.lanes().find(|lane| lane.source.ends_with(name)).unwrap().id.0;
                let primitive = LaneletPrimitive { id, primitive_type: "lane".into() };
                LaneletSegment { preferred_primitive: primitive.clone(), primitives: vec![primitive] }
            })
            .collect();
        let mut outputs = Outputs::default();
        planner.on_event(&Event::from_message(Time(0), input(2), route.clone()), &mut outputs);
        Self {
            map,
            planner,
            vehicle: Vehicle::default(),
            time_s: 0.0,
            pose: Pose2::new(20.0, -1.75, 0.0),
            speed,
            users: Vec::new(),
            light: Some(TrafficLightElement::GREEN),
            status: outputs.take_status(),
            trajectory: None,
            least_gap_m: f64::INFINITY,
            hardest_braking_mps2: 0.0,
            furthest_left_m: f64::NEG_INFINITY,
            route,
        }
    }

    /// The same with a network that proposes.
    pub fn proposing(mut self, network: impl Network + 'static) -> Self {
        self.planner = planner(&self.map, Some(Box::new(network)));
        let route = Event::from_message(Time(0), input(2), self.route.clone());
        self.planner.on_event(&route, &mut Outputs::default());
        self
    }

    /// Where the front bumper is, m along the street.
    pub fn front(&self) -> f64 {
        self.pose.position.x + self.vehicle.front_m()
    }

    pub fn odometry(&self) -> Odometry {
        let mut odometry = Odometry::default();
        odometry.header.stamp = Time::from_seconds(self.time_s).to_message();
        odometry.header.frame_id = "map".into();
        odometry.pose.pose = pose_message(self.pose);
        odometry.twist.twist.linear.x = self.speed;
        odometry
    }

    pub fn objects(&self) -> PredictedObjects {
        let mut objects = PredictedObjects::default();
        objects.header.stamp = Time::from_seconds(self.time_s).to_message();
        objects.header.frame_id = "map".into();
        objects.objects = self.users.iter().enumerate().map(|(id, user)| user.message(id)).collect();
        objects
    }

    /// One cycle with these inputs; whether a trajectory came.
    pub fn cycle(&mut self, odometry: Odometry, objects: Option<PredictedObjects>) -> bool {
        let now = Time::from_seconds(self.time_s);
        let mut outputs = Outputs::default();
        self.planner.on_event(&Event::from_message(now, input(1), odometry), &mut outputs);
        if let Some(color) = self.light {
            let signals = self.signals(color);
            self.planner.on_event(&Event::from_message(now, input(3), signals), &mut outputs);
        }
        match objects {
            Some(objects) => self.planner.on_event(&Event::from_message(now, input(0), objects), &mut outputs),
            None => self.planner.on_event(&Event::from_timer(now, timer()), &mut outputs),
        }
        if let Some(status) = outputs.take_status() {
            self.status = Some(status);
        }
        let came = outputs.take::<Trajectory>(output());
        let any = came.is_some();
        self.trajectory = came.or(self.trajectory.take());
        any
    }

    fn signals(&self, color: u8) -> TrafficLightGroupArray {
        let lines = self.map.lanes().flat_map(|lane| &lane.stop_lines);
        let groups = lines.filter_map(|line| match line.reason {
            StopReason::Signal(SignalGroupId(id)) => Some(TrafficLightGroup {
                traffic_light_group_id: id,
                elements: vec![TrafficLightElement { color, ..TrafficLightElement::default() }],
                ..TrafficLightGroup::default()
            }),
            _ => None,
        });
        TrafficLightGroupArray { traffic_light_groups: groups.collect(), ..TrafficLightGroupArray::default() }
    }

    /// A tenth of a second: plan, and be where the plan says.
    pub fn step(&mut self) {
        self.cycle(self.odometry(), Some(self.objects()));
        self.drive();
    }

    /// Goes where the last plan says.
    pub fn drive(&mut self) {
        let point = &self.trajectory.as_ref().expect("a trajectory").points[1];
        let speed = f64::from(point.longitudinal_velocity_mps);
        self.hardest_braking_mps2 = self.hardest_braking_mps2.max((self.speed - speed) * 10.0);
        let yaw = 2.0 * point.pose.orientation.z.atan2(point.pose.orientation.w);
        self.pose = Pose2::new(point.pose.position.x, point.pose.position.y, yaw);
        self.speed = speed;
        for user in &mut self.users {
            user.step(0.1);
        }
        let own = self.vehicle.footprint(self.pose);
        for user in &self.users {
            let gap = own.distance(&OrientedBox::new(user.pose, user.size.0, user.size.1));
            self.least_gap_m = self.least_gap_m.min(gap);
        }
        self.furthest_left_m = own.corners().iter().map(|c| c.y).fold(self.furthest_left_m, f64::max);
        self.time_s += 0.1;
    }

    /// Steps for so many seconds.
    pub fn run(&mut self, seconds: f64) {
        for _ in 0..(seconds * 10.0) as usize {
            self.step();
        }
    }

    pub fn level(&self) -> Option<Level> {
        self.status.as_ref().map(|status| status.level)
    }

    pub fn says(&self, text: &str) -> bool {
        self.status.as_ref().is_some_and(|status| status.message.contains(text))
    }
}

/// A planner with the shipped parameters and this network in place of the shipped one.
fn planner(map: &Arc<LaneGraph>, network: Option<Box<dyn Network>>) -> MotionPlanner {
    let vehicle = Vehicle::default();
    let context = Context { vehicle, map: Some(Arc::clone(map)), share: ".".into(), onnxruntime: None };
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../params/motion_planner.param.yaml");
    let name = MotionPlanner::NAME;
    let parameters = node::Parameters::from_file(&file, name).unwrap().parse(name).unwrap();
    MotionPlanner::with_network(parameters, &mut Ports::default(), &context, network).unwrap()
}

fn input<M: msgs::Message>(index: usize) -> node::Input<M> {
    let mut ports = Ports::default();
    let mut last = ports.input("", Qos::reliable(1));
    for _ in 0..index {
        last = ports.input("", Qos::reliable(1));
    }
    last
}

fn output<M: msgs::Message>() -> node::Output<M> {
    Ports::default().output("", Qos::reliable(1))
}

fn timer() -> Timer {
    Ports::default().timer(std::time::Duration::from_millis(100))
}

pub fn pose_message(pose: Pose2<Map>) -> Pose {
    let mut message = Pose::default();
    (message.position.x, message.position.y) = (pose.position.x, pose.position.y);
    let q = pose.quaternion();
    (message.orientation.z, message.orientation.w) = (q.k, q.w);
    message
}
