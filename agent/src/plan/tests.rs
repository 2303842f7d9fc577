use clap::Parser as _;
use serde_json::Value;

use super::{PlanArgs, planned};
use crate::args::{Args, Command};

const MANIFESTS: &str = "\
apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: ConfigMap, metadata: {name: settings}, data: {a: b}}
- apiVersion: apps/v1
  kind: Deployment
  metadata: {name: web, annotations: {argocd.argoproj.io/sync-wave: '1'}}
---
apiVersion: batch/v1
kind: Job
metadata: {generateName: migrate-, annotations: {argocd.argoproj.io/hook: PreSync}}
---
apiVersion: batch/v1
kind: Job
metadata: {name: smoke, annotations: {helm.sh/hook: post-upgrade, helm.sh/hook-weight: '3'}}
---
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: example.com/v1
kind: Widget
metadata: {name: one, annotations: {argocd.argoproj.io/sync-wave: '-5'}}
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com}
spec: {group: example.com, scope: Cluster, names: {kind: Widget}}
";

/// Runs the command line over files.
fn run(files: &[(&str, &str)], arguments: &[&str]) -> Result<String, String> {
    let directory = tempfile::tempdir().expect("a directory");
    for (name, text) in files {
        std::fs::write(directory.path().join(name), text).expect("a file");
    }
    let path = |name: &str| directory.path().join(name).display().to_string();
    let arguments = arguments.iter().map(|word| word.strip_prefix('@').map_or_else(|| (*word).to_owned(), path));
    let line = ["windlass-agent".to_owned(), "plan".to_owned()].into_iter().chain(arguments);
    let args = Args::try_parse_from(line).map_err(|error| error.to_string())?;
    let Some(Command::Plan(args)) = args.command else { return Err("not a plan".into()) };
    let here = format!("{}/", directory.path().display());
    let args: PlanArgs = args;
    planned(&args).map_err(|error| error.to_string().replace(&here, ""))
}

/// `phase wave action kind name` of each line.
fn order(printed: &str) -> Vec<String> {
    let line = |line: &str| {
        let value: Value = serde_json::from_str(line).expect("an object a line");
        let text = |pointer: &str| value.pointer(pointer).and_then(Value::as_str).expect(pointer).to_owned();
        let wave = value["wave"].as_i64().expect("a wave");
        assert!(!text("/reason").is_empty() && value["key"]["group"].is_string());
        format!(
            "{} {wave} {} {} {}/{}",
            text("/phase"),
            text("/action"),
            text("/key/kind"),
            text("/key/namespace"),
            text("/key/name")
        )
    };
    printed.lines().map(line).collect()
}

#[test]
fn manifests_are_planned_in_order_without_a_cluster() {
    let printed = run(&[("a.yaml", MANIFESTS)], &["-f", "@a.yaml", "-o", "json", "-n", "shop"]).expect("a plan");
    assert_eq!(
        order(&printed),
        [
            "PreSync 0 apply Namespace /shop",
            "PreSync 0 hook Job shop/migrate-0000000000-presync",
            "Sync -5 apply CustomResourceDefinition /widgets.example.com",
            "Sync -5 apply Widget /one",
            "Sync 0 apply ConfigMap shop/settings",
            "Sync 1 apply Deployment shop/web",
            "PostSync 3 hook Job shop/smoke",
        ]
    );
}

#[test]
fn what_the_cluster_has_is_compared_and_pruned() {
    let live = "\
apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: ConfigMap, metadata: {name: settings, namespace: shop, uid: u1, resourceVersion: '7'}, data: {a: b, c: d}}
- {apiVersion: v1, kind: ConfigMap, metadata: {name: old, namespace: shop, annotations: {argocd.argoproj.io/sync-wave: '2'}}}
- {apiVersion: v1, kind: Secret, metadata: {name: older, namespace: shop}}
- {apiVersion: v1, kind: ConfigMap, metadata: {name: kept, namespace: shop, annotations: {argocd.argoproj.io/sync-options: Prune=false}}}
- {apiVersion: v1, kind: ConfigMap, metadata: {name: asked, namespace: shop, annotations: {argocd.argoproj.io/sync-options: Prune=confirm}}}
";
    let git = "\
{apiVersion: v1, kind: ConfigMap, metadata: {name: settings}, data: {a: b}}
---
{apiVersion: v1, kind: Service, metadata: {name: web, annotations: {argocd.argoproj.io/sync-wave: '1'}}}
";
    let files = [("a.yaml", git), ("live.yaml", live)];
    let of = |more: &[&str]| {
        let arguments = [&["-f", "@a.yaml", "--live", "@live.yaml", "-o", "json", "-n", "shop"], more].concat();
        order(&run(&files, &arguments).expect("a plan"))
    };
    assert_eq!(
        of(&[]),
        [
            "Sync 0 wait ConfigMap shop/settings",
            "Sync 0 prune ConfigMap shop/old",
            "Sync 1 apply Service shop/web",
            "Sync 2 prune ConfigMap shop/asked",
            "Sync 2 prune Secret shop/older",
            "Sync 0 keep ConfigMap shop/kept",
        ]
    );
    assert_eq!(of(&["--prune=false"]), ["Sync 0 wait ConfigMap shop/settings", "Sync 1 apply Service shop/web"]);
    let last = of(&["--prune", "--sync-option", "PruneLast=true"]);
    assert_eq!(last.iter().filter(|line| line.starts_with("Sync 2 prune")).count(), 3, "{last:?}");
    assert_eq!(of(&["--resource", ":Service:web"]), ["Sync 1 apply Service shop/web"]);
}

#[test]
fn people_get_a_table() {
    let git = "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}\n";
    let printed = run(&[("a.yaml", git)], &["-f", "@a.yaml"]).expect("a plan");
    assert_eq!(
        printed,
        "PHASE  WAVE  ACTION  OBJECT               REASON\nSync   0     apply   ConfigMap default/a  missing\n"
    );
    assert_eq!(run(&[("a.yaml", git)], &["-f", "@a.yaml", "--live", "@a.yaml"]).as_deref(), Ok("nothing to do\n"));
}

#[test]
fn bad_input_is_named_with_its_file_and_line() {
    for (text, words) in [
        ("a: [\n", "a.yaml: line"),
        ("---\na: b\n", "a.yaml: line 2: the document has no apiVersion and kind"),
        ("\n\napiVersion: v1\nkind: ConfigMap\n", "a.yaml: line 3: metadata.name is missing"),
    ] {
        let error = run(&[("a.yaml", text)], &["-f", "@a.yaml"]).expect_err(words);
        assert!(error.starts_with(words), "{error}");
    }
    assert!(run(&[], &["-f", "@none.yaml"]).expect_err("no file").starts_with("none.yaml: "));
    let git = ("a.yaml", "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}\n");
    assert!(
        run(&[git], &["-f", "@a.yaml", "--sync-option", "PruneLast"])
            .expect_err("no value")
            .starts_with("--sync-option")
    );
    assert!(run(&[git], &["-f", "@a.yaml", "--resource", "web"]).is_err());
    assert!(run(&[], &[]).is_err(), "manifests are needed");
}
