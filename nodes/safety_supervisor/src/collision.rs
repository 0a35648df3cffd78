//! Collision course: the car at its present speed along its planned path, against what tracked road users may do.
//!
//! A road user counts only where every likely motion of it ends in a contact with the car's front: going on straight,
//! going on in its turn, and braking. So neither a noisy turn rate nor somebody who will give way stops the car; what
//! remains is what the car itself must brake for. Contacts beside and behind are the other's to avoid.

use geometry::{BaseLink, Map, OrientedBox, Point2, Polyline, Pose2, normalize_angle};
use vehicle::{Vehicle, VehicleState};

/// A road user as tracked.
#[derive(Debug, Clone, Copy)]
pub struct Obstacle {
    /// First bytes of its id.
    pub id: u32,
    /// Centre of its box.
    pub pose: Pose2<Map>,
    /// Speed along its heading, m/s; negative backwards.
    pub speed_mps: f64,
    /// Turn rate, rad/s.
    pub yaw_rate_radps: f64,
    /// Length and width of its box, m.
    pub size_m: (f64, f64),
    /// How hard it brakes if it gives way, m/s².
    pub braking_mps2: f64,
}

/// How far ahead and how strictly to look.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    /// Contacts later than this do not count, s.
    pub horizon_s: f64,
    /// Added to each side of the car, m; negative leaves grazing contacts to the planner.
    pub margin_m: f64,
    /// From a command to its braking, s.
    pub reaction_s: f64,
    /// Age of the obstacles, s: they moved on since.
    pub age_s: f64,
}

/// A contact that comes if the car does not brake.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Threat {
    /// Index of the obstacle.
    pub index: usize,
    /// Until contact, s.
    pub time_s: f64,
    /// Deceleration that avoids it, m/s²; infinite where it is too late.
    pub needed_mps2: f64,
}

const STEP_S: f64 = 0.05;
/// Below this speed the car harms nobody by going on to its planned stop, m/s.
const SLOW_MPS: f64 = 0.7;
/// The front part of the car whose contacts count, m.
const FRONT_M: f64 = 1.0;
/// A plan further than this from the car is not what it drives, m.
const ON_PATH_M: f64 = 1.5;
/// Obstacles may take a moment before they brake, s.
const OBSTACLE_REACTION_S: f64 = 0.3;

/// What an obstacle may do.
#[derive(Clone, Copy, PartialEq)]
enum Manner {
    Straight,
    Turning,
    Braking,
}

/// The obstacle that needs the strongest braking, with the car on `path` (of `base_link`) or, where it is not on it, on
/// the arc of its steering.
pub fn worst_threat(
    vehicle: &Vehicle,
    ego: &VehicleState,
    path: Option<&Polyline<Map>>,
    obstacles: &[Obstacle],
    look: &Look,
) -> Option<Threat> {
    if !(ego.speed_mps > SLOW_MPS) {
        return None;
    }
    let steps = (look.horizon_s / STEP_S).round() as usize;
    let fronts: Vec<OrientedBox<Map>> = (0..=steps)
        .map(|k| {
            let pose = pose_ahead(vehicle, ego, path, ego.speed_mps * k as f64 * STEP_S);
            let middle = pose.transform(Point2::<BaseLink>::new(vehicle.front_m() - FRONT_M / 2.0, 0.0));
            OrientedBox::new(Pose2 { position: middle, yaw: pose.yaw }, FRONT_M, vehicle.width_m + 2.0 * look.margin_m)
        })
        .collect();
    let threats = obstacles.iter().enumerate().filter_map(|(index, obstacle)| {
        let reach = (ego.speed_mps + obstacle.speed_mps.abs()) * look.horizon_s + obstacle.size_m.0 + 8.0;
        if !(obstacle.pose.position.distance(ego.pose.position) < reach) {
            return None;
        }
        threat(ego.speed_mps, &fronts, obstacle, look).map(|(time_s, needed_mps2)| Threat {
            index,
            time_s,
            needed_mps2,
        })
    });
    threats.max_by(|a, b| a.needed_mps2.total_cmp(&b.needed_mps2).then(b.index.cmp(&a.index)))
}

