use std::cell::RefCell;
use std::collections::BTreeMap;

use serde_json::json;

use super::*;
use crate::source::{Entry, EntryKind};

/// A tree in memory: path -> content; `->` in front makes a symbolic link.
struct Files {
    files: BTreeMap<&'static str, &'static str>,
    reads: RefCell<Reads>,
}

impl Files {
    fn of(files: &[(&'static str, &'static str)]) -> Self {
        Self { files: files.iter().copied().collect(), reads: RefCell::default() }
    }
}

impl SourceTree for Files {
    fn list(&self, directory: &TreePath) -> Result<Vec<Entry>, SourceError> {
        self.reads.borrow_mut().insert(directory.clone(), Some("tree".into()));
        let prefix = if directory.as_str().is_empty() { String::new() } else { format!("{directory}/") };
        let mut entries: BTreeMap<String, Entry> = BTreeMap::new();
        for (path, content) in &self.files {
            let Some(rest) = path.strip_prefix(prefix.as_str()) else { continue };
            let (name, kind) = match rest.split_once('/') {
                Some((name, _)) => (name, EntryKind::Directory),
                None if content.starts_with("->") => (rest, EntryKind::Symlink),
                None if *content == "submodule" => (rest, EntryKind::Submodule),
                None => (rest, EntryKind::File),
            };
            entries.insert(name.into(), Entry { name: name.into(), kind, size: content.len() as u64 });
        }
        if entries.is_empty() {
            Err(SourceError::NotFound(directory.as_str().into()))
        } else {
            Ok(entries.into_values().collect())
        }
    }

    fn read(&self, file: &TreePath, _limit: u64) -> Result<Vec<u8>, SourceError> {
        let content = self.files.get(file.as_str());
        self.reads.borrow_mut().insert(file.clone(), content.map(|_| "blob".into()));
        content.map(|c| c.as_bytes().to_vec()).ok_or_else(|| SourceError::NotFound(file.as_str().into()))
    }

    fn read_link(&self, link: &TreePath) -> Result<String, SourceError> {
        let target = self.files.get(link.as_str()).and_then(|content| content.strip_prefix("->"));
        target.map(|target| target.trim().to_owned()).ok_or_else(|| SourceError::NotFound(link.as_str().into()))
    }

    fn reads(&self) -> Reads {
        self.reads.borrow().clone()
    }
}

fn spec(source: serde_json::Value) -> ApplicationSpec {
    serde_json::from_value(json!({"source": source})).expect("a spec")
}

fn run(files: &[(&'static str, &'static str)], source: serde_json::Value) -> Result<Rendered, RenderError> {
    render(&Files::of(files), &spec(source), &Limits::default())
}

const A: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n";

#[test]
fn a_directory_gives_its_objects_once_each() {
    let files = [
        ("app/a.yaml", A),
        (
            "app/b.json",
            r#"{"apiVersion":"v1","kind":"List","items":[{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"b"}}]}"#,
        ),
        ("app/c.yml", "---\n# nothing\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {k: v}\n"),
        ("app/values.yaml", "replicas: 3\n"),
        ("app/README.md", "# no manifest"),
        ("app/skip.yaml", "# +argocd:skip-file-rendering\nnot: [valid"),
        ("app/deep/d.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: d}\n"),
    ];
    let names = |rendered: &Rendered| rendered.manifests.iter().map(|m| m.key.name.clone()).collect::<Vec<_>>();
    let flat = run(&files, json!({"path": "app"})).expect("renders");
    assert_eq!(names(&flat), ["a", "b"]);
    assert_eq!(flat.manifests[0].value["data"], json!({"k": "v"}), "the last one counts");
    assert_eq!(flat.repeated.len(), 1);
    assert!(flat.warnings.iter().any(|w| w.contains("app/values.yaml")));
    assert!(flat.reads.contains_key(&TreePath::parse("app").expect("a path")));
    let deep = run(&files, json!({"path": "app", "directory": {"recurse": true}})).expect("renders");
    assert_eq!(names(&deep), ["a", "b", "d"]);
}

