//! The route that a drive is held against.

use serde::{Deserialize, Serialize};

use super::observation::Place;

/// A route needs two points that are apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooShort;

impl std::fmt::Display for TooShort {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a route to be scored has at least two points that are apart")
    }
}

impl std::error::Error for TooShort {}

/// A point of a route: the place with the lane's heading.
pub type RoutePoint = Place;

/// Points about a metre apart, and the way to each.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScoredRoute {
    points: Vec<RoutePoint>,
    /// Way from the first point, m.
    way: Vec<f64>,
}

impl ScoredRoute {
    /// Of points in driving order.
    ///
    /// # Errors
    /// [`TooShort`].
    pub fn new(points: Vec<RoutePoint>) -> Result<Self, TooShort> {
        let mut way = Vec::with_capacity(points.len());
        let mut sum = 0.0;
        for (index, point) in points.iter().enumerate() {
            if index > 0 {
                sum += point.distance(&points[index - 1]);
            }
            way.push(sum);
        }
        if !(sum > 0.0 && sum.is_finite()) {
            return Err(TooShort);
        }
        Ok(Self { points, way })
    }

    /// The points.
    pub fn points(&self) -> &[RoutePoint] {
        &self.points
    }

    /// Way from the first point to this one, m.
    pub fn way(&self, index: usize) -> f64 {
        self.way[index]
    }

    /// The whole way, m.
    pub fn length_m(&self) -> f64 {
        self.way.last().copied().unwrap_or(0.0)
    }

    /// Whether a place lies beyond a point, seen along the point's heading.
    pub fn passed(&self, index: usize, place: &Place) -> bool {
        let point = &self.points[index];
        let [dx, dy] = point.forward();
        (place.x - point.x) * dx + (place.y - point.y) * dy > 0.0
    }

    /// The furthest point passed within `window` points after `from`; `from` where none is.
    pub fn advance(&self, from: usize, window: usize, place: &Place) -> usize {
        let last = (from + window).min(self.points.len() - 1);
        (from..=last).rev().find(|index| self.passed(*index, place)).unwrap_or(from)
    }
}
