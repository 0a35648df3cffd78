use crate::grid::{CELL_M, INPUT, ORIGIN_M};
use crate::terrain::Terrain;

/// Rows and columns of the network's answer.
pub const PLACES: [usize; 2] = [INPUT[1], INPUT[2]];
/// Numbers of a box in the network's answer.
pub const BOX: usize = 10;
/// Side of a place, m.
const PLACE_M: f64 = 2.0 * CELL_M;
/// More marks than this are no street; the weakest are left out.
const MOST: usize = 300;
/// How far a centre may lie from its mark, places.
const FARTHEST: f64 = 2.5;
/// Sides of a box, m.
const SIDES_M: std::ops::RangeInclusive<f64> = 0.2..=25.0;
/// From this length on of the vector that points to the front, front is told from rear.
const FRONT_TOLD: f64 = 0.5;

/// What a detection is, in the order of the network's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Passenger cars and vans.
    Car,
    /// Lorries and buses.
    Truck,
    /// People on bicycles.
    Cyclist,
    /// People on foot.
    Pedestrian,
    /// Small things that stand on the ground: cones, boxes, bins.
    Obstacle,
}

impl Class {
    /// All, by index.
    pub const ALL: [Self; 5] = [Self::Car, Self::Truck, Self::Cyclist, Self::Pedestrian, Self::Obstacle];
}

/// An oriented box in `base_link`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Detection {
    /// What it is.
    pub class: Class,
    /// How sure the network is, 0..=1.
    pub score: f64,
    /// Its centre, m.
    pub center: [f64; 3],
    /// Length, width and height, m.
    pub size: [f64; 3],
    /// Heading, rad.
    pub yaw: f64,
    /// Whether front is told from rear.
    pub front_known: bool,
}

/// Nearer to each other than this two detections are one thing, m: the least of both classes'.
pub type LeastDistance = [f64; 5];

/// Boxes from the network's answer, best first: `heat` `[5, PLACES]` (0..=1) and `boxes` `[BOX, PLACES]`, row-major. A place
/// holds a thing where its heat is the greatest of its three by three neighbours and reaches the class's `least_score`;
/// of those that are the same thing the best is kept.
pub fn decode(
    heat: &[f32],
    boxes: &[f32],
    terrain: &Terrain,
    least_score: &[f64; 5],
    least_distance: &LeastDistance,
) -> Vec<Detection> {
    let [rows, columns] = PLACES;
    let mut marks: Vec<(f32, usize, usize)> = Vec::new();
    for (kind, (heat, least)) in heat.chunks_exact(rows * columns).zip(least_score).enumerate() {
        for (place, &value) in heat.iter().enumerate() {
            if f64::from(value) >= *least && is_peak(heat, place, value) {
                marks.push((value, kind, place));
            }
        }
    }
    marks.sort_by(|a, b| b.0.total_cmp(&a.0).then((a.1, a.2).cmp(&(b.1, b.2))));
    marks.truncate(MOST);
    let mut kept: Vec<Detection> = Vec::new();
    for (score, kind, place) in marks {
        let number = |index: usize| f64::from(boxes[index * rows * columns + place]);
        let one = read(Class::ALL[kind], f64::from(score), place, number, terrain);
        if !kept.iter().any(|better| is_same(&one, better, least_distance)) {
            kept.push(one);
        }
    }
    kept
}

fn is_peak(heat: &[f32], place: usize, value: f32) -> bool {
    let [rows, columns] = PLACES;
    let (row, column) = (place / columns, place % columns);
    let mut around = (row.saturating_sub(1)..=(row + 1).min(rows - 1))
        .flat_map(|r| (column.saturating_sub(1)..=(column + 1).min(columns - 1)).map(move |c| r * columns + c));
    around.all(|other| !(heat[other] > value))
}

fn read(class: Class, score: f64, place: usize, number: impl Fn(usize) -> f64, terrain: &Terrain) -> Detection {
    let (row, column) = (place / PLACES[1], place % PLACES[1]);
    let at = |index: usize, origin: f64, offset: f64| {
        origin + (index as f64 + 0.5 + offset.clamp(-FARTHEST, FARTHEST)) * PLACE_M
    };
    let (x, y) = (at(row, ORIGIN_M[0], number(0)), at(column, ORIGIN_M[1], number(1)));
    let size = [3, 4, 5].map(|index| number(index).exp().clamp(*SIDES_M.start(), *SIDES_M.end()));
    // The axis from the doubled angle, its direction from the single one.
    let axis = 0.5 * number(6).atan2(number(7));
    let front = axis.sin() * number(8) + axis.cos() * number(9);
    let yaw = if front < 0.0 { axis + std::f64::consts::PI } else { axis };
    let z = terrain.height(x, y) + number(2);
    Detection { class, score, center: [x, y, z], size, yaw, front_known: front.abs() >= FRONT_TOLD }
}

