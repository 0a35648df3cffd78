use inference::{ElementType, TensorSpec, TensorView};
use serde::Deserialize;

use crate::error::{DecoderError, LayoutMismatch, constant};
use crate::layout::Layout;

const SECTION: &str = "[encoder]";

/// `kind = "pillars"`: points gathered in columns of a grid, each point with its own numbers, its offset from the mean of its
/// column and from the column's middle: `[pillars, points, features]`.
///
/// With [`coordinates`](Self::coordinates) the network scatters its pillars itself and takes `[pillars, 4]` whole numbers:
/// scan, z, y, x. Without, [`Scatter`] does it between an encoder and a head. Sources: OpenPCDet, PillarVFE; Autoware
/// Universe, autoware_lidar_centerpoint.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pillars {
    /// The input with the features.
    pub features: String,
    /// The input with the grid coordinates, where the network takes them.
    pub coordinates: Option<String>,
    /// The input with the number of points of each pillar, where the network takes it.
    pub counts: Option<String>,
    /// Least x, y, z and greatest x, y, z, m.
    pub range_m: [f32; 6],
    /// Sides of a pillar, m; it is as high as the range.
    pub pillar_m: [f32; 2],
    /// Most pillars.
    pub pillars: usize,
    /// Most points of one.
    pub points: usize,
    /// From the frame of the points to the one that the network was trained in, m: added to points, to be taken off boxes.
    #[serde(default)]
    pub shift_m: [f32; 3],
    /// What a point is told by, in the network's order.
    pub point_features: Vec<PointFeature>,
    #[serde(skip)]
    state: State,
}

/// One number of a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PointFeature {
    /// Place, m.
    X,
    /// Place, m.
    Y,
    /// Place, m.
    Z,
    /// Strength of the return.
    Intensity,
    /// How long before the newest sweep it was measured, s.
    TimeLag,
    /// From the mean of the pillar's points, m.
    MeanX,
    /// From the mean of the pillar's points, m.
    MeanY,
    /// From the mean of the pillar's points, m.
    MeanZ,
    /// From the pillar's middle, m.
    CenterX,
    /// From the pillar's middle, m.
    CenterY,
    /// From the middle of the range's height, m.
    CenterZ,
}

#[derive(Debug, Clone, Default)]
struct State {
    /// For each cell of the grid the pillar in it, if any.
    pillar_at: Vec<u32>,
    /// Cells with pillars, in the order of first points.
    used: Vec<u32>,
    counts: Vec<i32>,
    /// By pillar, of its points' places.
    sums: Vec<[f32; 3]>,
    means: Vec<[f32; 3]>,
    kept: Vec<Kept>,
    /// How many pillars the last cloud had, and for each its points whose features stand in `features`: only what was
    /// written is cleared.
    described: usize,
    filled: Vec<usize>,
    features: Vec<f32>,
    coordinates: Vec<i32>,
}

/// A point, its pillar, and which of the pillar's it is.
#[derive(Debug, Clone, Copy)]
struct Kept {
    point: [f32; 5],
    pillar: u32,
    index: u32,
}

const NONE: u32 = u32::MAX;

impl Pillars {
    /// Columns (x) and rows (y) of the grid.
    pub fn grid(&self) -> [usize; 2] {
        [0, 1].map(|i| ((self.range_m[i + 3] - self.range_m[i]) / self.pillar_m[i]).round() as usize)
    }

