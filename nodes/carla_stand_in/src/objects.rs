//! What carla_ros_bridge tells of the world beyond the sensors.

use geometry::{BaseLink, Map, Point2};
use msgs::carla_msgs::msg::{
    CarlaActorInfo, CarlaActorList, CarlaEgoVehicleControl, CarlaEgoVehicleInfo, CarlaEgoVehicleInfoWheel,
    CarlaEgoVehicleStatus, CarlaTrafficLightInfo, CarlaTrafficLightInfoList, CarlaTrafficLightStatus,
    CarlaTrafficLightStatusList,
};
use msgs::derived_object_msgs::msg::{Object, ObjectArray};
use msgs::geometry_msgs::msg::{Quaternion, TransformStamped};
use msgs::nav_msgs::msg::Odometry;
use msgs::shape_msgs::msg::SolidPrimitive;
use nalgebra::UnitQuaternion;
use simulation::{ActorClass, EgoState, SignalColor, World};
use vehicle::Vehicle;

use crate::sensors::Namer;

/// The car's id among the actors.
pub(crate) const EGO_ID: u32 = 100_000;
/// CARLA's lights have ids of their own: these begin here.
const FIRST_LIGHT: u32 = 200_000;

fn attitude(ego: &EgoState) -> Quaternion {
    let q = UnitQuaternion::from_euler_angles(ego.roll_rad, ego.pitch_rad, ego.vehicle.pose.yaw);
    Quaternion { x: q.i, y: q.j, z: q.k, w: q.w }
}

/// The vehicle's middle, which is CARLA's origin of it. `base_x`: its rear axle therein, m.
fn middle(ego: &EgoState, base_x: f64) -> Point2<Map> {
    ego.vehicle.pose.transform(Point2::<BaseLink>::new(-base_x, 0.0))
}

/// Pose of the vehicle's middle in the map, velocity in its own axes.
pub(crate) fn odometry(ego: &EgoState, base_x: f64, namer: &Namer<'_>) -> Odometry {
    let mut message = Odometry { header: namer.header("map".into()), ..Odometry::default() };
    message.child_frame_id = namer.parameters.role_name.clone();
    let at = middle(ego, base_x);
    let pose = &mut message.pose.pose;
    (pose.position.x, pose.position.y, pose.position.z) = (at.x, at.y, ego.z);
    pose.orientation = attitude(ego);
    let twist = &mut message.twist.twist;
    twist.linear.x = ego.vehicle.speed_mps;
    twist.linear.y = ego.lateral_speed_mps - ego.yaw_rate_radps * base_x;
    twist.angular.z = ego.yaw_rate_radps;
    message
}

pub(crate) fn transform(odometry: &Odometry) -> TransformStamped {
    let mut stamped = TransformStamped { header: odometry.header.clone(), ..TransformStamped::default() };
    stamped.child_frame_id = odometry.child_frame_id.clone();
    let (p, t) = (&odometry.pose.pose.position, &mut stamped.transform.translation);
    (t.x, t.y, t.z) = (p.x, p.y, p.z);
    stamped.transform.rotation = odometry.pose.pose.orientation.clone();
    stamped
}

pub(crate) fn vehicle_status(
    ego: &EgoState,
    control: &CarlaEgoVehicleControl,
    namer: &Namer<'_>,
) -> CarlaEgoVehicleStatus {
    let mut message = CarlaEgoVehicleStatus { header: namer.header("map".into()), ..CarlaEgoVehicleStatus::default() };
    message.velocity = ego.vehicle.speed_mps.hypot(ego.lateral_speed_mps) as f32;
    message.acceleration.linear.x = ego.vehicle.acceleration_mps2;
    message.acceleration.linear.y = ego.lateral_acceleration_mps2;
    message.orientation = attitude(ego);
    message.control = control.clone();
    message
}

pub(crate) fn vehicle_info(car: &Vehicle, base_x: f64, max_steer_rad: f64, role: &str) -> CarlaEgoVehicleInfo {
    let wheel = |x: f64, y: f64, steer: f64| {
        let mut wheel = CarlaEgoVehicleInfoWheel {
            tire_friction: 3.5,
            damping_rate: 0.25,
            max_steer_angle: steer as f32,
            radius: 0.35,
            max_brake_torque: 1500.0,
            ..CarlaEgoVehicleInfoWheel::default()
        };
        (wheel.position.x, wheel.position.y, wheel.position.z) = (x, y, 0.35);
        wheel
    };
    let (front, side) = (base_x + car.wheelbase_m, 0.45 * car.width_m);
    CarlaEgoVehicleInfo {
        id: EGO_ID,
        type_: "vehicle.ferrodrive.stand_in".into(),
        rolename: role.into(),
        wheels: vec![
            wheel(front, side, max_steer_rad),
            wheel(front, -side, max_steer_rad),
            wheel(base_x, side, 0.0),
            wheel(base_x, -side, 0.0),
        ],
        mass: 1700.0,
        use_gear_autobox: true,
        ..CarlaEgoVehicleInfo::default()
    }
}

