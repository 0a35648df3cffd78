//! What a file says of its channels.

use std::collections::BTreeMap;
use std::sync::Arc;

use mcap::records::{Channel, SchemaHeader};

use crate::qos;
use crate::topic::{Definition, Topic};

/// Channels and schemas, as the file or its index has them.
#[derive(Debug, Default)]
pub(super) struct Channels {
    schemas: BTreeMap<u16, (String, Definition)>,
    raw: BTreeMap<u16, Channel>,
    pub(super) topics: BTreeMap<u16, Arc<Topic>>,
}

impl Channels {
    pub(super) fn add_schema(&mut self, header: &SchemaHeader, data: &[u8]) {
        let text = String::from_utf8_lossy(data).into_owned();
        let definition = Definition { encoding: header.encoding.clone(), text };
        self.schemas.entry(header.id).or_insert_with(|| (header.name.clone(), definition));
    }

    pub(super) fn add_channel(&mut self, channel: Channel) {
        self.raw.entry(channel.id).or_insert(channel);
    }

    /// Channels with their schemas as topics; two channels of one topic and type are one topic.
    pub(super) fn resolve(&mut self) {
        let mut known: BTreeMap<(String, String), Arc<Topic>> = BTreeMap::new();
        for (id, channel) in &self.raw {
            let (type_name, definition) = match self.schemas.get(&channel.schema_id) {
                Some((name, definition)) => (name.clone(), Some(definition.clone())),
                None => (String::new(), None),
            };
            let hash = channel.metadata.get("topic_type_hash").filter(|hash| !hash.is_empty()).cloned();
            let topic = known.entry((channel.topic.clone(), type_name.clone())).or_insert_with(|| {
                Arc::new(Topic {
                    name: channel.topic.clone(),
                    type_name,
                    type_hash: hash,
                    serialization: channel.message_encoding.clone(),
                    qos: channel.metadata.get("offered_qos_profiles").map(|t| qos::from_text(t)).unwrap_or_default(),
                    definition: definition.filter(|definition| !definition.text.is_empty()),
                })
            });
            self.topics.insert(*id, Arc::clone(topic));
        }
    }
}
