//! What is committed under `deploy` is what the programs print.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use windlass_domain::install::{self, InstallOptions};

/// The agent's base is the function that makes install manifests, with nothing chosen. `WINDLASS_WRITE=1` writes it.
#[test]
fn the_agents_base_is_what_the_hub_prints() -> Result<()> {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/agent/base/agent.yaml"));
    let printed = install::to_yaml(&install::objects(&InstallOptions::default(), install::IMAGE, None));
    let head = "# Made by common/domain/src/install.rs: WINDLASS_WRITE=1 cargo test -p windlass-tests --test harness the_agents_base\n";
    let wanted = format!("{head}{printed}");
    if std::env::var_os("WINDLASS_WRITE").is_some() {
        std::fs::write(&path, &wanted).with_context(|| format!("writing {}", path.display()))?;
    }
    let found = std::fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    assert_eq!(
        found, wanted,
        "write it again: WINDLASS_WRITE=1 cargo test -p windlass-tests --test harness the_agents_base"
    );
    Ok(())
}

/// The hub's base names the same images and versions.
#[test]
fn the_hubs_base_names_the_agents_image() -> Result<()> {
    for file in ["hub/base/deployment.yaml", "hub/chart/values.yaml", "agent/chart/values.yaml"] {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../deploy").join(file);
        let text = std::fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
        assert!(text.contains(install::IMAGE), "{file} does not name {}", install::IMAGE);
    }
    Ok(())
}