/// Whether a detection is of the same thing as a better one. People are never taken for a part of a vehicle.
fn is_same(one: &Detection, better: &Detection, least_distance: &LeastDistance) -> bool {
    let (dx, dy) = (one.center[0] - better.center[0], one.center[1] - better.center[1]);
    let least = least_distance[one.class as usize].min(least_distance[better.class as usize]);
    if dx.hypot(dy) < least {
        return true;
    }
    let vehicle = matches!(better.class, Class::Car | Class::Truck);
    if !vehicle || matches!(one.class, Class::Cyclist | Class::Pedestrian) {
        return false;
    }
    let (sin, cos) = better.yaw.sin_cos();
    let (along, across) = (cos * dx + sin * dy, cos * dy - sin * dx);
    along.abs() < 0.5 * better.size[0] && across.abs() < 0.5 * better.size[1]
}

#[cfg(test)]
mod tests {
    use super::*;

    const DISTANCE: LeastDistance = [1.5, 2.0, 0.6, 0.35, 0.4];

    struct Answer {
        heat: Vec<f32>,
        boxes: Vec<f32>,
    }

    impl Answer {
        fn new() -> Self {
            let count = PLACES[0] * PLACES[1];
            Self { heat: vec![0.01; 5 * count], boxes: vec![0.0; BOX * count] }
        }

        fn mark(&mut self, kind: usize, [row, column]: [usize; 2], score: f32, numbers: [f32; BOX]) {
            let (count, place) = (PLACES[0] * PLACES[1], row * PLACES[1] + column);
            self.heat[kind * count + place] = score;
            for (index, number) in numbers.into_iter().enumerate() {
                self.boxes[index * count + place] = number;
            }
        }

        fn decode(&self) -> Vec<Detection> {
            decode(&self.heat, &self.boxes, &Terrain::default(), &[0.3; 5], &DISTANCE)
        }
    }

    fn numbers(size: [f32; 3], yaw: f32) -> [f32; BOX] {
        let [l, w, h] = size.map(f32::ln);
        [0.25, -0.25, 0.8, l, w, h, (2.0 * yaw).sin(), (2.0 * yaw).cos(), yaw.sin(), yaw.cos()]
    }

    #[test]
    fn a_mark_becomes_a_box_with_its_heading() {
        for yaw in [0.3_f32, 1.9, -2.5, 3.1] {
            let mut answer = Answer::new();
            answer.mark(0, [100, 60], 0.9, numbers([4.5, 1.8, 1.5], yaw));
            let [one] = answer.decode().try_into().unwrap();
            assert!((one.center[0] - (-40.96 + 100.75 * 0.64)).abs() < 1e-6, "{one:?}");
            assert!((one.center[1] - (-40.96 + 60.25 * 0.64)).abs() < 1e-6 && (one.size[0] - 4.5).abs() < 1e-4);
            let turn = (one.yaw - f64::from(yaw)).rem_euclid(std::f64::consts::TAU);
            assert!(turn.min(std::f64::consts::TAU - turn) < 1e-4 && one.front_known, "{one:?}");
        }
    }

    #[test]
    fn the_better_of_two_marks_on_one_thing_is_kept_but_a_person_beside_a_car_stays() {
        let mut answer = Answer::new();
        answer.mark(0, [100, 60], 0.9, numbers([4.5, 1.8, 1.5], 0.0));
        answer.mark(1, [103, 60], 0.5, numbers([6.0, 2.3, 2.5], 0.0));
        answer.mark(4, [102, 60], 0.5, numbers([0.5, 0.5, 0.5], 0.0));
        answer.mark(3, [103, 61], 0.4, numbers([0.6, 0.5, 1.7], 0.0));
        let kinds: Vec<Class> = answer.decode().iter().map(|d| d.class).collect();
        assert_eq!(kinds, [Class::Car, Class::Pedestrian]);
    }

    #[test]
    fn weak_marks_and_shoulders_of_a_peak_are_none() {
        let mut answer = Answer::new();
        answer.mark(3, [50, 50], 0.29, numbers([0.6, 0.5, 1.7], 0.0));
        answer.mark(3, [90, 50], 0.8, numbers([0.6, 0.5, 1.7], 0.0));
        answer.mark(3, [91, 51], 0.7, numbers([0.6, 0.5, 1.7], 0.0));
        assert_eq!(answer.decode().len(), 1);
    }

    #[test]
    fn absurd_numbers_give_boxes_within_bounds() {
        let mut answer = Answer::new();
        answer.mark(2, [0, 0], 1.0, [1e9, -1e9, 0.0, 80.0, -80.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
        let [one] = answer.decode().try_into().unwrap();
        assert!(one.center.iter().chain(&one.size).all(|v| v.abs() < 100.0) && !one.front_known, "{one:?}");
    }
}
