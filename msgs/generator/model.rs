//! Interface files read into a model: `.msg` and `.srv` as the ROS 2 interface definition describes them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// A primitive type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Primitive {
    Bool,
    Byte,
    Char,
    I8,
    U8,
    I16,
    U16,
    I32,
    U32,
    I64,
    U64,
    F32,
    F64,
}

/// The type of one element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Element {
    Primitive(Primitive),
    /// A string with its bound.
    String(Option<usize>),
    WString(Option<usize>),
    /// Another message, by full name (`geometry_msgs/msg/Point`).
    Message(String),
}

/// How many elements a field has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    One,
    Array(usize),
    Bounded(usize),
    Unbounded,
}

#[derive(Debug, Clone)]
pub struct Field {
    pub name: String,
    pub element: Element,
    pub count: Count,
    /// Default value as the file writes it.
    pub default: Option<String>,
    pub comment: String,
}

#[derive(Debug, Clone)]
pub struct Constant {
    pub name: String,
    pub element: Element,
    pub value: String,
    pub comment: String,
}

#[derive(Debug, Clone)]
pub struct Message {
    /// `sensor_msgs/msg/PointCloud2`
    pub full_name: String,
    pub fields: Vec<Field>,
    pub constants: Vec<Constant>,
    /// The file's text, for recordings.
    pub text: String,
    pub comment: String,
}

impl Message {
    pub fn package(&self) -> &str {
        self.full_name.split('/').next().unwrap_or_default()
    }

    pub fn kind(&self) -> &str {
        self.full_name.split('/').nth(1).unwrap_or_default()
    }

    pub fn name(&self) -> &str {
        self.full_name.rsplit('/').next().unwrap_or_default()
    }
}

/// All messages by full name, and the full names of services.
pub struct Interfaces {
    pub messages: BTreeMap<String, Message>,
    pub services: Vec<String>,
}

/// Reads `<root>/<package>/{msg,srv}/<Name>.{msg,srv}`.
pub fn read_interfaces(root: &Path) -> Result<Interfaces, String> {
    let mut interfaces = Interfaces { messages: BTreeMap::new(), services: Vec::new() };
    for package in sorted_entries(root)? {
        for kind in sorted_entries(&root.join(&package))? {
            for file in sorted_entries(&root.join(&package).join(&kind))? {
                let path = root.join(&package).join(&kind).join(&file);
                let text = fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
                let name = file.split('.').next().unwrap_or_default();
                let located = |e: String| format!("{}: {e}", path.display());
                let full_name = format!("{package}/{kind}/{name}");
                if kind == "srv" {
                    add_service(&mut interfaces, &full_name, &package, &text).map_err(located)?;
                } else {
                    let message = parse_message(&full_name, &package, &text).map_err(located)?;
                    interfaces.messages.insert(full_name, message);
                }
            }
        }
    }
    check_references(&interfaces)?;
    Ok(interfaces)
}

