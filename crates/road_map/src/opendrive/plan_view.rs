//! The reference line: ASAM OpenDRIVE 1.8, chapter 9.

use geometry::{Map, Point2, Pose2};

use super::xml::Xml;
use crate::MapError;

/// The shape of one stretch, from its start.
#[derive(Debug, Clone, Copy)]
enum Shape {
    Line,
    Arc { curvature: f64 },
    Spiral { start: f64, end: f64 },
    Poly3 { v: [f64; 4] },
    ParamPoly3 { u: [f64; 4], v: [f64; 4], range: f64 },
}

#[derive(Debug, Clone, Copy)]
struct Stretch {
    s: f64,
    length: f64,
    start: Pose2<Map>,
    shape: Shape,
}

/// The reference line of a road.
#[derive(Debug, Clone)]
pub(super) struct PlanView {
    stretches: Vec<Stretch>,
}

/// Abscissae and weights of Gauss-Legendre quadrature with five points on [-1, 1].
const GAUSS: [(f64, f64); 5] = [
    (0.0, 0.568_888_888_888_888_9),
    (0.538_469_310_105_683, 0.478_628_670_499_366_5),
    (-0.538_469_310_105_683, 0.478_628_670_499_366_5),
    (0.906_179_845_938_664, 0.236_926_885_056_189_1),
    (-0.906_179_845_938_664, 0.236_926_885_056_189_1),
];

/// Longest piece that quadrature takes at once, m.
const PIECE_M: f64 = 4.0;

impl PlanView {
    pub fn parse(road: &Xml<'_, '_>) -> Result<Self, MapError> {
        let view = road.child("planView").ok_or_else(|| road.error("a <planView> is expected, none there"))?;
        let mut stretches: Vec<Stretch> = Vec::new();
        for geometry in view.children("geometry") {
            let stretch = Stretch {
                s: geometry.number("s")?,
                length: geometry.number("length")?,
                start: Pose2::new(geometry.number("x")?, geometry.number("y")?, geometry.number("hdg")?),
                shape: parse_shape(&geometry)?,
            };
            if stretch.length < 0.0 {
                return Err(geometry.error(format!("a length of 0 or more is expected, got {}", stretch.length)));
            }
            if stretches.last().is_some_and(|last| last.s > stretch.s) {
                return Err(geometry.error("geometries must come in order of `s`"));
            }
            if stretch.length > 1e-6 {
                stretches.push(stretch);
            }
        }
        if stretches.is_empty() {
            return Err(view.error("at least one <geometry> with a length is expected"));
        }
        Ok(Self { stretches })
    }

    /// Starts of the stretches.
    pub fn starts(&self) -> impl Iterator<Item = f64> {
        self.stretches.iter().map(|g| g.s)
    }

    /// Position and heading of the reference line at `s`.
    pub fn pose_at(&self, s: f64) -> Pose2<Map> {
        let index = self.stretches.partition_point(|g| g.s <= s).max(1) - 1;
        let stretch = &self.stretches[index];
        stretch.pose_at((s - stretch.s).clamp(0.0, stretch.length))
    }
}

fn parse_shape(geometry: &Xml<'_, '_>) -> Result<Shape, MapError> {
    let shape = geometry.elements().find(|e| e.tag() != "userData" && e.tag() != "include");
    let shape =
        shape.ok_or_else(|| geometry.error("a shape (line, arc, spiral, poly3, paramPoly3) is expected inside"))?;
    let four = |names: [&str; 4]| -> Result<[f64; 4], MapError> {
        Ok([shape.number(names[0])?, shape.number(names[1])?, shape.number(names[2])?, shape.number(names[3])?])
    };
    Ok(match shape.tag() {
        "line" => Shape::Line,
        "arc" => Shape::Arc { curvature: shape.number("curvature")? },
        "spiral" => Shape::Spiral { start: shape.number("curvStart")?, end: shape.number("curvEnd")? },
        "poly3" => Shape::Poly3 { v: four(["a", "b", "c", "d"])? },
        "paramPoly3" => Shape::ParamPoly3 {
            u: four(["aU", "bU", "cU", "dU"])?,
            v: four(["aV", "bV", "cV", "dV"])?,
            range: match shape.text("pRange") {
                Some("arcLength") => geometry.number("length")?,
                None | Some("normalized") => 1.0,
                Some(other) => {
                    return Err(shape.error(format!("pRange: `arcLength` or `normalized` expected, got `{other}`")));
                }
            },
        },
        other => return Err(shape.error(format!("line, arc, spiral, poly3 or paramPoly3 expected, got <{other}>"))),
    })
}

impl Stretch {
    fn pose_at(&self, ds: f64) -> Pose2<Map> {
        let (u, v, turn) = match self.shape {
            Shape::Line => (ds, 0.0, 0.0),
            Shape::Arc { curvature } if curvature.abs() < 1e-12 => (ds, 0.0, 0.0),
            Shape::Arc { curvature } => {
                let angle = curvature * ds;
                (angle.sin() / curvature, (1.0 - angle.cos()) / curvature, angle)
            }
            Shape::Spiral { start, end } => {
                let rate = (end - start) / self.length;
                let angle = |t: f64| start * t + rate * t * t / 2.0;
                (integrate(ds, |t| angle(t).cos()), integrate(ds, |t| angle(t).sin()), angle(ds))
            }
            Shape::Poly3 { v } => {
                let u = poly3_parameter(&v, ds);
                (u, value(&v, u), slope(&v, u).atan())
            }
            Shape::ParamPoly3 { u, v, range } => {
                let p = ds / self.length * range;
                (value(&u, p), value(&v, p), slope(&v, p).atan2(slope(&u, p)))
            }
        };
        let position = self.start.transform(Point2::<Map>::new(u, v));
        Pose2 { position, yaw: geometry::normalize_angle(self.start.yaw + turn) }
    }
}

fn value(c: &[f64; 4], t: f64) -> f64 {
    c[0] + t * (c[1] + t * (c[2] + t * c[3]))
}

fn slope(c: &[f64; 4], t: f64) -> f64 {
    c[1] + t * (2.0 * c[2] + 3.0 * t * c[3])
}

/// Integral of `f` from 0 to `end`.
fn integrate(end: f64, f: impl Fn(f64) -> f64) -> f64 {
    let pieces = (end / PIECE_M).ceil().max(1.0) as usize;
    let half = end / pieces as f64 / 2.0;
    (0..pieces)
        .map(|i| {
            let middle = half * (2 * i + 1) as f64;
            GAUSS.iter().map(|(x, w)| w * f(middle + half * x)).sum::<f64>() * half
        })
        .sum()
}

/// The local u at which a cubic v(u) has the arc length `ds`: Newton's method on the length integral.
fn poly3_parameter(v: &[f64; 4], ds: f64) -> f64 {
    let speed = |u: f64| 1.0_f64.hypot(slope(v, u));
    let mut u = ds / speed(0.0);
    for _ in 0..12 {
        let step = (integrate(u, speed) - ds) / speed(u);
        u -= step;
        if step.abs() < 1e-10 {
            break;
        }
    }
    u
}
