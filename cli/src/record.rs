//! `ferrodrive bag record`: topics of the live graph into a recording.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use bag::{QosProfile, Topic, WriteOptions, Writer};
use dds::{Endpoint, Kind, Reader};
use middleware::CLOCK_TOPIC;
use middleware::ros::{self, Endpoints, RosParticipant, names, type_hash_user_data};
use msgs::Message as _;
use msgs::rosgraph_msgs::msg::Clock;
use node::Time;
use tokio::sync::Notify;

use crate::bag_qos;
use crate::known_types::KnownTypes;
use crate::recording_file::{Fate, RecordingFile};
use crate::topic_filter::TopicFilter;

/// Messages taken of one topic before the others get their turn.
const TURN: usize = 1000;

/// What is recorded, and how.
pub struct Options {
    /// A new folder, or a new file that ends in `.mcap` or `.db3`.
    pub out: PathBuf,
    /// Storage, compression, splits.
    pub write: WriteOptions,
    /// Which topics.
    pub filter: TopicFilter,
    /// Quality of service to ask for by topic, instead of what the publishers offer.
    pub qos: BTreeMap<String, QosProfile>,
    /// Messages get the time of `/clock`; nothing is recorded before it is heard.
    pub use_sim_time: bool,
    /// How often new topics are looked for.
    pub polling_interval: Duration,
    /// Bytes of messages that may wait to be written.
    pub cache: u64,
    /// Name of the recorder on the graph.
    pub node: String,
}

/// What was recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recorded {
    /// Topics that were subscribed.
    pub topics: usize,
    /// Messages written.
    pub messages: u64,
    /// Messages that came and were not written, or are known not to have come.
    pub lost: u64,
}

/// Records until SIGINT or SIGTERM. Messages are written as the bytes that came.
///
/// # Errors
/// Why nothing can be recorded, or what became of the disk.
pub fn record(participant: &RosParticipant, options: Options) -> anyhow::Result<Recorded> {
    // A file would be replaced without a word.
    anyhow::ensure!(!options.out.exists(), "{} is there already: give another name", options.out.display());
    let writer = Writer::create(&options.out, options.write)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let notify = Arc::<Notify>::default();
    let mut recorder = Recorder {
        clock: options.use_sim_time.then(|| SimulatedClock::new(participant, &notify)).transpose()?,
        file: RecordingFile::start(writer, options.cache),
        participant,
        notify,
        types: KnownTypes::default(),
        subscriptions: BTreeMap::new(),
        told: BTreeSet::new(),
        late: false,
        ended: false,
        options: &options,
    };
    let run = runtime.block_on(recorder.run());
    let recorded = recorder.finish()?;
    run.map(|()| recorded)
}

struct Subscription {
    index: usize,
    type_name: String,
    reader: Reader,
}

struct Recorder<'a> {
    participant: &'a RosParticipant,
    options: &'a Options,
    notify: Arc<Notify>,
    types: KnownTypes,
    clock: Option<SimulatedClock>,
    file: RecordingFile,
    subscriptions: BTreeMap<String, Subscription>,
    /// What was said and need not be said again.
    told: BTreeSet<String>,
    late: bool,
    ended: bool,
}

