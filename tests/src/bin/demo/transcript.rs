//! How the demo prints: commands as they were typed, what they printed, and each checked fact with the time since the beginning.

use std::io::IsTerminal as _;
use std::sync::LazyLock;
use std::time::Instant;

use anyhow::{Result, ensure};
use windlass_tests::cli::Cli;

static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);

/// The time of facts is since this was called first.
pub(crate) fn begin() {
    LazyLock::force(&BEGAN);
}

/// A headline.
pub(crate) fn chapter(text: &str) {
    println!("\n{}", painted("1", &format!("── {text}")));
}

/// A picture and what it shows.
pub(crate) fn picture(caption: &str, lines: &str) {
    println!("{}\n{}", painted("2", &format!("  {caption}")), lines.trim_end());
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
    println!("{} {text}", painted("32", &format!("✓ {:5.1} s", BEGAN.elapsed().as_secs_f64())));
}

/// In a terminal only, and not where colours are not wanted.
fn painted(style: &str, text: &str) -> String {
    let plain = !std::io::stdout().is_terminal() || std::env::var_os("NO_COLOR").is_some();
    if plain { text.to_owned() } else { format!("\x1b[{style}m{text}\x1b[0m") }
}

/// Types a `windlass` command, which must exit 0, shows what it prints, and returns its standard output.
pub(crate) async fn windlass(cli: &Cli, arguments: &[&str]) -> Result<String> {
    exits(cli, 0, arguments).await
}

/// The same of a command that must exit with this code.
pub(crate) async fn exits(cli: &Cli, code: i32, arguments: &[&str]) -> Result<String> {
    println!("$ windlass {}", arguments.join(" "));
    let output = cli.run(arguments).await?;
    for line in output.stderr.lines().chain(output.stdout.lines()) {
        println!("{line}");
    }
    ensure!(output.code == Some(code), "windlass {} exited {:?}", arguments.join(" "), output.code);
    Ok(output.stdout)
}
