//! A recording that is written by a thread of its own, so that a slow disk does not hold up who records.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use bag::{BagError, Topic, TopicId, Writer};
use dds::Sample;
use node::Time;

/// Messages that wait at most, beside the limit in bytes.
const MOST_WAITING: usize = 100_000;
/// Bits of the encapsulation header's last byte that tell the padding on the wire, which a sample no longer has.
const PADDING: u8 = 3;

enum Entry {
    Topic(Arc<Topic>),
    Message { topic: usize, time: Time, sample: Sample },
}

/// The way to the thread that writes.
pub(crate) struct RecordingFile {
    sender: SyncSender<Entry>,
    /// Bytes that wait.
    waiting: Arc<AtomicU64>,
    most: u64,
    topics: usize,
    lost: u64,
    thread: JoinHandle<Result<u64, BagError>>,
}

/// What became of a message.
pub(crate) enum Fate {
    /// It will be written.
    Taken,
    /// Too much waits already: it is not recorded.
    Lost,
    /// The thread is gone; [`RecordingFile::finish`] tells why.
    Ended,
}

impl RecordingFile {
    /// Hands the writer to a thread. `most`: bytes of messages that may wait for it.
    pub fn start(writer: Writer, most: u64) -> Self {
        let (sender, receiver) = sync_channel(MOST_WAITING);
        let waiting = Arc::<AtomicU64>::default();
        let thread = std::thread::spawn({
            let waiting = Arc::clone(&waiting);
            move || write(writer, &receiver, &waiting)
        });
        Self { sender, waiting, most, topics: 0, lost: 0, thread }
    }

    /// Makes a topic known and gives its number; `None` where the thread is gone.
    pub fn topic(&mut self, topic: Arc<Topic>) -> Option<usize> {
        self.sender.send(Entry::Topic(topic)).ok()?;
        self.topics += 1;
        Some(self.topics - 1)
    }

    /// Hands over a message.
    pub fn message(&mut self, topic: usize, time: Time, sample: Sample) -> Fate {
        let bytes = sample.len() as u64;
        let waiting = self.waiting.load(Ordering::Acquire);
        // One message may be larger than all that may wait.
        if waiting > 0 && waiting.saturating_add(bytes) > self.most {
            self.lost += 1;
            return Fate::Lost;
        }
        self.waiting.fetch_add(bytes, Ordering::AcqRel);
        match self.sender.try_send(Entry::Message { topic, time, sample }) {
            Ok(()) => Fate::Taken,
            Err(TrySendError::Full(_)) => {
                self.waiting.fetch_sub(bytes, Ordering::AcqRel);
                self.lost += 1;
                Fate::Lost
            }
            Err(TrySendError::Disconnected(_)) => Fate::Ended,
        }
    }

    /// Messages that found no place to wait so far.
    pub fn lost(&self) -> u64 {
        self.lost
    }

    /// Writes what waits and closes the recording; gives the number of messages in it.
    ///
    /// # Errors
    /// [`BagError`] where the recording could not be written.
    pub fn finish(self) -> anyhow::Result<u64> {
        drop(self.sender);
        let written = self.thread.join().map_err(|_| anyhow::anyhow!("the thread that writes the recording failed"))?;
        Ok(written?)
    }
}

fn write(mut writer: Writer, entries: &Receiver<Entry>, waiting: &AtomicU64) -> Result<u64, BagError> {
    let (mut topics, mut cdr, mut written): (Vec<TopicId>, Vec<u8>, u64) = (Vec::new(), Vec::new(), 0);
    while let Ok(entry) = entries.recv() {
        match entry {
            Entry::Topic(topic) => topics.push(writer.topic(&topic)?),
            Entry::Message { topic, time, sample } => {
                cdr.clear();
                cdr.extend_from_slice(&sample);
                if let Some(options) = cdr.get_mut(3) {
                    *options &= !PADDING;
                }
                waiting.fetch_sub(sample.len() as u64, Ordering::AcqRel);
                drop(sample);
                writer.write(topics[topic], time, &cdr)?;
                written += 1;
            }
        }
    }
    writer.finish()?;
    Ok(written)
}