    /// Holds the constants and the layout against a model's inputs, and makes room.
    ///
    /// # Errors
    /// [`DecoderError`] naming the tensor or constant, what is expected and what there is.
    pub fn check(mut self, inputs: &[TensorSpec]) -> Result<Self, DecoderError> {
        if !(0..3).all(|i| self.range_m[i] < self.range_m[i + 3]) || !self.pillar_m.iter().all(|side| *side > 0.0) {
            return Err(constant(
                SECTION,
                "range_m",
                "[least x, y, z, greatest x, y, z] and pillars above 0",
                self.range_m,
            ));
        }
        let [columns, rows] = self.grid();
        if columns * rows == 0 || columns * rows > 1 << 26 {
            return Err(constant(SECTION, "pillar_m", "a grid of 1 to 67108864 cells", [columns, rows]));
        }
        let name = format!("pillars of {} points with {} features", self.points, self.point_features.len());
        let layout = Layout { section: SECTION, side: "input", name };
        layout.find(inputs, &self.features, &[self.pillars, self.points, self.point_features.len()])?;
        if let Some(tensor) = &self.coordinates {
            layout.find_of(inputs, tensor, ElementType::Int32, &[self.pillars, 4])?;
        }
        if let Some(tensor) = &self.counts {
            layout.find_of(inputs, tensor, ElementType::Int32, &[self.pillars])?;
        }
        let known = [Some(&self.features), self.coordinates.as_ref(), self.counts.as_ref()];
        if let Some(other) = inputs.iter().find(|spec| !known.contains(&Some(&spec.name))) {
            return Err(Box::new(LayoutMismatch {
                section: SECTION,
                side: "input",
                tensor: other.name.clone(),
                layout: layout.name,
                expected: "no such tensor".into(),
                got: format!("{} {:?}", other.element, other.shape),
            })
            .into());
        }
        self.state = State {
            pillar_at: vec![NONE; columns * rows],
            used: Vec::with_capacity(self.pillars),
            counts: vec![0; self.pillars],
            sums: vec![[0.0; 3]; self.pillars],
            means: vec![[0.0; 3]; self.pillars],
            kept: Vec::new(),
            described: 0,
            filled: vec![0; self.pillars],
            features: vec![0.0; self.pillars * self.points * self.point_features.len()],
            coordinates: vec![-1; self.pillars * 4],
        };
        Ok(self)
    }

    /// Gathers points: x, y, z (m), intensity, time lag (s). Those beyond the range, beyond the most pillars and beyond the
    /// most points of a pillar are left out, the last ones first. Gives the number of pillars. Allocates
    /// nothing once it has grown.
    pub fn fill(&mut self, points: impl IntoIterator<Item = [f32; 5]>) -> usize {
        let [columns, rows] = self.grid();
        let (limit, per_pillar) = (self.pillars, self.points);
        let state = &mut self.state;
        for cell in state.used.drain(..) {
            state.pillar_at[cell as usize] = NONE;
        }
        state.counts.fill(0);
        state.sums.fill([0.0; 3]);
        state.kept.clear();
        let [x0, y0, z0, x1, y1, z1] = self.range_m;
        for mut point in points {
            for (value, shift) in point.iter_mut().zip(self.shift_m) {
                *value += shift;
            }
            let [x, y, z, ..] = point;
            // NaN is nowhere.
            if !(x >= x0 && x < x1 && y >= y0 && y < y1 && z >= z0 && z < z1) {
                continue;
            }
            let column = (((x - x0) / self.pillar_m[0]) as usize).min(columns - 1);
            let row = (((y - y0) / self.pillar_m[1]) as usize).min(rows - 1);
            let cell = row * columns + column;
            let mut pillar = state.pillar_at[cell];
            if pillar == NONE {
                if state.used.len() == limit {
                    continue;
                }
                pillar = state.used.len() as u32;
                state.pillar_at[cell] = pillar;
                state.used.push(cell as u32);
            }
            let count = &mut state.counts[pillar as usize];
            if (*count as usize) < per_pillar {
                for (sum, value) in state.sums[pillar as usize].iter_mut().zip(point) {
                    *sum += value;
                }
                state.kept.push(Kept { point, pillar, index: *count as u32 });
                *count += 1;
            }
        }
        self.describe(columns)
    }

