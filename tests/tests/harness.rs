//! Each part of the harness does what scenarios count on.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]

#[path = "harness/charts.rs"]
mod charts;
#[path = "harness/deploy.rs"]
mod deploy;

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::api::{ListParams, Patch, PatchParams, PostParams};
use kube::{Api, Client};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use windlass_tests::control_plane::{AuditMark, ControlPlane, ControlPlaneOptions, client_of};
use windlass_tests::fault_proxy::{Fault, FaultProxy};
use windlass_tests::git_server::{Credentials, GitServer, Repo};
use windlass_tests::manifest::{self, Manifest};
use windlass_tests::postgres::Postgres;
use windlass_tests::process::Process;
use windlass_tests::wait::{wait_for, wait_until};

const SOON: Duration = Duration::from_secs(30);

async fn apply(client: &Client, manifests: &[Manifest]) -> Result<()> {
    for manifest in manifests {
        let object: kube::api::DynamicObject = serde_json::from_value(manifest.to_json())?;
        let types = object.types.clone().unwrap();
        let (group, version) = types.api_version.rsplit_once('/').unwrap_or(("", &types.api_version));
        let kind = kube::api::GroupVersionKind::gvk(group, version, &types.kind);
        let (resource, _) = kube::discovery::pinned_kind(client, &kind).await?;
        let api: Api<kube::api::DynamicObject> = match &object.metadata.namespace {
            Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
            None => Api::all_with(client.clone(), &resource),
        };
        let name = object.metadata.name.clone().unwrap();
        api.patch(&name, &PatchParams::apply("harness").force(), &Patch::Apply(&object)).await?;
    }
    Ok(())
}

