//! The `$filter` of Resource Manager's lists: comparisons of a few fields with texts, joined by `and`, `or` and brackets.

use plimsoll_types::ResourceId;
use serde_json::Value;

use crate::call::Call;
use crate::error::Error;

/// The longest filter, in bytes, and how deep its brackets may go.
const MAX_BYTES: usize = 4096;
const MAX_DEPTH: usize = 16;

/// A filter, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Filter {
    /// Admits all of these. The empty one admits everything.
    All(Vec<Filter>),
    /// Admits any of these.
    Any(Vec<Filter>),
    /// Admits what this does not.
    Not(Box<Filter>),
    /// Compares a field with a text.
    Test(Field, Comparison, String),
}

/// A field of a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Id,
    Name,
    Type,
    Group,
    Location,
    TagName,
    TagValue,
}

const FIELDS: [(&str, Field); 7] = [
    ("id", Field::Id),
    ("name", Field::Name),
    ("resourceType", Field::Type),
    ("resourceGroup", Field::Group),
    ("location", Field::Location),
    ("tagName", Field::TagName),
    ("tagValue", Field::TagValue),
];

/// How a field is compared with a text. Case does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equals,
    Contains,
    Begins,
}

/// What a filter looks at.
pub(super) struct Subject<'a> {
    id: &'a ResourceId,
    kind: String,
    location: &'a str,
    tags: Vec<(&'a str, &'a str)>,
}

impl<'a> Subject<'a> {
    /// The resource with this shape.
    pub(super) fn of_shape(id: &'a ResourceId, shape: &'a Value) -> Self {
        let tags = shape["tags"].as_object().into_iter().flatten();
        Self {
            id,
            kind: id.kind(),
            location: shape["location"].as_str().unwrap_or_default(),
            tags: tags.map(|(name, value)| (name.as_str(), value.as_str().unwrap_or_default())).collect(),
        }
    }
}

impl Filter {
    /// The filter of a request; without one, everything is admitted.
    pub(super) fn of_call(call: &Call<'_>) -> Result<Self, Error> {
        Self::parse(call.parameters.get("$filter").unwrap_or_default())
    }

    fn parse(text: &str) -> Result<Self, Error> {
        if text.len() > MAX_BYTES {
            return Err(refused(format!("it has {} bytes, at most {MAX_BYTES} are read", text.len())));
        }
        let words = words(text)?;
        if words.is_empty() {
            return Ok(Self::All(Vec::new()));
        }
        let mut reader = Reader { words: &words, at: 0 };
        let filter = reader.any(0)?;
        match reader.next() {
            None => Ok(filter),
            Some(word) => Err(refused(format!("{word} is not expected here"))),
        }
    }

    /// Whether the filter admits this resource.
    pub(super) fn admits(&self, subject: &Subject<'_>) -> bool {
        match self {
            Self::All(parts) => {
                // A name and a value of a tag, side by side, speak of the same tag.
                let (tags, others): (Vec<_>, Vec<_>) = parts.iter().partition(|part| part.is_of_tag());
                let fit = |tag: &(&str, &str)| tags.iter().all(|test| test.fits_tag(*tag));
                others.iter().all(|part| part.admits(subject))
                    && (tags.is_empty() || subject.tags.iter().any(fit))
            }
            Self::Any(parts) => parts.iter().any(|part| part.admits(subject)),
            Self::Not(part) => !part.admits(subject),
            Self::Test(field, comparison, text) => {
                let found = match field {
                    Field::Id => subject.id.as_str(),
                    Field::Name => subject.id.name(),
                    Field::Type => &subject.kind,
                    Field::Group => subject.id.resource_group().unwrap_or_default(),
                    Field::Location => subject.location,
                    Field::TagName | Field::TagValue => {
                        return subject.tags.iter().any(|tag| self.fits_tag(*tag));
                    }
                };
                comparison.fits(found, text)
            }
        }
    }

    fn is_of_tag(&self) -> bool {
        matches!(self, Self::Test(Field::TagName | Field::TagValue, ..))
    }

    fn fits_tag(&self, (name, value): (&str, &str)) -> bool {
        match self {
            Self::Test(Field::TagName, comparison, text) => comparison.fits(name, text),
            Self::Test(Field::TagValue, comparison, text) => comparison.fits(value, text),
            _ => false,
        }
    }
}

impl Comparison {
    fn fits(self, found: &str, text: &str) -> bool {
        let (found, text) = (found.to_lowercase(), text.to_lowercase());
        match self {
            Self::Equals => found == text,
            Self::Contains => found.contains(&text),
            Self::Begins => found.starts_with(&text),
        }
    }
}

/// A word of a filter: a name or sign, or a text in quotes.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Word {
    Plain(String),
    Text(String),
}

impl std::fmt::Display for Word {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Plain(word) => f.write_str(word),
            Self::Text(text) => write!(f, "'{text}'"),
        }
    }
}

fn words(text: &str) -> Result<Vec<Word>, Error> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        if first == '\'' {
            // A quote inside of a text is doubled.
            let mut inside = String::new();
            let mut letters = rest[1..].char_indices().peekable();
            let end = loop {
                match letters.next() {
                    Some((_, '\'')) if letters.next_if(|(_, c)| *c == '\'').is_some() => inside.push('\''),
                    Some((at, '\'')) => break at + 2,
                    Some((_, letter)) => inside.push(letter),
                    None => return Err(refused("a text has no quote at its end".to_owned())),
                }
            };
            words.push(Word::Text(inside));
            rest = &rest[end..];
        } else if "(),".contains(first) {
            words.push(Word::Plain(first.to_string()));
            rest = &rest[1..];
        } else {
            let end = rest.find(|c: char| c.is_whitespace() || "(),'".contains(c)).unwrap_or(rest.len());
            words.push(Word::Plain(rest[..end].to_owned()));
            rest = &rest[end..];
        }
        rest = rest.trim_start();
    }
    Ok(words)
}

