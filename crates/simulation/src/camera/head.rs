use nalgebra::{Matrix2, Vector2, Vector3};
use road_map::{LampShape, LaneGraph, Signal, SignalGroupId, SignalKind};

use super::background::Illumination;
use super::canvas::{Canvas, Light, Tone};
use super::glare::{Glare, halo};
use super::view::View;
use crate::signals::SignalColor;

/// The lamp of a traffic light that is lit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LitLamp {
    /// None: the light is out of order.
    None,
    /// The upper one.
    Red,
    /// The middle one.
    Amber,
    /// The lower one.
    Green,
}

impl From<SignalColor> for LitLamp {
    fn from(color: SignalColor) -> Self {
        match color {
            SignalColor::Red => Self::Red,
            SignalColor::Yellow => Self::Amber,
            SignalColor::Green => Self::Green,
        }
    }
}

/// The head of a traffic light: three lamps, one above the other.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LightHead {
    /// The map's id of the light.
    pub id: i64,
    /// Its group.
    pub group: SignalGroupId,
    /// The middle of its face, in the map, m.
    pub center: Vector3<f64>,
    /// Heading that its face looks to, rad.
    pub facing: f64,
    /// Width and height, m.
    pub size: [f64; 2],
    /// What its lamps are shaped as.
    pub shape: LampShape,
    /// What it shows.
    pub lit: LitLamp,
    /// Brightness of its lamps; 1 for new ones.
    pub brightness: f64,
}

/// The face is this far before the post, m.
const BEFORE_POST_M: f64 = 0.27;
/// Depth of the housing, m.
pub(crate) const DEPTH_M: f64 = 0.22;
/// A lamp of a clear noon is this bright beside a white wall in the sun.
const LAMP: f64 = 0.9;
/// A lamp fills this share of its third of the head.
const LAMP_SHARE: f64 = 0.38;
const HOUSING: Light = [0.035, 0.035, 0.04];

impl LightHead {
    /// All lights of a map, unlit; each once.
    pub fn of_map(map: &LaneGraph) -> Vec<Self> {
        let mut heads: Vec<Self> = map.signals.iter().filter_map(Self::of_signal).collect();
        heads.sort_by_key(|head| (head.id, head.group));
        heads.dedup_by_key(|head| head.id);
        heads
    }

    fn of_signal(signal: &Signal) -> Option<Self> {
        let SignalKind::Light(group) = signal.kind else { return None };
        let (sin, cos) = signal.facing.sin_cos();
        let at = signal.position;
        Some(Self {
            id: signal.id,
            group,
            center: Vector3::new(at.x + BEFORE_POST_M * cos, at.y + BEFORE_POST_M * sin, signal.z),
            facing: signal.facing,
            size: signal.size,
            shape: signal.lamps,
            lit: LitLamp::None,
            brightness: 1.0,
        })
    }

    /// Out of its face.
    pub fn normal(&self) -> Vector3<f64> {
        Vector3::new(self.facing.cos(), self.facing.sin(), 0.0)
    }

    /// To the right as one sees it who looks at its face.
    pub fn right(&self) -> Vector3<f64> {
        Vector3::new(-self.facing.sin(), self.facing.cos(), 0.0)
    }

    /// The middle of a lamp above that of the head, m, and its radius.
    fn lamp(&self, lamp: LitLamp) -> (f64, f64) {
        let third = self.size[1] / 3.0;
        let above = match lamp {
            LitLamp::Red => third,
            LitLamp::Amber | LitLamp::None => 0.0,
            LitLamp::Green => -third,
        };
        (above, LAMP_SHARE * third.min(self.size[0]))
    }
}

fn color(lamp: LitLamp) -> Light {
    match lamp {
        LitLamp::None => [0.0; 3],
        LitLamp::Red => [1.0, 0.07, 0.035],
        LitLamp::Amber => [1.0, 0.46, 0.02],
        LitLamp::Green => [0.06, 1.0, 0.55],
    }
}