async fn deployment_becomes_available(client: &Client, namespace: &str, name: &str) -> Result<()> {
    let api: Api<Deployment> = Api::namespaced(client.clone(), namespace);
    let status = || async { Ok(api.get(name).await?.status) };
    wait_for("the deployment to be available", SOON, status, |status| {
        (status.as_ref()?.available_replicas? == 3).then_some(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_control_planes_start_at_once_and_run_pods() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (one, two) = (folder.path().join("one"), folder.path().join("two"));
    let started = Instant::now();
    let (one, two) = tokio::try_join!(
        ControlPlane::start(&one, ControlPlaneOptions::with_nodes(3).audited()),
        ControlPlane::start(&two, ControlPlaneOptions { audit: true, ..ControlPlaneOptions::default() }),
    )?;
    eprintln!("two clusters started in {:?}", started.elapsed());
    assert_ne!(one.url(), two.url());

    let mark = one.audit_mark()?;
    let client = client_of(&one.identity("windlass-agent", &["system:masters", "agents"])?).await?;
    let manifests = [
        manifest::namespace("shop"),
        manifest::deployment("web", 3, "registry.example/web:1").in_namespace("shop").label("tier", "front"),
        manifest::service("web", 8080).in_namespace("shop"),
        manifest::secret("web", &[("password", "hunter2")]).in_namespace("shop"),
    ];
    let started = Instant::now();
    apply(&client, &manifests).await?;
    deployment_becomes_available(&client, "shop", "web").await?;
    eprintln!("deployment available after {:?}", started.elapsed());

    let slices: Api<EndpointSlice> = Api::namespaced(client.clone(), "shop");
    wait_until("the service to have three endpoints", SOON, || async {
        let slices = slices.list(&ListParams::default()).await?.items;
        let endpoints: usize = slices.iter().flat_map(|slice| &slice.endpoints).map(Vec::len).sum();
        Ok((endpoints == 3).then_some(()))
    })
    .await?;

    let events = wait_until("the audit log to have the patch of the deployment", SOON, || async {
        let events = one.audit_by_user("windlass-agent", mark)?;
        let patched = |event: &serde_json::Value| {
            event["verb"] == "patch"
                && event["objectRef"]["resource"] == "deployments"
                && event["responseStatus"]["code"] == 201
        };
        Ok(events.iter().any(patched).then_some(events))
    })
    .await?;
    assert!(events.iter().all(|event| event["user"]["username"] == "windlass-agent"));
    assert!(events.iter().all(|event| event["user"]["groups"].as_array().unwrap().contains(&"agents".into())));
    assert!(two.audit_by_user("windlass-agent", AuditMark::default())?.is_empty());

    let listed = one.kubectl(&["get", "pods", "-n", "shop", "-o", "name"]).await?;
    assert!(listed.success && listed.stdout.lines().count() == 3, "{listed:?}");
    assert!(!two.kubectl(&["get", "namespace", "shop"]).await?.success);
    let version = one.kubectl(&["version"]).await?;
    assert!(version.stdout.contains("Server Version: v1.36."), "{version:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_control_plane_keeps_its_data_when_the_api_server_restarts() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let started = Instant::now();
    let mut cluster = ControlPlane::start(folder.path(), ControlPlaneOptions::default()).await?;
    eprintln!("one cluster without pods started in {:?}", started.elapsed());
    let client = cluster.client().await?;
    let api: Api<ConfigMap> = Api::default_namespaced(client);
    let object: ConfigMap = serde_json::from_value(manifest::configmap("kept", &[("key", "value")]).to_json())?;
    api.create(&PostParams::default(), &object).await?;
    let url = cluster.url();

    cluster.stop_apiserver()?;
    assert!(api.get("kept").await.is_err());
    let started = Instant::now();
    cluster.start_apiserver().await?;
    eprintln!("API server restarted in {:?}", started.elapsed());
    assert_eq!(cluster.url(), url);
    assert_eq!(api.get("kept").await?.data.unwrap()["key"], "value");

    cluster.freeze_apiserver()?;
    assert!(tokio::time::timeout(Duration::from_millis(500), api.get("kept")).await.is_err());
    cluster.thaw_apiserver()?;
    api.get("kept").await?;
    cluster.stop();
    Ok(())
}

#[tokio::test]
async fn processes_are_ended_and_their_output_is_kept() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let log = folder.path().join("logs/child.log");
    let mut command = Command::new("sh");
    command.args(["-c", "echo hello $WHO; sleep 1000 & wait"]).env("WHO", "you");
    let mut process = Process::spawn("child", command, &log)?;
    let tail = || async { Ok(process.log_tail(5)) };
    wait_for("the greeting", SOON, tail, |text| text.contains("hello you").then_some(())).await?;
    assert!(process.is_running());
    assert!(process.failure("is only looked at").to_string().contains("hello you"));
    let pid = process.pid();
    assert!(group_exists(pid));
    drop(process);
    assert!(!group_exists(pid));

    let mut process = Process::spawn("sleeper", sleeper(), &log)?;
    process.terminate()?;
    assert!(!process.wait_exited(SOON).await?.success());
    let mut process = Process::spawn("sleeper", sleeper(), &log)?;
    assert!(process.wait_exited(Duration::from_millis(50)).await.is_err());
    process.kill9()?;
    assert!(!process.is_running());

    let panicking = std::thread::spawn(move || {
        let process = Process::spawn("sleeper", sleeper(), &log).unwrap();
        std::panic::panic_any(process.pid());
    });
    let pid = *panicking.join().unwrap_err().downcast::<u32>().unwrap();
    assert!(!group_exists(pid));
    Ok(())
}

fn sleeper() -> Command {
    let mut command = Command::new("sleep");
    command.arg("1000");
    command
}

/// Whether anything of the group runs; what is dead and not yet reaped by init does not count.
fn group_exists(pid: u32) -> bool {
    let listed = Command::new("ps").args(["-e", "-o", "pgid=,stat="]).output().unwrap();
    let text = String::from_utf8(listed.stdout).unwrap();
    let mut processes = text.lines().filter_map(|line| line.trim().split_once(' '));
    processes.any(|(group, state)| group == pid.to_string() && !state.trim().starts_with('Z'))
}

#[tokio::test]
async fn repositories_are_served_over_https_to_who_knows_the_password() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = GitServer::start(&folder.path().join("git"), Some(Credentials::new("reader", "s3cret"))).await?;
    let repo = server.create_repo("apps").await?;
    let files = [("web/deploy.yaml", Some("kind: Deployment\n")), ("old.yaml", Some("kind: Old\n"))];
    let first = repo.publish(&files, "first").await?;
    let second = repo.publish(&[("old.yaml", None)], "second").await?;
    assert_ne!(first, second);

    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, server.ca_pem())?;
    let git = |arguments: &[&str]| {
        let mut command = tokio::process::Command::new("git");
        command.args(arguments).current_dir(folder.path()).env("GIT_SSL_CAINFO", &ca);
        command.env("GIT_TERMINAL_PROMPT", "0").env("GIT_CONFIG_GLOBAL", "/dev/null");
        async move {
            let output = command.output().await?;
            ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            Ok(String::from_utf8(output.stdout)?)
        }
    };
    assert!(git(&["ls-remote", &server.https_url("apps")]).await.is_err());
    assert!(server.take_requests().iter().all(|request| !request.authorized && request.status == 401));

    let url = server.https_url("apps").replace("https://", "https://reader:s3cret@");
    assert!(git(&["ls-remote", &url, "refs/heads/main"]).await?.starts_with(&second));
    let asked = server.take_requests();
    assert!(asked.iter().all(|request| request.is_refs_only()), "{asked:?}");
    assert_eq!(asked.last().unwrap().command, "ls-refs");
    assert_eq!(asked.last().unwrap().protocol.as_deref(), Some("version=2"));

    git(&["clone", "--quiet", &url, "clone"]).await?;
    assert!(folder.path().join("clone/web/deploy.yaml").exists() && !folder.path().join("clone/old.yaml").exists());
    assert!(server.take_requests().iter().any(|request| request.command == "fetch"));
    git(&["-c", "protocol.version=0", "clone", "--quiet", &url, "clone-v0"]).await?;
    assert!(server.take_requests().iter().any(|request| request.command == "fetch" && request.protocol.is_none()));

    // A fetch that tells of many commits is sent compressed, and a push of random bytes in chunks.
    push_much(&repo, &folder.path().join("clone"), &git).await?;
    let pushed = server.take_requests();
    assert!(pushed.iter().any(|request| request.command == "push" && request.status == 200), "{pushed:?}");

    server.fail_with(Some(http::StatusCode::BAD_GATEWAY));
    assert!(git(&["ls-remote", &url]).await.is_err());
    server.fail_with(None);
    server.set_credentials(Some(Credentials::new("reader", "rotated")));
    assert!(git(&["ls-remote", &url]).await.is_err());
    Ok(())
}

async fn push_much<F>(repo: &Repo, clone: &std::path::Path, git: &impl Fn(&[&str]) -> F) -> Result<()>
where
    F: Future<Output = Result<String>>,
{
    let random: Vec<u8> = (0..3_000_000).map(|_| rand::random()).collect();
    std::fs::write(clone.join("random.bin"), random)?;
    let clone = clone.to_str().unwrap();
    git(&["-C", clone, "add", "--all"]).await?;
    let identity = ["-c", "user.name=x", "-c", "user.email=x@windlass.test"];
    for message in 0..40 {
        let message = format!("commit {message}");
        let commit = ["-C", clone, identity[0], identity[1], identity[2], identity[3]];
        git(&[&commit[..], &["commit", "--quiet", "--allow-empty", "-m", &message]].concat()).await?;
    }
    repo.publish(&[("upstream.yaml", Some("kind: New\n"))], "upstream").await?;
    git(&["-C", clone, "fetch", "--quiet", "origin"]).await?;
    git(&["-C", clone, "push", "--quiet", "origin", "HEAD:refs/heads/other"]).await.map(drop)
}

#[tokio::test]
async fn a_rewritten_history_is_forced() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let repo = Repo::create(folder.path(), "apps").await?;
    let first = repo.publish(&[("a.yaml", Some("a: 1\n"))], "first").await?;
    repo.tag("v1").await?;
    repo.publish(&[("a.yaml", Some("a: 2\n"))], "second").await?;
    repo.reset(&first).await?;
    let other = repo.commit(&[("a.yaml", Some("a: 3\n"))], "another second").await?;
    assert!(repo.push().await.is_err());
    repo.force_push().await?;
    let bare = repo.git(&["ls-remote", &repo.url()]).await?;
    assert!(bare.contains(&format!("{other}\trefs/heads/main")) && bare.contains("refs/tags/v1"), "{bare}");
    Ok(())
}

