use msgs::autoware_perception_msgs::msg::ObjectClassification;

/// What a road user is, as far as its motion goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Passenger cars and vans.
    Car,
    /// Lorries, buses and trailers.
    Truck,
    /// Bicycles and motorcycles with their riders.
    Cyclist,
    /// People on foot.
    Pedestrian,
    /// Anything else.
    Unknown,
}

impl Class {
    /// All classes, by the index that [`ClassVotes`] counts them at.
    pub const ALL: [Self; 5] = [Self::Car, Self::Truck, Self::Cyclist, Self::Pedestrian, Self::Unknown];

    /// From a label of autoware_perception_msgs/ObjectClassification.
    pub fn from_label(label: u8) -> Self {
        match label {
            ObjectClassification::CAR => Self::Car,
            ObjectClassification::TRUCK | ObjectClassification::BUS | ObjectClassification::TRAILER => Self::Truck,
            ObjectClassification::BICYCLE | ObjectClassification::MOTORCYCLE => Self::Cyclist,
            ObjectClassification::PEDESTRIAN => Self::Pedestrian,
            _ => Self::Unknown,
        }
    }

    /// The label on the wire.
    pub fn label(self) -> u8 {
        match self {
            Self::Car => ObjectClassification::CAR,
            Self::Truck => ObjectClassification::TRUCK,
            Self::Cyclist => ObjectClassification::BICYCLE,
            Self::Pedestrian => ObjectClassification::PEDESTRIAN,
            Self::Unknown => ObjectClassification::UNKNOWN,
        }
    }

    /// Whether it steers like a vehicle: its velocity lies along its heading.
    pub fn steers(self) -> bool {
        matches!(self, Self::Car | Self::Truck | Self::Cyclist)
    }

    /// Cost of taking a detection of class `other` for this one, in units of squared Mahalanobis distance; `None`
    /// where that cannot be the same thing.
    pub(crate) fn mismatch(self, other: Self) -> Option<f64> {
        match (self, other) {
            (a, b) if a == b => Some(0.0),
            (Self::Car, Self::Truck) | (Self::Truck, Self::Car) => Some(1.0),
            (Self::Cyclist, Self::Pedestrian) | (Self::Pedestrian, Self::Cyclist) => Some(2.0),
            (Self::Unknown, _) | (_, Self::Unknown) => Some(3.0),
            _ => None,
        }
    }

    /// Fastest speed that is believed of it, m/s.
    pub(crate) fn max_speed_mps(self) -> f64 {
        match self {
            Self::Pedestrian => 5.0,
            Self::Cyclist => 18.0,
            _ => 60.0,
        }
    }
}

/// Fading votes of detections for a track's class: one odd detection does not change it.
#[derive(Debug, Clone, PartialEq)]
pub struct ClassVotes {
    weights: [f64; 5],
    winner: Class,
}

/// What is left of a vote after the next one.
const MEMORY: f64 = 0.93;
/// How far another class must lead to win.
const LEAD: f64 = 1.25;

impl ClassVotes {
    /// From the first detection.
    pub fn new(class: Class, score: f64) -> Self {
        let mut votes = Self { weights: [0.0; 5], winner: class };
        votes.add(class, score);
        votes
    }

    /// Counts one more detection with its score, 0..=1.
    pub fn add(&mut self, class: Class, score: f64) {
        for weight in &mut self.weights {
            *weight *= MEMORY;
        }
        self.weights[class as usize] += score;
        for candidate in Class::ALL {
            if self.weights[candidate as usize] > LEAD * self.weights[self.winner as usize] {
                self.winner = candidate;
            }
        }
    }

    /// The class that leads.
    pub fn winner(&self) -> Class {
        self.winner
    }

    /// The classes that have votes with their shares, greatest first.
    pub fn shares(&self) -> Vec<(Class, f64)> {
        let total: f64 = self.weights.iter().sum();
        let mut shares: Vec<(Class, f64)> = Class::ALL
            .into_iter()
            .map(|c| (c, self.weights[c as usize] / total.max(1e-9)))
            .filter(|s| s.1 > 0.01)
            .collect();
        shares.sort_by(|a, b| (b.0 == self.winner).cmp(&(a.0 == self.winner)).then(b.1.total_cmp(&a.1)));
        shares
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_majority_flips_car_to_truck_and_one_odd_vote_does_not() {
        let mut votes = ClassVotes::new(Class::Car, 0.8);
        for _ in 0..5 {
            votes.add(Class::Car, 0.8);
        }
        votes.add(Class::Truck, 0.9);
        assert_eq!(votes.winner(), Class::Car);
        for _ in 0..12 {
            votes.add(Class::Truck, 0.8);
        }
        assert_eq!(votes.winner(), Class::Truck);
        assert_eq!(votes.shares()[0].0, Class::Truck);
    }
}
