//! The charts of `deploy`, rendered by helm itself: the same objects as the Kustomize bases and `windlass cluster add`, every value documented, every wrong
//! one refused.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use windlass_domain::install::{self, InstallOptions, Profile};
use windlass_tests::control_plane::Assets;
use windlass_tests::helm::helm;

/// By kind, namespace and name.
type Objects = BTreeMap<String, Value>;

const AGENT: (&str, &str) = ("agent", "windlass-system");
const HUB: (&str, &str) = ("hub", "windlass");

/// What may be chosen of a chart, and what must then be in it, for each value but those whose change is a difference of its own below.
const SHOWN: [(&str, &str, &str); 23] = [
    ("agent", "join=some-text", r#"join.json: "some-text""#),
    ("agent", "joinSecret=mine", "--join-secret=mine"),
    ("agent", "serviceAccount=writer,profile=impersonate", "--impersonate=writer"),
    ("agent", "image=mirror.test:5000/agent:2", "image: mirror.test:5000/agent:2"),
    ("agent", "imagePullPolicy=Always", "imagePullPolicy: Always"),
    ("agent", "resources.limits.memory=1Gi", "memory: 1Gi"),
    ("agent", "resources.requests.cpu=20m", "cpu: 20m"),
    ("hub", "image=mirror.test:5000/hub:2", "image: mirror.test:5000/hub:2"),
    ("hub", "imagePullPolicy=Never", "imagePullPolicy: Never"),
    ("hub", "pullSecrets={one}", "- name: one"),
    ("hub", "agentImage=mirror.test/agent:2", "value: mirror.test/agent:2"),
    ("hub", "host=hub.test", "value: https://hub.test:8443"),
    ("hub", "agentsHost=agents.test", "value: agents.test:8444"),
    ("hub", "apiPort=443,host=hub.test", "value: https://hub.test:443"),
    ("hub", "agentsPort=9444,host=hub.test", "value: hub.test:9444"),
    ("hub", "names={new.test,10.0.0.1}", "- --name=10.0.0.1"),
    ("hub", "serviceAnnotations.cloud\\.test/kind=internal", "cloud.test/kind: internal"),
    ("hub", "ingress.className=inner,expose=Ingress,host=a.test,agentsHost=b.test", "ingressClassName: inner"),
    (
        "hub",
        "ingress.annotations.through=yes-please,expose=Ingress,host=a.test,agentsHost=b.test",
        "through: yes-please",
    ),
    ("hub", "volume.size=20Gi", "storage: 20Gi"),
    ("hub", "volume.className=fast", "storageClassName: fast"),
    ("hub", "resources.limits.memory=4Gi", "memory: 4Gi"),
    ("hub", "resources.requests.cpu=1", "cpu: 1"),
];

/// Values whose effect is compared with a base, a component or a manifest of the command line.
const COMPARED: [(&str, &str); 9] = [
    ("agent", "profile"),
    ("agent", "namespaces"),
    ("agent", "replicas"),
    ("agent", "pullSecrets"),
    ("agent", "networkPolicy"),
    ("hub", "expose"),
    ("hub", "storeSecret"),
    ("hub", "inCluster"),
    ("hub", "networkPolicy"),
];

/// What no type of a single value forbids, and the words that name it.
const REFUSED: [(&str, &str, &str); 12] = [
    ("agent", "profile=everything", "/profile"),
    ("agent", "profile=namespaces", "/namespaces"),
    ("agent", "namespaces={a}", "/namespaces"),
    ("agent", "profile=namespaces,namespaces={A}", "/namespaces/0"),
    ("agent", "replicas=3", "/replicas"),
    ("agent", "image=", "/image"),
    ("agent", "bogus=1", "bogus"),
    ("hub", "expose=Ingress", "/host"),
    ("hub", "expose=NodePort", "/expose"),
    ("hub", "apiPort=0", "/apiPort"),
    ("hub", "volume.size=lots", "/volume/size"),
    ("hub", "volume.sise=10Gi", "sise"),
];

fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy")
}

