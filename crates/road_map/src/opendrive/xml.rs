use roxmltree::Node;

use crate::MapError;

/// Reads attributes and names what is wrong with its place in the file.
#[derive(Clone, Copy)]
pub(crate) struct Xml<'a, 'input> {
    pub map: &'a str,
    pub node: Node<'a, 'input>,
}

impl<'a, 'input> Xml<'a, 'input> {
    pub fn error(&self, reason: impl Into<String>) -> MapError {
        let line = self.node.document().text_pos_at(self.node.range().start).row;
        let tag = self.node.tag_name().name();
        let element = self.node.attribute("id").map_or_else(|| tag.to_string(), |id| format!("{tag} id=\"{id}\""));
        MapError::Element { map: self.map.into(), line, element, reason: reason.into() }
    }

    pub fn tag(&self) -> &'a str {
        self.node.tag_name().name()
    }

    pub fn children(&self, tag: &'static str) -> impl Iterator<Item = Self> + use<'a, 'input> {
        let map = self.map;
        self.node.children().filter(move |n| n.has_tag_name(tag)).map(move |node| Self { map, node })
    }

    pub fn elements(&self) -> impl Iterator<Item = Self> + use<'a, 'input> {
        let map = self.map;
        self.node.children().filter(Node::is_element).map(move |node| Self { map, node })
    }

    pub fn child(&self, tag: &'static str) -> Option<Self> {
        self.children(tag).next()
    }

    pub fn text(&self, name: &str) -> Option<&'a str> {
        self.node.attribute(name)
    }

    pub fn required(&self, name: &str) -> Result<&'a str, MapError> {
        self.text(name).ok_or_else(|| self.error(format!("attribute `{name}` expected, none there")))
    }

    /// A finite number.
    pub fn number(&self, name: &str) -> Result<f64, MapError> {
        self.parse_number(name, self.required(name)?)
    }

    /// A finite number, or `default` where the attribute is missing.
    pub fn number_or(&self, name: &str, default: f64) -> Result<f64, MapError> {
        self.text(name).map_or(Ok(default), |text| self.parse_number(name, text))
    }

    fn parse_number(&self, name: &str, text: &str) -> Result<f64, MapError> {
        match text.trim().parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(value),
            _ => Err(self.error(format!("attribute `{name}`: a finite number expected, got `{text}`"))),
        }
    }

    pub fn integer(&self, name: &str) -> Result<i64, MapError> {
        let text = self.required(name)?;
        text.trim()
            .parse()
            .map_err(|_| self.error(format!("attribute `{name}`: a whole number expected, got `{text}`")))
    }

    /// A cubic with its start: attributes a, b, c, d and the start's name.
    pub fn cubic(&self, start: &str) -> Result<Cubic, MapError> {
        Ok(Cubic {
            start: self.number(start)?,
            coefficients: [self.number("a")?, self.number("b")?, self.number("c")?, self.number("d")?],
        })
    }
}

/// a + b ds + c ds² + d ds³ from a start on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cubic {
    pub start: f64,
    pub coefficients: [f64; 4],
}

impl Cubic {
    pub fn at(&self, s: f64) -> f64 {
        let ds = s - self.start;
        let [a, b, c, d] = self.coefficients;
        a + ds * (b + ds * (c + ds * d))
    }
}

/// The value at `s` of cubics in order of their starts; before the first one, `default`.
pub(super) fn piecewise(cubics: &[Cubic], s: f64, default: f64) -> f64 {
    let index = cubics.partition_point(|c| c.start <= s + 1e-9);
    if index == 0 { default } else { cubics[index - 1].at(s) }
}
