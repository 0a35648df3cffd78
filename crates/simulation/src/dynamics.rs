use std::collections::VecDeque;

use geometry::{Map, Point2, Pose2, Vector2, normalize_angle};
use vehicle::{Vehicle, VehicleState};

use crate::lidar::Ground;

/// Standard gravity, m/s².
pub const GRAVITY: f64 = 9.80665;
/// Friction of dry asphalt.
const FRICTION: f64 = 0.9;
/// Cornering stiffness of an axle for each newton of its load, 1/rad (Rajamani, table 2.1).
const STIFFNESS: f64 = 10.0;
/// Share of the grade's force that the drive train's own controller takes out.
pub const GRADE_COMPENSATION: f64 = 0.8;
/// Below the first speed the car is kinematic, above the second it is dynamic, between them both are mixed, m/s.
const BLEND_MPS: [f64; 2] = [2.0, 4.0];
const SUBSTEPS: usize = 5;

/// What the car is told to do.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Command {
    /// Steering tyre angle, rad, left positive.
    pub steering_rad: f64,
    /// Largest rate to get there, rad/s; 0 for the car's own limit.
    pub steering_rate_radps: f64,
    /// Acceleration, m/s²; negative brakes. The car does not roll backward by it.
    pub acceleration_mps2: f64,
    /// When it was given, s.
    pub stamp_s: f64,
}

/// The true state of the car.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EgoState {
    /// Pose, longitudinal speed and acceleration of `base_link`, and the true steering angle.
    pub vehicle: VehicleState,
    /// Speed of `base_link` to the left, m/s.
    pub lateral_speed_mps: f64,
    /// Acceleration of `base_link` to the left, m/s².
    pub lateral_acceleration_mps2: f64,
    /// Turn rate, rad/s.
    pub yaw_rate_radps: f64,
    /// Height of `base_link`, m.
    pub z: f64,
    /// Nose-down angle (rotation about y, REP-103), rad.
    pub pitch_rad: f64,
    /// Right-side-down angle (rotation about x), rad.
    pub roll_rad: f64,
}

/// The car: a bicycle with saturating tyres, delayed and lagging actuators, on hills.
///
/// Lateral motion after Rajamani, Vehicle Dynamics and Control, 2.3, with axle forces held within the friction
/// circle; at walking pace, where slip angles are ill defined, it blends into the kinematic bicycle.
#[derive(Debug, Clone)]
pub(crate) struct EgoDynamics {
    vehicle: Vehicle,
    pub state: EgoState,
    /// Commands on their way through the actuators' delay, with the time they take effect.
    pending: VecDeque<(f64, Command)>,
    active: Command,
    /// What drive train and brakes give at present, m/s²; at standstill the brakes hold with it.
    actuated_mps2: f64,
}

impl EgoDynamics {
    pub fn new(vehicle: Vehicle, pose: Pose2<Map>, ground: &Ground) -> Self {
        let state = EgoState {
            vehicle: VehicleState { pose, speed_mps: 0.0, acceleration_mps2: 0.0, steering_rad: 0.0 },
            lateral_speed_mps: 0.0,
            lateral_acceleration_mps2: 0.0,
            yaw_rate_radps: 0.0,
            z: 0.0,
            pitch_rad: 0.0,
            roll_rad: 0.0,
        };
        // Until the first command comes the brakes hold the car.
        let active = Command { acceleration_mps2: -1.0, ..Command::default() };
        let mut ego = Self { vehicle, state, pending: VecDeque::new(), active, actuated_mps2: -1.0 };
        ego.settle(ground);
        ego
    }

    /// Takes a command that is not NaN; it acts after the actuators' delay. The newest 64 are kept.
    pub fn command(&mut self, command: Command, now_s: f64) {
        let finite = command.steering_rad.is_finite()
            && command.acceleration_mps2.is_finite()
            && command.steering_rate_radps.is_finite();
        if finite {
            if self.pending.len() == 64 {
                self.pending.pop_front();
            }
            self.pending.push_back((now_s + self.vehicle.actuator_delay_s, command));
        }
    }

    pub fn step(&mut self, now_s: f64, dt: f64, ground: &Ground) {
        while self.pending.front().is_some_and(|(due, _)| *due <= now_s + 1e-9) {
            if let Some((_, command)) = self.pending.pop_front() {
                self.active = command;
            }
        }
        for _ in 0..SUBSTEPS {
            self.substep(dt / SUBSTEPS as f64);
        }
        self.settle(ground);
    }

