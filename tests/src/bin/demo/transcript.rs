//! How the demo prints.

use anyhow::{Result, ensure};
use windlass_tests::cli::Cli;

/// A headline.
pub(crate) fn chapter(text: &str) {
    println!("\n── {text}");
}

/// A command that was typed elsewhere, and what it printed.
pub(crate) fn command(text: &str, output: &str) {
    println!("$ {text}");
    for line in output.lines() {
        println!("{line}");
    }
}

/// A checked fact.
pub(crate) fn fact(text: &str) {
    println!("✓ {text}");
}

/// Types a `windlass` command, which must exit 0, shows what it prints, and returns its standard output.
pub(crate) async fn windlass(cli: &Cli, arguments: &[&str]) -> Result<String> {
    println!("$ windlass {}", arguments.join(" "));
    let output = cli.run(arguments).await?;
    for line in output.stderr.lines().chain(output.stdout.lines()) {
        println!("{line}");
    }
    ensure!(output.code == Some(0), "windlass {} exited {:?}", arguments.join(" "), output.code);
    Ok(output.stdout)
}
