use super::road::{Contact, parse_contact};
use super::xml::Xml;
use crate::MapError;

#[derive(Debug, Clone)]
pub(super) struct Connection {
    pub incoming: String,
    pub connecting: String,
    pub contact: Contact,
    pub lane_links: Vec<(i64, i64)>,
    pub line: u32,
}

/// A junction as the file has it.
#[derive(Debug, Clone)]
pub(super) struct Junction {
    pub id: String,
    pub connections: Vec<Connection>,
    /// Roads of higher and lower priority.
    pub priorities: Vec<(String, String)>,
    pub controllers: Vec<String>,
}

impl Junction {
    pub fn parse(junction: &Xml<'_, '_>) -> Result<Self, MapError> {
        let connections = junction
            .children("connection")
            .filter(|c| c.text("connectingRoad").is_some())
            .map(|c| {
                Ok(Connection {
                    incoming: c.required("incomingRoad")?.into(),
                    connecting: c.required("connectingRoad")?.into(),
                    contact: parse_contact(&c)?,
                    lane_links: c
                        .children("laneLink")
                        .map(|l| Ok((l.integer("from")?, l.integer("to")?)))
                        .collect::<Result<_, MapError>>()?,
                    line: c.node.document().text_pos_at(c.node.range().start).row,
                })
            })
            .collect::<Result<_, MapError>>()?;
        let priorities = junction
            .children("priority")
            .filter_map(|p| Some((p.text("high")?.to_string(), p.text("low")?.to_string())))
            .collect();
        let controllers =
            junction.children("controller").map(|c| c.required("id").map(Into::into)).collect::<Result<_, _>>()?;
        Ok(Self { id: junction.required("id")?.into(), connections, priorities, controllers })
    }
}
