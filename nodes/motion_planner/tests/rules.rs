//! What the planner does on a straight street, one rule a test.
#![allow(missing_docs)]

#[allow(dead_code, reason = "each user of it uses a part")]
mod street;

use msgs::autoware_perception_msgs::msg::TrafficLightElement;
use node::Level;
use street::{Street, User, crosswalk, signal};

#[test]
fn drives_at_the_limit_and_stands_at_the_goal() {
    let mut street = Street::new("broken", "", "", 5.0);
    street.run(15.0);
    assert!((street.speed - 13.9).abs() < 0.5, "{} m/s", street.speed);
    street.run(40.0);
    assert!(street.speed < 0.05 && (street.pose.position.x - 350.0).abs() < 2.0, "{:?}", street.pose);
    assert!(street.hardest_braking_mps2 < 2.5, "{} m/s²", street.hardest_braking_mps2);
    assert!((street.furthest_left_m + 0.825).abs() < 0.05, "off the middle of the lane: {}", street.furthest_left_m);
}

#[test]
fn stops_before_the_line_at_red_and_goes_at_green() {
    let mut street = Street::new("broken", &signal("1000001", "yes"), "", 12.0);
    street.light = Some(TrafficLightElement::RED);
    street.run(30.0);
    assert!(street.speed < 0.05 && (146.0..150.0).contains(&street.front()), "front at {}", street.front());
    assert!(street.says("light") && street.hardest_braking_mps2 < 2.5, "{:?}", street.status);
    street.light = Some(TrafficLightElement::GREEN);
    street.run(6.0);
    assert!(street.front() > 155.0);
}

/// A light 7 m aside: from the line itself the camera looks past it.
fn aside() -> String {
    signal("1000001", "yes").replace("t=\"-4\"", "t=\"-7\"")
}

#[test]
fn waits_where_its_camera_sees_the_light_and_goes_at_green() {
    let mut street = Street::new("broken", &aside(), "", 12.0);
    street.light = Some(TrafficLightElement::RED);
    street.run(30.0);
    assert!(street.speed < 0.05 && (141.5..145.0).contains(&street.front()), "front at {}", street.front());
    street.light = Some(TrafficLightElement::GREEN);
    street.run(8.0);
    assert!(street.front() > 155.0);
}

#[test]
fn drives_over_the_line_of_a_green_light_that_has_just_left_its_cameras_view() {
    let mut street = Street::new("broken", &aside(), "", 12.0);
    street.light = Some(TrafficLightElement::RED);
    street.run(30.0);
    for _ in 0..80 {
        let seen = street.front() < 144.5;
        street.light = Some(if seen { TrafficLightElement::GREEN } else { TrafficLightElement::UNKNOWN });
        street.step();
    }
    assert!(street.front() > 155.0, "front at {}, {:?}", street.front(), street.status);
}

#[test]
fn where_it_sees_no_light_it_goes_when_who_stands_beside_it_sets_off() {
    let mut street = Street::with_goal_in_the_right_lane(&aside(), 0.0);
    street.pose.position.x = 147.0 - street.vehicle.front_m();
    street.light = Some(TrafficLightElement::UNKNOWN);
    street.users = vec![User::car(146.0, -5.25, 0.0)];
    street.run(30.0);
    assert!(street.speed < 0.05 && street.front() < 150.0, "front at {}", street.front());
    street.users[0].speed = 4.0;
    street.run(8.0);
    assert!(street.front() > 155.0, "front at {}, {:?}", street.front(), street.status);
}

#[test]
fn waits_in_view_of_the_light_while_who_is_ahead_leaves_no_room_before_or_behind_its_line() {
    let mut street = Street::new("broken", &aside(), "", 10.0);
    // Its tail stands at 150.5 m.
    street.users = vec![User::car(152.75, -1.75, 0.0)];
    street.run(20.0);
    assert!(street.speed < 0.05 && (141.5..144.0).contains(&street.front()), "front at {}", street.front());
    street.users[0].speed = 6.0;
    street.run(10.0);
    assert!(street.front() > 155.0, "front at {}, {:?}", street.front(), street.status);
}

#[test]
fn says_when_the_route_comes_that_a_light_on_it_cannot_be_seen() {
    let warned = |signal: &str| {
        let street = Street::new("broken", signal, "", 12.0);
        street.status.is_some_and(|status| status.message.contains("cannot see the traffic lights"))
    };
    let far_aside = signal("1000001", "yes").replace("t=\"-4\"", "t=\"-30\"");
    assert!(warned(&far_aside));
    assert!(!warned(&signal("1000001", "yes")));
}

#[test]
fn creeps_over_no_red_line_when_it_stands_right_before_it() {
    let mut street = Street::new("broken", &signal("1000001", "yes"), "", 0.3);
    street.pose.position.x = 149.6 - street.vehicle.front_m();
    street.light = Some(TrafficLightElement::RED);
    street.run(20.0);
    assert!(street.front() < 150.0, "front at {}", street.front());
}

