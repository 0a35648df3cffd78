//! Writes the Rust of all interfaces.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use crate::model::{Count, Element, Field, Interfaces, Message, Primitive};
use crate::rihs;

/// One module a package, holding `msg` and `srv`.
pub fn module(interfaces: &Interfaces) -> Result<String, String> {
    let mut packages: BTreeMap<&str, BTreeMap<&str, Vec<&Message>>> = BTreeMap::new();
    for message in interfaces.messages.values() {
        packages.entry(message.package()).or_default().entry(message.kind()).or_default().push(message);
    }
    let mut code = String::new();
    for (package, kinds) in packages {
        writeln!(code, "/// Interfaces of the ROS 2 package `{package}`.\npub mod {package} {{").map_err(text)?;
        for (kind, messages) in kinds {
            writeln!(code, "/// The package's `{kind}` interfaces.\npub mod {kind} {{").map_err(text)?;
            for message in messages {
                emit_message(&mut code, interfaces, message)?;
            }
            if kind == "srv" {
                for service in interfaces.services.iter().filter(|s| s.starts_with(&format!("{package}/"))) {
                    emit_service(&mut code, interfaces, service)?;
                }
            }
            code.push_str("}\n");
        }
        code.push_str("}\n");
    }
    emit_visitor(&mut code, interfaces)?;
    Ok(code)
}

fn text(e: std::fmt::Error) -> String {
    e.to_string()
}

fn rust_name(name: &str) -> String {
    name.replace("_Request", "Request").replace("_Response", "Response").replace("_Event", "Event")
}

fn path(full_name: &str) -> String {
    let mut parts: Vec<String> = full_name.split('/').map(String::from).collect();
    if let Some(last) = parts.last_mut() {
        *last = rust_name(last);
    }
    format!("crate::{}", parts.join("::"))
}

fn field_name(name: &str) -> String {
    match name {
        "type" | "move" | "match" | "ref" | "loop" | "use" | "mod" | "fn" | "impl" | "in" | "self" | "final"
        | "box" => {
            format!("{name}_")
        }
        _ => name.into(),
    }
}

fn primitive(p: Primitive) -> &'static str {
    match p {
        Primitive::Bool => "bool",
        Primitive::Byte | Primitive::Char | Primitive::U8 => "u8",
        Primitive::I8 => "i8",
        Primitive::I16 => "i16",
        Primitive::U16 => "u16",
        Primitive::I32 => "i32",
        Primitive::U32 => "u32",
        Primitive::I64 => "i64",
        Primitive::U64 => "u64",
        Primitive::F32 => "f32",
        Primitive::F64 => "f64",
    }
}

fn element_type(element: &Element) -> String {
    match element {
        Element::Primitive(p) => primitive(*p).into(),
        Element::String(_) => "::std::string::String".into(),
        Element::WString(_) => "crate::WString".into(),
        Element::Message(name) => path(name),
    }
}

fn field_type(field: &Field) -> String {
    let element = element_type(&field.element);
    match field.count {
        Count::One => element,
        Count::Array(n) => format!("[{element}; {n}]"),
        Count::Bounded(_) | Count::Unbounded => format!("::std::vec::Vec<{element}>"),
    }
}

fn docs(comment: &str, fallback: &str) -> String {
    let line = if comment.is_empty() { fallback } else { comment };
    line.replace('[', "\\[").replace(']', "\\]").replace('<', "\\<").replace('>', "\\>")
}

fn ros_type(field: &Field) -> String {
    let base = match &field.element {
        Element::Primitive(p) => match p {
            Primitive::Byte => "byte",
            Primitive::Char => "char",
            Primitive::I8 => "int8",
            Primitive::U8 => "uint8",
            other => primitive(*other),
        }
        .to_string(),
        Element::String(_) => "string".into(),
        Element::WString(_) => "wstring".into(),
        Element::Message(name) => name.clone(),
    };
    match field.count {
        Count::One => base,
        Count::Array(n) => format!("{base}, {n} of them"),
        Count::Bounded(n) => format!("{base}, at most {n} of them"),
        Count::Unbounded => format!("{base}, any number of them"),
    }
}