    fn substep(&mut self, dt: f64) {
        let mut now = self.state.vehicle;
        let yaw_rate = self.state.yaw_rate_radps;
        now.steering_rad = self.steer(now.steering_rad, dt);
        let drive = self.drive(dt);
        self.actuated_mps2 = drive;
        let car = &self.vehicle;
        let grade = GRAVITY * self.state.pitch_rad.sin() * (1.0 - GRADE_COMPENSATION);
        // Standing with the brakes on, the hill does not move the car.
        let held = now.speed_mps <= 0.05 && drive <= 0.0;
        let along = if held { drive.min(0.0) } else { drive + grade };
        let mut speed = (now.speed_mps + along * dt).min(car.max_speed_mps);
        if speed < 0.0 || (held && speed < 0.05) {
            speed = 0.0;
        }
        let true_acceleration = (speed - now.speed_mps) / dt;
        // Kinematic turn, with the tyres' grip as its bound.
        let curvature = car.curvature(now.steering_rad);
        let grip = (FRICTION * GRAVITY).powi(2) - along.powi(2);
        let most = grip.max(1.0).sqrt() / speed.max(0.5);
        let kinematic = (curvature * speed).clamp(-most, most);
        let (slide, turn) = if speed <= BLEND_MPS[0] {
            (0.0, kinematic)
        } else {
            let (slide, turn) = self.tyres(speed, now.steering_rad, along, dt);
            let share = ((speed - BLEND_MPS[0]) / (BLEND_MPS[1] - BLEND_MPS[0])).min(1.0);
            (slide * share, kinematic + (turn - kinematic) * share)
        };
        self.state.lateral_acceleration_mps2 = (slide - self.state.lateral_speed_mps) / dt + speed * turn;
        let middle = now.pose.yaw + (turn + yaw_rate) / 2.0 * dt / 2.0;
        let mean_speed = (speed + now.speed_mps) / 2.0;
        let step = Vector2::<Map>::new(mean_speed, (slide + self.state.lateral_speed_mps) / 2.0).rotated(middle) * dt;
        now.pose = Pose2 {
            position: now.pose.position + step,
            yaw: normalize_angle(now.pose.yaw + (turn + yaw_rate) / 2.0 * dt),
        };
        (now.speed_mps, now.acceleration_mps2) = (speed, true_acceleration);
        self.state.vehicle = now;
        self.state.lateral_speed_mps = slide;
        self.state.yaw_rate_radps = turn;
    }

    fn steer(&self, angle: f64, dt: f64) -> f64 {
        let car = &self.vehicle;
        let wanted = self.active.steering_rad.clamp(-car.max_steering_rad, car.max_steering_rad);
        let own = car.max_steering_rate_radps;
        let asked = self.active.steering_rate_radps.abs();
        let limit = if asked > 0.0 { asked.min(own) } else { own };
        let rate = ((wanted - angle) / car.steering_time_constant_s.max(dt)).clamp(-limit, limit);
        (angle + rate * dt).clamp(-car.max_steering_rad, car.max_steering_rad)
    }

    fn drive(&self, dt: f64) -> f64 {
        let car = &self.vehicle;
        let strongest = car.max_deceleration_mps2.min(FRICTION * GRAVITY);
        let wanted = self.active.acceleration_mps2.clamp(-strongest, car.max_acceleration_mps2);
        let lag = (wanted - self.actuated_mps2) / car.acceleration_time_constant_s.max(dt);
        self.actuated_mps2 + lag.clamp(-car.max_jerk_mps3, car.max_jerk_mps3) * dt
    }

    /// Lateral speed of `base_link` and turn rate after `dt`, from the tyres' side forces.
    fn tyres(&self, speed: f64, steering: f64, along: f64, dt: f64) -> (f64, f64) {
        let base = self.vehicle.wheelbase_m;
        // Centre of mass in the middle; unit mass; inertia of a uniform bar a little longer than the wheelbase.
        let (front, rear) = (base / 2.0, base / 2.0);
        let inertia = front * rear * 1.1;
        let (mut slide, mut turn) =
            (self.state.lateral_speed_mps + rear * self.state.yaw_rate_radps, self.state.yaw_rate_radps);
        let load = GRAVITY / 2.0;
        let most = ((FRICTION * load).powi(2) - (along / 2.0).powi(2)).max(0.04 * load * load).sqrt();
        let force = |slip: f64| most * (STIFFNESS * load * slip / most).tanh();
        let steps = 4;
        for _ in 0..steps {
            let front_slip = steering - ((slide + front * turn) / speed).atan();
            let rear_slip = -((slide - rear * turn) / speed).atan();
            let (f, r) = (force(front_slip) * steering.cos(), force(rear_slip));
            slide += (f + r - speed * turn) * dt / f64::from(steps);
            turn += (front * f - rear * r) / inertia * dt / f64::from(steps);
        }
        (slide - rear * turn, turn)
    }

