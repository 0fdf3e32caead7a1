//! Text for a person: tables, colours where a terminal shows them, and nothing of a stranger's that a terminal would obey.

use std::io::IsTerminal;

use comfy_table::presets::UTF8_HORIZONTAL_ONLY;
use comfy_table::{Attribute, Cell, Color, ContentArrangement, LineStyle, Table, TableStyle};
use plimsoll_types::Severity;

/// The width where the output is not a terminal.
const PIPE_WIDTH: u16 = 160;

/// Lines above, below and under the head, none between the rows: a long list must be short.
const STYLE: TableStyle = UTF8_HORIZONTAL_ONLY.row_separator(LineStyle::none());

/// An empty table with a head, as wide as the terminal.
pub(crate) fn table(head: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(STYLE).set_content_arrangement(ContentArrangement::Dynamic);
    if !std::io::stdout().is_terminal() {
        table.set_width(PIPE_WIDTH);
    }
    table.set_header(head.iter().map(|title| bold(title)));
    table
}

/// A cell of a stranger's text, with its control characters escaped: a package's name must not move the cursor.
pub(crate) fn cell(text: &str) -> Cell {
    Cell::new(printable(text))
}

/// A cell with a severity in its colour.
pub(crate) fn severity(severity: Severity) -> Cell {
    let cell = Cell::new(severity.as_str());
    if !colours() {
        return cell;
    }
    match severity {
        Severity::Critical => cell.fg(Color::Red).add_attribute(Attribute::Bold),
        Severity::High => cell.fg(Color::Red),
        Severity::Medium => cell.fg(Color::Yellow),
        Severity::Low => cell.fg(Color::Cyan),
        Severity::Negligible | Severity::Unknown => cell.add_attribute(Attribute::Dim),
    }
}

fn bold(text: &str) -> Cell {
    let cell = Cell::new(text);
    if colours() { cell.add_attribute(Attribute::Bold) } else { cell }
}

/// Whether stdout is a terminal that wants colours (no-color.org).
fn colours() -> bool {
    std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// The text with control characters escaped (also those of C1, and the ones that turn the direction of writing around).
pub(crate) fn printable(text: &str) -> String {
    let obeyed = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if !text.contains(obeyed) {
        return text.to_owned();
    }
    text.chars().map(|c| if obeyed(c) { c.escape_default().to_string() } else { c.to_string() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strangers_text_cannot_move_the_cursor() {
        assert_eq!(printable("a\u{1b}[2Jb\nc\u{202e}"), "a\\u{1b}[2Jb\\nc\\u{202e}");
        assert_eq!(printable("zlib-ü"), "zlib-ü");
    }
}