async fn render((chart, namespace): (&str, &str), values: &[&str]) -> Result<String> {
    let chart = deploy().join(chart).join("chart").display().to_string();
    let set: Vec<&str> = values.iter().flat_map(|value| ["--set", *value]).collect();
    helm(&[&["template", "release", &chart, "--namespace", namespace][..], &set].concat()).await
}

async fn chart(chart: (&str, &str), values: &[&str]) -> Result<Objects> {
    by_name(&documents(&render(chart, values).await?)?)
}

async fn kustomized(folder: &Path) -> Result<Objects> {
    let mut kubectl = tokio::process::Command::new(Assets::find().await?.kubectl);
    let output = kubectl.arg("kustomize").arg(folder).kill_on_drop(true).output().await.context("running kubectl")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "kubectl kustomize {}: {said}", folder.display());
    ensure!(said.trim().is_empty(), "kubectl kustomize {} warns: {said}", folder.display());
    by_name(&documents(&String::from_utf8(output.stdout)?)?)
}

/// A copy of `deploy` with an overlay beside it.
async fn overlaid(resources: &str, components: &str) -> Result<Objects> {
    let folder = tempfile::tempdir()?;
    let copied = std::process::Command::new("cp").arg("-r").arg(deploy()).arg(folder.path().join("deploy")).status()?;
    ensure!(copied.success(), "cp: {copied}");
    let overlay = folder.path().join("overlay");
    std::fs::create_dir(&overlay)?;
    let of = |name: &str| json!([format!("../deploy/{name}")]);
    let text = json!({
        "apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization",
        "resources": of(resources), "components": of(components),
    });
    std::fs::write(overlay.join("kustomization.yaml"), text.to_string())?;
    kustomized(&overlay).await
}

fn documents(text: &str) -> Result<Vec<Value>> {
    let read = windlass_yaml::documents_strict(text, &windlass_yaml::Limits::default())?;
    Ok(read.into_iter().map(|document| document.value).collect())
}

fn by_name(objects: &[Value]) -> Result<Objects> {
    let mut named = Objects::new();
    for object in objects {
        let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let key = format!("{} {}/{}", text("/kind"), text("/metadata/namespace"), text("/metadata/name"));
        ensure!(named.insert(key.clone(), object.clone()).is_none(), "{key} is there twice");
    }
    Ok(named)
}

/// Without namespaces, which helm makes itself or finds.
fn without_namespaces(mut objects: Objects) -> Objects {
    objects.retain(|key, _| !key.starts_with("Namespace "));
    objects
}

/// Of the hub's base and its overlays: without the agent that comes along, which helm installs by itself.
fn without_agent(objects: Objects) -> Objects {
    let mut objects = without_namespaces(objects);
    objects.retain(|key, _| !key.ends_with("windlass-agent"));
    objects
}

fn same(found: &Objects, wanted: &Objects, what: &str) -> Result<()> {
    let keys = |objects: &Objects| objects.keys().cloned().collect::<Vec<_>>();
    ensure!(keys(found) == keys(wanted), "{what}: {:#?} and not {:#?}", keys(found), keys(wanted));
    for (key, object) in found {
        ensure!(object == &wanted[key], "{what}: {key} is {object:#} and not {:#}", wanted[key]);
    }
    Ok(())
}

fn printed(options: &InstallOptions, join: Option<&Value>) -> Result<Objects> {
    by_name(&install::objects(options, install::IMAGE, join))
}

