//! `windlass-images`: the images of hub and agent, from built programs. `make images` runs it.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "its table is its purpose")]

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, ensure};
use clap::Parser;
use windlass_images::layout::{Layers, Written};
use windlass_images::recipe;

/// Makes OCI images of Windlass's programs without a registry, an engine or a base image.
#[derive(Debug, Parser)]
#[command(name = "windlass-images", version)]
struct Args {
    /// Where the built programs are.
    #[arg(long, default_value = "target/release", value_name = "DIR")]
    bin_dir: PathBuf,
    /// Where the images go, one file each.
    #[arg(long, default_value = "target/images", value_name = "DIR")]
    out: PathBuf,
    /// What stands before `/PROGRAM:TAG` in the images' names. By default they are what a runtime makes of the names in
    /// `deploy`, so that a node that has imported them needs no registry.
    #[arg(long, default_value = "docker.io/library", value_name = "REGISTRY")]
    prefix: String,
    /// The tag.
    #[arg(long, default_value = env!("CARGO_PKG_VERSION"), value_name = "TAG")]
    tag: String,
    /// Leave the layers uncompressed.
    #[arg(long)]
    plain: bool,
    /// The programs.
    #[arg(default_values = ["windlass-hub", "windlass-agent"], value_name = "PROGRAM")]
    programs: Vec<String>,
}

fn main() -> ExitCode {
    match make(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("windlass-images: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn make(args: &Args) -> Result<()> {
    let layers = if args.plain { Layers::Plain } else { Layers::Compressed };
    println!("{:<40} {:>9} {:>9}  digest", "image", "stored", "unpacked");
    for program in &args.programs {
        let path = args.bin_dir.join(program);
        ensure!(path.is_file(), "{} is not built", path.display());
        let name = format!("{}/{program}:{}", args.prefix, args.tag);
        let mut image = recipe::program(&path, &name, env!("CARGO_PKG_VERSION"))?;
        for missing in recipe::add_machine_data(&mut image)? {
            eprintln!("{name}: {missing}");
        }
        let Written { digest, stored, unpacked } = image.write(layers, &args.out.join(format!("{program}.tar")))?;
        println!("{name:<40} {:>9} {:>9}  {digest}", mebibytes(stored), mebibytes(unpacked));
    }
    println!(
        "in {}: `ctr -n k8s.io images import FILE`, or `skopeo copy oci-archive:FILE docker://…`",
        args.out.display()
    );
    Ok(())
}

#[allow(clippy::cast_precision_loss, reason = "for people")]
fn mebibytes(bytes: usize) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}
