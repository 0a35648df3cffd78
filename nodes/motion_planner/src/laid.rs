//! A trajectory of the network, laid on a corridor as lane-following proposals are: an offset beside its axis, and where to
//! be when along it.

use geometry::{Map, Point2};

use crate::corridor::Corridor;
use crate::network::STEP_S;
use crate::proposal_path::{Shape, shortest_blend};
use crate::track::Track;

/// Farther beside what a [`Shape`] can be the trajectory is another one, m.
const MOST_OFF_M: f64 = 0.5;
/// Offsets below this are the lane's middle, m.
const MIDDLE_M: f64 = 0.15;
/// An offset this near to the one that is being driven is that one, m.
const SAME_M: f64 = 0.2;
/// The sharpest blend, 1/m.
const SHARPEST: f64 = 0.13;
/// Blends that are tried, as shares of the way that is covered.
const BLENDS: [f64; 5] = [0.2, 0.4, 0.6, 0.8, 1.0];

/// A trajectory on a corridor.
#[derive(Debug, Clone)]
pub(crate) struct Laid {
    /// Its rank among the network's, the likeliest 0.
    pub mode: usize,
    pub shape: Shape,
    pub track: Track,
}

impl Laid {
    /// Lays points each [`STEP_S`] (the first after one step) on a corridor; `None` where they do not go along it.
    pub fn new(mode: usize, points: &[Point2<Map>], corridor: &Corridor) -> Option<Self> {
        let start = corridor.start;
        let mut s = vec![start.s];
        let mut samples = Vec::with_capacity(points.len());
        let mut furthest = start.s;
        for point in points {
            let (along, beside) = corridor.axis.project(*point);
            if along < furthest - 0.5 {
                return None;
            }
            furthest = furthest.max(along);
            s.push(furthest);
            samples.push((furthest, beside));
        }
        let kept = corridor.lateral.going_on;
        let shape = fit(&samples, start.s, corridor.lateral.from, kept)?;
        Some(Self { mode, shape, track: Track::new(s, STEP_S, start.speed)? })
    }
}

/// The shape that is nearest to samples of arc length and offset; `kept` is the offset that is being driven to, and what is
/// left of its blend.
fn fit(samples: &[(f64, f64)], from_s: f64, from: [f64; 3], kept: Option<(f64, f64)>) -> Option<Shape> {
    let (end, last) = samples.last().copied()?;
    let way = end - from_s;
    let extreme = |pick: fn(f64, f64) -> f64| samples.iter().map(|(_, d)| *d).fold(from[0], pick);
    let mut best: Option<(f64, Shape)> = None;
    for offset in [last, extreme(f64::max), extreme(f64::min)] {
        let same = kept.filter(|(kept, _)| (kept - offset).abs() < SAME_M);
        let offset = same.map_or(if offset.abs() < MIDDLE_M { 0.0 } else { offset }, |(kept, _)| kept);
        let least = shortest_blend((offset - from[0]).abs(), SHARPEST);
        let left = same.map(|(_, left)| left.max(4.0));
        for blend in left.into_iter().chain(BLENDS.map(|share| (share * way).max(least))) {
            let back = samples.iter().rev().find(|(_, d)| (d - offset).abs() < SAME_M).map(|(s, _)| *s);
            for return_from in [Some(f64::INFINITY), back].into_iter().flatten() {
                let shape = Shape { from_s, from, offset, blend, return_from };
                let off = samples.iter().map(|(s, d)| (shape.at(*s)[0] - d).abs()).fold(0.0, f64::max);
                // Simple ones first: a later one must be clearly nearer.
                if best.as_ref().is_none_or(|(least, _)| off < least - 0.05) {
                    best = Some((off, shape));
                }
            }
        }
    }
    best.filter(|(off, _)| *off < MOST_OFF_M).map(|(_, shape)| shape)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(offset: impl Fn(f64) -> f64) -> Vec<(f64, f64)> {
        (1..=12).map(|i| f64::from(i) * 4.0).map(|s| (10.0 + s, offset(s))).collect()
    }

    #[test]
    fn small_offsets_are_the_middle_of_the_lane_and_large_ones_are_reached() {
        let straight = fit(&samples(|s| 0.1 * (s / 5.0).sin()), 10.0, [0.0; 3], None).unwrap();
        assert_eq!((straight.offset, straight.return_from), (0.0, f64::INFINITY));
        let aside = fit(&samples(|s| if s > 20.0 { 1.4 } else { 0.07 * s }), 10.0, [0.0; 3], None).unwrap();
        assert!((aside.offset - 1.4).abs() < 0.01 && (8.0..40.0).contains(&aside.blend), "{aside:?}");
    }

    #[test]
    fn who_swings_out_comes_back_where_the_trajectory_does() {
        let driven = Shape { from_s: 10.0, from: [0.0; 3], offset: 1.6, blend: 16.0, return_from: 40.0 };
        let shape = fit(&samples(|s| driven.at(10.0 + s)[0]), 10.0, [0.0; 3], None).unwrap();
        assert!((shape.offset - 1.6).abs() < 0.05 && (34.0..48.0).contains(&shape.return_from), "{shape:?}");
    }

    #[test]
    fn an_offset_that_is_being_driven_is_kept_and_zigzags_are_none() {
        let kept = fit(&samples(|_| 0.62), 10.0, [0.6, 0.0, 0.0], Some((0.55, 3.0))).unwrap();
        assert_eq!(kept.offset, 0.55);
        assert!(fit(&samples(|s| if (s as i32 / 4) % 2 == 0 { 1.5 } else { -1.5 }), 10.0, [0.0; 3], None).is_none());
    }
}
