//! Values of Secrets are nowhere but in git, the cluster and what is sealed: in no answer, no line of a log, no file.

use anyhow::{Context as _, Result, ensure};
use reqwest::Method;
use serde_json::{Value, json};
use windlass_tests::app::{App, Destination, Policy, SOON, has_condition, message_application};
use windlass_tests::fleet::Fleet;
use windlass_tests::invariants;
use windlass_tests::manifest::{self, Manifest};
use windlass_tests::wait::wait_for;

use super::stage::{EU, US, cli, planes};

/// By way of git, by hand, of `kubectl apply`, of a file of a person's, and of manifests that cannot be read or applied.
const GIT: &str = "canary-of-git-41c7";
const HAND: &str = "canary-by-hand-93b2";
const KUBECTL: &str = "canary-of-kubectl-7d10";
const LOCAL: &str = "canary-of-a-file-58e4";
const UNREADABLE: &str = "canary-unreadable-6f21";
const REFUSED: &str = "canary-refused-2a9c";
const ALL: [&str; 6] = [GIT, HAND, KUBECTL, LOCAL, UNREADABLE, REFUSED];

const SECRET: (&str, &str, &str) = ("v1", "Secret", "password");

/// Scripts that tell what they see in every way that they have.
const HEALTH: &str = "if obj.metadata.name == 'password' then error(obj.data.password .. obj.data.user) end
return {status = 'Degraded', message = obj.data.password}";
const ACTIONS: &str = r#"
discovery.lua: |
  actions = {}
  for i, name in ipairs({"tell", "spoil", "misname"}) do
    actions[name] = {}
  end
  if obj.data.password ~= nil then
    actions["is-" .. obj.data.password] = {}
  end
  return actions
definitions:
- name: tell
  action.lua: |
    error("it is " .. obj.data.password)
- name: spoil
  action.lua: |
    obj.data.password = obj.data.password .. "!"
    return obj
- name: misname
  action.lua: |
    return {{operation = "create", resource = {apiVersion = "v1", kind = "ConfigMap", metadata = {name = obj.data.password}}}}
"#;

pub(crate) async fn values_of_secrets_are_nowhere() -> Result<()> {
    let [eu, us] = planes().await?;
    let fleet = Fleet::start("canaries", &[(EU, eu), (US, us)]).await?;
    for canary in ALL {
        fleet.api().ledger().never_show(canary);
    }
    let (folder, cli) = cli(&fleet, "canaries-cli").await?;
    let mut app = App::new(&fleet, "canaries", Destination::Everywhere, Policy::Manual).await?;
    let (member, name) = (fleet.member(EU)?, app.name().to_owned());

    // One was there before, with all that `kubectl apply` leaves in it.
    member.objects.apply(&manifest::namespace(&name), "somebody").await?;
    let file = folder.path().join("there.yaml");
    let there = manifest::secret("there", &[("password", KUBECTL)]).in_namespace(&name);
    std::fs::write(&file, there.to_yaml())?;
    let applied = member.plane.kubectl(&["apply", "-f", &file.display().to_string()]).await?;
    ensure!(applied.success, "{applied:?}");

    let mut files = message_application("hello");
    files.push(("secret.yaml", manifest::secret("password", &[("password", GIT), ("user", "reader")])));
    files.push(("there.yaml", manifest::secret("there", &[("password", GIT)])));
    let first = app.commit(&files).await?;
    let mut manifest = app.manifest();
    manifest["spec"]["ignoreDifferences"] =
        json!([{ "kind": "Secret", "jqPathExpressions": [".data | error(.password)", ".data.user"] }]);
    fleet.api().put_application(&manifest).await?;
    app.wait_for_targets("to be on both", |targets| targets.len() == 2).await?;
    fleet.api().sync(&name, false).await?;
    app.settles_at(&first).await?;

    // Drift of every kind, and another commit that waits.
    let edit = json!({ "stringData": { "password": HAND, "added": HAND } });
    member.objects.edit(&name, SECRET, edit).await?;
    let second = app.commit(&[("secret.yaml", manifest::secret("password", &[("password", LOCAL)]))]).await?;
    app.refresh().await?;
    app.wait_for_targets("to differ", |targets| targets.iter().all(|target| target["sync"] == "OutOfSync")).await?;

    let settings = json!({
        "resource.customizations.health.Secret": HEALTH,
        "resource.customizations.actions.Secret": ACTIONS,
    });
    fleet.api().must(Method::PUT, "/api/v1/settings", Some(&settings)).await?;
    let rows = || fleet.api().resources(&name);
    wait_for("the script to have judged the Secrets", SOON, rows, |rows| {
        rows.iter().any(|row| row["kind"] == "Secret" && row["health"] == "Unknown").then_some(())
    })
    .await?;

    let local = folder.path().join("local");
    std::fs::create_dir_all(&local)?;
    std::fs::write(local.join("secret.yaml"), manifest::secret("password", &[("password", LOCAL)]).to_yaml())?;
    let local = local.display().to_string();
    let commands = commands(&name, &first, &second, &local);
    for command in &commands {
        let output = cli.run(command).await?;
        let said = format!("{}{}", output.stdout, output.stderr);
        ensure!(!said.contains("panicked") && output.code.is_some_and(|code| code <= 2), "{command:?}: {output:?}");
        nothing_in(&fleet, &format!("windlass {}", command.join(" ")), &said)?;
    }
    fleet.api().sync(&name, false).await?;
    app.wait_for_targets("to be synced", |targets| targets.iter().all(|target| target["revision"] == second.as_str()))
        .await?;

    what_cannot_be_read_or_applied(&fleet).await?;
    invariants::check(&fleet, &[]).await?;
    fleet.finish();
    Ok(())
}

