//! What a person paused in the cluster: Namespaces, and everything by the agent's own Deployment.

use tokio::sync::mpsc;

use crate::observe::Pauses;
use crate::sync::input::Input;
use crate::upgrade::Upgrades;

/// Tells the engine of both, for as long as Namespaces are told of. A pause of the Deployment is one of `home`, which stops everything.
pub(super) async fn pass_on(
    mut namespaces: mpsc::Receiver<Pauses>,
    upgrades: Upgrades,
    home: String,
    inbox: mpsc::Sender<Input>,
) {
    let (mut known, mut of_deployment): (Option<Pauses>, Option<String>) = (None, None);
    loop {
        tokio::select! {
            pauses = namespaces.recv() => match pauses {
                Some(pauses) => known = Some(pauses),
                None => return,
            },
            pause = upgrades.pause_other_than(of_deployment.as_deref()) => of_deployment = pause,
        }
        // Nothing is begun before the Namespaces are known.
        let Some(mut pauses) = known.clone() else { continue };
        if let Some(why) = &of_deployment {
            pauses.entry(home.clone()).or_insert_with(|| why.clone());
        }
        if inbox.send(Input::Paused(pauses)).await.is_err() {
            return;
        }
    }
}
