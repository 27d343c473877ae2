// SPDX-License-Identifier: EUPL-1.2
//! Measures the figures that the product is to reach, each beside a limit of the same machine in the same run.
//!
//! Rows can be run one by one; each makes what it needs in a temporary folder and removes it. The program drives the
//! crates as the node does and reaches into nothing; `scripts/bench` builds and runs it.

mod author;
mod big;
mod ceilings;
mod checking;
mod door;
mod grouping;
mod hub;
mod import;
mod latency;
mod lookup;
mod machine;
mod nodes;
mod notices;
mod oracle;
mod replication;
mod report;
mod units;

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::{Parser, ValueEnum};

use big::Big;
use machine::Machine;
use report::{Figure, Report};

/// Measure the figures to reach and print them beside this machine's own limits.
#[derive(Parser)]
#[command(name = "figures")]
struct Arguments {
    /// Measure these rows alone
    #[arg(long, value_enum, value_name = "ROW", num_args = 1.., value_delimiter = ',')]
    only: Vec<Row>,
    /// End with status 1 if a figure misses what it is to reach
    #[arg(long)]
    check: bool,
    /// Print one line of JSON in place of the table
    #[arg(long)]
    json: bool,
    /// Append the line of JSON to this file
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// Where the temporary folder is made; its disk is the one that is measured
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
    /// Random orders in which all entries are applied
    #[arg(long, value_name = "NUMBER", default_value_t = 100)]
    orders: usize,
}

/// A group of figures that are measured together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Row {
    /// Precision and recall of grouping; one state in any order
    Grouping,
    /// One open notice for each platform and case
    Notices,
    /// Import, sign and store at one node
    Import,
    /// Store a peer's log
    Replication,
    /// From a referral at a unit to its notice at the hub
    Latency,
    /// Check signatures and bring the index up
    Checking,
    /// Look-ups in process and over HTTP
    Lookup,
}

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let machine = Machine::here(concert_node::engine::now());
    let report = run(&arguments)?;
    let document = report.json(&machine).to_string();
    if arguments.json {
        println!("{document}");
    } else {
        println!("{}\n{}", machine.line(), report.table());
    }
    if let Some(path) = &arguments.record {
        let mut file = OpenOptions::new().create(true).append(true).open(path)?;
        writeln!(file, "{document}")?;
    }
    let missed = report.missed();
    if !missed.is_empty() {
        eprintln!("missed: {}", missed.join(", "));
    }
    Ok(if arguments.check && !missed.is_empty() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn run(arguments: &Arguments) -> anyhow::Result<Report> {
    let base = arguments.folder.clone().unwrap_or_else(std::env::temp_dir);
    let folder = tempfile::Builder::new().prefix("concert-figures-").tempdir_in(base)?;
    let mut report = Report::new();
    let mut big: Option<Big> = None;
    for row in Row::value_variants() {
        if !arguments.only.is_empty() && !arguments.only.contains(row) {
            continue;
        }
        let begin = Instant::now();
        eprint!("{row:?} ... ");
        report.extend(measure(*row, arguments, folder.path(), &mut big)?);
        eprintln!("{:.1} s", begin.elapsed().as_secs_f64());
    }
    if let Some(big) = big {
        big.stop()?;
    }
    Ok(report)
}

/// Measures one row. The node with many referrals serves two of them and is made by the first.
fn measure(
    row: Row,
    arguments: &Arguments,
    folder: &Path,
    big: &mut Option<Big>,
) -> anyhow::Result<Vec<Figure>> {
    if matches!(row, Row::Checking | Row::Lookup) && big.is_none() {
        *big = Some(Big::start(folder)?);
    }
    match (row, big) {
        (Row::Grouping, _) => grouping::figures(&units::records()?, arguments.orders),
        (Row::Notices, _) => notices::figures(&units::records()?),
        (Row::Import, _) => import::figures(folder),
        (Row::Replication, _) => replication::figures(folder),
        (Row::Checking, Some(big)) => checking::figures(big, folder),
        (Row::Lookup, Some(big)) => lookup::figures(big),
        (Row::Latency, _) => latency::figures(folder),
        (Row::Checking | Row::Lookup, None) => anyhow::bail!("the node with many referrals was not started"),
    }
}
