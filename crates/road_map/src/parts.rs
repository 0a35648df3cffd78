use crate::{Crosswalk, GeoOrigin, Lane, LaneGraph, LaneId, MapObject, Signal, SignalController};

impl LaneGraph {
    /// A graph of these lanes and nothing else, for readers of map formats and for tests.
    pub fn from_lanes(name: &str, origin: GeoOrigin, lanes: impl IntoIterator<Item = Lane>) -> Self {
        Self {
            lanes: lanes.into_iter().map(|lane| (lane.id, lane)).collect(),
            crosswalks: Vec::<Crosswalk>::new(),
            signals: Vec::<Signal>::new(),
            controllers: Vec::<SignalController>::new(),
            objects: Vec::<MapObject>::new(),
            origin,
            name: name.into(),
            index: Default::default(),
        }
    }

    /// The lane of this id.
    pub fn lane(&self, id: LaneId) -> Option<&Lane> {
        self.lanes.get(&id)
    }

    /// All lanes, in order of their ids.
    pub fn lanes(&self) -> impl Iterator<Item = &Lane> {
        self.lanes.values()
    }
}