fn emit_message(code: &mut String, interfaces: &Interfaces, message: &Message) -> Result<(), String> {
    let name = rust_name(message.name());
    writeln!(code, "/// {}", docs(&message.comment, &format!("`{}`.", message.full_name))).map_err(text)?;
    writeln!(
        code,
        "#[derive(Debug, Clone, PartialEq, ::serde::Serialize, ::serde::Deserialize)]\npub struct {name} {{"
    )
    .map_err(text)?;
    for field in &message.fields {
        let rust = field_name(&field.name);
        writeln!(code, "/// {}", docs(&field.comment, &format!("{}.", ros_type(field)))).map_err(text)?;
        if rust != field.name {
            writeln!(code, "#[serde(rename = \"{}\")]", field.name).map_err(text)?;
        }
        if matches!(field.count, Count::Array(n) if n > 32) {
            writeln!(code, "#[serde(with = \"crate::big_array\")]").map_err(text)?;
        }
        writeln!(code, "pub {rust}: {},", field_type(field)).map_err(text)?;
    }
    code.push_str("}\n");
    emit_default(code, message, &name)?;
    emit_constants(code, message, &name)?;
    emit_codec(code, interfaces, message, &name)
}

fn emit_default(code: &mut String, message: &Message, name: &str) -> Result<(), String> {
    writeln!(code, "impl Default for {name} {{ fn default() -> Self {{ Self {{").map_err(text)?;
    for field in &message.fields {
        let value = match &field.default {
            None => "crate::cdr::Field::zero()".into(),
            Some(value) => default_value(field, value)?,
        };
        writeln!(code, "{}: {value},", field_name(&field.name)).map_err(text)?;
    }
    code.push_str("} } }\n");
    Ok(())
}

fn default_value(field: &Field, value: &str) -> Result<String, String> {
    if field.count == Count::One {
        return literal(&field.element, value).map(|v| match field.element {
            Element::String(_) => format!("{v}.into()"),
            _ => v,
        });
    }
    let inner = value.trim_start_matches('[').trim_end_matches(']');
    let items: Result<Vec<String>, String> =
        inner.split(',').map(|v| v.trim()).filter(|v| !v.is_empty()).map(|v| literal(&field.element, v)).collect();
    Ok(match field.count {
        Count::Array(_) => format!("[{}]", items?.join(", ")),
        _ => format!("vec![{}]", items?.join(", ")),
    })
}

fn literal(element: &Element, value: &str) -> Result<String, String> {
    match element {
        Element::Primitive(Primitive::Bool) => match value.to_ascii_lowercase().as_str() {
            "true" | "1" => Ok("true".into()),
            "false" | "0" => Ok("false".into()),
            other => Err(format!("expected true or false, got `{other}`")),
        },
        Element::Primitive(p @ (Primitive::F32 | Primitive::F64)) => {
            let number: f64 = value.parse().map_err(|_| format!("expected a number, got `{value}`"))?;
            Ok(format!("{number:?}{}", primitive(*p)))
        }
        Element::Primitive(p) => {
            let number: i128 = match value.strip_prefix("0x") {
                Some(hex) => i128::from_str_radix(hex, 16),
                None => value.parse(),
            }
            .map_err(|_| format!("expected a whole number, got `{value}`"))?;
            Ok(format!("{number}{}", primitive(*p)))
        }
        Element::String(_) => Ok(format!("{:?}", value.trim_matches(['"', '\'']))),
        other => Err(format!("no default or constant can have type {other:?}")),
    }
}

fn emit_constants(code: &mut String, message: &Message, name: &str) -> Result<(), String> {
    if message.constants.is_empty() {
        return Ok(());
    }
    writeln!(code, "impl {name} {{").map_err(text)?;
    for constant in &message.constants {
        let kind = match constant.element {
            Element::String(_) => "&'static str".into(),
            ref other => element_type(other),
        };
        let value = literal(&constant.element, &constant.value)?;
        writeln!(code, "/// {}", docs(&constant.comment, &format!("{}.", constant.value))).map_err(text)?;
        writeln!(code, "pub const {}: {kind} = {value};", constant.name).map_err(text)?;
    }
    code.push_str("}\n");
    Ok(())
}

