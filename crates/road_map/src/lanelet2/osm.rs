//! The OSM file's primitives. Source: Lanelet2's documentation, `lanelet2_io`, OSM format.

use std::collections::BTreeMap;

use crate::MapError;
use crate::opendrive::xml::Xml;

pub(super) type Tags = BTreeMap<String, String>;

/// A node; coordinates that the file has not are absent.
pub(super) struct OsmNode {
    pub geographic: Option<(f64, f64)>,
    pub local: Option<(f64, f64)>,
    pub elevation: f64,
}

/// A way: a line through nodes.
pub(super) struct OsmWay {
    pub nodes: Vec<i64>,
    pub tags: Tags,
}

/// A relation and its place in the file.
pub(super) struct OsmRelation<'a, 'input> {
    pub id: i64,
    pub element: Xml<'a, 'input>,
    pub tags: Tags,
    /// Kind (`way`, `relation`), role, id.
    pub members: Vec<(&'a str, &'a str, i64)>,
}

impl OsmRelation<'_, '_> {
    /// Ids of members of a kind and role.
    pub fn members(&self, kind: &str, role: &str) -> impl Iterator<Item = i64> {
        self.members.iter().filter(move |m| m.0 == kind && m.1 == role).map(|m| m.2)
    }

    pub fn tag(&self, key: &str) -> &str {
        self.tags.get(key).map(String::as_str).unwrap_or_default()
    }
}

/// All of a file.
pub(super) struct Osm<'a, 'input> {
    pub nodes: BTreeMap<i64, OsmNode>,
    pub ways: BTreeMap<i64, OsmWay>,
    pub relations: Vec<OsmRelation<'a, 'input>>,
}

impl<'a, 'input> Osm<'a, 'input> {
    pub fn parse(root: &Xml<'a, 'input>) -> Result<Self, MapError> {
        let mut osm = Self { nodes: BTreeMap::new(), ways: BTreeMap::new(), relations: Vec::new() };
        let kept = |element: &Xml<'_, '_>| element.text("action") != Some("delete");
        for element in root.children("node").filter(kept) {
            let tags = tags(&element)?;
            let number = |key: &str, text: Option<&str>| -> Result<Option<f64>, MapError> {
                let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
                let value = text.trim().parse::<f64>().ok().filter(|value| value.is_finite());
                value.map(Some).ok_or_else(|| element.error(format!("`{key}`: a finite number expected, got `{text}`")))
            };
            let tag = |key: &str| number(key, tags.get(key).map(String::as_str));
            let node = OsmNode {
                geographic: number("lat", element.text("lat"))?.zip(number("lon", element.text("lon"))?),
                local: tag("local_x")?.zip(tag("local_y")?),
                elevation: tag("ele")?.unwrap_or(0.0),
            };
            if osm.nodes.insert(element.integer("id")?, node).is_some() {
                return Err(element.error("a second node of this id"));
            }
        }
        for element in root.children("way").filter(kept) {
            let nodes = element.children("nd").map(|nd| nd.integer("ref")).collect::<Result<Vec<_>, _>>()?;
            if let Some(missing) = nodes.iter().find(|id| !osm.nodes.contains_key(id)) {
                return Err(element.error(format!("goes through node {missing}, which is not in the map")));
            }
            osm.ways.insert(element.integer("id")?, OsmWay { nodes, tags: tags(&element)? });
        }
        for element in root.children("relation").filter(kept) {
            let members = element
                .children("member")
                .map(|m| Ok((m.required("type")?, m.text("role").unwrap_or_default(), m.integer("ref")?)))
                .collect::<Result<Vec<_>, MapError>>()?;
            osm.relations.push(OsmRelation { id: element.integer("id")?, tags: tags(&element)?, members, element });
        }
        Ok(osm)
    }
}

fn tags(element: &Xml<'_, '_>) -> Result<Tags, MapError> {
    element.children("tag").map(|tag| Ok((tag.required("k")?.to_owned(), tag.required("v")?.to_owned()))).collect()
}
