//! A map from above as SVG.

use std::fmt::Write;

use geometry::{Map, Point2};
use road_map::{Boundary, LaneGraph, LaneKind, SignalKind, StopReason};

/// The picture, north up, 1 unit is 1 m.
pub fn svg(graph: &LaneGraph) -> String {
    let edges = || graph.lanes().flat_map(|lane| lane.left.iter().chain(&lane.right));
    let bounds = edges().fold([f64::MAX, f64::MAX, f64::MIN, f64::MIN], |b, p| {
        [b[0].min(p.x), b[1].min(-p.y), b[2].max(p.x), b[3].max(-p.y)]
    });
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = write!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"{:.1} {:.1} {:.1} {:.1}\"><rect x=\"{0:.1}\" y=\"{1:.1}\" width=\"{2:.1}\" height=\"{3:.1}\" fill=\"#eef1ec\"/>",
        bounds[0] - 10.0,
        bounds[1] - 10.0,
        bounds[2] - bounds[0] + 20.0,
        bounds[3] - bounds[1] + 20.0
    );
    for lane in graph.lanes() {
        let color = match lane.kind {
            LaneKind::Driving if lane.junction.is_some() => "#b9bfcb",
            LaneKind::Driving => "#c9ccd2",
            LaneKind::Biking => "#cfd9c4",
            LaneKind::Sidewalk => "#dfd8cb",
            LaneKind::Parking | LaneKind::Shoulder => "#d8dccf",
        };
        let outline: Vec<Point2<Map>> = lane.left.iter().chain(lane.right.iter().rev()).copied().collect();
        let _ = write!(
            out,
            "<path d=\"{}Z\" fill=\"{color}\"><title>{}</title></path>",
            line(&outline),
            escaped(&lane.source)
        );
        for (side, boundary) in [(&lane.left, lane.left_boundary), (&lane.right, lane.right_boundary)] {
            let dash = if boundary == Boundary::Crossable { " stroke-dasharray=\"2 3\"" } else { "" };
            let _ =
                write!(out, "<path d=\"{}\" fill=\"none\" stroke=\"#fff\" stroke-width=\"0.15\"{dash}/>", line(side));
        }
        if lane.kind == LaneKind::Driving {
            let _ = write!(
                out,
                "<path d=\"{}\" fill=\"none\" stroke=\"#4468a8\" stroke-width=\"0.12\" stroke-opacity=\"0.6\"/>",
                line(lane.center.points())
            );
        }
    }
    for crosswalk in &graph.crosswalks {
        let _ = write!(out, "<path d=\"{}Z\" fill=\"#e6b45a\" fill-opacity=\"0.6\"/>", line(&crosswalk.outline));
    }
    for lane in graph.lanes() {
        for stop in &lane.stop_lines {
            let color = match stop.reason {
                StopReason::Signal(_) => "#c0392b",
                StopReason::StopSign | StopReason::Yield => "#d0622b",
                StopReason::Crosswalk(_) => continue,
            };
            let half = 0.5 * lane.width_at(stop.s);
            let ends = [lane.center.offset_at(stop.s, half), lane.center.offset_at(stop.s, -half)];
            let _ = write!(out, "<path d=\"{}\" stroke=\"{color}\" stroke-width=\"0.5\"/>", line(&ends));
        }
    }
    for signal in &graph.signals {
        let color = if matches!(signal.kind, SignalKind::Light(_)) { "#c0392b" } else { "#7d5ba6" };
        let _ = write!(
            out,
            "<circle cx=\"{:.2}\" cy=\"{:.2}\" r=\"0.7\" fill=\"{color}\"/>",
            signal.position.x, -signal.position.y
        );
    }
    out.push_str("</svg>\n");
    out
}

fn line(points: &[Point2<Map>]) -> String {
    let mut out = String::new();
    for (index, p) in points.iter().enumerate() {
        let _ = write!(out, "{}{:.2} {:.2}", if index == 0 { 'M' } else { 'L' }, p.x, -p.y);
    }
    out
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
