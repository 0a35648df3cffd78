//! What the car does, and the road under it.

use geometry::{Map, Point2};
use msgs::autoware_planning_msgs::msg::{LaneletRoute, Trajectory};
use msgs::geometry_msgs::msg::Point;
use msgs::std_msgs::msg::Header;
use msgs::visualization_msgs::msg::{Marker, MarkerArray};
use road_map::{Boundary, LaneGraph, LaneId, LaneKind};

use crate::shape::{Color, arrow, color, lasting, lines, marker, text};

/// Speed that is painted wholly green, m/s.
const FAST_MPS: f32 = 14.0;
/// Lines lie so much above the road, m, so that its surface does not hide them.
const ABOVE_M: f64 = 0.05;

/// A trajectory as a line from red (standing) to green (14 m/s and more), and what the planner says of it above its start.
pub fn trajectory(message: &Trajectory, said: &str) -> MarkerArray {
    let points: Vec<Point> = message.points.iter().map(|point| point.pose.position.clone()).collect();
    let start = points.first().cloned();
    let mut line = marker(&message.header, "trajectory", 0, Marker::LINE_STRIP, [1.0; 4]);
    line.colors = message
        .points
        .iter()
        .map(|point| {
            let share = (point.longitudinal_velocity_mps / FAST_MPS).clamp(0.0, 1.0);
            color([1.0 - share, share, 0.1, 0.9])
        })
        .collect();
    let words = start.filter(|_| !said.is_empty()).and_then(|at| {
        let words = marker(&message.header, "reason", 0, Marker::TEXT_VIEW_FACING, [1.0; 4]);
        text(words, Point { z: at.z + 2.5, ..at }, 0.7, said.into())
    });
    MarkerArray { markers: lines(line, 0.3, points).into_iter().chain(words).collect() }
}

/// The map's lane edges, stop lines and crosswalks, and over them the lanes of a route and its goal.
///
/// Everything before is deleted first: a route of fewer lanes leaves none of the old ones behind.
pub fn road(map: &LaneGraph, route: Option<&LaneletRoute>) -> MarkerArray {
    let header = Header { frame_id: "map".into(), ..Header::default() };
    let mut first = marker(&header, "", 0, Marker::CUBE, [0.0; 4]);
    first.action = Marker::DELETEALL;
    let mut markers = vec![lasting(first)];
    let driving = || map.lanes().filter(|lane| lane.kind == LaneKind::Driving);
    for (id, (namespace, boundary, shade)) in
        [("solid", Boundary::Solid, [0.8, 0.8, 0.8, 0.8]), ("crossable", Boundary::Crossable, [0.8, 0.8, 0.8, 0.3])]
            .into_iter()
            .enumerate()
    {
        let edges = driving().flat_map(|lane| {
            let left = (lane.left_boundary == boundary).then_some(&lane.left);
            let right = (lane.right_boundary == boundary).then_some(&lane.right);
            left.into_iter().chain(right).flat_map(move |edge| pairs(edge, &lane.elevation))
        });
        markers.extend(line_list(&header, namespace, id, shade, 0.1, edges.collect()));
    }
    let stops = driving().flat_map(|lane| {
        let across = |s| [lane.left_at(s), lane.right_at(s)].map(|edge| point(edge, lane.elevation_at(s)));
        lane.stop_lines.iter().flat_map(move |line| across(line.s))
    });
    markers.extend(line_list(&header, "stop_lines", 0, [1.0, 0.3, 0.2, 0.9], 0.3, stops.collect()));
    let crosswalks = map.crosswalks.iter().flat_map(|crosswalk| {
        let closed = crosswalk.outline.iter().chain(crosswalk.outline.first());
        let corners: Vec<Point> = closed.map(|corner| point(*corner, map.elevation_at(*corner))).collect();
        corners.windows(2).flat_map(<[Point]>::to_vec).collect::<Vec<_>>()
    });
    markers.extend(line_list(&header, "crosswalks", 0, [1.0, 1.0, 0.3, 0.8], 0.15, crosswalks.collect()));
    if let Some(route) = route {
        let lanes = route.segments.iter().filter_map(|segment| map.lane(LaneId(segment.preferred_primitive.id)));
        let middle = lanes.flat_map(|lane| pairs(lane.center.points(), &lane.elevation));
        markers.extend(line_list(&header, "route", 0, [0.1, 0.8, 0.4, 0.5], 1.0, middle.collect()));
        let goal = marker(&header, "goal", 0, Marker::ARROW, [0.1, 0.8, 0.4, 1.0]);
        markers.extend(arrow(goal, &route.goal_pose, 4.0).map(lasting));
    }
    MarkerArray { markers }
}

fn point(at: Point2<Map>, z: f64) -> Point {
    Point { x: at.x, y: at.y, z: z + ABOVE_M }
}

/// Each piece of a line as its two ends.
fn pairs<'a>(line: &'a [Point2<Map>], elevation: &'a [f64]) -> impl Iterator<Item = Point> + 'a {
    let raised = move |at: usize| point(line[at], elevation.get(at).copied().unwrap_or_default());
    (1..line.len()).flat_map(move |end| [raised(end - 1), raised(end)])
}

fn line_list(
    header: &Header,
    namespace: &str,
    id: usize,
    shade: Color,
    width: f64,
    points: Vec<Point>,
) -> Option<Marker> {
    lines(lasting(marker(header, namespace, id, Marker::LINE_LIST, shade)), width, points)
}