fn emit_codec(code: &mut String, interfaces: &Interfaces, message: &Message, name: &str) -> Result<(), String> {
    let (mut put, mut get) = (String::new(), String::new());
    for field in &message.fields {
        let rust = field_name(&field.name);
        let full = format!("{}.{}", message.full_name, field.name);
        let mut check = String::new();
        if let Count::Bounded(n) = field.count {
            write!(check, "crate::cdr::check_bound(\"{full}\", FIELD.len(), {n})?;").map_err(text)?;
        }
        if let Element::String(Some(n)) | Element::WString(Some(n)) = field.element {
            let each = if field.count == Count::One {
                "FIELD.len()"
            } else {
                "FIELD.iter().map(|s| s.len()).max().unwrap_or(0)"
            };
            write!(check, "crate::cdr::check_bound(\"{full}\", {each}, {n})?;").map_err(text)?;
        }
        writeln!(put, "{}crate::cdr::Field::put(&self.{rust}, w)?;", check.replace("FIELD", &format!("self.{rust}")))
            .map_err(text)?;
        let local = format!("value_of_{}", field.name);
        writeln!(
            get,
            "let {local}: {} = crate::cdr::Field::get(r)?;{}",
            field_type(field),
            check.replace("FIELD", &local)
        )
        .map_err(text)?;
    }
    let names: Vec<String> =
        message.fields.iter().map(|f| format!("{}: value_of_{}", field_name(&f.name), f.name)).collect();
    writeln!(
        code,
        "impl crate::cdr::Field for {name} {{\n\
         fn zero() -> Self {{ Self::default() }}\n\
         fn put(&self, w: &mut crate::cdr::Writer<'_>) -> Result<(), crate::CdrError> {{ {put} Ok(()) }}\n\
         fn get(r: &mut crate::cdr::Reader<'_>) -> Result<Self, crate::CdrError> {{ {get} Ok(Self {{ {} }}) }}\n}}\n\
         impl crate::Message for {name} {{\n\
         const TYPE_NAME: &'static str = \"{}\";\n\
         const TYPE_HASH: &'static str = \"{}\";\n\
         const DEFINITION: &'static str = {:?};\n}}",
        names.join(", "),
        message.full_name,
        rihs::message_hash(interfaces, message),
        definition(interfaces, message),
    )
    .map_err(text)
}

fn emit_service(code: &mut String, interfaces: &Interfaces, full_name: &str) -> Result<(), String> {
    let name = full_name.rsplit('/').next().unwrap_or_default();
    writeln!(
        code,
        "/// The service `{full_name}`.\n#[derive(Debug, Clone, Copy)]\npub struct {name};\n\
         impl crate::Service for {name} {{\n type Request = {name}Request;\n type Response = {name}Response;\n\
         const TYPE_NAME: &'static str = \"{full_name}\";\n const TYPE_HASH: &'static str = \"{}\";\n}}",
        rihs::service_hash(interfaces, full_name)
    )
    .map_err(text)
}

/// A walk over every message type: for tests, and tools that know a type by its name only.
fn emit_visitor(code: &mut String, interfaces: &Interfaces) -> Result<(), String> {
    code.push_str("/// Calls `visitor` with every message type, in order of names.\npub fn visit_all(visitor: &mut impl crate::Visitor) {\n");
    for name in interfaces.messages.keys() {
        writeln!(code, "visitor.visit::<{}>();", path(name)).map_err(text)?;
    }
    code.push_str("}\n");
    Ok(())
}

/// The `ros2msg` schema: the file's text, then each type it needs behind a line of 80 `=`.
fn definition(interfaces: &Interfaces, message: &Message) -> String {
    let (mut seen, mut queue) = (BTreeSet::new(), vec![message]);
    let mut out = message.text.trim_end().to_string();
    while let Some(current) = queue.pop() {
        for field in &current.fields {
            if let Element::Message(name) = &field.element
                && seen.insert(name.clone())
                && let Some(other) = interfaces.messages.get(name)
            {
                let short = name.replace("/msg/", "/");
                let _ = write!(out, "\n{}\nMSG: {short}\n{}", "=".repeat(80), other.text.trim_end());
                queue.push(other);
            }
        }
    }
    out.push('\n');
    out
}
