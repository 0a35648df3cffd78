use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use geometry::{Map, Point2, Pose2};
use nalgebra::{Isometry3, Translation3, UnitQuaternion};
use road_map::{LaneGraph, LaneKind, SignalGroupId};
use vehicle::Vehicle;

use crate::actor::{Actor, ActorClass};
use crate::camera::{CameraConfigError, CameraShot, LightHead};
use crate::dynamics::{Command, EgoDynamics, EgoState};
use crate::event::{Counts, WorldEvent};
use crate::fault::Fault;
use crate::lidar::{Ground, Instance, LidarConfigError, LidarScan, Scanner, Scene, SweepMotion};
use crate::network::Network;
use crate::random::{Random, combine, hash, unit};
use crate::referee::Referee;
use crate::scenario::{Place, Scenario, ScenarioError};
use crate::sensors::{Errors, GnssSample, ImuSample, Mount, Reading, SensorSuite};
use crate::signals::{SignalState, Signals};
use crate::terrain;
use crate::traffic::Traffic;

/// One step, s.
pub const STEP_S: f64 = 0.01;

/// Why a world cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum WorldError {
    /// The scenario does not fit the map, or is wrong in itself.
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
    /// The LiDAR cannot be built.
    #[error(transparent)]
    Lidar(#[from] LidarConfigError),
    /// The camera cannot be built.
    #[error(transparent)]
    Camera(#[from] CameraConfigError),
}

/// The world: one car under test among traffic on a map. Time starts at 0; equal inputs give equal outputs. A copy goes its own
/// way from where it was made.
#[derive(Clone)]
pub struct World {
    map: Arc<LaneGraph>,
    network: Arc<Network>,
    ground: Arc<Ground>,
    fixtures: Arc<Vec<Instance>>,
    vehicle: Vehicle,
    sensors: SensorSuite,
    scenario: Scenario,
    scanner: Scanner,
    heads: Vec<LightHead>,
    errors: Errors,
    signals: Signals,
    traffic: Traffic,
    ego: EgoDynamics,
    before: EgoState,
    referee: Referee,
    actors: Vec<Actor>,
    /// Poses of `base_link` over the last sweep, oldest first.
    trail: VecDeque<Isometry3<f64>>,
    steps: u64,
    lidar: Option<LidarScan>,
    late: VecDeque<(f64, LidarScan)>,
    frozen: Option<LidarScan>,
    imu: Option<ImuSample>,
    gnss: Option<GnssSample>,
    wheel_speed: Option<Reading>,
    steering: Option<Reading>,
}

impl World {
    /// A world at time 0, with everyone in place.
    ///
    /// # Errors
    /// [`WorldError`] where the scenario does not fit the map or the LiDAR cannot be built.
    pub fn new(
        map: Arc<LaneGraph>,
        vehicle: Vehicle,
        sensors: SensorSuite,
        scenario: Scenario,
    ) -> Result<Self, WorldError> {
        scenario.check()?;
        sensors.camera.check()?;
        let scanner = Scanner::new(sensors.lidar.clone())?;
        let network = Arc::new(Network::new(&map));
        let start = find(&network, "start", scenario.start)?;
        let goal = find(&network, "goal", scenario.goal)?;
        let way = network.route(start, goal).ok_or_else(|| ScenarioError::NoRoute {
            from: scenario.start.lane,
            to: scenario.goal.lane,
            map: map.name.clone(),
        })?;
        let ground = Arc::new(terrain::ground(&network));
        let fixtures = Arc::new(terrain::fixtures(&map, &network, &ground, scenario.seed));
        let ego = EgoDynamics::new(vehicle, network.lanes[start.0].lane.center.pose_at(start.1), &ground);
        let signals = Signals::new(&map, scenario.seed);
        let footprint = vehicle.footprint(ego.state.vehicle.pose);
        let parked = parked_vehicles(&map, scenario.seed);
        let traffic = Traffic::new(Arc::clone(&network), scenario.traffic, footprint, parked, scenario.seed);
        let referee = Referee::new(Arc::clone(&network), vehicle, &way, start.1, goal.1, &ego.state);
        let mut actors = Vec::new();
        traffic.actors(&mut actors);
        Ok(Self {
            errors: Errors::new(sensors.noise, scenario.seed),
            before: ego.state,
            heads: LightHead::of_map(&map),
            trail: VecDeque::from([isometry(&ego.state)]),
            map,
            network,
            ground,
            fixtures,
            vehicle,
            sensors,
            scenario,
            scanner,
            signals,
            traffic,
            ego,
            referee,
            actors,
            steps: 0,
            lidar: None,
            late: VecDeque::new(),
            frozen: None,
            imu: None,
            gnss: None,
            wheel_speed: None,
            steering: None,
        })
    }

    /// Simulated time, s.
    pub fn time_s(&self) -> f64 {
        self.steps as f64 * STEP_S
    }

    /// Gives the car a command; it acts after the actuators' delay. One that is not finite is dropped.
    pub fn set_command(&mut self, command: Command) {
        let now = self.time_s();
        self.ego.command(command, now);
    }

    /// Moves the world on by [`STEP_S`].
    pub fn step(&mut self) {
        let now = self.time_s();
        self.before = self.ego.state;
        self.signals.update(now + STEP_S);
        let center = self.vehicle.footprint(self.ego.state.vehicle.pose).center;
        self.traffic.step(STEP_S, center, self.ego.state.vehicle.speed_mps, &self.signals);
        self.ego.step(now, STEP_S, &self.ground);
        self.steps += 1;
        self.traffic.actors(&mut self.actors);
        for actor in self.actors.iter_mut().filter(|a| a.class == ActorClass::Pedestrian) {
            actor.z = self.ground.height(actor.pose.position.x, actor.pose.position.y);
        }
        let sweep = (1.0 / (self.sensors.lidar.rate_hz * STEP_S)).round().max(1.0) as u64;
        self.trail.push_back(isometry(&self.ego.state));
        while self.trail.len() as u64 > sweep + 1 {
            self.trail.pop_front();
        }
        let now = self.time_s();
        self.referee.step(now, STEP_S, &self.ego.state, &self.actors, &self.fixtures, &self.signals);
        self.sense(now, sweep);
    }

    fn faulty(&self, now: f64, which: impl Fn(&Fault) -> bool) -> bool {
        self.scenario.faults.iter().any(|f| f.active(now) && which(f))
    }

    fn sense(&mut self, now: f64, sweep: u64) {
        if !self.faulty(now, |f| matches!(f, Fault::ImuDead { .. })) {
            self.imu = Some(self.errors.imu(now, &self.ego.state, &self.before, &self.sensors.imu_mount, STEP_S));
        }
        if self.steps.is_multiple_of(2) {
            self.wheel_speed = Some(self.errors.wheel_speed(now, &self.ego.state));
            self.steering = Some(self.errors.steering(now, &self.ego.state));
        }
        if self.steps.is_multiple_of(10) {
            let antenna = isometry(&self.ego.state) * self.sensors.gnss_mount.isometry();
            let frame = (self.map.geo(), self.map.origin.altitude_m);
            let sample = self.errors.gnss(now, antenna.translation.vector, frame, 10.0 * STEP_S);
            if !self.faulty(now, |f| matches!(f, Fault::GnssOutage { .. })) {
                self.gnss = Some(sample);
            }
        }
        if self.steps.is_multiple_of(sweep) && !self.faulty(now, |f| matches!(f, Fault::LidarDead { .. })) {
            let scan = self.sweep(now);
            let delay = self.scenario.faults.iter().find_map(|f| match f {
                Fault::LidarDelay { delay_s, .. } if f.active(now) => Some(*delay_s),
                _ => None,
            });
            self.late.push_back((now + delay.unwrap_or(0.0), scan));
        }
        if self.late.front().is_some_and(|(due, _)| *due <= now + 1e-9) {
            self.lidar = self.late.pop_front().map(|(_, scan)| scan);
        }
    }

    /// One LiDAR scan with the faults that change it.
    fn sweep(&mut self, now: f64) -> LidarScan {
        let frozen = self.faulty(now, |f| matches!(f, Fault::LidarFrozen { .. }));
        if let (true, Some(scan)) = (frozen, &self.frozen) {
            return LidarScan { stamp_s: now, ..scan.clone() };
        }
        let key = combine(self.scenario.seed ^ 0x11da, self.steps);
        let scene = self.scene();
        let motion = self.sensor_motion(&self.sensors.lidar_mount, now);
        let mut scan = self.scanner.scan(&scene, &motion, key);
        for fault in self.scenario.faults.iter().filter(|f| f.active(now)) {
            match fault {
                Fault::LidarNan { share, .. } => {
                    for (index, point) in scan.points.iter_mut().enumerate() {
                        if unit(hash(key ^ index as u64)) < *share {
                            (point.x, point.y, point.z) = (f32::NAN, f32::NAN, f32::NAN);
                        }
                    }
                }
                Fault::LidarSectorLost { azimuth_deg, width_deg, .. } => {
                    let lost = |x: f32, y: f32| {
                        let azimuth = f64::from(y).atan2(f64::from(x));
                        let off = geometry::angle_difference(azimuth, azimuth_deg.to_radians()).abs();
                        off <= width_deg.to_radians() / 2.0
                    };
                    let keep: Vec<bool> = scan.points.iter().map(|p| !lost(p.x, p.y)).collect();
                    let mut kept = keep.iter();
                    scan.points.retain(|_| *kept.next().unwrap_or(&true));
                    let mut kept = keep.iter();
                    scan.targets.retain(|_| *kept.next().unwrap_or(&true));
                }
                _ => {}
            }
        }
        if frozen {
            self.frozen = Some(scan.clone());
        } else {
            self.frozen = None;
        }
        scan
    }

    /// Whether the camera takes an image at this step.
    pub fn camera_due(&self) -> bool {
        let period = (1.0 / (self.sensors.camera.rate_hz * STEP_S)).round().max(1.0) as u64;
        self.steps.is_multiple_of(period)
    }

    /// What the camera catches of this moment, with the faults that there are; `None` where it is dead.
    pub fn camera_shot(&self) -> Option<CameraShot> {
        let now = self.time_s();
        if self.faulty(now, |f| matches!(f, Fault::CameraDead { .. })) {
            return None;
        }
        Some(CameraShot {
            stamp_s: now,
            scene: self.scene(),
            heads: self.light_heads(),
            pose: isometry(&self.ego.state) * self.sensors.camera_mount.isometry(),
            sky: self.scenario.sky,
            key: combine(self.scenario.seed ^ 0xca3e, self.steps),
            blinded: self.faulty(now, |f| matches!(f, Fault::CameraBlinded { .. })),
            frozen: self.faulty(now, |f| matches!(f, Fault::CameraFrozen { .. })),
        })
    }

    /// The heads of all traffic lights, with what they show.
    pub fn light_heads(&self) -> Vec<LightHead> {
        let shown = |head: &LightHead| LightHead { lit: self.signals.state(head.group).color.into(), ..*head };
        self.heads.iter().map(shown).collect()
    }

    /// All that a LiDAR can see now: for recorders with scanners of their own.
    pub fn scene(&self) -> Scene {
        Scene {
            ground: Arc::clone(&self.ground),
            fixtures: Arc::clone(&self.fixtures),
            actors: self.actors.iter().map(Actor::instance).collect(),
        }
    }

    /// How a sensor on `mount` moved over the last sweep.
    pub fn sensor_motion(&self, mount: &Mount, end_s: f64) -> SweepMotion {
        let on_car = mount.isometry();
        SweepMotion { poses: self.trail.iter().map(|pose| pose * on_car).collect(), end_s }
    }

    /// The true state of the car.
    pub fn ego(&self) -> &EgoState {
        &self.ego.state
    }

    /// The car.
    pub fn vehicle(&self) -> &Vehicle {
        &self.vehicle
    }

    /// The sensors.
    pub fn sensors(&self) -> &SensorSuite {
        &self.sensors
    }

    /// The scenario.
    pub fn scenario(&self) -> &Scenario {
        &self.scenario
    }

    /// The map.
    pub fn map(&self) -> &Arc<LaneGraph> {
        &self.map
    }

    /// The true states of all road users and obstacles, in order of id.
    pub fn actors(&self) -> &[Actor] {
        &self.actors
    }

    /// What every signal group shows.
    pub fn signal_states(&self) -> &BTreeMap<SignalGroupId, SignalState> {
        self.signals.states()
    }

    /// Everything recorded so far, in order of time.
    pub fn events(&self) -> &[WorldEvent] {
        &self.referee.events
    }

    /// What has been counted so far.
    pub fn counts(&self) -> Counts {
        self.referee.counts
    }

    /// Share of the reference route (the shortest from start to goal) that is done, 0..=1.
    pub fn progress(&self) -> f64 {
        self.referee.progress()
    }

    /// Length of the reference route, m.
    pub fn route_length_m(&self) -> f64 {
        self.referee.route_length()
    }

    /// Whether the car stood within 5 m of the goal, or passed it.
    pub fn goal_reached(&self) -> bool {
        self.referee.goal_reached
    }

    /// The goal, in the map.
    pub fn goal(&self) -> Pose2<Map> {
        self.place(self.scenario.goal)
    }

    /// The start, in the map.
    pub fn start(&self) -> Pose2<Map> {
        self.place(self.scenario.start)
    }

    fn place(&self, place: Place) -> Pose2<Map> {
        let lane = self.network.by_id.get(&place.lane).map(|i| &self.network.lanes[*i].lane);
        lane.map_or_else(Pose2::default, |lane| lane.center.pose_at(place.s_m))
    }

    /// Height of the ground, m.
    pub fn ground_height(&self, point: Point2<Map>) -> f64 {
        self.ground.height(point.x, point.y)
    }

    /// The LiDAR scan that came since the last call.
    pub fn take_lidar(&mut self) -> Option<LidarScan> {
        self.lidar.take()
    }

    /// The IMU sample that came since the last call.
    pub fn take_imu(&mut self) -> Option<ImuSample> {
        self.imu.take()
    }

    /// The GNSS fix that came since the last call.
    pub fn take_gnss(&mut self) -> Option<GnssSample> {
        self.gnss.take()
    }

    /// The speed (m/s) by the wheels that came since the last call.
    pub fn take_wheel_speed(&mut self) -> Option<Reading> {
        self.wheel_speed.take()
    }

    /// The steering tyre angle (rad) that came since the last call.
    pub fn take_steering(&mut self) -> Option<Reading> {
        self.steering.take()
    }

    /// A number that two worlds share only if their true states are equal bit by bit.
    pub fn fingerprint(&self) -> u64 {
        let ego = &self.ego.state;
        let own =
            [ego.vehicle.pose.position.x, ego.vehicle.pose.position.y, ego.vehicle.pose.yaw, ego.vehicle.speed_mps];
        let others = self
            .actors
            .iter()
            .flat_map(|a| [a.pose.position.x, a.pose.position.y, a.pose.yaw, a.velocity.x, a.velocity.y]);
        own.into_iter().chain(others).fold(self.steps, |sum, v| combine(sum, v.to_bits()))
    }
}

fn find(network: &Network, field: &'static str, place: Place) -> Result<(usize, f64), ScenarioError> {
    let wrong = |reason: String| ScenarioError::Place { field, reason };
    let index = *network
        .by_id
        .get(&place.lane)
        .ok_or_else(|| wrong(format!("the map has no lane {}; list its lanes with `ferrodrive map`", place.lane.0)))?;
    let net = &network.lanes[index];
    if net.lane.kind != LaneKind::Driving {
        return Err(wrong(format!("lane {} is no driving lane but {:?}", place.lane.0, net.lane.kind)));
    }
    if !(0.0..=net.length).contains(&place.s_m) {
        return Err(wrong(format!("s_m: expected 0..={:.1} on lane {}, got {}", net.length, place.lane.0, place.s_m)));
    }
    Ok((index, place.s_m))
}

/// `base_link` in the map, with height and tilt.
fn isometry(ego: &EgoState) -> Isometry3<f64> {
    let pose = ego.vehicle.pose;
    let rotation = UnitQuaternion::from_euler_angles(ego.roll_rad, ego.pitch_rad, pose.yaw);
    Isometry3::from_parts(Translation3::new(pose.position.x, pose.position.y, ego.z), rotation)
}

/// Vehicles that the map itself has parked.
fn parked_vehicles(map: &LaneGraph, seed: u64) -> Vec<Actor> {
    let parked = map.objects.iter().filter(|o| o.kind.eq_ignore_ascii_case("parkedVehicle"));
    parked
        .enumerate()
        .map(|(index, object)| {
            let mut random = Random::new(combine(seed, object.id as u64));
            Actor::random(index as u32 + 1, ActorClass::Car, object.footprint.center, object.z, &mut random)
        })
        .collect()
}
