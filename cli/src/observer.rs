//! Watches a drive: feeds recording, digest and evaluation, shows progress, and ends the drive.

use std::collections::VecDeque;
use std::io::{IsTerminal, Write};
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use bag::{BagError, Sink};
use evaluation::Evaluation;
use middleware::{Latency, Tap, Topic};
use msgs::autoware_control_msgs::msg::Control;
use msgs::diagnostic_msgs::msg::DiagnosticArray;
use msgs::sensor_msgs::msg::{Image, PointCloud2};
use node::{Shared, Time};

use crate::interrupt::Interrupt;
use crate::progress::Progress;

/// The topics of one measurement on its way from the sensor to the vehicle.
pub const SENSOR_TO_CONTROL: [&str; 7] = [
    "/sensing/lidar/top/pointcloud",
    "/perception/object_recognition/detection/objects",
    "/perception/object_recognition/tracking/objects",
    "/perception/object_recognition/objects",
    "/planning/trajectory",
    "/control/trajectory_follower/control_cmd",
    "/control/command/control_cmd",
];

const SCORE: &str = "/simulation/ground_truth/score";
/// How often the progress line is written to a terminal, wall time.
const TERMINAL_PERIOD: Duration = Duration::from_millis(250);
/// And how often to anything else, simulated time, s.
const LOG_PERIOD_S: f64 = 20.0;

/// Why a drive ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The car reached its goal.
    Goal,
    /// The scenario's time was up.
    TimeUp,
    /// SIGINT or SIGTERM came first.
    Interrupted,
}

/// The tap of a drive.
pub struct Observer {
    sink: Sink,
    record_images: bool,
    /// What the drive comes to.
    pub evaluation: Evaluation,
    progress: Option<Progress>,
    interrupt: Interrupt,
    started: Instant,
    shown: (Instant, f64),
    /// When clouds came by the wall clock, newest last: for drives on the wall clock.
    clouds: VecDeque<(Time, Instant)>,
    /// Wall time from a cloud to the first command that rests on it; measured on the wall clock only.
    pub sensor_to_control: Latency,
    /// Why it ended, once it did.
    pub ending: Option<Ending>,
    /// What stopped the recording.
    pub failure: Option<BagError>,
}

impl Observer {
    /// `progress`: `None` for a quiet drive. `interrupt` ends the drive.
    pub fn new(sink: Sink, evaluation: Evaluation, progress: Option<Progress>, interrupt: Interrupt) -> Self {
        let now = Instant::now();
        Self {
            sink,
            record_images: false,
            evaluation,
            progress,
            interrupt,
            started: now,
            shown: (now, 0.0),
            clouds: VecDeque::new(),
            sensor_to_control: Latency::default(),
            ending: None,
            failure: None,
        }
    }

    /// Also hands images to the recording and to its digest: some 20 MB for each second driven.
    pub fn with_images(self, record_images: bool) -> Self {
        Self { record_images, ..self }
    }

    /// Closes the recording and gives the digest.
    ///
    /// # Errors
    /// [`BagError`] where the recording could not be written, at any time.
    pub fn finish(self) -> Result<String, BagError> {
        if self.progress.is_some() && std::io::stderr().is_terminal() {
            eprintln!();
        }
        match self.failure {
            Some(failure) => Err(failure),
            None => self.sink.finish(),
        }
    }

    fn measure(&mut self, topic: &str, message: &Shared) {
        let message = message.as_any();
        if topic == SENSOR_TO_CONTROL[0]
            && let Some(cloud) = message.downcast_ref::<PointCloud2>()
        {
            self.clouds.push_back((Time::from(&cloud.header.stamp), Instant::now()));
            if self.clouds.len() > 50 {
                self.clouds.pop_front();
            }
        } else if topic == SENSOR_TO_CONTROL[6]
            && let Some(control) = message.downcast_ref::<Control>()
        {
            let stamp = Time::from(&control.stamp);
            let cloud = self.clouds.iter().find(|(of, _)| *of == stamp).map(|(_, at)| *at);
            if let Some(at) = cloud {
                self.sensor_to_control.record(at.elapsed());
                // The first command counts; later ones rest on the same cloud.
                self.clouds.retain(|(of, _)| *of > stamp);
            }
        }
    }

    fn show(&mut self, now: Time) {
        let Some(progress) = &self.progress else { return };
        let terminal = std::io::stderr().is_terminal();
        let due = if terminal {
            self.shown.0.elapsed() >= TERMINAL_PERIOD
        } else {
            now.seconds() - self.shown.1 >= LOG_PERIOD_S
        };
        if due {
            self.shown = (Instant::now(), now.seconds());
            let line = progress.line(now, self.started.elapsed());
            if terminal {
                eprint!("\r\x1b[2K{line}");
                // A terminal that is gone is no reason to stop driving.
                let _ = std::io::stderr().flush();
            } else {
                eprintln!("{line}");
            }
        }
    }

    fn ended(&mut self, message: &Shared) -> Option<Ending> {
        let score = message.as_any().downcast_ref::<DiagnosticArray>()?.status.first()?;
        let value = |key: &str| score.values.iter().find(|v| v.key == key).map(|v| v.value.as_str());
        let number = |key: &str| value(key)?.parse::<f64>().ok();
        if value("goal_reached") == Some("true") {
            return Some(Ending::Goal);
        }
        (number("time_s")? >= number("duration_s")?).then_some(Ending::TimeUp)
    }
}

impl Tap for Observer {
    fn on_message(&mut self, now: Time, topic: &Topic, message: &Shared) -> ControlFlow<()> {
        if self.interrupt.came() {
            self.ending.get_or_insert(Ending::Interrupted);
        }
        if self.ending.is_some() {
            return ControlFlow::Break(());
        }
        let wanted = self.record_images || !message.as_any().is::<Image>();
        if wanted && let Err(failure) = self.sink.record(&topic.name, now, message, topic.qos) {
            self.failure = Some(failure);
            return ControlFlow::Break(());
        }
        self.evaluation.on_message(now, &topic.name, message);
        self.measure(&topic.name, message);
        if let Some(progress) = &mut self.progress {
            progress.on_message(&topic.name, message);
        }
        self.show(now);
        if topic.name == SCORE {
            self.ending = self.ended(message);
        }
        if self.ending.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}
