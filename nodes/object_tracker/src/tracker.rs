use geometry::{Map, OrientedBox, Point2};
use node::Time;

use crate::assignment::assign;
use crate::measurement::Measurement;
use crate::occlusion::hidden_part;
use crate::parameters::Parameters;
use crate::track::Track;

/// Follows everything that is detected. Deterministic; cost O(n³) in tracks and detections.
#[derive(Debug, Clone)]
pub struct Tracker {
    parameters: Parameters,
    tracks: Vec<Track>,
    last: Option<Time>,
    next_id: u64,
}

/// A track hidden by more than this is not missed.
const HIDDEN: f64 = 0.5;

impl Tracker {
    /// With nothing to follow yet.
    pub fn new(parameters: Parameters) -> Self {
        Self { parameters, tracks: Vec::new(), last: None, next_id: 1 }
    }

    /// Takes the detections of one frame, seen from `eye`. Stamps must grow; the caller sees to it.
    pub fn update(&mut self, stamp: Time, eye: Point2<Map>, detections: &[Measurement]) {
        let dt = self.last.map_or(0.0, |last| stamp.since(last));
        self.last = Some(stamp);
        if dt > 0.0 {
            for track in &mut self.tracks {
                track.predict(dt, &self.parameters);
            }
        }
        let detections: Vec<&Measurement> =
            detections.iter().filter(|d| d.score >= self.parameters.least_score).collect();
        let (tracked, free) = self.associate(&detections);
        let boxes: Vec<OrientedBox<Map>> = detections.iter().map(|d| d.footprint()).collect();
        for (index, track) in self.tracks.iter_mut().enumerate() {
            match tracked[index] {
                Some(detection) => track.hit(stamp, detections[detection]),
                None => {
                    let own = track.footprint();
                    let blind = own.distance_to_point(eye) < self.parameters.blind_range_m;
                    track.miss(blind || hidden_part(eye, &own, &boxes) > HIDDEN);
                }
            }
            track.settle(&self.parameters);
        }
        for detection in free {
            if detections[detection].score >= self.parameters.birth_score {
                let mut track = Track::new(self.next_id, stamp, detections[detection]);
                track.settle(&self.parameters);
                self.tracks.push(track);
                self.next_id += 1;
            }
        }
        let parameters = &self.parameters;
        self.tracks.retain(|track| !track.is_over(stamp, parameters));
        self.merge();
    }

    /// All tracks, in order of birth.
    pub fn tracks(&self) -> &[Track] {
        &self.tracks
    }

    /// Those to publish, in order of birth.
    pub fn published(&self) -> impl Iterator<Item = &Track> {
        self.tracks.iter().filter(|track| track.is_published(&self.parameters))
    }

    /// For each track its detection, and the detections left over. Confirmed tracks choose first.
    fn associate(&self, detections: &[&Measurement]) -> (Vec<Option<usize>>, Vec<usize>) {
        let mut tracked = vec![None; self.tracks.len()];
        let mut free: Vec<usize> = (0..detections.len()).collect();
        // Mismatch of class and size come on top of the gated distance.
        let limit = self.parameters.gate + 5.0;
        for confirmed in [true, false] {
            let rows: Vec<usize> =
                (0..self.tracks.len()).filter(|&i| self.tracks[i].is_confirmed() == confirmed).collect();
            let pairs = assign(rows.len(), free.len(), limit, |row, column| {
                self.tracks[rows[row]].cost(detections[free[column]], &self.parameters)
            });
            for &(row, column) in &pairs {
                tracked[rows[row]] = Some(free[column]);
            }
            let taken: Vec<usize> = pairs.iter().map(|&(_, column)| column).collect();
            free = (0..free.len()).filter(|i| !taken.contains(i)).map(|i| free[i]).collect();
        }
        (tracked, free)
    }

    /// Of two tracks in one place the one with more detections stays.
    fn merge(&mut self) {
        let boxes: Vec<OrientedBox<Map>> = self.tracks.iter().map(Track::footprint).collect();
        let mut dropped = vec![false; self.tracks.len()];
        for i in 0..boxes.len() {
            for j in i + 1..boxes.len() {
                let near = boxes[i].center.position.distance(boxes[j].center.position)
                    < (boxes[i].length + boxes[j].length) / 2.0;
                if dropped[i] || dropped[j] || !near {
                    continue;
                }
                if boxes[i].intersection_over_union(&boxes[j]) > self.parameters.merge_overlap {
                    let (a, b) = (&self.tracks[i], &self.tracks[j]);
                    // The one that is seen now, then the longer known.
                    let keep_first = (a.last_hit, a.is_confirmed(), a.hits) >= (b.last_hit, b.is_confirmed(), b.hits)
                        || (a.is_confirmed() && !b.is_confirmed() && a.hits > 2 * b.hits);
                    dropped[if keep_first { j } else { i }] = true;
                }
            }
        }
        let mut index = 0;
        self.tracks.retain(|_| {
            index += 1;
            !dropped[index - 1]
        });
    }
}
