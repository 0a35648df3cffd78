//! `ferrodrive bag play`: a recording onto the live graph.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bag::{BagError, QosProfile, Reader, RecordedMessage, Selection, TopicCount};
use dds::{Durability, History, Qos, Reliability, Writer};
use middleware::CLOCK_TOPIC;
use middleware::ros::{Endpoints, RosParticipant, names, type_hash_user_data};
use msgs::Message as _;
use msgs::rosgraph_msgs::msg::Clock;
use node::Time;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior};

use crate::bag_qos;
use crate::topic_filter::TopicFilter;

/// A subscriber's end learns of a writer a little after the writer learns of it.
const SETTLING: Duration = Duration::from_millis(500);

/// What is played, and how.
pub struct Options {
    /// The recording.
    pub bag: PathBuf,
    /// Topics by the names they were recorded with.
    pub filter: TopicFilter,
    /// New names by the recorded ones.
    pub remaps: BTreeMap<String, String>,
    /// How much of the start is passed over. Of topics for late joiners the last messages before it are sent first.
    pub start_offset: Duration,
    /// How much is played; `None` to the end.
    pub duration: Option<Duration>,
    /// Quality of service to offer by (new) topic, instead of what the recorded publishers offered.
    pub qos: BTreeMap<String, QosProfile>,
    /// Recorded seconds in a second; finite and above 0.
    pub rate: f64,
    /// Hertz at which `/clock` tells the recording's time.
    pub clock: Option<f64>,
    /// Begins anew at the end.
    pub looped: bool,
    /// Waits before the first message.
    pub delay: Duration,
    /// Begins only when every topic has a subscriber.
    pub wait_for_subscribers: bool,
    /// How long reliable subscribers may take at the end to get what they lack.
    pub wait_for_acks: Duration,
    /// Messages read ahead, at least 1.
    pub read_ahead: usize,
    /// Name of the player on the graph.
    pub node: String,
}

/// What was played.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Played {
    /// Topics that were offered.
    pub topics: usize,
    /// Messages sent.
    pub messages: u64,
    /// Whether all of the recording could be read and sent.
    pub whole: bool,
}

/// Plays to the end, or until SIGINT or SIGTERM. Messages are sent as the bytes that were recorded.
///
/// # Errors
/// Why nothing can be played.
pub fn play(participant: &RosParticipant, options: &Options) -> anyhow::Result<Played> {
    let reader = Reader::open(&options.bag)?;
    reader.warnings().iter().for_each(|warning| tracing::warn!("{warning}"));
    let whole = reader.warnings().is_empty();
    let Some((start, end)) = reader.times() else {
        anyhow::bail!("{} holds no message", options.bag.display());
    };
    let length = end - start;
    let offset = options.start_offset;
    anyhow::ensure!(offset <= length, "--start-offset {offset:?} lies behind the end: the recording has {length:?}");
    let (selection, chosen) = select(&reader, options)?;
    let mut player = Player {
        reader: Arc::new(reader),
        selection,
        outlets: BTreeMap::new(),
        clock: None,
        start: start + options.start_offset,
        end,
        options,
        played: Played { whole, ..Played::default() },
        full: BTreeSet::new(),
    };
    player.offer(participant, chosen)?;
    // Writing may wait for subscribers, so there is a second thread for the core's wake-ups.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let mut signal: Signal<'_> = std::pin::pin!(middleware::signal());
        player.run(&mut signal).await
    })?;
    Ok(player.played)
}

type Signal<'a> = Pin<&'a mut (dyn Future<Output = ()> + Send)>;

/// Whether playing goes on.
#[derive(PartialEq, Eq)]
enum Then {
    GoOn,
    End,
}

/// A topic that is played.
struct Outlet {
    type_name: String,
    writer: Writer,
    reliable: bool,
    /// What late joiners get of it, 0 where it keeps nothing for them.
    kept: usize,
}