    fn describe(&mut self, columns: usize) -> usize {
        let state = &mut self.state;
        let (per_pillar, width) = (self.points, self.point_features.len());
        let middle_z = 0.5 * (self.range_m[2] + self.range_m[5]);
        // Means and middles first, then the points in their own order: a network's input may have tens of megabytes, and
        // each of its places is gone to once.
        for (pillar, cell) in state.used.iter().enumerate() {
            let (row, column) = (*cell as usize / columns, *cell as usize % columns);
            state.coordinates[4 * pillar..4 * pillar + 4].copy_from_slice(&[0, 0, row as i32, column as i32]);
            let count = state.counts[pillar] as usize;
            let share = 1.0 / count.max(1) as f32;
            state.means[pillar] = state.sums[pillar].map(|sum| sum * share);
            let before = std::mem::replace(&mut state.filled[pillar], count);
            let own = &mut state.features[pillar * per_pillar * width..][..per_pillar * width];
            own[count * width..before.max(count) * width].fill(0.0);
        }
        for pillar in state.used.len()..state.described {
            let before = std::mem::take(&mut state.filled[pillar]);
            state.features[pillar * per_pillar * width..][..before * width].fill(0.0);
            state.coordinates[4 * pillar..4 * pillar + 4].fill(-1);
        }
        state.described = state.used.len();
        for Kept { point: [x, y, z, intensity, time_lag], pillar, index } in state.kept.iter().copied() {
            let pillar = pillar as usize;
            let (row, column) = (state.coordinates[4 * pillar + 2], state.coordinates[4 * pillar + 3]);
            let mean = state.means[pillar];
            let middle_x = self.range_m[0] + (column as f32 + 0.5) * self.pillar_m[0];
            let middle_y = self.range_m[1] + (row as f32 + 0.5) * self.pillar_m[1];
            let (to_mean, to_middle) = ([x - mean[0], y - mean[1], z - mean[2]], [x - middle_x, y - middle_y]);
            // In the order of `PointFeature`.
            let all = [
                x,
                y,
                z,
                intensity,
                time_lag,
                to_mean[0],
                to_mean[1],
                to_mean[2],
                to_middle[0],
                to_middle[1],
                z - middle_z,
            ];
            let values = &mut state.features[(pillar * per_pillar + index as usize) * width..][..width];
            for (value, feature) in values.iter_mut().zip(&self.point_features) {
                *value = all[*feature as usize];
            }
        }
        state.used.len()
    }

    /// The tensors of the last [`Self::fill`], by the names of a model's inputs and in their order. Unused pillars have the
    /// coordinates -1 and features 0.
    pub fn tensors<'a>(&'a self, inputs: &[TensorSpec]) -> Vec<TensorView<'a>> {
        let view = |spec: &TensorSpec| {
            if Some(&spec.name) == self.coordinates.as_ref() {
                TensorView::Int32(&self.state.coordinates)
            } else if Some(&spec.name) == self.counts.as_ref() {
                TensorView::Int32(&self.state.counts)
            } else {
                TensorView::Float32(&self.state.features)
            }
        };
        inputs.iter().map(view).collect()
    }

    /// Cells of the used pillars, `row * columns + column`, in the pillars' order.
    pub fn cells(&self) -> &[u32] {
        &self.state.used
    }
}

/// Puts the features of pillars (`[pillars, 1, channels]` or `[pillars, channels]`) where the pillars are: `[1, channels,
/// rows, columns]`, 0 elsewhere.
#[derive(Debug, Clone)]
pub struct Scatter {
    channels: usize,
    cells: usize,
    grid: Vec<f32>,
    last: Vec<u32>,
}

