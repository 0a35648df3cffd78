//! Messages from CDR, by the name of their type.

use std::collections::BTreeMap;
use std::sync::Arc;

use msgs::{CdrError, Message, Visitor};
use node::Shared;

/// Turns CDR into messages of every type that there are interface files for.
pub struct Decoders {
    by_name: BTreeMap<&'static str, Decoder>,
}

/// One type.
#[derive(Clone, Copy)]
struct Decoder {
    type_hash: &'static str,
    decode: fn(&[u8]) -> Result<Shared, CdrError>,
}

/// Why a message of a recording or a wire cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// There is no such type here.
    #[error("type {0} is not known here")]
    UnknownType(String),
    /// The type has another layout there.
    #[error("type {type_name} has the hash {theirs} there and {ours} here: its fields differ")]
    OtherLayout {
        /// The type.
        type_name: String,
        /// Hash here.
        ours: &'static str,
        /// Hash there.
        theirs: String,
    },
    /// The bytes are no such message.
    #[error("{type_name}: {source}")]
    Cdr {
        /// The type.
        type_name: String,
        /// The cause.
        source: CdrError,
    },
}

impl Default for Decoders {
    fn default() -> Self {
        let mut decoders = Self { by_name: BTreeMap::new() };
        msgs::visit_all(&mut decoders);
        decoders
    }
}

impl Visitor for Decoders {
    fn visit<M: Message>(&mut self) {
        let decode: fn(&[u8]) -> Result<Shared, CdrError> = |cdr| Ok(Arc::new(msgs::from_cdr::<M>(cdr)?));
        self.by_name.insert(M::TYPE_NAME, Decoder { type_hash: M::TYPE_HASH, decode });
    }
}

impl Decoders {
    /// Whether messages of this type can be used: it is known, and its hash, where there is one, is ours.
    ///
    /// # Errors
    /// [`DecodeError`] that says what differs.
    pub fn check(&self, type_name: &str, type_hash: Option<&str>) -> Result<(), DecodeError> {
        let decoder = self.find(type_name)?;
        match type_hash {
            Some(theirs) if theirs != decoder.type_hash => Err(DecodeError::OtherLayout {
                type_name: type_name.into(),
                ours: decoder.type_hash,
                theirs: theirs.into(),
            }),
            _ => Ok(()),
        }
    }

    /// The message.
    ///
    /// # Errors
    /// [`DecodeError`] where the type is not known or the bytes are no such message.
    pub fn decode(&self, type_name: &str, cdr: &[u8]) -> Result<Shared, DecodeError> {
        let decoder = self.find(type_name)?;
        (decoder.decode)(cdr).map_err(|source| DecodeError::Cdr { type_name: type_name.into(), source })
    }

    fn find(&self, type_name: &str) -> Result<&Decoder, DecodeError> {
        self.by_name.get(type_name).ok_or_else(|| DecodeError::UnknownType(type_name.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use msgs::std_msgs::msg::String as Text;

    #[test]
    fn a_message_comes_back_as_its_type() {
        let cdr = msgs::to_cdr(&Text { data: "x".into() }).unwrap();
        let decoders = Decoders::default();
        let message = decoders.decode("std_msgs/msg/String", &cdr).unwrap();
        assert_eq!(message.as_any().downcast_ref::<Text>().unwrap().data, "x");
        assert!(decoders.check(Text::TYPE_NAME, Some(Text::TYPE_HASH)).is_ok());
    }

    #[test]
    fn unknown_types_other_layouts_and_damage_are_told() {
        let decoders = Decoders::default();
        assert!(matches!(decoders.check("a/msg/B", None), Err(DecodeError::UnknownType(_))));
        let error = decoders.check(Text::TYPE_NAME, Some("RIHS01_00")).unwrap_err().to_string();
        assert!(error.contains("RIHS01_00") && error.contains(Text::TYPE_HASH), "{error}");
        let error = decoders.decode(Text::TYPE_NAME, &[0, 1, 0, 0, 9, 0, 0, 0]).err().unwrap().to_string();
        assert!(error.contains("std_msgs/msg/String"), "{error}");
    }
}
