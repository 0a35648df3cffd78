use std::sync::Arc;

use geometry::Pinhole;
use nalgebra::{Isometry3, Rotation3, Vector3};

use super::background::{BLOCK, Illumination, paint};
use super::canvas::{Canvas, Light, Tone};
use super::config::{CameraConfig, CameraConfigError};
use super::glare::Glare;
use super::head::{self, DEPTH_M, LightHead};
use super::mesh::Material;
use super::noise::Noise;
use super::view::{Corner, View};
use crate::lidar::{Body, Instance, Part, Scene, Target};
use crate::random::{combine, hash, unit};
use crate::sky::Sky;

/// Farther than this nothing is drawn but heads of traffic lights, m.
const RANGE_M: f64 = 130.0;
/// What is smaller than this in the image is left out, pixels.
const LEAST_PX: f64 = 0.7;

/// One image.
#[derive(Debug, Clone, PartialEq)]
pub struct CameraFrame {
    /// When, s.
    pub stamp_s: f64,
    /// Red, green, blue of each pixel, row by row: `rgb8`.
    pub pixels: Vec<u8>,
    /// The truth of the heads whose faces are turned to the camera: for training and evaluation, never published.
    pub heads: Vec<HeadTruth>,
}

/// How well a head of a traffic light is to be seen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HeadTruth {
    /// The head.
    pub head: LightHead,
    /// Share of the lit lamp (of the face, where none is) that nothing stands before, 0..=1.
    pub visible: f64,
    /// Scattered light over the lamp's own; above 1 the lamp cannot be told.
    pub glare: f64,
}

/// A camera that draws.
#[derive(Debug, Clone)]
pub struct Camera {
    config: CameraConfig,
    lens: Pinhole,
    tone: Tone,
    noise: Noise,
    canvas: Canvas,
    rays: Vec<[f64; 2]>,
    corners: Vec<Corner>,
    /// By the size of the head's face.
    housings: Vec<([f64; 2], Arc<Body>)>,
}

impl Camera {
    /// Checks the configuration and prepares the lens.
    ///
    /// # Errors
    /// [`CameraConfigError`] naming the field.
    pub fn new(config: CameraConfig) -> Result<Self, CameraConfigError> {
        config.check()?;
        let lens = config.pinhole();
        let [half_x, half_y] = BLOCK.map(|size| (size as f64 - 1.0) / 2.0);
        let middles = |from: usize, count: usize| (0..count).step_by(from).map(|at| at as f64);
        let rays = middles(BLOCK[1], config.height)
            .flat_map(|y| middles(BLOCK[0], config.width).map(move |x| [x + half_x, y + half_y]))
            .map(|pixel| lens.ray(pixel))
            .collect();
        Ok(Self {
            lens,
            tone: Tone::new(),
            noise: Noise::new(),
            canvas: Canvas::new(config.width, config.height),
            rays,
            corners: Vec::new(),
            housings: Vec::new(),
            config,
        })
    }

    /// The lens.
    pub fn lens(&self) -> &Pinhole {
        &self.lens
    }

    /// Draws what a camera at `pose` sees (a mounting that looks along x, z up, in the map). `key` fixes exposure and
    /// noise.
    pub fn render(
        &mut self,
        scene: &Scene,
        heads: &[LightHead],
        pose: &Isometry3<f64>,
        sky: &Sky,
        (stamp_s, key): (f64, u64),
    ) -> CameraFrame {
        let view = View::new(self.lens, pose);
        let bias = 0.8 + 0.5 * unit(hash(key ^ 0xe4b0));
        let light = Illumination::new(*sky, bias);
        paint(&mut self.canvas, &self.tone, &view, &self.rays, &scene.ground, &light);
        for instance in scene.fixtures.iter().chain(&scene.actors) {
            self.draw(&view, instance, &light);
        }
        for head in heads.iter().filter(|head| (head.center - view.position).norm() < RANGE_M) {
            let housing = self.housing(head);
            self.draw(&view, &housing, &light);
        }
        let glare = Glare::new(&view, &self.canvas, &light);
        let mut seen: Vec<HeadTruth> = Vec::new();
        for head in heads {
            let drawn = head::draw(&mut self.canvas, &self.tone, &view, head, &light, glare.as_ref());
            seen.extend(drawn.map(|s| HeadTruth { head: *head, visible: s.visible, glare: s.glare }));
        }
        if let Some(glare) = glare {
            glare.add(&mut self.canvas, &self.tone);
        }
        let gain = if sky.is_dark() { 3.0 } else { 1.0 };
        self.noise.add(&mut self.canvas, self.config.noise * gain, key);
        CameraFrame { stamp_s, pixels: self.canvas.pixels.as_flattened().to_vec(), heads: seen }
    }

    /// An image of a lens that light floods: white, with noise. For the fault.
    pub(crate) fn blinded(&mut self, (stamp_s, key): (f64, u64)) -> CameraFrame {
        self.canvas.pixels.fill([250; 3]);
        self.noise.add(&mut self.canvas, self.config.noise, key);
        CameraFrame { stamp_s, pixels: self.canvas.pixels.as_flattened().to_vec(), heads: Vec::new() }
    }

