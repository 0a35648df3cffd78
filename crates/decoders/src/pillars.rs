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
    raw: Vec<[f32; 5]>,
    features: Vec<f32>,
    coordinates: Vec<i32>,
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
            raw: vec![[0.0; 5]; self.pillars * self.points],
            features: vec![0.0; self.pillars * self.points * self.point_features.len()],
            coordinates: vec![0; self.pillars * 4],
        };
        Ok(self)
    }

    /// Gathers points: x, y, z (m), intensity, time lag (s). Those beyond the range, beyond the most pillars and beyond the
    /// most points of a pillar are left out, the last ones first. Gives the number of pillars. Allocates nothing.
    pub fn fill(&mut self, points: impl IntoIterator<Item = [f32; 5]>) -> usize {
        let [columns, rows] = self.grid();
        let (limit, per_pillar) = (self.pillars, self.points);
        let state = &mut self.state;
        for cell in state.used.drain(..) {
            state.pillar_at[cell as usize] = NONE;
        }
        state.counts.fill(0);
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
                state.raw[pillar as usize * per_pillar + *count as usize] = point;
                *count += 1;
            }
        }
        self.describe(columns)
    }

    fn describe(&mut self, columns: usize) -> usize {
        let state = &mut self.state;
        state.features.fill(0.0);
        state.coordinates.fill(-1);
        let (per_pillar, width) = (self.points, self.point_features.len());
        let middle_z = 0.5 * (self.range_m[2] + self.range_m[5]);
        for (pillar, cell) in state.used.iter().enumerate() {
            let (row, column) = (*cell as usize / columns, *cell as usize % columns);
            state.coordinates[4 * pillar..4 * pillar + 4].copy_from_slice(&[0, 0, row as i32, column as i32]);
            let raw = &state.raw[pillar * per_pillar..][..state.counts[pillar] as usize];
            let share = 1.0 / raw.len().max(1) as f32;
            let mean = [0, 1, 2].map(|axis| raw.iter().map(|point| point[axis]).sum::<f32>() * share);
            let middle = [
                self.range_m[0] + (column as f32 + 0.5) * self.pillar_m[0],
                self.range_m[1] + (row as f32 + 0.5) * self.pillar_m[1],
                middle_z,
            ];
            for (i, point) in raw.iter().enumerate() {
                let start = (pillar * per_pillar + i) * width;
                for (value, feature) in state.features[start..start + width].iter_mut().zip(&self.point_features) {
                    *value = match feature {
                        PointFeature::X => point[0],
                        PointFeature::Y => point[1],
                        PointFeature::Z => point[2],
                        PointFeature::Intensity => point[3],
                        PointFeature::TimeLag => point[4],
                        PointFeature::MeanX => point[0] - mean[0],
                        PointFeature::MeanY => point[1] - mean[1],
                        PointFeature::MeanZ => point[2] - mean[2],
                        PointFeature::CenterX => point[0] - middle[0],
                        PointFeature::CenterY => point[1] - middle[1],
                        PointFeature::CenterZ => point[2] - middle[2],
                    };
                }
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
