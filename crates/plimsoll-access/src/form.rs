//! `application/x-www-form-urlencoded`: how tokens are asked for.

use percent_encoding::percent_decode_str;

/// The fields of a form or a query, in order. `None` where it is not text, or has more than a hundred of them.
pub fn parse(text: &str) -> Option<Vec<(String, String)>> {
    let mut fields = Vec::new();
    for pair in text.split('&').filter(|pair| !pair.is_empty()) {
        if fields.len() == MAX_FIELDS {
            return None;
        }
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        fields.push((decoded(name)?, decoded(value)?));
    }
    Some(fields)
}

const MAX_FIELDS: usize = 100;

fn decoded(text: &str) -> Option<String> {
    let text = text.replace('+', " ");
    Some(percent_decode_str(&text).decode_utf8().ok()?.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_read() {
        let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            parse("a=1&b=x+y%2Bz&&a=&c"),
            Some(vec![field("a", "1"), field("b", "x y+z"), field("a", ""), field("c", "")])
        );
        assert_eq!(parse("a=%ff"), None);
        assert_eq!(parse(&"a&".repeat(101)), None);
    }
}