#[tokio::test]
async fn postgres_survives_a_crash() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let started = Instant::now();
    let mut postgres = Postgres::start(folder.path()).await?;
    eprintln!("PostgreSQL started in {:?}", started.elapsed());
    let url = postgres.create_database("windlass").await?;
    assert_eq!(url, postgres.url("windlass"));
    postgres.query("windlass", "CREATE TABLE t (a int); INSERT INTO t VALUES (7)").await?;
    postgres.kill9()?;
    assert!(postgres.query("windlass", "SELECT 1").await.is_err());
    postgres.restart().await?;
    assert_eq!(postgres.query("windlass", "SELECT a FROM t").await?, "7");
    Ok(())
}

#[tokio::test]
async fn a_failed_wait_tells_what_was_seen() {
    let mut count = 0;
    let seen = wait_until("three", SOON, || {
        count += 1;
        async move { Ok((count == 3).then_some(count)) }
    });
    assert_eq!(seen.await.unwrap(), 3);
    let short = Duration::from_millis(50);
    let failure = wait_for("four", short, || async { Ok(3) }, |seen| (*seen == 4).then_some(())).await.unwrap_err();
    assert!(failure.to_string().contains("for four") && failure.to_string().ends_with("last saw: 3"), "{failure}");
    let failed = wait_until("luck", short, || async { Err::<Option<()>, _>(anyhow::anyhow!("no luck")) });
    assert!(failed.await.unwrap_err().to_string().contains("error: no luck"));
    let hung = wait_until("the end", short, std::future::pending::<Result<Option<()>>>).await.unwrap_err();
    assert!(hung.to_string().contains("did not return"), "{hung}");
}

