//! `make demo`: from nothing to healthy on two real clusters, and through a few accidents, as a transcript.
//!
//! Without a terminal, or with `ONESHOT=1`, it checks each fact, ends and leaves no process behind; otherwise (or with
//! `--keep`) everything runs on until Ctrl-C.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a transcript is its purpose")]

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context as _, Result, anyhow};
use clap::Parser;
use windlass_tests::folder::Folder;

mod node;
mod picture;
mod story;
mod transcript;
mod world;

use world::World;

/// Shows Windlass on two real clusters with simulated nodes.
#[derive(Debug, Parser)]
#[command(name = "demo")]
struct Args {
    /// Leave everything running until Ctrl-C, also without a terminal.
    #[arg(long)]
    keep: bool,
    /// Show nothing: keep a cluster with a real node in this folder, for a test that kills what keeps it.
    #[arg(long, hide = true, value_name = "FOLDER")]
    hold_node: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    // Until the story is told, Ctrl-C breaks it off; what runs is ended either way.
    let told = tokio::select! {
        biased;
        told = tell(&args) => told,
        _ = tokio::signal::ctrl_c() => Err(anyhow!("stopped by Ctrl-C")),
    };
    match told {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("demo failed: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn tell(args: &Args) -> Result<()> {
    if let Some(folder) = &args.hold_node {
        return node::hold(folder).await;
    }
    let started = Instant::now();
    transcript::begin();
    let mut folder = Folder::create("demo")?;
    let mut world = World::start(folder.path()).await?;
    story::tell(&mut world).await?;
    println!("\ndemo passed in {:.0} s", started.elapsed().as_secs_f64());
    let oneshot = std::env::var("ONESHOT").is_ok_and(|value| value == "1") || !std::io::stdout().is_terminal();
    if args.keep || !oneshot {
        world.explain();
        tokio::signal::ctrl_c().await.context("waiting for Ctrl-C")?;
        println!("\nstopping");
    }
    drop(world);
    folder.succeed();
    Ok(())
}
