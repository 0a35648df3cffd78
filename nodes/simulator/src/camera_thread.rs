//! Draws images on a thread of its own while the world goes on.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use node::NodeError;
use simulation::camera::{CameraConfig, CameraFrame, CameraShot, Darkroom};

/// Exposures whose images are not out yet: more than a camera of 50 Hz makes within the longest latency.
const MOST_EXPOSED: usize = 16;

/// A camera that takes its time from the exposure to the image.
pub(crate) struct CameraThread {
    shots: SyncSender<CameraShot>,
    frames: Receiver<CameraFrame>,
    exposed: VecDeque<Exposed>,
}

/// An exposure whose image is not out yet.
struct Exposed {
    stamp_s: f64,
    due_step: u64,
    /// Whether an image is drawn of it.
    drawn: bool,
}

impl CameraThread {
    pub fn new(config: CameraConfig) -> Result<Self, NodeError> {
        let mut darkroom = Darkroom::new(config).map_err(|e| NodeError::new(e.to_string()))?;
        let (shots, taken) = sync_channel::<CameraShot>(MOST_EXPOSED);
        let (developed, frames) = sync_channel(MOST_EXPOSED);
        let draw = move || {
            // Ends with the simulator, whose end of a channel it finds gone.
            while let Ok(shot) = taken.recv()
                && developed.send(darkroom.develop(&shot)).is_ok()
            {}
        };
        std::thread::Builder::new()
            .name("camera".into())
            .spawn(draw)
            .map_err(|e| NodeError::caused_by("simulator: no thread for the camera: raise the limit of threads", e))?;
        Ok(Self { shots, frames, exposed: VecDeque::new() })
    }

    /// The camera exposes at `stamp_s`; its image is due at a step. Without a shot there is none.
    pub fn expose(&mut self, stamp_s: f64, due_step: u64, shot: Option<CameraShot>) {
        let drawn = shot.is_some_and(|shot| self.shots.send(shot).is_ok());
        self.exposed.push_back(Exposed { stamp_s, due_step, drawn });
    }

    /// The oldest exposure that is due by this step: its time and its image. Waits until that is drawn.
    pub fn due(&mut self, step: u64) -> Option<(f64, Option<CameraFrame>)> {
        let Exposed { stamp_s, drawn, .. } = self.exposed.pop_front_if(|exposed| exposed.due_step <= step)?;
        let image = drawn.then(|| self.frames.recv().expect("the camera's thread lives as long as the simulator"));
        Some((stamp_s, image))
    }
}