    /// Puts the wheels on the ground.
    fn settle(&mut self, ground: &Ground) {
        let pose = self.state.vehicle.pose;
        let at = |x: f64, y: f64| {
            let place: Point2<Map> = pose.transform(Point2::<geometry::BaseLink>::new(x, y));
            ground.height(place.x, place.y)
        };
        let (base, half) = (self.vehicle.wheelbase_m, self.vehicle.width_m / 2.0);
        let rear = at(0.0, 0.0);
        self.state.z = rear;
        self.state.pitch_rad = -((at(base, 0.0) - rear) / base).atan();
        self.state.roll_rad = ((at(base / 2.0, half) - at(base / 2.0, -half)) / (2.0 * half)).atan();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lidar::GroundKind;

    fn level() -> Ground {
        Ground::level(0.0, GroundKind::Asphalt)
    }

    fn run(ego: &mut EgoDynamics, ground: &Ground, command: Command, from_s: f64, seconds: f64) -> Vec<EgoState> {
        (0..(seconds * 100.0) as usize)
            .map(|i| {
                let now = from_s + i as f64 * 0.01;
                ego.command(command, now);
                ego.step(now, 0.01, ground);
                ego.state
            })
            .collect()
    }

    #[test]
    fn nothing_happens_before_the_actuator_delay() {
        let mut ego = EgoDynamics::new(Vehicle::default(), Pose2::default(), &level());
        let trace = run(&mut ego, &level(), Command { acceleration_mps2: 2.0, ..Command::default() }, 0.0, 3.0);
        assert_eq!(trace[8].vehicle.speed_mps, 0.0);
        assert!(trace[299].vehicle.speed_mps > 4.0);
    }

    #[test]
    fn tyres_never_give_more_than_friction() {
        let mut ego = EgoDynamics::new(Vehicle::default(), Pose2::default(), &level());
        run(&mut ego, &level(), Command { acceleration_mps2: 3.0, ..Command::default() }, 0.0, 9.0);
        let hard = Command { steering_rad: 0.5, ..Command::default() };
        let trace = run(&mut ego, &level(), hard, 9.0, 3.0);
        for pair in trace.windows(2) {
            // At the centre of mass, whose acceleration the tyres give: velocity there, differentiated in the map.
            let velocity = |s: &EgoState| {
                let sideways = s.lateral_speed_mps + s.yaw_rate_radps * 1.4;
                s.vehicle.pose.rotate(Vector2::<geometry::BaseLink>::new(s.vehicle.speed_mps, sideways))
            };
            let acceleration = (velocity(&pair[1]) - velocity(&pair[0])) * 100.0;
            let sideways = pair[0].vehicle.pose.forward().cross(acceleration).abs();
            assert!(sideways < 1.05 * FRICTION * GRAVITY, "{sideways} m/s² at {:?}", pair[1]);
        }
        assert!(trace.iter().all(|s| s.yaw_rate_radps.abs() < 1.5));
    }

    #[test]
    fn gentle_curve_follows_the_bicycle() {
        let mut ego = EgoDynamics::new(Vehicle::default(), Pose2::default(), &level());
        run(&mut ego, &level(), Command { acceleration_mps2: 2.0, ..Command::default() }, 0.0, 4.0);
        let last = run(&mut ego, &level(), Command { steering_rad: 0.05, ..Command::default() }, 4.0, 3.0);
        let state = last[last.len() - 1];
        let expected = state.vehicle.speed_mps * Vehicle::default().curvature(0.05);
        assert!((state.yaw_rate_radps / expected - 1.0).abs() < 0.1, "{} against {expected}", state.yaw_rate_radps);
    }

    #[test]
    fn brakes_hold_on_a_hill_and_the_nose_points_up() {
        let hill = Ground::sampled(Point2::new(-50.0, -50.0), Point2::new(50.0, 50.0), 2.0, |p| 0.08 * p.x);
        let mut ego = EgoDynamics::new(Vehicle::default(), Pose2::default(), &hill);
        let trace = run(&mut ego, &hill, Command { acceleration_mps2: -1.0, ..Command::default() }, 0.0, 3.0);
        let last = trace[trace.len() - 1];
        assert!(last.vehicle.pose.position.x.abs() < 1e-6 && last.pitch_rad < -0.07);
    }
}