    /// The housing of a head, behind its face.
    fn housing(&mut self, head: &LightHead) -> Instance {
        let found = self.housings.iter().find(|(size, _)| *size == head.size).map(|(_, body)| Arc::clone(body));
        let body = found.unwrap_or_else(|| {
            let (half, [_, height]) = (head.size[0] / 2.0, head.size);
            let part = Part::cuboid([-DEPTH_M, -0.005], [-half, half], [-height / 2.0, height / 2.0], 0.04);
            let body = Body::new(vec![part]);
            self.housings.push((head.size, Arc::clone(&body)));
            body
        });
        Instance::fixture(head.center.into(), head.facing, body)
    }

    fn draw(&mut self, view: &View, instance: &Instance, light: &Illumination) {
        let body = &instance.body;
        let middle = instance.position + Vector3::z() * (body.height / 2.0);
        let reach = body.radius.hypot(body.height / 2.0);
        let center = view.to_camera(&middle);
        let distance = center.norm();
        if distance - reach > RANGE_M || !view.may_see(&center, reach) {
            return;
        }
        let focal = view.lens.focal[0];
        let turn = Rotation3::from_axis_angle(&Vector3::z_axis(), instance.yaw);
        let paint = Paint::new(instance);
        let mesh = body.mesh();
        // From the camera, in the body's frame.
        let eye = turn.inverse() * (view.position - instance.position);
        let mut polygon = Vec::new();
        for face in &mesh.faces {
            let to_eye = eye - face.corners[0];
            let towards = face.normal.dot(&to_eye);
            let size = (face.corners[2 % face.corners.len()] - face.corners[0]).norm();
            let far = to_eye.norm();
            let small = size * focal < LEAST_PX * far;
            if small || (towards <= 0.0 && !face.both_sides) {
                continue;
            }
            let facing = if towards < 0.0 { -face.normal } else { face.normal };
            let color = paint.color(face.material, facing.x, light);
            let shade = color.unwrap_or_else(|own| light.on(own, &(turn * facing), far));
            polygon.clear();
            polygon.extend(face.corners.iter().map(|c| view.to_camera(&(turn * c + instance.position))));
            view.corners(&polygon, &mut self.corners);
            self.canvas.fill(&self.corners, self.tone.encode(shade));
        }
        for ball in &mesh.balls {
            let center = view.to_camera(&(turn * ball.center + instance.position));
            if center.z < 1.0 || ball.radii[1] * focal < LEAST_PX * center.z {
                continue;
            }
            let color = paint.color(ball.material, 0.0, light);
            let shade = color.unwrap_or_else(|own| light.on(own, &Vector3::new(0.0, 0.0, 0.7), center.norm()));
            let up = view.turn * Vector3::z();
            polygon.clear();
            polygon.extend((0..8).map(|i| {
                let (sin, cos) = (f64::from(i) * std::f64::consts::FRAC_PI_4).sin_cos();
                center + Vector3::x() * (ball.radii[0] * cos) + up * (ball.radii[1] * sin)
            }));
            view.corners(&polygon, &mut self.corners);
            self.canvas.fill(&self.corners, self.tone.encode(shade));
        }
    }
}

/// The colours of one thing.
struct Paint {
    tint: Light,
    leaves: Light,
}

impl Paint {
    fn new(instance: &Instance) -> Self {
        let seed = match instance.target {
            Target::Actor(id) => u64::from(id),
            _ => combine(instance.position.x.to_bits(), instance.position.y.to_bits()),
        };
        let draw = |k: u64| unit(hash(combine(seed, k))) as f32;
        let colorful = if matches!(instance.target, Target::Actor(_)) && draw(1) < 0.5 { 1.4 } else { 0.25 };
        let tint = std::array::from_fn(|i| (1.0 + colorful * (draw(2 + i as u64) - 0.5)).max(0.1));
        let green = 0.7 + 0.6 * draw(9);
        Self { tint, leaves: [0.07 * green, 0.13 * green, 0.035] }
    }

    /// What a material is coloured, or (`Ok`) the light that it gives by itself.
    fn color(&self, material: Material, ahead: f64, light: &Illumination) -> Result<Light, Light> {
        match material {
            Material::Own(bright) => Err(self.tint.map(|t| t * bright as f32)),
            Material::Glass => Err([0.05, 0.06, 0.07]),
            Material::Leaves => Err(self.leaves),
            Material::Lamp if light.sky.is_dark() => {
                let color = if ahead > 0.3 { [2.5, 2.4, 2.1] } else { [0.8, 0.02, 0.01] };
                if ahead.abs() > 0.3 { Ok(color) } else { Err([0.2; 3]) }
            }
            Material::Lamp if ahead < -0.3 => Err([0.3, 0.03, 0.03]),
            Material::Lamp => Err([0.6; 3]),
        }
    }
}