/// Everything that shows objects, or that could.
fn commands<'a>(name: &'a str, first: &'a str, second: &'a str, local: &'a str) -> Vec<Vec<&'a str>> {
    let (eu, us) = (["--cluster", EU], ["--cluster", US]);
    let of_secret = ["--kind", "Secret", "--resource-name", "password"];
    vec![
        [&["app", "diff", name][..], &eu].concat(),
        [&["app", "diff", name, "-o", "json"][..], &us].concat(),
        [&["app", "diff", name, "--revision", first][..], &eu].concat(),
        [&["app", "diff", name, "--revision", second][..], &eu].concat(),
        [&["app", "diff", name, "--local", local][..], &eu].concat(),
        [&["app", "diff", name, "--against-cluster", US][..], &eu].concat(),
        [&["app", "get-resource", name, "--kind", "Secret", "-o", "json"][..], &eu].concat(),
        [&["app", "get-resource", name, "--kind", "Secret", "--show-managed-fields", "-o", "yaml"][..], &eu].concat(),
        [&["app", "tree", name, "-o", "json"][..], &eu].concat(),
        [&["app", "events", name, "--kind", "Secret"][..], &eu].concat(),
        vec!["app", "manifests", name],
        vec!["app", "manifests", name, "-o", "json"],
        vec!["app", "get", name, "-o", "json"],
        vec!["app", "resources", name, "-o", "json"],
        vec!["app", "events", name],
        vec!["app", "history", name],
        vec!["explain", name],
        vec!["operation", "list", "--app", name],
        [&["app", "actions", "list", name, "--kind", "Secret", "-o", "json"][..], &eu].concat(),
        [&["app", "actions", "run", name, "tell"][..], &of_secret, &eu].concat(),
        [&["app", "actions", "run", name, "spoil"][..], &of_secret, &eu].concat(),
        [&["app", "actions", "run", name, "misname"][..], &of_secret, &eu].concat(),
    ]
}

/// Errors that would quote their input, if they were let.
async fn what_cannot_be_read_or_applied(fleet: &Fleet) -> Result<()> {
    let to = || Destination::Cluster(EU.to_owned());
    let mut unreadable = App::new(fleet, "canaries-unreadable", to(), Policy::Automated).await?;
    let text = format!("apiVersion: v1\nkind: Secret\nmetadata:\n  name: a\nstringData:\n  password: {UNREADABLE}: [\n");
    unreadable.commit_text("broken.yaml", &text).await?;
    unreadable.create().await?;
    unreadable
        .wait_for_status("to say that it cannot be read", |seen| has_condition(seen, "ComparisonError", "broken.yaml"))
        .await?;

    let mut refused = App::new(fleet, "canaries-refused", to(), Policy::Automated).await?;
    let not_base64 = Manifest::new("v1", "Secret", "not-base64").with("data", json!({ "password": REFUSED }));
    let wrong_type = Manifest::new("v1", "Secret", "wrong-type").with("stringData", json!({ "password": [REFUSED] }));
    let no_key = manifest::secret("no-key", &[("tls.crt", REFUSED)]).with("type", json!("kubernetes.io/tls"));
    let broken = [("not-base64.yaml", not_base64), ("wrong-type.yaml", wrong_type), ("no-key.yaml", no_key)];
    refused.create().await?;
    for (file, manifest) in broken {
        let commit = refused.commit(&[(file, manifest)]).await?;
        refused.refresh().await?;
        failed(&refused, &commit, file).await?;
        refused.remove(&[file]).await?;
    }
    Ok(())
}

/// Waits until the hub, or an operation at the commit, says that something is wrong.
async fn failed(app: &App, commit: &str, file: &str) -> Result<()> {
    let wrong = |seen: &Value| {
        let operation = &seen["targets"][0]["operation"];
        let ended = *operation == Value::Null || operation["phase"] == "Failed" || operation["phase"] == "Error";
        let refused = ended && operation["revision"] == commit;
        refused || has_condition(seen, "ComparisonError", file)
    };
    app.wait_for_status(&format!("to say what is wrong with {file}"), wrong).await.map(drop)
}

fn nothing_in(fleet: &Fleet, place: &str, said: &str) -> Result<()> {
    let found = fleet.api().ledger().forbidden().into_iter().find(|canary| said.contains(canary));
    let at = found.as_ref().and_then(|canary| said.lines().find(|line| line.contains(canary)));
    ensure!(found.is_none(), "{place} printed a Secret's value: {}", at.context("a line")?);
    Ok(())
}
