use vehicle::Vehicle;

use crate::cloud::Point;
use crate::terrain::Terrain;

/// Side of a cell, m.
pub const CELL_M: f64 = 0.32;
/// Cells along x (forward).
pub const ROWS: usize = 352;
/// Cells along y (left).
pub const COLUMNS: usize = 256;
/// Corner of the grid in `base_link`, m: least x and least y.
pub const ORIGIN_M: [f64; 2] = [-40.96, -40.96];
/// Numbers of a cell.
pub const FEATURES: usize = 8;
/// Channels, rows and columns of the network's input: two by two cells are folded into one place.
pub const INPUT: [usize; 3] = [4 * FEATURES, ROWS / 2, COLUMNS / 2];

/// Upper ends of the slices of height above ground in which points are counted, m; the last begins under the ground.
pub const SLICES_M: [f64; 7] = [0.2, 0.5, 0.9, 1.3, 1.8, 2.6, LID_M as f64];
const FLOOR_M: f32 = -0.5;
const LID_M: f32 = 4.0;
const HIGHEST: usize = 7;
/// As many points in one slice of one cell count as full.
const FULL: f32 = 32.0;
/// Points this near to the car's own box are taken to be of the car, m.
const OWN_MARGIN_M: f64 = 0.15;

/// Numbers of points that are told apart in a slice: none to full.
const COUNTS: usize = FULL as usize + 1;
/// Floats from one channel of the input to the next.
const CHANNEL: usize = INPUT[1] * INPUT[2];

/// What the network sees: for each cell the logarithm of the number of points in seven slices of height above ground,
/// and the greatest height, all in 0..=1. Nothing in it depends on how high the sensor sits or how strong its echoes are.
#[derive(Debug, Clone)]
pub struct Grid {
    tensor: Vec<f32>,
    touched: Vec<u32>,
    terrain: Terrain,
    own: [[f64; 2]; 3],
    /// Those within the grid.
    within: Vec<Within>,
    /// For each `row * COLUMNS + column` one more than where its cell stands among `cells`, or 0: all that the points need
    /// is in few places, where the tensor has each of a cell's features in another channel.
    slots: Vec<u32>,
    cells: Vec<Cell>,
    /// The feature that stands for a number of points.
    logarithms: [f32; COUNTS],
}

/// A point within the grid. In float32, which is exact to hundredths of a millimetre here: what costs most is to move them.
#[derive(Debug, Clone, Copy)]
struct Within {
    /// Along x and y, cells.
    place: [f32; 2],
    z: f32,
    /// `row * COLUMNS + column`.
    at: u32,
}

#[derive(Debug, Clone, Copy)]
struct Cell {
    /// By slice, none above [`FULL`]; the last is of no slice.
    counts: [u8; 8],
    highest: f32,
}

impl Cell {
    const EMPTY: Self = Self { counts: [0; 8], highest: FLOOR_M };
}

impl Grid {
    /// An empty grid around this car.
    pub fn new(vehicle: &Vehicle) -> Self {
        let half = vehicle.width_m / 2.0 + OWN_MARGIN_M;
        let own = [
            [-vehicle.rear_overhang_m - OWN_MARGIN_M, vehicle.front_m() + OWN_MARGIN_M],
            [-half, half],
            [-1.0, vehicle.height_m + 1.0],
        ];
        Self {
            tensor: vec![0.0; INPUT[0] * CHANNEL],
            touched: Vec::with_capacity(16_384),
            terrain: Terrain::default(),
            own,
            within: Vec::new(),
            slots: vec![0; ROWS * COLUMNS],
            cells: Vec::with_capacity(16_384),
            logarithms: std::array::from_fn(|count| ((count as f32).ln_1p() / FULL.ln_1p()).min(1.0)),
        }
    }

    /// Fills the grid anew with points in `base_link`; those on the own car and beyond the grid are left out. Gives how
    /// many were used. Allocates nothing once it has grown.
    pub fn fill(&mut self, points: &[Point]) -> usize {
        self.find_ground(points);
        self.cells.clear();
        let mut used = 0;
        for point in &self.within {
            let height = point.z - self.terrain.height_at(point.place);
            if !(FLOOR_M..LID_M).contains(&height) {
                continue;
            }
            used += 1;
            let slot = &mut self.slots[point.at as usize];
            if *slot == 0 {
                self.cells.push(Cell::EMPTY);
                *slot = self.cells.len() as u32;
            }
            let cell = &mut self.cells[*slot as usize - 1];
            let slice: usize =
                SLICES_M[..SLICES_M.len() - 1].iter().map(|top| usize::from(height >= *top as f32)).sum();
            let count = &mut cell.counts[slice];
            *count = (*count + 1).min(FULL as u8);
            if height > cell.highest {
                cell.highest = height;
            }
        }
        self.write_tensor();
        used
    }

    fn find_ground(&mut self, points: &[Point]) {
        self.terrain.clear();
        self.within.clear();
        self.within.reserve(points.len());
        for point in points {
            let [x, y, z] = point.position;
            let [u, v] = place(x, y);
            if let Some(cell) = cell_at(u, v) {
                self.terrain.see(cell, z);
                if !self.is_own(point.position) {
                    self.within.push(Within { place: [u as f32, v as f32], z: z as f32, at: cell as u32 });
                }
            }
        }
        self.terrain.settle();
    }

