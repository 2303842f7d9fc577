//! `windlass-agent`.

use clap::Parser as _;
use windlass_agent::args::{Args, Command};
use windlass_agent::{app, inspect, plan};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    let args = Args::parse();
    match &args.command {
        Some(Command::Plan(asked)) => return plan::main(asked),
        Some(Command::Health(asked)) => return inspect::print(asked.run()),
        Some(Command::Diff(asked)) => return inspect::print_compared(asked.run()),
        Some(Command::Jq) => return windlass_agent::script::jq::child::main(),
        None => {}
    }
    match app::start(args) {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            std::process::ExitCode::FAILURE
        }
    }
}