struct Player<'a> {
    reader: Arc<Reader>,
    selection: Selection,
    outlets: BTreeMap<String, Outlet>,
    clock: Option<Writer>,
    start: Time,
    end: Time,
    options: &'a Options,
    played: Played,
    /// Topics of which it was told that a subscriber does not keep up.
    full: BTreeSet<String>,
}

/// The topics that can be played; tells of the others.
fn select(reader: &Reader, options: &Options) -> anyhow::Result<(Selection, Vec<TopicCount>)> {
    let known = |name: &String| reader.topics().iter().any(|known| known.topic.name == *name);
    if let Some(name) = options.filter.topics.iter().chain(options.remaps.keys()).find(|name| !known(name)) {
        let there: Vec<&str> = reader.topics().iter().map(|known| known.topic.name.as_str()).collect();
        anyhow::bail!("the recording has no topic {name}; it has: {}", there.join(", "));
    }
    let mut chosen: Vec<TopicCount> = Vec::new();
    for known in reader.topics().iter().filter(|t| options.filter.takes(&t.topic.name, &t.topic.type_name)) {
        let topic = &known.topic;
        let name = options.remaps.get(&topic.name).unwrap_or(&topic.name);
        let obstacle = if !["cdr", ""].contains(&topic.serialization.as_str()) {
            Some(format!("it is encoded as `{}`, not as cdr", topic.serialization))
        } else if let Err(error) = names::check_full("topic", name) {
            Some(error.to_string())
        } else if names::ros_type(&names::type_name(&topic.type_name)).as_ref() != Some(&topic.type_name) {
            Some(format!("`{}` is no ROS 2 message type", topic.type_name))
        } else if chosen.iter().any(|other| other.topic.name == topic.name) {
            Some(format!("it was recorded with another type as well, and {} is left out", topic.type_name))
        } else if options.clock.is_some() && name == CLOCK_TOPIC {
            Some("the recorded clock gives way to that of --clock".into())
        } else {
            None
        };
        match obstacle {
            Some(obstacle) => tracing::warn!("topic {} is not played: {obstacle}", topic.name),
            None => chosen.push(known.clone()),
        }
    }
    anyhow::ensure!(!chosen.is_empty(), "{} has no topic that is chosen and can be played", options.bag.display());
    let selection = Selection {
        topics: chosen.iter().map(|known| known.topic.name.clone()).collect(),
        remaps: options.remaps.clone(),
        start_offset: options.start_offset,
        duration: options.duration,
    };
    Ok((selection, chosen))
}

