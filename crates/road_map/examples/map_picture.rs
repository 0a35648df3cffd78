//! Draws a map seen from above: `cargo run --release -p road_map --example map_picture -- MAP.xodr OUT.svg [X Y RADIUS]`.
//!
//! Asphalt is grey, pavements are sand, centre lines carry arrows. Stop lines: red at a light, orange at a stop sign,
//! yellow at a yield sign, blue at a crosswalk. With a place given, stretches that conflict are drawn too: green where
//! the lane goes first, red where it gives way, purple where neither does.

use std::fmt::Write;
use std::path::Path;

use geometry::{Map, Point2};
use road_map::{Boundary, Lane, LaneGraph, LaneKind, Priority, SignalKind, StopReason};

/// Pixels along the longer side.
const PIXELS: f64 = 1600.0;

struct View {
    west: f64,
    north: f64,
    size: f64,
}

impl View {
    fn at(&self, p: Point2<Map>) -> (f64, f64) {
        let scale = PIXELS / self.size;
        ((p.x - self.west) * scale, (self.north - p.y) * scale)
    }

    fn metres(&self, length: f64) -> f64 {
        length * PIXELS / self.size
    }

    fn points(&self, points: impl IntoIterator<Item = Point2<Map>>) -> String {
        points.into_iter().map(|p| self.at(p)).map(|(x, y)| format!("{x:.1},{y:.1} ")).collect()
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [map, out, place @ ..] = arguments.as_slice() else {
        return Err("expected MAP.xodr OUT.svg [X Y RADIUS]".into());
    };
    let graph = LaneGraph::from_opendrive_file(Path::new(map))?;
    let numbers: Vec<f64> = place.iter().map(|n| n.parse()).collect::<Result<_, _>>()?;
    let view = match numbers.as_slice() {
        [x, y, radius] => View { west: x - radius, north: y + radius, size: 2.0 * radius },
        _ => whole(&graph),
    };
    std::fs::write(out, draw(&graph, &view, numbers.len() == 3)?)?;
    Ok(())
}

fn whole(graph: &LaneGraph) -> View {
    let (mut low, mut high) = ((f64::MAX, f64::MAX), (f64::MIN, f64::MIN));
    for p in graph.lanes().flat_map(|l| l.center.points()) {
        low = (low.0.min(p.x), low.1.min(p.y));
        high = (high.0.max(p.x), high.1.max(p.y));
    }
    View { west: low.0 - 20.0, north: high.1 + 20.0, size: (high.0 - low.0).max(high.1 - low.1) + 40.0 }
}

fn draw(graph: &LaneGraph, view: &View, near: bool) -> Result<String, std::fmt::Error> {
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{PIXELS}\" height=\"{PIXELS}\"><rect width=\"100%\" height=\"100%\" fill=\"#dfe8d8\"/>\n"
    );
    for kind in [LaneKind::Shoulder, LaneKind::Sidewalk, LaneKind::Parking, LaneKind::Biking, LaneKind::Driving] {
        for lane in graph.lanes().filter(|l| l.kind == kind) {
            let fill = match (kind, lane.junction.is_some()) {
                (LaneKind::Driving, false) => "#8a8a8a",
                (LaneKind::Driving, true) => "#a3a3a3",
                (LaneKind::Biking, _) => "#b08080",
                (LaneKind::Sidewalk, _) => "#e8cf9c",
                _ => "#c8c8b0",
            };
            let outline = lane.left.iter().chain(lane.right.iter().rev()).copied();
            writeln!(svg, "<polygon points=\"{}\" fill=\"{fill}\" fill-opacity=\"0.8\"/>", view.points(outline))?;
        }
    }
    for lane in graph.lanes().filter(|l| l.kind == LaneKind::Driving) {
        draw_lane(&mut svg, lane, view, near)?;
    }
    draw_beside(&mut svg, graph, view)?;
    svg.push_str("</svg>\n");
    Ok(svg)
}

