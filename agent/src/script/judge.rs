//! What people's own scripts and expressions say of objects, found out beside the engine: a script takes up to a second, and nobody waits for it but its object.
//!
//! One task, one object at a time, the newest state of each. A script that overran its limits rests before it is run again, so that others wait for one of its
//! tries at most.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::Value;
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;
use windlass_domain::health::{self, Health, HealthStatus};
use windlass_domain::ignore::{Ignored, Selection};
use windlass_domain::manifest::ResourceKey;
use windlass_domain::time::Timestamp;
use windlass_runtime::clock::Clock;

use super::HealthScript;
use super::jq::Jq;

/// Objects that wait with their contents; of more, only the key is kept, and they are read again when it is their turn.
const MAX_WAITING: usize = 512;
/// A script that overran is not run again for so long.
const REST: Duration = Duration::from_secs(60);
/// Scripts that rest; the installation has fewer.
const MAX_RESTING: usize = 2_000;

/// What is to be asked about an object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lens {
    /// What is ignored of it.
    pub selection: Selection,
    /// The script that says how well it does.
    pub health: Option<Arc<Script>>,
}

/// A script of the installation's settings.
#[derive(Debug, PartialEq, Eq)]
pub struct Script {
    /// What it stands under: `group/Kind`.
    pub key: String,
    /// Lua.
    pub source: String,
}

/// What was found out.
pub struct Verdict {
    /// The object.
    pub key: ResourceKey,
    /// As it was looked at; `None`: it is to be read and asked about again.
    pub object: Option<Box<Value>>,
    /// Through which lens.
    pub lens: Lens,
    /// Its ignored places, or why they are not known.
    pub ignored: Result<Ignored, String>,
    /// How well it does, where a script says so; `None`: it counts for nothing.
    pub health: Option<Health>,
}

/// Takes questions. Clones share the queue.
#[derive(Clone)]
pub struct Judge {
    inner: Arc<Inner>,
    jq: Jq,
    clock: Clock,
}

#[derive(Default)]
struct Inner {
    queue: Mutex<Queue>,
    came: Notify,
}

#[derive(Default)]
struct Queue {
    order: VecDeque<ResourceKey>,
    waiting: BTreeMap<ResourceKey, (Option<Box<Value>>, Lens)>,
    held: usize,
}

// === impl Lens ===

impl Lens {
    /// Whether somebody's own code has to run.
    pub fn runs_code(&self) -> bool {
        self.health.is_some() || !self.selection.expressions().is_empty()
    }
}

// === impl Script ===

impl Script {
    /// As `argocd-cm` calls it.
    fn name(&self) -> String {
        format!("resource.customizations.health.{}", self.key.replace('/', "_"))
    }
}

/// A script that overran, and is not run again for a while; another text under the same key is.
struct Resting {
    script: Arc<Script>,
    until: Timestamp,
    health: Health,
}

// === impl Judge ===

impl Judge {
    /// Nothing runs yet.
    pub fn new(clock: Clock) -> Self {
        Self { inner: Arc::default(), jq: Jq::new(clock.clone()), clock }
    }

    /// For whoever needs an answer at once.
    pub fn jq(&self) -> &Jq {
        &self.jq
    }

    /// Asks about an object as it is now; what was asked about it as it was before is forgotten. Never waits.
    pub fn ask(&self, key: ResourceKey, object: Box<Value>, lens: Lens) {
        self.inner.queue.lock().push(key, object, lens);
        self.inner.came.notify_one();
    }

    /// Answers until told to stop.
    pub async fn run(self, verdicts: mpsc::Sender<Verdict>, stop: CancellationToken) {
        let mut resting = BTreeMap::new();
        loop {
            let Some((key, object, lens)) = self.inner.queue.lock().pop() else {
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = self.inner.came.notified() => continue,
                }
            };
            let verdict = self.verdict(key, object, lens, &mut resting).await;
            if verdicts.send(verdict).await.is_err() {
                return;
            }
        }
    }

    async fn verdict(
        &self,
        key: ResourceKey,
        object: Option<Box<Value>>,
        lens: Lens,
        resting: &mut BTreeMap<String, Resting>,
    ) -> Verdict {
        let Some(object) = object else {
            return Verdict { key, object: None, lens, ignored: Err(String::new()), health: None };
        };
        let ignored = self.jq.ignored(&lens.selection, &object).await;
        let (object, health) = match &lens.health {
            None => {
                let health = health::assess(&object);
                (object, health)
            }
            Some(script) => self.health(script, object, resting).await,
        };
        Verdict { key, object: Some(object), lens, ignored, health }
    }

    async fn health(
        &self,
        script: &Arc<Script>,
        object: Box<Value>,
        resting: &mut BTreeMap<String, Resting>,
    ) -> (Box<Value>, Option<Health>) {
        if let Some(deletion) = health::pending_deletion(&object) {
            return (object, Some(deletion));
        }
        let now = self.clock.now();
        if let Some(rests) = resting.get(&script.key)
            && now < rests.until
            && rests.script == *script
        {
            return (object, Some(rests.health.clone()));
        }
        let (clock, running) = (self.clock.clone(), script.clone());
        let ran = tokio::task::spawn_blocking(move || {
            let judged = HealthScript::new(running.source.as_str()).judge(&object, &clock);
            (object, judged)
        });
        let Ok((object, judged)) = ran.await else {
            let health = Health::new(HealthStatus::Unknown, format!("{}: it could not be run", script.name()));
            return (Box::default(), Some(health));
        };
        let is_secret = object.get("kind").and_then(Value::as_str) == Some("Secret");
        let health = match judged {
            // What a script says of a Secret may be the secret.
            Ok(found) if is_secret => found.map(|health| Health::new(health.status, "")),
            Ok(found) => found,
            Err(error) => {
                let why = if is_secret && !error.is_limit() { "it failed".to_owned() } else { error.to_string() };
                let health = Health::new(HealthStatus::Unknown, format!("{}: {why}", script.name()));
                if error.is_limit() {
                    rest(resting, script, now + REST, &health);
                }
                Some(health)
            }
        };
        (object, health)
    }
}