impl Player<'_> {
    fn offer(&mut self, participant: &RosParticipant, chosen: Vec<TopicCount>) -> anyhow::Result<()> {
        for TopicCount { topic, .. } in chosen {
            let name = self.selection.renamed(&topic.name).to_owned();
            if let Some(other) = self.outlets.get(&name) {
                let (one, two) = (&other.type_name, &topic.type_name);
                anyhow::ensure!(one == two, "two topics are both played as {name}, with types {one} and {two}");
                continue;
            }
            let mut qos: Qos = self.options.qos.get(&name).map_or_else(|| bag_qos::offer(&topic.qos), bag_qos::wire);
            qos.user_data = topic.type_hash.as_deref().map(type_hash_user_data).unwrap_or_default();
            let writer = participant.dds().writer(&names::topic(&name), &names::type_name(&topic.type_name), &qos)?;
            let kept = match (qos.durability, qos.history) {
                (Durability::TransientLocal, History::KeepLast(depth)) => usize::try_from(depth)?,
                (Durability::TransientLocal, History::KeepAll) => usize::MAX,
                _ => 0,
            };
            let reliable = matches!(qos.reliability, Reliability::Reliable { .. });
            self.outlets.insert(name, Outlet { type_name: topic.type_name.clone(), writer, reliable, kept });
        }
        if self.options.clock.is_some() {
            let qos = Qos {
                history: History::KeepLast(1),
                user_data: type_hash_user_data(Clock::TYPE_HASH),
                ..Qos::default()
            };
            let type_name = names::type_name(Clock::TYPE_NAME);
            self.clock = Some(participant.dds().writer(&names::topic(CLOCK_TOPIC), &type_name, &qos)?);
        }
        let writers = self.outlets.values().map(|outlet| &outlet.writer).chain(&self.clock);
        let endpoints = Endpoints { readers: Vec::new(), writers: writers.map(Writer::guid).collect() };
        participant.announce(&self.options.node, endpoints)?;
        self.played.topics = self.outlets.len();
        Ok(())
    }

    async fn run(&mut self, signal: &mut Signal<'_>) -> anyhow::Result<()> {
        if self.before_start(signal).await == Then::End || self.send_kept(signal).await? == Then::End {
            return Ok(());
        }
        loop {
            let before = self.played.messages;
            if self.pass(signal).await? == Then::End {
                return Ok(());
            }
            if !self.options.looped {
                break;
            }
            anyhow::ensure!(self.played.messages > before, "no message lies in the chosen time: nothing to loop over");
        }
        self.await_acks(signal).await;
        Ok(())
    }

    /// Waits as long as is asked for. `/clock` stands at the start meanwhile: some subscribe only once it is heard.
    async fn before_start(&self, signal: &mut Signal<'_>) -> Then {
        const STEP: Duration = Duration::from_millis(20);
        let lacks_subscriber = || self.outlets.values().any(|outlet| outlet.writer.matched() == 0);
        let settling = if self.options.wait_for_subscribers { SETTLING } else { Duration::ZERO };
        let mut end = Instant::now() + settling + self.options.delay;
        while Instant::now() < end {
            self.tell_time(self.start);
            if pause(signal, STEP).await == Then::End {
                return Then::End;
            }
            if self.options.wait_for_subscribers && lacks_subscriber() {
                end = Instant::now() + settling + self.options.delay;
            }
        }
        Then::GoOn
    }

    /// Sends what a late joiner would have got at the offset: a map, a route, static transforms.
    async fn send_kept(&mut self, signal: &mut Signal<'_>) -> anyhow::Result<Then> {
        let is_kept =
            |name: &&String| self.outlets.get(self.selection.renamed(name)).is_some_and(|outlet| outlet.kept > 0);
        let topics: Vec<String> = self.selection.topics.iter().filter(is_kept).cloned().collect();
        if topics.is_empty() || self.options.start_offset.is_zero() {
            return Ok(Then::GoOn);
        }
        let earlier = Selection {
            topics,
            start_offset: Duration::ZERO,
            duration: Some(self.options.start_offset),
            ..self.selection.clone()
        };
        let mut kept: BTreeMap<String, VecDeque<RecordedMessage>> = BTreeMap::new();
        let mut messages = read_ahead(&self.reader, earlier, self.options.read_ahead);
        loop {
            let item = tokio::select! {
                biased;
                () = &mut *signal => return Ok(Then::End),
                item = messages.recv() => item,
            };
            let Some(item) = item else { break };
            let Some(message) = self.readable(item).filter(|message| message.time < self.start) else { continue };
            let depth = self.outlets.get(&message.topic.name).map_or(0, |outlet| outlet.kept);
            let queue = kept.entry(message.topic.name.clone()).or_default();
            queue.push_back(message);
            if queue.len() > depth {
                queue.pop_front();
            }
        }
        kept.values().flatten().for_each(|message| self.send(message));
        Ok(Then::GoOn)
    }

    /// Plays once from start to end.
    async fn pass(&mut self, signal: &mut Signal<'_>) -> anyhow::Result<Then> {
        let mut messages = read_ahead(&self.reader, self.selection.clone(), self.options.read_ahead);
        // The first message takes a while to be found: time runs from when it is there.
        let mut next = tokio::select! {
            biased;
            () = &mut *signal => return Ok(Then::End),
            item = messages.recv() => item,
        };
        let origin = Instant::now();
        let period = self.options.clock.map_or(Duration::from_secs(3600), |hertz| Duration::from_secs_f64(1.0 / hertz));
        let mut ticks = tokio::time::interval_at(origin, period);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        while let Some(item) = next {
            if let Some(message) = self.readable(item) {
                let due = origin + (message.time - self.start).div_f64(self.options.rate);
                loop {
                    tokio::select! {
                        biased;
                        () = &mut *signal => return Ok(Then::End),
                        _ = ticks.tick() => self.tell_time(self.now(origin)),
                        () = tokio::time::sleep_until(due) => break,
                    }
                }
                self.send(&message);
            }
            next = tokio::select! {
                biased;
                () = &mut *signal => return Ok(Then::End),
                item = messages.recv() => item,
            };
        }
        self.tell_time(self.now(origin));
        Ok(Then::GoOn)
    }

    fn readable(&mut self, item: Result<RecordedMessage, BagError>) -> Option<RecordedMessage> {
        match item {
            Ok(message) => Some(message),
            Err(error) => {
                tracing::warn!("{error}");
                self.played.whole = false;
                None
            }
        }
    }

    fn send(&mut self, message: &RecordedMessage) {
        let name = &message.topic.name;
        let Some(outlet) = self.outlets.get(name).filter(|outlet| outlet.type_name == message.topic.type_name) else {
            return;
        };
        let sent = if message.cdr.len() < 4 {
            Err(format!("a message of {} bytes on {name} is no CDR and is not sent", message.cdr.len()))
        } else {
            tokio::task::block_in_place(|| outlet.writer.write(&message.cdr)).map_err(|error| error.to_string())
        };
        match sent {
            Ok(()) => self.played.messages += 1,
            Err(error) => {
                self.played.whole = false;
                if self.full.insert(name.clone()) {
                    tracing::warn!("{error}");
                }
            }
        }
    }

    /// The recording's time in a pass that began at `origin`.
    fn now(&self, origin: Instant) -> Time {
        (self.start + origin.elapsed().mul_f64(self.options.rate)).min(self.end)
    }

    fn tell_time(&self, now: Time) {
        let Some(writer) = &self.clock else { return };
        let sent = msgs::to_cdr(&Clock { clock: now.to_message() }).map_err(|error| error.to_string());
        let sent =
            sent.and_then(|cdr| tokio::task::block_in_place(|| writer.write(&cdr)).map_err(|error| error.to_string()));
        if let Err(error) = sent {
            tracing::warn!("{error}");
        }
    }

    /// Stays until reliable subscribers have everything.
    async fn await_acks(&mut self, signal: &mut Signal<'_>) {
        let end = Instant::now() + self.options.wait_for_acks;
        loop {
            let lacking = |outlet: &&Outlet| {
                outlet.reliable
                    && outlet.writer.matched() > 0
                    && !outlet.writer.wait_for_acknowledgments(Duration::ZERO).unwrap_or(true)
            };
            let Some(name) = self.outlets.values().find(lacking).map(|outlet| outlet.writer.topic().to_owned()) else {
                return;
            };
            if Instant::now() >= end {
                self.played.whole = false;
                tracing::warn!("topic {name}: a subscriber has not got every message yet");
                return;
            }
            if pause(signal, Duration::from_millis(10)).await == Then::End {
                return;
            }
        }
    }
}

async fn pause(signal: &mut Signal<'_>, duration: Duration) -> Then {
    tokio::select! {
        biased;
        () = &mut *signal => Then::End,
        () = tokio::time::sleep(duration) => Then::GoOn,
    }
}

/// Reads in a thread of its own, which ends when the receiver is dropped.
fn read_ahead(
    reader: &Arc<Reader>,
    selection: Selection,
    most: usize,
) -> mpsc::Receiver<Result<RecordedMessage, BagError>> {
    let (sender, receiver) = mpsc::channel(most.max(1));
    let reader = Arc::clone(reader);
    tokio::task::spawn_blocking(move || match reader.messages(&selection) {
        Ok(messages) => messages.map_while(|item| sender.blocking_send(item).ok()).for_each(drop),
        Err(error) => {
            // Nobody listens any more where this fails.
            let _ = sender.blocking_send(Err(error));
        }
    });
    receiver
}
