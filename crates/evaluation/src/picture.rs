//! The drive from above as SVG.

use std::collections::BTreeMap;
use std::fmt::Write;

use geometry::{Map, Point2};
use road_map::LaneKind;

use crate::recorder::Evaluation;

/// Speed at which the path is fully coloured, m/s.
const FAST_MPS: f64 = 16.0;
/// How near a drawn line keeps to the true one, m.
const FINE_M: f64 = 0.12;
/// A road user that moved farther within half a second did not drive there, m.
const JUMP_M: f64 = 20.0;

impl Evaluation {
    /// The drive from above: lanes, others' paths, the car's path from red (slow) to green (fast).
    pub fn picture(&self) -> String {
        let points = self.frames.iter().map(|f| f.ego.position);
        let (mut x0, mut y0, mut x1, mut y1) = (f64::INFINITY, f64::INFINITY, f64::NEG_INFINITY, f64::NEG_INFINITY);
        for p in points {
            (x0, y0, x1, y1) = (x0.min(p.x), y0.min(p.y), x1.max(p.x), y1.max(p.y));
        }
        if x0 > x1 {
            (x0, y0, x1, y1) = (-100.0, -100.0, 100.0, 100.0);
        }
        let margin = 40.0;
        let mut out = String::new();
        let _ = write!(
            out,
            "<svg id=\"map\" xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"{:.1} {:.1} {:.1} {:.1}\"><rect x=\"-9999\" y=\"-9999\" width=\"19998\" height=\"19998\" fill=\"#eef1ec\"/>",
            x0 - margin,
            -y1 - margin,
            x1 - x0 + 2.0 * margin,
            y1 - y0 + 2.0 * margin
        );
        self.draw_map(&mut out);
        self.draw_others(&mut out);
        self.draw_path(&mut out);
        out.push_str("<g id=\"moving\"></g></svg>");
        out
    }

    fn draw_map(&self, out: &mut String) {
        let Some(map) = &self.map else { return };
        for lane in map.lanes() {
            let color = match lane.kind {
                LaneKind::Driving => "#c9ccd2",
                LaneKind::Sidewalk => "#dfd8cb",
                _ => "#d8dccf",
            };
            let mut edge = simplified(&lane.left);
            edge.extend(simplified(&lane.right).iter().rev());
            out.push_str("<path d=\"");
            write_line(out, &edge);
            let _ = write!(out, "Z\" fill=\"{color}\" stroke=\"#fff\" stroke-width=\"0.15\"/>");
        }
        for object in &map.objects {
            let c = object.footprint.corners();
            let _ = write!(out, "<path d=\"M");
            for p in c {
                let _ = write!(out, " {:.1} {:.1}", p.x, -p.y);
            }
            out.push_str("Z\" fill=\"#b4a99a\"/>");
        }
    }

    /// Pieces of one colour each.
    fn draw_path(&self, out: &mut String) {
        let hue = |speed: f64| ((speed / FAST_MPS).clamp(0.0, 1.0) * 13.0).round() * 10.0;
        let mut rest = self.frames.as_slice();
        while let [_, second, ..] = rest {
            let color = hue(second.speed);
            let count = 1 + rest[1..].iter().take_while(|frame| hue(frame.speed) == color).count();
            let line: Vec<Point2<Map>> = rest[..count].iter().map(|frame| frame.ego.position).collect();
            let _ = write!(out, "<path d=\"");
            write_line(out, &simplified(&line));
            let _ = write!(
                out,
                "\" fill=\"none\" stroke=\"hsl({color:.0} 80% 42%)\" stroke-width=\"1.8\" stroke-linecap=\"round\"/>"
            );
            rest = &rest[count - 1..];
        }
    }

    fn draw_others(&self, out: &mut String) {
        let mut paths: BTreeMap<u32, Vec<Vec<Point2<Map>>>> = BTreeMap::new();
        for frame in self.frames.iter().step_by(5) {
            for (id, body) in &frame.objects {
                let (pieces, place) = (paths.entry(*id).or_default(), body.center.position);
                match pieces.last_mut().filter(|piece| piece.last().is_some_and(|p| p.distance(place) < JUMP_M)) {
                    Some(piece) => piece.push(place),
                    // Traffic that is out of sight comes back elsewhere.
                    None => pieces.push(vec![place]),
                }
            }
        }
        for pieces in paths.values().filter(|pieces| pieces.iter().any(|piece| piece.len() > 1)) {
            out.push_str("<path d=\"");
            pieces.iter().filter(|piece| piece.len() > 1).for_each(|piece| write_line(out, &simplified(piece)));
            out.push_str("\" fill=\"none\" stroke=\"#4468a8\" stroke-opacity=\"0.3\" stroke-width=\"0.6\"/>");
        }
    }
}

/// `M x y L x y …` in the picture's axes.
fn write_line(out: &mut String, line: &[Point2<Map>]) {
    for (i, p) in line.iter().enumerate() {
        // Writing to a String cannot fail.
        let _ = write!(out, "{}{:.1} {:.1}", if i == 0 { 'M' } else { 'L' }, p.x, -p.y);
    }
}

/// The line without the points that lie within [`FINE_M`] of the chord that replaces them (Douglas and Peucker 1973).
fn simplified(line: &[Point2<Map>]) -> Vec<Point2<Map>> {
    let [first, .., last] = line else { return line.to_vec() };
    let chord = *last - *first;
    let off = |p: &Point2<Map>| {
        let d = *p - *first;
        let length = chord.norm();
        if length < FINE_M { d.norm() } else { (d.x * chord.y - d.y * chord.x).abs() / length }
    };
    let farthest = (1..line.len() - 1).max_by(|&a, &b| off(&line[a]).total_cmp(&off(&line[b])));
    match farthest.filter(|&i| off(&line[i]) > FINE_M) {
        None => vec![*first, *last],
        Some(i) => {
            let mut kept = simplified(&line[..=i]);
            kept.pop();
            kept.extend(simplified(&line[i..]));
            kept
        }
    }
}