fn sorted_entries(folder: &Path) -> Result<Vec<String>, String> {
    let entries = fs::read_dir(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let mut names: Vec<String> =
        entries.filter_map(|e| e.ok().map(|e| e.file_name().to_string_lossy().into_owned())).collect();
    names.sort();
    Ok(names)
}

/// A service is two messages, and a third for service introspection.
fn add_service(interfaces: &mut Interfaces, full_name: &str, package: &str, text: &str) -> Result<(), String> {
    let mut parts = text.splitn(2, "---");
    let request = parts.next().unwrap_or_default();
    let response = parts.next().ok_or("a service needs a line `---` between request and response")?;
    let event = format!(
        "service_msgs/ServiceEventInfo info\n{full}_Request[<=1] request\n{full}_Response[<=1] response\n",
        full = full_name
    );
    for (suffix, part) in [("_Request", request), ("_Response", response), ("_Event", event.as_str())] {
        let name = format!("{full_name}{suffix}");
        let message = parse_message(&name, package, part.trim_matches('\n'))?;
        interfaces.messages.insert(name, message);
    }
    interfaces.services.push(full_name.into());
    Ok(())
}

fn check_references(interfaces: &Interfaces) -> Result<(), String> {
    for message in interfaces.messages.values() {
        for field in &message.fields {
            if let Element::Message(name) = &field.element
                && !interfaces.messages.contains_key(name)
            {
                return Err(format!(
                    "{}: field {} has type {name}, which no file defines",
                    message.full_name, field.name
                ));
            }
        }
    }
    Ok(())
}

fn parse_message(full_name: &str, package: &str, text: &str) -> Result<Message, String> {
    let mut message = Message {
        full_name: full_name.into(),
        fields: Vec::new(),
        constants: Vec::new(),
        text: text.into(),
        comment: String::new(),
    };
    let mut pending = String::new();
    for (number, line) in text.lines().enumerate() {
        let (code, comment) = split_comment(line);
        let code = code.trim();
        if code.is_empty() {
            if comment.is_empty()
                && message.fields.is_empty()
                && message.constants.is_empty()
                && message.comment.is_empty()
            {
                message.comment = std::mem::take(&mut pending);
            }
            append(&mut pending, comment);
            continue;
        }
        append(&mut pending, comment);
        parse_line(&mut message, package, code, std::mem::take(&mut pending))
            .map_err(|e| format!("line {}: `{line}`: {e}", number + 1))?;
    }
    if message.fields.is_empty() {
        message.fields.push(Field {
            name: "structure_needs_at_least_one_member".into(),
            element: Element::Primitive(Primitive::U8),
            count: Count::One,
            default: None,
            comment: "Always 0: an empty message takes one byte.".into(),
        });
    }
    Ok(message)
}

fn append(comment: &mut String, line: &str) {
    if !line.is_empty() {
        if !comment.is_empty() {
            comment.push(' ');
        }
        comment.push_str(line);
    }
}

/// Code and comment of a line; a `#` within quotes is text.
fn split_comment(line: &str) -> (&str, &str) {
    let mut quote = None;
    for (index, c) in line.char_indices() {
        match (quote, c) {
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if c == open => quote = None,
            (None, '#') => return (&line[..index], line[index + 1..].trim()),
            _ => {}
        }
    }
    (line, "")
}

fn parse_line(message: &mut Message, package: &str, code: &str, comment: String) -> Result<(), String> {
    let (type_text, rest) = code.split_once(char::is_whitespace).ok_or("expected `type name`")?;
    let (element, count) = parse_type(type_text, package)?;
    let rest = rest.trim();
    let name_end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
    let (name, after) = (rest[..name_end].to_string(), rest[name_end..].trim());
    if name.is_empty() {
        return Err("expected a name after the type".into());
    }
    if let Some(value) = after.strip_prefix('=') {
        message.constants.push(Constant { name, element, value: value.trim().into(), comment });
        return Ok(());
    }
    let default = if after.is_empty() { None } else { Some(after.to_string()) };
    message.fields.push(Field { name, element, count, default, comment });
    Ok(())
}

fn parse_type(text: &str, package: &str) -> Result<(Element, Count), String> {
    let (base, count) = match text.split_once('[') {
        None => (text, Count::One),
        Some((base, bracket)) => {
            let size = bracket.strip_suffix(']').ok_or("expected `]` at the end of the type")?;
            let number = |t: &str| t.parse::<usize>().map_err(|_| format!("expected a number of elements, got `{t}`"));
            let count = match size.strip_prefix("<=") {
                Some(bound) => Count::Bounded(number(bound)?),
                None if size.is_empty() => Count::Unbounded,
                None => Count::Array(number(size)?),
            };
            (base, count)
        }
    };
    Ok((parse_element(base, package)?, count))
}

fn parse_element(base: &str, package: &str) -> Result<Element, String> {
    let (name, bound) = match base.split_once("<=") {
        Some((name, bound)) => {
            (name, Some(bound.parse().map_err(|_| format!("expected a string bound, got `{bound}`"))?))
        }
        None => (base, None),
    };
    let primitive = match name {
        "string" => return Ok(Element::String(bound)),
        "wstring" => return Ok(Element::WString(bound)),
        "bool" => Primitive::Bool,
        "byte" => Primitive::Byte,
        "char" => Primitive::Char,
        "int8" => Primitive::I8,
        "uint8" => Primitive::U8,
        "int16" => Primitive::I16,
        "uint16" => Primitive::U16,
        "int32" => Primitive::I32,
        "uint32" => Primitive::U32,
        "int64" => Primitive::I64,
        "uint64" => Primitive::U64,
        "float32" => Primitive::F32,
        "float64" => Primitive::F64,
        "Header" => return Ok(Element::Message("std_msgs/msg/Header".into())),
        other => {
            return Ok(Element::Message(match other.split('/').collect::<Vec<_>>()[..] {
                [own] => format!("{package}/msg/{own}"),
                [package, name] => format!("{package}/msg/{name}"),
                _ => other.into(),
            }));
        }
    };
    Ok(Element::Primitive(primitive))
}
