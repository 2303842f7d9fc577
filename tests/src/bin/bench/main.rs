//! `make bench`: benchmarks against their floors, with release builds of the real binaries on a real control plane.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "figures are printed")]

use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Parser;
use windlass_tests::bench::{Machine, Report};
use windlass_tests::folder::Folder;

mod b1;
mod floor;
mod idle;
mod rig;

/// Runs one benchmark and prints one line.
#[derive(Debug, Parser)]
#[command(name = "bench")]
struct Args {
    /// Which: B1 (commit to Synced) or idle (what it costs when nothing changes).
    #[arg(default_value = "B1")]
    id: String,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(&Args::parse().id).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench failed: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(id: &str) -> Result<()> {
    let machine = Machine::look()?;
    if machine.is_busy() {
        eprintln!("the machine is busy: its load average is {} on {} cores", machine.load, machine.cores);
    }
    if cfg!(debug_assertions) {
        eprintln!("this is no release build: the figures are worth nothing; use `make bench`");
    }
    let mut folder = Folder::create(&format!("bench-{id}"))?;
    let report: Report = match id {
        "B1" => b1::run(folder.path()).await?,
        "idle" => idle::run(folder.path()).await?,
        other => bail!("there is no benchmark {other:?}; there are B1 and idle"),
    };
    let (path, line) = report.write(machine)?;
    println!("{line}");
    println!("{}", path.display());
    folder.succeed();
    Ok(())
}
