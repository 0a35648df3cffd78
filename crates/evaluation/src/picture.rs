//! The drive from above as SVG.

use std::collections::BTreeMap;
use std::fmt::Write;

use road_map::LaneKind;

use crate::recorder::Evaluation;

/// Speed at which the path is fully coloured, m/s.
const FAST_MPS: f64 = 16.0;

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
        for pair in self.frames.windows(2) {
            let (a, b) = (pair[0].ego.position, pair[1].ego.position);
            let hue = (pair[1].speed / FAST_MPS).clamp(0.0, 1.0) * 130.0;
            let _ = write!(
                out,
                "<path d=\"M{:.2} {:.2}L{:.2} {:.2}\" stroke=\"hsl({hue:.0} 80% 42%)\" stroke-width=\"1.8\" stroke-linecap=\"round\"/>",
                a.x, -a.y, b.x, -b.y
            );
        }
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
            out.push_str("<path d=\"");
            for (i, p) in lane.left.iter().chain(lane.right.iter().rev()).enumerate() {
                let _ = write!(out, "{}{:.1} {:.1}", if i == 0 { "M" } else { "L" }, p.x, -p.y);
            }
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

    fn draw_others(&self, out: &mut String) {
        let mut paths: BTreeMap<u32, String> = BTreeMap::new();
        for frame in self.frames.iter().step_by(5) {
            for (id, body) in &frame.objects {
                let path = paths.entry(*id).or_default();
                let p = body.center.position;
                let _ = write!(path, "{}{:.1} {:.1}", if path.is_empty() { "M" } else { "L" }, p.x, -p.y);
            }
        }
        for path in paths.values() {
            let _ = write!(
                out,
                "<path d=\"{path}\" fill=\"none\" stroke=\"#4468a8\" stroke-opacity=\"0.3\" stroke-width=\"0.6\"/>"
            );
        }
    }
}