fn draw_lane(svg: &mut String, lane: &Lane, view: &View, near: bool) -> std::fmt::Result {
    let mut line = |points: String, color: &str, width: f64, dash: &str| {
        writeln!(
            svg,
            "<polyline points=\"{points}\" fill=\"none\" stroke=\"{color}\" stroke-width=\"{width:.2}\" stroke-dasharray=\"{dash}\"/>"
        )
    };
    if lane.junction.is_none() {
        for (side, boundary) in [(&lane.left, lane.left_boundary), (&lane.right, lane.right_boundary)] {
            let dash = if boundary == Boundary::Solid { "" } else { "6 6" };
            line(view.points(side.iter().copied()), "#ffffff", view.metres(0.15).max(0.4), dash)?;
        }
    }
    line(view.points(lane.center.points().iter().copied()), "#303030", view.metres(0.1).max(0.3), "")?;
    for share in [0.35, 0.65] {
        let pose = lane.pose_at(lane.length() * share);
        let side = pose.forward().perpendicular();
        let tail = |sign: f64| pose.position + pose.forward() * -1.2 + side * (0.6 * sign);
        line(view.points([tail(1.0), pose.position, tail(-1.0)]), "#303030", view.metres(0.2).max(0.3), "")?;
    }
    if near {
        for conflict in &lane.conflicts {
            let color = match conflict.priority {
                Priority::Mine => "#008800",
                Priority::Other => "#dd0000",
                Priority::Equal => "#9900cc",
            };
            let steps = ((conflict.to_s - conflict.from_s) / 0.5).ceil().max(1.0) as usize;
            let at = |i: usize| {
                let s = conflict.from_s + (conflict.to_s - conflict.from_s) * i as f64 / steps as f64;
                let pose = lane.pose_at(s);
                // Side by side, so that several on one stretch are all seen.
                pose.position + pose.forward().perpendicular() * ((conflict.other.0 % 7) as f64 * 0.2 - 0.6)
            };
            line(view.points((0..=steps).map(at)), color, view.metres(0.12), "")?;
        }
    }
    for stop in &lane.stop_lines {
        let color = match stop.reason {
            StopReason::Signal(_) => "#ff0000",
            StopReason::StopSign => "#ff8800",
            StopReason::Yield => "#ffee00",
            StopReason::Crosswalk(_) => "#2060ff",
        };
        line(view.points([lane.left_at(stop.s), lane.right_at(stop.s)]), color, view.metres(0.5).max(1.0), "")?;
    }
    Ok(())
}

fn draw_beside(svg: &mut String, graph: &LaneGraph, view: &View) -> std::fmt::Result {
    for crosswalk in &graph.crosswalks {
        let points = view.points(crosswalk.outline.iter().copied());
        writeln!(svg, "<polygon points=\"{points}\" fill=\"#ffffff\" fill-opacity=\"0.5\" stroke=\"#2060ff\"/>")?;
    }
    for object in &graph.objects {
        let color = match object.kind.as_str() {
            "building" => "#b0705a",
            "tree" => "#3a8a3a",
            _ => "#404040",
        };
        let points = view.points(object.footprint.corners());
        writeln!(svg, "<polygon points=\"{points}\" fill=\"{color}\" fill-opacity=\"0.7\"/>")?;
    }
    for signal in &graph.signals {
        let color = match signal.kind {
            SignalKind::Light(_) => "#ff0000",
            SignalKind::Stop => "#ff8800",
            SignalKind::Yield => "#ffee00",
            SignalKind::SpeedLimit(_) => "#ffffff",
            SignalKind::Other => "#000000",
        };
        let (x, y) = view.at(signal.position);
        let facing = signal.position + geometry::Vector2::from_polar(2.5, signal.facing);
        let (u, v) = view.at(facing);
        let r = view.metres(0.5).max(1.0);
        writeln!(
            svg,
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{r:.1}\" fill=\"{color}\" stroke=\"#000\" stroke-width=\"0.5\"/><line x1=\"{x:.1}\" y1=\"{y:.1}\" x2=\"{u:.1}\" y2=\"{v:.1}\" stroke=\"#000\"/>"
        )?;
    }
    Ok(())
}
