//! `windlass`: the command line, over the hub's HTTP API only.
//!
//! Data goes to stdout, everything else to stderr. Exit codes: 0 done, 1 failed or not reached, 2 wrong usage.

mod args;
mod client;
mod commands;
mod connection;
mod context;
mod output;
mod run;
mod view;

use std::process::ExitCode;

use clap::Parser;

#[tokio::main]
async fn main() -> ExitCode {
    let args = args::Args::parse();
    match run::run(args).await {
        Ok(()) => ExitCode::SUCCESS,
        // `windlass app list | head` is no failure.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) if error.is::<output::Exit>() => {
            ExitCode::from(error.downcast_ref().map_or(1, |exit: &output::Exit| exit.0))
        }
        Err(error) => {
            output::note(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let cause = error.downcast_ref::<std::io::Error>();
    cause.is_some_and(|cause| cause.kind() == std::io::ErrorKind::BrokenPipe)
}