#[test]
fn passes_an_amber_light_that_it_can_stop_for_only_hard() {
    let mut street = Street::new("broken", &signal("1000001", "yes"), "", 13.0);
    street.pose.position.x = 135.0 - street.vehicle.front_m();
    street.light = Some(TrafficLightElement::AMBER);
    street.run(2.0);
    assert!(street.front() > 152.0 && street.hardest_braking_mps2 < 2.0, "front at {}", street.front());
}

#[test]
fn stops_at_amber_where_it_can() {
    let mut street = Street::new("broken", &signal("1000001", "yes"), "", 10.0);
    street.pose.position.x = 120.0 - street.vehicle.front_m();
    street.light = Some(TrafficLightElement::AMBER);
    street.run(15.0);
    assert!(street.speed < 0.05 && street.front() < 150.0);
}

#[test]
fn takes_lights_that_it_is_told_nothing_of_for_red() {
    let mut street = Street::new("broken", &signal("1000001", "yes"), "", 10.0);
    street.light = None;
    street.run(30.0);
    assert!(street.speed < 0.05 && street.front() < 150.0);
    assert!(street.says("no traffic signal states"), "{:?}", street.status);
}

#[test]
fn stops_at_a_stop_sign_and_goes_on() {
    let mut street = Street::new("broken", &signal("206", "no"), "", 10.0);
    let mut least = f64::INFINITY;
    for _ in 0..400 {
        street.step();
        if (147.0..150.0).contains(&street.front()) {
            least = least.min(street.speed);
        }
    }
    assert!(least < 0.1 && street.front() > 160.0, "slowest {least} m/s, front at {}", street.front());
}

#[test]
fn waits_for_someone_on_the_crosswalk_and_goes_when_they_are_over() {
    let mut street = Street::new("broken", "", &crosswalk(), 10.0);
    street.pose.position.x = 100.0;
    street.users = vec![User::pedestrian(150.0, -5.0, 1.0)];
    street.run(5.5);
    assert!(street.front() < 148.5, "front at {}, {} m/s", street.front(), street.speed);
    street.run(14.5);
    assert!(street.front() > 152.0 && street.least_gap_m > 1.0, "front at {}", street.front());
}

#[test]
fn drives_past_who_stands_on_the_pavement_beside_a_crosswalk() {
    let mut street = Street::new("broken", "", &crosswalk(), 8.0);
    street.pose.position.x = 100.0;
    street.users = vec![User::pedestrian(150.0, -7.0, 0.0)];
    street.run(12.0);
    assert!(street.front() > 155.0, "front at {}", street.front());
}

#[test]
fn brakes_for_a_pedestrian_who_steps_out() {
    let mut street = Street::new("broken", "", "", 9.0);
    street.users = vec![User::pedestrian(60.0, -6.0, 1.5)];
    street.run(10.0);
    assert!(street.least_gap_m > 0.5, "{} m", street.least_gap_m);
}

#[test]
fn follows_a_slow_car_with_its_headway() {
    let mut street = Street::new("solid", "", "", 12.0);
    street.users = vec![User::car(60.0, -1.75, 6.0)];
    street.run(20.0);
    let gap = street.users[0].pose.position.x - 2.25 - street.front();
    assert!((street.speed - 6.0).abs() < 0.5 && (7.0..20.0).contains(&gap), "{} m/s, {gap} m", street.speed);
    assert!(street.least_gap_m > 5.0 && street.hardest_braking_mps2 < 4.0);
}

#[test]
fn passes_a_parked_car_that_reaches_into_the_lane_with_room_to_spare() {
    let mut street = Street::new("broken", "", "", 10.0);
    street.users = vec![User::car(120.0, -3.6, 0.0)];
    street.run(25.0);
    assert!(street.front() > 200.0, "front at {}", street.front());
    assert!(street.least_gap_m > 0.3, "{} m", street.least_gap_m);
}

#[test]
fn waits_behind_what_blocks_the_lane_until_nobody_comes_then_passes() {
    let mut street = Street::new("broken", "", "", 8.0);
    street.pose.position.x = 60.0;
    street.users = vec![User::car(120.0, -2.2, 0.0), User::car(195.0, 1.75, -7.0), User::car(220.0, 1.75, -7.0)];
    street.run(8.0);
    assert!(street.front() < 118.0 && street.furthest_left_m < 0.3, "front at {}", street.front());
    street.run(40.0);
    assert!(street.front() > 130.0, "front at {}, {:?}", street.front(), street.planner.verdicts());
    assert!(street.least_gap_m > 0.3, "{} m", street.least_gap_m);
}