/// Time of contact and the least deceleration that one of the obstacle's manners asks for; `None` where one of them
/// keeps it clear of the car.
fn threat(speed: f64, fronts: &[OrientedBox<Map>], obstacle: &Obstacle, look: &Look) -> Option<(f64, f64)> {
    let mut least = (0.0, f64::INFINITY);
    for manner in [Manner::Straight, Manner::Turning, Manner::Braking] {
        let (time, body, velocity, front) = fronts.iter().enumerate().find_map(|(k, front)| {
            let time = k as f64 * STEP_S;
            let (body, velocity) = predict(obstacle, manner, look.age_s + time);
            front.overlaps(&body).then_some((time, body, velocity, front))
        })?;
        let ahead = (body.center.position - front.center.position).dot(front.center.forward());
        // Bigger than the car's front and beside it: it was never ahead.
        if ahead < 0.0 && time == 0.0 {
            return None;
        }
        let closing = speed - velocity.dot(front.center.forward()).max(0.0);
        let left = time - look.reaction_s;
        let needed = if closing <= 0.0 {
            0.0
        } else if left > 0.0 {
            closing / (2.0 * left)
        } else {
            f64::INFINITY
        };
        if manner == Manner::Straight || needed < least.1 {
            least = (time, needed);
        }
    }
    Some(least)
}

/// The car's pose after a distance, m.
fn pose_ahead(vehicle: &Vehicle, ego: &VehicleState, path: Option<&Polyline<Map>>, distance: f64) -> Pose2<Map> {
    let foot = path.map(|path| (path, path.project(ego.pose.position)));
    if let Some((path, foot)) = foot.filter(|(_, foot)| foot.d.abs() < ON_PATH_M) {
        let at = path.pose_at(foot.s + distance);
        // Straight on beyond the path's end.
        let beyond = (foot.s + distance - path.length()).max(0.0);
        let position = at.position + at.forward() * beyond + at.forward().perpendicular() * foot.d;
        return Pose2 { position, yaw: at.yaw };
    }
    let turn = vehicle.curvature(ego.steering_rad) * distance;
    let way = Pose2::<Map> { position: ego.pose.position, yaw: ego.pose.yaw + turn / 2.0 };
    Pose2 { position: ego.pose.position + way.forward() * distance, yaw: normalize_angle(ego.pose.yaw + turn) }
}

