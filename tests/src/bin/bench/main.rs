//! `make bench`: benchmarks against their floors, with release builds of the real binaries on a real control plane.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "figures are printed")]

use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use clap::{Parser, ValueEnum};
use windlass_tests::bench::{BUSY, Machine, Report};
use windlass_tests::folder::Folder;

mod b1;
mod b10;
mod b6;
mod b9;
mod floor;
mod idle;
mod metadata_floor;
mod parallel_floor;
mod poison;
mod rig;
mod settings;
mod tree;
mod usage;

/// All of them, quickest first.
const ALL: [&str; 7] = ["B1", "tree", "poison", "B6", "B9", "B10", "idle"];

/// Runs benchmarks: one figure a line, its name first, and one JSON object a benchmark at the end.
///
/// Figures are recorded in target/bench only when the load average was low enough at the start.
#[derive(Debug, Parser)]
#[command(name = "bench")]
struct Args {
    /// Which: B1 (commit to Synced), tree (an application of 5,000 objects looked at), poison (the same beside applications that cannot be rendered), B6 (ten thousand Pods), B9 (a thousand applications), B10 (drift), idle (what it costs when nothing changes) or all.
    #[arg(default_value = "all")]
    id: String,
    /// `json` prints the JSON objects and nothing else.
    #[arg(short, long, value_enum, default_value = "text")]
    output: Output,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    Text,
    Json,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(&Args::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench failed: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: &Args) -> Result<()> {
    if cfg!(debug_assertions) {
        eprintln!("this is no release build: its floors are worth nothing; use `make bench`");
    }
    let wanted: Vec<&str> = match args.id.as_str() {
        "all" | "" => ALL.to_vec(),
        id => match ALL.iter().find(|known| known.eq_ignore_ascii_case(id)) {
            Some(known) => vec![*known],
            None => bail!("there is no benchmark {id:?}; there are {} and all", ALL.join(", ")),
        },
    };
    let mut objects = Vec::new();
    for id in wanted {
        let machine = Machine::look()?;
        if args.output == Output::Text {
            println!(
                "{id}: {} cores, load average {} at the start (at most {BUSY} to be recorded)",
                machine.cores, machine.load
            );
        }
        let report = Box::pin(measure(id)).await.with_context(|| id.to_owned())?;
        let recorded = report.record(machine)?;
        if args.output == Output::Text {
            println!("{}", report.text(machine));
            if let Some(path) = recorded {
                println!("recorded: {}", path.display());
            }
        }
        objects.push(report.json(machine));
    }
    for object in objects {
        println!("{object}");
    }
    Ok(())
}

async fn measure(id: &str) -> Result<Report> {
    let mut folder = Folder::create(&format!("bench-{id}"))?;
    let report = match id {
        "B1" => b1::run(folder.path()).await?,
        "poison" => poison::run(folder.path()).await?,
        "tree" => tree::run(folder.path()).await?,
        "B6" => b6::run(folder.path()).await?,
        "B9" => b9::run(folder.path()).await?,
        "B10" => b10::run(folder.path()).await?,
        _ => idle::run(folder.path()).await?,
    };
    folder.succeed();
    Ok(report)
}
