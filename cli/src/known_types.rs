//! The message types that there are interface files for, by name.

use std::collections::BTreeMap;

use bag::Definition;
use msgs::{Message, Visitor};

/// Hash and text of every type.
pub(crate) struct KnownTypes(BTreeMap<&'static str, (&'static str, &'static str)>);

impl Visitor for KnownTypes {
    fn visit<M: Message>(&mut self) {
        self.0.insert(M::TYPE_NAME, (M::TYPE_HASH, M::DEFINITION));
    }
}

impl Default for KnownTypes {
    fn default() -> Self {
        let mut types = Self(BTreeMap::new());
        msgs::visit_all(&mut types);
        types
    }
}

impl KnownTypes {
    /// The text of a type; the error says why there is none. A publisher without a hash (before ROS 2 Iron) is taken at
    /// its type's name.
    pub fn definition(&self, type_name: &str, hash: Option<&str>) -> Result<Definition, String> {
        let Some((ours, text)) = self.0.get(type_name) else {
            return Err(format!("the definition of {type_name} is not known here"));
        };
        match hash {
            Some(theirs) if theirs != *ours => {
                Err(format!("{type_name} has the hash {theirs} there and {ours} here: its fields differ"))
            }
            _ => Ok(Definition { encoding: "ros2msg".into(), text: (*text).into() }),
        }
    }
}