impl Scatter {
    /// Between an encoder's output and a head's input.
    ///
    /// # Errors
    /// [`DecoderError`] naming the tensor, what is expected and what there is.
    pub fn new(pillars: &Pillars, encoder: &[TensorSpec], head: &[TensorSpec]) -> Result<Self, DecoderError> {
        let [columns, rows] = pillars.grid();
        let name = format!("scatter of {} pillars into {rows} rows and {columns} columns", pillars.pillars);
        let wrong = |side, specs: &[TensorSpec], expected: String| {
            DecoderError::from(Box::new(LayoutMismatch {
                section: SECTION,
                side,
                tensor: specs.first().map(|spec| spec.name.clone()).unwrap_or_default(),
                layout: name.clone(),
                expected,
                got: format!("{:?}", specs.iter().map(|spec| &spec.shape).collect::<Vec<_>>()),
            }))
        };
        let channels = match encoder {
            [TensorSpec { shape, .. }] => match shape[..] {
                [count, 1, channels] | [count, channels] if count == pillars.pillars => channels,
                _ => return Err(wrong("output", encoder, format!("[{}, 1, channels]", pillars.pillars))),
            },
            _ => return Err(wrong("output", encoder, "one tensor".into())),
        };
        if !matches!(head, [spec] if spec.shape == [1, channels, rows, columns]) {
            return Err(wrong("input", head, format!("[1, {channels}, {rows}, {columns}]")));
        }
        let cells = rows * columns;
        Ok(Self { channels, cells, grid: vec![0.0; channels * cells], last: Vec::with_capacity(pillars.pillars) })
    }

    /// Scatters the features of pillars in these cells; gives the head's input. Allocates nothing.
    pub fn scatter(&mut self, features: &[f32], cells: &[u32]) -> &[f32] {
        for cell in self.last.drain(..) {
            for channel in 0..self.channels {
                self.grid[channel * self.cells + cell as usize] = 0.0;
            }
        }
        for (cell, values) in cells.iter().zip(features.chunks_exact(self.channels)) {
            for (channel, value) in values.iter().enumerate() {
                self.grid[channel * self.cells + *cell as usize] = *value;
            }
        }
        self.last.extend_from_slice(cells);
        &self.grid
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pillars() -> Pillars {
        let text = "features = \"f\"\ncoordinates = \"c\"\nrange_m = [0.0, -8.0, -2.0, 16.0, 8.0, 2.0]\n\
            pillar_m = [1.0, 1.0]\npillars = 20\npoints = 4\n\
            point_features = [\"x\", \"y\", \"z\", \"intensity\", \"mean_x\", \"mean_z\", \"center_y\", \"center_z\"]";
        let spec = |name: &str, element, shape: &[usize]| TensorSpec {
            name: name.into(),
            element,
            shape: shape.into(),
            axes: String::new(),
            range: None,
        };
        let inputs = [spec("f", ElementType::Float32, &[20, 4, 8]), spec("c", ElementType::Int32, &[20, 4])];
        toml::from_str::<Pillars>(text).unwrap().check(&inputs).unwrap()
    }

    /// Points in some cells, more in some than a pillar takes.
    fn points(seed: usize, count: usize) -> impl Iterator<Item = [f32; 5]> {
        (0..count).map(move |i| {
            let n = (i * i + 7 * seed + i * seed) % 97;
            [(n % 13) as f32 + 0.3, (n % 5) as f32 - 2.2, 0.01 * i as f32 - 0.5, n as f32, 0.0]
        })
    }

    #[test]
    fn nothing_of_the_last_cloud_is_left() {
        let mut used = pillars();
        for (seed, count) in [(1, 80), (2, 9), (3, 60), (4, 0), (5, 30)] {
            let mut fresh = pillars();
            assert_eq!(used.fill(points(seed, count)), fresh.fill(points(seed, count)));
            assert_eq!(used.state.features, fresh.state.features);
            assert_eq!(used.state.coordinates, fresh.state.coordinates);
        }
    }

    #[test]
    fn offsets_are_from_the_mean_of_the_kept_points_and_the_middle_of_the_pillar() {
        let mut pillars = pillars();
        assert_eq!(
            pillars.fill([[2.25, 1.5, 0.5, 7.0, 0.0], [99.0, 0.0, 0.0, 0.0, 0.0], [2.75, 1.25, -0.5, 9.0, 0.0]]),
            1
        );
        assert_eq!(pillars.state.features[..8], [2.25, 1.5, 0.5, 7.0, -0.25, 0.5, 0.0, 0.5]);
        assert_eq!(pillars.state.features[8..16], [2.75, 1.25, -0.5, 9.0, 0.25, -0.5, -0.25, -0.5]);
        assert_eq!(pillars.state.coordinates[..8], [0, 0, 9, 2, -1, -1, -1, -1]);
    }
}