/// Whether a place on a lamp shines: `across` (to the right) and `above` in radii.
fn shines(shape: LampShape, across: f64, above: f64) -> bool {
    // Along the arrow, and beside it.
    let (along, beside) = match shape {
        LampShape::Circle => return across * across + above * above <= 1.0,
        LampShape::LeftArrow => (-across, above.abs()),
        LampShape::RightArrow => (across, above.abs()),
        LampShape::UpArrow => (above, across.abs()),
    };
    let shaft = (-0.85..0.1).contains(&along) && beside < 0.2;
    let tip = (0.0..0.9).contains(&along) && beside < 0.8 * (0.9 - along);
    shaft || tip
}

/// What is to be seen of one head.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Seen {
    /// Share of the lit lamp (of the face, where none is) that nothing stands before, 0..=1.
    pub visible: f64,
    /// Scattered light over the lamp's own; above 1 the lamp cannot be told.
    pub glare: f64,
}

/// Maps pixels around a head to places on its face: a homography for the pinhole, and the lens linear at the head.
struct Face {
    center: Vector3<f64>,
    right: Vector3<f64>,
    up: Vector3<f64>,
    normal: Vector3<f64>,
    /// The middle's pixel and flat ray, and how rays change with pixels there.
    pixel: Vector2<f64>,
    flat: Vector2<f64>,
    per_pixel: Matrix2<f64>,
}

impl Face {
    fn new(view: &View, head: &LightHead) -> Option<Self> {
        let center = view.to_camera(&head.center);
        if center.z < 0.5 {
            return None;
        }
        let flat = [center.x / center.z, center.y / center.z];
        let pixel = view.lens.pixel(flat)?;
        let step = 1e-4;
        let aside = view.lens.pixel([flat[0] + step, flat[1]])?;
        let below = view.lens.pixel([flat[0], flat[1] + step])?;
        let change = |to: [f64; 2]| [(to[0] - pixel[0]) / step, (to[1] - pixel[1]) / step];
        let (dx, dy) = (change(aside), change(below));
        Some(Self {
            center,
            right: view.turn * head.right(),
            up: view.turn * Vector3::z(),
            normal: view.turn * head.normal(),
            pixel: pixel.into(),
            flat: flat.into(),
            per_pixel: Matrix2::new(dx[0], dy[0], dx[1], dy[1]).try_inverse()?,
        })
    }

    /// Place on the face (right, up; m) that a pixel sees.
    fn place(&self, x: f64, y: f64) -> [f64; 2] {
        let flat = self.flat + self.per_pixel * (Vector2::new(x, y) - self.pixel);
        let ray = Vector3::new(flat.x, flat.y, 1.0);
        let depth = self.normal.dot(&self.center) / self.normal.dot(&ray);
        let off = ray * depth - self.center;
        [off.dot(&self.right), off.dot(&self.up)]
    }

    /// Pixels that the face may cover: columns and rows.
    fn bounds(&self, view: &View, half: [f64; 2], canvas: &Canvas) -> Option<[std::ops::Range<usize>; 2]> {
        let (mut low, mut high) = ([f64::MAX; 2], [f64::MIN; 2]);
        for (a, b) in [(1.0, 1.0), (1.0, -1.0), (-1.0, 1.0), (-1.0, -1.0)] {
            let corner = self.center + self.right * (a * half[0]) + self.up * (b * half[1]);
            let pixel = view.lens.project(corner.into())?;
            for axis in 0..2 {
                low[axis] = low[axis].min(pixel[axis]);
                high[axis] = high[axis].max(pixel[axis]);
            }
        }
        let range = |axis: usize, count: usize| {
            let clamp = |v: f64| v.clamp(0.0, count as f64) as usize;
            clamp((low[axis] - 1.0).floor())..clamp((high[axis] + 2.0).ceil())
        };
        Some([range(0, canvas.width), range(1, canvas.height)])
    }
}

