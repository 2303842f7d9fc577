//! Tables without borders, as kubectl prints them.

use super::line;

/// Prints rows under a header, where there is one; an empty table says so on stderr.
pub(crate) fn print(header: &[&str], rows: Vec<Vec<String>>) -> anyhow::Result<()> {
    if rows.is_empty() {
        super::note("nothing found");
        return Ok(());
    }
    line(&render(header, rows))
}

/// A table of several columns inside other output.
pub(crate) fn render(header: &[&str], rows: Vec<Vec<String>>) -> String {
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    if !header.is_empty() {
        table.set_header(header.iter().map(|title| (*title).to_owned()));
    }
    for row in rows {
        // A cell is one line: what an object says may hold any text.
        table.add_row(row.into_iter().map(|cell| single_line(&cell)));
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    let lines: Vec<String> = table.lines().map(|line| line.trim_end().to_owned()).collect();
    lines.join("\n")
}

/// One line, without control characters that a terminal would act on.
pub(crate) fn single_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_rows_are_lines() {
        let rows = vec![vec!["a".to_owned(), "x\ny\u{1b}[31m".to_owned()], vec!["longer".to_owned(), String::new()]];
        assert_eq!(render(&["NAME", "TEXT"], rows), "NAME    TEXT\na       x y [31m\nlonger");
    }
}
