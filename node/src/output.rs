// SPDX-License-Identifier: EUPL-1.2
//! How every command speaks: the result on stdout in one of four forms, everything else on stderr.
//!
//! A command hands over values that serialise as the API's do, and names the members to show. JSON gets the values as
//! they are; tables and CSV are for people, so in them addresses are defanged, control characters made visible and cells
//! made safe for spreadsheets. A reader that closes the pipe ends the command without an error.

mod cell;
mod column;
mod exit;
mod failure;

use std::io::{self, IsTerminal as _, Write};

use clap::ValueEnum;
use comfy_table::{ContentArrangement, Table};
use serde::Serialize;
use serde_json::Value;

pub use cell::{csv_cell, defanged, printable};
pub use column::{Column, Show, col};
pub use exit::{EXIT_HELP, Exit};
pub use failure::Failure;

/// Form of a result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Columns for people; tab-separated when stdout is not a terminal.
    #[default]
    Table,
    /// One JSON document.
    Json,
    /// One JSON object a line; streams as it comes.
    Jsonl,
    /// Comma-separated, for spreadsheets.
    Csv,
}

/// Where results and remarks go, and in which form.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    format: Format,
    quiet: bool,
    terminal: bool,
    bold_stdout: bool,
    bold_stderr: bool,
}

impl Output {
    /// For this process's stdout and stderr.
    pub fn new(format: Format, color: clap::ColorChoice, quiet: bool) -> Self {
        let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let paint = |terminal: bool| match color {
            clap::ColorChoice::Always => true,
            clap::ColorChoice::Never => false,
            clap::ColorChoice::Auto => terminal && !plain,
        };
        let (out, err) = (io::stdout().is_terminal(), io::stderr().is_terminal());
        Self { format, quiet, terminal: out, bold_stdout: paint(out), bold_stderr: paint(err) }
    }

    /// The form asked for.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Whether progress may be drawn: somebody looks at stderr and did not ask for quiet.
    pub fn shows_progress(&self) -> bool {
        !self.quiet && io::stderr().is_terminal()
    }

    /// Writes a list. Nothing found is `[]` in JSON and no row in the other forms; it is not a failure.
    ///
    /// # Errors
    ///
    /// When stdout cannot be written; a closed pipe gives a failure that is silent and exits 0.
    pub fn list<T: Serialize>(&self, items: &[T], columns: &[Column]) -> Result<(), Failure> {
        emit(|out| self.write_list(out, items, columns))
    }

    /// Writes one thing: a line for each member in a table, one row in CSV.
    ///
    /// # Errors
    ///
    /// As [`Output::list`].
    pub fn one<T: Serialize>(&self, item: &T, columns: &[Column]) -> Result<(), Failure> {
        emit(|out| self.write_one(out, item, columns))
    }

    /// Writes the next item of a stream, at once: a tab-separated line or a line of JSON. With `first`, CSV begins
    /// with its heading.
    ///
    /// # Errors
    ///
    /// As [`Output::list`].
    pub fn next<T: Serialize>(&self, item: &T, columns: &[Column], first: bool) -> Result<(), Failure> {
        emit(|out| match self.format {
            Format::Json | Format::Jsonl => write_json_line(out, item),
            Format::Table => writeln!(out, "{}", cells(&to_value(item)?, columns).join("\t")),
            Format::Csv => write_csv(out, std::slice::from_ref(item), columns, first),
        })
    }

    /// Writes a text that is itself the result, such as a key or a script, in whatever form was asked for.
    ///
    /// # Errors
    ///
    /// As [`Output::list`].
    pub fn text(&self, text: &str) -> Result<(), Failure> {
        emit(|out| {
            out.write_all(text.as_bytes())?;
            if text.ends_with('\n') { Ok(()) } else { out.write_all(b"\n") }
        })
    }

    /// A remark for people, on stderr; left out under `--quiet`.
    pub fn note(&self, text: &str) {
        if !self.quiet {
            say(&printable_lines(text));
        }
    }

    /// Something to be careful about, on stderr even under `--quiet`.
    pub fn warn(&self, text: &str) {
        say(&format!("{} {}", bold("warning:", self.bold_stderr), printable_lines(text)));
    }

    /// Reports why a command ended: `error:`, `cause:` and `hint:` lines on stderr.
    pub fn failure(&self, failure: &Failure) {
        for (label, text) in failure.lines() {
            say(&format!("{} {}", bold(&format!("{label}:"), self.bold_stderr), printable_lines(&text)));
        }
    }