#[test]
fn what_is_not_built_yet_is_an_error_that_names_it() {
    type Case<'a> = (&'a [(&'static str, &'static str)], serde_json::Value, &'a str);
    let cases: &[Case<'_>] = &[
        (&[("Chart.yaml", "")], json!({}), "Helm"),
        (&[("kustomization.yaml", "")], json!({}), "Kustomize"),
        (&[("a.jsonnet", "{}")], json!({}), "Jsonnet"),
        (&[("a.yaml", A)], json!({"plugin": {}}), "plugin"),
        (&[("a.yaml", A)], json!({"chart": "x"}), "Helm"),
        (&[("a.yaml", A)], json!({"helm": {}, "kustomize": {}}), "only one"),
        (&[(".argocd-source.yaml", "")], json!({}), "overrides"),
        (
            &[("a.yaml", "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: x}\n")],
            json!({}),
            "applications that render",
        ),
        (&[("a.yaml", "-> /etc/passwd")], json!({}), "symbolic link"),
    ];
    for (files, source, want) in cases {
        let error = run(files, source.clone()).expect_err(want).to_string();
        assert!(error.contains(want), "{error}");
    }
    let several = ApplicationSpec { sources: vec![Default::default(), Default::default()], ..Default::default() };
    let error = render(&Files::of(&[("a.yaml", A)]), &several, &Limits::default()).expect_err("refused");
    assert!(error.to_string().contains("2 entries"));
}

#[test]
fn hooks_waves_and_names_that_the_server_completes_are_objects_like_others() {
    const HOOK: &str =
        "apiVersion: batch/v1\nkind: Job\nmetadata: {name: j, annotations: {argocd.argoproj.io/hook: PreSync}}\n";
    const WAVE: &str =
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: b, annotations: {argocd.argoproj.io/sync-wave: '2'}}\n";
    const POD: &str = "apiVersion: v1\nkind: Pod\nmetadata: {generateName: x-}\n";
    let rendered =
        run(&[("a.yaml", A), ("h.yaml", HOOK), ("w.yaml", WAVE), ("p.yaml", POD)], json!({})).expect("rendered");
    let names: Vec<_> = rendered.manifests.iter().map(|manifest| manifest.key.name.as_str()).collect();
    assert_eq!(names, ["a", "b", "x-*", "j"]);
}

fn selected(directory: serde_json::Value) -> Vec<String> {
    const B: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\n";
    const C: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n";
    const D: &str = r#"{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "d"}}"#;
    let files = [("app/a.yaml", A), ("app/env/b.yaml", B), ("app/env/eu/c.yml", C), ("app/env/eu/d.json", D)];
    let rendered = run(&files, json!({"path": "app", "directory": directory})).expect("renders");
    rendered.manifests.into_iter().map(|manifest| manifest.key.name).collect()
}

#[test]
fn include_and_exclude_select_files_by_their_path_below_the_source() {
    let none: [&str; 0] = [];
    assert_eq!(selected(json!({"recurse": true})), ["a", "b", "c", "d"]);
    assert_eq!(selected(json!({"recurse": true, "include": "*.yaml"})), ["a", "b"], "a star crosses directories");
    assert_eq!(selected(json!({"recurse": true, "include": "{*.yml,*.json}"})), ["c", "d"]);
    assert_eq!(selected(json!({"recurse": true, "include": "env/*"})), ["b", "c", "d"]);
    assert_eq!(selected(json!({"recurse": true, "include": "env/?.yaml"})), ["b"]);
    assert_eq!(selected(json!({"recurse": true, "include": "app/*"})), none, "the source's own path is no part of it");
    assert_eq!(selected(json!({"recurse": true, "exclude": "env/eu/*"})), ["a", "b"]);
    assert_eq!(selected(json!({"recurse": true, "exclude": "[!a]*"})), ["a"]);
    assert_eq!(selected(json!({"recurse": true, "include": "env/*", "exclude": "*.json"})), ["b", "c"]);
    assert_eq!(selected(json!({"recurse": true, "include": "*", "exclude": "*"})), none, "exclude goes first");
    assert_eq!(selected(json!({"include": "*"})), ["a"], "include does not descend");
}