/// All road users; the car itself among them where `with_ego`.
pub(crate) fn objects(world: &World, base_x: f64, with_ego: bool, namer: &Namer<'_>) -> ObjectArray {
    let header = namer.header("map".into());
    let object = |id: u32, size: [f64; 3], classification: u8| Object {
        header: header.clone(),
        id,
        object_classified: true,
        classification,
        classification_certainty: 255,
        shape: SolidPrimitive { type_: SolidPrimitive::BOX, dimensions: size.to_vec(), ..SolidPrimitive::default() },
        ..Object::default()
    };
    let mut objects: Vec<Object> = Vec::new();
    for actor in world.actors() {
        let class = match actor.class {
            ActorClass::Car => Object::CLASSIFICATION_CAR,
            ActorClass::Truck => Object::CLASSIFICATION_TRUCK,
            ActorClass::Cyclist => Object::CLASSIFICATION_BIKE,
            ActorClass::Pedestrian => Object::CLASSIFICATION_PEDESTRIAN,
            ActorClass::Obstacle => Object::CLASSIFICATION_BARRIER,
        };
        let mut message = object(actor.id, [actor.length, actor.width, actor.height], class);
        let at = actor.pose.position;
        (message.pose.position.x, message.pose.position.y, message.pose.position.z) = (at.x, at.y, actor.z);
        (message.pose.orientation.z, message.pose.orientation.w) = (actor.pose.yaw / 2.0).sin_cos();
        (message.twist.linear.x, message.twist.linear.y) = (actor.velocity.x, actor.velocity.y);
        message.twist.angular.z = actor.yaw_rate;
        objects.push(message);
    }
    if with_ego {
        let (ego, car) = (world.ego(), world.vehicle());
        let length = car.rear_overhang_m + car.wheelbase_m + car.front_overhang_m;
        let mut message = object(EGO_ID, [length, car.width_m, car.height_m], Object::CLASSIFICATION_CAR);
        let at = middle(ego, base_x);
        (message.pose.position.x, message.pose.position.y, message.pose.position.z) = (at.x, at.y, ego.z);
        message.pose.orientation = attitude(ego);
        objects.push(message);
    }
    ObjectArray { header, objects }
}

pub(crate) fn actors(world: &World, role: &str) -> CarlaActorList {
    let other = world.actors().iter().map(|actor| CarlaActorInfo {
        id: actor.id,
        type_: format!("{:?}", actor.class).to_lowercase(),
        ..CarlaActorInfo::default()
    });
    let own = CarlaActorInfo {
        id: EGO_ID,
        type_: "vehicle.ferrodrive.stand_in".into(),
        rolename: role.into(),
        ..CarlaActorInfo::default()
    };
    CarlaActorList { actors: other.chain([own]).collect() }
}

pub(crate) fn lights_info(world: &World) -> CarlaTrafficLightInfoList {
    let info = |(index, head): (usize, &simulation::camera::LightHead)| {
        let mut info = CarlaTrafficLightInfo { id: FIRST_LIGHT + index as u32, ..CarlaTrafficLightInfo::default() };
        let pose = &mut info.transform;
        (pose.position.x, pose.position.y, pose.position.z) = (head.center.x, head.center.y, head.center.z);
        (pose.orientation.z, pose.orientation.w) = (head.facing / 2.0).sin_cos();
        info
    };
    CarlaTrafficLightInfoList { traffic_lights: world.light_heads().iter().enumerate().map(info).collect() }
}

pub(crate) fn lights_status(world: &World) -> CarlaTrafficLightStatusList {
    let states = world.signal_states();
    let status = |(index, head): (usize, &simulation::camera::LightHead)| CarlaTrafficLightStatus {
        id: FIRST_LIGHT + index as u32,
        state: match states.get(&head.group).map(|state| state.color) {
            Some(SignalColor::Red) => CarlaTrafficLightStatus::RED,
            Some(SignalColor::Yellow) => CarlaTrafficLightStatus::YELLOW,
            Some(SignalColor::Green) => CarlaTrafficLightStatus::GREEN,
            None => CarlaTrafficLightStatus::UNKNOWN,
        },
    };
    CarlaTrafficLightStatusList { traffic_lights: world.light_heads().iter().enumerate().map(status).collect() }
}
