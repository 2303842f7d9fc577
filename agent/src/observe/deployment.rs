//! One Deployment, followed for as long as the process lives: a watch that nothing else depends on.

use serde_json::Value;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use windlass_domain::discovery::ApiResource;

use super::client::{Cluster, JSON};
use super::path;
use super::proofs::Proofs;
use super::stream::{Item, PAGE, Sink, Subject, follow};

/// Tells it at each change; `None` where it is gone.
struct Told {
    sender: watch::Sender<Option<Value>>,
    /// Of the LIST under way.
    listed: Option<Option<Value>>,
    /// Whether it was said that it cannot be watched.
    complained: bool,
}

/// Tells a Deployment at each change until `stop`. An agent that may not watch it says so in its log, once.
pub async fn follow_deployment(
    cluster: Cluster,
    namespace: &str,
    name: &'static str,
    sender: watch::Sender<Option<Value>>,
    stop: CancellationToken,
) {
    let resource = ApiResource {
        group: "apps".into(),
        version: "v1".into(),
        kind: "Deployment".into(),
        plural: "deployments".into(),
        namespaced: true,
    };
    let subject = Subject {
        name: "the agent's Deployment".into(),
        path: path::collection(&resource, Some(namespace)),
        selector: "",
        only: name,
        accept: (JSON, JSON),
        page: PAGE,
    };
    let told = Told { sender, listed: None, complained: false };
    follow(cluster, subject, told, Proofs::default(), stop).await;
}

impl Told {
    fn tell(&self, found: Option<Value>) {
        self.sender.send_if_modified(|known| {
            let is_new = *known != found;
            *known = found;
            is_new
        });
    }
}

impl Sink for Told {
    async fn take(&mut self, item: Item) {
        match item {
            Item::Listing => self.listed = Some(None),
            Item::Object(object) => match &mut self.listed {
                Some(listed) => *listed = Some(*object),
                None => self.tell(Some(*object)),
            },
            Item::Deleted(_) => self.tell(None),
            Item::Listed => {
                if let Some(found) = self.listed.take() {
                    self.tell(found);
                }
            }
            Item::Live => self.complained = false,
            Item::Stale(reason) => {
                if !std::mem::replace(&mut self.complained, true) {
                    tracing::warn!(
                        reason,
                        "the agent's own Deployment cannot be watched: a pause or an upgrade there is not seen"
                    );
                }
            }
        }
    }
}
