use msgs::ackermann_msgs::msg::{AckermannDrive, AckermannDriveStamped};
use msgs::autoware_control_msgs::msg::Control;
use msgs::autoware_perception_msgs::msg::TrafficLightGroupArray;
use msgs::autoware_planning_msgs::msg::Trajectory;
use msgs::autoware_vehicle_msgs::msg::{SteeringReport, VelocityReport};
use msgs::carla_msgs::msg::{
    CarlaEgoVehicleControl, CarlaEgoVehicleInfo, CarlaEgoVehicleStatus, CarlaTrafficLightInfoList,
    CarlaTrafficLightStatusList,
};
use msgs::geometry_msgs::msg::PoseWithCovarianceStamped;
use msgs::nav_msgs::msg::Odometry;
use msgs::rosgraph_msgs::msg::Clock;
use msgs::sensor_msgs::msg::{CameraInfo, Image, Imu, NavSatFix, PointCloud2};
use msgs::tf2_msgs::msg::TFMessage;
use node::{Input, Output, Ports, Qos};

use crate::Parameters;

/// From CARLA, by either contract, and from the stack.
pub(crate) struct Inputs {
    pub clock: Input<Clock>,
    pub lidar: Input<PointCloud2>,
    pub image: Input<Image>,
    pub camera_info: Input<CameraInfo>,
    pub gnss: Input<NavSatFix>,
    pub imu: Input<Imu>,
    pub odometry: Input<Odometry>,
    pub status: Input<CarlaEgoVehicleStatus>,
    pub info: Input<CarlaEgoVehicleInfo>,
    pub lights_info: Input<CarlaTrafficLightInfoList>,
    pub lights_status: Input<CarlaTrafficLightStatusList>,
    pub control: Input<Control>,
    pub localized: Input<Odometry>,
    pub trajectory: Input<Trajectory>,
}

/// To the stack, and to CARLA.
pub(crate) struct Out {
    pub lidar: Output<PointCloud2>,
    pub image: Output<Image>,
    pub camera_info: Output<CameraInfo>,
    pub gnss: Output<NavSatFix>,
    pub imu: Output<Imu>,
    pub kinematic_state: Output<Odometry>,
    pub tf: Output<TFMessage>,
    pub tf_static: Output<TFMessage>,
    pub initial_pose: Output<PoseWithCovarianceStamped>,
    pub velocity: Output<VelocityReport>,
    pub steering: Output<SteeringReport>,
    pub lights: Output<TrafficLightGroupArray>,
    pub command: Output<CarlaEgoVehicleControl>,
    pub ackermann: Output<AckermannDrive>,
    pub ackermann_stamped: Output<AckermannDriveStamped>,
}

impl Inputs {
    pub fn new(p: &Parameters, ports: &mut Ports) -> Self {
        let role = &p.role_name;
        let of = |id: &str| format!("/carla/{role}/{id}");
        let camera = |part: &str| format!("/carla/{role}/{}/{part}", p.camera);
        // Both contracts' writers are reliable: a big message that lost a fragment comes again.
        Self {
            clock: ports.input("/clock", Qos::reliable(10)),
            lidar: ports.input(&of(&p.lidar), Qos::reliable(2)),
            image: ports.input(&camera("image"), Qos::reliable(2)),
            camera_info: ports.input(&camera("camera_info"), Qos::reliable(2)),
            gnss: ports.input(&of(&p.gnss), Qos::reliable(5)),
            imu: ports.input(&of(&p.imu), Qos::reliable(20)),
            odometry: ports.input(&of("odometry"), Qos::reliable(5)),
            status: ports.input(&of("vehicle_status"), Qos::reliable(5)),
            info: ports.input(&of("vehicle_info"), Qos::transient_local()),
            lights_info: ports.input("/carla/traffic_lights/info", Qos::transient_local()),
            lights_status: ports.input("/carla/traffic_lights/status", Qos::transient_local()),
            control: ports.input("~/input/control_cmd", Qos::reliable(1)),
            localized: ports.input("~/input/localized", Qos::reliable(1)),
            trajectory: ports.input("~/input/trajectory", Qos::reliable(1)),
        }
    }
}

impl Out {
    pub fn new(p: &Parameters, ports: &mut Ports) -> Self {
        let of = |topic: &str| format!("/carla/{}/{topic}", p.role_name);
        Self {
            lidar: ports.output("~/output/pointcloud", Qos::sensor_data()),
            image: ports.output_on_demand("~/output/image", Qos::sensor_data()),
            camera_info: ports.output("~/output/camera_info", Qos::sensor_data()),
            gnss: ports.output("~/output/gnss", Qos::sensor_data().with_depth(5)),
            imu: ports.output("~/output/imu", Qos::sensor_data().with_depth(20)),
            kinematic_state: ports.output("~/output/kinematic_state", Qos::reliable(1)),
            tf: ports.output("~/output/tf", Qos::reliable(1)),
            tf_static: ports.output("~/output/tf_static", Qos::transient_local()),
            initial_pose: ports.output("~/output/initial_pose", Qos::transient_local()),
            velocity: ports.output("~/output/velocity_status", Qos::reliable(1)),
            steering: ports.output("~/output/steering_status", Qos::reliable(1)),
            lights: ports.output("~/output/traffic_signals", Qos::reliable(1)),
            command: ports.output(&of("vehicle_control_cmd"), Qos::reliable(1)),
            ackermann: ports.output(&of("ackermann_cmd"), Qos::reliable(1)),
            ackermann_stamped: ports.output(&of("ackermann_control_cmd"), Qos::reliable(1)),
        }
    }
}
