// SPDX-License-Identifier: EUPL-1.2
//! A figure, what it is held against, and how a run of them is shown: a table for people, one JSON line for machines.

use comfy_table::{CellAlignment, ContentArrangement, Table};
use serde_json::{Value, json};

use crate::machine::Machine;

/// Width of the column that explains.
const BESIDE_WIDTH: usize = 60;

/// What a figure must be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Bound {
    /// At least this.
    AtLeast(f64),
    /// At most this.
    AtMost(f64),
    /// Exactly this.
    Exactly(f64),
    /// Anything: printed for information.
    Free,
}

/// One measured number.
#[derive(Clone, Debug)]
pub(crate) struct Figure {
    /// A stable name: the row's and, after a dot, its own.
    pub(crate) name: &'static str,
    /// What was measured, for people.
    pub(crate) what: String,
    /// The number.
    pub(crate) measured: f64,
    /// Its unit, as in `/s`, `ms`, `%`; empty for a count.
    pub(crate) unit: &'static str,
    /// What it must be.
    pub(crate) bound: Bound,
    /// The limit of this machine in this run, and whatever explains the number.
    pub(crate) beside: String,
}

impl Figure {
    /// Whether the bound holds; `None` without one.
    pub(crate) fn is_reached(&self) -> Option<bool> {
        match self.bound {
            Bound::AtLeast(bound) => Some(self.measured >= bound),
            Bound::AtMost(bound) => Some(self.measured <= bound),
            Bound::Exactly(bound) => Some(self.measured == bound),
            Bound::Free => None,
        }
    }

    fn target(&self) -> String {
        let number = |bound| with_unit(bound, self.unit);
        match self.bound {
            Bound::AtLeast(bound) => format!(">= {}", number(bound)),
            Bound::AtMost(bound) => format!("<= {}", number(bound)),
            Bound::Exactly(bound) => number(bound),
            Bound::Free => "-".into(),
        }
    }

    fn verdict(&self) -> &'static str {
        match self.is_reached() {
            Some(true) => "reached",
            Some(false) => "MISSED",
            None => "",
        }
    }

    fn json(&self) -> Value {
        let (relation, bound) = match self.bound {
            Bound::AtLeast(bound) => (Some(">="), Some(bound)),
            Bound::AtMost(bound) => (Some("<="), Some(bound)),
            Bound::Exactly(bound) => (Some("=="), Some(bound)),
            Bound::Free => (None, None),
        };
        json!({
            "name": self.name, "what": self.what, "measured": rounded(self.measured), "unit": self.unit,
            "relation": relation, "to_reach": bound.map(rounded), "reached": self.is_reached(), "beside": self.beside,
        })
    }
}

/// The figures of one run.
pub(crate) struct Report {
    figures: Vec<Figure>,
}

impl Report {
    pub(crate) fn new() -> Self {
        Self { figures: Vec::new() }
    }

    pub(crate) fn extend(&mut self, figures: Vec<Figure>) {
        self.figures.extend(figures);
    }

    /// Names of the figures that miss their bound.
    pub(crate) fn missed(&self) -> Vec<&'static str> {
        self.figures
            .iter()
            .filter(|figure| figure.is_reached() == Some(false))
            .map(|figure| figure.name)
            .collect()
    }

    /// For people.
    pub(crate) fn table(&self) -> String {
        let mut table = Table::new();
        table.load_style(comfy_table::presets::ASCII_MARKDOWN);
        table.set_content_arrangement(ContentArrangement::Disabled);
        table.set_header(["what", "measured", "to reach", "", "beside, in this run"]);
        for figure in &self.figures {
            for (number, line) in lines(&figure.beside).into_iter().enumerate() {
                if number == 0 {
                    let measured = with_unit(figure.measured, figure.unit);
                    table.add_row([
                        figure.what.clone(),
                        measured,
                        figure.target(),
                        figure.verdict().into(),
                        line,
                    ]);
                } else {
                    table.add_row([String::new(), String::new(), String::new(), String::new(), line]);
                }
            }
        }
        for column in [1, 2] {
            if let Some(column) = table.column_mut(column) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        table.to_string()
    }

    /// For machines: one object with the machine, the time and every figure.
    pub(crate) fn json(&self, machine: &Machine) -> Value {
        let figures: Vec<Value> = self.figures.iter().map(Figure::json).collect();
        let missed = self.missed();
        json!({ "machine": machine.json(), "missed": missed, "figures": figures })
    }
}

/// Breaks a text at blanks, so that the table keeps to a screen.
fn lines(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last_mut().expect("there is always a line");
        if !line.is_empty() && line.len() + 1 + word.len() > BESIDE_WIDTH {
            lines.push(word.to_owned());
        } else {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}

fn rounded(number: f64) -> f64 {
    (number * 1_000.0).round() / 1_000.0
}

/// A number with its unit: `12,345/s`, `0.42 ms`.
pub(crate) fn with_unit(number: f64, unit: &str) -> String {
    let blank = if unit.is_empty() || unit.starts_with('/') { "" } else { " " };
    format!("{}{blank}{unit}", shown(number))
}

/// Whole thousands in groups, small numbers with three digits that say something.
pub(crate) fn shown(number: f64) -> String {
    let size = number.abs();
    if size.fract() != 0.0 && size < 100.0 {
        let decimals = if size < 1.0 { 3 } else { 2 };
        return format!("{number:.decimals$}");
    }
    let digits = format!("{:.0}", size);
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    if number < 0.0 { format!("-{grouped}") } else { grouped }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(measured: f64, bound: Bound) -> Figure {
        Figure { name: "a.b", what: "what".into(), measured, unit: "/s", bound, beside: "word ".repeat(30) }
    }

    #[test]
    fn a_missed_bound_is_named_and_a_free_figure_is_not() {
        let mut report = Report::new();
        report.extend(vec![
            figure(9.0, Bound::AtLeast(10.0)),
            figure(9.0, Bound::Free),
            figure(9.0, Bound::AtMost(9.0)),
        ]);
        assert_eq!(report.missed(), ["a.b"]);
        assert!(report.table().contains("MISSED") && report.table().contains("reached"));
    }

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(with_unit(1_234_567.0, "/s"), "1,234,567/s");
        assert_eq!(with_unit(0.4216, "ms"), "0.422 ms");
        assert_eq!(with_unit(0.0, ""), "0");
        assert_eq!(shown(999.6), "1,000");
    }
}
