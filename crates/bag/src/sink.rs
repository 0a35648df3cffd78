use node::{Qos, Shared, Time};

use crate::{BagError, Digest, Recorder, recorder};

/// Takes every message of a run: encodes it once for the digest and, where there is one, the recording.
#[derive(Default)]
pub struct Sink {
    recorder: Option<Recorder>,
    digest: Digest,
    messages: u64,
    buffer: Vec<u8>,
}

impl Sink {
    /// With a recording, or without one for the digest alone.
    pub fn new(recorder: Option<Recorder>) -> Self {
        Self { recorder, ..Self::default() }
    }

    /// Takes one message into digest and recording.
    ///
    /// # Errors
    /// As [`Recorder::record`].
    pub fn record(&mut self, topic: &str, time: Time, message: &Shared, qos: Qos) -> Result<(), BagError> {
        self.take(topic, time, message, qos, true)
    }

    /// Takes one message into the recording only: for what a wall clock measured.
    ///
    /// # Errors
    /// As [`Recorder::record`].
    pub fn record_undigested(&mut self, topic: &str, time: Time, message: &Shared, qos: Qos) -> Result<(), BagError> {
        self.take(topic, time, message, qos, false)
    }

    /// Messages in the digest.
    pub fn messages(&self) -> u64 {
        self.messages
    }

    /// Closes the recording and gives the digest in hexadecimal.
    ///
    /// # Errors
    /// [`BagError`] where the file cannot be written.
    pub fn finish(self) -> Result<String, BagError> {
        if let Some(recorder) = self.recorder {
            recorder.finish()?;
        }
        Ok(self.digest.hex())
    }

    fn take(&mut self, topic: &str, time: Time, message: &Shared, qos: Qos, digested: bool) -> Result<(), BagError> {
        recorder::encode(topic, message, &mut self.buffer)?;
        if digested {
            self.digest.add(topic, message.as_ref().type_name(), time, &self.buffer);
            self.messages += 1;
        }
        match &mut self.recorder {
            Some(recorder) => recorder.record_cdr(topic, time, message, &self.buffer, qos),
            None => Ok(()),
        }
    }
}
