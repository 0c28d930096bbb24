//! Rows and columns, aligned by what a terminal shows rather than by bytes.

use unicode_width::UnicodeWidthStr as _;

use super::Style;
use super::plain::plain_line;

/// Spaces between columns.
const GAP: usize = 2;

/// One cell: any text, made safe when it is shown.
#[derive(Debug, Clone)]
pub(crate) struct Cell {
    text: String,
    style: Option<Style>,
}

impl Cell {
    /// A cell in a style.
    pub(crate) fn new(style: Style, text: impl Into<String>) -> Self {
        Self { text: text.into(), style: Some(style) }
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self { text: text.into(), style: None }
    }
}

/// A table with a heading for each column.
#[derive(Debug)]
pub(crate) struct Table {
    headings: Vec<&'static str>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    /// An empty table.
    pub(crate) fn new<const N: usize>(headings: [&'static str; N]) -> Self {
        Self { headings: headings.to_vec(), rows: Vec::new() }
    }

    /// Adds a row; it has as many cells as there are headings.
    pub(crate) fn row<const N: usize>(&mut self, cells: [Cell; N]) {
        debug_assert_eq!(N, self.headings.len());
        self.rows.push(cells.into());
    }

    /// Whether there are no rows.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The lines: headings, then rows.
    pub(in crate::cli) fn lines(&self, paint: impl Fn(Style, &str) -> String) -> Vec<String> {
        let headings = self.headings.iter().map(|text| Cell::new(Style::Strong, *text)).collect();
        let rows: Vec<Vec<(String, Option<Style>)>> = std::iter::once(&headings)
            .chain(&self.rows)
            .map(|row| row.iter().map(|cell| (plain_line(&cell.text).into_owned(), cell.style)).collect())
            .collect();
        let width_of = |column: usize| {
            let widths = rows.iter().filter_map(|row| row.get(column)).map(|(text, _)| text.width());
            widths.max().unwrap_or_default()
        };
        let widths: Vec<usize> = (0..self.headings.len()).map(width_of).collect();
        let line = |row: &Vec<(String, Option<Style>)>| {
            let mut line = String::new();
            let mut gap = 0;
            for ((text, style), width) in row.iter().zip(&widths) {
                if !text.is_empty() {
                    line.extend(std::iter::repeat_n(' ', std::mem::take(&mut gap)));
                    line += &style.map_or_else(|| text.clone(), |style| paint(style, text));
                }
                gap += width.saturating_sub(text.width()) + GAP;
            }
            line
        };
        rows.iter().map(line).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_align_by_width_and_no_line_ends_in_spaces() {
        let mut table = Table::new(["AGENT", "TITLE", "NOTE"]);
        table.row(["support".into(), "日本".into(), "x".into()]);
        table.row(["a".into(), "b\nc".into(), "".into()]);
        let lines = table.lines(|_, text| text.to_owned());
        assert_eq!(lines, ["AGENT    TITLE  NOTE", "support  日本   x", "a        b\\nc"]);
    }

    #[test]
    fn styles_do_not_move_columns() {
        let mut table = Table::new(["A", "B"]);
        table.row([Cell::new(Style::Good, "x"), "y".into()]);
        let lines = table.lines(|_, text| format!("<{text}>"));
        assert_eq!(lines, ["<A>  <B>", "<x>  y"]);
    }
}