/// The box of an obstacle after a time, and its velocity then.
fn predict(obstacle: &Obstacle, manner: Manner, time: f64) -> (OrientedBox<Map>, geometry::Vector2<Map>) {
    let speed = obstacle.speed_mps;
    let (distance, later) = match manner {
        Manner::Straight | Manner::Turning => (speed * time, speed),
        Manner::Braking => {
            let rolling = time.min(OBSTACLE_REACTION_S);
            let braking = (time - rolling).min(speed.abs() / obstacle.braking_mps2);
            let later = (speed.abs() - obstacle.braking_mps2 * braking) * speed.signum();
            (speed * rolling + (speed + later) / 2.0 * braking, later)
        }
    };
    let turn = if manner == Manner::Turning { obstacle.yaw_rate_radps * time } else { 0.0 };
    let way = Pose2::<Map> { position: obstacle.pose.position, yaw: obstacle.pose.yaw + turn / 2.0 };
    let position = obstacle.pose.position + way.forward() * distance;
    let pose = Pose2 { position, yaw: normalize_angle(obstacle.pose.yaw + turn) };
    (OrientedBox::new(pose, obstacle.size_m.0, obstacle.size_m.1), pose.forward() * later)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::{FRAC_PI_2, PI};

    const LOOK: Look = Look { horizon_s: 2.0, margin_m: -0.1, reaction_s: 0.25, age_s: 0.0 };

    fn car(x: f64, y: f64, yaw: f64, speed_mps: f64) -> Obstacle {
        Obstacle {
            id: 1,
            pose: Pose2::new(x, y, yaw),
            speed_mps,
            yaw_rate_radps: 0.0,
            size_m: (4.5, 1.8),
            braking_mps2: 3.0,
        }
    }

    fn person(x: f64, y: f64, yaw: f64, speed_mps: f64) -> Obstacle {
        Obstacle { size_m: (0.6, 0.6), braking_mps2: 2.0, ..car(x, y, yaw, speed_mps) }
    }

    /// Deceleration needed at 10 m/s eastwards from the origin.
    fn needed(path: Option<&Polyline<Map>>, obstacle: Obstacle) -> f64 {
        let pose = Pose2::new(0.0, 0.0, 0.0);
        let ego = VehicleState { pose, speed_mps: 10.0, acceleration_mps2: 0.0, steering_rad: 0.0 };
        worst_threat(&Vehicle::default(), &ego, path, &[obstacle], &LOOK).map_or(0.0, |t| t.needed_mps2)
    }

    /// A left turn of 15 m radius that begins at the origin.
    fn left_turn() -> Polyline<Map> {
        let points = (0..40).map(|i| {
            let angle = f64::from(i) * 0.05;
            Point2::new(15.0 * angle.sin(), 15.0 * (1.0 - angle.cos()))
        });
        Polyline::new(points).unwrap()
    }

    #[test]
    fn standing_car_ahead_needs_more_the_nearer_it_is() {
        let (far, near) = (needed(None, car(21.0, 0.3, 0.0, 0.0)), needed(None, car(14.0, 0.3, 0.0, 0.0)));
        assert!((2.5..5.0).contains(&far), "{far}");
        assert!(near > 6.0, "{near}");
    }

    #[test]
    fn slower_car_ahead_needs_only_the_difference() {
        let following = needed(None, car(14.0, 0.0, 0.0, 8.0));
        assert!(following < 2.0, "{following}");
    }

    #[test]
    fn oncoming_car_in_the_next_lane_is_no_threat_whatever_its_turn_rate() {
        for yaw_rate_radps in [-0.3, 0.0, 0.3] {
            assert_eq!(needed(None, Obstacle { yaw_rate_radps, ..car(22.0, 3.3, PI, 10.0) }), 0.0);
        }
    }

    #[test]
    fn oncoming_car_in_a_bend_is_no_threat_where_its_turn_keeps_it_in_its_lane() {
        // Straight on it would cross into the car's lane.
        let bend = Obstacle { yaw_rate_radps: -0.7, ..car(19.0, 3.4, PI + 0.4, 8.0) };
        assert_eq!(needed(None, bend), 0.0);
        assert!(needed(None, Obstacle { yaw_rate_radps: 0.0, ..bend }) > 5.0);
    }

    #[test]
    fn car_standing_straight_ahead_is_no_threat_where_the_plan_turns_off() {
        let obstacle = car(19.0, -0.5, 0.0, 0.0);
        assert!(needed(None, obstacle) > 2.5);
        assert_eq!(needed(Some(&left_turn()), obstacle), 0.0);
    }

    #[test]
    fn crossing_car_that_can_still_stop_is_left_to_give_way() {
        assert_eq!(needed(None, car(14.0, 12.0, -FRAC_PI_2, 8.0)), 0.0);
        // Too late to stop: it will be in the way.
        assert!(needed(None, car(12.0, 5.0, -FRAC_PI_2, 8.0)) > 5.0);
    }

    #[test]
    fn person_walking_along_or_towards_the_kerb_is_no_threat_and_one_on_the_lane_is() {
        assert_eq!(needed(None, person(10.0, 2.5, 0.0, 1.4)), 0.0);
        assert_eq!(needed(None, person(10.0, 2.6, -FRAC_PI_2, 1.4)), 0.0);
        assert!(needed(None, person(10.0, 1.0, -FRAC_PI_2, 1.4)) > 5.0);
    }

    #[test]
    fn what_is_beside_the_car_is_no_threat() {
        assert_eq!(needed(None, car(1.0, 1.7, 0.0, 10.0)), 0.0);
        assert_eq!(needed(None, car(-1.0, 0.9, 0.0, 12.0)), 0.0);
    }
}