    fn write_list<T: Serialize>(
        &self,
        out: &mut dyn Write,
        items: &[T],
        columns: &[Column],
    ) -> io::Result<()> {
        match self.format {
            Format::Json => write_json(out, &items),
            Format::Jsonl => items.iter().try_for_each(|item| write_json_line(out, item)),
            Format::Csv => write_csv(out, items, columns, true),
            Format::Table => {
                let rows = items.iter().map(|item| Ok(cells(&to_value(item)?, columns)));
                let rows = rows.collect::<io::Result<Vec<_>>>()?;
                let heading: Vec<String> = columns.iter().map(Column::heading).collect();
                self.write_rows(out, Some(heading), rows)
            }
        }
    }

    fn write_one<T: Serialize>(&self, out: &mut dyn Write, item: &T, columns: &[Column]) -> io::Result<()> {
        match self.format {
            Format::Json => write_json(out, item),
            Format::Jsonl => write_json_line(out, item),
            Format::Csv => write_csv(out, std::slice::from_ref(item), columns, true),
            Format::Table => {
                let names = columns.iter().map(|column| column.name().to_owned());
                let rows = names.zip(cells(&to_value(item)?, columns)).map(|(name, cell)| vec![name, cell]);
                self.write_rows(out, None, rows.collect())
            }
        }
    }

    fn write_rows(
        &self,
        out: &mut dyn Write,
        heading: Option<Vec<String>>,
        rows: Vec<Vec<String>>,
    ) -> io::Result<()> {
        if !self.terminal {
            return heading.into_iter().chain(rows).try_for_each(|row| writeln!(out, "{}", row.join("\t")));
        }
        let has_heading = heading.is_some();
        for (number, line) in aligned(heading, rows).iter().enumerate() {
            writeln!(out, "{}", bold(line.trim_end(), self.bold_stdout && has_heading && number == 0))?;
        }
        Ok(())
    }
}

/// Lines of equal columns without rules or frames, wrapped at the terminal's width where that is known.
fn aligned(heading: Option<Vec<String>>, rows: Vec<Vec<String>>) -> Vec<String> {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    if let Some(width) = std::env::var("COLUMNS").ok().and_then(|width| width.parse().ok()) {
        table.set_width(width);
        table.set_content_arrangement(ContentArrangement::Dynamic);
    }
    if let Some(heading) = heading {
        table.set_header(heading);
    }
    table.add_rows(rows);
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.lines().collect()
}

fn cells(item: &Value, columns: &[Column]) -> Vec<String> {
    columns.iter().map(|column| column.cell(item)).collect()
}

fn to_value<T: Serialize>(item: &T) -> io::Result<Value> {
    serde_json::to_value(item).map_err(io::Error::other)
}

fn write_json<T: Serialize>(out: &mut dyn Write, item: &T) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, item).map_err(io::Error::from)?;
    out.write_all(b"\n")
}

fn write_json_line<T: Serialize>(out: &mut dyn Write, item: &T) -> io::Result<()> {
    serde_json::to_writer(&mut *out, item).map_err(io::Error::from)?;
    out.write_all(b"\n")
}

fn write_csv<T: Serialize>(
    out: &mut dyn Write,
    items: &[T],
    columns: &[Column],
    heading: bool,
) -> io::Result<()> {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(out);
    if heading {
        writer.write_record(columns.iter().map(Column::name)).map_err(io::Error::from)?;
    }
    for item in items {
        let item = to_value(item)?;
        let record: Vec<String> = columns.iter().map(|column| csv_cell(&column.value(&item))).collect();
        writer.write_record(record).map_err(io::Error::from)?;
    }
    writer.flush()
}

/// Runs `write` on stdout and flushes it.
fn emit(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Failure> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    let written = write(&mut out).and_then(|()| out.flush());
    written.map_err(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => Failure::silent(Exit::Done.code()),
        _ => Failure::new(Exit::Failed, "the result could not be written to stdout").because(error),
    })
}

/// Writes a line to stderr; there is nowhere to complain if that fails.
fn say(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

fn bold(text: &str, on: bool) -> String {
    if on { format!("\u{1b}[1m{text}\u{1b}[0m") } else { text.to_owned() }
}

/// Makes control characters visible but keeps line breaks.
fn printable_lines(text: &str) -> String {
    text.lines().map(printable).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests;