struct Reader<'a> {
    words: &'a [Word],
    at: usize,
}

impl<'a> Reader<'a> {
    fn any(&mut self, depth: usize) -> Result<Filter, Error> {
        if depth > MAX_DEPTH {
            return Err(refused(format!("its brackets are more than {MAX_DEPTH} deep")));
        }
        let mut parts = vec![self.all(depth)?];
        while self.skip("or") {
            parts.push(self.all(depth)?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Filter::Any(parts) })
    }

    fn all(&mut self, depth: usize) -> Result<Filter, Error> {
        let mut parts = vec![self.one(depth)?];
        while self.skip("and") {
            parts.push(self.one(depth)?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Filter::All(parts) })
    }

    fn one(&mut self, depth: usize) -> Result<Filter, Error> {
        if self.skip("(") {
            let inside = self.any(depth + 1)?;
            self.must_be(")")?;
            return Ok(inside);
        }
        if self.skip("not") {
            self.must_be("(")?;
            let inside = self.any(depth + 1)?;
            self.must_be(")")?;
            return Ok(Filter::Not(Box::new(inside)));
        }
        if self.skip("substringof") {
            self.must_be("(")?;
            let text = self.text()?;
            self.must_be(",")?;
            let field = self.field()?;
            self.must_be(")")?;
            return Ok(Filter::Test(field, Comparison::Contains, text));
        }
        if self.skip("startswith") {
            self.must_be("(")?;
            let field = self.field()?;
            self.must_be(",")?;
            let text = self.text()?;
            self.must_be(")")?;
            return Ok(Filter::Test(field, Comparison::Begins, text));
        }
        let field = self.field()?;
        let is_equal = self.skip("eq");
        if !is_equal {
            self.must_be("ne")?;
        }
        let test = Filter::Test(field, Comparison::Equals, self.text()?);
        Ok(if is_equal { test } else { Filter::Not(Box::new(test)) })
    }

    fn field(&mut self) -> Result<Field, Error> {
        let known = || FIELDS.map(|(name, _)| name).join(", ");
        match self.next() {
            Some(Word::Plain(word)) => FIELDS
                .iter()
                .find(|(name, _)| name.eq_ignore_ascii_case(word))
                .map(|(_, field)| *field)
                .ok_or_else(|| refused(format!("{word} is not a field to filter by; there are {}", known()))),
            Some(word) => Err(refused(format!("a field is expected where {word} stands"))),
            None => Err(refused("it ends where a field is expected".to_owned())),
        }
    }

    fn text(&mut self) -> Result<String, Error> {
        match self.next() {
            Some(Word::Text(text)) => Ok(text.clone()),
            Some(word) => Err(refused(format!("a text in single quotes is expected where {word} stands"))),
            None => Err(refused("it ends where a text in single quotes is expected".to_owned())),
        }
    }

    fn must_be(&mut self, wanted: &str) -> Result<(), Error> {
        if self.skip(wanted) {
            return Ok(());
        }
        match self.next() {
            Some(word) => Err(refused(format!("{wanted} is expected where {word} stands"))),
            None => Err(refused(format!("it ends where {wanted} is expected"))),
        }
    }

    fn skip(&mut self, wanted: &str) -> bool {
        let fits =
            matches!(self.words.get(self.at), Some(Word::Plain(word)) if word.eq_ignore_ascii_case(wanted));
        self.at += usize::from(fits);
        fits
    }

    fn next(&mut self) -> Option<&'a Word> {
        let word = self.words.get(self.at);
        self.at += 1;
        word
    }
}

fn refused(why: String) -> Error {
    Error::bad_request("InvalidFilterInQueryString", format!("$filter cannot be read: {why}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn admits(filter: &str) -> bool {
        let id: ResourceId =
            "/subscriptions/s/resourceGroups/Quays/providers/Microsoft.ContainerRegistry/registries/Pier"
                .parse()
                .unwrap();
        let shape = json!({"location": "local", "tags": {"team": "a", "stage": "b"}});
        Filter::parse(filter).unwrap().admits(&Subject::of_shape(&id, &shape))
    }

    #[test]
    fn what_clients_send_is_understood() {
        assert!(admits(""));
        assert!(admits("resourceType eq 'microsoft.containerregistry/registries'"));
        assert!(!admits("resourceType eq 'Microsoft.KeyVault/vaults'"));
        assert!(admits("RESOURCEGROUP EQ 'quays' And name eq 'pier'"));
        assert!(admits("(name eq 'x' or name eq 'pier') and location ne 'elsewhere'"));
        assert!(admits("substringof('ie', name) and startswith(name, 'P')"));
        assert!(!admits("not (name eq 'pier')"));
        assert!(!admits("name eq 'it''s'"));
    }

    #[test]
    fn name_and_value_speak_of_the_same_tag() {
        assert!(admits("tagName eq 'team' and tagValue eq 'a'"));
        assert!(!admits("tagName eq 'team' and tagValue eq 'b'"));
        assert!(admits("tagName eq 'stage'"));
    }

    #[test]
    fn strangers_filters_are_refused() {
        let deep = format!("{}name eq 'x'{}", "(".repeat(100), ")".repeat(100));
        let long = format!("name eq '{}'", "x".repeat(5000));
        for bad in [
            "name",
            "name eq",
            "name eq x",
            "name eq 'x",
            "name gt 'x'",
            "size eq '1'",
            "name eq 'x' name",
            "(",
            "not name",
            &deep,
            &long,
            "é",
        ] {
            assert!(Filter::parse(bad).is_err(), "{bad}");
        }
    }
}