fn rest(resting: &mut BTreeMap<String, Resting>, script: &Arc<Script>, until: Timestamp, health: &Health) {
    tracing::warn!("{}", health.message);
    if resting.len() >= MAX_RESTING {
        resting.clear();
    }
    resting.insert(script.key.clone(), Resting { script: Arc::clone(script), until, health: health.clone() });
}

// === impl Queue ===

impl Queue {
    fn push(&mut self, key: ResourceKey, object: Box<Value>, lens: Lens) {
        let room = self.held < MAX_WAITING;
        match self.waiting.get_mut(&key) {
            Some(waiting) if waiting.0.is_some() || !room => {
                waiting.1 = lens;
                if waiting.0.is_some() {
                    waiting.0 = Some(object);
                }
            }
            Some(waiting) => {
                self.held += 1;
                *waiting = (Some(object), lens);
            }
            None => {
                self.held += usize::from(room);
                self.order.push_back(key.clone());
                self.waiting.insert(key, (room.then_some(object), lens));
            }
        }
    }

    fn pop(&mut self) -> Option<(ResourceKey, Option<Box<Value>>, Lens)> {
        let key = self.order.pop_front()?;
        let (object, lens) = self.waiting.remove(&key).unwrap_or_default();
        self.held -= usize::from(object.is_some());
        Some((key, object, lens))
    }
}

// === impl Verdict ===

/// Says nothing of the object: it may be a Secret.
impl std::fmt::Debug for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Verdict").field("key", &self.key).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn key(name: &str) -> ResourceKey {
        ResourceKey { group: "apps".into(), kind: "Deployment".into(), namespace: "a".into(), name: name.into() }
    }

    fn lens(source: &str) -> Lens {
        let script = Script { key: "apps/Deployment".into(), source: source.into() };
        Lens { health: Some(Arc::new(script)), ..Lens::default() }
    }

    async fn judged(source: &str, object: Value) -> Option<Health> {
        let judge = Judge::new(Clock::system());
        let (send, mut receive) = mpsc::channel(1);
        judge.ask(key("web"), Box::new(object), lens(source));
        tokio::spawn(judge.run(send, CancellationToken::new()));
        receive.recv().await.expect("a verdict").health
    }

    #[tokio::test]
    async fn a_script_decides_and_one_that_fails_is_named() {
        let healthy = judged("return {status = 'Healthy', message = obj.kind}", json!({"kind": "Deployment"})).await;
        assert_eq!(healthy, Some(Health::new(HealthStatus::Healthy, "Deployment")));
        assert_eq!(judged("return nil", json!({})).await, None);
        for (source, want) in
            [("return obj.a.b", "failed"), ("return 1", "a table"), ("while true do end", "did not end")]
        {
            let health = judged(source, json!({})).await.expect("a status");
            assert_eq!(health.status, HealthStatus::Unknown);
            let named = health.message.starts_with("resource.customizations.health.apps_Deployment: ");
            assert!(named && health.message.contains(want), "{}", health.message);
        }
        let leaving = json!({"metadata": {"deletionTimestamp": "2026-11-23T10:00:00Z"}});
        let health = judged("return {status = 'Healthy'}", leaving).await.expect("a status");
        assert_eq!(health.status, HealthStatus::Progressing);
    }

    #[tokio::test]
    async fn what_a_script_says_of_a_secret_is_not_passed_on() {
        let secret = json!({"kind": "Secret", "data": {"a": "canary"}});
        for source in ["return {status = 'Healthy', message = obj.data.a}", "error(obj.data.a)"] {
            let health = judged(source, secret.clone()).await.expect("a status");
            assert!(!health.message.contains("canary"), "{}", health.message);
        }
    }

    #[test]
    fn the_newest_state_of_each_object_waits_and_no_more_than_there_is_room_for() {
        let mut queue = Queue::default();
        queue.push(key("a"), Box::new(json!(1)), Lens::default());
        queue.push(key("b"), Box::new(json!(2)), Lens::default());
        queue.push(key("a"), Box::new(json!(3)), Lens::default());
        for n in 0..MAX_WAITING {
            queue.push(key(&format!("c{n}")), Box::new(json!(n)), Lens::default());
        }
        assert_eq!(queue.held, MAX_WAITING);
        let next = |queue: &mut Queue| queue.pop().map(|(key, object, _)| (key.name, object.map(|o| *o)));
        assert_eq!(next(&mut queue), Some(("a".into(), Some(json!(3)))));
        assert_eq!(next(&mut queue), Some(("b".into(), Some(json!(2)))));
        let rest: Vec<_> = std::iter::from_fn(|| next(&mut queue)).collect();
        assert_eq!(rest.iter().filter(|(_, object)| object.is_none()).count(), 2, "they are read again");
        assert_eq!((queue.held, rest.len()), (0, MAX_WAITING));
    }
}
