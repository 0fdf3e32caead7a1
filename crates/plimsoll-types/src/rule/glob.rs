//! Names with wildcards.

/// A pattern of a name: `*` stands for any text, slashes included, `?` for one character. Case counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glob(String);

impl Glob {
    /// The pattern in this text. Every text is one.
    pub fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name that alone fits, where there are no wildcards.
    pub fn literal(&self) -> Option<&str> {
        (!self.0.contains(['*', '?'])).then_some(self.0.as_str())
    }

    /// Whether the name fits. Takes time in proportion to the product of the lengths at most.
    pub fn fits(&self, name: &str) -> bool {
        let (pattern, name): (Vec<char>, Vec<char>) = (self.0.chars().collect(), name.chars().collect());
        let (mut p, mut n) = (0, 0);
        // Where the last star was, and how much of the name it stands for so far: only the last one is ever moved.
        let mut star = None;
        while n < name.len() {
            match pattern.get(p) {
                Some('*') => {
                    star = Some((p, n));
                    p += 1;
                }
                Some(c) if *c == '?' || *c == name[n] => (p, n) = (p + 1, n + 1),
                _ => {
                    let Some((at, taken)) = star else { return false };
                    star = Some((at, taken + 1));
                    (p, n) = (at + 1, taken + 1);
                }
            }
        }
        pattern[p..].iter().all(|c| *c == '*')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_any_text_and_a_question_mark_one_character() {
        for (pattern, name, fits) in [
            ("team/*", "team/app/web", true),
            ("team/*", "teams/app", false),
            ("*/web", "team/app/web", true),
            ("lib?", "libc", true),
            ("lib?", "lib", false),
            ("*", "", true),
            ("", "", true),
            ("a*b*c", "aXbXbXc", true),
            ("a*b*c", "aXbXbX", false),
            ("**a", "bba", true),
        ] {
            assert_eq!(Glob::new(pattern).fits(name), fits, "{pattern} {name}");
        }
    }

    #[test]
    fn a_pattern_made_to_be_slow_is_not() {
        let pattern = format!("{}b", "a*".repeat(500));
        assert!(!Glob::new(&pattern).fits(&"a".repeat(1000)));
    }
}