impl Recorder<'_> {
    async fn run(&mut self) -> anyhow::Result<()> {
        let mut signal = std::pin::pin!(middleware::signal());
        let mut poll = tokio::time::interval(self.options.polling_interval);
        poll.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let notify = Arc::clone(&self.notify);
        if self.clock.is_some() {
            tracing::info!("waiting for {CLOCK_TOPIC}");
        }
        while !self.ended {
            tokio::select! {
                biased;
                () = &mut signal => break,
                _ = poll.tick() => self.look_around()?,
                () = notify.notified() => {}
            }
            self.take_all()?;
        }
        // What came until the signal is still in the readers.
        self.take_all()
    }

    /// Subscribes to what is new, and tells of publishers that cannot be heard.
    fn look_around(&mut self) -> anyhow::Result<()> {
        if self.clock.as_ref().is_some_and(|clock| clock.now.is_none()) {
            return Ok(());
        }
        let mut offers: BTreeMap<String, Vec<Endpoint>> = BTreeMap::new();
        for offer in self.participant.dds().known(Kind::Writer)? {
            if let Some(topic) = names::ros_topic(&offer.topic) {
                offers.entry(topic.to_owned()).or_default().push(offer);
            }
        }
        let before = self.subscriptions.len();
        for (topic, offers) in &offers {
            self.consider(topic, offers)?;
        }
        if self.subscriptions.len() > before {
            let readers = self.subscriptions.values().map(|subscription| subscription.reader.guid());
            let clock = self.clock.iter().map(|clock| clock.reader.guid());
            let endpoints = Endpoints { readers: readers.chain(clock).collect(), writers: Vec::new() };
            self.participant.announce(&self.options.node, endpoints)?;
        }
        let mut refused = Vec::new();
        for subscription in self.subscriptions.values().filter(|subscription| subscription.reader.refused() > 0) {
            refused.extend(subscription.reader.incompatible()?);
        }
        refused.iter().for_each(|why| self.tell(format!("{}; its messages are not recorded", ros::told(why))));
        Ok(())
    }

    fn consider(&mut self, topic: &str, offers: &[Endpoint]) -> anyhow::Result<()> {
        let typed: Vec<(String, &Endpoint)> =
            offers.iter().filter_map(|offer| Some((names::ros_type(&offer.type_name)?, offer))).collect();
        let subscribed = self.subscriptions.get(topic).map(|subscription| subscription.type_name.clone());
        let Some(type_name) = subscribed.clone().or_else(|| typed.first().map(|(name, _)| name.clone())) else {
            if self.options.filter.takes(topic, "") {
                let found = offers.first().map_or("", |offer| &offer.type_name);
                self.tell(format!("topic {topic}: type `{found}` is no ROS 2 message type; it is not recorded"));
            }
            return Ok(());
        };
        if !self.options.filter.takes(topic, &type_name) {
            return Ok(());
        }
        for (other, _) in typed.iter().filter(|(name, _)| *name != type_name) {
            self.tell(format!("topic {topic} is published as {type_name} and as {other}; only the first is recorded"));
        }
        if subscribed.is_none() {
            let offers: Vec<&Endpoint> =
                typed.iter().filter(|(name, _)| *name == type_name).map(|(_, offer)| *offer).collect();
            self.subscribe(topic, type_name, &offers)?;
        }
        Ok(())
    }

    fn subscribe(&mut self, topic: &str, type_name: String, offers: &[&Endpoint]) -> anyhow::Result<()> {
        let (mut qos, warning) = match self.options.qos.get(topic) {
            Some(profile) => (bag_qos::wire(profile), None),
            None => bag_qos::request(&offers.iter().map(|offer| &offer.qos).collect::<Vec<_>>()),
        };
        if let Some(warning) = warning {
            self.tell(format!("topic {topic}: {warning}"));
        }
        let type_hash = offers.iter().find_map(|offer| offer.user_data("typehash"));
        qos.user_data = type_hash.as_deref().map(type_hash_user_data).unwrap_or_default();
        let definition = self.types.definition(&type_name, type_hash.as_deref());
        if let Err(reason) = &definition {
            self.tell(format!("topic {topic}: {reason}; its messages are recorded without a definition"));
        }
        let wire_topic = names::topic(topic);
        let reader = self.participant.dds().reader(
            &wire_topic,
            &names::type_name(&type_name),
            &qos,
            Arc::clone(&self.notify),
        )?;
        let recorded = Topic {
            name: topic.into(),
            type_name: type_name.clone(),
            type_hash,
            serialization: "cdr".into(),
            qos: offers.iter().map(|offer| bag_qos::recorded(&offer.qos)).collect(),
            definition: definition.ok(),
        };
        let Some(index) = self.file.topic(Arc::new(recorded)) else {
            self.ended = true;
            return Ok(());
        };
        tracing::info!("recording {topic} ({type_name})");
        self.subscriptions.insert(topic.into(), Subscription { index, type_name, reader });
        Ok(())
    }

    fn take_all(&mut self) -> anyhow::Result<()> {
        if let Some(clock) = &mut self.clock {
            clock.follow()?;
        }
        let Some(now) = self.clock.as_ref().map_or_else(system_time, |clock| clock.now) else { return Ok(()) };
        for subscription in self.subscriptions.values() {
            for _ in 0..TURN {
                let Some(sample) = subscription.reader.take()? else { break };
                let time = if self.clock.is_some() { now } else { system_time().unwrap_or(now) };
                match self.file.message(subscription.index, time, sample) {
                    Fate::Taken => {}
                    Fate::Lost if self.late => {}
                    Fate::Lost => {
                        self.late = true;
                        tracing::warn!(
                            "the disk does not keep up: messages are lost (--max-cache-size lets more wait)"
                        );
                    }
                    Fate::Ended => {
                        self.ended = true;
                        return Ok(());
                    }
                }
            }
        }
        Ok(())
    }

    fn finish(self) -> anyhow::Result<Recorded> {
        for topic in self.options.filter.topics.iter().filter(|topic| !self.subscriptions.contains_key(*topic)) {
            tracing::warn!("nothing was recorded of {topic}: no publisher was found");
        }
        if self.clock.as_ref().is_some_and(|clock| clock.now.is_none()) {
            tracing::warn!("nothing was recorded: {CLOCK_TOPIC} was not heard");
        }
        let on_the_way: u64 = self.subscriptions.values().map(|s| u64::from(s.reader.lost())).sum();
        let (topics, lost) = (self.subscriptions.len(), self.file.lost() + on_the_way);
        let place = self.options.out.display().to_string();
        let messages = self.file.finish().with_context(|| format!("{place} is not whole"))?;
        Ok(Recorded { topics, messages, lost })
    }

    fn tell(&mut self, warning: String) {
        if !self.told.contains(&warning) {
            tracing::warn!("{warning}");
            self.told.insert(warning);
        }
    }
}

/// `None` where the machine's clock stands before 1970, which no recording can hold.
fn system_time() -> Option<Time> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    i64::try_from(since.as_nanos()).ok().map(Time)
}

/// The time of `/clock`.
struct SimulatedClock {
    reader: Reader,
    now: Option<Time>,
}

impl SimulatedClock {
    fn new(participant: &RosParticipant, notify: &Arc<Notify>) -> anyhow::Result<Self> {
        let qos = middleware::ros::dds_qos(node::Qos::sensor_data(), Clock::TYPE_HASH);
        let type_name = names::type_name(Clock::TYPE_NAME);
        let reader = participant.dds().reader(&names::topic(CLOCK_TOPIC), &type_name, &qos, Arc::clone(notify))?;
        Ok(Self { reader, now: None })
    }

    fn follow(&mut self) -> anyhow::Result<()> {
        while let Some(sample) = self.reader.take()? {
            match msgs::from_cdr::<Clock>(&sample).map(|clock| Time::from(&clock.clock)) {
                Ok(time) if time.0 >= 0 => self.now = Some(time),
                Ok(time) => tracing::warn!("{CLOCK_TOPIC} tells {time}: a recording has no time before 0"),
                Err(error) => tracing::warn!("{CLOCK_TOPIC} of type {}: {error}", Clock::TYPE_NAME),
            }
        }
        Ok(())
    }
}