#[tokio::test]
async fn the_agents_chart_is_what_the_command_line_prints() -> Result<()> {
    let namespaces = ["team-a", "team-b"].map(str::to_owned).to_vec();
    for (values, options) in [
        (&[][..], InstallOptions::default()),
        (&["replicas=2"], InstallOptions { replicas: Some(2), ..InstallOptions::default() }),
        (
            &["pullSecrets={one,two}"],
            InstallOptions { pull_secrets: vec!["one".into(), "two".into()], ..InstallOptions::default() },
        ),
        (&["profile=impersonate"], InstallOptions { profile: Profile::Impersonate, ..InstallOptions::default() }),
        (
            &["profile=impersonate", "serviceAccount=writer"],
            InstallOptions {
                profile: Profile::Impersonate,
                service_account: Some("writer".into()),
                ..InstallOptions::default()
            },
        ),
        (
            &["profile=namespaces", "namespaces={team-a,team-b}"],
            InstallOptions {
                profile: Profile::Namespaces,
                namespaces: namespaces.clone(),
                ..InstallOptions::default()
            },
        ),
    ] {
        let wanted = without_namespaces(printed(&options, None)?);
        same(&chart(AGENT, values).await?, &wanted, &format!("the agent's chart with {values:?}"))?;
    }
    let wanted = without_namespaces(printed(&InstallOptions::default(), Some(&json!("a")))?);
    same(&chart(AGENT, &["join=\"a\""]).await?, &wanted, "the agent's chart with a join file")?;
    let open = chart(AGENT, &["networkPolicy=false"]).await?;
    ensure!(!open.keys().any(|key| key.starts_with("NetworkPolicy")), "{:?}", open.keys());
    Ok(())
}

#[tokio::test]
async fn the_agents_components_are_what_the_command_line_prints() -> Result<()> {
    let namespaces = ["team-a", "team-b"].map(str::to_owned).to_vec();
    for (component, options) in [
        ("agent/two-replicas", InstallOptions { replicas: Some(2), ..InstallOptions::default() }),
        ("agent/impersonate", InstallOptions { profile: Profile::Impersonate, ..InstallOptions::default() }),
        ("agent/namespaces", InstallOptions { profile: Profile::Namespaces, namespaces, ..InstallOptions::default() }),
    ] {
        same(&overlaid("agent/base", component).await?, &printed(&options, None)?, component)?;
    }
    Ok(())
}

#[tokio::test]
async fn the_hubs_chart_is_what_its_bases_are() -> Result<()> {
    let rendered = |values: &'static [&'static str]| async move {
        let mut objects = chart(HUB, values).await?;
        // Helm deletes what it made, and this holds the truth.
        let claim = objects.get_mut("PersistentVolumeClaim windlass/windlass-hub").context("a claim")?;
        let kept = claim["metadata"].as_object_mut().and_then(|metadata| metadata.remove("annotations"));
        ensure!(kept == Some(json!({"helm.sh/resource-policy": "keep"})), "helm would delete the volume");
        Ok(objects)
    };
    let base =
        |name: &'static str| async move { kustomized(&deploy().join("hub").join(name)).await.map(without_agent) };
    same(&rendered(&[]).await?, &base("base").await?, "the hub's chart")?;
    let values = &["expose=LoadBalancer", "host=hub.example"];
    same(&rendered(values).await?, &base("load-balancer").await?, "the chart with a load balancer")?;
    let values =
        &["expose=Ingress", "host=hub.example", "agentsHost=agents.hub.example", "apiPort=443", "agentsPort=443"];
    same(&rendered(values).await?, &base("ingress").await?, "the chart with an ingress")?;
    let postgres = without_agent(overlaid("hub/base", "hub/postgres").await?);
    same(&rendered(&["storeSecret=windlass-hub-store"]).await?, &postgres, "the chart with PostgreSQL")?;

    // Without its own cluster the hub has one Secret less to fill, and is told so.
    let alone = rendered(&["inCluster=false", "networkPolicy=false"]).await?;
    ensure!(
        !alone.keys().any(|key| key.contains("windlass-system") || key.starts_with("NetworkPolicy")),
        "{:?}",
        alone.keys()
    );
    ensure!(alone.contains_key("Secret windlass/windlass-hub-admin"), "{:?}", alone.keys());
    let told = alone["Deployment windlass/windlass-hub"].to_string();
    ensure!(told.contains("--without-own-cluster") && told.contains("--in-cluster"), "{told}");
    Ok(())
}

