//! A cluster with a real node joins by the one command that is printed, and a real Pod says the message.

use std::time::Duration;

use anyhow::{Result, ensure};
use windlass_tests::message;
use windlass_tests::registration::register;
use windlass_tests::wait::wait_for;

use super::{application, arrives, publish};
use crate::node::{RealCluster, Site};
use crate::transcript::{chapter, command, fact, windlass};
use crate::world::World;

const CLUSTER: &str = "ap-1";
const ENVIRONMENT: &str = "testing";
const SOON: Duration = Duration::from_secs(60);

/// Tells it, and gives the cluster back, which goes on.
pub(crate) async fn tell(world: &World, site: Site) -> Result<RealCluster> {
    chapter("A cluster with a real node joins by one command");
    let real = site.ready().await?;
    fact(&format!("it was up in {:.1} s: kubelet, containerd and runc run its Pods", real.took.as_secs_f64()));
    joins(world, &real).await?;

    chapter("A Pod says the message");
    let mut files: Vec<(String, String)> = message::application("hello")
        .into_iter()
        .map(|(file, manifest)| (format!("{ENVIRONMENT}/{file}"), manifest.to_yaml()))
        .collect();
    files.push((
        format!("{ENVIRONMENT}/namespace.yaml"),
        windlass_tests::manifest::namespace(super::NAMESPACE).to_yaml(),
    ));
    files.push((format!("apps/{ENVIRONMENT}.yaml"), application(ENVIRONMENT, &world.repo_url)));
    let commit = publish(world, &files, "Say hello on real nodes").await?;
    let file = world.repo.work_area().join(format!("apps/{ENVIRONMENT}.yaml")).display().to_string();
    windlass(&world.cli, &["app", "apply", "-f", &file]).await?;
    arrives(world, &format!("message-{ENVIRONMENT}"), &commit).await?;
    says(&real, "hello").await?;

    let files = [(format!("{ENVIRONMENT}/configmap.yaml"), message::configmap("good evening").to_yaml())];
    let commit = publish(world, &files, "Say good evening on real nodes").await?;
    arrives(world, &format!("message-{ENVIRONMENT}"), &commit).await?;
    let said = message::served(real.node.address()).await?;
    ensure!(said == "hello", "the Pod was restarted by nobody, and says {said:?}");
    fact("the ConfigMap is new, and the Pod still says hello: it read the message when it started");
    let name = format!("message-{ENVIRONMENT}");
    let restart = ["app", "actions", "run", &name, "restart", "--kind", "Deployment", "--resource-name", "message"];
    windlass(&world.cli, &restart).await?;
    says(&real, "good evening").await?;
    windlass(&world.cli, &["app", "logs", &name, "--kind", "Deployment", "--name", "message", "--tail", "3"]).await?;
    Ok(real)
}

async fn joins(world: &World, real: &RealCluster) -> Result<()> {
    let arguments = [CLUSTER, "--label", &format!("env={ENVIRONMENT}"), "--image", real.agent_image()];
    let registration = register(&world.cli, &real.plane, &arguments).await?;
    command(&format!("windlass cluster add {}", arguments.join(" ")), "");
    command(&registration.command, registration.applied.trim_end());
    for line in registration.stages.lines() {
        println!("{line}");
    }
    fact(&format!(
        "{CLUSTER} was registered and verified in sync {:.1} s after the command was asked for",
        registration.took.as_secs_f64()
    ));
    Ok(())
}

async fn says(real: &RealCluster, text: &str) -> Result<()> {
    let address = real.node.address();
    let look = || message::served(address);
    wait_for("the Pod to say the message", SOON, look, |said| (said == text).then_some(())).await?;
    command(&format!("curl http://{address}:{}/", message::PORT), text);
    Ok(())
}
