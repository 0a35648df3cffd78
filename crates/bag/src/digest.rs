use std::fmt::Write;

use node::Time;
use sha2::{Digest as _, Sha256};

/// SHA-256 over every message in order: topic, type, time and CDR bytes, each with its length before it.
///
/// Two runs with equal digests published the same messages at the same times in the same order.
#[derive(Clone, Default)]
pub struct Digest {
    hasher: Sha256,
}

impl Digest {
    /// Takes one message.
    pub fn add(&mut self, topic: &str, type_name: &str, time: Time, cdr: &[u8]) {
        for part in [topic.as_bytes(), type_name.as_bytes(), &time.0.to_le_bytes(), cdr] {
            self.hasher.update((part.len() as u64).to_le_bytes());
            self.hasher.update(part);
        }
    }

    /// The digest so far, as 64 hexadecimal digits.
    pub fn hex(&self) -> String {
        self.hasher.clone().finalize().iter().fold(String::with_capacity(64), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(messages: &[(&str, &str, i64, &[u8])]) -> String {
        let mut digest = Digest::default();
        for (topic, type_name, time, cdr) in messages {
            digest.add(topic, type_name, Time(*time), cdr);
        }
        digest.hex()
    }

    #[test]
    fn nothing_hashes_to_the_empty_sha256() {
        assert_eq!(of(&[]), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }

    #[test]
    fn topic_type_time_bytes_and_order_all_count() {
        let base = ("/a", "T", 1, &[1_u8, 2][..]);
        let second = ("/b", "T", 1, &[3_u8][..]);
        let digest = of(&[base, second]);
        assert_eq!(digest, of(&[base, second]));
        let others = [
            of(&[second, base]),
            of(&[("/c", "T", 1, &[1, 2]), second]),
            of(&[("/a", "U", 1, &[1, 2]), second]),
            of(&[("/a", "T", 2, &[1, 2]), second]),
            of(&[("/a", "T", 1, &[1, 3]), second]),
            of(&[("/aT", "", 1, &[1, 2]), second]),
        ];
        assert!(others.iter().all(|other| *other != digest));
    }
}
