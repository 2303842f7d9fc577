//! The `windlass-hub` binary.

use std::process::ExitCode;

use clap::Parser as _;
use windlass_hub::app;
use windlass_hub::args::{Args, Config};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    windlass_runtime::tls::install_crypto_provider();
    let args = Args::parse();
    let result = match windlass_runtime::telemetry::init()
        .map_err(anyhow::Error::from)
        .and_then(|()| Ok(Config::try_from(args)?))
    {
        Ok(config) => app::run(config).await,
        Err(error) => Err(error),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => app::fail(&error),
    }
}
