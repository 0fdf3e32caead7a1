//! `WWW-Authenticate` (RFC 9110, section 11.6.1): a list of schemes, each with a list of parameters, with the same comma
//! between both.

/// One scheme that a server offers to be logged in by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Challenge {
    scheme: String,
    parameters: Vec<(String, String)>,
}

impl Challenge {
    pub(super) fn is(&self, scheme: &str) -> bool {
        self.scheme.eq_ignore_ascii_case(scheme)
    }

    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

/// Reads one header line. What cannot be understood ends the reading; what came before it counts.
pub(super) fn parse(header: &str) -> Vec<Challenge> {
    let mut challenges: Vec<Challenge> = Vec::new();
    let mut rest = header;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let (word, behind) = take_token(rest);
        if word.is_empty() {
            return challenges;
        }
        match (behind.trim_start().strip_prefix('='), challenges.last_mut()) {
            (Some(value), Some(challenge)) => {
                let Some((value, behind)) = take_value(value.trim_start()) else { return challenges };
                challenge.parameters.push((word.to_owned(), value));
                rest = behind;
            }
            (Some(_), None) => return challenges,
            (None, _) => {
                challenges.push(Challenge { scheme: word.to_owned(), parameters: Vec::new() });
                rest = behind;
            }
        }
    }
}

fn take_token(text: &str) -> (&str, &str) {
    let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    text.split_at(text.find(|c| !is_token(c)).unwrap_or(text.len()))
}

fn take_value(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let (value, rest) = text.split_at(text.find([',', ' ', '\t']).unwrap_or(text.len()));
        return Some((value.to_owned(), rest));
    };
    let mut value = String::new();
    let mut escaped = false;
    for (at, c) in quoted.char_indices() {
        match c {
            _ if escaped => {
                value.push(c);
                escaped = false;
            }
            '\\' => escaped = true,
            '"' => return Some((value, &quoted[at + 1..])),
            c => value.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemes_and_parameters_are_told_apart() {
        let header = r#"Basic realm="a, \"b\"", Bearer realm="https://r.example/token",service=registry , scope="repository:a:pull,push""#;
        let challenges = parse(header);
        assert_eq!(challenges.len(), 2);
        assert!(challenges[0].is("basic"));
        assert_eq!(challenges[0].parameter("realm"), Some("a, \"b\""));
        assert_eq!(challenges[1].parameter("SERVICE"), Some("registry"));
        assert_eq!(challenges[1].parameter("scope"), Some("repository:a:pull,push"));
    }

    #[test]
    fn nonsense_is_no_challenge_and_no_panic() {
        for nonsense in ["", ",,,", "=", "realm=x", "Bearer realm=\"", "é", "Bearer \"", "Bearer realm=\"\\"]
        {
            assert!(parse(nonsense).iter().all(|challenge| challenge.parameters.is_empty()), "{nonsense}");
        }
    }
}