#[test]
fn crosses_a_solid_line_only_when_it_has_waited_long_behind_what_blocks_the_lane() {
    let mut street = Street::new("solid", "", "", 8.0);
    street.users = vec![User::car(120.0, -2.2, 0.0)];
    street.run(30.0);
    assert!(street.speed < 0.05 && street.front() < 117.8 && street.furthest_left_m < 0.2);
    street.run(40.0);
    assert!(street.front() > 130.0 && street.least_gap_m > 0.3, "front at {}", street.front());
}

#[test]
fn passes_a_cyclist_when_the_other_lane_is_free() {
    let mut street = Street::new("broken", "", "", 9.0);
    street.users = vec![User::cyclist(60.0, -2.9, 4.0)];
    street.run(22.0);
    let behind = street.pose.position.x - street.users[0].pose.position.x;
    assert!(behind > 3.0, "{behind} m ahead of the cyclist: {}", street.planner.verdicts());
    assert!(street.least_gap_m > 0.5, "{} m", street.least_gap_m);
}

#[test]
fn changes_lanes_before_a_goal_in_the_lane_beside() {
    let mut street = Street::with_goal_in_the_right_lane("", 10.0);
    street.run(40.0);
    let at = street.pose.position;
    assert!(street.speed < 0.05 && (at.y + 5.25).abs() < 0.3 && (at.x - 200.0).abs() < 2.0, "{at:?}");
    assert!(street.hardest_braking_mps2 < 3.0);
}

#[test]
fn lets_a_faster_car_pass_before_it_changes_into_its_lane() {
    let mut street = Street::with_goal_in_the_right_lane("", 8.0);
    street.pose.position.x = 60.0;
    street.users = vec![User::car(48.0, -5.25, 11.0), User::car(25.0, -5.25, 11.0)];
    while street.pose.position.y > -5.0 && street.time_s < 60.0 {
        street.step();
    }
    assert!(street.least_gap_m > 1.0 && street.pose.position.x < 210.0, "{} m", street.least_gap_m);
}

#[test]
fn keeps_its_speed_and_line_when_a_car_comes_towards_it_on_its_own_side() {
    let mut street = Street::new("broken", "", "", 13.0);
    // Its heading is measured a few degrees off: straight on it would cross the car's lane.
    let mut other = User::car(160.0, 1.75, -12.0);
    other.pose.yaw += 0.06;
    street.users = vec![other];
    for _ in 0..60 {
        street.users[0].pose.position.y = 1.75;
        street.step();
    }
    assert!(street.hardest_braking_mps2 < 1.5, "{} m/s²", street.hardest_braking_mps2);
}

#[test]
fn stops_in_its_lane_when_objects_stay_away() {
    let mut street = Street::new("broken", "", "", 12.0);
    street.run(2.0);
    for _ in 0..100 {
        street.cycle(street.odometry(), None);
        street.drive();
    }
    assert!(street.speed < 0.05 && street.level() == Some(Level::Error) && street.says("no predicted objects"));
    assert!((street.pose.position.y + 1.75).abs() < 0.1);
}

#[test]
fn refuses_odometry_that_is_not_finite_and_objects_in_another_frame() {
    let mut street = Street::new("broken", "", "", 8.0);
    let mut odometry = street.odometry();
    odometry.pose.pose.position.x = f64::NAN;
    assert!(!street.cycle(odometry, Some(street.objects())));
    assert!(street.says("no odometry") || street.says("finite pose"), "{:?}", street.status);
    let mut objects = street.objects();
    objects.header.frame_id = "base_link".into();
    assert!(!street.cycle(street.odometry(), Some(objects)));
    assert!(street.level() == Some(Level::Error) && street.says("expected frame map"), "{:?}", street.status);
}

#[test]
fn says_which_objects_it_refuses_and_minds_the_others() {
    let mut street = Street::new("broken", "", "", 8.0);
    street.users = vec![User::car(60.0, -1.75, 0.0), User::car(90.0, -1.75, 0.0)];
    let mut objects = street.objects();
    objects.objects[1].kinematics.initial_twist_with_covariance.twist.linear.x = f64::NAN;
    assert!(street.cycle(street.odometry(), Some(objects)));
    assert!(street.says("objects refused"), "{:?}", street.status);
    let last = street.trajectory.as_ref().unwrap().points.last().unwrap().longitudinal_velocity_mps;
    assert!(last < 1.0, "{last} m/s");
}

#[test]
fn same_inputs_give_the_same_trajectories() {
    let drive = || {
        let mut street = Street::new("broken", "", &crosswalk(), 9.0);
        street.users = vec![User::cyclist(70.0, -2.9, 4.0), User::pedestrian(150.0, -5.0, 1.0)];
        street.run(8.0);
        format!("{:?}", street.trajectory)
    };
    assert_eq!(drive(), drive());
}
