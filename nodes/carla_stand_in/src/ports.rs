use msgs::ackermann_msgs::msg::AckermannDrive;
use msgs::autoware_perception_msgs::msg::TrackedObjects;
use msgs::carla_msgs::msg::{
    CarlaActorList, CarlaCollisionEvent, CarlaControl, CarlaEgoVehicleControl, CarlaEgoVehicleInfo,
    CarlaEgoVehicleStatus, CarlaLaneInvasionEvent, CarlaStatus, CarlaTrafficLightInfoList, CarlaTrafficLightStatusList,
    CarlaWorldInfo,
};
use msgs::derived_object_msgs::msg::ObjectArray;
use msgs::diagnostic_msgs::msg::DiagnosticArray;
use msgs::geometry_msgs::msg::PoseStamped;
use msgs::nav_msgs::msg::Odometry;
use msgs::rosgraph_msgs::msg::Clock;
use msgs::sensor_msgs::msg::{CameraInfo, Image, Imu, NavSatFix, PointCloud2};
use msgs::std_msgs::msg::{Float32, String as Text};
use msgs::tf2_msgs::msg::TFMessage;
use node::{Input, Output, Ports, Qos};

use crate::parameters::{Contract, Parameters};

/// What both contracts have.
pub(crate) struct Sensors {
    pub control: Input<CarlaEgoVehicleControl>,
    pub clock: Output<Clock>,
    pub tf: Output<TFMessage>,
    pub lidar: Output<PointCloud2>,
    pub image: Output<Image>,
    pub camera_info: Output<CameraInfo>,
    pub gnss: Output<NavSatFix>,
    pub imu: Output<Imu>,
    pub collision: Output<CarlaCollisionEvent>,
    pub lane_invasion: Output<CarlaLaneInvasionEvent>,
}

/// What carla_ros_bridge has beyond that, and carla_ackermann_control beside it.
pub(crate) struct BridgeEnds {
    pub world_control: Input<CarlaControl>,
    pub ackermann: Input<AckermannDrive>,
    pub status: Output<CarlaStatus>,
    pub world_info: Output<CarlaWorldInfo>,
    pub map: Output<Text>,
    pub odometry: Output<Odometry>,
    pub vehicle_status: Output<CarlaEgoVehicleStatus>,
    pub vehicle_info: Output<CarlaEgoVehicleInfo>,
    pub speedometer: Output<Float32>,
    pub objects: Output<ObjectArray>,
    pub own_objects: Output<ObjectArray>,
    pub actors: Output<CarlaActorList>,
    pub lights_info: Output<CarlaTrafficLightInfoList>,
    pub lights_status: Output<CarlaTrafficLightStatusList>,
}

/// What neither has: the operator's goal, and the truth for an evaluation.
pub(crate) struct Truth {
    pub goal: Output<PoseStamped>,
    pub odometry: Output<Odometry>,
    pub objects: Output<TrackedObjects>,
    pub events: Output<DiagnosticArray>,
    pub score: Output<DiagnosticArray>,
}

impl Sensors {
    /// The sensors' last parts of their topics are their ids in the sensor file, here the shipped one's.
    pub fn new(p: &Parameters, ports: &mut Ports) -> Self {
        // Fast DDS's writers keep one sample unless told otherwise; the bridge asks for ten.
        let qos = match p.contract {
            Contract::Native => Qos::reliable(1),
            Contract::CarlaRosBridge => Qos::reliable(10),
        };
        let of = |id: &str| format!("/carla/{}/{id}", p.role_name);
        // Fast DDS's readers are best-effort unless told otherwise.
        let asked = match p.contract {
            Contract::Native => Qos::sensor_data(),
            Contract::CarlaRosBridge => qos,
        };
        Self {
            control: ports.input(&of("vehicle_control_cmd"), asked),
            clock: ports.output("/clock", qos),
            tf: ports.output("/tf", qos),
            lidar: ports.output(&of("lidar"), qos),
            image: ports.output_on_demand(&of("front/image"), qos),
            camera_info: ports.output(&of("front/camera_info"), qos),
            gnss: ports.output(&of("gnss"), qos),
            imu: ports.output(&of("imu"), qos),
            collision: ports.output(&of("collision"), qos),
            lane_invasion: ports.output(&of("lane_invasion"), qos),
        }
    }
}

impl BridgeEnds {
    pub fn new(p: &Parameters, ports: &mut Ports) -> Self {
        let of = |id: &str| format!("/carla/{}/{id}", p.role_name);
        let (qos, latched) = (Qos::reliable(10), Qos::transient_local().with_depth(10));
        Self {
            world_control: ports.input("/carla/control", qos),
            ackermann: ports.input(&of("ackermann_cmd"), qos),
            status: ports.output("/carla/status", qos),
            world_info: ports.output("/carla/world_info", latched),
            map: ports.output("/carla/map", latched),
            odometry: ports.output(&of("odometry"), qos),
            vehicle_status: ports.output(&of("vehicle_status"), qos),
            vehicle_info: ports.output(&of("vehicle_info"), latched),
            speedometer: ports.output(&of("speedometer"), qos),
            objects: ports.output("/carla/objects", qos),
            own_objects: ports.output(&of("objects"), qos),
            actors: ports.output("/carla/actor_list", qos),
            lights_info: ports.output("/carla/traffic_lights/info", latched),
            lights_status: ports.output("/carla/traffic_lights/status", latched),
        }
    }
}

impl Truth {
    pub fn new(ports: &mut Ports) -> Self {
        Self {
            goal: ports.output("~/output/goal", Qos::transient_local()),
            odometry: ports.output("~/output/ground_truth/odometry", Qos::reliable(1)),
            objects: ports.output("~/output/ground_truth/objects", Qos::reliable(1)),
            events: ports.output("~/output/ground_truth/events", Qos::reliable(10)),
            score: ports.output("~/output/ground_truth/score", Qos::reliable(1)),
        }
    }
}