#[tokio::test]
async fn charts_pass_helms_own_lint() -> Result<()> {
    for name in ["agent", "hub"] {
        let said = helm(&["lint", "--strict", &deploy().join(name).join("chart").display().to_string()]).await?;
        ensure!(said.contains("0 chart(s) failed"), "{said}");
    }
    Ok(())
}

#[tokio::test]
async fn every_value_of_a_chart_is_documented_checked_and_used() -> Result<()> {
    for (name, namespace) in [AGENT, HUB] {
        let read = |file: &str| std::fs::read_to_string(deploy().join(name).join("chart").join(file));
        let values = read("values.yaml")?;
        let schema: Value = serde_json::from_str(&read("values.schema.json")?)?;
        let defaults = documents(&values)?;
        let defaults = defaults.first().context("no values")?;
        let (mut known, mut wrong) = (BTreeSet::new(), Vec::new());
        walk(&schema, defaults, "", &mut known, &mut wrong)?;
        undocumented(&values)?;
        for path in wrong {
            let (chart, value) = (deploy().join(name).join("chart").display().to_string(), format!("{path}=[[1]]"));
            let refused = helm(&["template", "release", &chart, "--namespace", namespace, "--set-json", &value]).await;
            let error = refused.err().with_context(|| format!("{name}: {path} may be anything"))?;
            ensure!(format!("{error:#}").contains(&format!("'/{}", path.replace('.', "/"))), "{path}: {error:#}");
        }
        let top = |value: &str| value.split(['=', '.']).next().unwrap_or_default().to_owned();
        let used = SHOWN.iter().filter(|row| row.0 == name).map(|row| top(row.1));
        let used: BTreeSet<String> =
            used.chain(COMPARED.iter().filter(|row| row.0 == name).map(|row| row.1.to_owned())).collect();
        ensure!(used == known, "{name}: tested {used:?}, there are {known:?}");
    }
    for (name, value, shown) in SHOWN {
        let place = if name == "agent" { AGENT } else { HUB };
        let text = render(place, &[value]).await?;
        ensure!(text.contains(shown), "{name} with {value} has no {shown}: {text}");
        documents(&text)?;
    }
    for (name, value, named) in REFUSED {
        let place = if name == "agent" { AGENT } else { HUB };
        let error = render(place, &[value]).await.err().with_context(|| format!("{name} takes {value}"))?;
        ensure!(format!("{error:#}").contains(named), "{name} with {value}: {error:#}");
    }
    Ok(())
}

/// The schema and the defaults name the same values, each described; maps of free keys end the walk.
fn walk(
    schema: &Value,
    defaults: &Value,
    above: &str,
    known: &mut BTreeSet<String>,
    wrong: &mut Vec<String>,
) -> Result<()> {
    let Some(properties) = schema["properties"].as_object() else { return Ok(()) };
    let given: BTreeSet<&str> = defaults.as_object().into_iter().flatten().map(|(key, _)| key.as_str()).collect();
    let named: BTreeSet<&str> = properties.keys().map(String::as_str).filter(|key| *key != "global").collect();
    ensure!(given == named, "values.yaml has {given:?} in {above:?}, the schema {named:?}");
    for key in named {
        let path = format!("{above}{key}");
        let property = &properties[key];
        if above.is_empty() {
            known.insert(key.to_owned());
            ensure!(property["description"].is_string(), "{path} is not described in the schema");
        }
        walk(property, &defaults[key], &format!("{path}."), known, wrong)?;
        wrong.push(path);
    }
    Ok(())
}

/// Each value has a comment in the line above it.
fn undocumented(values: &str) -> Result<()> {
    let mut before = "";
    for line in values.lines() {
        let top = line.starts_with(|c: char| c.is_ascii_alphabetic());
        ensure!(!top || before.trim_start().starts_with('#'), "{line:?} is not documented");
        before = line;
    }
    Ok(())
}