#[tokio::test]
async fn the_fault_proxy_does_what_it_is_told() -> Result<()> {
    let upstream = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let proxy = FaultProxy::start(upstream.local_addr()?).await?;
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = upstream.accept().await {
            tokio::spawn(async move {
                let (mut from, mut to) = stream.split();
                tokio::io::copy(&mut from, &mut to).await
            });
        }
    });
    let mut client = tokio::net::TcpStream::connect(proxy.address()).await?;
    assert_eq!(echo(&mut client).await?, *b"ping");
    proxy.set(Fault::Delay(Duration::from_millis(100)));
    let started = Instant::now();
    echo(&mut client).await?;
    assert!(started.elapsed() >= Duration::from_millis(200));

    proxy.set(Fault::Stall);
    client.write_all(b"pong").await?;
    let mut answer = [0; 4];
    let silent = tokio::time::timeout(Duration::from_millis(200), client.read_exact(&mut answer)).await;
    assert!(silent.is_err());
    proxy.set(Fault::Pass);
    client.read_exact(&mut answer).await?;
    assert_eq!(answer, *b"pong");

    proxy.set(Fault::Reset);
    let error = client.read(&mut answer).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    proxy.set(Fault::Refuse);
    let refused = || async { Ok(tokio::net::TcpStream::connect(proxy.address()).await.map_err(|error| error.kind())) };
    let refused_kind = |seen: &Result<_, std::io::ErrorKind>| {
        (seen.as_ref().err()? == &std::io::ErrorKind::ConnectionRefused).then_some(())
    };
    wait_for("a refusal", SOON, refused, refused_kind).await?;
    proxy.set(Fault::Pass);
    let again = || async { Ok(tokio::net::TcpStream::connect(proxy.address()).await.ok()) };
    let mut client = wait_until("the proxy to listen again", SOON, again).await?;
    assert_eq!(echo(&mut client).await?, *b"ping");
    assert!(proxy.accepted() >= 2 && proxy.forwarded_bytes() >= 24);
    Ok(())
}

async fn echo(stream: &mut tokio::net::TcpStream) -> Result<[u8; 4]> {
    let mut answer = [0; 4];
    stream.write_all(b"ping").await?;
    stream.read_exact(&mut answer).await?;
    Ok(answer)
}

#[test]
fn manifests_are_readable_yaml() {
    let text = manifest::deployment("web", 2, "nginx:1.27").annotation("argocd.argoproj.io/sync-wave", "-1").to_yaml();
    let expected = "\
apiVersion: apps/v1
kind: Deployment
metadata:
  annotations:
    argocd.argoproj.io/sync-wave: \"-1\"
  name: web
spec:
  replicas: 2
  selector:
    matchLabels:
      app: web
  template:
    metadata:
      labels:
        app: web
    spec:
      containers:
        - image: nginx:1.27
          name: web
          ports:
            - containerPort: 8080
              protocol: TCP
";
    assert_eq!(text, expected);
    let odd = manifest::configmap("x", &[("a", "true"), ("b", "two\nlines"), ("c", "")]).to_yaml();
    assert!(odd.contains("a: \"true\"\n  b: \"two\\nlines\"\n  c: \"\"\n"), "{odd}");
    assert_eq!(manifest::documents(&[manifest::namespace("a"), manifest::namespace("b")]).matches("---\n").count(), 1);
}