    /// Puts the cells into the tensor, in its order.
    fn write_tensor(&mut self) {
        for cell in self.touched.drain(..) {
            for feature in 0..FEATURES {
                self.tensor[index(cell as usize, feature)] = 0.0;
            }
        }
        for (at, slot) in self.slots.iter_mut().enumerate().filter(|(_, slot)| **slot != 0) {
            let cell = self.cells[std::mem::take(slot) as usize - 1];
            self.touched.push(at as u32);
            let level = (cell.highest - FLOOR_M) / (LID_M - FLOOR_M);
            let start = index(at, 0);
            for (slice, count) in cell.counts[..HIGHEST].iter().enumerate() {
                self.tensor[start + slice * CHANNEL] = self.logarithms[usize::from(*count)];
            }
            self.tensor[start + HIGHEST * CHANNEL] = level.max(1e-3);
        }
    }

    fn is_own(&self, position: [f64; 3]) -> bool {
        // Without branches: on which of a car's sides a point is cannot be foretold.
        let within = |axis: usize| (position[axis] >= self.own[axis][0]) & (position[axis] <= self.own[axis][1]);
        within(0) & within(1) & within(2)
    }

    /// The network's input, `[INPUT]` row-major: channel `4 features (2 (row % 2) + column % 2)` and on, row / 2, column / 2.
    pub fn tensor(&self) -> &[f32] {
        &self.tensor
    }

    /// The ground under the points of the last [`Self::fill`].
    pub fn terrain(&self) -> &Terrain {
        &self.terrain
    }

    /// The cells that hold points (`row * COLUMNS + column`, ascending) with their features.
    pub fn cells(&self) -> impl Iterator<Item = (u32, [f32; FEATURES])> {
        self.touched
            .iter()
            .map(|&cell| (cell, std::array::from_fn(|feature| self.tensor[index(cell as usize, feature)])))
    }
}

/// Where a place in `base_link` is along x and y, in cells from the grid's corner.
pub(crate) fn place(x: f64, y: f64) -> [f64; 2] {
    const PER_M: f64 = 1.0 / CELL_M;
    [(x - ORIGIN_M[0]) * PER_M, (y - ORIGIN_M[1]) * PER_M]
}

/// The cell at a place told in cells, `row * COLUMNS + column`, if there is one.
pub(crate) fn cell_at(u: f64, v: f64) -> Option<usize> {
    let inside = (u >= 0.0) & (v >= 0.0) & (u < ROWS as f64) & (v < COLUMNS as f64);
    inside.then(|| u as i32 as usize * COLUMNS + v as i32 as usize)
}

/// Where a cell's feature stands in the tensor.
fn index(cell: usize, feature: usize) -> usize {
    let (row, column) = (cell / COLUMNS, cell % COLUMNS);
    let channel = ((row & 1) * 2 + (column & 1)) * FEATURES + feature;
    channel * CHANNEL + row / 2 * INPUT[2] + column / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(x: f64, y: f64, z: f64) -> Point {
        Point { position: [x, y, z], intensity: 0.0, time_s: 0.0 }
    }

    #[test]
    fn a_point_lands_in_its_cell_and_slice_and_is_gone_in_the_next_frame() {
        let mut grid = Grid::new(&Vehicle::default());
        assert_eq!(grid.fill(&[at(10.1, -3.0, 1.0), at(1.0, 0.0, 1.0), at(500.0, 0.0, 0.0)]), 1);
        let cells: Vec<_> = grid.cells().collect();
        let [row, column] = [(10.1 + 40.96) / CELL_M, (-3.0 + 40.96) / CELL_M].map(|v| v as usize);
        assert_eq!(cells.len(), 1);
        assert_eq!(cells[0].0 as usize, row * COLUMNS + column);
        assert!(cells[0].1[3] > 0.1 && cells[0].1[0] == 0.0 && (cells[0].1[7] - 1.5 / 4.5).abs() < 1e-6);
        grid.fill(&[]);
        assert!(grid.tensor().iter().all(|v| *v == 0.0));
    }

    #[test]
    fn each_height_is_counted_in_its_slice() {
        let mut grid = Grid::new(&Vehicle::default());
        for (slice, top) in SLICES_M.iter().enumerate() {
            for (height, expected) in [(top - 1e-4, slice), (top + 1e-4, slice + 1)] {
                // The ground beside it is in a cell of its own, the first.
                grid.fill(&[at(11.0, 0.1, 0.0), at(11.5, 0.1, height)]);
                let counted: Vec<usize> = grid
                    .cells()
                    .skip(1)
                    .flat_map(|(_, features)| (0..HIGHEST).filter(move |f| features[*f] > 0.0))
                    .collect();
                assert_eq!(counted, if expected == HIGHEST { vec![] } else { vec![expected] }, "{height} m");
            }
        }
    }

    #[test]
    fn features_stay_within_zero_and_one() {
        let mut grid = Grid::new(&Vehicle::default());
        let points: Vec<Point> = (0..5000).map(|i| at(12.0, 2.0, f64::from(i % 50) * 0.1 - 1.0)).collect();
        grid.fill(&points);
        assert!(grid.tensor().iter().all(|v| (0.0..=1.0).contains(v)));
    }
}
