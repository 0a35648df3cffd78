//! The RIHS01 type hash: SHA-256 over the type description as JSON (REP-2011, REP-2016).

use std::collections::BTreeMap;
use std::fmt::Write;

use sha2::{Digest, Sha256};

use crate::model::{Count, Element, Field, Interfaces, Message, Primitive};

/// The hash of a message.
pub fn message_hash(interfaces: &Interfaces, message: &Message) -> String {
    let mut referenced = BTreeMap::new();
    collect(interfaces, message, &mut referenced);
    hash(&individual(&message.full_name, &message.fields), &referenced)
}

/// The hash of a service: a type of three fields, its request, response and event messages.
pub fn service_hash(interfaces: &Interfaces, full_name: &str) -> String {
    let field = |name: &str, suffix: &str| Field {
        name: name.into(),
        element: Element::Message(format!("{full_name}{suffix}")),
        count: Count::One,
        default: None,
        comment: String::new(),
    };
    let fields = [
        field("request_message", "_Request"),
        field("response_message", "_Response"),
        field("event_message", "_Event"),
    ];
    let mut referenced = BTreeMap::new();
    for field in &fields {
        reference(interfaces, field, &mut referenced);
    }
    hash(&individual(full_name, &fields), &referenced)
}

fn hash(description: &str, referenced: &BTreeMap<String, String>) -> String {
    let others: Vec<&str> = referenced.values().map(String::as_str).collect();
    let json =
        format!("{{\"type_description\": {description}, \"referenced_type_descriptions\": [{}]}}", others.join(", "));
    let mut text = String::from("RIHS01_");
    for byte in Sha256::digest(json.as_bytes()) {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

fn collect(interfaces: &Interfaces, message: &Message, referenced: &mut BTreeMap<String, String>) {
    for field in &message.fields {
        reference(interfaces, field, referenced);
    }
}

fn reference(interfaces: &Interfaces, field: &Field, referenced: &mut BTreeMap<String, String>) {
    if let Element::Message(name) = &field.element
        && !referenced.contains_key(name)
        && let Some(other) = interfaces.messages.get(name)
    {
        referenced.insert(name.clone(), individual(name, &other.fields));
        collect(interfaces, other, referenced);
    }
}

fn individual(full_name: &str, fields: &[Field]) -> String {
    let fields: Vec<String> = fields.iter().map(field_json).collect();
    format!("{{\"type_name\": \"{full_name}\", \"fields\": [{}]}}", fields.join(", "))
}

fn field_json(field: &Field) -> String {
    let (base, string_capacity, nested) = match &field.element {
        Element::Primitive(p) => (primitive_id(*p), 0, ""),
        Element::String(None) => (17, 0, ""),
        Element::WString(None) => (18, 0, ""),
        Element::String(Some(bound)) => (21, *bound, ""),
        Element::WString(Some(bound)) => (22, *bound, ""),
        Element::Message(name) => (1, 0, name.as_str()),
    };
    let (offset, capacity) = match field.count {
        Count::One => (0, 0),
        Count::Array(n) => (48, n),
        Count::Bounded(n) => (96, n),
        Count::Unbounded => (144, 0),
    };
    format!(
        "{{\"name\": \"{}\", \"type\": {{\"type_id\": {}, \"capacity\": {capacity}, \"string_capacity\": {string_capacity}, \
         \"nested_type_name\": \"{nested}\"}}}}",
        field.name,
        base + offset
    )
}

/// Ids of type_description_interfaces/msg/FieldType. A `char` of a .msg file is an unsigned byte.
fn primitive_id(primitive: Primitive) -> u32 {
    match primitive {
        Primitive::I8 => 2,
        Primitive::U8 | Primitive::Char => 3,
        Primitive::I16 => 4,
        Primitive::U16 => 5,
        Primitive::I32 => 6,
        Primitive::U32 => 7,
        Primitive::I64 => 8,
        Primitive::U64 => 9,
        Primitive::F32 => 10,
        Primitive::F64 => 11,
        Primitive::Bool => 15,
        Primitive::Byte => 16,
    }
}