/// Draws the face of a head over what stands behind it; `None` where the camera does not see the face.
pub(crate) fn draw(
    canvas: &mut Canvas,
    tone: &Tone,
    view: &View,
    head: &LightHead,
    light: &Illumination,
    glare: Option<&Glare>,
) -> Option<Seen> {
    let to_camera = view.position - head.center;
    let distance = to_camera.norm();
    let facing = head.normal().dot(&to_camera) / distance;
    if facing < 0.05 || distance > 250.0 {
        return None;
    }
    let face = Face::new(view, head)?;
    let half = [head.size[0] / 2.0, head.size[1] / 2.0];
    let [columns, rows] = face.bounds(view, half, canvas)?;
    // Lamps throw their light ahead.
    let shining = LAMP * head.brightness * light.exposure * facing.powf(1.3);
    let own = color(head.lit).map(|v| v * shining as f32);
    let housing = light.on(HOUSING, &head.normal(), distance);
    // Sun on the lenses makes all three seem lit a little.
    let lens = |lamp| light.on(color(lamp).map(|v| 0.05 + 0.1 * v), &head.normal(), distance);
    let lamps =
        [LitLamp::Red, LitLamp::Amber, LitLamp::Green].map(|lamp| (head.lamp(lamp), lens(lamp), lamp == head.lit));
    let per_lamp = head.lamp(LitLamp::Red).1 * view.lens.focal[0] / face.center.z;
    let samples = ((6.0 / per_lamp).ceil() as usize).clamp(1, 4);
    let nearness = (1.0 / face.center.z) as f32;
    let (mut shown, mut whole) = (0.0, 0.0);
    for row in rows {
        for column in columns.clone() {
            let index = row * canvas.width + column;
            let hidden = canvas.nearness[index] > nearness * 1.01;
            let (mut covered, mut sum, mut lit) = (0, [0.0f32; 3], 0);
            for j in 0..samples {
                for i in 0..samples {
                    let offset = |k: usize| (k as f64 + 0.5) / samples as f64 - 0.5;
                    let [a, b] = face.place(column as f64 + offset(i), row as f64 + offset(j));
                    if a.abs() > half[0] || b.abs() > half[1] {
                        continue;
                    }
                    covered += 1;
                    let mut seen = housing;
                    for ((above, radius), glass, is_lit) in lamps {
                        let (across, above) = (a / radius, (b - above) / radius);
                        if across * across + above * above <= 1.0 {
                            seen = glass;
                            if is_lit && shines(head.shape, across, above) {
                                lit += 1;
                                seen = std::array::from_fn(|c| glass[c] + own[c]);
                            }
                        }
                    }
                    (0..3).for_each(|c| sum[c] += seen[c]);
                }
            }
            // Of an unlit head the whole face counts.
            let counts = f64::from(if head.lit == LitLamp::None { covered } else { lit });
            whole += counts;
            if hidden || covered == 0 {
                continue;
            }
            shown += counts;
            let all = (samples * samples) as f32;
            let share = covered as f32 / all;
            let under = tone.decode(canvas.pixels[index]);
            canvas.pixels[index] = tone.encode(std::array::from_fn(|c| under[c] * (1.0 - share) + sum[c] / all));
            if share > 0.5 {
                canvas.nearness[index] = nearness;
            }
        }
    }
    let visible = if whole > 0.0 { shown / whole } else { 0.0 };
    let (above, radius) = head.lamp(head.lit);
    let middle = view.lens.project((face.center + face.up * above).into())?;
    if shining > 1.2 && visible > 0.1 && head.lit != LitLamp::None {
        let glow = own.map(|v| v * 0.05 * visible as f32);
        let radius_px = radius * view.lens.focal[0] / face.center.z;
        halo(canvas, tone, middle, glow, (2.0 + 3.0 * radius_px) * shining.sqrt().min(2.5));
    }
    // The part of its size that a lamp smaller than a pixel keeps of its light.
    let blurred = (2.0 * per_lamp).min(1.0);
    let glare = glare.map_or(0.0, |glare| glare.at(middle) / (shining * blurred * blurred).min(1.0));
    Some(Seen { visible, glare })
}
