//! `route_planner`: goal and odometry in, the lanes to follow out.
//!
//! The route is made when a goal comes, and again when the ego has left it for a while. A goal off the road or out of
//! reach is refused with its reason in the status; the route in force stays.

mod message;
mod parameters;

pub use parameters::Parameters;

use std::sync::Arc;

use geometry::{Map, Pose2};
use msgs::autoware_planning_msgs::msg::LaneletRoute;
use msgs::geometry_msgs::msg::PoseStamped;
use msgs::nav_msgs::msg::Odometry;
use msgs::visualization_msgs::msg::MarkerArray;
use node::{Context, Definition, Event, Input, Node, NodeError, Output, Outputs, Ports, Qos, Status, Time};
use road_map::{LaneGraph, LanePosition, Route, RouteOptions};

/// The node: see the crate's documentation.
pub struct RoutePlanner {
    odometry: Input<Odometry>,
    goal_input: Input<PoseStamped>,
    route_output: Output<LaneletRoute>,
    markers: Output<MarkerArray>,
    /// Whether the map was shown.
    drawn: bool,
    parameters: Parameters,
    map: Arc<LaneGraph>,
    goal: Option<Pose2<Map>>,
    route: Option<Route>,
    off_since: Option<Time>,
    last_attempt: Option<Time>,
    told: String,
}

impl Definition for RoutePlanner {
    const NAME: &'static str = "route_planner";
    type Parameters = Parameters;

    fn new(parameters: Parameters, ports: &mut Ports, context: &Context) -> Result<Self, NodeError> {
        parameters.check()?;
        Ok(Self {
            odometry: ports.input("~/input/kinematic_state", Qos::reliable(1)),
            goal_input: ports.input("~/input/goal", Qos::transient_local()),
            route_output: ports.output("~/output/route", Qos::transient_local()),
            markers: ports.debug_output("~/debug/markers", Qos::transient_local()),
            drawn: false,
            map: context.require_map(Self::NAME)?,
            parameters,
            goal: None,
            route: None,
            off_since: None,
            last_attempt: None,
            told: String::new(),
        })
    }
}

impl Node for RoutePlanner {
    fn on_event(&mut self, event: &Event, outputs: &mut Outputs) {
        if !self.drawn {
            self.drawn = true;
            outputs.publish_if_heard(self.markers, || markers::road(&self.map, None));
        }
        if let Some(goal) = event.message(self.goal_input) {
            match message::read_pose("goal", &goal.header.frame_id, &goal.pose) {
                Ok(pose) => {
                    if self.goal != Some(pose) {
                        self.goal = Some(pose);
                        self.route = None;
                        self.last_attempt = None;
                    }
                }
                Err(reason) => self.tell(Status::error(reason), outputs),
            }
        } else if let Some(odometry) = event.message(self.odometry) {
            match message::read_pose("kinematic_state", &odometry.header.frame_id, &odometry.pose.pose) {
                Ok(pose) => self.follow(pose, odometry, event.now, outputs),
                Err(reason) => self.tell(Status::error(reason), outputs),
            }
        }
    }
}

impl RoutePlanner {
    fn tell(&mut self, status: Status, outputs: &mut Outputs) {
        if status.message != self.told {
            self.told.clone_from(&status.message);
            outputs.report(status);
        }
    }

    /// Makes a route where there is none or the ego has left it.
    fn follow(&mut self, ego: Pose2<Map>, odometry: &Odometry, now: Time, outputs: &mut Outputs) {
        let Some(goal) = self.goal else {
            self.tell(Status::warn("no goal yet: expected one on ~/input/goal"), outputs);
            return;
        };
        if let Some(route) = &self.route {
            if self.on_route(route, ego) {
                self.off_since = None;
                return;
            }
            let since = *self.off_since.get_or_insert(now);
            if now.since(since) < self.parameters.replan_delay_s {
                return;
            }
        }
        // A start that cannot be matched now may be a metre on; trying at each odometry message would be a waste.
        if self.last_attempt.is_some_and(|last| now.since(last) < 1.0) {
            return;
        }
        self.last_attempt = Some(now);
        match self.plan(ego, goal) {
            Ok(route) => {
                let summary = format!("route of {} lanes", route.segments.len());
                let status =
                    Status { message: summary, ..Status::ok() }.with("length_m", format!("{:.0}", route.length_m));
                let message = message::to_message(&route, ego, goal, &odometry.header.stamp);
                outputs.publish_if_heard(self.markers, || markers::road(&self.map, Some(&message)));
                outputs.publish(self.route_output, message);
                self.route = Some(route);
                self.off_since = None;
                self.tell(status, outputs);
            }
            Err(reason) => self.tell(Status::error(reason), outputs),
        }
    }

    /// Plans from a pose to a pose.
    fn plan(&self, ego: Pose2<Map>, goal: Pose2<Map>) -> Result<Route, String> {
        let goal_place = self.place("goal", goal)?;
        let start = self.place("ego", ego)?;
        let options = RouteOptions {
            lane_changes: true,
            lane_change_cost_m: self.parameters.lane_change_cost_m,
            lane_change_length_m: self.parameters.lane_change_length_m,
        };
        self.map.shortest_route((start.lane, start.s), (goal_place.lane, goal_place.s), options).ok_or_else(|| {
            let name = |place: &LanePosition| self.map.lane(place.lane).map_or("?", |lane| lane.source.as_str());
            format!(
                "the goal cannot be reached: no way over driving lanes from {} to {}; give a goal that is connected",
                name(&start),
                name(&goal_place)
            )
        })
    }

    fn place(&self, what: &str, pose: Pose2<Map>) -> Result<LanePosition, String> {
        let Parameters { max_lane_distance_m: distance, max_heading_rad: heading, .. } = self.parameters;
        self.map.match_pose(pose, distance, heading).ok_or_else(|| {
            format!(
                "{what} at ({:.1}, {:.1}) is off the road: expected a driving lane within {distance} m and {heading} rad",
                pose.position.x, pose.position.y
            )
        })
    }

    fn on_route(&self, route: &Route, ego: Pose2<Map>) -> bool {
        route.segments.iter().flat_map(|s| std::iter::once(&s.lane).chain(&s.alternatives)).any(|id| {
            self.map
                .lane(*id)
                .is_some_and(|lane| lane.position_of(ego.position).distance <= self.parameters.replan_distance_m)
        })
    }
}
