//! What a parameter file says of its parameters, in the comment behind each.

use std::path::Path;

use middleware::live::Declared;

/// Reads the comments of a parameter file: description and, where one is given as `least..most`, the range.
pub fn read(path: &Path) -> Vec<Declared> {
    // A file that cannot be read was refused before, when its values were read.
    parse(&std::fs::read_to_string(path).unwrap_or_default())
}

fn parse(text: &str) -> Vec<Declared> {
    let mut declared = Vec::new();
    // Keys that lead to the line, with their indentation, below `ros__parameters`.
    let mut outer: Vec<(usize, String)> = Vec::new();
    for line in text.lines() {
        let (content, comment) = match line.find('#') {
            Some(at) => (&line[..at], line[at + 1..].trim()),
            None => (line, ""),
        };
        let Some((key, _)) = content.split_once(':') else { continue };
        let indentation = key.len() - key.trim_start().len();
        outer.retain(|(of, _)| *of < indentation);
        outer.push((indentation, key.trim().to_owned()));
        let Some(root) = outer.iter().position(|(_, key)| key == "ros__parameters") else { continue };
        let name = outer[root + 1..].iter().map(|(_, key)| key.as_str()).collect::<Vec<_>>().join(".");
        if !name.is_empty() && !comment.is_empty() {
            declared.push(Declared { name, description: comment.into(), range: range(comment), fixed: false });
        }
    }
    declared
}

fn range(comment: &str) -> Option<(f64, f64)> {
    comment.split([' ', ',', ':', ';']).find_map(|word| {
        let (least, most) = word.split_once("..")?;
        Some((least.parse().ok()?, most.parse().ok()?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_give_description_and_range_to_dotted_names() {
        let text = "/**:\n  ros__parameters:\n    a: 1.0  # m, -2..5, how far\n    lidar:\n      beams: 32 # 1..128\n    b: x # of c..d\n";
        let declared = parse(text);
        let of = |name: &str| declared.iter().find(|d| d.name == name).unwrap();
        assert_eq!((of("a").description.as_str(), of("a").range), ("m, -2..5, how far", Some((-2.0, 5.0))));
        assert_eq!(of("lidar.beams").range, Some((1.0, 128.0)));
        assert_eq!(of("b").range, None);
    }
}