#[test]
fn an_include_that_takes_nothing_is_told() {
    let rendered =
        run(&[("app/a.yaml", A)], json!({"path": "app", "directory": {"include": "*.yml"}})).expect("renders");
    assert_eq!(rendered.warnings, [r#"spec.source.directory.include "*.yml" takes no file below app"#]);
}

#[test]
fn what_is_excluded_cannot_fail() {
    let files = [
        ("a.yaml", A),
        ("broken.yaml", "a: ["),
        ("link.yaml", "-> a.yaml"),
        ("x.jsonnet", "{}"),
        ("latin1.yaml", "not read"),
    ];
    let rendered = run(&files, json!({"directory": {"exclude": "{broken,link,x,latin1}.*"}})).expect("renders");
    assert_eq!(rendered.manifests.len(), 1);
    assert!(!rendered.reads.contains_key(&TreePath::parse("broken.yaml").expect("a path")), "nor is it read");
    let limits = Limits { files: 1, ..Limits::default() };
    let only = spec(json!({"directory": {"include": "a.yaml"}}));
    render(&Files::of(&files), &only, &limits).expect("what is left out does not count");
}

#[test]
fn a_malformed_glob_is_an_error_that_names_the_field() {
    for (field, directory) in
        [("include", json!({"include": "[z-a].yaml"})), ("exclude", json!({"exclude": "[".to_owned()}))]
    {
        let error = run(&[("a.yaml", A)], json!({"directory": directory})).expect_err("malformed").to_string();
        assert!(error.starts_with(&format!("spec.source.directory.{field}: the glob")), "{error}");
    }
    let long = "x".repeat(2000);
    let error = run(&[("a.yaml", A)], json!({"directory": {"include": long}})).expect_err("too long").to_string();
    assert!(error.ends_with("the glob has 2000 bytes; the limit is 1024"), "{error}");
}

#[test]
fn a_broken_file_is_named_with_its_place() {
    let error = run(&[("app/a.yaml", "a: 1\n b: [")], json!({"path": "app"})).expect_err("broken").to_string();
    assert!(error.starts_with("app/a.yaml: line 2"), "{error}");
    let error =
        run(&[("a.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {}\n")], json!({})).expect_err("broken").to_string();
    assert_eq!(error, "a.yaml, line 1: metadata.name is missing or not a non-empty string");
    let error = run(&[("a.yaml", A)], json!({"path": "nope"})).expect_err("missing").to_string();
    assert!(error.contains(r#""nope" does not exist"#), "{error}");
    assert!(run(&[("a.yaml", A)], json!({"path": "../x"})).is_err());
}

#[test]
fn a_broken_secret_is_not_quoted() {
    let broken = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData:\n  pin: !!int canary-5ecret\n";
    let error = run(&[("s.yaml", broken)], json!({})).expect_err("broken").to_string();
    assert!(error.starts_with("s.yaml: line 5") && !error.contains("canary"), "{error}");
}

#[test]
fn limits_are_named() {
    let limits = Limits { objects: 1, ..Limits::default() };
    let files = Files::of(&[("a.yaml", A), ("b.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\n")]);
    let error = render(&files, &spec(json!({})), &limits).expect_err("too many").to_string();
    assert!(error.contains("number of objects exceeds the limit of 1"), "{error}");
    let limits = Limits { bytes: 10, ..Limits::default() };
    assert!(render(&files, &spec(json!({})), &limits).is_err());
}

#[test]
fn links_inside_the_repository_are_followed_and_others_are_named() {
    let source = json!({"path": "app"});
    let link =
        |target| run(&[("shared/a.yaml", A), ("shared/b.yaml", "->a.yaml"), ("app/a.yaml", target)], source.clone());
    for target in ["->../shared/a.yaml", "->../shared/b.yaml", "->./../app/../shared/a.yaml"] {
        let rendered = link(target).expect("rendered");
        assert_eq!(rendered.manifests.len(), 1, "{target}");
        assert!(rendered.reads.contains_key(&TreePath::parse("shared/a.yaml").expect("a path")), "{target}");
    }
    for (target, words) in [
        ("->/etc/passwd", "leaves the repository"),
        ("->../../etc/passwd", "leaves the repository"),
        ("->../shared/../../x/app/a.yaml", "leaves the repository"),
        ("->a.yaml", "links follow each other"),
        ("->../shared", "where no file stands"),
        ("->../shared/none.yaml", "where no file stands"),
        ("->../none/a.yaml", "does not exist"),
    ] {
        let error = link(target).expect_err(target).to_string();
        assert!(error.contains(words), "{target}: {error}");
    }
    // What is not taken is not followed either.
    let files = [("app/a.yaml", A), ("app/out.yaml", "->/etc/passwd"), ("app/README", "->/etc/passwd")];
    assert_eq!(
        run(&files, json!({"path": "app", "directory": {"exclude": "out*"}})).expect("rendered").manifests.len(),
        1
    );
}

#[test]
fn what_git_keeps_elsewhere_is_named_and_never_taken_for_nothing() {
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12\n";
    let error = run(&[("a.yaml", pointer), ("b.yaml", A)], json!({})).expect_err("LFS").to_string();
    assert!(error.starts_with("a.yaml is kept in Git LFS"), "{error}");
    let files = [("a.yaml", A), ("lib", "submodule")];
    let recurse = |exclude: &str| run(&files, json!({"directory": {"recurse": true, "exclude": exclude}}));
    let error = recurse("").expect_err("submodule").to_string();
    assert!(error.starts_with("lib is a git submodule") && error.contains(r#"exclude "lib/*""#), "{error}");
    assert_eq!(recurse("lib/*").expect("left out").manifests.len(), 1);
    assert_eq!(recurse("lib").expect("left out").manifests.len(), 1);
    assert_eq!(run(&files, json!({})).expect("not descended into").manifests.len(), 1);
}

#[test]
fn lists_documents_and_json_are_objects() {
    let item =
        |name: &str| format!("{{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{{\"name\":\"{name}\"}}}}");
    let list = format!(
        "{{\"apiVersion\":\"v1\",\"kind\":\"List\",\"items\":[{},{{\"apiVersion\":\"v1\",\"kind\":\"ConfigMapList\",\"items\":[{}]}}]}}",
        item("c"),
        item("d")
    );
    let yaml = "---\n# nothing\n---\napiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: ConfigMap, metadata: {name: a}}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\n---\n";
    let skipped = "# +argocd:skip-file-rendering\n}{ not even YAML\n";
    let list: &'static str = Box::leak(list.into_boxed_str());
    let files = [("a.yaml", yaml), ("c.json", list), ("s.yml", skipped), ("t.txt", A), ("empty.yaml", "")];
    let rendered = run(&files, json!({})).expect("rendered");
    let names: Vec<_> = rendered.manifests.iter().map(|manifest| manifest.key.name.as_str()).collect();
    assert_eq!((names, rendered.warnings), (vec!["a", "b", "c", "d"], vec![]));
}

#[test]
fn ten_thousand_objects_are_rendered_and_fifty_megabytes_are_refused() {
    let mut text = String::new();
    for n in 0..10_000 {
        text.push_str(&format!(
            "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: c{n}}}\ndata: {{k: \"{n}\"}}\n"
        ));
    }
    let rendered = run(&[("a.yaml", Box::leak(text.into_boxed_str()))], json!({})).expect("rendered");
    assert_eq!(rendered.manifests.len(), 10_000);

    let half: &'static str = Box::leak(format!("{A}{}", "# comment\n".repeat(600_000)).into_boxed_str());
    let error = run(&[("a.yaml", half), ("b.yaml", half)], json!({})).expect_err("too large").to_string();
    assert_eq!(
        error,
        "the size of all manifest files, reached at b.yaml, exceeds the limit of 10485760; split the application, or raise the limit"
    );
    let error = run(&[("a.yaml", half), ("b.yaml", "->a.yaml")], json!({})).expect_err("too large").to_string();
    assert!(error.contains("reached at b.yaml"), "{error}");
    let large: &'static str = Box::leak(half.repeat(9).into_boxed_str());
    assert!(run(&[("a.yaml", large)], json!({})).expect_err("too large").to_string().contains("reached at a.yaml"));
}

#[test]
fn hostile_texts_are_refused_by_name() {
    let mut bomb = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
    for n in 1..12 {
        let before = vec![format!("*a{}", n - 1); 10].join(",");
        bomb.push_str(&format!("a{n}: &a{n} [{before}]\n"));
    }
    let nested = format!("{A}data: {}1{}\n", "[".repeat(10_000), "]".repeat(10_000));
    let endings = [bomb, nested, format!("{A}spec: {{n: .nan}}\n"), format!("{A}spec: {{n: -.inf}}\n")];
    for text in endings {
        let shown: String = text.chars().take(60).collect();
        let error = run(&[("a.yaml", Box::leak(text.into_boxed_str()))], json!({})).expect_err(&shown).to_string();
        assert!(error.starts_with("a.yaml: line "), "{shown}: {error}");
    }
    let twice = format!("{A}data: {{k: one, k: two}}\n");
    let rendered = run(&[("a.yaml", Box::leak(twice.into_boxed_str()))], json!({})).expect("rendered");
    assert_eq!(rendered.manifests[0].value["data"], json!({"k": "two"}), "as kubectl has it");
    let [warning] = rendered.warnings.as_slice() else { panic!("{:?}", rendered.warnings) };
    assert!(warning.starts_with("a.yaml, line 4") && warning.contains("stands twice"), "{warning}");
}
