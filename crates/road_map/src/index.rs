use std::collections::BTreeMap;

use rstar::primitives::{GeomWithData, Line};
use rstar::{AABB, PointDistance, RTree};

use crate::{Lane, LaneId};

type Segment = GeomWithData<Line<[f64; 2]>, LaneId>;

/// Centre line segments of all lanes, by place.
#[derive(Debug, Clone)]
pub(crate) struct LaneIndex {
    tree: RTree<Segment>,
}

impl LaneIndex {
    pub fn new(lanes: &BTreeMap<LaneId, Lane>) -> Self {
        let segments = lanes.values().flat_map(|lane| {
            lane.center
                .points()
                .windows(2)
                .map(|p| GeomWithData::new(Line::new([p[0].x, p[0].y], [p[1].x, p[1].y]), lane.id))
        });
        Self { tree: RTree::bulk_load(segments.collect()) }
    }

    /// Lanes in order of distance from a place; a lane comes up once for each of its segments.
    pub fn nearest(&self, place: [f64; 2]) -> impl Iterator<Item = (LaneId, f64)> {
        self.tree.nearest_neighbor_iter(place).map(move |s| (s.data, s.distance_2(&place).sqrt()))
    }

    /// Lanes with a segment whose bounding box touches the square around a place; a lane can come up more than once.
    pub fn around(&self, place: [f64; 2], radius: f64) -> impl Iterator<Item = LaneId> {
        let square = AABB::from_corners([place[0] - radius, place[1] - radius], [place[0] + radius, place[1] + radius]);
        self.tree.locate_in_envelope_intersecting(square).map(|s| s.data)
    }
}
